package onnx

import (
	"errors"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxSize is the largest model, in bytes, that Decode takes and Encode makes:
// what one protobuf message can hold. Larger models keep their weights in
// external files.
const MaxSize = math.MaxInt32

const (
	// maxParts bounds the messages and strings of a model, and fewParts with
	// one for every bytesPerPart bytes does so for smaller files: two bytes of
	// a file can ask for 300 bytes of memory. The largest language models have
	// a few hundred thousand parts; a node with short names has 10 bytes a
	// part.
	maxParts     = 1 << 22
	fewParts     = 1 << 17
	bytesPerPart = 8
	// maxDepth bounds how deep messages are nested. A graph inside a node of a
	// graph is three levels.
	maxDepth = 300
)

// ErrNotModel is wrapped by the errors of Decode for bytes that are no ONNX
// model at all.
var ErrNotModel = errors.New("not an ONNX model")

// Decode reads a model from the bytes of an ONNX file. The model does not
// refer to data afterwards. Only what makes the bytes a model is checked here;
// Walk checks the rest.
func Decode(data []byte) (*pb.ModelProto, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("onnx: %d bytes: a model of more than %d bytes keeps its weights in external files", len(data), MaxSize)
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("onnx: %w: the file is empty", ErrNotModel)
	}
	left := min(maxParts, fewParts+len(data)/bytesPerPart)
	if err := countParts(data, (*pb.ModelProto)(nil).ProtoReflect().Descriptor(), 0, &left); err != nil {
		return nil, err
	}
	m := new(pb.ModelProto)
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("onnx: %w: %w", ErrNotModel, err)
	}
	switch {
	case m.IrVersion == nil:
		return nil, fmt.Errorf("onnx: %w: field ir_version is missing", ErrNotModel)
	case m.GetIrVersion() < 1:
		return nil, fmt.Errorf("onnx: %w: ir_version is %d", ErrNotModel, m.GetIrVersion())
	case m.Graph == nil:
		return nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	// Before version 3 of the format operator set 1 was implied.
	case len(m.OpsetImport) == 0 && m.GetIrVersion() >= 3:
		return nil, fmt.Errorf("onnx: %w: field opset_import is missing", ErrNotModel)
	}
	return m, nil
}

// countParts takes the messages and strings of data, a message of type md, off
// left, and fails when there are more than a model can need. It allocates
// nothing, so that a small hostile file cannot ask for much memory.
func countParts(data []byte, md protoreflect.MessageDescriptor, depth int, left *int) error {
	if depth > maxDepth {
		return fmt.Errorf("onnx: %w: messages are nested more than %d deep", ErrNotModel, maxDepth)
	}
	fields := md.Fields()
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("onnx: %w: %w", ErrNotModel, protowire.ParseError(n))
		}
		data = data[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, data); n < 0 {
				return fmt.Errorf("onnx: %w: %w", ErrNotModel, protowire.ParseError(n))
			}
			data = data[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(data)
		if n < 0 {
			return fmt.Errorf("onnx: %w: %w", ErrNotModel, protowire.ParseError(n))
		}
		data = data[n:]
		if *left--; *left < 0 {
			return fmt.Errorf("onnx: the file has more parts (messages and strings) than a model of its size can need")
		}
		if fd := fields.ByNumber(num); fd != nil && fd.Message() != nil {
			if err := countParts(value, fd.Message(), depth+1, left); err != nil {
				return err
			}
		}
	}
	return nil
}

// Encode writes a model as the bytes of an ONNX file: the same bytes for the
// same model, fields in the order of their numbers, but those of a oneof after
// the others, and unknown fields at the end of their message.
func Encode(m *pb.ModelProto) ([]byte, error) {
	if n := proto.Size(m); n > MaxSize {
		return nil, fmt.Errorf("onnx: the model has %d bytes, more than the %d that one file can hold", n, MaxSize)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: encode: %w", err)
	}
	return data, nil
}

// Equal reports whether two graphs say the same, unknown fields included.
func Equal(a, b *pb.GraphProto) bool { return proto.Equal(a, b) }
