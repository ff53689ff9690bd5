package fit

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head"
)

// Logistic fits heads for any of several labels: a logistic regression a label.
// On standardised features it minimises, for each label by itself,
//
//	(1/N) Σ wᵢ·ln(1 + exp(−±(w·xᵢ + b))) + λ/2 ‖w‖²
//
// with a free intercept: the objective of scikit-learn's OneVsRestClassifier of
// LogisticRegression with C = 1/(λN). The zero value is ready to use.
type Logistic struct {
	// L2 is λ, positive. The default 0 means 1/N: scikit-learn's C = 1.
	L2 float64
	// PerLabel is λ of labels that have one of their own; nil: none have.
	PerLabel map[string]float64
}

// Fit fits a head to rows x (n×D) with the labels y (n), of which a row may
// have any number. nil means the default settings. A label that all rows have
// gets the probability (n + ½)/(n + 1) for every row.
//
// Errors: what NewBench refuses, rows that are not finite (head.ErrNotFinite),
// no label at all, and a λ that is not positive or of a label that there is
// not.
func (l *Logistic) Fit(ctx context.Context, x head.Rows, y [][]string, o *Settings) (*head.Head, error) {
	lambda, err := strengthOr("logistic", l.L2, len(y))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, labels := range y {
		for _, label := range labels {
			seen[label] = true
		}
	}
	names := slices.Sorted(maps.Keys(seen))
	if len(names) == 0 {
		return nil, fmt.Errorf("head/fit: logistic: no row has a label")
	}
	c := strength("logistic", lambda)
	if l.PerLabel != nil {
		c.Columns = slices.Repeat([]float64{lambda}, len(names))
	}
	for label, own := range l.PerLabel {
		k, ok := slices.BinarySearch(names, label)
		if !ok || !(own > 0 && own <= math.MaxFloat64) {
			return nil, fmt.Errorf("head/fit: logistic: λ of %q is %v: there is no such label, or it is not positive", label, own)
		}
		c.Columns[k] = own
	}
	t := &Targets{Task: head.AnyOf, K: len(names), Values: LabelValues(y, names)}
	return aloneWith(ctx, c, names, x, t, o)
}

// LabelValues returns the targets of rows with lists of labels, of which names,
// sorted by bytes, are known: n×len(names), 1 where a row has the label.
func LabelValues(y [][]string, names []string) []float64 {
	values := make([]float64, len(y)*len(names))
	for i, labels := range y {
		for _, label := range labels {
			if k, ok := slices.BinarySearch(names, label); ok {
				values[i*len(names)+k] = 1
			}
		}
	}
	return values
}

// sigmoidLoss is the loss of a label, with its intercept as the free parameter.
type sigmoidLoss struct{}

func (s *sigmoidLoss) of(*targetPart) (rowLoss, error) { return s, nil }

func (*sigmoidLoss) target(t *targetPart, row, column int) float64 {
	return t.bench.targets.row(row)[column]
}

func (s *sigmoidLoss) begin(t *targetPart, column int) (free, curvature, constant []float64) {
	n, have, some, none := float64(len(t.rows)), 0.0, false, false
	for i, r := range t.rows {
		w := 1.0
		if t.weight != nil {
			w = t.weight[i]
		}
		y := s.target(t, r, column)
		have += w * y
		some, none = some || y > 0, none || y == 0
	}
	if !some || !none {
		if none {
			have = 0
		} else {
			have = n
		}
		return nil, nil, []float64{math.Log((have + 0.5) / (n - have + 0.5))}
	}
	rate := have / n
	return []float64{math.Log(rate / (1 - rate))}, []float64{rate * (1 - rate)}, nil
}

func (*sigmoidLoss) row(y, z, weight float64, free, slopes []float64) (loss, slope, curvature float64) {
	z += free[0]
	p := head.Sigmoid(z)
	slope = p - y
	slopes[0] += weight * slope
	return softplus(z) - y*z, slope, p * (1 - p)
}

func (*sigmoidLoss) scores(w, b, weights, free []float64) ([]float64, []float64) {
	return append(w, weights...), append(b, free...)
}

// softplus returns ln(1 + exp(z)).
func softplus(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }
