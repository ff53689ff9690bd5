package experiment

import (
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// Compared is the best head of a kind among others that were compared on the
// same folds.
type Compared struct {
	Kind   string      `json:"head"`
	L2     float64     `json:"l2"`               // 0 for kinds without one
	Params head.Params `json:"params,omitempty"` // beside λ
	// Score is the metric of the pooled out-of-fold predictions.
	Score float64 `json:"score"`
	// Behind is by how much the best of all is better, and the standard error
	// of this paired difference.
	Behind measure.Gain `json:"behind"`
	// Chosen says that it is the simplest one that is behind by at most one
	// standard error.
	Chosen bool `json:"chosen"`
}

// compare selects among the best candidates of several families, from the
// simplest on, by the one-standard-error rule: the first that is behind the
// best of all by at most one standard error of the difference. That is paired,
// since all were measured on the same rows (Hastie, Tibshirani and Friedman,
// The Elements of Statistical Learning, 2nd ed., §7.10, has the rule).
func (p *procedure) compare(r *run) error {
	metric := orDefault(r.Metric, "accuracy")
	best := p.bests[0]
	for _, c := range p.bests {
		if better(metric, c.record.Score, best.record.Score) {
			best = c
		}
	}
	units := r.unitsOfRows(p.train)
	p.best = nil
	for _, c := range p.bests {
		gain, err := measure.GainOf(metric, c.outcomes, best.outcomes, len(r.classes), units)
		if err != nil {
			return err
		}
		chosen := p.best == nil && gain.Value <= gain.SE
		if chosen {
			p.best = c
		}
		p.compared = append(p.compared, Compared{
			Kind: c.Kind, L2: c.record.L2, Params: c.record.Params, Score: c.record.Score, Behind: gain, Chosen: chosen,
		})
	}
	for _, c := range p.bests {
		if c.outcomes = nil; c != p.best {
			c.scores, c.start = nil, nil
		}
	}
	p.bests = nil
	return nil
}

// unitsOfRows returns the unit of each of rows, nil if each is one of its own.
func (t *trainer) unitsOfRows(rows []int) []int {
	if len(t.units) == len(t.used) {
		return nil
	}
	of := make([]int, len(t.used))
	for k, u := range t.units {
		for _, row := range u.rows {
			of[row] = k
		}
	}
	units := make([]int, len(rows))
	for i, row := range rows {
		units[i] = of[row]
	}
	return units
}
