package retrain

import (
	"math"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas/blas32"
)

const (
	beta1, beta2 = 0.9, 0.999
	epsilon      = 1e-8
	// chunk is how many elements one goroutine takes at a time.
	chunk = 1 << 16
)

// optimizer makes the steps: it clips, and gives each weight its rate.
type optimizer struct {
	*Settings
	schedule schedule
	weights  []weight
	views    []view
	parts    []part
}

// view is where a weight stands in the flat slices.
type view struct{ from, to int }

// part is a piece of a weight that one goroutine updates.
type part struct {
	view
	weight int
}

func newOptimizer(s *Settings, weights []weight, views []view, steps int) *optimizer {
	o := &optimizer{Settings: s, schedule: newSchedule(s.Warmup, steps), weights: weights, views: views}
	for i, v := range views {
		for from := v.from; from < v.to; from += chunk {
			o.parts = append(o.parts, part{view{from, min(from+chunk, v.to)}, i})
		}
	}
	return o
}

// rate returns the learning rate of a weight at a step, from 0.
func (o *optimizer) rate(w *weight, step int) float64 {
	return o.LearningRate * math.Pow(o.LayerDecay, float64(w.depth)) * o.schedule.at(step)
}

// coefficients returns the factors for each weight at a step, from 0, with
// gradients to be multiplied by scale.
func (o *optimizer) coefficients(step int, scale float64) []coefficients {
	all := make([]coefficients, len(o.weights))
	t := float64(step + 1)
	for i := range o.weights {
		w := &o.weights[i]
		rate := o.rate(w, step)
		all[i] = coefficients{
			scale: float32(scale), beta1: beta1, beta2: beta2, epsilon: epsilon,
			rate:       float32(rate / (1 - math.Pow(beta1, t))),
			correction: float32(1 / math.Sqrt(1-math.Pow(beta2, t))),
		}
		if len(w.Shape) >= 2 {
			all[i].decay = float32(rate * o.WeightDecay)
		}
	}
	return all
}

// norm returns the length of all gradients together; it is finite if and only
// if all of them are.
func norm(gradients []float32) float64 {
	g := blas32.Vector{N: len(gradients), Inc: 1, Data: gradients}
	return math.Sqrt(blas32.DDot(g, g))
}

// step updates the weights in place. norm is that of the gradients.
func (o *optimizer) step(s *position, gradients []float32, norm float64, step int) {
	scale := 1.0
	if o.Clip > 0 && norm > o.Clip {
		scale = o.Clip / norm
	}
	k := o.coefficients(step, scale)
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(o.parts) {
				return
			}
			p := o.parts[i]
			update(s.weights[p.from:p.to], gradients[p.from:p.to], s.m[p.from:p.to], s.v[p.from:p.to], &k[p.weight])
		}
	}
	var group sync.WaitGroup
	for range min(o.Threads, (len(s.weights)+chunk-1)/chunk) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
}
