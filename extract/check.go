package extract

import (
	"math/rand/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/source"
)

const (
	canaries = 8 // cached samples that are embedded again
	// candidatesKept is how many of the cached samples seen so far are
	// remembered, more than are needed: some may have changed since.
	candidatesKept = 2 * canaries
	// windowsBeyond is how many windows are read beyond the first one with
	// something to compute, in search of cached samples. No others that hold
	// contents are on their way then, so it makes windowsAhead+2 at most.
	windowsBeyond = windowsAhead + 1
)

// checks are what a run makes sure of before it computes: that the backbone
// still gives the rows that the cache has of it (canary.go), and that a row
// does not depend on its batch (independence.go). What finds nothing to
// compute checks nothing.
type checks struct {
	embedder *embedder // nil until something has to be computed

	// old has the rows of earlier runs, until some have been compared; nil
	// after that, or if there are none.
	old        *readers
	seen       int // cached samples so far, as long as old is there
	candidates []candidate
	random     *rand.Rand

	batching batching
}

// candidate is a cached sample that may be embedded again.
type candidate struct {
	sample *source.Sample
	key    cache.Key
}

// batching says how samples go through the backbone.
type batching int

const (
	undecided batching = iota // one at a time, which is never wrong
	together                  // in batches: a row does not depend on them
	alone                     // one at a time: it does
)

func newChecks(held *readers) checks {
	k := checks{random: rand.New(rand.NewPCG(0, 0))}
	if held != nil && !held.empty() {
		k.old = held
	}
	return k
}

// note remembers cached samples of a window: each that was seen so far with
// the same probability (Vitter, "Random sampling with a reservoir", 1985,
// algorithm R).
func (k *checks) note(w *window) {
	if k.old == nil {
		return
	}
	for i := range w.rows {
		e := &w.rows[i]
		if e.bad != "" || e.job != nil {
			continue
		}
		k.seen++
		at := len(k.candidates)
		if at == candidatesKept {
			if at = k.random.IntN(k.seen); at >= candidatesKept {
				continue
			}
			k.candidates[at] = candidate{e.sample, e.key}
			continue
		}
		k.candidates = append(k.candidates, candidate{e.sample, e.key})
	}
}

// check makes sure of what has to be sure before the batches of w are run.
func (r *run) check(w *window) error {
	k := &r.checks
	if k.embedder == nil {
		e := checker(r.spec, r.taps, r.backbone, r.modality, r.stats)
		if !e.takes(w.batches) {
			return nil
		}
		k.embedder = e
		if len(r.spec.BatchDependent) > 0 {
			r.dependent(r.spec.BatchDependent)
		}
		if k.old != nil {
			if err := r.lookAhead(); err != nil {
				return err
			}
		}
	}
	if len(k.candidates) > 0 {
		if err := r.canary(); err != nil {
			return err
		}
	}
	if k.batching == undecided {
		return r.independence(w.batches)
	}
	return nil
}

// takes tells whether a sample of the batches can be prepared. If none can,
// nothing is going to be computed.
func (e *embedder) takes(batches [][]*job) bool {
	for _, jobs := range batches {
		for _, j := range jobs {
			if good, _, _ := e.batch.fill([]*job{{key: j.key, content: j.content, ids: j.ids}}); len(good) > 0 {
				return true
			}
		}
	}
	return false
}

// dependent makes the run go on one sample at a time, and says so. The
// operators that are to blame are nil if it was seen by their results only.
func (r *run) dependent(operators []string) {
	r.checks.batching = alone
	if r.settings.OneByOne != nil {
		r.settings.OneByOne(operators)
	}
}

// lookAhead reads further windows until there are enough candidates.
func (r *run) lookAhead() error {
	for len(r.checks.candidates) < r.taps.atMost(canaries, checkBytes) && len(r.ahead) < windowsBeyond && !r.srcDone {
		w, err := r.readWindow()
		if err != nil {
			return err
		}
		if len(w.rows) > 0 {
			r.ahead = append(r.ahead, w)
		}
	}
	return nil
}

// release closes the reader of earlier rows, unless the run reads from it.
func (r *run) release() {
	if k := &r.checks; k.old != nil {
		if k.old != r.readers {
			k.old.close()
		}
		k.old, k.candidates = nil, nil
	}
}
