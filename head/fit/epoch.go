package fit

import (
	"context"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

const (
	// batch is how many rows a step of an epoch takes.
	batch = 512
	// run is how many neighbouring rows go into a batch together: rows that are
	// not held in memory are read that much faster.
	run = 8
	// rate is the length of its first step, relative to Newton's, and rateDecay
	// how fast the steps become shorter.
	rate, rateDecay = 0.15, 0.05
)

// epoch goes over the rows once in batches, in random order, from where the
// search stands: x −= rate·M⁻¹·g. It takes about as long as a pass, and saves
// several of the first ones where there are many rows.
func (s *search) epoch(ctx context.Context) error {
	o := s.o
	n, nw := len(o.rows), o.classes*o.x.d
	order := make([]int, 0, n+run)
	for _, first := range rand.New(rand.NewPCG(0, uint64(n))).Perm((n + run - 1) / run) {
		for i := first * run; i < min((first+1)*run, n); i++ {
			order = append(order, i)
		}
	}
	if stored := o.inOrder(); stored != nil { // neighbours are those that lie beside each other
		for k, i := range order {
			order[k] = stored[i]
		}
	}
	probs := o.probs
	o.probs = nil
	defer func() { o.probs = probs }()
	for step := 0; len(order) > batch/2; step++ {
		these := order[:min(batch, len(order))]
		order = order[len(these):]
		if _, err := o.evaluateBatch(ctx, these, s.x[:nw], s.x[nw:], s.g[:nw], s.g[nw:]); err != nil {
			return err
		}
		s.metric.applyTo([][]float64{s.d}, [][]float64{s.g})
		floats.AddScaled(s.x, -rate/(1+rateDecay*float64(step)), s.d)
	}
	s.known = false
	s.passes++
	return nil
}
