//go:build cgo && !windows

package onnx_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// tied makes two layers of the same weights: a matrix that each reads, stored
// or in a Constant node, a bias that one reads by another name, a matrix that
// is transposed once for both, and one inside branches.
func tied(constant bool) *pb.ModelProto {
	branch := func(in, out string) []*pb.AttributeProto {
		body := func(op string) *pb.GraphProto {
			return &pb.GraphProto{Name: proto.String(op + out), Node: []*pb.NodeProto{onnx.Node(op, []string{in, "w3"}, []string{op + out})},
				Output: []*pb.ValueInfoProto{onnx.TensorValue(op+out, pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: 4})}}
		}
		return []*pb.AttributeProto{{Name: proto.String("then_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: body("MatMul")},
			{Name: proto.String("else_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: body("Add")}}
	}
	w1 := onnx.FloatTensor("w1", numbers(16, 0.5), 4, 4)
	m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
		Name: proto.String("tied"),
		Initializer: []*pb.TensorProto{w1, onnx.FloatTensor("w2", numbers(16, 0.7), 4, 4), onnx.FloatTensor("w3", numbers(16, 0.4), 4, 4),
			onnx.FloatTensor("b", numbers(4, 1), 4), onnx.FloatTensor("last", numbers(4, 2), 4),
			{Name: proto.String("which"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}}},
		Node: []*pb.NodeProto{
			onnx.Node("Identity", []string{"b"}, []string{"b_1"}),
			onnx.Node("Transpose", []string{"w2"}, []string{"w2_t"}, onnx.IntsAttribute("perm", 1, 0)),
			onnx.Node("MatMul", []string{"x", "w1"}, []string{"a1"}),
			onnx.Node("Add", []string{"a1", "b"}, []string{"c1"}),
			onnx.Node("MatMul", []string{"c1", "w2_t"}, []string{"d1"}),
			onnx.Node("If", []string{"which"}, []string{"e1"}, branch("d1", "1")...),
			onnx.Node("Tanh", []string{"e1"}, []string{"cut"}),
			onnx.Node("MatMul", []string{"cut", "w1"}, []string{"a2"}),
			onnx.Node("Add", []string{"a2", "b_1"}, []string{"c2"}),
			onnx.Node("MatMul", []string{"c2", "w2_t"}, []string{"d2"}),
			onnx.Node("If", []string{"which"}, []string{"e2"}, branch("d2", "2")...),
			onnx.Node("Add", []string{"e2", "last"}, []string{"y"}),
		},
		Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, open([]int64{1, 4})...)},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("y", pb.TensorProto_FLOAT, open([]int64{1, 4})...)},
	}}
	if constant {
		m.Graph.Initializer = m.Graph.Initializer[1:]
		w1.Name = nil
		m.Graph.Node = append([]*pb.NodeProto{onnx.Node("Constant", nil, []string{"w1"}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: w1})}, m.Graph.Node...)
	}
	return m
}

// TestRewriteBehind puts new values into weights that both sides of a cut read:
// the whole computes what the part before it does with the old ones, followed
// by the part behind it with the new ones.
func TestRewriteBehind(t *testing.T) {
	l := library(t)
	x := tensor.View{Shape: []int64{3, 4}, F32: numbers(12, 1)}
	values := map[string][]float32{}
	for i, name := range []string{"w1", "w2", "w3", "b", "last"} {
		n := 16
		if i > 2 {
			n = 4
		}
		values[name] = numbers(n, 0.3+float64(i))
	}
	for _, constant := range []bool{false, true} {
		m := tied(constant)
		before := proto.Clone(m)
		got, err := onnx.RewriteBehind(m, "cut", values, "y")
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(before, m) {
			t.Error("the model itself is changed")
		}
		apply := func(m *pb.ModelProto, in string, x tensor.View, out string) tensor.View {
			y := tensor.View{Shape: []int64{3, 4}, F32: make([]float32, 12)}
			if err := run(t, l, m, map[string]tensor.View{in: x}, []string{out}, []tensor.View{y}); err != nil {
				t.Fatal(err)
			}
			return y
		}
		head, err := onnx.Prune(m, "cut")
		if err != nil {
			t.Fatal(err)
		}
		tail, err := onnx.Detach(m, "cut", "y")
		if err == nil {
			tail, err = onnx.Rewrite(tail, values)
		}
		if err != nil {
			t.Fatal(err)
		}
		tail.Graph.Input[0] = onnx.TensorValue("cut", pb.TensorProto_FLOAT, open([]int64{1, 4})...)
		want := apply(tail, "cut", apply(head, "x", x, "cut"), "y")
		if y := apply(got, "x", x, "y"); !slices.Equal(y.F32, want.F32) {
			t.Errorf("constant %v: %v, want %v", constant, y.F32, want.F32)
		}
		if y := apply(m, "x", x, "y"); slices.Equal(y.F32, want.F32) {
			t.Error("the new values change nothing")
		}
		old, err := onnx.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := onnx.Walk(got); err != nil || s.Parameters != old.Parameters+3*16+4 {
			t.Errorf("constant %v: %d parameters, the model has %d, %v", constant, s.Parameters, old.Parameters, err)
		}
		// What is not shared stays under its name, without a copy.
		alone, err := onnx.RewriteBehind(m, "cut", map[string][]float32{"last": values["last"]}, "y")
		if err != nil || len(alone.Graph.Node) != len(m.Graph.Node) || len(alone.Graph.Initializer) != len(m.Graph.Initializer) {
			t.Errorf("a weight behind the cut alone: %v", err)
		}
	}
	if _, err := onnx.RewriteBehind(tied(false), "e2", map[string][]float32{"w1": values["w1"]}, "y"); err == nil {
		t.Error("a weight that is before the cut alone is rewritten")
	}
	if _, err := onnx.RewriteBehind(tied(false), "none", values, "y"); err == nil {
		t.Error("a cut that there is not")
	}
}
