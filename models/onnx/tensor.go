package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// maxElements bounds the elements of a tensor, far above what a file can hold,
// far below what overflows.
const maxElements = 1 << 48

// elements returns the number of elements of a shape.
func elements(dims []int64) (int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", clip(dims))
		}
		if d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("shape %v is too large", clip(dims))
		}
		n *= d
	}
	return n, nil
}

// clip shortens a list for a message.
func clip(dims []int64) []int64 { return dims[:min(len(dims), 16)] }

// storage says how the values of an element type are stored.
type storage struct {
	bits  int64  // of an element in raw_data; 0: it has no fixed size
	field string // where values are that are not in raw_data
	pack  int64  // elements in one entry of that field
	parts int64  // entries of that field for one element
}

// storages: the specification's comments on the fields of TensorProto.
var storages = map[pb.TensorProto_DataType]storage{
	pb.TensorProto_FLOAT:          {32, "float_data", 1, 1},
	pb.TensorProto_COMPLEX64:      {64, "float_data", 1, 2},
	pb.TensorProto_INT32:          {32, "int32_data", 1, 1},
	pb.TensorProto_INT16:          {16, "int32_data", 1, 1},
	pb.TensorProto_INT8:           {8, "int32_data", 1, 1},
	pb.TensorProto_UINT16:         {16, "int32_data", 1, 1},
	pb.TensorProto_UINT8:          {8, "int32_data", 1, 1},
	pb.TensorProto_BOOL:           {8, "int32_data", 1, 1},
	pb.TensorProto_FLOAT16:        {16, "int32_data", 1, 1},
	pb.TensorProto_BFLOAT16:       {16, "int32_data", 1, 1},
	pb.TensorProto_FLOAT8E4M3FN:   {8, "int32_data", 1, 1},
	pb.TensorProto_FLOAT8E4M3FNUZ: {8, "int32_data", 1, 1},
	pb.TensorProto_FLOAT8E5M2:     {8, "int32_data", 1, 1},
	pb.TensorProto_FLOAT8E5M2FNUZ: {8, "int32_data", 1, 1},
	pb.TensorProto_FLOAT8E8M0:     {8, "int32_data", 1, 1},
	pb.TensorProto_INT4:           {4, "int32_data", 2, 1},
	pb.TensorProto_UINT4:          {4, "int32_data", 2, 1},
	pb.TensorProto_FLOAT4E2M1:     {4, "int32_data", 2, 1},
	pb.TensorProto_INT2:           {2, "int32_data", 4, 1},
	pb.TensorProto_UINT2:          {2, "int32_data", 4, 1},
	pb.TensorProto_INT64:          {64, "int64_data", 1, 1},
	pb.TensorProto_DOUBLE:         {64, "double_data", 1, 1},
	pb.TensorProto_COMPLEX128:     {128, "double_data", 1, 2},
	pb.TensorProto_UINT32:         {32, "uint64_data", 1, 1},
	pb.TensorProto_UINT64:         {64, "uint64_data", 1, 1},
	pb.TensorProto_STRING:         {0, "string_data", 1, 1},
}

// checkValues checks that a tensor holds as many values as its shape says. Of
// element types that are newer than this schema only the shape is checked.
func checkValues(t *pb.TensorProto) error {
	n, err := elements(t.GetDims())
	if err != nil {
		return err
	}
	if t.GetSegment() != nil {
		return fmt.Errorf("the tensor is stored in segments, which no runtime reads")
	}
	elem := pb.TensorProto_DataType(t.GetDataType())
	if elem == pb.TensorProto_UNDEFINED {
		return fmt.Errorf("the tensor has no data_type")
	}
	s, ok := storages[elem]
	if !ok {
		return nil
	}
	if t.RawData != nil {
		if s.bits == 0 {
			return fmt.Errorf("values of type %v stand in raw_data", elem)
		}
		if want := (n*s.bits + 7) / 8; int64(len(t.RawData)) != want {
			return fmt.Errorf("%v%v needs %d bytes, raw_data has %d", elem, clip(t.GetDims()), want, len(t.RawData))
		}
		return nil
	}
	var have int
	switch s.field {
	case "float_data":
		have = len(t.GetFloatData())
	case "int32_data":
		have = len(t.GetInt32Data())
	case "int64_data":
		have = len(t.GetInt64Data())
	case "double_data":
		have = len(t.GetDoubleData())
	case "uint64_data":
		have = len(t.GetUint64Data())
	case "string_data":
		have = len(t.GetStringData())
	}
	if want := (n + s.pack - 1) / s.pack * s.parts; int64(have) != want {
		return fmt.Errorf("%v%v needs %d entries, %s has %d", elem, clip(t.GetDims()), want, s.field, have)
	}
	return nil
}

// Floats returns the values of a float32 tensor that lie in the model itself,
// not in an external file.
func Floats(t *pb.TensorProto) ([]float32, error) {
	if elem := pb.TensorProto_DataType(t.GetDataType()); elem != pb.TensorProto_FLOAT {
		return nil, fmt.Errorf("onnx: tensor %s: element type is %v, not FLOAT", quote(t.GetName()), elem)
	}
	if t.GetDataLocation() == pb.TensorProto_EXTERNAL {
		return nil, fmt.Errorf("onnx: tensor %s: its values lie in an external file", quote(t.GetName()))
	}
	if err := checkValues(t); err != nil {
		return nil, fmt.Errorf("onnx: tensor %s: %w", quote(t.GetName()), err)
	}
	if t.RawData == nil {
		return t.GetFloatData(), nil
	}
	out := make([]float32, len(t.RawData)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.RawData[4*i:]))
	}
	return out, nil
}
