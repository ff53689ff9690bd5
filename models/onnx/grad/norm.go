package grad

import (
	"errors"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// softmax: dX = y ∘ (dY - Σ dY ∘ y), the sum along the axis. Bridle,
// Probabilistic interpretation of feedforward classification network outputs,
// 1990.
func softmax(b *builder, n *node) ([]string, error) {
	y := n.out[0]
	axis, err := n.axis(-1, len(b.shapes[y]))
	if err != nil {
		return nil, err
	}
	// A row of minus infinities alone, of a token that attends to nothing, is
	// not a number. Exporters put zeros in its place (Where, IsNaN), so that
	// nothing flows back to it.
	for _, m := range b.nodes {
		if m.GetOpType() == "IsNaN" && standard(m) && m.GetInput()[0] == y {
			y = b.op("Where", b.shapes[y], []string{m.GetOutput()[0], b.scalar(0), y})
			break
		}
	}
	t := b.mul(n.dY[0], y)
	return []string{b.sub(t, b.mul(y, b.sum(t, true, axis)))}, nil
}

// logSoftmax: dX = dY - eʸ ∘ Σ dY, the sum along the axis.
func logSoftmax(b *builder, n *node) ([]string, error) {
	y := n.out[0]
	axis, err := n.axis(-1, len(b.shapes[y]))
	if err != nil {
		return nil, err
	}
	return []string{b.sub(n.dY[0], b.mul(b.unary("Exp", y), b.sum(n.dY[0], true, axis)))}, nil
}

// normalized is x̂ = (x - mean) ∘ inv, where inv is 1/√(variance + ε), and what
// a gradient goes back through: over axes,
//
//	dX = inv ∘ (g - mean(g) - x̂ ∘ mean(g ∘ x̂)), g the gradient of x̂.
//
// Ba, Kiros and Hinton, Layer Normalization, arXiv:1607.06450; the derivation
// is that of Ioffe and Szegedy, arXiv:1502.03167, section 3.
type normalized struct {
	hat, inv string
	axes     []int64
}

func (b *builder) normalizedBack(z *normalized, g string) string {
	m := b.mean(g, z.axes...)
	mx := b.mean(b.mul(g, z.hat), z.axes...)
	return b.mul(b.sub(b.sub(g, m), b.mul(z.hat, mx)), z.inv)
}

// normalize computes x̂ anew.
func (b *builder) normalize(x string, epsilon float64, axes []int64) *normalized {
	c := b.sub(x, b.mean(x, axes...))
	v := b.mean(b.mul(c, c), axes...)
	inv := b.unary("Reciprocal", b.unary("Sqrt", b.add(v, b.scalar(epsilon))))
	return &normalized{hat: b.mul(c, inv), inv: inv, axes: axes}
}

// layerNormalization: y = x̂ ∘ s + b, x̂ over the last dimensions from axis on;
// dX as in normalized with g = dY ∘ s, dS = Σ dY ∘ x̂, dB = Σ dY. The node of
// the forward pass gives mean and inv as further outputs.
func layerNormalization(b *builder, n *node) ([]string, error) {
	x, s := n.in[0], n.in[1]
	xs := b.shapes[x]
	axis, err := n.axis(-1, len(xs))
	if err != nil {
		return nil, err
	}
	if n.int("stash_type", int64(pb.TensorProto_FLOAT)) != int64(pb.TensorProto_FLOAT) {
		return nil, errors.New("its mean is not computed in FLOAT")
	}
	axes := sequence(axis, int64(len(xs)))
	forward := b.made[n.out[0]]
	stat := reduced(xs, axes, true)
	for len(forward.Output) < 3 {
		forward.Output = append(forward.Output, "")
	}
	for i, what := range []string{"mean", "inv"} {
		if forward.Output[i+1] == "" {
			forward.Output[i+1] = b.name(n.out[0] + "/" + what)
			b.made[forward.Output[i+1]] = forward
		}
		b.shapes[forward.Output[i+1]] = stat
	}
	z := &normalized{axes: axes, inv: forward.Output[2]}
	z.hat = b.mul(b.sub(x, forward.Output[1]), z.inv)
	d := make([]string, len(n.in))
	if n.need[0] {
		d[0] = b.normalizedBack(z, b.mul(n.dY[0], s))
	}
	if n.need[1] {
		d[1] = b.unbroadcast(b.mul(n.dY[0], z.hat), b.shapes[s])
	}
	if n.wants(2) {
		d[2] = b.unbroadcast(n.dY[0], b.shapes[n.in[2]])
	}
	return d, nil
}

// rmsNormalization: y = x̂ ∘ s, x̂ = x ∘ inv, inv = 1/√(mean(x²) + ε) over the
// last dimensions from axis on; dX = inv ∘ (g - x̂ ∘ mean(g ∘ x̂)) with g = dY
// ∘ s, dS = Σ dY ∘ x̂. Zhang and Sennrich, Root Mean Square Layer
// Normalization, arXiv:1910.07467.
func rmsNormalization(b *builder, n *node) ([]string, error) {
	x, s := n.in[0], n.in[1]
	axis, err := n.axis(-1, len(b.shapes[x]))
	if err != nil {
		return nil, err
	}
	axes := sequence(axis, int64(len(b.shapes[x])))
	square := b.mean(b.mul(x, x), axes...)
	inv := b.unary("Reciprocal", b.unary("Sqrt", b.add(square, b.scalar(n.float("epsilon", 1e-5)))))
	hat := b.mul(x, inv)
	d := make([]string, 2)
	if n.need[0] {
		g := b.mul(n.dY[0], s)
		d[0] = b.mul(b.sub(g, b.mul(hat, b.mean(b.mul(g, hat), axes...))), inv)
	}
	if n.need[1] {
		d[1] = b.unbroadcast(b.mul(n.dY[0], hat), b.shapes[s])
	}
	return d, nil
}

// instanceNormalization: y = x̂ ∘ s + b, x̂ over space, s and b a value a
// channel; gradients as for layerNormalization.
func instanceNormalization(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	r := int64(len(xs))
	if r < 3 {
		return nil, fmt.Errorf("an input of shape %v", xs)
	}
	return b.groupwise(n, xs, slices.Concat([]int64{xs[1]}, ones(r-2)), sequence(2, r), n.float("epsilon", 1e-5))
}

// groupNormalization: y = x̂ ∘ s + b, x̂ over space and the channels of a
// group; gradients as for layerNormalization. Wu and He, Group Normalization,
// arXiv:1803.08494.
func groupNormalization(b *builder, n *node) ([]string, error) {
	xs := b.shapes[n.in[0]]
	groups := n.int("num_groups", 0)
	if len(xs) < 3 || groups < 1 || xs[1]%groups != 0 {
		return nil, fmt.Errorf("an input of shape %v in %d groups", xs, groups)
	}
	per := xs[1] / groups
	scale := []int64{groups, per, 1}
	if b.opset < 21 { // one value a group, from then on one a channel
		scale = []int64{groups, 1, 1}
	}
	return b.groupwise(n, []int64{xs[0], groups, per, product(xs[2:])}, scale, []int64{2, 3}, n.float("epsilon", 1e-5))
}

// groupwise normalises over axes of x with one shape, and scales and shifts
// with values of another.
func (b *builder) groupwise(n *node, shape, scale, axes []int64, epsilon float64) ([]string, error) {
	x, s := n.in[0], n.in[1]
	dY := b.reshape(n.dY[0], shape...)
	z := b.normalize(b.reshape(x, shape...), epsilon, axes)
	d := make([]string, len(n.in))
	if n.need[0] {
		d[0] = b.reshape(b.normalizedBack(z, b.mul(dY, b.reshape(s, scale...))), b.shapes[x]...)
	}
	if n.wants(1) {
		d[1] = b.reshape(b.unbroadcast(b.mul(dY, z.hat), scale), b.shapes[s]...)
	}
	if n.wants(2) {
		d[2] = b.reshape(b.unbroadcast(dY, scale), b.shapes[n.in[2]]...)
	}
	return d, nil
}

func ones(n int64) []int64 { return slices.Repeat([]int64{1}, int(n)) }

// batchNormalization, in inference: y = (x - m) ∘ s / √(v + ε) + b, where mean
// m and variance v are constants; dX = dY ∘ s / √(v + ε), dS = Σ dY ∘ (x - m)
// / √(v + ε), dB = Σ dY. Ioffe and Szegedy, arXiv:1502.03167. In training
// form, by which BiT standardises its filters, gradients are as for
// layerNormalization.
func batchNormalization(b *builder, n *node) ([]string, error) {
	more := len(n.out) > 1 && slices.ContainsFunc(n.out[1:], func(s string) bool { return s != "" })
	if n.int("training_mode", 0) != 0 || more {
		xs := b.shapes[n.in[0]]
		if len(xs) < 2 || slices.ContainsFunc(n.dY[1:], func(s string) bool { return s != "" }) {
			return nil, errors.New("it is in training mode")
		}
		r := int64(len(xs))
		d, err := b.groupwise(n, xs, slices.Concat([]int64{xs[1]}, ones(r-2)), append([]int64{0}, sequence(2, r)...), n.float("epsilon", 1e-5))
		for i := 3; err == nil && i < 5; i++ { // what it is told of mean and variance does not count
			if n.wants(i) {
				d[i] = b.mul(n.in[i], b.scalar(0))
			}
		}
		return d, err
	}
	if n.wants(3) || n.wants(4) {
		return nil, errors.New("its statistics depend on trained weights")
	}
	x, s := n.in[0], n.in[1]
	xs := b.shapes[x]
	if len(xs) < 2 {
		return nil, fmt.Errorf("an input of shape %v", xs)
	}
	column := slices.Concat([]int64{xs[1]}, ones(int64(len(xs)-2)))
	inv := b.unary("Reciprocal", b.unary("Sqrt", b.add(n.in[4], b.scalar(n.float("epsilon", 1e-5)))))
	d := make([]string, len(n.in))
	if n.need[0] {
		d[0] = b.mul(n.dY[0], b.reshape(b.mul(s, inv), column...))
	}
	if n.need[1] {
		hat := b.mul(b.sub(x, b.reshape(n.in[3], column...)), b.reshape(inv, column...))
		d[1] = b.reshape(b.unbroadcast(b.mul(n.dY[0], hat), column), b.shapes[s]...)
	}
	if n.need[2] {
		d[2] = b.reshape(b.unbroadcast(n.dY[0], column), b.shapes[n.in[2]]...)
	}
	return d, nil
}
