package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// gather: y takes slices of x along an axis, some perhaps more than once, some
// not at all; dX[i] = Σ dY over the places where i was taken. The gradient of
// an embedding table is dense.
func gather(b *builder, n *node) ([]string, error) {
	x, index, dY := n.in[0], n.in[1], n.dY[0]
	xs, is := b.shapes[x], b.shapes[index]
	axis, err := n.axis(0, len(xs))
	if err != nil {
		return nil, err
	}
	before, after := xs[:axis], xs[axis+1:]
	count := product(is)
	dY = b.reshape(dY, slices.Concat(before, []int64{count}, after)...)

	if v, ok := b.integers(index); ok {
		v = slices.Clone(v)
		seen := make(map[int64]bool, len(v))
		for i := range v {
			if v[i] < 0 {
				v[i] += xs[axis]
			}
			seen[v[i]] = true
		}
		if len(seen) == len(v) {
			return n.only(b.spread(dY, axis, xs[axis], v)), nil
		}
	}

	// Rows of the axis are added up: [count, rest] onto [size, rest]. ScatterND
	// takes an index a row, but ONNX Runtime adds its rows on several threads
	// with nothing between them:
	// https://github.com/microsoft/onnxruntime/issues/23396.
	rest := product(before) * product(after)
	rows := b.reshape(dY, product(before), count, product(after))
	rows = b.reshape(b.transpose(rows, 1, 0, 2), count, rest)
	where := b.expand(b.reshape(index, count, 1), []int64{count, rest})
	sum := b.op("ScatterElements", []int64{xs[axis], rest}, []string{b.zeros([]int64{xs[axis], rest}), where, rows},
		onnx.IntAttribute("axis", 0), stringAttribute("reduction", "add"))
	sum = b.transpose(b.reshape(sum, xs[axis], product(before), product(after)), 1, 0, 2)
	return n.only(b.reshape(sum, xs...)), nil
}

// gatherElements: y[…i…] = x[…index[…i…]…] along an axis, the other places the
// same; dX = Σ dY over the places where an element was taken.
func gatherElements(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	axis, err := n.axis(0, len(xs))
	if err != nil {
		return nil, err
	}
	return n.only(b.op("ScatterElements", xs, []string{b.zeros(xs), n.in[1], n.dY[0]},
		onnx.IntAttribute("axis", axis), stringAttribute("reduction", "add"))), nil
}

// scatterElements: y is x, but for the places that the index names, where it is
// u, or x + u if the reduction is add. dU is dY at these places; dX is dY, but
// 0 there unless the two are added.
func scatterElements(b *builder, n *node) ([]string, error) {
	xs, us := b.shapes[n.in[0]], b.shapes[n.in[1]]
	axis, err := n.axis(0, len(xs))
	if err != nil {
		return nil, err
	}
	d := make([]string, len(n.in))
	along := onnx.IntAttribute("axis", axis)
	switch reduction := n.string("reduction", "none"); reduction {
	case "none":
		if n.need[0] {
			d[0] = b.op("ScatterElements", xs, []string{n.dY[0], n.in[1], b.zeros(us)}, along)
		}
	case "add":
		d[0] = n.dY[0]
	default:
		return nil, fmt.Errorf("reduction is %s", quote(reduction))
	}
	if n.wants(2) {
		d[2] = b.op("GatherElements", us, []string{n.dY[0], n.in[1]}, along)
	}
	return d, nil
}
