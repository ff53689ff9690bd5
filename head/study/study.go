package study

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
)

// run is one call of Run.
type run struct {
	*Settings
	*division
	data    *experiment.Data
	learner Learner
	depths  []Depth // of the learner
	result  *Result

	notes        [][][]*Note      // by depth, size and seed; nil where nothing was learnt
	costs        []Cost           // of each depth
	extrapolated []*Extrapolation // of each depth; nil: there are too few sizes
	why          error            // the first depth could not be trained
}

// Run studies data: it has l train on subsets of them at several depths. Of d,
// the Rows are left to l.
//
// Errors: *TaskError, *ClassesError, *OneUnitError and *TooFewError for data
// that cannot be studied, *FarError for what cannot be predicted, *NothingError
// where nothing was learnt; those of l, of the notebook and of ctx.
func Run(ctx context.Context, d *experiment.Data, l Learner, s *Settings) (*Result, error) {
	c, err := s.complete()
	if err != nil {
		return nil, err
	}
	v, err := divide(d, c)
	if err != nil {
		return nil, err
	}
	depths := l.Depths()
	if len(depths) == 0 {
		return nil, errors.New("study: the learner has no depths")
	}
	r := &run{Settings: c, division: v, data: d, learner: l, depths: depths, result: &Result{
		Metric: c.Metric, N: v.all, Test: len(v.draws[0].test), Classes: len(v.classes), Shared: v.shared, Notes: v.notes,
		Curves: []Curve{}, Predictions: []Prediction{}, Skipped: []Skipped{}, Costs: []Cost{},
	}}
	for _, one := range v.draws {
		r.result.Seeds = append(r.result.Seeds, one.seed)
	}
	for _, a := range c.Absent {
		r.skip(Skipped{Depth: a.Depth, Kind: "unable", Reason: a.Err.Error(), Err: a.Err})
	}
	if _, err := r.reach(); err != nil {
		return nil, err
	}
	r.extrapolated = make([]*Extrapolation, len(depths))
	do, left := r.plan(depths)
	r.result.Skipped = append(r.result.Skipped, r.overBudget(depths, do, left)...)
	if err := r.learn(ctx, depths, do); err != nil {
		return nil, err
	}
	if err := r.draw(depths); err != nil {
		return nil, err
	}
	if err := r.predict(depths); err != nil {
		return nil, err
	}
	r.result.Advice = r.advise(depths)
	return r.result, nil
}

// learn does what is planned.
func (r *run) learn(ctx context.Context, depths []Depth, do []item) error {
	r.notes = make([][][]*Note, len(depths))
	for k := range depths {
		r.notes[k] = make([][]*Note, len(r.sizes))
		for i := range r.sizes {
			r.notes[k][i] = make([]*Note, len(r.draws))
		}
		r.costs = append(r.costs, Cost{Depth: depths[k].Name, Full: r.learner.Cost(&depths[k], r.all, len(r.draws[0].test)).Seconds()})
	}
	unable := make([]bool, len(depths))
	p := Progress{}
	var spent, total time.Duration
	for _, it := range do {
		p.Total += it.seeds
		total += it.cost
	}
	for _, it := range do {
		d := &depths[it.depth]
		at := r.at(it.n)
		p.Depth, p.N = d.Name, it.n
		for seed := it.first; seed < it.first+it.seeds; seed++ {
			if total > 0 {
				p.Share = float64(spent) / float64(total)
			}
			r.Progress(p)
			p.Done++
			spent += it.cost / time.Duration(it.seeds)
			if unable[it.depth] {
				continue
			}
			n, err := r.lesson(ctx, d, it.n, seed)
			switch unfit, small := (*UnableError)(nil), (*SmallError)(nil); {
			case err == nil:
				r.notes[it.depth][at][seed] = n
				r.costs[it.depth].Trained++
				r.costs[it.depth].Seconds += (it.cost / time.Duration(it.seeds)).Seconds()
			case ctx.Err() != nil:
				return err
			case errors.As(err, &unfit):
				unable[it.depth] = true
				r.skip(Skipped{Depth: d.Name, Kind: "unable", Reason: unfit.Err.Error(), Err: unfit.Err})
				if it.depth == 0 {
					r.why = unfit.Err
				}
			case errors.As(err, &small):
				r.skip(Skipped{Depth: d.Name, Sizes: []int{it.n}, Kind: "size", Reason: small.Err.Error(), Err: small.Err})
				if it.depth == 0 && r.why == nil {
					r.why = small.Err
				}
			default:
				return err
			}
		}
	}
	r.Progress(Progress{Done: p.Total, Total: p.Total, Share: 1})
	return nil
}

// skip notes what is not trained, a size of a depth once.
func (r *run) skip(s Skipped) {
	for _, other := range r.result.Skipped {
		if other.Depth == s.Depth && other.Kind == s.Kind && len(s.Sizes) > 0 && len(other.Sizes) > 0 && other.Sizes[0] == s.Sizes[0] {
			return
		}
	}
	r.result.Skipped = append(r.result.Skipped, s)
}

// at is the place of a size.
func (r *run) at(n int) int {
	for i, size := range r.sizes {
		if size == n {
			return i
		}
	}
	return -1
}

// lesson has the learner train once, unless that is in the notebook.
func (r *run) lesson(ctx context.Context, d *Depth, n, seed int) (*Note, error) {
	one := &r.draws[seed]
	l := &Lesson{Depth: d, Seed: one.seed, Train: one.subset(n), Test: one.test}
	key := ""
	if r.Notebook != nil {
		key = l.key()
		if note := r.Notebook.Recall(key); note != nil && note.isOf(len(l.Test)) {
			return note, nil
		}
	}
	learnt, err := r.learner.Learn(ctx, l)
	if err != nil {
		return nil, err
	}
	if len(learnt.Outcomes) != len(l.Test) {
		return nil, fmt.Errorf("study: %s: a learner gave %d outcomes for %d rows", d.Name, len(learnt.Outcomes), len(l.Test))
	}
	note, err := noteOf(learnt)
	if err == nil && r.Notebook != nil {
		err = r.Notebook.Keep(key, note)
	}
	return note, err
}

// key is a digest of a lesson.
func (l *Lesson) key() string {
	h := sha256.New()
	h.Write([]byte(l.Depth.Name))
	if l.Depth.Settings != "" {
		h.Write([]byte("\x01" + l.Depth.Settings))
	}
	b := binary.BigEndian.AppendUint64([]byte{0}, l.Seed)
	for _, rows := range [][]int{l.Train, l.Test} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(rows)))
		for _, row := range rows {
			b = binary.BigEndian.AppendUint64(b, uint64(row))
		}
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}
