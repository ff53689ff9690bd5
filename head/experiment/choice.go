package experiment

import (
	"math"

	"github.com/headstart-ml/headstart/head/measure"
)

// Choose returns which model to select from a list that goes from the simplest
// to the most complex: the first whose score is at least the best one's less
// that one's standard error (Hastie, Tibshirani and Friedman, The Elements of
// Statistical Learning, 2nd ed., §7.10). Of several best ones the first counts.
// A standard error that is no finite number counts as 0. It returns −1 if no
// score is known.
func Choose(candidates []measure.Score) int {
	known := func(c measure.Score) bool { return c.Value-c.Value == 0 }
	best := -1
	for i, c := range candidates {
		if known(c) && (best < 0 || c.Value > candidates[best].Value) {
			best = i
		}
	}
	if best < 0 {
		return -1
	}
	least := candidates[best].Value
	if se := candidates[best].SE; se > 0 && se <= math.MaxFloat64 {
		least -= se
	}
	for i, c := range candidates[:best] {
		if known(c) && c.Value >= least {
			return i
		}
	}
	return best
}
