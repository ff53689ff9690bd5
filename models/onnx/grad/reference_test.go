package grad

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// array is a tensor of the reference interpreter: integers and booleans are
// kept as float64, too.
type array struct {
	dims []int64
	v    []float64
}

func newArray(dims ...int64) *array {
	return &array{slices.Clone(dims), make([]float64, product(dims))}
}

// strides returns how far apart elements along each dimension lie; 0 where x is
// broadcast to a shape.
func (x *array) strides(to []int64) []int64 {
	s := make([]int64, len(to))
	step, lead := int64(1), len(to)-len(x.dims)
	for i := len(x.dims) - 1; i >= 0; i-- {
		if x.dims[i] != 1 {
			s[lead+i] = step
		}
		step *= x.dims[i]
	}
	return s
}

// each calls f with every index of a shape, in order.
func each(dims []int64, f func(i int, at []int64)) {
	at := make([]int64, len(dims))
	for i := range int(product(dims)) {
		f(i, at)
		for k := len(dims) - 1; k >= 0; k-- {
			if at[k]++; at[k] < dims[k] {
				break
			}
			at[k] = 0
		}
	}
}

func dot(a, b []int64) int64 {
	s := int64(0)
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// combined applies f to tensors that broadcast.
func combined(f func(v ...float64) float64, xs ...*array) *array {
	dims := xs[0].dims
	for _, x := range xs[1:] {
		dims = broadcast(dims, x.dims)
	}
	y := newArray(dims...)
	strides := make([][]int64, len(xs))
	for k, x := range xs {
		strides[k] = x.strides(dims)
	}
	v := make([]float64, len(xs))
	each(dims, func(i int, at []int64) {
		for k, x := range xs {
			v[k] = x.v[dot(at, strides[k])]
		}
		y.v[i] = f(v...)
	})
	return y
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var elementwise = map[string]func(n *node) func(v ...float64) float64{
	"Abs":     plainly(func(v ...float64) float64 { return math.Abs(v[0]) }),
	"Add":     plainly(func(v ...float64) float64 { return v[0] + v[1] }),
	"And":     plainly(func(v ...float64) float64 { return v[0] * v[1] }),
	"Cos":     plainly(func(v ...float64) float64 { return math.Cos(v[0]) }),
	"Div":     plainly(func(v ...float64) float64 { return v[0] / v[1] }),
	"Dropout": plainly(func(v ...float64) float64 { return v[0] }),
	"Equal":   plainly(func(v ...float64) float64 { return bit(v[0] == v[1]) }),
	"Erf":     plainly(func(v ...float64) float64 { return math.Erf(v[0]) }),
	"Exp":     plainly(func(v ...float64) float64 { return math.Exp(v[0]) }),
	"Floor":   plainly(func(v ...float64) float64 { return math.Floor(v[0]) }),
	"Greater": plainly(func(v ...float64) float64 { return bit(v[0] > v[1]) }),
	"HardSwish": plainly(func(v ...float64) float64 {
		return v[0] * min(max(v[0]/6+0.5, 0), 1)
	}),
	"Identity":   plainly(func(v ...float64) float64 { return v[0] }),
	"Less":       plainly(func(v ...float64) float64 { return bit(v[0] < v[1]) }),
	"Log":        plainly(func(v ...float64) float64 { return math.Log(v[0]) }),
	"Max":        plainly(func(v ...float64) float64 { return slices.Max(v) }),
	"Min":        plainly(func(v ...float64) float64 { return slices.Min(v) }),
	"Mul":        plainly(func(v ...float64) float64 { return v[0] * v[1] }),
	"Neg":        plainly(func(v ...float64) float64 { return -v[0] }),
	"IsNaN":      plainly(func(v ...float64) float64 { return bit(v[0] != v[0]) }),
	"Not":        plainly(func(v ...float64) float64 { return 1 - v[0] }),
	"Pow":        plainly(func(v ...float64) float64 { return math.Pow(v[0], v[1]) }),
	"Reciprocal": plainly(func(v ...float64) float64 { return 1 / v[0] }),
	"Relu":       plainly(func(v ...float64) float64 { return max(v[0], 0) }),
	"Sigmoid":    plainly(func(v ...float64) float64 { return 1 / (1 + math.Exp(-v[0])) }),
	"Sin":        plainly(func(v ...float64) float64 { return math.Sin(v[0]) }),
	"Softplus":   plainly(func(v ...float64) float64 { return math.Log1p(math.Exp(v[0])) }),
	"Sqrt":       plainly(func(v ...float64) float64 { return math.Sqrt(v[0]) }),
	"Sub":        plainly(func(v ...float64) float64 { return v[0] - v[1] }),
	"Sum": plainly(func(v ...float64) (s float64) {
		for _, x := range v {
			s += x
		}
		return s
	}),
	"Tanh": plainly(func(v ...float64) float64 { return math.Tanh(v[0]) }),
	"Where": plainly(func(v ...float64) float64 {
		if v[0] != 0 {
			return v[1]
		}
		return v[2]
	}),
	"PRelu": plainly(func(v ...float64) float64 {
		if v[0] < 0 {
			return v[0] * v[1]
		}
		return v[0]
	}),
	"Elu": func(n *node) func(v ...float64) float64 {
		alpha := n.float("alpha", 1)
		return func(v ...float64) float64 {
			if v[0] > 0 {
				return v[0]
			}
			return alpha * math.Expm1(v[0])
		}
	},
	"LeakyRelu": func(n *node) func(v ...float64) float64 {
		alpha := n.float("alpha", 0.01)
		return func(v ...float64) float64 { return max(v[0], 0) + alpha*min(v[0], 0) }
	},
	"HardSigmoid": func(n *node) func(v ...float64) float64 {
		alpha, beta := n.float("alpha", 0.2), n.float("beta", 0.5)
		return func(v ...float64) float64 { return min(max(alpha*v[0]+beta, 0), 1) }
	},
	"Gelu": func(n *node) func(v ...float64) float64 {
		if n.string("approximate", "none") == "tanh" {
			return func(v ...float64) float64 {
				x := v[0]
				return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
			}
		}
		return func(v ...float64) float64 { return v[0] / 2 * (1 + math.Erf(v[0]/math.Sqrt2)) }
	},
	"Cast": func(n *node) func(v ...float64) float64 {
		switch pb.TensorProto_DataType(n.int("to", 0)) {
		case pb.TensorProto_FLOAT:
			return func(v ...float64) float64 { return v[0] }
		case pb.TensorProto_BOOL:
			return func(v ...float64) float64 { return bit(v[0] != 0) }
		}
		return func(v ...float64) float64 { return math.Trunc(v[0]) }
	},
}

func plainly(f func(v ...float64) float64) func(n *node) func(v ...float64) float64 {
	return func(*node) func(v ...float64) float64 { return f }
}

// interpret runs nodes in float64, straight from the operators' definitions,
// and adds what they make to values.
func interpret(opset int64, nodes []*pb.NodeProto, values map[string]*array) (err error) {
	for _, p := range nodes {
		n := &node{NodeProto: p, in: p.GetInput(), out: p.GetOutput()}
		in := make([]*array, len(n.in))
		for i, name := range n.in {
			if name == "" {
				continue
			}
			if in[i] = values[name]; in[i] == nil {
				return fmt.Errorf("%s: no value of %s", title(p), name)
			}
		}
		out, err := calculate(opset, n, in)
		if err != nil {
			return fmt.Errorf("%s: %w", title(p), err)
		}
		for i, y := range out {
			values[n.out[i]] = y
		}
	}
	return nil
}

func one(y *array) ([]*array, error) { return []*array{y}, nil }

func ints(x *array) []int64 {
	if x == nil {
		return nil
	}
	v := make([]int64, len(x.v))
	for i := range v {
		v[i] = int64(x.v[i])
	}
	return v
}

// given returns integers from an input or else from an attribute.
func given(n *node, in []*array, i int, attribute string) []int64 {
	if i < len(in) && in[i] != nil {
		return ints(in[i])
	}
	return n.ints(attribute)
}

func wrapped(axes []int64, rank int) []int64 {
	out := slices.Clone(axes)
	for i := range out {
		if out[i] < 0 {
			out[i] += int64(rank)
		}
	}
	slices.Sort(out)
	return out
}

// fold reduces x over axes, which become 1.
func fold(x *array, axes []int64, start float64, f func(acc, v float64) float64) *array {
	y := newArray(reduced(x.dims, axes, true)...)
	for i := range y.v {
		y.v[i] = start
	}
	s := y.strides(x.dims)
	each(x.dims, func(i int, at []int64) {
		k := dot(at, s)
		y.v[k] = f(y.v[k], x.v[i])
	})
	return y
}

func total(x *array, axes []int64) *array {
	return fold(x, axes, 0, func(acc, v float64) float64 { return acc + v })
}

func average(x *array, axes []int64) *array {
	y := total(x, axes)
	for i := range y.v {
		y.v[i] *= float64(len(y.v)) / float64(len(x.v))
	}
	return y
}

// standardized returns (x-mean)/√(variance+ε) over axes.
func standardized(x *array, axes []int64, epsilon float64) *array {
	c := combined(func(v ...float64) float64 { return v[0] - v[1] }, x, average(x, axes))
	sq := combined(func(v ...float64) float64 { return v[0] * v[0] }, c)
	return combined(func(v ...float64) float64 { return v[0] / math.Sqrt(v[1]+epsilon) }, c, average(sq, axes))
}

func affine(x, s, t *array) *array {
	if t == nil {
		return combined(func(v ...float64) float64 { return v[0] * v[1] }, x, s)
	}
	return combined(func(v ...float64) float64 { return v[0]*v[1] + v[2] }, x, s, t)
}

// column gives a vector of channels a shape that broadcasts to x's.
func column(v *array, rank int) *array {
	return &array{slices.Concat([]int64{v.dims[0]}, ones(int64(rank-2))), v.v}
}

func calculate(opset int64, n *node, in []*array) ([]*array, error) {
	op := n.GetOpType()
	if f := elementwise[op]; f != nil {
		if op == "Dropout" {
			in = in[:1]
		}
		return one(combined(f(n), in...))
	}
	x := in[0]
	rank := len(x.dims)
	switch op {
	case "Clip":
		lo, hi := math.Inf(-1), math.Inf(1)
		if len(in) > 1 && in[1] != nil {
			lo = in[1].v[0]
		} else if opset < 11 {
			lo = n.float("min", lo)
		}
		if len(in) > 2 && in[2] != nil {
			hi = in[2].v[0]
		} else if opset < 11 {
			hi = n.float("max", hi)
		}
		return one(combined(func(v ...float64) float64 { return min(max(v[0], lo), hi) }, x))
	case "Conv":
		return one(convolve(n, x, in))
	case "MaxPool", "AveragePool":
		return one(pooled(n, x))
	case "Gemm":
		a, c := x, in[1]
		if n.int("transA", 0) != 0 {
			a = permuted(a, 1, 0)
		}
		if n.int("transB", 0) != 0 {
			c = permuted(c, 1, 0)
		}
		y := multiplied(a, c)
		alpha, beta := n.float("alpha", 1), n.float("beta", 1)
		if len(in) < 3 || in[2] == nil {
			return one(combined(func(v ...float64) float64 { return alpha * v[0] }, y))
		}
		return one(combined(func(v ...float64) float64 { return alpha*v[0] + beta*v[1] }, y, in[2]))
	case "MatMul":
		return one(multiplied(x, in[1]))
	case "Einsum":
		return one(summed(n.string("equation", ""), in))
	case "Softmax", "LogSoftmax":
		axis := n.int("axis", -1)
		axes := wrapped([]int64{axis}, rank)
		if opset < 13 {
			axes = sequence(n.int("axis", 1), int64(rank))
		}
		x = combined(func(v ...float64) float64 { return v[0] - v[1] }, x, fold(x, axes, math.Inf(-1), math.Max))
		e := combined(func(v ...float64) float64 { return math.Exp(v[0]) }, x)
		return one(combined(func(v ...float64) float64 {
			if op == "Softmax" {
				return v[1] / v[2]
			}
			return v[0] - math.Log(v[2])
		}, x, e, total(e, axes)))
	case "LayerNormalization":
		axis := wrapped([]int64{n.int("axis", -1)}, rank)[0]
		var shift *array
		if len(in) > 2 {
			shift = in[2]
		}
		return one(affine(standardized(x, sequence(axis, int64(rank)), n.float("epsilon", 1e-5)), in[1], shift))
	case "RMSNormalization":
		axis := wrapped([]int64{n.int("axis", -1)}, rank)[0]
		square := combined(func(v ...float64) float64 { return v[0] * v[0] }, x)
		epsilon := n.float("epsilon", 1e-5)
		return one(combined(func(v ...float64) float64 { return v[0] / math.Sqrt(v[1]+epsilon) * v[2] },
			x, average(square, sequence(axis, int64(rank))), in[1]))
	case "InstanceNormalization":
		z := standardized(x, sequence(2, int64(rank)), n.float("epsilon", 1e-5))
		return one(affine(z, column(in[1], rank), column(in[2], rank)))
	case "GroupNormalization":
		g := n.int("num_groups", 1)
		per := x.dims[1] / g
		z := standardized(&array{[]int64{x.dims[0], g, per, product(x.dims[2:])}, x.v}, []int64{2, 3}, n.float("epsilon", 1e-5))
		s, t := in[1], in[2]
		if opset < 21 {
			each2 := func(v *array) *array {
				y := newArray(x.dims[1])
				for i := range y.v {
					y.v[i] = v.v[int64(i)/per]
				}
				return y
			}
			s, t = each2(s), each2(t)
		}
		return one(affine(&array{x.dims, z.v}, column(s, rank), column(t, rank)))
	case "BatchNormalization":
		epsilon := n.float("epsilon", 1e-5)
		if n.int("training_mode", 0) != 0 { // mean and variance are used nowhere
			z := standardized(x, append([]int64{0}, sequence(2, int64(rank))...), epsilon)
			y := affine(z, column(in[1], rank), column(in[2], rank))
			return []*array{y, in[3], in[4]}, nil
		}
		return one(combined(func(v ...float64) float64 {
			return (v[0]-v[3])/math.Sqrt(v[4]+epsilon)*v[1] + v[2]
		}, x, column(in[1], rank), column(in[2], rank), column(in[3], rank), column(in[4], rank)))
	case "GlobalAveragePool":
		return one(average(x, sequence(2, int64(rank))))
	case "GlobalMaxPool":
		return one(fold(x, sequence(2, int64(rank)), math.Inf(-1), math.Max))
	case "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare":
		axes := wrapped(given(n, in, 1, "axes"), rank)
		if len(axes) == 0 {
			if n.int("noop_with_empty_axes", 0) != 0 {
				return one(x)
			}
			axes = sequence(0, int64(rank))
		}
		var y *array
		square := combined(func(v ...float64) float64 { return v[0] * v[0] }, x)
		switch op {
		case "ReduceSum":
			y = total(x, axes)
		case "ReduceMean":
			y = average(x, axes)
		case "ReduceMax":
			y = fold(x, axes, math.Inf(-1), math.Max)
		case "ReduceMin":
			y = fold(x, axes, math.Inf(1), math.Min)
		case "ReduceSumSquare":
			y = total(square, axes)
		case "ReduceL2":
			y = combined(func(v ...float64) float64 { return math.Sqrt(v[0]) }, total(square, axes))
		}
		return one(&array{reduced(x.dims, axes, n.int("keepdims", 1) != 0), y.v})
	case "Reshape":
		shape := ints(in[1])
		known := int64(1)
		for i, d := range shape {
			if d == 0 {
				shape[i] = x.dims[i]
			}
			if shape[i] > 0 {
				known *= shape[i]
			}
		}
		for i, d := range shape {
			if d < 0 {
				shape[i] = int64(len(x.v)) / known
			}
		}
		return one(&array{shape, x.v})
	case "Flatten":
		axis := n.int("axis", 1)
		if axis < 0 {
			axis += int64(rank)
		}
		return one(&array{[]int64{product(x.dims[:axis]), product(x.dims[axis:])}, x.v})
	case "Squeeze":
		axes := wrapped(given(n, in, 1, "axes"), rank)
		var dims []int64
		for i, d := range x.dims {
			if !(slices.Contains(axes, int64(i)) || len(axes) == 0 && d == 1) {
				dims = append(dims, d)
			}
		}
		return one(&array{dims, x.v})
	case "Unsqueeze":
		axes := given(n, in, 1, "axes")
		dims := slices.Clone(x.dims)
		for _, a := range wrapped(axes, rank+len(axes)) {
			dims = slices.Insert(dims, int(a), 1)
		}
		return one(&array{dims, x.v})
	case "Transpose":
		perm := n.ints("perm")
		if perm == nil {
			perm = sequence(0, int64(rank))
			slices.Reverse(perm)
		}
		return one(permuted(x, perm...))
	case "Expand":
		return one(combined(func(v ...float64) float64 { return v[0] }, x, newArray(ints(in[1])...)))
	case "Tile":
		repeats := ints(in[1])
		dims := slices.Clone(x.dims)
		for i := range dims {
			dims[i] *= repeats[i]
		}
		return one(moved(x, dims, func(at, from []int64) bool {
			for i := range at {
				from[i] = at[i] % x.dims[i]
			}
			return true
		}))
	case "Pad":
		pads := given(n, in, 1, "pads")
		dims := slices.Clone(x.dims)
		for i := range dims {
			dims[i] += pads[i] + pads[i+rank]
		}
		return one(moved(x, dims, func(at, from []int64) bool {
			for i := range at {
				if from[i] = at[i] - pads[i]; from[i] < 0 || from[i] >= x.dims[i] {
					return false
				}
			}
			return true
		}))
	case "Concat":
		axis := wrapped([]int64{n.int("axis", 0)}, rank)[0]
		dims := slices.Clone(x.dims)
		for _, z := range in[1:] {
			dims[axis] += z.dims[axis]
		}
		y, start := newArray(dims...), int64(0)
		for _, z := range in {
			s := y.strides(dims)
			each(z.dims, func(i int, at []int64) {
				y.v[dot(at, s)+start*s[axis]] = z.v[i]
			})
			start += z.dims[axis]
		}
		return one(y)
	case "Split":
		axis := wrapped([]int64{n.int("axis", 0)}, rank)[0]
		sizes := given(n, in, 1, "split")
		if sizes == nil {
			sizes = slices.Repeat([]int64{x.dims[axis] / int64(len(n.out))}, len(n.out))
		}
		var out []*array
		start := int64(0)
		for _, size := range sizes {
			dims := slices.Clone(x.dims)
			dims[axis] = size
			out = append(out, moved(x, dims, func(at, from []int64) bool {
				copy(from, at)
				from[axis] += start
				return true
			}))
			start += size
		}
		return out, nil
	case "Slice":
		starts, ends := given(n, in, 1, "starts"), given(n, in, 2, "ends")
		axes, steps := given(n, in, 3, "axes"), given(n, in, 4, "steps")
		if axes == nil {
			axes = sequence(0, int64(len(starts)))
		}
		dims, first, step := slices.Clone(x.dims), make([]int64, rank), ones(int64(rank))
		for i, a := range axes {
			if a < 0 {
				a += int64(rank)
			}
			d, s := x.dims[a], int64(1)
			if steps != nil {
				s = steps[i]
			}
			lo, hi := starts[i], ends[i]
			if lo < 0 {
				lo += d
			}
			if hi < 0 && hi > -1e9 {
				hi += d
			}
			if s > 0 {
				lo, hi = min(max(lo, 0), d), min(max(hi, 0), d)
			} else {
				lo, hi = min(max(lo, 0), d-1), min(max(hi, -1), d-1)
			}
			dims[a] = max(int64(math.Ceil(float64(hi-lo)/float64(s))), 0)
			first[a], step[a] = lo, s
		}
		return one(moved(x, dims, func(at, from []int64) bool {
			for i := range at {
				from[i] = first[i] + at[i]*step[i]
			}
			return true
		}))
	case "Gather":
		axis := wrapped([]int64{n.int("axis", 0)}, rank)[0]
		index := in[1]
		dims := slices.Concat(x.dims[:axis], index.dims, x.dims[axis+1:])
		k := int(axis) + len(index.dims)
		s := index.strides(index.dims)
		return one(moved(x, dims, func(at, from []int64) bool {
			copy(from, at[:axis])
			from[axis] = int64(index.v[dot(at[axis:k], s)])
			if from[axis] < 0 {
				from[axis] += x.dims[axis]
			}
			copy(from[axis+1:], at[k:])
			return true
		}))
	case "GatherElements":
		axis := wrapped([]int64{n.int("axis", 0)}, rank)[0]
		s := in[1].strides(in[1].dims)
		return one(moved(x, in[1].dims, func(at, from []int64) bool {
			copy(from, at)
			if from[axis] = int64(in[1].v[dot(at, s)]); from[axis] < 0 {
				from[axis] += x.dims[axis]
			}
			return true
		}))
	case "ScatterElements":
		axis := wrapped([]int64{n.int("axis", 0)}, rank)[0]
		y := &array{x.dims, slices.Clone(x.v)}
		s := y.strides(x.dims)
		each(in[1].dims, func(i int, at []int64) {
			to := slices.Clone(at)
			if to[axis] = int64(in[1].v[i]); to[axis] < 0 {
				to[axis] += x.dims[axis]
			}
			if n.string("reduction", "none") == "add" {
				y.v[dot(to, s)] += in[2].v[i]
			} else {
				y.v[dot(to, s)] = in[2].v[i]
			}
		})
		return one(y)
	case "Resize", "Upsample":
		return one(resized(opset, n, x, in))
	}
	return nil, fmt.Errorf("the reference has no operator %s", op)
}

// moved makes a tensor of elements of x: where f says false, 0.
func moved(x *array, dims []int64, f func(at, from []int64) bool) *array {
	y := newArray(dims...)
	from, s := make([]int64, len(x.dims)), x.strides(x.dims)
	each(dims, func(i int, at []int64) {
		if f(at, from) {
			y.v[i] = x.v[dot(from, s)]
		}
	})
	return y
}

func permuted(x *array, perm ...int64) *array {
	dims := make([]int64, len(perm))
	for i, p := range perm {
		dims[i] = x.dims[p]
	}
	return moved(x, dims, func(at, from []int64) bool {
		for i, p := range perm {
			from[p] = at[i]
		}
		return true
	})
}

// summed is Einsum: each product of elements is added where its letters say. An
// ellipsis stands for dimensions that are numbered from the last one.
func summed(equation string, in []*array) *array {
	left, right, explicit := strings.Cut(equation, "->")
	if !explicit {
		right = "..."
		for c := 'a'; c <= 'z'; c++ {
			if strings.Count(left, string(c)) == 1 {
				right += string(c)
			}
		}
	}
	names := func(term string, rank int) (axes []string) {
		head, tail, ellipsis := strings.Cut(strings.ReplaceAll(term, " ", ""), "...")
		axes = strings.Split(head, "")
		for n := rank - len(head) - len(tail); ellipsis && n > 0; n-- {
			axes = append(axes, fmt.Sprint(n))
		}
		return append(axes, strings.Split(tail, "")...)
	}
	size, most := map[string]int64{}, 0
	terms := make([][]string, len(in))
	for i, term := range strings.Split(left, ",") {
		terms[i] = names(term, len(in[i].dims))
		for j, name := range terms[i] {
			size[name] = max(size[name], in[i].dims[j])
			if n, err := strconv.Atoi(name); err == nil {
				most = max(most, n)
			}
		}
	}
	to := names(right, len(strings.ReplaceAll(strings.ReplaceAll(right, "...", ""), " ", ""))+most)
	var all []string
	for name := range size {
		all = append(all, name)
	}
	var dims, outer []int64
	for _, name := range all {
		outer = append(outer, size[name])
	}
	for _, name := range to {
		dims = append(dims, size[name])
	}
	y := newArray(dims...)
	place := func(axes []string, x *array, at []int64) int64 {
		var index []int64
		for _, name := range axes {
			index = append(index, at[slices.Index(all, name)])
		}
		return dot(index, x.strides(x.dims))
	}
	each(outer, func(_ int, at []int64) {
		v := 1.
		for i, x := range in {
			v *= x.v[place(terms[i], x, at)]
		}
		y.v[place(to, y, at)] += v
	})
	return y
}

func multiplied(a, c *array) *array {
	am, cm := a.dims, c.dims
	if len(am) == 1 {
		am = []int64{1, am[0]}
	}
	if len(cm) == 1 {
		cm = []int64{cm[0], 1}
	}
	lead := broadcast(am[:len(am)-2], cm[:len(cm)-2])
	R, D, E := am[len(am)-2], am[len(am)-1], cm[len(cm)-1]
	y := newArray(append(slices.Clone(lead), R, E)...)
	as := (&array{dims: am[:len(am)-2]}).strides(lead)
	cs := (&array{dims: cm[:len(cm)-2]}).strides(lead)
	each(lead, func(i int, at []int64) {
		a0, c0 := dot(at, as)*R*D, dot(at, cs)*D*E
		for r := range R {
			for e := range E {
				s := 0.0
				for d := range D {
					s += a.v[a0+r*D+d] * c.v[c0+d*E+e]
				}
				y.v[int64(i)*R*E+r*E+e] = s
			}
		}
	})
	dims := slices.Clone(lead)
	if len(a.dims) > 1 {
		dims = append(dims, R)
	}
	if len(c.dims) > 1 {
		dims = append(dims, E)
	}
	return &array{dims, y.v}
}

// geometry returns a window's attributes and output sizes as the specification
// of Conv and the pools gives them, by other means than node.window.
func geometry(n *node, kernel, in []int64) (k, stride, dilation, begin, end, out []int64) {
	r := len(in)
	if k = n.ints("kernel_shape"); k == nil {
		k = kernel
	}
	if stride = n.ints("strides"); stride == nil {
		stride = ones(int64(r))
	}
	if dilation = n.ints("dilations"); dilation == nil {
		dilation = ones(int64(r))
	}
	begin, end, out = make([]int64, r), make([]int64, r), make([]int64, r)
	if p := n.ints("pads"); p != nil {
		copy(begin, p[:r])
		copy(end, p[r:])
	}
	for i := range r {
		far := (k[i]-1)*dilation[i] + 1
		switch auto := n.string("auto_pad", "NOTSET"); auto {
		case "SAME_UPPER", "SAME_LOWER":
			out[i] = (in[i] + stride[i] - 1) / stride[i]
			p := max((out[i]-1)*stride[i]+far-in[i], 0)
			begin[i], end[i] = p/2, p-p/2
			if auto == "SAME_LOWER" {
				begin[i], end[i] = end[i], begin[i]
			}
		default:
			room := in[i] + begin[i] + end[i] - far
			out[i] = room/stride[i] + 1
			if n.int("ceil_mode", 0) != 0 && room%stride[i] != 0 && out[i]*stride[i] < in[i]+begin[i] {
				out[i]++
			}
		}
	}
	return k, stride, dilation, begin, end, out
}

func convolve(n *node, x *array, in []*array) *array {
	w := in[1]
	k, stride, dilation, begin, _, out := geometry(n, w.dims[2:], x.dims[2:])
	group := n.int("group", 1)
	K, per := w.dims[0], w.dims[1]
	y := newArray(slices.Concat([]int64{x.dims[0], K}, out)...)
	xs, ws := x.strides(x.dims), w.strides(w.dims)
	each(y.dims, func(i int, at []int64) {
		s := 0.0
		if len(in) > 2 && in[2] != nil {
			s = in[2].v[at[1]]
		}
		first := at[1] / (K / group) * per
		for c := range per {
			each(k, func(_ int, t []int64) {
				xi, wi := at[0]*xs[0]+(first+c)*xs[1], at[1]*ws[0]+c*ws[1]
				for j := range k {
					p := at[2+j]*stride[j] + t[j]*dilation[j] - begin[j]
					if p < 0 || p >= x.dims[2+j] {
						return
					}
					xi += p * xs[2+j]
					wi += t[j] * ws[2+j]
				}
				s += x.v[xi] * w.v[wi]
			})
		}
		y.v[i] = s
	})
	return y
}

func pooled(n *node, x *array) *array {
	k, stride, dilation, begin, end, out := geometry(n, nil, x.dims[2:])
	y := newArray(slices.Concat(x.dims[:2], out)...)
	xs := x.strides(x.dims)
	most := n.GetOpType() == "MaxPool"
	each(y.dims, func(i int, at []int64) {
		sum, top, m := 0.0, math.Inf(-1), 0.0
		each(k, func(_ int, t []int64) {
			xi, inside := at[0]*xs[0]+at[1]*xs[1], true
			for j := range k {
				p := at[2+j]*stride[j] + t[j]*dilation[j] - begin[j]
				if p >= x.dims[2+j]+end[j] {
					return
				}
				inside = inside && p >= 0 && p < x.dims[2+j]
				xi += p * xs[2+j]
			}
			if inside {
				sum += x.v[xi]
				top = max(top, x.v[xi])
			}
			m += bit(inside || n.int("count_include_pad", 0) != 0)
		})
		if y.v[i] = sum / m; most {
			y.v[i] = top
		}
	})
	return y
}
