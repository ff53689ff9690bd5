package grad

import (
	"encoding/binary"
	"math"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// kept are the types of constants that a graph has exactly.
var kept = []pb.TensorProto_DataType{
	pb.TensorProto_FLOAT, pb.TensorProto_INT64, pb.TensorProto_INT32, pb.TensorProto_BOOL,
}

// initializer returns a constant of a graph as an initialiser of that name.
func initializer(name string, t *onnx.Tensor) *pb.TensorProto {
	var raw []byte
	switch t.Type {
	case pb.TensorProto_INT64:
		for _, v := range t.I64 {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
		}
	case pb.TensorProto_INT32:
		for _, v := range t.I32 {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		}
	case pb.TensorProto_BOOL:
		for _, v := range t.Bool {
			if v {
				raw = append(raw, 1)
			} else {
				raw = append(raw, 0)
			}
		}
	default:
		for _, v := range t.F32 {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	}
	return &pb.TensorProto{Name: &name, Dims: t.Dims, DataType: new(int32(t.Type)), RawData: raw}
}
