package experiment

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/head/measure"
)

// Choose selects among models that were measured on the same validation rows,
// from the simplest on: the first that is behind the best by at most one
// standard error of the difference. The metric is one of measure.ScoreNames;
// of several best ones the first counts. behind says by how much the best is
// better than each, with that standard error, which is paired: of what each
// row, or each of the units that the first result has, adds to the difference
// (measure.GainOf).
//
// No results, a result without Validated outcomes or with those of other rows
// or classes than the first one's, and an unknown metric are errors.
func Choose(metric string, results []*Result) (chosen int, behind []measure.Gain, err error) {
	if len(results) == 0 {
		return 0, nil, fmt.Errorf("head: choose: no results are given")
	}
	var outcomes [][]measure.Outcome
	for i, r := range results {
		p, first := r.Validated, results[0].Validated
		switch {
		case p == nil || len(p.Outcomes) == 0:
			return 0, nil, fmt.Errorf("head: choose: result %d has no predictions of validation rows", i)
		case !slices.Equal(p.Rows, first.Rows) || !slices.Equal(r.Classes, results[0].Classes):
			return 0, nil, fmt.Errorf("head: choose: result %d was validated on other rows or classes than the first one", i)
		}
		outcomes = append(outcomes, p.Outcomes)
	}
	classes, units := len(results[0].Classes), results[0].Validated.Units
	best, lead := 0, 0.0
	for i := range outcomes {
		g, err := measure.GainOf(metric, outcomes[0], outcomes[i], classes, units)
		if err != nil {
			return 0, nil, err
		}
		if g.Value > lead {
			best, lead = i, g.Value
		}
	}
	return simplest(metric, outcomes, best, classes, units)
}

// simplest returns the first of several predictions of the same rows that are
// behind those of best by at most one standard error of the difference, and by
// how much each is. That is paired, since all are of the same rows (Hastie,
// Tibshirani and Friedman, The Elements of Statistical Learning, 2nd ed.,
// §7.10, has the rule).
func simplest(metric string, outcomes [][]measure.Outcome, best, classes int, units []int) (chosen int, behind []measure.Gain, err error) {
	chosen = best
	for i, o := range outcomes {
		g, err := measure.GainOf(metric, o, outcomes[best], classes, units)
		if err != nil {
			return 0, nil, err
		}
		behind = append(behind, g)
		// One row or unit that is better alone is one standard error exactly,
		// which rounding must not decide.
		if g.Value <= g.SE*(1+1e-9) {
			chosen = min(chosen, i)
		}
	}
	return chosen, behind, nil
}
