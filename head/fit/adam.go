package fit

import (
	"math"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// What Adam remembers of the first and the second moments of gradients, and
// what is added to the root of the latter; the values of its paper.
const (
	adamFirst, adamSecond = 0.9, 0.999
	adamTiny              = 1e-8
)

// adam is the optimizer AdamW (Loshchilov and Hutter, 2019): Adam, beside whose
// steps weights shrink.
type adam struct {
	first, second []float32
	steps         int
}

func newAdam(n int) *adam { return &adam{first: make([]float32, n), second: make([]float32, n)} }

// step moves the values of a network along a gradient by a step of that rate.
// Weights, not biases, become smaller by rate·decay of themselves first.
func (a *adam) step(net *network[float32], gradient []float32, rate, decay float64) {
	a.steps++
	if decay > 0 {
		keep := float32(1 - rate*decay)
		for i := range net.layers {
			w := net.layers[i].w
			for j := range w {
				w[j] *= keep
			}
		}
	}
	t := float64(a.steps)
	root := math.Sqrt(1 - math.Pow(adamSecond, t))
	size, tiny := float32(rate*root/(1-math.Pow(adamFirst, t))), float32(adamTiny*root)
	(&simd.AdamStep{KeepFirst: adamFirst, AddFirst: 1 - adamFirst, KeepSecond: adamSecond, AddSecond: 1 - adamSecond, Size: size, Tiny: tiny}).
		Move(net.values, gradient, a.first, a.second)
}
