package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head"
)

// Ordinal fits heads for one of several grades: the proportional odds model
// (McCullagh, Journal of the Royal Statistical Society B 42:109, 1980),
//
//	P(grade ≤ j | x) = sigmoid(θ_j − w·x), θ_1 < θ_2 < …
//
// On standardised features it minimises, over w and θ,
//
//	(1/N) Σ wᵢ·(−ln P(gradeᵢ | xᵢ)) + λ/2 ‖w‖²
//
// The zero value is ready to use.
type Ordinal struct {
	// L2 is λ, positive. The default 0 means 1/N.
	L2 float64
}

// Fit fits a head to rows x (n×D) with the grades y (n), of which grades are
// all, from the lowest to the highest, each once. nil means the default
// settings. A grade that no row has gets the probability 0.
//
// Errors: what NewBench refuses, rows that are not finite (head.ErrNotFinite),
// fewer than two grades with rows (a *ClassesError), a grade that is not among
// grades or twice among them, and an L2 that is not positive.
func (l *Ordinal) Fit(ctx context.Context, x head.Rows, y, grades []string, o *Settings) (*head.Head, error) {
	lambda, err := strengthOr("ordinal", l.L2, len(y))
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, len(grades))
	for i, g := range grades {
		if _, ok := place[g]; ok {
			return nil, fmt.Errorf("head/fit: ordinal: grade %q is given twice", g)
		}
		place[g] = i
	}
	t := &Targets{Task: head.Grade, K: 1, Grades: len(grades), Values: make([]float64, len(y))}
	for i, g := range y {
		k, ok := place[g]
		if !ok {
			return nil, fmt.Errorf("head/fit: ordinal: row %d: %q is none of the grades", i, g)
		}
		t.Values[i] = float64(k)
	}
	return aloneWith(ctx, strength("ordinal", lambda), slices.Clone(grades), x, t, o)
}

// cumulativeLoss is the loss of a grade, with the thresholds between the grades
// that the rows have as free parameters.
type cumulativeLoss struct {
	grades  int   // of all
	present []int // grades that the rows have, ascending
}

func (*cumulativeLoss) of(t *targetPart) (rowLoss, error) {
	found := make([]bool, t.bench.targets.Grades)
	for _, r := range t.rows {
		found[int(t.bench.targets.Values[r])] = true
	}
	l := &cumulativeLoss{grades: t.bench.targets.Grades}
	for g, in := range found {
		if in {
			l.present = append(l.present, g)
		}
	}
	if len(l.present) < 2 {
		return nil, &ClassesError{t.name, len(l.present)}
	}
	return l, nil
}

func (l *cumulativeLoss) target(t *targetPart, row, _ int) float64 {
	k, _ := slices.BinarySearch(l.present, int(t.bench.targets.Values[row]))
	return float64(k)
}

func (l *cumulativeLoss) begin(t *targetPart, _ int) (free, curvature, constant []float64) {
	g := len(l.present)
	share := make([]float64, g)
	for i, r := range t.rows {
		w := 1.0
		if t.weight != nil {
			w = t.weight[i]
		}
		share[int(l.target(t, r, 0))] += w / float64(len(t.rows))
	}
	sum := 0.0
	for _, s := range share[:g-1] {
		sum += s
		free = append(free, math.Log(sum/max(1-sum, 1e-300)))
	}
	// The second derivatives of −ln P in each threshold, without weights.
	for j, t := range free {
		s := head.Sigmoid(t) * head.Sigmoid(-t)
		h := (share[j] + share[j+1]) * s
		if j > 0 {
			q := 1 / math.Expm1(t-free[j-1])
			h += share[j] * q * (1 + q)
		}
		if j+1 < len(free) {
			q := 1 / math.Expm1(free[j+1]-t)
			h += share[j+1] * q * (1 + q)
		}
		curvature = append(curvature, h)
	}
	return free, curvature, nil
}

// row uses ln(σ(u) − σ(l)) = −softplus(−u) − softplus(l) + ln(1 − exp(l − u)),
// which does not cancel.
func (*cumulativeLoss) row(y, z, weight float64, free, slopes []float64) (loss, slope, curvature float64) {
	j := int(y)
	if j < len(free) {
		u := free[j] - z
		loss += softplus(-u)
		du := -head.Sigmoid(-u)
		if j > 0 {
			apart := free[j] - free[j-1]
			if !(apart > 0) {
				return math.Inf(1), 0, 0
			}
			q := 1 / math.Expm1(apart)
			loss -= math.Log(-math.Expm1(-apart))
			du -= q
			slopes[j-1] += weight * q
			slope -= q
		}
		slopes[j] += weight * du
		slope -= du
		curvature += head.Sigmoid(u) * head.Sigmoid(-u)
	}
	if j > 0 {
		l := free[j-1] - z
		loss += softplus(l)
		dl := head.Sigmoid(l)
		slopes[j-1] += weight * dl
		slope -= dl
		curvature += head.Sigmoid(l) * head.Sigmoid(-l)
	}
	return loss, slope, curvature
}

// unreached is a threshold that no score passes: under it lie grades below
// those that the rows have.
const unreached = 1e6

// scores repeats the weights for each threshold. One between grades of which
// the rows have none beside it is that of the last grade up to it that they
// have.
func (l *cumulativeLoss) scores(w, b, weights, free []float64) ([]float64, []float64) {
	for j := range l.grades - 1 {
		for _, v := range weights {
			w = append(w, -v)
		}
		k, found := slices.BinarySearch(l.present, j)
		if found {
			k++
		}
		switch { // k grades of the rows are at most j
		case k == 0:
			b = append(b, -unreached)
		case k == len(l.present):
			b = append(b, unreached)
		default:
			b = append(b, free[k-1])
		}
	}
	return w, b
}
