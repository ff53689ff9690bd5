package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/measure"
)

// targetTrainer is one call of Train for another task than OneOf. Parts, folds
// and units are the trainer's; procedures run one after the other.
type targetTrainer struct {
	*trainer
	*goal
	entry  *fit.TargetEntry
	metric string
}

// trainTargets is Train for another task than OneOf.
func (t *trainer) trainTargets(ctx context.Context, kind *head.Kind) (*Result, error) {
	g := &targetTrainer{trainer: t, entry: fit.TargetFamilyOf(kind.Name), metric: t.Metric}
	t.result.Task = kind.Task.Word()
	if g.metric == "" {
		g.metric = measure.ScoreNamesOf(kind.Task)[0]
	}
	if err := g.prepare(ctx, kind.Task); err != nil {
		return nil, err
	}
	var first *targetTrial
	var spread Spread
	for i := range uint64(max(t.Repeat, 1)) {
		o, err := g.once(ctx, t.Seed+i)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = o
			if err := g.report(o); err != nil {
				return nil, err
			}
		}
		if o.tested != nil {
			m, err := g.evaluateTargets(o.tested, 1)
			if err != nil {
				return nil, err
			}
			spread.addNamed(t.Seed+i, o.final.Params.Value(head.L2), m)
		}
	}
	if len(spread.Seeds) > 1 {
		t.result.Spread = &spread
	}
	g.targetWarnings(first)
	return t.result, nil
}

// prepare decides how to test, and reads the targets and the features.
func (g *targetTrainer) prepare(ctx context.Context, task head.Task) error {
	t, d := g.trainer, g.data
	useSplits, err := t.usesSplits()
	if err != nil {
		return err
	}
	labelled := func(i int) bool { return d.Labels != nil && d.Labels[i] != "" }
	if task == head.AnyOf {
		labelled = func(i int) bool { return d.LabelLists != nil && d.LabelLists[i] != nil }
	}
	if err := t.take(useSplits, d.Rows.N(), labelled); err != nil {
		return err
	}
	if n := t.result.N.Unlabelled; n > 0 && task == head.AnyOf {
		t.warn(Warning{Kind: "unlabelled", Count: n, Message: t.samples(n, "has an empty cell in place of labels and is left out", "have an empty cell in place of labels and are left out") + "; one that has none of the labels is written []"})
		t.result.N.Unlabelled = 0
		t.countWarnings()
		t.result.N.Unlabelled = n
	} else {
		t.countWarnings()
	}
	if g.goal, err = t.goalOf(task, d, t.used); err != nil {
		return err
	}
	t.classes, t.result.Classes, t.strata, t.layers, t.numbered = g.names, g.names, g.goal.strata, g.goal.layers, g.goal.first
	place := map[string]int{} // of different targets, for what is said of equal contents
	for i := range t.used {
		if task == head.Grade {
			t.labels = append(t.labels, int(g.Values[i]))
			continue
		}
		key := fmt.Sprint(g.Values[i*g.K : (i+1)*g.K])
		if _, ok := place[key]; !ok {
			place[key] = len(place)
		}
		t.labels = append(t.labels, place[key])
	}
	if err := t.unite(); err != nil {
		return err
	}
	if err := t.chooseTest(useSplits); err != nil {
		return err
	}
	t.dataWarnings(useSplits)
	o, err := t.fitSettings()
	if err != nil {
		return err
	}
	if task == head.Number && t.result.Dim > fit.MaxFeatures {
		return &FeaturesError{D: t.result.Dim}
	}
	t.bench, err = fit.NewBench(ctx, &fit.Labelled{Rows: d.Rows, Used: t.used, Targets: g.Targets}, o)
	return err
}

// targetTrial is what was found with one seed.
type targetTrial struct {
	*trial
	fits  []*targetChoice // of each fold
	final *targetChoice

	trained, validated, tested *answered // nil: not known
}

// targetChoice is what was selected and fitted on a part.
type targetChoice struct {
	fit.Candidate
	model *head.Affine
	how   head.Fit
}

// answered is rows with what a head answers, len(rows)×len(names).
type answered struct {
	rows    []int
	answers []float64
}

// once runs everything with one seed.
func (g *targetTrainer) once(ctx context.Context, seed uint64) (*targetTrial, error) {
	t := g.trainer
	units := seedUnits(t.units, seed)
	o := &targetTrial{trial: new(trial)}
	procedures, err := t.divide(o.trial, units)
	if err != nil {
		return nil, err
	}
	_, candidates := g.entry.Path(g.grid())
	refit := len(o.parts.Validation) > 0 && !t.NoRefit
	if len(candidates) > 1 {
		for _, p := range procedures {
			if err := t.dealInner(p, units); err != nil {
				return nil, err
			}
		}
	}
	t.expect(procedures, len(candidates), refit)
	c := len(g.names)
	if t.cv > 0 {
		o.tested = &answered{rows: o.parts.Train, answers: make([]float64, len(t.used)*c)}
	}
	for i, p := range procedures {
		if err := g.choose(ctx, p, o.parts.Validation); err != nil {
			return nil, err
		}
		f, err := g.fit(ctx, p, false)
		if err != nil {
			return nil, err
		}
		if t.cv > 0 && i < t.cv {
			o.fits = append(o.fits, f)
			s, err := g.answer(ctx, f.model, o.folds[i])
			if err != nil {
				return nil, err
			}
			for k, row := range s.rows {
				copy(o.tested.answers[row*c:(row+1)*c], s.answers[k*c:(k+1)*c])
			}
			continue
		}
		o.final = f
	}
	if t.cv > 0 {
		return o, nil
	}
	if len(o.parts.Validation) > 0 {
		if o.validated, err = g.answer(ctx, o.final.model, o.parts.Validation); err != nil {
			return nil, err
		}
	}
	if refit {
		if o.final, err = g.fit(ctx, o.whole, true); err != nil {
			return nil, err
		}
	}
	if len(o.parts.Test) > 0 {
		if o.tested, err = g.answer(ctx, o.final.model, o.parts.Test); err != nil {
			return nil, err
		}
	}
	if t.NoRefit && (o.validated != nil || o.tested != nil) {
		o.trained, err = g.answer(ctx, o.final.model, o.parts.Train)
	}
	return o, err
}

// grid is what the family goes through.
func (g *targetTrainer) grid() fit.Grid { return fit.Grid{L2: g.L2, Points: g.L2Points} }

// choose fills in what a procedure tried and selected.
func (g *targetTrainer) choose(ctx context.Context, p *procedure, validation []int) error {
	t := g.trainer
	if err := (&run{trainer: t}).deal(ctx, []*procedure{p}, validation); err != nil {
		return err
	}
	family, candidates := g.entry.Path(g.grid())
	if p.folds == nil {
		p.best = &candidate{Candidate: candidates[0]}
		return nil
	}
	path, err := family.Begin(ctx, t.bench, p.inner())
	if err != nil {
		return err
	}
	c := len(g.names)
	answers, own := make([]float64, len(p.train)*c), make([]float64, 0)
	leastLoss := slices.Repeat([]float64{math.Inf(1)}, g.K) // of each label
	bestOf := make([]float64, g.K)                          // λ
	for i := 0; ; i++ {
		next, err := path.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		scores := make([]float64, len(p.folds))
		for f, held := range p.folds {
			model, _ := path.Fitted(f)
			s, err := g.answer(ctx, model, held)
			if err != nil {
				return err
			}
			for k, at := range p.at[f] {
				copy(answers[at*c:(at+1)*c], s.answers[k*c:(k+1)*c])
			}
			scores[f] = g.score(g.metric, held, s.answers)
		}
		tried := &candidate{Candidate: next, loss: g.score(g.lossName(), p.train, answers), first: i == 0 && len(candidates) > 1, last: i == len(candidates)-1 && len(candidates) > 1}
		p.note(tried, g.metric, g.score(g.metric, p.train, answers), scores)
		if t.L2PerLabel {
			for k, loss := range g.labelLosses(p.train, answers, &own) {
				if loss < leastLoss[k] {
					leastLoss[k], bestOf[k] = loss, tried.record.L2
				}
			}
		}
		if rest := len(candidates) - i - 1; rest > 0 && !t.L2PerLabel && p.stale(g.metric) {
			p.left = append(p.left, tried)
			t.progress.add(rest * len(p.folds))
			break
		}
	}
	if t.L2PerLabel {
		p.best.Columns = bestOf
	}
	return nil
}

// lossName is the metric that says when a path only gets worse.
func (g *targetTrainer) lossName() string {
	if g.Task == head.Number {
		return "rmse"
	}
	return "log-loss"
}

// score returns a metric of what rows are answered with.
func (g *targetTrainer) score(metric string, rows []int, answers []float64) float64 {
	switch g.Task {
	case head.AnyOf:
		return measure.LabelScore(metric, answers, g.valuesOf(rows), g.K)
	case head.Number:
		return measure.NumberScore(metric, answers, g.valuesOf(rows), g.K)
	}
	return measure.GradeScore(metric, measure.OutcomesOf(answers, g.labelsOf(rows), len(g.names)), len(g.names))
}

// labelLosses returns the log-loss of each label; buf is room.
func (g *targetTrainer) labelLosses(rows []int, answers []float64, buf *[]float64) []float64 {
	values := g.valuesOf(rows)
	*buf = slices.Grow((*buf)[:0], g.K)[:g.K]
	clear(*buf)
	for i, p := range answers {
		if values[i] == 0 {
			p = 1 - p
		}
		(*buf)[i%g.K] -= math.Log(max(p, 0x1p-52))
	}
	return *buf
}

// valuesOf returns the targets of rows.
func (g *targetTrainer) valuesOf(rows []int) []float64 {
	out := make([]float64, 0, len(rows)*g.K)
	for _, r := range rows {
		out = append(out, g.Values[r*g.K:(r+1)*g.K]...)
	}
	return out
}

// fit fits what was selected to the training rows of a procedure and, with
// validation, to the validation rows too.
func (g *targetTrainer) fit(ctx context.Context, p *procedure, validation bool) (*targetChoice, error) {
	part := p.part()
	if validation {
		part.Name = "head: training and validation part"
		part.Cells = append(part.Cells, max(len(p.folds), 1))
	}
	path, err := g.entry.One(p.best.Candidate).Begin(ctx, g.bench, []fit.Part{*part})
	if err != nil {
		return nil, err
	}
	if _, err := path.Next(ctx); err != nil {
		return nil, err
	}
	f := &targetChoice{Candidate: p.best.Candidate}
	f.model, f.how = path.Fitted(0)
	return f, nil
}

// answer answers rows.
func (g *targetTrainer) answer(ctx context.Context, model *head.Affine, rows []int) (*answered, error) {
	c, k := len(g.names), g.Task.Scores(len(g.names))
	z := make([]float64, len(rows)*k)
	if err := g.bench.ScoresTo(ctx, model, z, rows); err != nil {
		return nil, err
	}
	s := &answered{rows: rows, answers: make([]float64, len(rows)*c)}
	for i := range rows {
		g.Task.LinkTo(s.answers[i*c:(i+1)*c], z[i*k:(i+1)*k], 1)
	}
	return s, nil
}

// evaluateTargets measures answers; of intervals with that many resamples, 0
// for the default.
func (g *targetTrainer) evaluateTargets(s *answered, resamples int) (*measure.Metrics, error) {
	o := g.intervals(s.rows)
	o.Resamples = resamples
	switch g.Task {
	case head.AnyOf:
		return measure.EvaluateLabels(s.answers, g.valuesOf(s.rows), g.names, o)
	case head.Number:
		return measure.EvaluateNumbers(s.answers, g.valuesOf(s.rows), g.names, o)
	}
	return measure.EvaluateGrades(measure.OutcomesOf(s.answers, g.labelsOf(s.rows), len(g.names)), g.names, o)
}

// report fills in the result from the first seed.
func (g *targetTrainer) report(o *targetTrial) error {
	t, r := g.trainer, g.result
	r.Kind, r.L2, r.Fit = o.final.Kind, o.final.Params.Value(head.L2), o.final.how
	r.Head = &head.Head{Kind: r.Kind, Task: g.Task, Classes: g.names, Model: o.final.model, Temperature: 1, Params: o.final.Params, Fit: r.Fit}
	if o.final.Columns != nil {
		r.L2Labels = map[string]float64{}
		for k, name := range g.names {
			r.L2Labels[name] = o.final.Columns[k]
		}
	}
	t.selection(o.trial)
	for _, f := range o.fits {
		r.Folds = append(r.Folds, Choice{Kind: f.Kind, L2: f.Params.Value(head.L2), Temperature: 1, Fit: f.how})
	}
	t.count(o.trial, t.fitted(o.trial))
	var test **measure.Metrics
	part := "test"
	if test = &r.Metrics.Test; t.cv > 0 {
		part, test = "cv", &r.Metrics.CV
	}
	for _, m := range []struct {
		part string
		of   *answered
		to   **measure.Metrics
	}{{"", o.trained, &r.Metrics.Train}, {"validation", o.validated, &r.Metrics.Validation}, {part, o.tested, test}} {
		if m.of == nil {
			continue
		}
		var err error
		if *m.to, err = g.evaluateTargets(m.of, 0); err != nil {
			return err
		}
		if m.part == "" {
			continue
		}
		r.Predictions = &Predictions{Part: m.part, Rows: t.numbers(m.of.rows)}
		if g.Task == head.Grade {
			r.Predictions.Outcomes = measure.OutcomesOf(m.of.answers, g.labelsOf(m.of.rows), len(g.names))
		} else {
			r.Predictions.Answers, r.Predictions.Targets = m.of.answers, g.valuesOf(m.of.rows)
		}
	}
	return nil
}

// addNamed notes the metrics of one seed's tested rows.
func (s *Spread) addNamed(seed uint64, l2 float64, m *measure.Metrics) {
	for i, e := range m.Estimates() {
		if len(s.Metrics) == i {
			s.Metrics = append(s.Metrics, NamedVariation{Name: e.Name})
		}
		s.Metrics[i].Add(e.Value)
	}
	s.Seeds, s.L2 = append(s.Seeds, seed), append(s.L2, l2)
}
