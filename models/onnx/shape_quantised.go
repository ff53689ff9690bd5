package onnx

import "github.com/headstart-ml/headstart/models/onnx/pb"

// quantised are operators that go between floats and small integers.
var quantised = map[string]operator{
	"QuantizeLinear":        {2, inferQuantize, nil},
	"DequantizeLinear":      {2, inferDequantize, nil},
	"DynamicQuantizeLinear": {1, inferDynamicQuantize, nil},
}

func inferQuantize(c *call) ([]value, error) {
	elem := pb.TensorProto_UINT8
	if c.has(2) {
		elem = c.elem(2)
	} else if d := c.integer("output_dtype", 0); d != 0 {
		elem = pb.TensorProto_DataType(d)
	}
	return one(elem, c.shape(0))
}

func inferDequantize(c *call) ([]value, error) {
	if d := c.integer("output_dtype", 0); d != 0 {
		return one(pb.TensorProto_DataType(d), c.shape(0))
	}
	return one(c.elem(1), c.shape(0))
}

func inferDynamicQuantize(c *call) ([]value, error) {
	return []value{{pb.TensorProto_UINT8, c.shape(0)}, {pb.TensorProto_FLOAT, nil}, {pb.TensorProto_UINT8, nil}}, nil
}
