package retrain

import (
	"context"
	"errors"
	"math/rand/v2"
)

// apart is how much logits may differ, relative to the largest, where a sample
// runs beside one or another one: rounding, no more.
const apart = 1e-4

// independent checks that what the network computes of a sample does not depend
// on the other samples of a batch, where replicas run parts of batches: it runs
// two rows of b beside each other and each beside itself. Weights of the head
// that are drawn at random show what a head of zeros would hide. An end of ctx
// is left to whatever comes next.
func (ps *programs) independent(ctx context.Context, d *Data, b batch) (err error) {
	if ps.replicas < 2 || len(b.rows) < 2 {
		return nil
	}
	two := newPrograms(ps.library, ps.net, form{classes: ps.classes, n: 2, threads: ps.threads})
	defer func() { err = errors.Join(err, two.Close()) }()
	if _, err := two.at(b.tokens); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(0, 0))
	head := &Head{Weight: make([]float32, product(two.weights[len(two.weights)-2].Shape)), Bias: make([]float32, ps.classes)}
	for i := range head.Weight {
		head.Weight[i] = float32(rng.NormFloat64())
	}
	two.begin(head, false)
	C := ps.classes
	logits := func(x, y int) ([]float32, error) {
		both := make([]float32, 2*C)
		err := two.forwardTo(ctx, both, d, alone(batch{rows: []int{x, y}, tokens: b.tokens}))
		return both, err
	}
	x, y := b.rows[0], b.rows[1]
	beside, err := logits(x, y)
	for i, row := range []int{x, y} {
		var itself []float32
		if err == nil {
			itself, err = logits(row, row)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		own := beside[i*C : (i+1)*C]
		if e := off(own, itself[i*C:(i+1)*C], magnitude(own)); e > apart { // what is no number is told later
			return &DependentError{e}
		}
	}
	return nil
}
