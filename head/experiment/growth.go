package experiment

import (
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head/measure"
)

// slope is how the error of a head is assumed to fall with the number of rows
// that it learns from, to the power of −slope. Parametric models come to 1, and
// learning curves of many data sets to between 0.2 and 1 (Viering and Loog,
// IEEE TPAMI 45:7799, 2023); it matters little, since the steps are short.
const slope = 0.5

// growth tells, of each tested row of a cross-validation, how heads that learnt
// from fewer rows than those of the folds predict it: the fits of the folds
// inside other folds, with what the procedure that has not seen the row
// selected. A cross-validation measures heads of less than all rows, which are
// worse, and the difference to heads of fewer still tells by how much (Burman,
// Biometrika 76:503, 1989, corrects by refits of all rows). nil: there are no
// folds inside folds.
func (t *trainer) growth(o *trial) *measure.Growth {
	if len(o.tests) < 2 {
		return nil
	}
	right := make([]float64, len(t.used)) // the share of heads of fewer rows that are
	var rows [3]float64                   // that heads learn from: inside folds, in folds, all; sums over folds
	for f, held := range o.folds {
		p := o.tests[f]
		if len(p.folds) < 2 {
			return nil
		}
		for k, other := range o.tests {
			if k == f {
				continue
			}
			c := other.like(p.best)
			if c == nil {
				return nil
			}
			for _, row := range held {
				if at, ok := slices.BinarySearch(other.train, row); ok && c.right[at] {
					right[row] += 1 / float64(len(o.tests)-1)
				}
			}
		}
		n := float64(len(p.train))
		rows[0] += n * (1 - 1/float64(len(p.folds)))
		rows[1] += n
		rows[2] += float64(len(t.used))
	}
	for i, n := range rows {
		rows[i] = math.Pow(n/float64(len(o.folds)), -slope)
	}
	g := &measure.Growth{Gain: make([]float64, len(right)), Ahead: (rows[1] - rows[2]) / (rows[0] - rows[1])}
	for i, r := range o.tested.raw { // as those of fewer rows are: before frequencies and scalings
		if r.Predicted == r.Label {
			g.Gain[i] = 1
		}
		g.Gain[i] -= right[i]
	}
	return g
}

// like returns what p tried that is the most like what another procedure
// selected, with the predictions of its rows; nil: nothing is.
func (p *procedure) like(other *candidate) *candidate {
	var best *candidate
	least := math.Inf(1)
	for _, c := range p.tried {
		if c.right == nil || c.Kind != other.Kind || len(c.Params) != len(other.Params) {
			continue
		}
		away := 0.0
		for k, v := range c.Params {
			if w := other.Params[k].Value; v.Value != w {
				away += math.Abs(math.Log(v.Value / w))
			}
		}
		if away < least || best == nil {
			best, least = c, away
		}
	}
	return best
}
