package onnx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// floatBytes returns values as raw_data of a float type, rounded to the
// nearest, of two as near to the even one.
func floatBytes(elem pb.TensorProto_DataType, values []float32) []byte {
	le := binary.LittleEndian
	raw := make([]byte, 0, int64(len(values))*storages[elem].bits/8)
	for _, v := range values {
		switch elem {
		case pb.TensorProto_FLOAT:
			raw = le.AppendUint32(raw, math.Float32bits(v))
		case pb.TensorProto_FLOAT16:
			raw = le.AppendUint16(raw, toHalf(v))
		case pb.TensorProto_BFLOAT16:
			raw = le.AppendUint16(raw, toBrain(v))
		case pb.TensorProto_DOUBLE:
			raw = le.AppendUint64(raw, math.Float64bits(float64(v)))
		}
	}
	return raw
}

// WriteBack puts new values into stored tensors of m, by their names in the
// file (Graph.Stored): initialisers, and the values of Constant nodes. Shapes
// and types stay, so values for a tensor that is stored as float16 are rounded;
// one that is too large for its type is an error. So is a tensor in an external
// file: read these into the model first (ReadExternal). On an error m is as it
// was.
func WriteBack(m *pb.ModelProto, values map[string][]float32) error {
	stored, err := writable(m, values)
	if err != nil {
		return err
	}
	for name, t := range stored {
		t.RawData, t.FloatData, t.Int32Data, t.DoubleData = floatBytes(pb.TensorProto_DataType(t.GetDataType()), values[name]), nil, nil, nil
	}
	return nil
}

// Round rounds values, in place, to what m holds after WriteBack of them: to
// float16, for example, where m stores them so. Its errors are those of
// WriteBack; values are then as they were.
func Round(m *pb.ModelProto, values map[string][]float32) error {
	stored, err := writable(m, values)
	if err != nil {
		return err
	}
	for name, t := range stored {
		elem, v := pb.TensorProto_DataType(t.GetDataType()), values[name]
		for i, x := range v {
			v[i] = float32(roundFloat(elem, float64(x)))
		}
	}
	return nil
}

// writable returns the stored tensors that values are for, once it has seen
// that all of them can be written.
func writable(m *pb.ModelProto, values map[string][]float32) (map[string]*pb.TensorProto, error) {
	stored := storedIn(m)
	found := make(map[string]*pb.TensorProto, len(values))
	for _, name := range sorted(values) {
		t, v := stored[name], values[name]
		if t == nil {
			return nil, fmt.Errorf("onnx: tensor %s: the model stores no such tensor", quote(name))
		}
		elem := pb.TensorProto_DataType(t.GetDataType())
		n, err := elements(t.GetDims())
		switch {
		case err != nil:
			return nil, fmt.Errorf("onnx: tensor %s: %w", quote(name), err)
		case !isFloat(elem):
			return nil, fmt.Errorf("onnx: tensor %s: it holds %v, not floats", quote(name), elem)
		case t.GetDataLocation() == pb.TensorProto_EXTERNAL:
			return nil, fmt.Errorf("onnx: tensor %s: %w", quote(name), errExternal)
		case n != int64(len(v)):
			return nil, fmt.Errorf("onnx: tensor %s: %d values for shape %v", quote(name), len(v), clip(t.GetDims()))
		}
		for i, x := range v {
			if !math.IsInf(float64(x), 0) && math.IsInf(roundFloat(elem, float64(x)), 0) {
				return nil, fmt.Errorf("onnx: tensor %s: element %d is %g, too large for %v", quote(name), i, x, elem)
			}
		}
		found[name] = t
	}
	return found, nil
}

// storedIn returns the tensors that WriteBack can write to, by name.
func storedIn(m *pb.ModelProto) map[string]*pb.TensorProto {
	stored := make(map[string]*pb.TensorProto)
	for _, t := range m.GetGraph().GetInitializer() {
		stored[t.GetName()] = t
	}
	for _, n := range m.GetGraph().GetNode() {
		if a := constantValue(n); a != nil {
			stored[n.Output[0]] = a.T
		}
	}
	return stored
}

// constantValue returns the attribute with the tensor of a Constant node, nil
// if n is none.
func constantValue(n *pb.NodeProto) *pb.AttributeProto {
	if operatorKey(n.GetDomain(), n.GetOpType()) != "Constant" || len(n.GetOutput()) != 1 {
		return nil
	}
	for _, a := range n.GetAttribute() {
		if a.GetName() == "value" && a.T != nil {
			return a
		}
	}
	return nil
}

// Rewrite is WriteBack for a model that is shared: it returns m with the new
// values, and leaves m as it is. The result shares with m what does not change.
func Rewrite(m *pb.ModelProto, values map[string][]float32) (*pb.ModelProto, error) {
	out := shallow(m)
	if g := m.GetGraph(); g != nil {
		out.Graph = shallow(g)
		out.Graph.Initializer, out.Graph.Node = slices.Clone(g.GetInitializer()), slices.Clone(g.GetNode())
		for i, t := range g.GetInitializer() {
			if _, ok := values[t.GetName()]; ok {
				out.Graph.Initializer[i] = shallow(t)
			}
		}
		for i, n := range g.GetNode() {
			a := constantValue(n)
			if a == nil {
				continue
			}
			if _, ok := values[n.Output[0]]; !ok {
				continue
			}
			changed := shallow(a)
			changed.T = shallow(a.T)
			n = shallow(n)
			n.Attribute = slices.Clone(n.GetAttribute())
			n.Attribute[slices.Index(n.Attribute, a)] = changed
			out.Graph.Node[i] = n
		}
	}
	if err := WriteBack(out, values); err != nil {
		return nil, err
	}
	return out, nil
}

// Stored returns the values of a float tensor that m stores under a name, as
// WriteBack takes them: float16 and other types of the file as float32. A
// tensor in an external file is an error.
func Stored(m *pb.ModelProto, name string) (*Tensor, error) {
	t := storedIn(m)[name]
	if t == nil {
		return nil, fmt.Errorf("onnx: tensor %s: the model stores no such tensor", quote(name))
	}
	if elem := pb.TensorProto_DataType(t.GetDataType()); !isFloat(elem) {
		return nil, fmt.Errorf("onnx: tensor %s: it holds %v, not floats", quote(name), elem)
	}
	v, err := readTensor(t)
	if err != nil {
		return nil, fmt.Errorf("onnx: tensor %s: %w", quote(name), err)
	}
	return v, nil
}
