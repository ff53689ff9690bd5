package onnx

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// FeedFloats returns m with inputs of float32 in place of those that are bytes
// (UINT8) or DOUBLE, with a Cast behind each, and the names of the inputs that
// were bytes. Whole numbers from 0 to 255 become the same bytes. m is not
// changed; if it has no such inputs, it is returned itself.
func FeedFloats(m *pb.ModelProto) (*pb.ModelProto, []string) {
	g := m.GetGraph()
	stored := make(map[string]bool)
	for _, t := range g.GetInitializer() {
		stored[t.GetName()] = true
	}
	tensors := make(map[string]bool)
	taken(g, tensors, make(map[string]bool))
	renamed := make(map[string]string)
	var bytes []string
	var casts []*pb.NodeProto
	for _, v := range g.GetInput() {
		name, elem := v.GetName(), pb.TensorProto_DataType(v.GetType().GetTensorType().GetElemType())
		if stored[name] || elem != pb.TensorProto_UINT8 && elem != pb.TensorProto_DOUBLE {
			continue
		}
		if elem == pb.TensorProto_UINT8 {
			bytes = append(bytes, name)
		}
		renamed[name] = unique(name, tensors)
		casts = append(casts, Node("Cast", []string{name}, []string{renamed[name]}, IntAttribute("to", int64(elem))))
	}
	if len(casts) == 0 {
		return m, nil
	}
	out := shallow(m)
	out.Graph = rename(g, renamed)
	out.Graph.Node = append(casts, out.Graph.Node...)
	out.Graph.Input = slices.Clone(g.GetInput())
	for i, v := range out.Graph.Input {
		if renamed[v.GetName()] != "" {
			v = proto.Clone(v).(*pb.ValueInfoProto)
			v.GetType().GetTensorType().ElemType = proto.Int32(int32(pb.TensorProto_FLOAT))
			out.Graph.Input[i] = v
		}
	}
	return out, bytes
}
