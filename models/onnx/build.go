package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// Dim is one dimension of a shape.
type Dim struct {
	Size int64  // -1: decided by what is fed
	Name string // of a dimension without a fixed size, "" if it has none
}

// FloatTensor returns a float32 tensor of the given shape. It panics if the
// shape does not hold len(values) elements.
func FloatTensor(name string, values []float32, dims ...int64) *pb.TensorProto {
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
	return &pb.TensorProto{
		Name:     proto.String(name),
		Dims:     dims,
		DataType: proto.Int32(int32(pb.TensorProto_FLOAT)),
		RawData:  raw,
	}
}

// IntTensor returns an int64 tensor of one dimension.
func IntTensor(name string, values ...int64) *pb.TensorProto {
	raw := make([]byte, 0, 8*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return &pb.TensorProto{
		Name:     proto.String(name),
		Dims:     []int64{int64(len(values))},
		DataType: proto.Int32(int32(pb.TensorProto_INT64)),
		RawData:  raw,
	}
}

// Node returns a call of an operator of the standard domain.
func Node(opType string, inputs, outputs []string, attributes ...*pb.AttributeProto) *pb.NodeProto {
	return &pb.NodeProto{
		Name:      proto.String(opType + ":" + outputs[0]),
		OpType:    proto.String(opType),
		Input:     inputs,
		Output:    outputs,
		Attribute: attributes,
	}
}

// IntAttribute returns an integer attribute of a node.
func IntAttribute(name string, v int64) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_INT.Enum(), I: proto.Int64(v)}
}

// TensorValue returns the declaration of a tensor: a graph's input or output.
func TensorValue(name string, elem pb.TensorProto_DataType, shape ...Dim) *pb.ValueInfoProto {
	s := new(pb.TensorShapeProto)
	for _, d := range shape {
		dim := new(pb.TensorShapeProto_Dimension)
		switch {
		case d.Size >= 0:
			dim.Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: d.Size}
		case d.Name != "":
			dim.Value = &pb.TensorShapeProto_Dimension_DimParam{DimParam: d.Name}
		}
		s.Dim = append(s.Dim, dim)
	}
	return &pb.ValueInfoProto{
		Name: proto.String(name),
		Type: &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{
			ElemType: proto.Int32(int32(elem)),
			Shape:    s,
		}}},
	}
}

// IntsAttribute returns an attribute of a node that is a list of integers.
func IntsAttribute(name string, v ...int64) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_INTS.Enum(), Ints: v}
}

// TextAttribute returns an attribute of a node that is a word.
func TextAttribute(name, v string) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_STRING.Enum(), S: []byte(v)}
}

// FloatAttribute returns an attribute of a node that is a number.
func FloatAttribute(name string, v float32) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_FLOAT.Enum(), F: proto.Float32(v)}
}
