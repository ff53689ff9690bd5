package grad

import (
	"errors"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Reductions and poolings.

// reducedAxes returns the axes that a reduction goes over, ≥ 0 and in order.
func (b *builder) reducedAxes(n *node) ([]int64, error) {
	rank := len(b.shapes[n.in[0]])
	if op := n.GetOpType(); op == "GlobalAveragePool" || op == "GlobalMaxPool" {
		return sequence(2, int64(rank)), nil
	}
	axes := slices.Clone(n.ints("axes"))
	if name := n.input(1); name != "" {
		v, ok := b.integers(name)
		if !ok {
			return nil, errNotConstant
		}
		axes = slices.Clone(v)
	}
	if len(axes) == 0 {
		if n.int("noop_with_empty_axes", 0) != 0 {
			return nil, nil
		}
		return sequence(0, int64(rank)), nil
	}
	for i := range axes {
		var err error
		if axes[i], err = wrap(axes[i], rank); err != nil {
			return nil, err
		}
	}
	slices.Sort(axes)
	return axes, nil
}

// kept returns a reduction's output, or its gradient, with the reduced axes as
// dimensions of size 1.
func (b *builder) kept(y string, xs, axes []int64) string {
	return b.reshape(y, reduced(xs, axes, true)...)
}

// only returns gradients of a node's inputs of which the first alone has one.
func (n *node) only(dX string) []string {
	d := make([]string, len(n.in))
	d[0] = dX
	return d
}

// reduceSum: every summand gets dY.
func reduceSum(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	axes, err := b.reducedAxes(n)
	if err != nil {
		return nil, err
	}
	return n.only(b.expand(b.kept(n.dY[0], xs, axes), xs)), nil
}

// reduceMean, GlobalAveragePool: every one of m summands gets dY/m.
func reduceMean(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	axes, err := b.reducedAxes(n)
	if err != nil {
		return nil, err
	}
	m := int64(1)
	for _, a := range axes {
		m *= xs[a]
	}
	return n.only(b.expand(b.kept(b.scale(n.dY[0], 1/float64(m)), xs, axes), xs)), nil
}

// reduceSumSquare: y = Σ x²; dX = 2 dY ∘ x.
func reduceSumSquare(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	axes, err := b.reducedAxes(n)
	if err != nil {
		return nil, err
	}
	return n.only(b.mul(b.scale(b.kept(n.dY[0], b.shapes[x], axes), 2), x)), nil
}

// smallest is the smallest normal float32.
const smallest = 0x1p-126

// reduceL2: y = √Σ x²; dX = dY ∘ x / y, and 0 where x is.
func reduceL2(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	xs := b.shapes[x]
	axes, err := b.reducedAxes(n)
	if err != nil {
		return nil, err
	}
	return n.only(b.mul(b.kept(b.div(n.dY[0], b.binary("Max", n.out[0], b.scalar(smallest))), xs, axes), x)), nil
}

// reduceExtreme (ReduceMax, ReduceMin, GlobalMaxPool): the elements that are
// the extreme share dY.
func reduceExtreme(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	xs := b.shapes[x]
	axes, err := b.reducedAxes(n)
	if err != nil {
		return nil, err
	}
	is := b.number(b.binary("Equal", x, b.kept(n.out[0], xs, axes)))
	count := is
	if len(axes) > 0 {
		count = b.sum(is, true, axes...)
	}
	return n.only(b.mul(b.div(b.kept(n.dY[0], xs, axes), count), is)), nil
}

// bound returns behind which place of each dimension nothing counts, padding or
// not: with ceil_mode a window of n may reach beyond its padding.
func (w *window) bound(n *node) []int64 {
	bound := slices.Clone(w.in)
	pads := n.ints("pads")
	for i := range bound {
		switch n.string("auto_pad", "NOTSET") {
		case "SAME_UPPER", "SAME_LOWER":
			bound[i] += max(w.end(i), 0)
		case "NOTSET", "":
			if pads != nil {
				bound[i] += pads[len(bound)+i]
			}
		}
	}
	return bound
}

// averagePool: y[o] = Σ_t x[o·s + t·d - p] / m[o], m how many count; dX is what
// a transposed convolution by ones gives of dY/m, every channel of every sample
// by itself.
func averagePool(b *builder, n *node) ([]string, error) {
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	win, err := n.window(nil, xs, ys)
	if err != nil {
		return nil, err
	}
	padded := n.int("count_include_pad", 0) != 0
	// m is a product: how many count along each dimension.
	inv := []float32{1}
	bound := win.bound(n)
	win.kernel = slices.Clone(win.kernel)
	for i, k := range win.kernel {
		// What the first output does not reach, none does.
		if last := win.in[i] + win.begin[i]; win.dilation[i] == 1 && k > last {
			win.kernel[i] = last
		}
		var next []float32
		for _, v := range inv {
			for o := range win.out[i] {
				m := int64(0)
				for t := range k {
					if p := o*win.stride[i] + t*win.dilation[i] - win.begin[i]; p < bound[i] && (padded || p >= 0 && p < win.in[i]) {
						m++
					}
				}
				next = append(next, v/float32(m))
			}
		}
		inv = next
	}
	each := b.mul(n.dY[0], b.floats(inv, slices.Concat([]int64{1, 1}, win.out)...))
	each = b.reshape(each, slices.Concat([]int64{xs[0] * xs[1], 1}, win.out)...)
	taps := b.floats(slices.Repeat([]float32{1}, int(product(win.kernel))), slices.Concat([]int64{1, 1}, win.kernel)...)
	return []string{b.reshape(b.convTranspose(each, taps, 1, 1, win), xs...)}, nil
}

// maxPool: dY goes to the element that was the largest. The node of the forward
// pass gives its index as a further output, counted over the whole tensor.
func maxPool(b *builder, n *node) ([]string, error) {
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	if len(xs) < 3 {
		return nil, fmt.Errorf("an input of shape %v", xs)
	}
	if n.int("storage_order", 0) != 0 {
		return nil, errors.New("storage_order is not 0")
	}
	forward := b.made[n.out[0]]
	if len(forward.Output) < 2 {
		forward.Output = append(forward.Output, "")
	}
	if forward.Output[1] == "" {
		forward.Output[1] = b.name(n.out[0] + "/index")
		b.made[forward.Output[1]] = forward
	}
	index := forward.Output[1]
	b.shapes[index] = ys
	all := []int64{product(xs)}
	dX := b.op("ScatterElements", all,
		[]string{b.zeros(all), b.reshape(index, product(ys)), b.reshape(n.dY[0], product(ys))},
		onnx.IntAttribute("axis", 0), stringAttribute("reduction", "add"))
	return []string{b.reshape(dX, xs...)}, nil
}
