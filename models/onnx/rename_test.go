package onnx

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A name is free in the whole graph, bodies too, and everything that was called
// so is still found.
func TestRename(t *testing.T) {
	inner := &pb.GraphProto{
		Node:        []*pb.NodeProto{Node("Add", []string{"logits", "k"}, []string{"i"})},
		Initializer: []*pb.TensorProto{FloatTensor("k", []float32{1})},
		Output:      []*pb.ValueInfoProto{{Name: proto.String("i")}},
	}
	m := bypassed(func(m *pb.ModelProto) {
		g := m.Graph
		g.Node[3].Output[0], g.Node[4].Input[0] = "logits", "logits"
		g.Node = append(g.Node, Node("If", []string{"yes"}, []string{"if"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: inner}), Node("Neg", []string{"z"}, []string{"logits_1"}))
		g.Output[0].Name = proto.String("logits")
		g.ValueInfo = []*pb.ValueInfoProto{TensorValue("z", pb.TensorProto_FLOAT), TensorValue("v", pb.TensorProto_FLOAT)}
		g.QuantizationAnnotation = []*pb.TensorAnnotation{{TensorName: proto.String("v"), QuantParameterTensorNames: []*pb.StringStringEntryProto{{Key: proto.String("SCALE_TENSOR"), Value: proto.String("logits")}}}}
		g.SparseInitializer = []*pb.SparseTensorProto{{Values: FloatTensor("sparse", []float32{1}, 1), Indices: int64s("", 0)}}
	})
	before := proto.Clone(m)
	out, names, err := Rename(m, "logits", "probabilities", "v", "k", "sparse", "logits")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 4 || names["logits"] != "logits_2" || names["v"] != "v_1" || names["k"] != "k_1" || names["sparse"] != "sparse_1" {
		t.Fatalf("%v", names)
	}
	data, err := Encode(out)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	g := again.Graph
	body := g.Node[5].Attribute[0].G
	if g.Node[3].Output[0] != "logits_2" || g.Node[4].Input[0] != "logits_2" || g.Node[3].Input[1] != "v_1" || g.Initializer[2].GetName() != "v_1" || g.Output[0].GetName() != "logits_2" ||
		g.ValueInfo[1].GetName() != "v_1" || !slices.Equal(body.Node[0].Input, []string{"logits_2", "k_1"}) || body.Initializer[0].GetName() != "k_1" || g.Node[6].Output[0] != "logits_1" ||
		g.QuantizationAnnotation[0].GetTensorName() != "v_1" || g.QuantizationAnnotation[0].QuantParameterTensorNames[0].GetValue() != "logits_2" || g.SparseInitializer[0].Values.GetName() != "sparse_1" {
		t.Errorf("%v", g)
	}
	if !proto.Equal(before, m) {
		t.Error("the model itself was changed")
	}
	if same, names, err := Rename(m, "nowhere"); err != nil || same != m || names != nil {
		t.Errorf("%v %v", names, err)
	}
	if _, _, err := Rename(m, "mask"); err == nil || !strings.Contains(err.Error(), `"mask" is an input`) {
		t.Errorf("%v", err)
	}
	if _, _, err := Rename(&pb.ModelProto{}, "x"); err == nil {
		t.Error("a model without a graph is taken")
	}
}
