package onnx

import (
	"cmp"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// unaryRule computes one element; a type of element that a function is missing
// for is not computed.
type unaryRule struct {
	float   func(float64) float64
	integer func(int64) int64
}

var unaries = map[string]unaryRule{
	"Abs": {math.Abs, func(v int64) int64 { return max(v, -v) }},
	"Neg": {func(v float64) float64 { return -v }, func(v int64) int64 { return -v }},
	"Not": {nil, func(v int64) int64 { return 1 - v }},
	"Sign": {func(v float64) float64 {
		switch {
		case v > 0:
			return 1
		case v < 0:
			return -1
		}
		return v
	}, func(v int64) int64 { return int64(cmp.Compare(v, 0)) }},
	"Ceil":       {math.Ceil, nil},
	"Floor":      {math.Floor, nil},
	"Round":      {math.RoundToEven, nil},
	"Sqrt":       {math.Sqrt, nil},
	"Exp":        {math.Exp, nil},
	"Log":        {math.Log, nil},
	"Sin":        {math.Sin, nil},
	"Cos":        {math.Cos, nil},
	"Tanh":       {math.Tanh, nil},
	"Erf":        {math.Erf, nil},
	"Reciprocal": {func(v float64) float64 { return 1 / v }, nil},
	"Relu":       {func(v float64) float64 { return max(v, 0) }, func(v int64) int64 { return max(v, 0) }},
	"Sigmoid":    {func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }, nil},
}

func (u unaryRule) evaluate(c *call, in []*array, out []value) ([]*array, error) {
	x, y := in[0], newArray(out[0])
	if x.f != nil && u.float == nil || x.i != nil && u.integer == nil {
		return nil, fmt.Errorf("values of type %v are not computed with", x.elem)
	}
	for i, v := range x.f {
		y.f[i] = roundFloat(y.elem, u.float(v))
	}
	for i, v := range x.i {
		y.i[i] = wrap(y.elem, u.integer(v))
	}
	return []*array{y}, nil
}

// binaryRule computes one element from two; with more inputs, one after the
// other.
type binaryRule struct {
	float   func(a, b float64) float64
	integer func(a, b int64) (int64, error)
}

var errDivision = fmt.Errorf("division by zero")

var binaries = map[string]binaryRule{
	"Add": {func(a, b float64) float64 { return a + b }, func(a, b int64) (int64, error) { return a + b, nil }},
	"Sub": {func(a, b float64) float64 { return a - b }, func(a, b int64) (int64, error) { return a - b, nil }},
	"Mul": {func(a, b float64) float64 { return a * b }, func(a, b int64) (int64, error) { return a * b, nil }},
	"Div": {func(a, b float64) float64 { return a / b }, func(a, b int64) (int64, error) {
		if b == 0 {
			return 0, errDivision
		}
		return a / b, nil
	}},
	"Pow":  {math.Pow, nil},
	"Mod":  {nil, nil}, // evaluateMod
	"Max":  {func(a, b float64) float64 { return max(a, b) }, func(a, b int64) (int64, error) { return max(a, b), nil }},
	"Min":  {func(a, b float64) float64 { return min(a, b) }, func(a, b int64) (int64, error) { return min(a, b), nil }},
	"Sum":  {func(a, b float64) float64 { return a + b }, nil},
	"Mean": {nil, nil},
	"And":  {nil, func(a, b int64) (int64, error) { return a & b, nil }},
	"Or":   {nil, func(a, b int64) (int64, error) { return a | b, nil }},
	"Xor":  {nil, func(a, b int64) (int64, error) { return a ^ b, nil }},
}

func (b binaryRule) evaluate(c *call, in []*array, out []value) ([]*array, error) {
	if c.n.GetOpType() == "Mod" && c.integer("fmod", 0) == 0 {
		b.integer = func(x, y int64) (int64, error) { // the sign is the divisor's
			if y == 0 {
				return 0, errDivision
			}
			r := x % y
			if r != 0 && (r < 0) != (y < 0) {
				r += y
			}
			return r, nil
		}
	}
	y := in[0]
	if len(in) == 1 {
		return []*array{y}, nil
	}
	for _, x := range in[1:] {
		dims, err := broadcast(y.dims, x.dims)
		if err != nil {
			return nil, err
		}
		z := newArray(value{out[0].elem, dims})
		if y.elem != x.elem || y.f != nil && b.float == nil || y.i != nil && b.integer == nil {
			return nil, fmt.Errorf("values of types %v and %v are not computed with", y.elem, x.elem)
		}
		at, of := stretch(y.dims, dims), stretch(x.dims, dims)
		for i := range z.f {
			z.f[i] = roundFloat(z.elem, b.float(y.f[at[i]], x.f[of[i]]))
		}
		for i := range z.i {
			v, err := b.integer(y.i[at[i]], x.i[of[i]])
			if err != nil {
				return nil, err
			}
			z.i[i] = wrap(z.elem, v)
		}
		y = z
	}
	return []*array{y}, nil
}

// comparison is an operator that tells from -1, 0 or 1 how two elements
// compare; a number that is none compares as nothing.
func comparison(is func(order int) bool) operator {
	return operator{2, inferComparison, func(c *call, in []*array, out []value) ([]*array, error) {
		x, y, z := in[0], in[1], newArray(out[0])
		at, of := stretch(x.dims, z.dims), stretch(y.dims, z.dims)
		for i := range z.i {
			var order int
			if x.f != nil {
				a, b := x.f[at[i]], y.f[of[i]]
				if math.IsNaN(a) || math.IsNaN(b) {
					continue
				}
				order = cmp.Compare(a, b)
			} else if x.elem == pb.TensorProto_UINT64 {
				order = cmp.Compare(uint64(x.i[at[i]]), uint64(y.i[of[i]]))
			} else {
				order = cmp.Compare(x.i[at[i]], y.i[of[i]])
			}
			if is(order) {
				z.i[i] = 1
			}
		}
		return []*array{z}, nil
	}}
}

func evaluateCast(c *call, in []*array, out []value) ([]*array, error) {
	x := in[0]
	if !isFloat(out[0].elem) && !isInteger(out[0].elem) {
		return nil, fmt.Errorf("values of type %v are not computed with", out[0].elem)
	}
	y := newArray(out[0])
	switch {
	case x.f != nil && y.f != nil:
		for i, v := range x.f {
			y.f[i] = roundFloat(y.elem, v)
		}
	case x.f != nil:
		for i, v := range x.f {
			switch {
			case y.elem == pb.TensorProto_BOOL && v != 0:
				y.i[i] = 1
			case y.elem == pb.TensorProto_BOOL:
			case math.IsNaN(v) || math.Abs(v) >= 1<<31 && y.elem != pb.TensorProto_INT64 || math.Abs(v) >= 1<<63:
				// The standard leaves open what becomes of it.
				return nil, fmt.Errorf("%g does not fit into %v", v, y.elem)
			default:
				y.i[i] = wrap(y.elem, int64(v))
			}
		}
	case y.f != nil:
		for i, v := range x.i {
			if x.elem == pb.TensorProto_UINT64 {
				y.f[i] = roundFloat(y.elem, float64(uint64(v)))
			} else {
				y.f[i] = roundFloat(y.elem, float64(v))
			}
		}
	default:
		for i, v := range x.i {
			y.i[i] = wrap(y.elem, v)
		}
	}
	return []*array{y}, nil
}

func evaluateWhere(c *call, in []*array, out []value) ([]*array, error) {
	y := newArray(out[0])
	of := [3][]int{stretch(in[0].dims, y.dims), stretch(in[1].dims, y.dims), stretch(in[2].dims, y.dims)}
	for i := range of[0] {
		k := 2
		if in[0].i[of[0][i]] != 0 {
			k = 1
		}
		if y.f != nil {
			y.f[i] = in[k].f[of[k][i]]
		} else {
			y.i[i] = in[k].i[of[k][i]]
		}
	}
	return []*array{y}, nil
}

func evaluateClip(c *call, in []*array, out []value) ([]*array, error) {
	if c.f.g.Opset < 11 || in[0].f == nil {
		return nil, fmt.Errorf("this form is not computed")
	}
	y := newArray(out[0])
	low, high := math.Inf(-1), math.Inf(1)
	for i, bound := range []*float64{&low, &high} {
		if c.has(i + 1) {
			if len(in[i+1].f) != 1 {
				return nil, fmt.Errorf("input %d is not one number", i+1)
			}
			*bound = in[i+1].f[0]
		}
	}
	for i, v := range in[0].f {
		y.f[i] = min(max(v, low), high)
	}
	return []*array{y}, nil
}
