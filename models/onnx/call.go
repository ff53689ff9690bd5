package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// value is what is known of a tensor without its values.
type value struct {
	elem pb.TensorProto_DataType
	dims []int64
}

// call is a node whose inputs are known, seen by the rules of its operator. A
// rule may ask for the inputs below the operator's least without asking has.
type call struct {
	f *folder
	n *pb.NodeProto
}

// has reports whether input i is given.
func (c *call) has(i int) bool { return i < len(c.n.GetInput()) && c.n.Input[i] != "" }

func (c *call) shape(i int) []int64                { return c.f.g.Shapes[c.n.Input[i]] }
func (c *call) elem(i int) pb.TensorProto_DataType { return c.f.g.Types[c.n.Input[i]] }
func (c *call) rank(i int) int                     { return len(c.shape(i)) }
func (c *call) attribute(name string) *pb.AttributeProto {
	for _, a := range c.n.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// integer returns an integer attribute, or what it is when it is not given.
func (c *call) integer(name string, otherwise int64) int64 {
	if a := c.attribute(name); a != nil && a.I != nil {
		return a.GetI()
	}
	return otherwise
}

func (c *call) text(name, otherwise string) string {
	if a := c.attribute(name); a != nil && a.S != nil {
		return string(a.GetS())
	}
	return otherwise
}

// integers returns a list attribute, nil if it is not given.
func (c *call) integers(name string) []int64 {
	if a := c.attribute(name); a != nil {
		return a.GetInts()
	}
	return nil
}

// array returns the values of an input that must be constant.
func (c *call) array(i int) (*array, error) {
	a, err := c.f.array(c.n.Input[i], 0)
	if err != nil {
		return nil, fmt.Errorf("input %d %s: %w", i, quote(c.n.Input[i]), err)
	}
	return a, nil
}

// list returns the integers of an input that must be constant: a list or one
// number.
func (c *call) list(i int) ([]int64, error) {
	a, err := c.array(i)
	if err != nil {
		return nil, err
	}
	if a.i == nil && len(a.f) > 0 || len(a.dims) > 1 {
		return nil, fmt.Errorf("input %d %s: %v%v is not a list of integers", i, quote(c.n.Input[i]), a.elem, clip(a.dims))
	}
	return a.i, nil
}

// number returns the one integer of an input that must be constant.
func (c *call) number(i int) (int64, error) {
	l, err := c.list(i)
	if err != nil {
		return 0, err
	}
	if len(l) != 1 {
		return 0, fmt.Errorf("input %d %s: %d numbers, not one", i, quote(c.n.Input[i]), len(l))
	}
	return l[0], nil
}

// listOr returns the list that is attribute name up to operator set last and
// input i after it; nil and false if it is not given.
func (c *call) listOr(name string, last int64, i int) ([]int64, bool, error) {
	if c.f.g.Opset <= last {
		a := c.attribute(name)
		return a.GetInts(), a != nil, nil
	}
	if !c.has(i) {
		return nil, false, nil
	}
	l, err := c.list(i)
	return l, true, err
}

// axis returns the place of an axis that may count from the end.
func axis(a int64, rank int) (int, error) {
	if a < -int64(rank) || a >= int64(rank) {
		return 0, fmt.Errorf("axis %d of a tensor with %d dimensions", a, rank)
	}
	if a < 0 {
		a += int64(rank)
	}
	return int(a), nil
}

// axes returns the places of axes, each once.
func axes(list []int64, rank int) ([]int, error) {
	var out []int
	seen := make([]bool, rank)
	for _, a := range list {
		i, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if seen[i] {
			return nil, fmt.Errorf("axis %d stands there twice", a)
		}
		seen[i] = true
		out = append(out, i)
	}
	return out, nil
}

// broadcast returns the shape that two shapes have together.
// https://onnx.ai/onnx/repo-docs/Broadcasting.html
func broadcast(a, b []int64) ([]int64, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	lead := len(a) - len(b)
	for i, d := range b {
		switch o := &out[lead+i]; {
		case *o == d || d == 1:
		case *o == 1:
			*o = d
		default:
			return nil, fmt.Errorf("shapes %v and %v do not fit", clip(a), clip(b))
		}
	}
	return out, nil
}

// total returns the number of elements of a shape that has been checked.
func total(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// one is the result of a rule with one output.
func one(elem pb.TensorProto_DataType, dims []int64) ([]value, error) {
	return []value{{elem, dims}}, nil
}
