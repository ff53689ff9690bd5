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
// simplest on, by the one-standard-error rule; see simplest.
func (p *procedure) compare(r *run) error {
	metric := orDefault(r.Metric, "accuracy")
	best := 0
	var outcomes [][]measure.Outcome
	for i, c := range p.bests {
		if better(metric, c.record.Score, p.bests[best].record.Score) {
			best = i
		}
		outcomes = append(outcomes, c.outcomes)
	}
	chosen, behind, err := simplest(metric, outcomes, best, len(r.classes), r.unitsOfRows(p.train))
	if err != nil {
		return err
	}
	for i, c := range p.bests {
		p.compared = append(p.compared, Compared{
			Kind: c.Kind, L2: c.record.L2, Params: c.record.Params, Score: c.record.Score, Behind: behind[i], Chosen: i == chosen,
		})
		if c.outcomes = nil; i != chosen {
			c.scores, c.start = nil, nil
		}
	}
	p.best, p.bests = p.bests[chosen], nil
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
