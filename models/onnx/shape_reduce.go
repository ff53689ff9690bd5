package onnx

import (
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// reductions are operators that make one element of many along axes.
var reductions = map[string]operator{
	"ReduceMean":      {1, inferReduce, evaluateReduce},
	"ReduceSum":       {1, inferReduce, evaluateReduce},
	"ReduceProd":      {1, inferReduce, evaluateReduce},
	"ReduceMax":       {1, inferReduce, evaluateReduce},
	"ReduceMin":       {1, inferReduce, evaluateReduce},
	"ReduceL1":        {1, inferReduce, nil},
	"ReduceL2":        {1, inferReduce, nil},
	"ReduceLogSum":    {1, inferReduce, nil},
	"ReduceLogSumExp": {1, inferReduce, nil},
	"ReduceSumSquare": {1, inferReduce, nil},
	"ArgMax":          {1, inferArg, nil},
	"ArgMin":          {1, inferArg, nil},
}

// reduced tells of each axis of input 0 whether it is reduced.
func (c *call) reduced() ([]bool, error) {
	last := int64(17)
	if c.n.GetOpType() == "ReduceSum" {
		last = 12
	}
	list, _, err := c.listOr("axes", last, 1)
	if err != nil {
		return nil, err
	}
	out := make([]bool, c.rank(0))
	at, err := axes(list, len(out))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i] = slices.Contains(at, i) || len(list) == 0 && c.integer("noop_with_empty_axes", 0) == 0
	}
	return out, nil
}

func inferReduce(c *call) ([]value, error) {
	reduced, err := c.reduced()
	if err != nil {
		return nil, err
	}
	keep := c.integer("keepdims", 1) != 0
	out := []int64{}
	for i, d := range c.shape(0) {
		switch {
		case !reduced[i]:
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return one(c.elem(0), out)
}

func evaluateReduce(c *call, in []*array, out []value) ([]*array, error) {
	reduced, err := c.reduced()
	if err != nil {
		return nil, err
	}
	x, y := in[0], newArray(out[0])
	// Where each element goes: a reduced axis does not move.
	steps := make([]int, len(x.dims))
	n := 1
	for i := len(x.dims) - 1; i >= 0; i-- {
		if !reduced[i] {
			steps[i] = n
			n *= int(x.dims[i])
		}
	}
	if n == 0 || total(x.dims) == 0 {
		return nil, fmt.Errorf("of nothing")
	}
	to := places(x.dims, 0, steps)
	count := float64(len(to) / n)
	op := c.n.GetOpType()
	if x.f == nil && op == "ReduceMean" {
		return nil, fmt.Errorf("this form is not computed")
	}
	switch op {
	case "ReduceProd":
		for i := range y.f {
			y.f[i] = 1
		}
		for i := range y.i {
			y.i[i] = 1
		}
	case "ReduceMax", "ReduceMin":
		sign := 1
		if op == "ReduceMax" {
			sign = -1
		}
		for i := range y.f {
			y.f[i] = math.Inf(sign)
		}
		for i := range y.i {
			y.i[i] = math.MaxInt64
			if sign < 0 {
				y.i[i] = math.MinInt64
			}
		}
	}
	for i, p := range to {
		switch {
		case y.f != nil && op == "ReduceProd":
			y.f[p] *= x.f[i]
		case y.f != nil && op == "ReduceMax":
			y.f[p] = max(y.f[p], x.f[i])
		case y.f != nil && op == "ReduceMin":
			y.f[p] = min(y.f[p], x.f[i])
		case y.f != nil:
			y.f[p] += x.f[i]
		case op == "ReduceProd":
			y.i[p] *= x.i[i]
		case op == "ReduceMax":
			y.i[p] = max(y.i[p], x.i[i])
		case op == "ReduceMin":
			y.i[p] = min(y.i[p], x.i[i])
		default:
			y.i[p] += x.i[i]
		}
	}
	for i, v := range y.f {
		if op == "ReduceMean" {
			v /= count
		}
		y.f[i] = roundFloat(y.elem, v)
	}
	for i, v := range y.i {
		y.i[i] = wrap(y.elem, v)
	}
	return []*array{y}, nil
}

func inferArg(c *call) ([]value, error) {
	out := slices.Clone(c.shape(0))
	a, err := axis(c.integer("axis", 0), len(out))
	if err != nil {
		return nil, err
	}
	if out[a] = 1; c.integer("keepdims", 1) == 0 {
		out = slices.Delete(out, a, a+1)
	}
	return one(pb.TensorProto_INT64, out)
}
