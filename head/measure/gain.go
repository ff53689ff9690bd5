package measure

import (
	"fmt"
	"math"
	"slices"
)

// Gain is by how much one of two predictions of the same rows is better, and
// the standard error of that.
type Gain struct {
	Value float64 `json:"value"`
	SE    float64 `json:"se"`
}

// GainOf returns by how much b is better than a on one of ScoreNames, so that
// of the log-loss it is how much lower that of b is. a and b are predictions of
// the same rows, of so many classes, in the same order. The standard error is
// that of the paired difference: of what each row, or where rows belong
// together each of units (the unit of each row; nil: each is one), adds to it,
// to first order (the infinitesimal jackknife; Efron, The Jackknife, the
// Bootstrap and Other Resampling Plans, 1982, chapter 6), times √(u/(u−1)) for
// u units. One unit says nothing of others: it counts as one row that deviates
// as its rows do, and the standard error is at least the difference. No rows,
// or predictions of other rows, and an unknown metric are errors.
func GainOf(metric string, a, b []Outcome, classes int, units []int) (Gain, error) {
	switch {
	case len(a) == 0:
		return Gain{}, fmt.Errorf("measure: no rows to compare")
	case len(a) != len(b) || units != nil && len(units) != len(a):
		return Gain{}, fmt.Errorf("measure: %d and %d predictions to compare, of %d units", len(a), len(b), len(units))
	}
	for i := range a {
		if a[i].Label != b[i].Label {
			return Gain{}, fmt.Errorf("measure: row %d has two labels in what is compared", i)
		}
	}
	before, of, err := influences(metric, a, classes)
	if err != nil {
		return Gain{}, err
	}
	after, to, _ := influences(metric, b, classes)
	g := Gain{Value: after - before}
	sums, rows := make([]float64, len(a)), 0.0 // by unit; over all rows
	if units != nil {
		sums = make([]float64, slices.Max(units)+1)
	}
	counted, count := make([]bool, len(sums)), 0.0
	for i := range to {
		u := i
		if units != nil {
			u = units[i]
		}
		if !counted[u] {
			counted[u] = true
			count++
		}
		v := to[i] - of[i]
		sums[u] += v
		rows += v * v
	}
	square := 0.0
	for _, v := range sums {
		square += v * v
	}
	if count > 1 {
		g.SE = math.Sqrt(square * count / (count - 1))
	} else {
		g.SE = max(math.Sqrt(rows*float64(len(a))), math.Abs(g.Value))
	}
	return g, nil
}

// influences returns a metric, higher being better, and what each row adds to
// its deviation from its expectation.
func influences(metric string, outcomes []Outcome, classes int) (value float64, of []float64, err error) {
	of = make([]float64, len(outcomes))
	n := float64(len(outcomes))
	switch metric {
	case "accuracy", "log-loss":
		for i := range outcomes {
			switch o := &outcomes[i]; {
			case metric == "log-loss":
				of[i] = -o.loss
			case o.Label == o.Predicted:
				of[i] = 1
			}
			value += of[i] / n
		}
		for i := range of {
			of[i] = (of[i] - value) / n
		}
	case "macro-f1":
		// F1 = 2·hits/(labels + predictions) of a class, and its derivative.
		t := newTally(classes)
		for i := range outcomes {
			t.add(&outcomes[i], 0)
		}
		count, share, f1 := 0.0, make([]float64, classes), make([]float64, classes)
		for k := range classes {
			if both := t.support[k] + t.predicted[k]; both > 0 {
				count++
				share[k] = 1 / float64(both)
				f1[k] = 2 * float64(t.hit[k]) * share[k]
			}
		}
		for k := range f1 {
			value += f1[k] / count
		}
		for i := range outcomes {
			y, p := outcomes[i].Label, outcomes[i].Predicted
			v := -f1[y]*share[y] - f1[p]*share[p]
			if y == p {
				v += 2 * share[y]
			}
			of[i] = v / count
		}
	default:
		return 0, nil, fmt.Errorf("measure: metric %q is none of accuracy, macro-f1, log-loss", metric)
	}
	return value, of, nil
}
