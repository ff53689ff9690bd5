package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// layouts are operators that put elements elsewhere, or make shapes of shapes.
var layouts = map[string]operator{
	"Shape":           {1, inferShape, evaluateShape},
	"Size":            {1, func(c *call) ([]value, error) { return one(pb.TensorProto_INT64, nil) }, evaluateSize},
	"Reshape":         {1, inferReshape, evaluateView},
	"Flatten":         {1, inferFlatten, evaluateView},
	"Squeeze":         {1, inferSqueeze, evaluateView},
	"Unsqueeze":       {1, inferUnsqueeze, evaluateView},
	"Transpose":       {1, inferTranspose, evaluateTranspose},
	"Concat":          {1, inferConcat, evaluateConcat},
	"Split":           {1, inferSplit, evaluateSplit},
	"Slice":           {1, inferSlice, evaluateSlice},
	"Expand":          {2, inferExpand, evaluateExpand},
	"Tile":            {2, inferTile, evaluateTile},
	"Pad":             {1, inferPad, nil},
	"ConstantOfShape": {1, inferConstantOfShape, evaluateConstantOfShape},
	"Range":           {3, inferRange, evaluateRange},
	"EyeLike":         {1, inferEyeLike, evaluateEyeLike},
	"RandomNormal":    {0, inferRandom, nil},
	"RandomUniform":   {0, inferRandom, nil},
}

// span returns where the attributes start and end of Shape begin and stop.
func (c *call) span() (int, int) {
	rank := c.rank(0)
	at := func(v int64) int {
		if v < 0 {
			v += int64(rank)
		}
		return int(min(max(v, 0), int64(rank)))
	}
	start, end := at(c.integer("start", 0)), at(c.integer("end", int64(rank)))
	return start, max(start, end)
}

func inferShape(c *call) ([]value, error) {
	start, end := c.span()
	return one(pb.TensorProto_INT64, []int64{int64(end - start)})
}

// inferReshape: 0 copies a dimension unless allowzero is set, -1 is what is
// left.
func inferReshape(c *call) ([]value, error) {
	if !c.has(1) {
		return nil, fmt.Errorf("input 1 is missing")
	}
	list, err := c.list(1)
	if err != nil {
		return nil, err
	}
	x, out := c.shape(0), slices.Clone(list)
	misfit := fmt.Errorf("shape %v does not become %v", clip(x), clip(list))
	open := -1
	for i, d := range out {
		switch {
		case d == 0 && c.integer("allowzero", 0) == 0:
			if i >= len(x) {
				return nil, misfit
			}
			out[i] = x[i]
		case d == -1 && open < 0:
			open, out[i] = i, 1
		case d < 0:
			return nil, misfit
		}
	}
	n, err := elements(out)
	if err != nil {
		return nil, err
	}
	if have := total(x); open >= 0 {
		if n == 0 || have%n != 0 {
			return nil, misfit
		}
		out[open] = have / n
	} else if n != have {
		return nil, misfit
	}
	return one(c.elem(0), out)
}

func inferFlatten(c *call) ([]value, error) {
	x, a := c.shape(0), c.integer("axis", 1)
	if a < 0 {
		a += int64(len(x))
	}
	if a < 0 || a > int64(len(x)) {
		return nil, fmt.Errorf("axis %d of a tensor with %d dimensions", c.integer("axis", 1), len(x))
	}
	return one(c.elem(0), []int64{total(x[:a]), total(x[a:])})
}

func inferSqueeze(c *call) ([]value, error) {
	x := c.shape(0)
	list, given, err := c.listOr("axes", 12, 1)
	if err != nil {
		return nil, err
	}
	at, err := axes(list, len(x))
	if err != nil {
		return nil, err
	}
	out := []int64{}
	for i, d := range x {
		switch {
		case given && slices.Contains(at, i):
			if d != 1 {
				return nil, fmt.Errorf("axis %d of shape %v is not 1", i, clip(x))
			}
		case !given && d == 1:
		default:
			out = append(out, d)
		}
	}
	return one(c.elem(0), out)
}

func inferUnsqueeze(c *call) ([]value, error) {
	x := c.shape(0)
	list, given, err := c.listOr("axes", 12, 1)
	if err != nil {
		return nil, err
	}
	if !given || len(list) > maxRank {
		return nil, fmt.Errorf("%d axes", len(list))
	}
	at, err := axes(list, len(x)+len(list))
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(x)+len(at))
	for _, a := range at {
		out[a] = 1
	}
	j := 0
	for i := range out {
		if !slices.Contains(at, i) {
			out[i] = x[j]
			j++
		}
	}
	return one(c.elem(0), out)
}

// permutation returns the order of a Transpose: reversed if none is given.
func (c *call) permutation() ([]int, error) {
	rank := c.rank(0)
	list := c.integers("perm")
	if list == nil {
		for i := rank - 1; i >= 0; i-- {
			list = append(list, int64(i))
		}
	}
	if len(list) != rank {
		return nil, fmt.Errorf("perm has %d numbers for %d dimensions", len(list), rank)
	}
	return axes(list, rank)
}

func inferTranspose(c *call) ([]value, error) {
	order, err := c.permutation()
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(order))
	for i, a := range order {
		out[i] = c.shape(0)[a]
	}
	return one(c.elem(0), out)
}

func inferConcat(c *call) ([]value, error) {
	out := slices.Clone(c.shape(0))
	a, err := axis(c.integer("axis", 0), len(out))
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(c.n.Input); i++ {
		if !c.has(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
		s := c.shape(i)
		if len(s) != len(out) || !slices.Equal(s[:a], out[:a]) || !slices.Equal(s[a+1:], out[a+1:]) || c.elem(i) != c.elem(0) {
			return nil, fmt.Errorf("%v%v and %v%v do not fit along axis %d", c.elem(0), clip(c.shape(0)), c.elem(i), clip(s), a)
		}
		if out[a] += s[a]; out[a] > maxElements {
			return nil, fmt.Errorf("the result is too large")
		}
	}
	return one(c.elem(0), out)
}

// parts returns the axis of a Split and the size of each part.
func (c *call) parts() (int, []int64, error) {
	x := c.shape(0)
	a, err := axis(c.integer("axis", 0), len(x))
	if err != nil {
		return 0, nil, err
	}
	sizes, given, err := c.listOr("split", 12, 1)
	if err != nil {
		return 0, nil, err
	}
	if !given {
		n := int64(len(c.n.Output))
		if m := c.integer("num_outputs", n); m != n || n == 0 {
			return 0, nil, fmt.Errorf("num_outputs is %d, the node has %d", m, n)
		}
		size := (x[a] + n - 1) / n // the last part may be smaller
		for left := x[a]; int64(len(sizes)) < n; left -= size {
			sizes = append(sizes, max(min(size, left), 0))
		}
	}
	sum := int64(0)
	for _, s := range sizes {
		if s < 0 || s > x[a] {
			return 0, nil, fmt.Errorf("parts %v of %d", clip(sizes), x[a])
		}
		sum += s
	}
	if sum != x[a] || len(sizes) != len(c.n.Output) {
		return 0, nil, fmt.Errorf("parts %v of %d for %d outputs", clip(sizes), x[a], len(c.n.Output))
	}
	return a, sizes, nil
}

func inferSplit(c *call) ([]value, error) {
	a, sizes, err := c.parts()
	if err != nil {
		return nil, err
	}
	var out []value
	for _, s := range sizes {
		dims := slices.Clone(c.shape(0))
		dims[a] = s
		out = append(out, value{c.elem(0), dims})
	}
	return out, nil
}

// stride is how a Slice goes over one dimension: n elements from start on.
type stride struct{ start, step, n int64 }

// strides returns how a Slice goes over each dimension.
func (c *call) strides() ([]stride, error) {
	x := c.shape(0)
	out := make([]stride, len(x))
	for i, d := range x {
		out[i] = stride{0, 1, d}
	}
	var lists [4][]int64 // starts, ends, axes, steps
	for i, name := range []string{"starts", "ends", "axes", "steps"} {
		l, given, err := c.listOr(name, 9, i+1)
		if err != nil {
			return nil, err
		}
		if !given && i < 2 {
			return nil, fmt.Errorf("it has no %s", name)
		}
		lists[i] = l
	}
	n := len(lists[0])
	if lists[2] == nil {
		for i := range min(n, len(x)) {
			lists[2] = append(lists[2], int64(i))
		}
	}
	if lists[3] == nil {
		lists[3] = slices.Repeat([]int64{1}, min(n, len(x)))
	}
	if len(lists[1]) != n || len(lists[2]) != n || len(lists[3]) != n {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes, %d steps", n, len(lists[1]), len(lists[2]), len(lists[3]))
	}
	at, err := axes(lists[2], len(x))
	if err != nil {
		return nil, err
	}
	for i, a := range at {
		start, end, step, d := lists[0][i], lists[1][i], lists[3][i], x[a]
		if step == 0 {
			return nil, fmt.Errorf("a step is 0")
		}
		if start < 0 {
			start += d
		}
		if end < 0 {
			end += d
		}
		s := stride{step: step}
		if step > 0 {
			s.start, end = min(max(start, 0), d), min(max(end, 0), d)
			if end > s.start {
				s.n = (end-s.start-1)/step + 1
			}
		} else {
			s.start, end = min(max(start, 0), d-1), min(max(end, -1), d-1)
			if end < s.start && d > 0 {
				s.n = (s.start-end-1)/max(-step, 1) + 1 // the negative of the least integer is itself
				if step == -step {
					s.n = 1
				}
			}
		}
		out[a] = s
	}
	return out, nil
}

func inferSlice(c *call) ([]value, error) {
	s, err := c.strides()
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(s))
	for i := range s {
		out[i] = s[i].n
	}
	return one(c.elem(0), out)
}

func inferExpand(c *call) ([]value, error) {
	list, err := c.list(1)
	if err != nil {
		return nil, err
	}
	if _, err := elements(list); err != nil {
		return nil, err
	}
	out, err := broadcast(c.shape(0), list)
	if err != nil {
		return nil, err
	}
	return one(c.elem(0), out)
}

func inferTile(c *call) ([]value, error) {
	list, err := c.list(1)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(c.shape(0))
	if len(list) != len(out) {
		return nil, fmt.Errorf("%d repeats for %d dimensions", len(list), len(out))
	}
	for i, r := range list {
		n, err := elements([]int64{out[i], r})
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return one(c.elem(0), out)
}

func inferPad(c *call) ([]value, error) {
	out := slices.Clone(c.shape(0))
	pads, given, err := c.listOr("pads", 10, 1)
	if err != nil {
		return nil, err
	}
	at := make([]int, len(out))
	for i := range at {
		at[i] = i
	}
	if c.has(3) {
		list, err := c.list(3)
		if err != nil {
			return nil, err
		}
		if at, err = axes(list, len(out)); err != nil {
			return nil, err
		}
	}
	if !given || len(pads) != 2*len(at) {
		return nil, fmt.Errorf("%d pads for %d dimensions", len(pads), len(at))
	}
	for i, a := range at {
		for _, p := range []int64{pads[i], pads[i+len(at)]} {
			if p < -maxElements || p > maxElements {
				return nil, fmt.Errorf("a pad of %d", p)
			}
			out[a] += p
		}
	}
	return one(c.elem(0), out)
}

func inferConstantOfShape(c *call) ([]value, error) {
	list, err := c.list(0)
	if err != nil {
		return nil, err
	}
	elem := pb.TensorProto_FLOAT
	if t := c.attribute("value").GetT(); t != nil {
		elem = pb.TensorProto_DataType(t.GetDataType())
	}
	return one(elem, slices.Clone(list))
}

func inferRange(c *call) ([]value, error) {
	var bounds [3]*array
	for i := range bounds {
		var err error
		if bounds[i], err = c.array(i); err != nil {
			return nil, err
		}
		if len(bounds[i].f)+len(bounds[i].i) != 1 || bounds[i].elem != bounds[0].elem {
			return nil, fmt.Errorf("input %d is not one number of type %v", i, bounds[0].elem)
		}
	}
	n := int64(0)
	if bounds[0].f != nil {
		start, limit, delta := bounds[0].f[0], bounds[1].f[0], bounds[2].f[0]
		v := (limit - start) / delta
		if !(v < maxElements) {
			return nil, fmt.Errorf("from %g to %g in steps of %g", start, limit, delta)
		}
		for v > float64(n) { // the least integer that is not below v
			n = max(n+1, int64(v))
		}
	} else {
		start, limit, delta := bounds[0].i[0], bounds[1].i[0], bounds[2].i[0]
		const most = 1 << 60
		if delta == 0 || max(start, limit, delta) > most || min(start, limit, delta) < -most {
			return nil, fmt.Errorf("from %d to %d in steps of %d", start, limit, delta)
		}
		if d := limit - start; d != 0 && (d > 0) == (delta > 0) {
			n = (max(d, -d)-1)/max(delta, -delta) + 1
		}
	}
	return one(bounds[0].elem, []int64{n})
}

func inferEyeLike(c *call) ([]value, error) {
	if c.rank(0) != 2 {
		return nil, fmt.Errorf("a tensor with %d dimensions is not a matrix", c.rank(0))
	}
	return one(pb.TensorProto_DataType(c.integer("dtype", int64(c.elem(0)))), c.shape(0))
}

func inferRandom(c *call) ([]value, error) {
	return one(pb.TensorProto_DataType(c.integer("dtype", int64(pb.TensorProto_FLOAT))), slices.Clone(c.integers("shape")))
}
