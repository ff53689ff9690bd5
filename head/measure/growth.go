package measure

import "gonum.org/v1/gonum/stat"

// Growth tells what models learn from more rows: how they predict the rows of a
// cross-validation after learning from fewer of them than the folds leave.
type Growth struct {
	// Gain holds, of each row, 1 if the model of the fold that holds it out
	// predicts it rightly, else 0, less the share of models which learnt from
	// fewer rows, and not from this one, that do: −1 to 1. All predict in the
	// same way, which that of the outcomes need not be.
	Gain []float64
	// Ahead is the gain of accuracy from the rows of a fold's model to all
	// rows, as a multiple of the gain from the fewer rows to those.
	Ahead float64
}

// growthRows is refitRows where Growth is known: the step to all rows, which is
// estimated too, has a part of that variance in it already.
const growthRows = 20

// step returns what the models gain from there to all rows, as an accuracy that
// is not negative, since more rows do not make heads worse, and how many times
// the variance of the accuracy that of the accuracy with the gain is: both of
// means over units, of rows that predict their label or not.
func (g *Growth) step(outcomes []Outcome, r *resampler) (gain, times float64) {
	n := len(outcomes)
	right, ahead := make([]float64, n), make([]float64, n)
	for i, o := range outcomes {
		if o.Predicted == o.Label {
			right[i] = 1
		}
		ahead[i] = right[i] + g.Ahead*g.Gain[i]
	}
	mean, with := stat.Mean(right, nil), stat.Mean(ahead, nil)
	units := make([][2]float64, r.units) // sums of deviations
	for i := range outcomes {
		u := &units[r.unitOf(i)]
		u[0] += right[i] - mean
		u[1] += ahead[i] - with
	}
	var before, after float64
	for _, u := range units {
		before += u[0] * u[0]
		after += u[1] * u[1]
	}
	// Of units that are not all as accurate the sum of one is 1/n at least:
	// less comes of rounding.
	if before < 0.5/float64(n)/float64(n) {
		return max(0, with-mean), 1
	}
	return max(0, with-mean), after / before
}
