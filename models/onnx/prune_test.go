package onnx

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// What is pruned or appended to keeps its versions, and the fields that the
// schema does not know, in every message that stays.
func TestSurgeryKeepsUnknownFields(t *testing.T) {
	unknown := func(what string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), what)
	}
	m := small(func(m *pb.ModelProto) {
		m.IrVersion = proto.Int64(11)
		m.Graph.Initializer = []*pb.TensorProto{FloatTensor("w", []float32{1}), FloatTensor("unused", []float32{1})}
		m.Graph.Node = append(m.Graph.Node, Node("Add", []string{"y", "w"}, []string{"z"}), Node("Neg", []string{"z"}, []string{"last"}))
		for what, x := range map[string]proto.Message{
			"in the model": m, "in the graph": m.Graph, "in the node": m.Graph.Node[1], "in the weight": m.Graph.Initializer[0],
			"in the input": m.Graph.Input[0], "in the last node": m.Graph.Node[2], "in the other weight": m.Graph.Initializer[1],
		} {
			x.ProtoReflect().SetUnknown(unknown(what))
		}
	})
	part, err := Prune(m, "z")
	if err != nil {
		t.Fatal(err)
	}
	part, _, err = Append(part, &pb.GraphProto{Node: []*pb.NodeProto{Node("Neg", []string{"z"}, []string{"n"})}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := Encode(part)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]bool{
		"in the model": true, "in the graph": true, "in the node": true, "in the weight": true, "in the input": true,
		"in the last node": false, "in the other weight": false,
	} {
		if have := bytes.Count(data, unknown(what)) == 1; have != want {
			t.Errorf("%s: %v", what, have)
		}
	}
	if part.GetIrVersion() != 11 || part.OpsetImport[0].GetVersion() != 17 {
		t.Errorf("IR version %d, operator set %v", part.GetIrVersion(), part.OpsetImport)
	}
}

// Bodies need tensors of the graph around them, however deep; what was declared
// stays declared, and no input stays that nothing needs.
func TestPrune(t *testing.T) {
	inner := &pb.GraphProto{Node: []*pb.NodeProto{Node("Neg", []string{"deep"}, []string{"i"})}, Output: []*pb.ValueInfoProto{{Name: proto.String("i")}}}
	outer := &pb.GraphProto{Node: []*pb.NodeProto{Node("If", []string{"c"}, []string{"o"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: inner})},
		Output: []*pb.ValueInfoProto{{Name: proto.String("straight")}}}
	m := small(func(m *pb.ModelProto) {
		g := m.Graph
		g.Input = append(g.Input, TensorValue("c", pb.TensorProto_BOOL), TensorValue("other", pb.TensorProto_FLOAT, Dim{Size: 1}))
		g.Node = []*pb.NodeProto{
			Node("Relu", []string{"x"}, []string{"deep"}),
			Node("Abs", []string{"x"}, []string{"straight"}),
			Node("Neg", []string{"other"}, []string{"left"}),
			Node("If", []string{"c"}, []string{"z"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: outer}),
			Node("Exp", []string{"z"}, []string{"y"}),
			Node("Neg", []string{"left"}, []string{"second"}),
		}
		g.ValueInfo = []*pb.ValueInfoProto{TensorValue("z", pb.TensorProto_FLOAT, Dim{Size: 3}), TensorValue("left", pb.TensorProto_FLOAT, Dim{Size: 1}), TensorValue("deep", pb.TensorProto_FLOAT, Dim{Size: 2})}
		g.QuantizationAnnotation = []*pb.TensorAnnotation{{TensorName: proto.String("left")}, {TensorName: proto.String("deep")}}
	})
	before := proto.Clone(m)
	part, err := Prune(m, "z")
	if err != nil {
		t.Fatal(err)
	}
	names := func(g *pb.GraphProto) (nodes, inputs, infos []string) {
		for _, n := range g.Node {
			nodes = append(nodes, n.Output[0])
		}
		for _, v := range g.Input {
			inputs = append(inputs, v.GetName())
		}
		for _, v := range g.ValueInfo {
			infos = append(infos, v.GetName())
		}
		return nodes, inputs, infos
	}
	nodes, inputs, infos := names(part.Graph)
	if !slices.Equal(nodes, []string{"deep", "straight", "z"}) || !slices.Equal(inputs, []string{"x", "c"}) || !slices.Equal(infos, []string{"deep"}) {
		t.Errorf("nodes %q, inputs %q, declared %q", nodes, inputs, infos)
	}
	if o := part.Graph.Output; len(o) != 1 || o[0].GetType().GetTensorType().GetShape().GetDim()[0].GetDimValue() != 3 {
		t.Errorf("outputs %v", o)
	}
	if a := part.Graph.QuantizationAnnotation; len(a) != 1 || a[0].GetTensorName() != "deep" {
		t.Errorf("annotations %v", a)
	}
	// Two outputs in another order; the graph's own is one no more.
	part, err = Prune(m, "second", "y", "z")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, infos := names(part.Graph); len(part.Graph.Output) != 3 || part.Graph.Output[1] != m.Graph.Output[0] || !slices.Equal(infos, []string{"left", "deep"}) {
		t.Errorf("outputs %v, declared %q", part.Graph.Output, infos)
	}
	m.Graph.Node = append(m.Graph.Node, Node("Neg", []string{"y"}, []string{"after"}))
	if part, err = Prune(m, "after"); err != nil {
		t.Fatal(err)
	}
	if _, _, infos := names(part.Graph); !slices.Contains(infos, "y") {
		t.Errorf("what was an output is declared no more: %q", infos)
	}
	m.Graph.Node = m.Graph.Node[:6]
	if !proto.Equal(before, m) {
		t.Error("the model itself was changed")
	}
	for _, inside := range []string{"i", "o"} {
		if _, err := Prune(m, inside); err == nil {
			t.Errorf("pruned after %s, which a body makes", inside)
		}
	}
}
