package onnx

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// What a model was fed is made by nodes before it, and every reader of it,
// bodies too, reads that; names that both have are told apart.
func TestPrepend(t *testing.T) {
	body := &pb.GraphProto{Node: []*pb.NodeProto{Node("Neg", []string{"x"}, []string{"i"})}, Output: []*pb.ValueInfoProto{{Name: proto.String("i")}}}
	m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
		Input: []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT), TensorValue("mask", pb.TensorProto_INT64)},
		Node: []*pb.NodeProto{
			{OpType: proto.String("Abs"), Name: proto.String("n"), Input: []string{"x"}, Output: []string{"pixels"}},
			Node("If", []string{"mask"}, []string{"z"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: body}), Node("Add", []string{"pixels", "z"}, []string{"y"}),
		},
		Output: []*pb.ValueInfoProto{TensorValue("y", pb.TensorProto_FLOAT)},
	}}
	before := proto.Clone(m)
	part := func() *pb.GraphProto {
		return &pb.GraphProto{
			Input:       []*pb.ValueInfoProto{TensorValue("pixels", pb.TensorProto_FLOAT)},
			Initializer: []*pb.TensorProto{FloatTensor("k", []float32{2})},
			Node:        []*pb.NodeProto{{OpType: proto.String("Mul"), Name: proto.String("n"), Input: []string{"pixels", "k"}, Output: []string{"fed"}}, Node("Cast", []string{"mask"}, []string{"counts"})},
		}
	}
	out, err := Prepend(m, part(), map[string]string{"x": "fed"})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(before, m) {
		t.Error("the model itself was changed")
	}
	g := out.Graph
	var inputs []string
	for _, v := range g.Input {
		inputs = append(inputs, v.GetName())
	}
	if !slices.Equal(inputs, []string{"pixels", "mask"}) {
		t.Errorf("inputs %q", inputs)
	}
	if len(g.Node) != 5 || g.Node[0].Output[0] != "fed" || g.Node[2].Input[0] != "fed" || g.Node[2].Output[0] != "pixels_1" || g.Node[4].Input[0] != "pixels_1" ||
		g.Node[3].Attribute[0].G.Node[0].Input[0] != "fed" || g.Node[0].GetName() == g.Node[2].GetName() || g.Initializer[0].GetName() != "k" {
		t.Errorf("%v", g.Node)
	}
	// An input may be made of another one of the same name.
	same := &pb.GraphProto{Input: []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_INT64)}, Node: []*pb.NodeProto{Node("Cast", []string{"x"}, []string{"as_float"})}}
	if out, err = Prepend(m, same, map[string]string{"x": "as_float"}); err != nil || out.Graph.Node[1].Input[0] != "as_float" || out.Graph.Input[0].GetType().GetTensorType().GetElemType() != int32(pb.TensorProto_INT64) {
		t.Errorf("%v, %v", out, err)
	}
	for want, edit := range map[string]func(p *pb.GraphProto, made map[string]string){
		"in neither part":  func(p *pb.GraphProto, _ map[string]string) { p.Node[0].Input[0] = "nowhere" },
		"made twice":       func(p *pb.GraphProto, _ map[string]string) { p.Node[1].Output[0] = "fed" },
		`"mask" is made`:   func(p *pb.GraphProto, _ map[string]string) { p.Node[1].Output[0] = "mask" },
		`"u" is no input`:  func(_ *pb.GraphProto, made map[string]string) { made["u"] = "fed" },
		"nothing makes \"": func(_ *pb.GraphProto, made map[string]string) { made["x"] = "nothing" },
	} {
		p, made := part(), map[string]string{"x": "fed"}
		edit(p, made)
		if _, err := Prepend(m, p, made); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
	if _, err := Prepend(&pb.ModelProto{}, part(), nil); err == nil {
		t.Error("no graph is taken")
	}
}
