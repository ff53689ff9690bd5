package fit

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// float is a type of numbers that a network is computed in: float32, and
// float64 where gradients are compared with finite differences.
type float interface{ float32 | float64 }

// multiply is a product as BLAS has it.
type multiply[T float] func(tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)

// outer computes c = aᵀ·b, m×n, of a (k×m) and b (k×n), of which many elements
// are zero.
type outer[T float] func(m, n, k int, a, b, c []T)

// network is the numbers of a perceptron: features, hidden layers, scores.
type network[T float] struct {
	sizes  []int
	values []T // all numbers; those of layers are parts of it
	layers []layer[T]
}

// layer is max(x·w + b, 0), or x·w + b of scores.
type layer[T float] struct {
	w []T // in×out
	b []T // out
}

func newNetwork[T float](sizes []int) *network[T] {
	total := 0
	for i := 1; i < len(sizes); i++ {
		total += (sizes[i-1] + 1) * sizes[i]
	}
	n := &network[T]{sizes: sizes, values: make([]T, total)}
	n.layers = n.of(n.values)
	return n
}

// of cuts numbers like those of n into layers.
func (n *network[T]) of(values []T) []layer[T] {
	var layers []layer[T]
	for i := 1; i < len(n.sizes); i++ {
		in, out := n.sizes[i-1], n.sizes[i]
		layers = append(layers, layer[T]{values[: in*out : in*out], values[in*out : (in+1)*out : (in+1)*out]})
		values = values[(in+1)*out:]
	}
	return layers
}

// draw gives all numbers of a layer values between ±1/√in, as PyTorch does.
func (n *network[T]) draw(rng *rand.Rand) {
	for i := range n.layers {
		most := 1 / math.Sqrt(float64(n.sizes[i]))
		for _, values := range [][]T{n.layers[i].w, n.layers[i].b} {
			for j := range values {
				values[j] = T((2*rng.Float64() - 1) * most)
			}
		}
	}
}

// model returns n as a model on features of that standardisation.
func (n *network[T]) model(mean, scale []float64) *head.Perceptron {
	m := &head.Perceptron{Mean: mean, Scale: scale}
	for l := range n.layers {
		in, out := n.sizes[l], n.sizes[l+1]
		to := head.Dense{Weight: make([]float64, out*in), Bias: make([]float64, out)}
		for k, v := range n.layers[l].b {
			to.Bias[k] = float64(v)
		}
		for j := range in {
			for k, v := range n.layers[l].w[j*out : (j+1)*out] {
				w := float64(v)
				if l == 0 {
					w /= scale[j]
					to.Bias[k] -= w * mean[j]
				}
				to.Weight[k*in+j] = w
			}
		}
		m.Layers = append(m.Layers, to)
	}
	return m
}

// backprop computes a network and the gradient of its loss, a batch of rows
// after the other in the same memory.
type backprop[T float] struct {
	net     *network[T]
	gemm    multiply[T]
	outer   outer[T]
	dropout float64    // share of hidden values that is left out
	rng     *rand.Rand // which they are

	out      [][]T // of each layer, rows×out: values; of scores, what residuals make of them
	back     [][]T // of each hidden layer: slopes of the loss
	gradient []T   // like the values of net
	layers   []layer[T]
	p        []float64
}

// newBackprop returns the memory for batches of at most so many rows.
func newBackprop[T float](net *network[T], rows int, product multiply[T]) *backprop[T] {
	b := &backprop[T]{net: net, gemm: product, gradient: make([]T, len(net.values))}
	b.layers = net.of(b.gradient)
	for _, size := range net.sizes[1:] {
		b.out = append(b.out, make([]T, rows*size))
	}
	for _, size := range net.sizes[1 : len(net.sizes)-1] {
		b.back = append(b.back, make([]T, rows*size))
	}
	b.p = make([]float64, net.sizes[len(net.sizes)-1])
	return b
}

// scores returns the scores of n rows x (n×D), in memory that the next batch
// overwrites. Nothing is left out of hidden layers.
func (b *backprop[T]) scores(x []T, n int) []T { return b.forward(x, n, 0) }

func (b *backprop[T]) forward(x []T, n int, dropout float64) []T {
	last := len(b.net.layers) - 1
	for i := range b.net.layers {
		l, in, out := &b.net.layers[i], b.net.sizes[i], b.net.sizes[i+1]
		z := b.out[i][:n*out]
		for r := range n {
			copy(z[r*out:(r+1)*out], l.b)
		}
		b.gemm(blas.NoTrans, blas.NoTrans, n, out, in, 1, x, in, l.w, out, 1, z, out)
		if i < last {
			rectify(z)
			if dropout > 0 {
				b.drop(z, dropout)
			}
		}
		x = z
	}
	return x
}

// drop leaves out a share of z, in steps of 2⁻¹⁶, and makes the others larger
// by as much.
func (b *backprop[T]) drop(z []T, share float64) {
	limit, bits, left := uint64(share*0x1p16), uint64(0), 0
	factor := T(1 / (1 - float64(limit)*0x1p-16))
	for j := range z {
		if left == 0 {
			bits, left = b.rng.Uint64(), 4
		}
		if bits&0xffff < limit {
			z[j] = 0
		} else {
			z[j] *= factor
		}
		bits >>= 16
		left--
	}
}

// step returns the sum of the losses of n rows x (n×D) with targets (n×C), and
// computes the gradient of the loss over n. A row of targets t with the sum s
// has the loss −Σ tₖ·ln pₖ, which for one class is its cross-entropy times s.
func (b *backprop[T]) step(x, targets []T, n int) float64 {
	z := b.forward(x, n, b.dropout)
	loss := b.residuals(z, targets, n)
	last := len(b.net.layers) - 1
	dropped := float64(uint64(b.dropout*0x1p16)) * 0x1p-16
	d := z
	for i := last; i >= 0; i-- {
		in, out, g := b.net.sizes[i], b.net.sizes[i+1], &b.layers[i]
		from := x
		if i > 0 {
			from = b.out[i-1][:n*in]
		}
		if i < last && b.outer != nil { // half of the slopes are cut off
			b.outer(in, out, n, from, d, g.w)
		} else {
			b.gemm(blas.Trans, blas.NoTrans, in, out, n, 1, from, in, d, out, 0, g.w, out)
		}
		clear(g.b)
		for r := range n {
			addTo(g.b, d[r*out:(r+1)*out])
		}
		if i == 0 {
			return loss
		}
		before := b.back[i-1][:n*in]
		b.gemm(blas.NoTrans, blas.Trans, n, in, out, T(1/(1-dropped)), d, out, b.net.layers[i].w, out, 0, before, in)
		cut(before, from)
		d = before
	}
	return loss
}

// addTo adds x to sums.
func addTo[T float](sums, x []T) {
	if s, ok := any(sums).([]float32); ok {
		blas32.Axpy(1, blas32.Vector{N: len(x), Data: any(x).([]float32), Inc: 1}, blas32.Vector{N: len(x), Data: s, Inc: 1})
		return
	}
	for i, v := range x {
		sums[i] += v
	}
}

// rectify cuts values off at zero.
func rectify[T float](z []T) {
	if s, ok := any(z).([]float32); ok {
		simd.Rectify(s)
		return
	}
	for j, v := range z {
		z[j] = max(v, 0)
	}
}

// cut sets slopes to zero where the values of units are: they are cut off, or
// left out.
func cut[T float](slopes, units []T) {
	if s, ok := any(slopes).([]float32); ok {
		simd.Cut(s, any(units).([]float32))
		return
	}
	for j, v := range units[:len(slopes)] {
		if v == 0 {
			slopes[j] = 0
		}
	}
}

// residuals turns scores z (n×C) into the slopes of the loss over n in them,
// and returns the sum of the losses.
func (b *backprop[T]) residuals(z, targets []T, n int) float64 {
	c, loss := len(b.p), 0.0
	share := 1 / float64(n)
	for r := range n {
		z, t := z[r*c:(r+1)*c], targets[r*c:(r+1)*c]
		sum, product := 0.0, 0.0
		for k, v := range z {
			b.p[k] = float64(v)
			sum += float64(t[k])
			product += float64(t[k]) * float64(v)
		}
		loss += sum*softmaxLogTo(b.p) - product
		for k, p := range b.p {
			z[k] = T((sum*p - float64(t[k])) * share)
		}
	}
	return loss
}
