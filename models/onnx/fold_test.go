package onnx

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// What is computed from a weight stays, what is computed from numbers does not,
// and a weight is found in the file under the name that it is stored by.
func TestInferKeepsWeights(t *testing.T) {
	m := small(func(m *pb.ModelProto) {
		half := &pb.TensorProto{Name: proto.String("w_f16"), Dims: []int64{2}, DataType: proto.Int32(int32(pb.TensorProto_FLOAT16)), Int32Data: []int32{0x3c00, 0xc000}}
		m.Graph.Initializer = []*pb.TensorProto{half, FloatTensor("table", []float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 4), FloatTensor("scale", []float32{4}), FloatTensor("eps", []float32{1, 2, 3, 4}, 4), int64s("rows", 1, 0), int64s("count", 4)}
		m.Graph.Node = []*pb.NodeProto{
			Node("Cast", []string{"w_f16"}, []string{"w"}, IntAttribute("to", 1)),
			Node("Identity", []string{"w"}, []string{"again"}),
			Node("Unsqueeze", []string{"again", "count1"}, []string{"column"}),
			Node("Sqrt", []string{"scale"}, []string{"root"}),
			Node("Gather", []string{"table", "rows"}, []string{"positions"}), // constant, but of a table
			Node("Shape", []string{"positions"}, []string{"shape"}),
			Node("ConstantOfShape", []string{"shape"}, []string{"zeros"}),
			Node("Cast", []string{"eps"}, []string{"sizes"}, IntAttribute("to", 7)), // integers, of a float list
			Node("Mul", []string{"eps", "eps"}, []string{"squares"}),
			Node("Cast", []string{"squares"}, []string{"many"}, IntAttribute("to", 7)),
			Node("Neg", []string{"x"}, []string{"unused"}),
			Node("Add", []string{"x", "positions"}, []string{"a"}),
			Node("Mul", []string{"a", "column"}, []string{"b"}),
			Node("Div", []string{"b", "root"}, []string{"c"}),
			Node("Add", []string{"c", "zeros"}, []string{"y"}),
			Node("ConstantOfShape", []string{"many"}, []string{"z"}),
		}
		m.Graph.Initializer = append(m.Graph.Initializer, int64s("count1", 1))
		m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String("z")}, &pb.ValueInfoProto{Name: proto.String("sizes")})
	})
	g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, n := range g.Nodes {
		ops = append(ops, n.GetOpType())
	}
	if want := []string{"Unsqueeze", "Gather", "Add", "Mul", "Div", "Add"}; !slices.Equal(ops, want) {
		t.Errorf("nodes %q, want %q", ops, want)
	}
	if names, want := sorted(g.Constants), []string{"again", "count1", "root", "rows", "sizes", "table", "z", "zeros"}; !slices.Equal(names, want) {
		t.Errorf("constants %q, want %q", names, want)
	}
	if s := g.Stored["again"]; s != "w_f16" || g.Stored["table"] != "table" || g.Stored["root"] != "" {
		t.Errorf("stored: %v", g.Stored)
	}
	if c := g.Constants["again"]; c.Type != pb.TensorProto_FLOAT || !slices.Equal(c.F32, []float32{1, -2}) {
		t.Errorf("the float16 weight is %+v", c)
	}
	if c := g.Constants["root"]; c.F32[0] != 2 || len(c.Dims) != 0 {
		t.Errorf("the root is %+v", c)
	}
	if c := g.Constants["sizes"]; !slices.Equal(c.I64, []int64{1, 2, 3, 4}) {
		t.Errorf("sizes are %+v", c)
	}
	if s := g.Shapes["z"]; !slices.Equal(s, []int64{1, 4, 9, 16}) {
		t.Errorf("a shape that is computed from floats: %v", s)
	}
	if _, ok := g.Shapes["unused"]; ok {
		t.Error("what no output needs is there")
	}
}

// Shapes may be left out where the model declares them, and may be others than
// it declares.
func TestInferShapes(t *testing.T) {
	m := small(nil)
	if g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {3, 5}}), Values: true}); err != nil || !slices.Equal(g.Shapes["y"], []int64{3, 5}) {
		t.Errorf("%v", err)
	}
	m.Graph.Input[0] = TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: 7})
	if g, err := Infer(m, &InferOptions{Values: true}); err != nil || !slices.Equal(g.Shapes["y"], []int64{7}) {
		t.Errorf("%v", err)
	}
	for _, shapes := range []map[string][]int64{{"x": {1, 2}}, {"x": {-1}}, {"x": {1 << 50}}, {"z": {1}}} {
		if _, err := Infer(m, &InferOptions{Inputs: Fixed(shapes), Values: true}); err == nil {
			t.Errorf("%v: no error", shapes)
		}
	}
	// An input that is an initialiser too is a default, which is constant.
	m.Graph.Initializer = []*pb.TensorProto{FloatTensor("x", []float32{1, 2}, 2)}
	if g, err := Infer(m, &InferOptions{Values: true}); err != nil || len(g.Inputs) != 0 || len(g.Nodes) != 0 || !slices.Equal(g.Constants["y"].F32, []float32{1, 2}) {
		t.Errorf("%+v, %v", g, err)
	}
}
