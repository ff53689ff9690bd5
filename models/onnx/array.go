package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// array is the values of a small constant while it is computed with: floats as
// f, integers and truth values as i. What is computed is rounded to elem.
type array struct {
	value
	f []float64
	i []int64
}

var (
	errNotConstant = errors.New("it depends on what is fed; it must be constant")
	errExternal    = errors.New("its values lie in an external file; read them into the model first (ReadExternal)")
	errTooLarge    = errors.New("the constants that the graph computes are too large")
)

// isFloat tells whether values of the type are kept as f.
func isFloat(elem pb.TensorProto_DataType) bool {
	switch elem {
	case pb.TensorProto_FLOAT, pb.TensorProto_FLOAT16, pb.TensorProto_BFLOAT16, pb.TensorProto_DOUBLE:
		return true
	}
	return false
}

// isInteger tells whether values of the type are kept as i.
func isInteger(elem pb.TensorProto_DataType) bool {
	switch elem {
	case pb.TensorProto_BOOL, pb.TensorProto_INT8, pb.TensorProto_INT16, pb.TensorProto_INT32, pb.TensorProto_INT64,
		pb.TensorProto_UINT8, pb.TensorProto_UINT16, pb.TensorProto_UINT32, pb.TensorProto_UINT64:
		return true
	}
	return false
}

// newArray returns zeros.
func newArray(v value) *array {
	a := &array{value: v}
	if isFloat(v.elem) {
		a.f = make([]float64, total(v.dims))
	} else {
		a.i = make([]int64, total(v.dims))
	}
	return a
}

// roundFloat rounds to what a float type can hold.
func roundFloat(elem pb.TensorProto_DataType, v float64) float64 {
	switch elem {
	case pb.TensorProto_FLOAT:
		return float64(float32(v))
	case pb.TensorProto_FLOAT16:
		return float64(fromHalf(toHalf(float32(v))))
	case pb.TensorProto_BFLOAT16:
		return float64(fromBrain(toBrain(float32(v))))
	}
	return v
}

// wrap takes an integer into the range of its type, as the processor does.
func wrap(elem pb.TensorProto_DataType, v int64) int64 {
	switch elem {
	case pb.TensorProto_BOOL:
		if v != 0 {
			return 1
		}
		return 0
	case pb.TensorProto_INT8:
		return int64(int8(v))
	case pb.TensorProto_INT16:
		return int64(int16(v))
	case pb.TensorProto_INT32:
		return int64(int32(v))
	case pb.TensorProto_UINT8:
		return int64(uint8(v))
	case pb.TensorProto_UINT16:
		return int64(uint16(v))
	case pb.TensorProto_UINT32:
		return int64(uint32(v))
	}
	return v
}

// readTensor returns the values of a stored tensor; with none if they are of a
// type that no values are kept of.
func readTensor(t *pb.TensorProto) (*Tensor, error) {
	if t.GetDataLocation() == pb.TensorProto_EXTERNAL {
		return nil, errExternal
	}
	if err := checkValues(t); err != nil {
		return nil, err
	}
	out := &Tensor{Type: pb.TensorProto_DataType(t.GetDataType()), Dims: t.GetDims()}
	n := int(total(out.Dims))
	raw, le := t.GetRawData(), binary.LittleEndian
	inRaw := t.RawData != nil
	switch out.Type {
	case pb.TensorProto_FLOAT:
		out.F32 = make([]float32, n)
		if !inRaw {
			copy(out.F32, t.GetFloatData())
			break
		}
		for i := range out.F32 {
			out.F32[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
	case pb.TensorProto_FLOAT16, pb.TensorProto_BFLOAT16:
		from := fromHalf
		if out.Type == pb.TensorProto_BFLOAT16 {
			from = fromBrain
		}
		out.F32 = make([]float32, n)
		for i := range out.F32 {
			if inRaw {
				out.F32[i] = from(le.Uint16(raw[2*i:]))
			} else {
				out.F32[i] = from(uint16(t.Int32Data[i]))
			}
		}
	case pb.TensorProto_DOUBLE:
		out.F32 = make([]float32, n)
		for i := range out.F32 {
			if inRaw {
				out.F32[i] = float32(math.Float64frombits(le.Uint64(raw[8*i:])))
			} else {
				out.F32[i] = float32(t.DoubleData[i])
			}
		}
	case pb.TensorProto_INT64, pb.TensorProto_UINT64:
		out.I64 = make([]int64, n)
		for i := range out.I64 {
			switch {
			case inRaw:
				out.I64[i] = int64(le.Uint64(raw[8*i:]))
			case out.Type == pb.TensorProto_INT64:
				out.I64[i] = t.Int64Data[i]
			default:
				out.I64[i] = int64(t.Uint64Data[i])
			}
		}
	case pb.TensorProto_UINT32:
		out.I64 = make([]int64, n)
		for i := range out.I64 {
			if inRaw {
				out.I64[i] = int64(le.Uint32(raw[4*i:]))
			} else {
				out.I64[i] = int64(uint32(t.Uint64Data[i]))
			}
		}
	case pb.TensorProto_INT32, pb.TensorProto_INT16, pb.TensorProto_UINT16, pb.TensorProto_INT8, pb.TensorProto_UINT8:
		out.I32 = make([]int32, n)
		for i := range out.I32 {
			var v int64
			switch s := storages[out.Type]; {
			case !inRaw:
				v = int64(t.Int32Data[i])
			case s.bits == 32:
				v = int64(le.Uint32(raw[4*i:]))
			case s.bits == 16:
				v = int64(le.Uint16(raw[2*i:]))
			default:
				v = int64(raw[i])
			}
			out.I32[i] = int32(wrap(out.Type, v))
		}
	case pb.TensorProto_BOOL:
		out.Bool = make([]bool, n)
		for i := range out.Bool {
			if inRaw {
				out.Bool[i] = raw[i] != 0
			} else {
				out.Bool[i] = t.Int32Data[i] != 0
			}
		}
	}
	return out, nil
}

// arrayOf returns a stored tensor's values to compute with. Unlike readTensor
// it does not round DOUBLE.
func arrayOf(t *pb.TensorProto) (*array, error) {
	x, err := readTensor(t)
	if err != nil {
		return nil, err
	}
	a := newArray(value{x.Type, x.Dims})
	switch {
	case x.Type == pb.TensorProto_DOUBLE:
		for i := range a.f {
			if t.RawData != nil {
				a.f[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.RawData[8*i:]))
			} else {
				a.f[i] = t.DoubleData[i]
			}
		}
	case isFloat(x.Type):
		for i, v := range x.F32 {
			a.f[i] = float64(v)
		}
	case x.I64 != nil:
		copy(a.i, x.I64)
	case x.I32 != nil:
		for i, v := range x.I32 {
			a.i[i] = int64(v)
		}
	case x.Bool != nil:
		for i, v := range x.Bool {
			if v {
				a.i[i] = 1
			}
		}
	default:
		return nil, fmt.Errorf("values of type %v are not computed with", x.Type)
	}
	return a, nil
}

// tensor returns a's values as a constant of a graph.
func (a *array) tensor() *Tensor {
	t := &Tensor{Type: a.elem, Dims: a.dims}
	switch {
	case isFloat(a.elem):
		t.F32 = make([]float32, len(a.f))
		for i, v := range a.f {
			t.F32[i] = float32(v)
		}
	case a.elem == pb.TensorProto_BOOL:
		t.Bool = make([]bool, len(a.i))
		for i, v := range a.i {
			t.Bool[i] = v != 0
		}
	case a.elem == pb.TensorProto_INT64 || a.elem == pb.TensorProto_UINT64 || a.elem == pb.TensorProto_UINT32:
		t.I64 = a.i
	default:
		t.I32 = make([]int32, len(a.i))
		for i, v := range a.i {
			t.I32[i] = int32(v)
		}
	}
	return t
}
