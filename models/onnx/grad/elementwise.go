package grad

import (
	"errors"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Operators that work element by element. The formulas are the derivatives of
// the operators' definitions, https://onnx.ai/onnx/operators/, unless a source
// is named. Where the derivative jumps, it is the one that PyTorch takes inside
// the interval, and 0 at its ends.

// identity: dX = dY. It is the gradient of Cast as well, which leaves float32
// as it is; what leads to another type has no gradient, see Build.
func identity(b *builder, n *node) ([]string, error) { return []string{n.dY[0]}, nil }

// dropout: as in inference, dX = dY.
func dropout(b *builder, n *node) ([]string, error) {
	if name := n.input(2); name != "" {
		if t := b.graph.Constants[name]; t == nil || len(t.Bool) != 1 || t.Bool[0] {
			return nil, errors.New("it is in training mode")
		}
	}
	return []string{n.dY[0]}, nil
}

// add: y = Σᵢ xᵢ; dXᵢ = Σ dY.
func add(b *builder, n *node) ([]string, error) {
	d := make([]string, len(n.in))
	for i, x := range n.in {
		if n.need[i] {
			d[i] = b.unbroadcast(n.dY[0], b.shapes[x])
		}
	}
	return d, nil
}

// sub: y = a - b; dA = Σ dY, dB = -Σ dY.
func sub(b *builder, n *node) ([]string, error) {
	d := make([]string, 2)
	if n.need[0] {
		d[0] = b.unbroadcast(n.dY[0], b.shapes[n.in[0]])
	}
	if n.need[1] {
		d[1] = b.unary("Neg", b.unbroadcast(n.dY[0], b.shapes[n.in[1]]))
	}
	return d, nil
}

// mul: y = a ∘ b; dA = Σ dY ∘ b, dB = Σ dY ∘ a.
func mul(b *builder, n *node) ([]string, error) {
	d := make([]string, 2)
	for i := range d {
		if n.need[i] {
			d[i] = b.unbroadcast(b.mul(n.dY[0], n.in[1-i]), b.shapes[n.in[i]])
		}
	}
	return d, nil
}

// div: y = a / b; dA = Σ dY / b, dB = -Σ dY ∘ y / b.
func div(b *builder, n *node) ([]string, error) {
	d := make([]string, 2)
	q := b.div(n.dY[0], n.in[1])
	if n.need[0] {
		d[0] = b.unbroadcast(q, b.shapes[n.in[0]])
	}
	if n.need[1] {
		d[1] = b.unary("Neg", b.unbroadcast(b.mul(q, n.out[0]), b.shapes[n.in[1]]))
	}
	return d, nil
}

// pow: y = x^p; dX = Σ dY ∘ p x^(p-1), dP = Σ dY ∘ y ln x.
func pow(b *builder, n *node) ([]string, error) {
	x, p := n.in[0], n.in[1]
	d := make([]string, 2)
	if n.need[0] {
		var slope string
		switch v, ok := b.value(p); {
		case ok && v == 2:
			slope = b.scale(x, 2)
		case ok:
			slope = b.scale(b.binary("Pow", x, b.scalar(v-1)), v)
		default:
			if b.graph.Types[p] != pb.TensorProto_FLOAT {
				p = b.number(p)
			}
			slope = b.mul(b.binary("Pow", x, b.sub(p, b.scalar(1))), p)
		}
		d[0] = b.unbroadcast(b.mul(n.dY[0], slope), b.shapes[x])
	}
	if n.need[1] {
		d[1] = b.unbroadcast(b.mul(b.mul(n.dY[0], n.out[0]), b.unary("Log", x)), b.shapes[p])
	}
	return d, nil
}

// extreme (Max, Min): the inputs that are the extreme share dY.
func extreme(b *builder, n *node) ([]string, error) {
	d := make([]string, len(n.in))
	if len(n.in) == 1 {
		d[0] = n.dY[0]
		return d, nil
	}
	is := make([]string, len(n.in))
	var count string
	for i, x := range n.in {
		is[i] = b.number(b.binary("Equal", x, n.out[0]))
		if i == 0 {
			count = is[i]
		} else {
			count = b.add(count, is[i])
		}
	}
	share := b.div(n.dY[0], count)
	for i, x := range n.in {
		if n.need[i] {
			d[i] = b.unbroadcast(b.mul(share, is[i]), b.shapes[x])
		}
	}
	return d, nil
}

// where: y = c ? a : b; dA = Σ c ∘ dY, dB = Σ (1-c) ∘ dY.
func where(b *builder, n *node) ([]string, error) {
	d := make([]string, 3)
	if n.need[1] {
		d[1] = b.unbroadcast(b.masked(n.dY[0], n.in[0]), b.shapes[n.in[1]])
	}
	if n.need[2] {
		d[2] = b.unbroadcast(b.masked(n.dY[0], b.unary("Not", n.in[0])), b.shapes[n.in[2]])
	}
	return d, nil
}

// between returns where lo < y < hi, as booleans. Masks are made from the
// output of an operator, so that the runtime may fuse it into the one before.
func (b *builder) between(y, lo, hi string) string {
	switch {
	case lo == "":
		return b.binary("Less", y, hi)
	case hi == "":
		return b.binary("Greater", y, lo)
	}
	return b.binary("And", b.binary("Greater", y, lo), b.binary("Less", y, hi))
}

// relu: y = max(x, 0); dX = dY ∘ [y > 0].
func relu(b *builder, n *node) ([]string, error) {
	return []string{b.masked(n.dY[0], b.between(n.out[0], b.scalar(0), ""))}, nil
}

// clip: y = min(max(x, lo), hi); dX = dY ∘ [lo < y < hi].
func clip(b *builder, n *node) ([]string, error) {
	d := make([]string, len(n.in))
	lo, hi := n.input(1), n.input(2)
	if n.wants(1) || n.wants(2) {
		return nil, errors.New("its bounds depend on trained weights")
	}
	d[0] = n.dY[0]
	if lo != "" || hi != "" {
		d[0] = b.masked(n.dY[0], b.between(n.out[0], lo, hi))
	}
	return d, nil
}

// leakyRelu: y = x ≥ 0 ? x : αx; dX = dY ∘ (α + (1-α)[x > 0]).
func leakyRelu(b *builder, n *node) ([]string, error) {
	alpha := n.float("alpha", 0.01)
	up := b.number(b.between(n.in[0], b.scalar(0), ""))
	return []string{b.mul(n.dY[0], b.add(b.scale(up, 1-alpha), b.scalar(alpha)))}, nil
}

// prelu: y = x ≥ 0 ? x : s ∘ x; dX = dY ∘ (x < 0 ? s : 1), dS = Σ dY ∘ min(x,
// 0).
func prelu(b *builder, n *node) ([]string, error) {
	x, s := n.in[0], n.in[1]
	d := make([]string, 2)
	if n.need[0] {
		down := b.number(b.between(x, "", b.scalar(0)))
		d[0] = b.mul(n.dY[0], b.add(b.mul(down, b.sub(s, b.scalar(1))), b.scalar(1)))
	}
	if n.need[1] {
		d[1] = b.unbroadcast(b.mul(n.dY[0], b.binary("Min", x, b.scalar(0))), b.shapes[s])
	}
	return d, nil
}

// elu: y = x > 0 ? x : α(eˣ-1); dX = dY ∘ (x > 0 ? 1 : y + α).
func elu(b *builder, n *node) ([]string, error) {
	x, y := n.in[0], n.out[0]
	up := b.number(b.between(x, b.scalar(0), ""))
	down := b.sub(b.scalar(1), up)
	slope := b.add(up, b.mul(down, b.add(y, b.scalar(n.float("alpha", 1)))))
	return []string{b.mul(n.dY[0], slope)}, nil
}

// softplus: y = ln(1 + eˣ); dX = dY ∘ σ(x).
func softplus(b *builder, n *node) ([]string, error) {
	return []string{b.mul(n.dY[0], b.unary("Sigmoid", n.in[0]))}, nil
}

// sigmoid: y = σ(x); dX = dY ∘ y ∘ (1 - y).
func sigmoid(b *builder, n *node) ([]string, error) {
	t := b.mul(n.dY[0], n.out[0])
	return []string{b.sub(t, b.mul(t, n.out[0]))}, nil
}

// hardSigmoid: y = min(max(αx + β, 0), 1); dX = α dY ∘ [0 < y < 1].
func hardSigmoid(b *builder, n *node) ([]string, error) {
	inside := b.number(b.between(n.out[0], b.scalar(0), b.scalar(1)))
	return []string{b.mul(n.dY[0], b.scale(inside, n.float("alpha", 0.2)))}, nil
}

// hardSwish: y = x h(x), h(x) = min(max(x/6 + ½, 0), 1);
// dX = dY ∘ (h(x) + x/6 [-3 < x < 3]).
func hardSwish(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	h := b.unary("HardSigmoid", x, floatAttribute("alpha", 1./6), floatAttribute("beta", 0.5))
	slope := b.add(h, b.masked(b.scale(x, 1./6), b.between(x, b.scalar(-3), b.scalar(3))))
	return []string{b.mul(n.dY[0], slope)}, nil
}

// tanh: dX = dY ∘ (1 - y²).
func tanh(b *builder, n *node) ([]string, error) {
	y := n.out[0]
	return []string{b.sub(n.dY[0], b.mul(n.dY[0], b.mul(y, y)))}, nil
}

// erf: dX = dY ∘ 2/√π exp(-x²).
func erf(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	e := b.unary("Exp", b.unary("Neg", b.mul(x, x)))
	return []string{b.mul(n.dY[0], b.scale(e, 2/math.Sqrt(math.Pi)))}, nil
}

// gelu: y = x Φ(x), Φ the normal distribution; dX = dY ∘ (Φ(x) + x φ(x)),
// φ(x) = exp(-x²/2)/√(2π). With approximate = "tanh": y = x (1 + t)/2,
// t = tanh(u), u = √(2/π)(x + 0.044715 x³);
// dX = dY ∘ ((1 + t)/2 + x (1 - t²)/2 ∘ u'), u' = √(2/π)(1 + 3·0.044715 x²).
// Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv:1606.08415.
func gelu(b *builder, n *node) ([]string, error) {
	x := n.in[0]
	square := b.mul(x, x)
	var slope string
	switch a := n.string("approximate", "none"); a {
	case "none":
		cdf := b.scale(b.add(b.unary("Erf", b.scale(x, math.Sqrt2/2)), b.scalar(1)), 0.5)
		pdf := b.scale(b.unary("Exp", b.scale(square, -0.5)), 1/math.Sqrt(2*math.Pi))
		slope = b.add(cdf, b.mul(x, pdf))
	case "tanh":
		c := math.Sqrt(2 / math.Pi)
		u := b.mul(x, b.add(b.scale(square, c*0.044715), b.scalar(c)))
		t := b.unary("Tanh", u)
		du := b.add(b.scale(square, 3*c*0.044715), b.scalar(c))
		bell := b.sub(b.scalar(1), b.mul(t, t))
		slope = b.scale(b.add(b.add(t, b.scalar(1)), b.mul(b.mul(x, bell), du)), 0.5)
	default:
		return nil, errors.New("approximate is " + quote(a))
	}
	return []string{b.mul(n.dY[0], slope)}, nil
}

// sqrt: dX = dY / 2y.
func sqrt(b *builder, n *node) ([]string, error) {
	return []string{b.div(b.scale(n.dY[0], 0.5), n.out[0])}, nil
}

// exp: dX = dY ∘ y.
func exp(b *builder, n *node) ([]string, error) {
	return []string{b.mul(n.dY[0], n.out[0])}, nil
}

// log: dX = dY / x.
func log(b *builder, n *node) ([]string, error) {
	return []string{b.div(n.dY[0], n.in[0])}, nil
}

// abs: dX = dY ∘ sign x.
func abs(b *builder, n *node) ([]string, error) {
	return []string{b.mul(n.dY[0], b.unary("Sign", n.in[0]))}, nil
}

// neg: dX = -dY.
func neg(b *builder, n *node) ([]string, error) {
	return []string{b.unary("Neg", n.dY[0])}, nil
}

// reciprocal: y = 1/x; dX = -dY ∘ y².
func reciprocal(b *builder, n *node) ([]string, error) {
	y := n.out[0]
	return []string{b.unary("Neg", b.mul(n.dY[0], b.mul(y, y)))}, nil
}

// sin: dX = dY ∘ cos x.
func sin(b *builder, n *node) ([]string, error) {
	return []string{b.mul(n.dY[0], b.unary("Cos", n.in[0]))}, nil
}

// cos: dX = -dY ∘ sin x.
func cos(b *builder, n *node) ([]string, error) {
	return []string{b.unary("Neg", b.mul(n.dY[0], b.unary("Sin", n.in[0])))}, nil
}
