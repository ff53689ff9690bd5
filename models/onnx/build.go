package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"
)

// Dim is one dimension of a shape.
type Dim struct {
	Size int64  // -1: decided by what is fed
	Name string // of a dimension without a fixed size, "" if it has none
}

// FloatTensor returns a float32 tensor of the given shape. It panics if the
// shape does not hold len(values) elements.
func FloatTensor(name string, values []float32, dims ...int64) *TensorProto {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	if n != int64(len(values)) {
		panic(fmt.Sprintf("onnx: tensor %q: %d values for shape %v", name, len(values), dims))
	}
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return &TensorProto{
		Name:     proto.String(name),
		Dims:     dims,
		DataType: proto.Int32(int32(TensorProto_FLOAT)),
		RawData:  raw,
	}
}

// Node returns a call of an operator of the standard domain.
func Node(opType string, inputs, outputs []string, attributes ...*AttributeProto) *NodeProto {
	return &NodeProto{
		Name:      proto.String(opType + ":" + outputs[0]),
		OpType:    proto.String(opType),
		Input:     inputs,
		Output:    outputs,
		Attribute: attributes,
	}
}

// IntAttribute returns an integer attribute of a node.
func IntAttribute(name string, v int64) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), Type: AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

// TensorValue returns the declaration of a tensor: a graph's input or output.
func TensorValue(name string, elem TensorProto_DataType, shape ...Dim) *ValueInfoProto {
	s := new(TensorShapeProto)
	for _, d := range shape {
		dim := new(TensorShapeProto_Dimension)
		switch {
		case d.Size >= 0:
			dim.Value = &TensorShapeProto_Dimension_DimValue{DimValue: d.Size}
		case d.Name != "":
			dim.Value = &TensorShapeProto_Dimension_DimParam{DimParam: d.Name}
		}
		s.Dim = append(s.Dim, dim)
	}
	return &ValueInfoProto{
		Name: proto.String(name),
		Type: &TypeProto{Value: &TypeProto_TensorType{TensorType: &TypeProto_Tensor{
			ElemType: proto.Int32(int32(elem)),
			Shape:    s,
		}}},
	}
}

// IntsAttribute returns an attribute of a node that is a list of integers.
func IntsAttribute(name string, v ...int64) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), Type: AttributeProto_INTS.Enum(), Ints: v}
}
