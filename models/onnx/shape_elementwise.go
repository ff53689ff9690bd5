package onnx

import (
	"fmt"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// elementwise are operators whose result has the shape of their inputs, or that
// which these have together.
var elementwise = map[string]operator{
	"Identity": {1, sameAsFirst, func(c *call, in []*array, out []value) ([]*array, error) { return []*array{in[0]}, nil }},
	"Cast":     {1, inferCast, evaluateCast},
	"CastLike": {2, func(c *call) ([]value, error) { return one(c.elem(1), c.shape(0)) }, evaluateCast},
	"Dropout": {1, func(c *call) ([]value, error) {
		return []value{{c.elem(0), c.shape(0)}, {pb.TensorProto_BOOL, c.shape(0)}}, nil
	}, nil},
	"Where":          {3, inferWhere, evaluateWhere},
	"Clip":           {1, sameAsFirst, evaluateClip},
	"PRelu":          {2, sameAsFirst, nil},
	"Gelu":           {1, sameAsFirst, nil},
	"IsNaN":          {1, truths, nil},
	"IsInf":          {1, truths, nil},
	"CumSum":         {2, sameAsFirst, evaluateCumSum},
	"Trilu":          {1, inferTrilu, evaluateTrilu},
	"Equal":          comparison(func(o int) bool { return o == 0 }),
	"Greater":        comparison(func(o int) bool { return o == 1 }),
	"GreaterOrEqual": comparison(func(o int) bool { return o == 0 || o == 1 }),
	"Less":           comparison(func(o int) bool { return o == -1 }),
	"LessOrEqual":    comparison(func(o int) bool { return o == -1 || o == 0 }),
}

// addElementwise adds those that are alike.
func addElementwise() {
	for _, name := range []string{
		"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Celu", "Cosh", "Elu", "HardSigmoid", "HardSwish",
		"Hardmax", "LeakyRelu", "LogSoftmax", "Mish", "Selu", "Shrink", "Sinh", "Softmax", "Softplus", "Softsign", "Swish", "Tan", "ThresholdedRelu",
	} {
		elementwise[name] = operator{1, sameAsFirst, nil}
	}
	for name, f := range unaries {
		elementwise[name] = operator{1, sameAsFirst, f.evaluate}
	}
	for name, f := range binaries {
		least := 2
		if name == "Max" || name == "Min" || name == "Sum" || name == "Mean" {
			least = 1
		}
		elementwise[name] = operator{least, inferTogether, f.evaluate}
	}
	for _, name := range []string{"BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
		elementwise[name] = operator{2, inferTogether, nil}
	}
}

func sameAsFirst(c *call) ([]value, error) { return one(c.elem(0), c.shape(0)) }

func truths(c *call) ([]value, error) { return one(pb.TensorProto_BOOL, c.shape(0)) }

func inferCast(c *call) ([]value, error) {
	to := pb.TensorProto_DataType(c.integer("to", 0))
	if _, ok := storages[to]; !ok {
		return nil, fmt.Errorf("attribute to is %d, which is no type that is known", int32(to))
	}
	return one(to, c.shape(0))
}

// together returns the shape of inputs from first on under broadcasting.
func (c *call) together(first int) ([]int64, error) {
	shape := c.shape(first)
	for i := first + 1; i < len(c.n.Input); i++ {
		if !c.has(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
		if c.elem(i) != c.elem(first) && !(c.n.GetOpType() == "Pow" && i == 1) {
			return nil, fmt.Errorf("inputs are of types %v and %v", c.elem(first), c.elem(i))
		}
		var err error
		if shape, err = broadcast(shape, c.shape(i)); err != nil {
			return nil, err
		}
	}
	return shape, nil
}

func inferTogether(c *call) ([]value, error) {
	shape, err := c.together(0)
	if err != nil {
		return nil, err
	}
	return one(c.elem(0), shape)
}

func inferComparison(c *call) ([]value, error) {
	shape, err := c.together(0)
	if err != nil {
		return nil, err
	}
	return one(pb.TensorProto_BOOL, shape)
}

func inferWhere(c *call) ([]value, error) {
	if c.elem(0) != pb.TensorProto_BOOL {
		return nil, fmt.Errorf("the condition is of type %v, not BOOL", c.elem(0))
	}
	shape, err := c.together(1)
	if err != nil {
		return nil, err
	}
	if shape, err = broadcast(c.shape(0), shape); err != nil {
		return nil, err
	}
	return one(c.elem(1), shape)
}

func inferTrilu(c *call) ([]value, error) {
	if c.rank(0) < 2 {
		return nil, fmt.Errorf("a tensor with %d dimensions has no triangle", c.rank(0))
	}
	return sameAsFirst(c)
}
