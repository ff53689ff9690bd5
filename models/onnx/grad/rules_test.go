//go:build cgo && !windows

package grad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

var (
	intA  = onnx.IntAttribute
	intsA = onnx.IntsAttribute
)

// between returns a random integer, lo ≤ v ≤ hi.
func (p *problem) between(lo, hi int64) int64 { return lo + p.rng.Int64N(hi-lo+1) }

// dims returns a random shape.
func (p *problem) dims(rank int) []int64 {
	d := make([]int64, rank)
	for i := range d {
		d[i] = p.between(1, 4)
	}
	d[p.rng.IntN(rank)] = p.between(2, 4)
	return d
}

// narrowed returns a shape that broadcasts to dims: some dimensions are 1, some
// at the front missing.
func (p *problem) narrowed(dims []int64) []int64 {
	d := slices.Clone(dims)
	for i := range d {
		if p.rng.IntN(3) == 0 {
			d[i] = 1
		}
	}
	return d[p.rng.IntN(len(d)):]
}

// pair returns two shapes that broadcast, either of which may be the narrower.
func (p *problem) pair() (a, b []int64) {
	a = p.dims(1 + p.rng.IntN(4))
	b = a
	if p.rng.IntN(4) > 0 {
		b = p.narrowed(a)
	}
	if p.rng.IntN(2) == 0 {
		a, b = b, a
	}
	return a, b
}

func elementwiseOf(op string, value func(p *problem) func() float64, attributes ...any) func(p *problem) string {
	return func(p *problem) string {
		x := p.learned(value(p), p.dims(1+p.rng.IntN(4))...)
		return p.op(op, append([]any{x}, attributes...)...)
	}
}

func binaryOf(op string, second func(p *problem) func() float64) func(p *problem) string {
	return func(p *problem) string {
		a, b := p.pair()
		x, y := p.learned(p.apart, a...), p.learned(second(p), b...)
		return p.op(op, x, y)
	}
}

var (
	normal   = func(p *problem) func() float64 { return p.normal }
	apart    = func(p *problem) func() float64 { return p.apart }
	positive = func(p *problem) func() float64 { return p.positive }
)

// convCase makes a convolution of the given number of spatial dimensions.
func convCase(spatial int, group func(p *problem) (group, in, out int64)) func(p *problem) string {
	return func(p *problem) string {
		g, C, K := group(p)
		xs, ws := []int64{p.between(1, 3), C}, []int64{K, C / g}
		strides, dilations, pads := make([]int64, spatial), make([]int64, spatial), make([]int64, 2*spatial)
		for i := range spatial {
			k := p.between(1, 4)
			strides[i], dilations[i] = p.between(1, 3), p.between(1, 2)
			far := (k-1)*dilations[i] + 1
			pads[i], pads[i+spatial] = p.between(0, far-1), p.between(0, far-1)
			xs = append(xs, max(far-pads[i]-pads[i+spatial], 0)+p.between(1, 5))
			ws = append(ws, k)
		}
		x := p.learned(p.normal, xs...)
		parts := []any{x, p.weight(ws...)}
		if p.rng.IntN(3) > 0 {
			parts = append(parts, p.weight(K))
		}
		if g > 1 || p.rng.IntN(2) == 0 {
			parts = append(parts, intA("group", g))
		}
		if p.rng.IntN(4) > 0 {
			parts = append(parts, intsA("strides", strides...))
		}
		if p.rng.IntN(3) == 0 {
			parts = append(parts, intsA("dilations", dilations...), intsA("pads", pads...))
			return p.op("Conv", parts...)
		}
		switch p.rng.IntN(4) {
		case 0:
			parts = append(parts, stringAttribute("auto_pad", "SAME_UPPER"))
		case 1:
			parts = append(parts, stringAttribute("auto_pad", "SAME_LOWER"))
		default:
			parts = append(parts, intsA("pads", pads...), intsA("kernel_shape", ws[2:]...))
		}
		return p.op("Conv", parts...)
	}
}

func poolCase(op string, padded bool) func(p *problem) string {
	return func(p *problem) string {
		r := 1 + p.rng.IntN(2)
		xs := []int64{p.between(1, 2), p.between(1, 3)}
		kernel, strides, pads := make([]int64, r), make([]int64, r), make([]int64, 2*r)
		for i := range r {
			kernel[i] = p.between(1, 3)
			strides[i] = p.between(1, kernel[i])
			pads[i], pads[i+r] = p.between(0, kernel[i]-1), p.between(0, kernel[i]-1)
			xs = append(xs, kernel[i]+p.between(1, 5))
		}
		parts := []any{p.learned(p.normal, xs...), intsA("kernel_shape", kernel...), intsA("strides", strides...)}
		switch k := p.rng.IntN(4); {
		case padded:
			parts = append(parts, intsA("pads", pads...), intA("count_include_pad", 1), intA("ceil_mode", int64(k/2)))
		case k == 0:
			parts = append(parts, stringAttribute("auto_pad", "SAME_UPPER"))
		case k == 1:
			parts = append(parts, stringAttribute("auto_pad", "SAME_LOWER"))
		case k == 2:
			parts = append(parts, intA("ceil_mode", 1), intsA("pads", pads...))
		default:
			parts = append(parts, intsA("pads", pads...))
		}
		return p.op(op, parts...)
	}
}

// wideCase makes a pooling whose window is far wider than the map, as exports
// of EfficientNet have it in place of a global one: with ceil_mode it has one
// place, and what lies outside does not count.
func wideCase(op string) func(p *problem) string {
	return func(p *problem) string {
		wide, padding := p.between(64, 2560), p.between(0, 2)
		x := p.learned(p.normal, p.between(1, 2), p.between(1, 3), p.between(3, 5), p.between(3, 5))
		return p.op(op, x, intsA("kernel_shape", wide, wide), intsA("strides", wide, wide), intsA("pads", padding, padding, padding, padding),
			intA("ceil_mode", 1), intA("count_include_pad", p.between(0, 1)))
	}
}

// reduceCase makes a reduction, of axes that are an attribute or an input.
func reduceCase(op string, value func(p *problem) func() float64, input bool) func(p *problem) string {
	return func(p *problem) string {
		rank := 1 + p.rng.IntN(4)
		x := p.learned(value(p), p.dims(rank)...)
		parts := []any{x}
		if p.rng.IntN(5) > 0 {
			var axes []int64
			for i := range rank {
				if p.rng.IntN(2) == 0 {
					axes = append(axes, int64(i-rank*p.rng.IntN(2)))
				}
			}
			if len(axes) > 0 && input {
				parts = append(parts, p.ints(axes...))
			} else if len(axes) > 0 {
				parts = append(parts, intsA("axes", axes...))
			}
		}
		if p.rng.IntN(2) == 0 {
			parts = append(parts, intA("keepdims", 0))
		}
		return p.op(op, parts...)
	}
}

// einsumCase makes an Einsum by one of some equations, whose ellipses stand for
// dimensions that broadcast.
func einsumCase(equations ...string) func(p *problem) string {
	return func(p *problem) string {
		equation := equations[p.rng.IntN(len(equations))]
		left, _, _ := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
		size := map[rune]int64{}
		rest := p.dims(2)
		var parts []any
		for _, term := range strings.Split(left, ",") {
			var dims []int64
			for _, c := range strings.ReplaceAll(term, "...", ".") {
				if c == '.' {
					for _, n := range rest { // the runtime wants all in each term
						dims = append(dims, []int64{1, n, n}[p.rng.IntN(3)])
					}
					continue
				}
				if size[c] == 0 {
					size[c] = p.between(1, 4)
				}
				dims = append(dims, size[c])
			}
			if len(parts) > 0 && product(dims) > 1 && p.rng.IntN(3) == 0 {
				parts = append(parts, p.weight(dims...))
			} else {
				parts = append(parts, p.learned(p.normal, dims...))
			}
		}
		return p.op("Einsum", append(parts, stringAttribute("equation", equation))...)
	}
}

// family is the cases of one file of rules.
type family struct {
	name  string
	times int // each case, with other seeds
	opset int64
	cases map[string]func(p *problem) string
}

var families = []family{
	{"conv", 25, 17, map[string]func(p *problem) string{
		"dense": convCase(2, func(p *problem) (int64, int64, int64) { return 1, p.between(1, 4), p.between(1, 4) }),
		"grouped": convCase(2, func(p *problem) (int64, int64, int64) {
			g := p.between(2, 3)
			return g, g * p.between(2, 3), g * p.between(1, 3)
		}),
		"depthwise":          convCase(2, func(p *problem) (int64, int64, int64) { c := p.between(2, 5); return c, c, c }),
		"channel multiplier": convCase(2, func(p *problem) (int64, int64, int64) { c := p.between(2, 3); return c, c, 2 * c }),
		"one dimension":      convCase(1, func(p *problem) (int64, int64, int64) { return 1, p.between(1, 4), p.between(1, 4) }),
		"three dimensions":   convCase(3, func(p *problem) (int64, int64, int64) { return 1, p.between(1, 2), p.between(1, 2) }),
		"1×1": func(p *problem) string {
			C, K := p.between(2, 4), p.between(2, 4)
			return p.op("Conv", p.learned(p.normal, p.between(1, 3), C, p.between(1, 5), p.between(1, 5)), p.weight(K, C, 1, 1), p.weight(K))
		},
		"1×1 of a large map": func(p *problem) string {
			return p.op("Conv", p.learned(p.normal, 2, 2, 21, 20), p.weight(3, 2, 1, 1), p.weight(3))
		},
		"unread last rows": func(p *problem) string {
			return p.op("Conv", p.learned(p.normal, 2, 3, 8, 6), p.weight(2, 3, 1, 1), intsA("strides", 3, 2))
		},
		"squeeze and excite": func(p *problem) string {
			C := p.between(2, 4)
			x := p.learned(p.normal, 2, C, 3, 4)
			s := p.op("GlobalAveragePool", x)
			s = p.op("Relu", p.op("Conv", s, p.weight(2, C, 1, 1), p.constant(p.positive, 2)))
			s = p.op("Sigmoid", p.op("Conv", s, p.weight(C, 2, 1, 1), p.weight(C)))
			return p.op("Mul", x, s)
		},
	}},
	{"matmul", 15, 17, map[string]func(p *problem) string{
		"Gemm": func(p *problem) string {
			M, K, N := p.between(1, 4), p.between(1, 4), p.between(1, 4)
			a, b := []int64{M, K}, []int64{K, N}
			var parts []any
			if p.rng.IntN(2) == 0 {
				slices.Reverse(a)
				parts = append(parts, intA("transA", 1))
			}
			if p.rng.IntN(2) == 0 {
				slices.Reverse(b)
				parts = append(parts, intA("transB", 1))
			}
			if p.rng.IntN(2) == 0 {
				parts = append(parts, floatAttribute("alpha", 0.5+p.rng.Float64()), floatAttribute("beta", 0.5+p.rng.Float64()))
			}
			in := []any{p.learned(p.normal, a...), p.learned(p.normal, b...)}
			if p.rng.IntN(4) > 0 {
				in = append(in, p.learned(p.normal, p.narrowed([]int64{M, N})...))
			}
			return p.op("Gemm", append(in, parts...)...)
		},
		"constant on the right": func(p *problem) string {
			d := p.dims(2 + p.rng.IntN(3))
			return p.op("MatMul", p.learned(p.normal, d...), p.weight(d[len(d)-1], p.between(1, 4)))
		},
		"constant on the left": func(p *problem) string {
			d := p.dims(2 + p.rng.IntN(2))
			return p.op("MatMul", p.weight(p.between(1, 4), d[len(d)-2]), p.learned(p.normal, d...))
		},
		"batched": func(p *problem) string {
			lead := p.dims(1 + p.rng.IntN(2))
			M, K, N := p.between(1, 4), p.between(1, 4), p.between(1, 4)
			a, b := slices.Concat(lead, []int64{M, K}), slices.Concat(p.narrowed(lead), []int64{K, N})
			if p.rng.IntN(2) == 0 {
				a, b = slices.Concat(p.narrowed(lead), []int64{M, K}), slices.Concat(lead, []int64{K, N})
			}
			return p.op("MatMul", p.learned(p.normal, a...), p.learned(p.normal, b...))
		},
		"vectors": func(p *problem) string {
			K := p.between(2, 4)
			switch p.rng.IntN(3) {
			case 0:
				return p.op("MatMul", p.learned(p.normal, K), p.learned(p.normal, p.between(1, 3), K, p.between(1, 3)))
			case 1:
				return p.op("MatMul", p.learned(p.normal, p.between(1, 3), p.between(1, 3), K), p.learned(p.normal, K))
			}
			return p.op("MatMul", p.learned(p.normal, K), p.learned(p.normal, K))
		},
		"Einsum": einsumCase("bhwc,hkc->bhwk", "bhwc,wkc->bhwk", "ij,jk->ik", "nchw,nc->nhw", "i,j->ij", "i,j->ji", "bij,bjk->bki",
			"abcd,cb->ad", "ab,cd->ac", "ab,b->b", "abc,abc->c", "ab,cd->ba", "i,i->", "ij, jk -> i k", "Bi,Bj->ijB"),
		"Einsum of one":    einsumCase("ij->ji", "abc->cab", "abcd->db", "abc->", "ab->a", "abc->abc"),
		"Einsum of three":  einsumCase("ab,bc,cd->ad", "a,ab,abc->c", "ia,ja,ka->ijk"),
		"Einsum, ellipses": einsumCase("...ij,...jk->...ik", "...ij,jk->...ik", "i...,j...->...ij", "...i->...", "a...b->b...a"),
		"Einsum, implicit": einsumCase("bij,jk", "ba", "ij,jh", "...ij,...jk"),
		"decomposed relative positions": func(p *problem) string { // as in SAM's ViT
			B, H, W, C := p.between(1, 2), p.between(2, 3), p.between(2, 3), p.between(2, 3)
			x := p.learned(p.normal, B, H*W, C)
			table := func(side int64) string {
				var at []int64
				for i := range side {
					for j := range side {
						at = append(at, i-j+side-1)
					}
				}
				return p.op("Reshape", p.op("Gather", p.weight(2*side-1, C), p.ints(at...)), p.ints(side, side, C))
			}
			r := p.op("Reshape", x, p.ints(B, H, W, C))
			h := p.op("Einsum", r, table(H), stringAttribute("equation", "bhwc,hkc->bhwk"))
			w := p.op("Einsum", r, table(W), stringAttribute("equation", "bhwc,wkc->bhwk"))
			a := p.op("Reshape", p.op("MatMul", x, p.op("Transpose", x, intsA("perm", 0, 2, 1))), p.ints(B, H, W, H, W))
			a = p.op("Add", p.op("Add", a, p.op("Unsqueeze", h, p.ints(4))), p.op("Unsqueeze", w, p.ints(3)))
			a = p.op("Softmax", p.op("Reshape", a, p.ints(B, H*W, H*W)), intA("axis", -1))
			return p.op("MatMul", a, x)
		},
		"a transposed weight": func(p *problem) string {
			w := p.op("Transpose", p.weight(4, 3), intsA("perm", 1, 0))
			return p.op("MatMul", p.learned(p.normal, 2, 3), w)
		},
		"attention": func(p *problem) string {
			N, S, H, D := p.between(1, 2), p.between(2, 3), p.between(1, 2), p.between(2, 3)
			x := p.learned(p.normal, N, S, H*D)
			part := func(perm ...int64) string {
				y := p.op("Add", p.op("MatMul", x, p.weight(H*D, H*D)), p.weight(H*D))
				return p.op("Transpose", p.op("Reshape", y, p.ints(0, 0, H, D)), intsA("perm", perm...))
			}
			a := p.op("MatMul", part(0, 2, 1, 3), part(0, 2, 3, 1))
			a = p.op("Softmax", p.op("Div", a, p.constant(func() float64 { return 2 })), intA("axis", -1))
			y := p.op("Transpose", p.op("MatMul", a, part(0, 2, 1, 3)), intsA("perm", 0, 2, 1, 3))
			return p.op("Reshape", y, p.ints(N, S, H*D))
		},
	}},
	{"norm", 12, 17, map[string]func(p *problem) string{
		"Softmax": func(p *problem) string {
			rank := 1 + p.rng.IntN(4)
			d := p.dims(rank)
			return p.op("Softmax", p.learned(p.normal, d...), intA("axis", p.between(int64(-rank), int64(rank-1))))
		},
		"Softmax, of a row that attends to nothing": func(p *problem) string {
			keep := p.bools(2, 3, 1)
			copy(p.graph.Constants[keep].Bool, []bool{true, false, true, false, true, true})
			m := p.op("Where", keep, p.zero(), p.constant(func() float64 { return math.Inf(-1) }))
			y := p.op("Softmax", p.op("Add", p.learned(p.normal, 2, 3, 4), m), intA("axis", -1))
			return p.op("Where", p.op("IsNaN", y), p.zero(), y)
		},
		"LogSoftmax": func(p *problem) string {
			rank := 1 + p.rng.IntN(4)
			return p.op("LogSoftmax", p.learned(p.normal, p.dims(rank)...), intA("axis", p.between(int64(-rank), int64(rank-1))))
		},
		"LayerNormalization": func(p *problem) string {
			d := p.dims(2 + p.rng.IntN(2))
			axis := p.between(0, int64(len(d)-1))
			d[len(d)-1] = p.between(3, 6)
			parts := []any{p.learned(p.normal, d...), p.weight(d[axis:]...)}
			if p.rng.IntN(3) > 0 {
				parts = append(parts, p.weight(d[axis:]...))
			}
			return p.op("LayerNormalization", append(parts, intA("axis", axis-int64(len(d))*p.between(0, 1)), floatAttribute("epsilon", 1e-3))...)
		},
		"LayerNormalization, decomposed": func(p *problem) string {
			D := p.between(3, 6)
			x := p.learned(p.normal, p.between(1, 3), p.between(1, 3), D)
			c := p.op("Sub", x, p.op("ReduceMean", x, intsA("axes", -1)))
			v := p.op("ReduceMean", p.op("Pow", c, p.constant(func() float64 { return 2 })), intsA("axes", -1))
			e := p.op("Sqrt", p.op("Add", v, p.constant(func() float64 { return 1e-3 })))
			return p.op("Add", p.op("Mul", p.op("Div", c, e), p.weight(D)), p.weight(D))
		},
		"LayerNormalization, over channels": func(p *problem) string { // as in ConvNeXt
			C := p.between(3, 5)
			x := p.op("Transpose", p.learned(p.normal, 2, C, 2, 3), intsA("perm", 0, 2, 3, 1))
			y := p.op("LayerNormalization", x, p.weight(C), p.weight(C), floatAttribute("epsilon", 1e-3))
			return p.op("Transpose", y, intsA("perm", 0, 3, 1, 2))
		},
		"InstanceNormalization": func(p *problem) string {
			C := p.between(2, 3)
			return p.op("InstanceNormalization", p.learned(p.normal, p.between(1, 2), C, p.between(2, 3), 3), p.weight(C), p.weight(C), floatAttribute("epsilon", 1e-3))
		},
		"BatchNormalization": func(p *problem) string {
			d := p.dims(2 + p.rng.IntN(3))
			d[1] = p.between(2, 4)
			return p.op("BatchNormalization", p.learned(p.normal, d...), p.weight(d[1]), p.weight(d[1]), p.weight(d[1]), p.constant(p.positive, d[1]), floatAttribute("epsilon", 1e-3))
		},
	}},
	{"norm of filters", 14, 17, map[string]func(p *problem) string{
		"BatchNormalization": func(p *problem) string { // as BiT standardises its filters
			C := p.between(2, 4)
			return p.node("BatchNormalization", 3, p.weight(1, C, 6), p.weight(C), p.weight(C), p.weight(C), p.constant(p.positive, C), floatAttribute("epsilon", 1e-3), intA("training_mode", 1))[0]
		},
	}},
	{"norm of later operator sets", 12, 21, map[string]func(p *problem) string{
		"GroupNormalization": func(p *problem) string {
			g := p.between(1, 3)
			C := g * p.between(2, 3)
			return p.op("GroupNormalization", p.learned(p.normal, p.between(1, 2), C, p.between(1, 3), 3), p.weight(C), p.weight(C), intA("num_groups", g), floatAttribute("epsilon", 1e-3))
		},
		"LayerNormalization": func(p *problem) string {
			return p.op("LayerNormalization", p.learned(p.normal, 2, 3, 4), p.weight(4), p.weight(4))
		},
		"Gelu":       elementwiseOf("Gelu", normal),
		"Gelu, tanh": elementwiseOf("Gelu", normal, stringAttribute("approximate", "tanh")),
	}},
	{"elementwise", 12, 17, map[string]func(p *problem) string{
		"Add": binaryOf("Add", apart), "Sub": binaryOf("Sub", apart), "Mul": binaryOf("Mul", apart), "Div": binaryOf("Div", apart),
		"Div, by a product": func(p *problem) string {
			x := p.learned(p.normal, p.dims(3)...)
			return p.op("Div", x, p.op("Add", p.op("Mul", x, x), p.constant(func() float64 { return 1 })))
		},
		"Sum": func(p *problem) string {
			a, b := p.pair()
			return p.op("Sum", p.learned(p.normal, a...), p.learned(p.normal, b...), p.learned(p.normal, a...))
		},
		"Max": binaryOf("Max", normal), "Min": binaryOf("Min", normal),
		"Max of three": func(p *problem) string {
			a, b := p.pair()
			return p.op("Max", p.learned(p.normal, a...), p.learned(p.normal, b...), p.learned(p.normal, a...))
		},
		"Pow": func(p *problem) string {
			a, b := p.pair()
			return p.op("Pow", p.learned(p.positive, a...), p.learned(p.apart, b...))
		},
		"Pow 2": func(p *problem) string {
			return p.op("Pow", p.learned(p.normal, p.dims(3)...), p.constant(func() float64 { return 2 }))
		},
		"Pow 3": func(p *problem) string {
			return p.op("Pow", p.learned(p.apart, p.dims(2)...), p.ints(3))
		},
		"Pow by a tensor": func(p *problem) string {
			d := p.dims(2)
			return p.op("Pow", p.learned(p.positive, d...), p.constant(p.apart, p.narrowed(d)...))
		},
		"Where": func(p *problem) string {
			a, b := p.pair()
			return p.op("Where", p.bools(broadcast(a, b)...), p.learned(p.normal, a...), p.learned(p.normal, b...))
		},
		"Where, by a comparison": func(p *problem) string {
			d := p.dims(3)
			x := p.learned(p.apart, d...)
			return p.op("Where", p.op("Greater", x, p.zero()), p.op("Exp", x), p.op("Mul", x, x))
		},
		"a mask of minus infinity": func(p *problem) string {
			keep := p.bools(2, 1, 4)
			p.graph.Constants[keep].Bool[0], p.graph.Constants[keep].Bool[5] = true, true // a token at least
			m := p.op("Where", keep, p.zero(), p.constant(func() float64 { return -3e38 }))
			return p.op("Softmax", p.op("Add", p.learned(p.normal, 2, 3, 4), m), intA("axis", -1))
		},
		"Relu": elementwiseOf("Relu", apart), "LeakyRelu": elementwiseOf("LeakyRelu", apart, floatAttribute("alpha", 0.2)),
		"Elu": elementwiseOf("Elu", apart, floatAttribute("alpha", 0.7)), "Softplus": elementwiseOf("Softplus", normal),
		"PRelu": func(p *problem) string {
			d := p.dims(3)
			return p.op("PRelu", p.learned(p.apart, d...), p.weight(append(p.narrowed(d[:2]), d[2])...))
		},
		"Clip": func(p *problem) string {
			lo, hi := p.constant(func() float64 { return -0.5 }), p.constant(func() float64 { return 0.7 })
			x := p.learned(p.normal, p.dims(3)...)
			switch p.rng.IntN(4) {
			case 0:
				return p.op("Clip", x, lo)
			case 1:
				return p.op("Clip", x, "", hi)
			case 2:
				return p.op("Clip", x)
			}
			return p.op("Clip", x, lo, hi)
		},
		"Sigmoid": elementwiseOf("Sigmoid", normal), "Tanh": elementwiseOf("Tanh", normal),
		"HardSigmoid": elementwiseOf("HardSigmoid", normal, floatAttribute("alpha", 0.4)), "HardSwish": elementwiseOf("HardSwish", func(p *problem) func() float64 {
			return func() float64 { return 2 * p.normal() }
		}),
		"Erf": elementwiseOf("Erf", normal), "Exp": elementwiseOf("Exp", normal), "Log": elementwiseOf("Log", positive),
		"Sqrt": elementwiseOf("Sqrt", positive), "Abs": elementwiseOf("Abs", apart), "Neg": elementwiseOf("Neg", normal),
		"Reciprocal": elementwiseOf("Reciprocal", apart), "Sin": elementwiseOf("Sin", normal), "Cos": elementwiseOf("Cos", normal),
		"Identity": elementwiseOf("Identity", normal), "Cast": elementwiseOf("Cast", normal, intA("to", 1)), "Dropout": elementwiseOf("Dropout", normal),
		"Gelu, decomposed": func(p *problem) string {
			x := p.learned(p.normal, p.dims(3)...)
			e := p.op("Erf", p.op("Div", x, p.constant(func() float64 { return 1.4142135 })))
			e = p.op("Mul", x, p.op("Add", e, p.constant(func() float64 { return 1 })))
			return p.op("Mul", e, p.constant(func() float64 { return 0.5 }))
		},
		"SiLU": func(p *problem) string {
			x := p.learned(p.normal, p.dims(3)...)
			return p.op("Mul", x, p.op("Sigmoid", x))
		},
	}},
	{"pool", 15, 17, map[string]func(p *problem) string{
		"MaxPool": poolCase("MaxPool", false), "AveragePool": poolCase("AveragePool", false), "AveragePool, padding counts": poolCase("AveragePool", true),
		"AveragePool, wider than the map": wideCase("AveragePool"),
		"GlobalAveragePool":               func(p *problem) string { return p.op("GlobalAveragePool", p.learned(p.normal, p.dims(4)...)) },
		"GlobalMaxPool":                   func(p *problem) string { return p.op("GlobalMaxPool", p.learned(p.normal, p.dims(4)...)) },
		"ReduceMean":                      reduceCase("ReduceMean", normal, false), "ReduceSum": reduceCase("ReduceSum", normal, true),
		"ReduceMax": reduceCase("ReduceMax", normal, false), "ReduceMin": reduceCase("ReduceMin", normal, false),
		"ReduceL2": reduceCase("ReduceL2", apart, false), "ReduceSumSquare": reduceCase("ReduceSumSquare", normal, false),
	}},
	{"pool of later operator sets", 10, 18, map[string]func(p *problem) string{
		"ReduceMean": reduceCase("ReduceMean", normal, true), "ReduceMax": reduceCase("ReduceMax", normal, true),
		"ReduceL2": reduceCase("ReduceL2", apart, true),
	}},
	{"shape", 15, 17, map[string]func(p *problem) string{
		"Reshape": func(p *problem) string {
			return p.op("Reshape", p.op("Exp", p.learned(p.normal, 2, 3, 4)), p.ints(0, -1, 2))
		},
		"Flatten": func(p *problem) string {
			return p.op("Flatten", p.learned(p.normal, p.dims(4)...), intA("axis", p.between(-4, 3)))
		},
		"Squeeze": func(p *problem) string {
			return p.op("Squeeze", p.learned(p.normal, 1, 3, 1, 2), p.ints(0, -2))
		},
		"Unsqueeze": func(p *problem) string {
			return p.op("Unsqueeze", p.learned(p.normal, 3, 2), p.ints(p.between(0, 1), -1))
		},
		"Transpose": func(p *problem) string {
			x := p.learned(p.normal, p.dims(4)...)
			perm := sequence(0, 4)
			p.rng.Shuffle(4, func(i, j int) { perm[i], perm[j] = perm[j], perm[i] })
			if p.rng.IntN(4) == 0 {
				return p.op("Transpose", x)
			}
			return p.op("Transpose", x, intsA("perm", perm...))
		},
		"Concat": func(p *problem) string {
			d := p.dims(3)
			axis := p.between(0, 2)
			parts := []any{intA("axis", axis-3*p.between(0, 1))}
			for range p.between(1, 3) {
				e := slices.Clone(d)
				e[axis] = p.between(1, 3)
				parts = append(parts, p.learned(p.normal, e...))
			}
			return p.op("Concat", parts...)
		},
		"Concat, of which a part is frozen": func(p *problem) string { // as the bias of EVA's queries, keys and values
			frozen := p.input(pb.TensorProto_FLOAT, p.normal, 2, 3)
			return p.op("Concat", p.learned(p.normal, 2, 3), frozen, p.learned(p.normal, 2, 2), intA("axis", 1))
		},
		"Concat, a class token": func(p *problem) string {
			token := p.op("Expand", p.weight(1, 1, 3), p.ints(2, 1, 3))
			return p.op("Concat", token, p.learned(p.normal, 2, 4, 3), intA("axis", 1))
		},
		"Split": func(p *problem) string {
			x := p.learned(p.normal, 2, 6, 2)
			y := p.node("Split", 3, x, p.ints(1, 3, 2), intA("axis", 1))
			if p.rng.IntN(2) == 0 { // nothing is made of the last
				return p.op("Concat", y[1], p.op("Exp", y[0]), intA("axis", -2))
			}
			return p.op("Concat", y[1], p.op("Exp", y[0]), y[2], intA("axis", 1))
		},
		"Split in equal parts": func(p *problem) string {
			y := p.node("Split", 2, p.learned(p.normal, 2, 4), intA("axis", -1))
			return p.op("Mul", y[0], p.op("Sigmoid", y[1]))
		},
		"Slice": func(p *problem) string {
			x := p.learned(p.normal, 3, 6, 5)
			switch p.rng.IntN(4) {
			case 0:
				return p.op("Slice", x, p.ints(1), p.ints(3))
			case 1:
				return p.op("Slice", x, p.ints(p.between(0, 2), -4), p.ints(1<<40, -1), p.ints(1, 2))
			case 2:
				return p.op("Slice", x, p.ints(p.between(0, 1), 0), p.ints(6, 4), p.ints(1, -1), p.ints(p.between(2, 3), 2))
			}
			return p.op("Slice", x, p.ints(-1), p.ints(-1<<40), p.ints(1), p.ints(-p.between(1, 2)))
		},
		"Pad": func(p *problem) string {
			return p.op("Pad", p.learned(p.normal, 3, 4), p.ints(p.between(0, 2), p.between(-1, 2), p.between(0, 2), p.between(-1, 2)))
		},
		"Expand": func(p *problem) string {
			a := p.dims(3)
			return p.op("Expand", p.learned(p.normal, p.narrowed(a)...), p.ints(a...))
		},
		"Tile": func(p *problem) string {
			return p.op("Tile", p.learned(p.normal, p.dims(3)...), p.ints(p.between(1, 3), p.between(1, 2), p.between(1, 3)))
		},
	}},
	{"gather", 15, 17, map[string]func(p *problem) string{
		"an embedding": func(p *problem) string {
			ids := p.input(pb.TensorProto_INT64, func() float64 { return float64(p.between(0, 6)) }, 2, 3)
			return p.op("Gather", p.weight(7, 4), ids)
		},
		"along another axis": func(p *problem) string {
			ids := p.input(pb.TensorProto_INT64, func() float64 { return float64(p.between(-3, 2)) }, p.between(1, 5))
			return p.op("Gather", p.learned(p.normal, 2, 3, 2), ids, intA("axis", 1))
		},
		"repeated constants": func(p *problem) string {
			return p.op("Gather", p.learned(p.normal, 2, 3, 2), p.ints(2, 0, 2, -1), intA("axis", 1))
		},
		"different constants": func(p *problem) string {
			return p.op("Gather", p.learned(p.normal, 2, 4), p.ints(2, 0, -1), intA("axis", -1))
		},
		"a range": func(p *problem) string {
			return p.op("Gather", p.learned(p.normal, 5, 4), p.ints(1, 2, 3))
		},
		"the first token": func(p *problem) string {
			name := p.name("i")
			p.graph.Constants[name] = &onnx.Tensor{Type: pb.TensorProto_INT64, I64: []int64{0}}
			return p.op("Gather", p.learned(p.normal, 2, 3, 4), name, intA("axis", 1))
		},
	}},
	{"gather by element", 15, 18, map[string]func(p *problem) string{
		"GatherElements": func(p *problem) string { // some elements are taken twice, some never
			d := p.dims(p.rng.IntN(3) + 1)
			axis := p.rng.IntN(len(d))
			e := slices.Clone(d)
			e[axis] = p.between(1, 6)
			ids := p.input(pb.TensorProto_INT64, func() float64 { return float64(p.between(-d[axis], d[axis]-1)) }, e...)
			return p.op("GatherElements", p.learned(p.normal, d...), ids, intA("axis", int64(axis-len(d)*p.rng.IntN(2))))
		},
		"GatherElements, relative positions": func(p *problem) string { // as in DeBERTa
			N, S, D := p.between(1, 2), p.between(2, 4), int64(3)
			q, r := p.learned(p.normal, N, S, D), p.weight(D, 2*S)
			var at []int64
			for i := range S {
				for j := range S {
					at = append(at, i-j+S)
				}
			}
			ids := p.op("Expand", p.op("Reshape", p.ints(at...), p.ints(1, S, S)), p.ints(N, S, S))
			p.graph.Types[ids] = pb.TensorProto_INT64
			p.graph.Types[p.graph.Nodes[len(p.graph.Nodes)-2].Output[0]] = pb.TensorProto_INT64
			return p.op("Softmax", p.op("GatherElements", p.op("MatMul", q, r), ids, intA("axis", -1)))
		},
		"ScatterElements": func(p *problem) string {
			ids := p.op("Reshape", p.ints(2, 0, 1, 1, -1, 2), p.ints(3, 2))
			p.graph.Types[ids] = pb.TensorProto_INT64
			return p.op("ScatterElements", p.learned(p.normal, 4, 2), ids, p.learned(p.normal, 3, 2), intA("axis", 0))
		},
		"ScatterElements, added": func(p *problem) string {
			ids := p.op("Reshape", p.ints(2, 2, 1, 1, -1, 1), p.ints(2, 3))
			p.graph.Types[ids] = pb.TensorProto_INT64
			return p.op("ScatterElements", p.learned(p.normal, 3, 3), ids, p.learned(p.normal, 2, 3), intA("axis", 1), stringAttribute("reduction", "add"))
		},
	}},
	{"resize", 4, 19, resizeCases(true)},
	{"resize of earlier operator sets", 3, 13, resizeCases(false)},
	{"resize of the oldest operator sets", 10, 10, map[string]func(p *problem) string{
		"Resize": func(p *problem) string {
			scales := p.constant(func() float64 { return []float64{0.4, 0.5, 0.75, 1}[p.rng.IntN(4)] }, 4)
			if p.rng.IntN(2) == 0 {
				scales = p.constant(func() float64 { return []float64{1, 1.5, 2, 3}[p.rng.IntN(4)] }, 4)
			}
			copy(p.graph.Constants[scales].F32, []float32{1, 1})
			mode := []string{"nearest", "linear"}[p.rng.IntN(2)]
			return p.op("Resize", p.learned(p.normal, 2, 1, 5, 4), scales, stringAttribute("mode", mode))
		},
	}},
	{"the oldest operator set", 10, 9, map[string]func(p *problem) string{
		"Upsample": func(p *problem) string {
			scales := p.constant(func() float64 { return []float64{1, 1.5, 2, 3}[p.rng.IntN(4)] }, 4)
			copy(p.graph.Constants[scales].F32, []float32{1, 1})
			mode := []string{"nearest", "linear"}[p.rng.IntN(2)]
			return p.op("Upsample", p.learned(p.normal, 1, 2, 3, 4), scales, stringAttribute("mode", mode))
		},
	}},
	{"old operator sets", 6, 9, map[string]func(p *problem) string{
		"Clip": func(p *problem) string {
			return p.op("Clip", p.learned(p.normal, p.dims(3)...), floatAttribute("min", -0.5), floatAttribute("max", 0.5))
		},
		"Clip, from below": func(p *problem) string {
			return p.op("Clip", p.learned(p.normal, p.dims(3)...), floatAttribute("min", -0.5))
		},
		"Softmax": func(p *problem) string {
			return p.op("Softmax", p.learned(p.normal, p.dims(4)...), intA("axis", p.between(1, 3)))
		},
		"Slice": func(p *problem) string {
			return p.op("Slice", p.learned(p.normal, 3, 4), intsA("starts", 1), intsA("ends", 3), intsA("axes", 1))
		},
		"Pad": func(p *problem) string { return p.op("Pad", p.learned(p.normal, 3, 4), intsA("pads", 0, 1, 2, 0)) },
		"Dropout": func(p *problem) string {
			return p.op("Dropout", p.learned(p.normal, 3, 4), floatAttribute("ratio", 0.5))
		},
		"ReduceSum": func(p *problem) string { return p.op("ReduceSum", p.learned(p.normal, 3, 4), intsA("axes", 1)) },
		"Split": func(p *problem) string {
			y := p.node("Split", 2, p.learned(p.normal, 2, 4), intsA("split", 1, 3), intA("axis", 1))
			return p.op("Mul", y[0], y[1])
		},
		"Squeeze":   func(p *problem) string { return p.op("Squeeze", p.learned(p.normal, 3, 1, 2), intsA("axes", 1)) },
		"Unsqueeze": func(p *problem) string { return p.op("Unsqueeze", p.learned(p.normal, 3, 2), intsA("axes", 0)) },
	}},
}

// Cases of an operator set hold for later ones as well, unless they have
// attributes that have become inputs.
func init() {
	newest := family{"the newest operator set", 2, 25, map[string]func(p *problem) string{
		"RMSNormalization": func(p *problem) string {
			d := p.dims(3)
			axis := p.between(0, 2)
			return p.op("RMSNormalization", p.learned(p.normal, d...), p.weight(d[axis:]...), intA("axis", axis), floatAttribute("epsilon", 1e-3))
		},
	}}
	for _, f := range families {
		switch f.name {
		case "conv", "matmul", "elementwise", "shape", "gather":
			for name, c := range f.cases {
				if name != "Split in equal parts" {
					newest.cases[f.name+": "+name] = c
				}
			}
		}
	}
	families = append(families, newest)
}

// TestEveryRuleAgreesWithDifferences compares each rule's gradients, computed
// by the runtime in float32, with central differences of a float64 reference.
func TestEveryRuleAgreesWithDifferences(t *testing.T) {
	const most = 1e-3
	operators := map[string]bool{}
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			worst, where, count := 0.0, "", 0
			for name, make := range f.cases {
				for i := range f.times {
					seed := uint64(i)
					p := newProblem(rand.New(rand.NewPCG(seed, 17)), f.opset)
					y := make(p)
					for _, n := range p.graph.Nodes {
						operators[n.GetOpType()] = true
					}
					e := p.check(t, y)
					if !(e <= most) {
						t.Errorf("%s, seed %d: the gradient is off by %.1e, more than %.0e: %v", name, seed, e, most, p)
					}
					if t.Failed() {
						t.Fatalf("%s, seed %d:\n%v", name, seed, p)
					}
					if count++; e > worst {
						worst, where = e, fmt.Sprintf("%s, seed %d", name, seed)
					}
				}
			}
			t.Logf("%d cases, largest error %.1e (%s)", count, worst, where)
		})
	}
	for op := range rules {
		if !operators[op] && !strings.HasPrefix(op, nchwc) { // those are TestBlocksEqualThePlainLayout's
			t.Errorf("no case has operator %s", op)
		}
	}
}

// String lists a problem's nodes with the shapes of what they read.
func (p *problem) String() string {
	s := ""
	for _, n := range p.graph.Nodes {
		s += fmt.Sprintf("%s(", n.GetOpType())
		for i, in := range n.GetInput() {
			if i > 0 {
				s += ", "
			}
			s += fmt.Sprintf("%s%v", in, p.graph.Shapes[in])
		}
		s += fmt.Sprintf(") → %v", n.GetOutput())
		for _, a := range n.GetAttribute() {
			s += fmt.Sprintf(" %s=%v%v%v%s", a.GetName(), a.GetI(), a.GetInts(), a.GetF(), a.GetS())
		}
		s += "\n"
	}
	return s
}
