package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/measure"
)

// pathFactor ends a path: that factor of its first parameter without a better
// score or log-loss.
const pathFactor = 10

// procedure selects on the rows of a training part, by the scores of
// out-of-fold predictions.
type procedure struct {
	place string  // in messages
	train []int   // positions, ascending
	folds [][]int // the rows that each fold holds out; nil: nothing to select, nothing to calibrate on
	deal  int     // place of its deal: a cell a fold, or one cell

	validated, tested []int // the rows on which the fit to train is measured, and a second one that adds the validation part

	at       [][]int           // of each fold: places of its rows in train
	outcomes []measure.Outcome // of the candidate that is tried, by place in train
	scores   []float64         // the same, len(train)×C; nil where they are not needed

	tried []*candidate // in the order in which they were tried
	best  *candidate   // so far of the family that is tried, in the end of all
	left  []*candidate // those after which a path was left before its end

	members []*member // of the average that is selected; nil: none is

	bests    []*candidate // of each of several families that was tried
	compared []Compared   // the same in the end
}

// candidate is what was tried in the folds of a procedure.
type candidate struct {
	fit.Candidate
	record Candidate
	loss   float64    // of the out-of-fold predictions: their log-loss, or that of another task
	last   bool       // it is the last one of a path
	first  bool       // it is the first one of several
	scores []float64  // out-of-fold, len(train)×C; nil where they are not needed
	start  *fit.Start // of the training part: the mean of the folds' solutions

	outcomes []measure.Outcome // out-of-fold, by place in train; nil unless families are compared
	right    []bool            // of these, which are; nil without a cross-validation
}

// run is what the procedures of one seed share.
type run struct {
	*trainer
	seed      uint64
	calibrate bool // out-of-fold scores are needed in the end
}

// grid is what families go through.
func (r *run) grid() fit.Grid {
	m := r.MLP
	m.Seed = r.seed
	return fit.Grid{L2: r.L2, Points: r.L2Points, Shrinkage: r.Shrinkage, MLP: &m}
}

// candidates counts those of all families.
func (r *run) candidates() int {
	total := 0
	for _, e := range r.families {
		_, all := e.Path(r.grid())
		total += len(all)
	}
	return total
}

// deal has the rows measured for the parts that procedures fit: each deals its
// training rows into a cell a fold, and has a cell more for validation rows,
// which a second fit adds.
func (r *run) deal(ctx context.Context, procedures []*procedure, validation []int) error {
	var deals []fit.Deal
	for k, p := range procedures {
		p.deal = k
		d := fit.Deal{Cell: slices.Repeat([]int{-1}, len(r.used)), Cells: max(len(p.folds), 1) + 1}
		for _, row := range p.train {
			d.Cell[row] = 0
		}
		p.at = make([][]int, len(p.folds))
		for f, held := range p.folds {
			for _, row := range held {
				d.Cell[row] = f
				at, _ := slices.BinarySearch(p.train, row)
				p.at[f] = append(p.at[f], at)
			}
		}
		for _, row := range validation {
			d.Cell[row] = d.Cells - 1
		}
		deals = append(deals, d)
	}
	if err := r.bench.Deal(ctx, deals); err != nil {
		return err
	}
	if r.tolerant {
		return nil
	}
	return r.bench.Finite()
}

// part is the training rows of a procedure.
func (p *procedure) part() *fit.Part {
	part := &fit.Part{Name: "head: " + p.place, Deal: p.deal}
	for c := range max(len(p.folds), 1) {
		part.Cells = append(part.Cells, c)
	}
	if p.best != nil {
		part.Start = p.best.start
	}
	return part
}

// inner are the training parts of the folds of a procedure.
func (p *procedure) inner() []fit.Part {
	var parts []fit.Part
	for f := range p.folds {
		part := fit.Part{Name: fmt.Sprintf("head: %s: inner fold %d of %d", p.place, f+1, len(p.folds)), Deal: p.deal}
		for c := range p.folds {
			if c != f {
				part.Cells = append(part.Cells, c)
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// without returns the rows that are not in held; both are ascending.
func without(rows, held []int) []int {
	var out []int
	for _, r := range rows {
		if _, ok := slices.BinarySearch(held, r); !ok {
			out = append(out, r)
		}
	}
	return out
}

// choose fills in what each procedure tried and selected. Procedures without
// folds take the only candidate that there is.
func (r *run) choose(ctx context.Context, procedures []*procedure) error {
	var parts []fit.Part
	for _, p := range procedures {
		parts = append(parts, p.inner()...)
	}
	if len(parts) == 0 { // there is one candidate, and all procedures take it
		_, all := r.families[0].Path(r.grid())
		for _, p := range procedures {
			p.best = &candidate{Candidate: all[0]}
		}
		return nil
	}
	for _, e := range r.families {
		if err := r.follow(ctx, e, procedures, parts); err != nil {
			return err
		}
		for _, p := range procedures {
			if len(r.families) > 1 {
				p.bests, p.best = append(p.bests, p.best), nil
			}
		}
	}
	for _, p := range procedures {
		if r.L2Average {
			p.average(r)
		}
		p.scores, p.outcomes = nil, nil
		if len(p.bests) > 0 {
			if err := p.compare(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow follows a family's path in all folds of all procedures side by side. A
// procedure leaves the path when scores only get worse.
func (r *run) follow(ctx context.Context, e *fit.Entry, procedures []*procedure, parts []fit.Part) error {
	family, candidates := e.Path(r.grid())
	path, err := family.Begin(ctx, r.bench, parts)
	if err != nil {
		return err
	}
	scaled := head.KindOf(e.Kind).Scaled
	in := slices.Repeat([]bool{true}, len(parts))
	for i := 0; slices.Contains(in, true); i++ {
		c, err := path.Next(ctx, in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.outOfFold(ctx, path, procedures, in, !scaled || r.calibrate || r.L2Average); err != nil {
			return err
		}
		first := 0
		for _, p := range procedures {
			these := in[first : first+len(p.folds)]
			if these[0] {
				t := &candidate{Candidate: c, first: i == 0 && len(candidates) > 1, last: i == len(candidates)-1 && len(candidates) > 1}
				if !scaled {
					p.scale(r.trainer)
				}
				p.consider(r, t)
				if r.L2Average {
					var fitted []*fit.Fitted
					for f := range p.folds {
						fitted = append(fitted, path.Fitted(first+f))
					}
					p.remember(r, c, fitted)
				}
				if p.best == t {
					t.keep(p, r.calibrate, path, first)
					if len(r.families) > 1 {
						t.outcomes = slices.Clone(p.outcomes)
					}
				}
				if rest := len(candidates) - i - 1; rest > 0 && p.stale(orDefault(r.Metric, "accuracy")) {
					p.left = append(p.left, t)
					clear(these)
					r.progress.add(rest * len(p.folds))
				}
			}
			first += len(p.folds)
		}
	}
	return nil
}

// outOfFold scores the rows that each fold in the path holds out. keep says
// that the scores are needed, beside the outcomes.
func (r *run) outOfFold(ctx context.Context, path fit.Path, procedures []*procedure, in []bool, keep bool) error {
	c := len(r.classes)
	type task struct {
		p       *procedure
		f, part int
	}
	var tasks []task
	part := 0
	for _, p := range procedures {
		if in[part] && p.outcomes == nil {
			p.outcomes = make([]measure.Outcome, len(p.train))
		}
		if in[part] && keep && p.scores == nil {
			p.scores = make([]float64, len(p.train)*c)
		}
		for f := range p.folds {
			if in[part] {
				tasks = append(tasks, task{p, f, part})
			}
			part++
		}
	}
	return parallel.Do(ctx, len(tasks), orDefault(r.Threads, runtime.GOMAXPROCS(0)), func(i int) error {
		p, held, at := tasks[i].p, tasks[i].p.folds[tasks[i].f], tasks[i].p.at[tasks[i].f]
		z, probabilities, fitted := make([]float64, scoreRows*c), make([]float64, c), path.Fitted(tasks[i].part)
		for lo := 0; lo < len(held); lo += scoreRows {
			rows := held[lo:min(lo+scoreRows, len(held))]
			if err := fitted.ScoresTo(ctx, z[:len(rows)*c], rows); err != nil {
				return err
			}
			for k, row := range rows {
				scores, place := z[k*c:(k+1)*c], at[lo+k]
				if keep {
					copy(p.scores[place*c:(place+1)*c], scores)
				}
				head.SoftmaxTo(probabilities, scores, 1)
				p.outcomes[place] = measure.NewOutcome(probabilities, r.labels[row])
			}
		}
		return nil
	})
}

// scaleRows is how many rows, spread evenly, the temperature of a candidate is
// fitted to at most; that of the head is fitted to all.
const scaleRows = 4096

// scale gives the outcomes the temperature that scores without a scale of
// probabilities of their own need.
func (p *procedure) scale(t *trainer) {
	c := len(t.classes)
	labels := t.labelsOf(p.train)
	scores, of := p.scores, labels
	if n := len(labels); n > scaleRows {
		scores, of = nil, nil
		for i := range scaleRows {
			row := int(int64(i) * int64(n) / scaleRows)
			scores, of = append(scores, p.scores[row*c:(row+1)*c]...), append(of, labels[row])
		}
	}
	temperature := measure.Temperature(scores, of, c)
	probabilities := make([]float64, c)
	for i, y := range labels {
		head.SoftmaxTo(probabilities, p.scores[i*c:(i+1)*c], temperature)
		p.outcomes[i] = measure.NewOutcome(probabilities, y)
	}
}

// consider scores a candidate by p.outcomes, and makes it the best one if it
// is.
func (p *procedure) consider(r *run, c *candidate) {
	k, metric := len(r.classes), orDefault(r.Metric, "accuracy")
	scores := make([]float64, len(p.folds))
	for f, at := range p.at {
		part := make([]measure.Outcome, len(at))
		for i, place := range at {
			part[i] = p.outcomes[place]
		}
		scores[f] = measure.ValuesOf(part, k).Of(metric)
	}
	all := measure.ValuesOf(p.outcomes, k)
	c.loss = all.LogLoss
	if r.cv > 0 {
		c.right = make([]bool, len(p.outcomes))
		for i, o := range p.outcomes {
			c.right[i] = o.Predicted == o.Label
		}
	}
	p.note(c, metric, all.Of(metric), scores)
}

// note notes a candidate that was tried with its score and those of the folds,
// and makes it the best one if it is.
func (p *procedure) note(c *candidate, metric string, score float64, folds []float64) {
	c.record = Candidate{
		Kind: c.Kind, L2: c.Params.Value(head.L2), Params: c.Params.Beside(), Score: score, SE: stat.StdErr(stat.StdDev(folds, nil), float64(len(folds))),
	}
	p.tried = append(p.tried, c)
	if p.best == nil || better(metric, c.record.Score, p.best.record.Score) {
		p.best = c
	}
}

// keep takes what is needed of the best candidate: its scores, to calibrate on,
// and where the fit of the training part begins. first is the first fold of p
// in path.
func (c *candidate) keep(p *procedure, calibrate bool, path fit.Path, first int) {
	if calibrate {
		for _, other := range p.tried { // its scores are free
			if other != c && other.Kind == c.Kind && other.scores != nil {
				c.scores, other.scores = other.scores, nil
			}
		}
		c.scores, p.scores = p.scores, c.scores
	}
	var fitted []*fit.Fitted
	for f := range p.folds {
		fitted = append(fitted, path.Fitted(first+f))
	}
	c.start = fit.MeanStart(fitted)
	for _, other := range p.tried {
		if other != c && other.Kind == c.Kind {
			other.start, other.outcomes = nil, nil
		}
	}
}

// better tells whether a is a better score than b.
func better(metric string, a, b float64) bool {
	if measure.LowerIsBetter(metric) {
		return a < b
	}
	return a > b
}

// stale tells whether the path of the last candidate has brought neither a
// better loss nor a score that is better by more than its standard error
// over the last pathFactor of its first parameter. Smaller gains of the score
// are chance, and would lead the path far into weak strengths, whose fits take
// longest.
func (p *procedure) stale(metric string) bool {
	var path []*candidate
	score, loss := 0, 0 // where they were best
	kind := p.tried[len(p.tried)-1].Kind
	for _, c := range p.tried {
		if c.Kind != kind {
			continue
		}
		path = append(path, c)
		gain := c.record.Score - path[score].record.Score
		if better(metric, c.record.Score, path[score].record.Score) && math.Abs(gain) > c.record.SE {
			score = len(path) - 1
		}
		if c.loss < path[loss].loss {
			loss = len(path) - 1
		}
	}
	since, last := path[max(score, loss)], path[len(path)-1]
	return len(last.Params) > 0 && since.Params[0].Value >= last.Params[0].Value*pathFactor*(1-1e-9)
}

// fit fits what was selected to the training rows of all procedures, side by
// side where the same was.
func (r *run) fit(ctx context.Context, procedures []*procedure) ([]*choice, error) {
	out := make([]*choice, len(procedures))
	for i, p := range procedures {
		if out[i] != nil {
			continue
		}
		if p.members != nil {
			var err error
			if out[i], err = r.fitAverage(ctx, p, p.part()); err != nil {
				return nil, err
			}
			continue
		}
		var these []int
		var parts []fit.Part
		for j := i; j < len(procedures); j++ {
			if q := procedures[j]; q.best.Kind == p.best.Kind && slices.Equal(q.best.Params, p.best.Params) {
				part := q.part()
				if s := r.from(q); s != nil {
					part.Start = s
				}
				these, parts = append(these, j), append(parts, *part)
			}
		}
		path, err := r.begin(ctx, p.best.Candidate, parts)
		if err != nil {
			return nil, err
		}
		for k, j := range these {
			out[j] = &choice{Candidate: p.best.Candidate, Fitted: path.Fitted(k), mapping: plain()}
		}
	}
	return out, nil
}

// refit fits what was selected to training and validation rows together, from
// where the fit of the training part ended unless the selection says where to
// begin.
func (r *run) refit(ctx context.Context, p *procedure, last *choice) (*choice, error) {
	p.place = "training and validation part"
	part := p.part()
	part.Cells = append(part.Cells, max(len(p.folds), 1))
	if p.members != nil {
		return r.fitAverage(ctx, p, part)
	}
	if r.From != nil && !r.seen(p.tested) {
		part.Start = fit.HeadStart(r.From, r.classes)
	}
	if part.Start == nil {
		part.Start = fit.MeanStart([]*fit.Fitted{last.Fitted})
	}
	path, err := r.begin(ctx, p.best.Candidate, []fit.Part{*part})
	if err != nil {
		return nil, err
	}
	return &choice{Candidate: p.best.Candidate, Fitted: path.Fitted(0), mapping: plain()}, nil
}

// from returns where the fit to the training part of a procedure begins, if
// that is at the weights of an earlier head: one that has seen no row on which
// the fit is measured.
func (r *run) from(p *procedure) *fit.Start {
	if r.From == nil || r.seen(p.validated) || r.seen(p.tested) {
		return nil
	}
	return fit.HeadStart(r.From, r.classes)
}

// seen tells whether the earlier head has seen one of rows.
func (t *trainer) seen(rows []int) bool {
	return slices.ContainsFunc(rows, func(row int) bool { return t.Seen == nil || t.Seen(t.used[row]) })
}

// begin fits one candidate to parts.
func (r *run) begin(ctx context.Context, c fit.Candidate, parts []fit.Part) (fit.Path, error) {
	path, err := fit.FamilyOf(c.Kind).One(c).Begin(ctx, r.bench, parts)
	if err != nil {
		return nil, err
	}
	_, err = path.Next(ctx, nil)
	return path, err
}
