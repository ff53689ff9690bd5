package grad

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Operators that move elements. Their gradients move them back, and add up what
// came from the same element.

// reshape (Flatten, Squeeze, Unsqueeze): dX is dY with x's shape.
func reshape(b *builder, n *node) ([]string, error) {
	return n.only(b.reshape(n.dY[0], b.shapes[n.in[0]]...)), nil
}

// transpose: dX is dY with the inverse permutation.
func transpose(b *builder, n *node) ([]string, error) {
	rank := int64(len(b.shapes[n.in[0]]))
	perm := n.ints("perm")
	if perm == nil {
		perm = sequence(0, rank)
		slices.Reverse(perm)
	}
	if !slices.Equal(slices.Sorted(slices.Values(perm)), sequence(0, rank)) {
		return nil, fmt.Errorf("perm %v of a tensor of rank %d", perm, rank)
	}
	return []string{b.transpose(n.dY[0], inverse(perm)...)}, nil
}

// concat: every input gets its part of dY.
func concat(b *builder, n *node) ([]string, error) {
	axis, err := n.axis(0, len(b.shapes[n.out[0]]))
	if err != nil {
		return nil, err
	}
	if len(n.in) == 1 {
		return []string{n.dY[0]}, nil
	}
	shapes, sizes := make([][]int64, len(n.in)), make([]int64, len(n.in))
	for i, x := range n.in {
		shapes[i] = b.shapes[x]
		sizes[i] = shapes[i][axis]
	}
	// The node keeps all its outputs: without one the runtime crashes.
	parts := slices.Clone(b.ops("Split", shapes, []string{n.dY[0], b.int64s(sizes...)}, onnx.IntAttribute("axis", axis)))
	for i := range parts {
		if !n.need[i] {
			parts[i] = ""
		}
	}
	return parts, nil
}

// split: dX is the outputs' gradients one behind the other, zeros for one that
// nothing was made of.
func split(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	axis, err := n.axis(0, len(xs))
	if err != nil {
		return nil, err
	}
	parts := slices.Clone(n.dY)
	for i, d := range parts {
		if d == "" {
			parts[i] = b.zeros(b.shapes[n.out[i]])
		}
	}
	if len(parts) == 1 {
		return n.only(parts[0]), nil
	}
	return n.only(b.op("Concat", xs, parts, onnx.IntAttribute("axis", axis))), nil
}

// slice: dX is dY at the places that were taken and 0 elsewhere.
func slice(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	var given [4][]int64 // starts, ends, axes, steps
	for i := range given {
		name := n.input(i + 1)
		if name == "" {
			continue
		}
		v, ok := b.integers(name)
		if !ok {
			return nil, errNotConstant
		}
		given[i] = v
	}
	starts, ends, axes, steps := given[0], given[1], given[2], given[3]
	if axes == nil {
		axes = sequence(0, int64(len(starts)))
	}
	if steps == nil {
		steps = ones(int64(len(starts)))
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || len(steps) != len(starts) {
		return nil, errors.New("its starts, ends, axes and steps are not of one length")
	}
	dX := n.dY[0]
	for i := range starts {
		axis, err := wrap(axes[i], len(xs))
		if err != nil {
			return nil, err
		}
		indices := sliced(xs[axis], starts[i], ends[i], steps[i])
		if int64(len(indices)) != b.shapes[dX][axis] {
			return nil, fmt.Errorf("%d elements along axis %d, not %d", b.shapes[dX][axis], axis, len(indices))
		}
		dX = b.spread(dX, axis, xs[axis], indices)
	}
	return n.only(dX), nil
}

// sliced returns the indices that a slice of n elements takes, by the
// definition of Slice: negative bounds count from the end, and all are clamped.
func sliced(n, start, end, step int64) []int64 {
	bound := func(v, lo, hi int64) int64 {
		if v < 0 {
			v = max(v, math.MinInt64+n) + n
		}
		return min(max(v, lo), hi)
	}
	var out []int64
	switch {
	case step > 0:
		for i := bound(start, 0, n); i < bound(end, 0, n); i += min(step, n) {
			out = append(out, i)
		}
	case step < 0:
		for i := bound(start, 0, n-1); i > bound(end, -1, n-1); i += max(step, -n) {
			out = append(out, i)
		}
	}
	return out
}

// pad with zeros: dX is dY without the margins. Negative margins of the forward
// pass become positive ones.
func pad(b *builder, n *node) ([]string, error) {
	if mode := n.string("mode", "constant"); mode != "constant" {
		return nil, fmt.Errorf("mode is %s", quote(mode))
	}
	pads, ok := b.integers(n.input(1))
	if !ok {
		return nil, errNotConstant
	}
	rank := len(b.shapes[n.in[0]])
	axes := sequence(0, int64(rank))
	if name := n.input(3); name != "" {
		if axes, ok = b.integers(name); !ok {
			return nil, errNotConstant
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, fmt.Errorf("%d pads for %d axes", len(pads), len(axes))
	}
	before, after := make([]int64, rank), make([]int64, rank)
	for i, a := range axes {
		a, err := wrap(a, rank)
		if err != nil {
			return nil, err
		}
		before[a], after[a] = -pads[i], -pads[i+len(axes)]
	}
	return n.only(b.pad(n.dY[0], before, after)), nil
}

// expand: dX = Σ dY.
func expand(b *builder, n *node) ([]string, error) {
	return n.only(b.unbroadcast(n.dY[0], b.shapes[n.in[0]])), nil
}

// tile: dX = Σ dY over the copies.
func tile(b *builder, n *node) ([]string, error) {
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	var shape, axes []int64
	for i, d := range xs {
		if d == 0 {
			return nil, fmt.Errorf("an input of shape %v", xs)
		}
		if r := ys[i] / d; r > 1 {
			axes = append(axes, int64(len(shape)))
			shape = append(shape, r)
		}
		shape = append(shape, d)
	}
	if len(axes) == 0 {
		return n.only(n.dY[0]), nil
	}
	return n.only(b.reshape(b.sum(b.reshape(n.dY[0], shape...), false, axes...), xs...)), nil
}
