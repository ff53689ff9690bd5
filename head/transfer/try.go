package transfer

import (
	"context"
	"errors"
	"slices"

	"github.com/headstart-ml/headstart/head/experiment"
)

// Try fits every way with each seed, and chooses one: with Auto the simplest
// that is behind the best on the validation rows by at most one standard error
// of the difference, which is paired (experiment.Choose), else the tail if it
// is better than the head.
//
// With Auto, a tail whose graph has no gradient or that does not fit in memory
// is left out, and so are more taps that cannot be had. When ctx ends after
// something was tried with the first seed, the result has what there is,
// without later seeds that are not whole, and says that it was stopped.
func (l *Learner) Try(ctx context.Context) (*Result, error) {
	r := &Result{Settings: l.settings.Head}
	for i := range uint64(max(l.settings.Head.Repeat, 1)) {
		one, err := l.once(ctx, l.settings.Head.Seed+i, r)
		if err != nil {
			return nil, err
		}
		// Of a later seed that is not whole, nothing can be compared with the
		// others.
		if i == 0 || !r.Stopped {
			r.Outcomes = append(r.Outcomes, one)
		}
		if r.Stopped {
			break
		}
	}
	r.Checkpoints = slices.Clone(l.checkpoints)
	var err error
	if r.Comparison, err = l.comparison(r.Outcomes); err != nil {
		return nil, err
	}
	r.Chosen().Result.Comparison = r.Comparison
	return r, nil
}

// once tries every way with one seed. If ctx ends, r is stopped, which is no
// error once something was tried with the first seed.
func (l *Learner) once(ctx context.Context, seed uint64, r *Result) (*Outcome, error) {
	o := &Outcome{Seed: seed}
	var start *Attempt
	for _, w := range l.ways {
		a, err := l.Fit(ctx, w, &Lesson{Seed: seed, Start: start})
		switch {
		case err == nil:
			if start == nil {
				start = a
			}
			o.Tried = append(o.Tried, a)
			l.settings.Hooks.Tried(a)
			r.Stopped = a.Training != nil && a.Training.Status == "interrupted"
		case ctx.Err() != nil && (start != nil || len(r.Outcomes) > 0):
			r.Stopped = true
		case l.leftOut(w, err):
		default:
			return nil, err
		}
		if r.Stopped {
			break
		}
	}
	if start == nil {
		return nil, nil // stopped with a later seed
	}
	return o, l.choose(o)
}

// leftOut tells whether the other ways are tried where one has failed with err,
// and says so.
func (l *Learner) leftOut(w *Way, err error) bool {
	if l.settings.Tail != Auto {
		return false
	}
	if _, ok := errors.AsType[*TapsError](err); ok {
		return true // which was said
	}
	tail, ok := errors.AsType[*TailError](err)
	if !ok || !dispensable(tail.Err) {
		return false
	}
	l.settings.Hooks.LeftOut(w, tail.Err)
	return true
}

// choose picks one of the attempts of a seed by their validation scores.
func (l *Learner) choose(o *Outcome) error {
	var all []*experiment.Result
	for _, a := range o.Tried {
		all = append(all, a.Result)
	}
	simplest, behind, err := experiment.Choose(l.settings.Head.Metric, all)
	if err != nil {
		return err
	}
	o.Chosen, o.behind = o.Tried[simplest], behind
	if l.settings.Tail != Auto {
		o.Chosen = o.Tried[len(o.Tried)-1]
		if o.Chosen.Training != nil && o.Chosen.Training.Best == 0 {
			o.Chosen = o.Tried[0]
		}
	}
	return nil
}

// comparison lists the ways that were tried with the first seed, over all
// seeds.
func (l *Learner) comparison(seeds []*Outcome) (*experiment.Comparison, error) {
	metric := l.settings.Head.Metric
	c := &experiment.Comparison{Metric: metric, Rule: "better", Chosen: seeds[0].Chosen.Way.Name}
	if l.settings.Tail == Auto {
		c.Rule = "one-standard-error"
	}
	for k, a := range seeds[0].Tried {
		way, err := a.way(metric)
		if err != nil {
			return nil, err
		}
		way.Difference = &seeds[0].behind[k]
		for _, s := range seeds {
			i := slices.IndexFunc(s.Tried, func(x *Attempt) bool { return x.Way == a.Way })
			if i < 0 {
				continue
			}
			if err := way.Add(metric, &s.Tried[i].Result.Metrics); err != nil {
				return nil, err
			}
		}
		c.Ways = append(c.Ways, *way)
	}
	if len(seeds) > 1 {
		c.Choice = &experiment.Way{Name: l.settings.Tail}
	}
	for _, s := range seeds {
		c.Seeds = append(c.Seeds, s.Seed)
		if c.Choice == nil {
			continue
		}
		if err := c.Choice.Add(metric, &s.Chosen.Result.Metrics); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// way is an attempt as a comparison has it, without the metrics of its parts.
func (a *Attempt) way(metric string) (*experiment.Way, error) {
	c, err := a.Result.Metrics.Validation.Score(metric)
	if err != nil {
		return nil, err
	}
	w := &experiment.Way{Name: a.Way.Name, Score: c.Value, SE: c.SE, Parameters: a.Parameters}
	if a.Training != nil {
		w.Cut, w.Best, w.Epochs, w.Status = a.Way.Place.Cut, a.Training.Best, len(a.Training.Epochs)-1, a.Training.Status
	}
	return w, nil
}
