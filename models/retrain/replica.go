package retrain

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
	"gonum.org/v1/gonum/blas/blas32"
)

// replica runs a program, beside others. The weights are those of all, the rest
// is its own. Sessions are made when they are needed.
type replica struct {
	program       *program
	step, forward *runtime.Session
	samples       []tensor.View
	spare         []tensor.View // inputs of the batch that is prepared; nil: none was
	target        []float32
	feed          []tensor.View
	loss, logits  []float32
	into          [2][]tensor.View // outputs with gradients in those that are summed first, and in more
}

// replica returns one of a program, by its place.
func (ps *programs) replica(p *program, place int) *replica {
	if p.replicas[place] != nil {
		return p.replicas[place]
	}
	r := &replica{program: p, samples: emptied(p.samples), feed: make([]tensor.View, len(p.samples))}
	r.bind()
	rows := []int64{int64(ps.n), int64(ps.classes)}
	r.target, r.loss, r.logits = make([]float32, product(rows)), make([]float32, 1), make([]float32, product(rows))
	r.feed = append(r.feed, tensor.View{Shape: rows, F32: r.target})
	first := [2][]float32{ps.gradients, ps.more}
	if place > 0 {
		first = [2][]float32{ps.others[place-1], ps.others[place-1]}
	}
	for k, to := range first {
		r.into[k] = []tensor.View{{Shape: []int64{1}, F32: r.loss}, {Shape: rows, F32: r.logits}}
		for i, v := range ps.views {
			if to != nil {
				r.into[k] = append(r.into[k], tensor.View{Shape: ps.weights[i].Dims, F32: to[v.from:v.to]})
			}
		}
	}
	for i, v := range ps.views {
		r.feed = append(r.feed, tensor.View{Shape: ps.weights[i].Dims, F32: ps.values[v.from:v.to]})
	}
	p.replicas[place] = r
	return r
}

// bind makes r.samples what is fed.
func (r *replica) bind() {
	for i, x := range r.samples {
		r.feed[i] = tensor.View{Shape: x.Shape, F32: x.F32, I64: x.I64, I32: x.I32}
	}
}

// open makes the session of a model, if it is not open yet.
func (ps *programs) open(s **runtime.Session, name string, model []byte, p *program, outputs []string) error {
	if *s != nil {
		return nil
	}
	var err error
	*s, err = ps.library.NewSession(model, &runtime.Options{Name: name, Inputs: p.names, Outputs: outputs, Threads: ps.threads})
	if err != nil {
		return fmt.Errorf("retrain: %w", err)
	}
	return nil
}

// ready returns a replica for each of some batches, with its rows filled in:
// those that were prepared, or else it writes them.
func (ps *programs) ready(ctx context.Context, d *Data, batches []batch) ([]*replica, error) {
	all, err := ps.assigned(batches)
	if err != nil {
		return nil, err
	}
	if taken, err := ps.taken(all, batches); taken {
		return all, err
	}
	for i, r := range all {
		if err := ps.write(ctx, r.samples, d, batches[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// assigned returns the replica that runs each of some batches.
func (ps *programs) assigned(batches []batch) ([]*replica, error) {
	var all []*replica
	for place, b := range batches {
		p, err := ps.at(b.tokens)
		if err != nil {
			return nil, err
		}
		all = append(all, ps.replica(p, place))
	}
	return all, nil
}

// abreast does something with all replicas at once, and returns the error of
// the first one that has any.
func abreast(all []*replica, do func(*replica) error) error {
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i := 1; i < len(all); i++ {
		group.Go(func() { errs[i] = do(all[i]) })
	}
	errs[0] = do(all[0])
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("retrain: %w", err)
		}
	}
	return nil
}

// add adds up the gradients of the first n replicas, and with more those of
// earlier runs, always in the same order, so that no race decides how a sum is
// rounded.
func (ps *programs) add(n int, more bool) {
	from := ps.others[:n-1]
	if more {
		from = append([][]float32{ps.more}, from...)
	}
	if len(from) == 0 {
		return
	}
	chunks := (ps.size + chunk - 1) / chunk
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < chunks; i = int(next.Add(1)) - 1 {
			part := view{i * chunk, min((i+1)*chunk, ps.size)}
			for _, g := range from {
				blas32.Axpy(1, vector(g[part.from:part.to]), vector(ps.gradients[part.from:part.to]))
			}
		}
	}
	var group sync.WaitGroup
	for range min(ps.threads*ps.replicas, chunks) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
}

// close frees the sessions.
func (r *replica) close() []error {
	var errs []error
	for _, s := range []**runtime.Session{&r.step, &r.forward} {
		if *s != nil {
			errs = append(errs, (*s).Close())
			*s = nil
		}
	}
	return errs
}
