package folder

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

const (
	maxTensors = 4 << 30 // bytes of a safetensors file
	maxHeader  = 1 << 20 // bytes of what it says about its tensors
)

// storedTypes are the element types of safetensors files that are read
// (https://github.com/huggingface/safetensors#format), and their bytes.
var storedTypes = map[string]struct {
	elem  pb.TensorProto_DataType
	bytes int
}{
	"F32": {pb.TensorProto_FLOAT, 4}, "F64": {pb.TensorProto_DOUBLE, 8},
	"F16": {pb.TensorProto_FLOAT16, 2}, "BF16": {pb.TensorProto_BFLOAT16, 2},
}

// safetensors is a file of tensors.
type safetensors struct {
	place  string // for messages
	sha256 string // hex digest of the file
	header map[string]json.RawMessage
	data   []byte // behind the header
}

// safetensors reads a file of tensors and checks what it says about them.
func (f *layout) safetensors(name string) (*safetensors, error) {
	data, err := f.read(name, maxTensors)
	if err != nil {
		return nil, err
	}
	return parseSafetensors(f.path(name), data)
}

// parseSafetensors is safetensors of the bytes of a file.
func parseSafetensors(place string, data []byte) (*safetensors, error) {
	s := &safetensors{place: place, sha256: digest(data)}
	const before = 8 // bytes, the header's length
	if len(data) < before {
		return nil, fmt.Errorf("models: %s: %d bytes are no safetensors file", s.place, len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader || n > uint64(len(data)-before) {
		return nil, fmt.Errorf("models: %s: a header of %d bytes in a file of %d; the limit is %d", s.place, n, len(data), maxHeader)
	}
	o, err := parseObject(s.place, data[before:before+n])
	if err != nil {
		return nil, err
	}
	s.header, s.data = o.fields, data[before+n:]
	return s, nil
}

// tensor returns a tensor of the file under another name, which has the shape,
// of which -1 is any number. ok is false if there is none.
func (s *safetensors) tensor(name string, shape ...int64) (t *pb.TensorProto, ok bool, err error) {
	raw, ok := s.header[name]
	if !ok {
		return nil, false, nil
	}
	var h struct {
		DType   string
		Shape   []int64
		Offsets []int64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, true, fmt.Errorf("models: %s: tensor %.80q: %w", s.place, name, err)
	}
	fits := len(h.Shape) == len(shape)
	for i := range shape {
		fits = fits && (h.Shape[i] == shape[i] || shape[i] < 0 && h.Shape[i] > 0)
	}
	if !fits {
		return nil, true, fmt.Errorf("models: %s: tensor %.80q has shape %v, not %v", s.place, name, h.Shape[:min(len(h.Shape), 8)], shape)
	}
	kind, known := storedTypes[h.DType]
	if !known {
		return nil, true, fmt.Errorf("models: %s: tensor %.80q holds %.20s, which is none of F32, F16, BF16 and F64", s.place, name, h.DType)
	}
	n := int64(kind.bytes)
	for _, d := range h.Shape {
		if d < 1 || n > math.MaxInt32*int64(kind.bytes)/d {
			return nil, true, fmt.Errorf("models: %s: tensor %.80q has shape %v, which no memory holds", s.place, name, h.Shape)
		}
		n *= d
	}
	if len(h.Offsets) != 2 || h.Offsets[0] < 0 || h.Offsets[1] > int64(len(s.data)) || h.Offsets[1]-h.Offsets[0] != n {
		return nil, true, fmt.Errorf("models: %s: tensor %.80q lies at %v of %d bytes, and needs %d", s.place, name, h.Offsets[:min(len(h.Offsets), 4)], len(s.data), n)
	}
	return &pb.TensorProto{
		Name: proto.String(name), Dims: h.Shape, DataType: proto.Int32(int32(kind.elem)), RawData: s.data[h.Offsets[0]:h.Offsets[1]],
	}, true, nil
}

// weights is tensor for one that must be there, as float32.
func (s *safetensors) weights(name string, shape ...int64) (*pb.TensorProto, error) {
	t, ok, err := s.tensor(name, shape...)
	if err == nil && !ok {
		err = fmt.Errorf("models: %s: there is no tensor %q", s.place, name)
	}
	if err != nil {
		return nil, err
	}
	if t.GetDataType() == int32(pb.TensorProto_FLOAT) {
		return t, nil
	}
	v, err := onnx.Stored(&pb.ModelProto{Graph: &pb.GraphProto{Initializer: []*pb.TensorProto{t}}}, name)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.place, err)
	}
	return onnx.FloatTensor(name, v.F32, t.Dims...), nil
}
