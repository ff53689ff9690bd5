package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// indexing are operators that look elements up or put them in by index.
var indexing = map[string]operator{
	"Gather":          {2, inferGather, evaluateGather},
	"GatherElements":  {2, inferGatherElements, nil},
	"GatherND":        {2, inferGatherND, nil},
	"Scatter":         {3, sameAsFirst, nil},
	"ScatterElements": {3, sameAsFirst, nil},
	"ScatterND":       {3, inferScatterND, evaluateScatterND},
	"OneHot":          {3, inferOneHot, nil},
	"TopK":            {1, inferTopK, nil},
	"NonZero":         {1, inferNonZero, evaluateNonZero},
}

func inferGather(c *call) ([]value, error) {
	x := c.shape(0)
	a, err := axis(c.integer("axis", 0), len(x))
	if err != nil {
		return nil, err
	}
	if e := c.elem(1); e != pb.TensorProto_INT64 && e != pb.TensorProto_INT32 {
		return nil, fmt.Errorf("indices of type %v", e)
	}
	return one(c.elem(0), slices.Concat(x[:a], c.shape(1), x[a+1:]))
}

// evaluateGather: an index may count from the end.
func evaluateGather(c *call, in []*array, out []value) ([]*array, error) {
	x := in[0]
	a, err := axis(c.integer("axis", 0), len(x.dims))
	if err != nil {
		return nil, err
	}
	inner, n := int(total(x.dims[a+1:])), x.dims[a]
	var of []int
	for outer := range int(total(x.dims[:a])) {
		for _, k := range in[1].i {
			if k < -n || k >= n {
				return nil, fmt.Errorf("index %d of %d", k, n)
			}
			if k < 0 {
				k += n
			}
			first := (outer*int(n) + int(k)) * inner
			for j := range inner {
				of = append(of, first+j)
			}
		}
	}
	return []*array{x.pick(out[0], of)}, nil
}

func inferGatherElements(c *call) ([]value, error) {
	if c.rank(0) != c.rank(1) {
		return nil, fmt.Errorf("indices of shape %v for %v", clip(c.shape(1)), clip(c.shape(0)))
	}
	return one(c.elem(0), c.shape(1))
}

func inferGatherND(c *call) ([]value, error) {
	x, i, batch := c.shape(0), c.shape(1), c.integer("batch_dims", 0)
	misfit := fmt.Errorf("indices of shape %v for %v", clip(i), clip(x))
	if len(i) == 0 || batch < 0 || batch >= int64(len(i)) || batch >= int64(len(x)) {
		return nil, misfit
	}
	last := i[len(i)-1]
	if last < 1 || last > int64(len(x))-batch {
		return nil, misfit
	}
	return one(c.elem(0), slices.Concat(i[:len(i)-1], x[batch+last:]))
}

func inferScatterND(c *call) ([]value, error) {
	x, i, u := c.shape(0), c.shape(1), c.shape(2)
	if len(i) == 0 || i[len(i)-1] < 1 || i[len(i)-1] > int64(len(x)) || !slices.Equal(u, slices.Concat(i[:len(i)-1], x[i[len(i)-1]:])) || c.elem(2) != c.elem(0) {
		return nil, fmt.Errorf("updates %v%v at indices of shape %v for %v%v", c.elem(2), clip(u), clip(i), c.elem(0), clip(x))
	}
	return sameAsFirst(c)
}

func evaluateScatterND(c *call, in []*array, out []value) ([]*array, error) {
	if c.text("reduction", "none") != "none" {
		return nil, fmt.Errorf("this form is not computed")
	}
	x, at, u := in[0], in[1], in[2]
	y := &array{value: out[0], f: slices.Clone(x.f), i: slices.Clone(x.i)}
	depth := int(at.dims[len(at.dims)-1])
	steps, inner := rowMajor(x.dims), int(total(x.dims[depth:]))
	for row := range len(at.i) / depth {
		first := 0
		for d, k := range at.i[row*depth : (row+1)*depth] {
			n := x.dims[d]
			if k < -n || k >= n {
				return nil, fmt.Errorf("index %d of %d", k, n)
			}
			if k < 0 {
				k += n
			}
			first += int(k) * steps[d]
		}
		if y.f != nil {
			copy(y.f[first:first+inner], u.f[row*inner:])
		} else {
			copy(y.i[first:first+inner], u.i[row*inner:])
		}
	}
	return []*array{y}, nil
}

func inferOneHot(c *call) ([]value, error) {
	depth, err := c.array(1)
	if err != nil {
		return nil, err
	}
	var n int64
	switch {
	case len(depth.i) == 1:
		n = depth.i[0]
	case len(depth.f) == 1 && depth.f[0] >= 0 && depth.f[0] < maxElements:
		n = int64(depth.f[0])
	default:
		return nil, fmt.Errorf("the depth is not one number")
	}
	a, err := axis(c.integer("axis", -1), c.rank(0)+1)
	if err != nil {
		return nil, err
	}
	return one(c.elem(2), slices.Insert(slices.Clone(c.shape(0)), a, n))
}

func inferTopK(c *call) ([]value, error) {
	x := c.shape(0)
	a, err := axis(c.integer("axis", -1), len(x))
	if err != nil {
		return nil, err
	}
	k, given, err := c.listOr("k", 9, 1)
	if err != nil {
		return nil, err
	}
	if c.f.g.Opset < 10 && given {
		k = []int64{c.integer("k", 0)}
	}
	if len(k) != 1 || k[0] < 0 || k[0] > x[a] {
		return nil, fmt.Errorf("the largest %v of %d", clip(k), x[a])
	}
	out := slices.Clone(x)
	out[a] = k[0]
	return []value{{c.elem(0), out}, {pb.TensorProto_INT64, out}}, nil
}

// nonZero returns the places of the elements that are not zero.
func (a *array) nonZero() []int {
	var at []int
	for i, v := range a.f {
		if v != 0 {
			at = append(at, i)
		}
	}
	for i, v := range a.i {
		if v != 0 {
			at = append(at, i)
		}
	}
	return at
}

func inferNonZero(c *call) ([]value, error) {
	x, err := c.array(0)
	if err != nil {
		return nil, err
	}
	return one(pb.TensorProto_INT64, []int64{int64(len(x.dims)), int64(len(x.nonZero()))})
}

func evaluateNonZero(c *call, in []*array, out []value) ([]*array, error) {
	y, at := newArray(out[0]), in[0].nonZero()
	for d, step := range rowMajor(in[0].dims) {
		for j, p := range at {
			y.i[d*len(at)+j] = int64(p/step) % in[0].dims[d]
		}
	}
	return []*array{y}, nil
}
