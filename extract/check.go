package extract

import (
	"math/rand/v2"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
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
	embedder *embed.Embedder // nil until something has to be computed

	// old has the rows of earlier runs, until some have been compared; nil
	// after that, or if there are none.
	old        *readers
	seen       int // cached samples so far, as long as old is there
	candidates []candidate
	random     *rand.Rand

	batching embed.Batches
}

// candidate is a cached sample that may be embedded again.
type candidate struct {
	sample *source.Sample
	key    cache.Key
}

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
		if len(w.batches) == 0 {
			return nil
		}
		e := checker(r)
		if !e.Takes(w.batches) {
			return nil
		}
		if err := r.begin(); err != nil {
			return err
		}
		k.embedder = e
		if len(r.spec.Random) > 0 {
			if err := r.repeatable(slices.Concat(w.batches...)); err != nil {
				return err
			}
		}
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
	if k.batching == embed.Undecided {
		return r.independence(w.batches)
	}
	return nil
}

// dependent makes the run go on one sample at a time, and says so. The
// operators that are to blame are nil if it was seen by their results only.
func (r *run) dependent(operators []string) {
	r.checks.batching = embed.Alone
	if r.settings.OneByOne != nil {
		r.settings.OneByOne(operators)
	}
}

// apart is dependent for a backbone that was seen to give a sample another row
// beside others than alone, unless it gives jobs other rows each time, which is
// an error.
func (r *run) apart(jobs []*embed.Job) error {
	if err := r.repeatable(jobs); err != nil {
		return err
	}
	r.dependent(nil)
	return nil
}

// repeatable is an error if the backbone gives other rows of a sample each
// time.
func (r *run) repeatable(jobs []*embed.Job) error {
	return wrap(r.ctx, r.checks.embedder.Repeatable(r.ctx, jobs, r.spec.Random))
}

// again embeds jobs in these batches for a check.
func (r *run) again(batches [][]*embed.Job) (map[*embed.Job][]float32, error) {
	rows, err := r.checks.embedder.Again(r.ctx, batches)
	return rows, wrap(r.ctx, err)
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
