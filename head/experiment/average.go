package experiment

import (
	"context"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/measure"
)

// unlikely is how much less likely than the best one, as a logarithm, a
// strength is that no longer takes part in an average.
const unlikely = 10

// Averaged is a strength that takes part in the average of Settings.L2Average.
type Averaged struct {
	L2     float64 `json:"l2"`
	Weight float64 `json:"weight"` // they add up to 1
}

// member is a strength that may take part in an average.
type member struct {
	fit.Candidate
	temperature float64 // of its out-of-fold scores by themselves
	scores      []float64
	loss        float64 // −ln of the likelihood of the rows, out of fold, at that temperature
	weight      float64
	start       *fit.Start
}

// checkAverage tells whether the strengths of a kind can be averaged.
func (t *trainer) checkAverage() error {
	if !t.L2Average {
		return nil
	}
	if len(t.families) == 1 {
		if _, all := t.families[0].Path(fit.Grid{Points: t.L2Points, L2: t.L2}); all[0].Params.Value(head.L2) > 0 {
			return nil
		}
	}
	return fmt.Errorf("head: settings: strengths are averaged of one kind of head that has them; %q has none", orDefault(t.Kind, head.Kinds[0].Name))
}

// remember keeps the out-of-fold scores of a candidate for the average.
func (p *procedure) remember(r *run, c fit.Candidate, fitted []*fit.Fitted) {
	labels, k := r.labelsOf(p.train), len(r.classes)
	m := &member{Candidate: c, temperature: measure.Temperature(p.scores, labels, k), scores: append([]float64(nil), p.scores...), start: fit.MeanStart(fitted)}
	probabilities := make([]float64, k)
	for i, y := range labels {
		head.SoftmaxTo(probabilities, m.scores[i*k:(i+1)*k], m.temperature)
		m.loss -= math.Log(max(probabilities[y], 0x1p-52))
	}
	best := m.loss
	for _, other := range p.members {
		best = min(best, other.loss)
	}
	var kept []*member
	for _, other := range append(p.members, m) {
		if other.loss-best <= unlikely {
			kept = append(kept, other)
		}
	}
	p.members = kept
}

// average weighs the members by their likelihood, and makes their average what
// is selected: the weighted mean of their scores at their temperatures. That of
// logits is the geometric mean of probabilities, and of affine maps it is one.
func (p *procedure) average(r *run) {
	best, sum := math.Inf(1), 0.0
	for _, m := range p.members {
		best = min(best, m.loss)
	}
	top := p.members[0]
	for _, m := range p.members {
		m.weight = math.Exp(best - m.loss)
		sum += m.weight
		if m.weight > top.weight {
			top = m
		}
	}
	scores := make([]float64, len(p.members[0].scores))
	for _, m := range p.members {
		m.weight /= sum
		for i, z := range m.scores {
			scores[i] += m.weight / m.temperature * z
		}
		m.scores = nil
	}
	p.best = &candidate{Candidate: top.Candidate, record: p.best.record, loss: p.best.loss}
	if r.calibrate {
		p.best.scores = scores
	}
}

// averaged lists what takes part in the average of a procedure.
func (p *procedure) averaged() []Averaged {
	var all []Averaged
	for _, m := range p.members {
		all = append(all, Averaged{m.Params.Value(head.L2), m.weight})
	}
	return all
}

// blend is the weighted sum of what was fitted to one part.
type blend struct {
	parts   []*fit.Fitted
	weights []float64
}

// fitAverage fits the members of a procedure to a part, which is its training
// rows with or without others.
func (r *run) fitAverage(ctx context.Context, p *procedure, part *fit.Part) (*choice, error) {
	out := &choice{Candidate: p.best.Candidate, mapping: plain(), blend: new(blend)}
	for _, m := range p.members {
		own := *part
		own.Start = m.start
		path, err := r.begin(ctx, m.Candidate, []fit.Part{own})
		if err != nil {
			return nil, err
		}
		fitted := path.Fitted(0)
		out.blend.parts, out.blend.weights = append(out.blend.parts, fitted), append(out.blend.weights, m.weight/m.temperature)
		if m.Params.Value(head.L2) == p.best.Params.Value(head.L2) {
			out.Fitted = fitted
		}
	}
	r.progress.add(r.candidates() - len(p.members))
	return out, nil
}

// ScoresTo writes the scores of rows into dst, as a *fit.Fitted does.
func (c *choice) ScoresTo(ctx context.Context, dst []float64, rows []int) error {
	if c.blend == nil {
		return c.Fitted.ScoresTo(ctx, dst, rows)
	}
	z := make([]float64, len(dst))
	for i, f := range c.blend.parts {
		if err := f.ScoresTo(ctx, z, rows); err != nil {
			return err
		}
		if i == 0 {
			clear(dst)
		}
		for j, v := range z {
			dst[j] += c.blend.weights[i] * v
		}
	}
	return nil
}

// Model returns the model of what was fitted.
func (c *choice) Model() head.Model {
	if c.blend == nil {
		return c.Fitted.Model()
	}
	var sum *head.Affine
	for i, f := range c.blend.parts {
		m, w := f.Model().(*head.Affine), c.blend.weights[i]
		if sum == nil {
			sum = m.Rescaled(nil, nil).(*head.Affine)
			clear(sum.Weight)
			clear(sum.Bias)
		}
		for j, v := range m.Weight {
			sum.Weight[j] += w * v
		}
		for j, v := range m.Bias {
			sum.Bias[j] += w * v
		}
	}
	return sum
}
