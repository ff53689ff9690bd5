package onnx

import (
	"fmt"
	"slices"
)

// pick returns the elements of a at the places of, as a tensor of shape v.
func (a *array) pick(v value, of []int) *array {
	y := newArray(v)
	if y.f != nil {
		for i, k := range of {
			y.f[i] = a.f[k]
		}
		return y
	}
	for i, k := range of {
		y.i[i] = a.i[k]
	}
	return y
}

// places returns, for each element of a tensor of shape dims in its order, the
// sum of first and of steps times the element's coordinates.
func places(dims []int64, first int, steps []int) []int {
	out := make([]int, total(dims))
	at := make([]int64, len(dims))
	p := first
	for i := range out {
		out[i] = p
		for k := len(dims) - 1; k >= 0; k-- {
			at[k]++
			p += steps[k]
			if at[k] < dims[k] {
				break
			}
			p -= int(at[k]) * steps[k]
			at[k] = 0
		}
	}
	return out
}

// rowMajor returns how far apart neighbours along each dimension are.
func rowMajor(dims []int64) []int {
	steps := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		steps[i] = n
		n *= int(dims[i])
	}
	return steps
}

// stretch returns, for each element of a tensor of shape to, its place in one
// of shape from that is broadcast to it.
func stretch(from, to []int64) []int {
	steps := make([]int, len(to))
	lead := len(to) - len(from)
	for i, s := range rowMajor(from) {
		if from[i] != 1 {
			steps[lead+i] = s
		}
	}
	return places(to, 0, steps)
}

func evaluateShape(c *call, in []*array, out []value) ([]*array, error) {
	start, end := c.span()
	return []*array{{value: out[0], i: slices.Clone(c.shape(0)[start:end])}}, nil
}

func evaluateSize(c *call, in []*array, out []value) ([]*array, error) {
	return []*array{{value: out[0], i: []int64{total(c.shape(0))}}}, nil
}

func evaluateView(c *call, in []*array, out []value) ([]*array, error) {
	return []*array{{value: out[0], f: in[0].f, i: in[0].i}}, nil
}

func evaluateTranspose(c *call, in []*array, out []value) ([]*array, error) {
	order, err := c.permutation()
	if err != nil {
		return nil, err
	}
	from, steps := rowMajor(in[0].dims), make([]int, len(order))
	for i, a := range order {
		steps[i] = from[a]
	}
	return []*array{in[0].pick(out[0], places(out[0].dims, 0, steps))}, nil
}

func evaluateConcat(c *call, in []*array, out []value) ([]*array, error) {
	a, err := axis(c.integer("axis", 0), len(out[0].dims))
	if err != nil {
		return nil, err
	}
	y, steps := newArray(out[0]), rowMajor(out[0].dims)
	first := 0
	for _, x := range in {
		for i, p := range places(x.dims, first, steps) {
			if y.f != nil {
				y.f[p] = x.f[i]
			} else {
				y.i[p] = x.i[i]
			}
		}
		first += int(x.dims[a]) * steps[a]
	}
	return []*array{y}, nil
}

func evaluateSplit(c *call, in []*array, out []value) ([]*array, error) {
	a, sizes, err := c.parts()
	if err != nil {
		return nil, err
	}
	steps := rowMajor(in[0].dims)
	first := 0
	var parts []*array
	for i, v := range out {
		parts = append(parts, in[0].pick(v, places(v.dims, first, steps)))
		first += int(sizes[i]) * steps[a]
	}
	return parts, nil
}

func evaluateSlice(c *call, in []*array, out []value) ([]*array, error) {
	s, err := c.strides()
	if err != nil {
		return nil, err
	}
	steps := rowMajor(in[0].dims)
	first := 0
	for i := range steps {
		first += int(s[i].start) * steps[i]
		if s[i].n > 1 {
			steps[i] *= int(s[i].step)
		}
	}
	return []*array{in[0].pick(out[0], places(out[0].dims, first, steps))}, nil
}

func evaluateExpand(c *call, in []*array, out []value) ([]*array, error) {
	return []*array{in[0].pick(out[0], stretch(in[0].dims, out[0].dims))}, nil
}

func evaluateTile(c *call, in []*array, out []value) ([]*array, error) {
	x := in[0]
	steps := rowMajor(x.dims)
	// A tiled dimension is two: which copy, and where in it.
	var dims []int64
	var by []int
	for i, d := range x.dims {
		if d == 0 {
			return []*array{newArray(out[0])}, nil
		}
		dims, by = append(dims, out[0].dims[i]/d, d), append(by, 0, steps[i])
	}
	return []*array{x.pick(out[0], places(dims, 0, by))}, nil
}

func evaluateConstantOfShape(c *call, in []*array, out []value) ([]*array, error) {
	y := newArray(out[0])
	t := c.attribute("value").GetT()
	if t == nil {
		return []*array{y}, nil
	}
	v, err := arrayOf(t)
	if err != nil {
		return nil, err
	}
	if len(v.f)+len(v.i) != 1 {
		return nil, fmt.Errorf("attribute value is not one number")
	}
	for i := range y.f {
		y.f[i] = v.f[0]
	}
	for i := range y.i {
		y.i[i] = v.i[0]
	}
	return []*array{y}, nil
}

func evaluateRange(c *call, in []*array, out []value) ([]*array, error) {
	y := newArray(out[0])
	for i := range y.f {
		y.f[i] = roundFloat(y.elem, in[0].f[0]+float64(i)*in[2].f[0])
	}
	for i := range y.i {
		y.i[i] = wrap(y.elem, in[0].i[0]+int64(i)*in[2].i[0])
	}
	return []*array{y}, nil
}

func evaluateEyeLike(c *call, in []*array, out []value) ([]*array, error) {
	if !isFloat(out[0].elem) && !isInteger(out[0].elem) {
		return nil, fmt.Errorf("values of type %v are not computed with", out[0].elem)
	}
	y, k := newArray(out[0]), c.integer("k", 0)
	for p := range total(y.dims) {
		if row, column := p/y.dims[1], p%y.dims[1]; column-row == k {
			if y.f != nil {
				y.f[p] = 1
			} else {
				y.i[p] = 1
			}
		}
	}
	return []*array{y}, nil
}

// evaluateTrilu keeps one triangle of each matrix.
func evaluateTrilu(c *call, in []*array, out []value) ([]*array, error) {
	k := int64(0)
	if c.has(1) {
		if len(in[1].i) != 1 {
			return nil, fmt.Errorf("input 1 is not one integer")
		}
		k = in[1].i[0]
	}
	x, y := in[0], newArray(out[0])
	upper, rank := c.integer("upper", 1) != 0, len(y.dims)
	rows, columns := y.dims[rank-2], y.dims[rank-1]
	for p := range total(y.dims) {
		row, column := p/columns%rows, p%columns
		if upper && column-row < k || !upper && column-row > k {
			continue
		}
		if y.f != nil {
			y.f[p] = x.f[p]
		} else {
			y.i[p] = x.i[p]
		}
	}
	return []*array{y}, nil
}

// evaluateCumSum adds up along an axis.
func evaluateCumSum(c *call, in []*array, out []value) ([]*array, error) {
	if c.integer("exclusive", 0) != 0 || c.integer("reverse", 0) != 0 || len(in[1].i) != 1 {
		return nil, fmt.Errorf("this form is not computed")
	}
	x, y := in[0], newArray(out[0])
	a, err := axis(in[1].i[0], len(y.dims))
	if err != nil {
		return nil, err
	}
	step := rowMajor(y.dims)[a]
	for p := range int(total(y.dims)) {
		first := int64(p/step)%y.dims[a] == 0
		if y.f != nil {
			if y.f[p] = x.f[p]; !first {
				y.f[p] = roundFloat(y.elem, x.f[p]+y.f[p-step])
			}
		} else if y.i[p] = x.i[p]; !first {
			y.i[p] = wrap(y.elem, x.i[p]+y.i[p-step])
		}
	}
	return []*array{y}, nil
}
