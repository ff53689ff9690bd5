package head

import (
	"fmt"
	"math"
)

// Contender is a model that takes part in a choice: a score, higher is better, and its standard error. A score that is no finite number is one that is not
// known, and a standard error that is none counts as 0.
type Contender struct{ Score, SE float64 }

// Contender returns how good m says that a model is by "accuracy" (""), "macro-f1" or "log-loss" (of which it is the negative). The standard error is the width of the 95 % interval over
// 2·1.96, as it is where the metric is normally distributed. Of m nil the score is not known. An unknown metric is an error.
func (m *Metrics) Contender(metric string) (Contender, error) {
	if m == nil {
		m = &Metrics{Accuracy: Estimate{Value: math.NaN()}, MacroF1: Estimate{Value: math.NaN()}, LogLoss: Estimate{Value: math.NaN()}}
	}
	var e Estimate
	sign := 1.0
	switch metric {
	case "accuracy", "":
		e = m.Accuracy
	case "macro-f1":
		e = m.MacroF1
	case "log-loss":
		e, sign = m.LogLoss, -1
	default:
		return Contender{}, fmt.Errorf("head: metric %q is none of accuracy, macro-f1, log-loss", metric)
	}
	return Contender{Score: sign * e.Value, SE: (e.High - e.Low) / (2 * normal975)}, nil
}

// Choose returns the place of the contender to take of a list that goes from the simplest to the most complex: the first whose score is at least the best one's less that one's standard
// error (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed., §7.10). Of several best ones the first counts.
// It returns −1 if no score is known.
func Choose(candidates []Contender) int {
	known := func(c Contender) bool { return c.Score-c.Score == 0 }
	best := -1
	for i, c := range candidates {
		if known(c) && (best < 0 || c.Score > candidates[best].Score) {
			best = i
		}
	}
	if best < 0 {
		return -1
	}
	least := candidates[best].Score
	if se := candidates[best].SE; se > 0 && se <= math.MaxFloat64 {
		least -= se
	}
	for i, c := range candidates[:best] {
		if known(c) && c.Score >= least {
			return i
		}
	}
	return best
}
