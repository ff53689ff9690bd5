//go:build cgo && !windows

package onnx_test

import (
	"maps"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// halves makes a model that computes in float16: stored filters and constants
// of that type, in the graph, in a Constant node and in a branch, and Casts.
func halves(t testing.TB) *pb.ModelProto {
	t.Helper()
	half := func(name string, v []float32, dims ...int64) *pb.TensorProto {
		m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{Initializer: []*pb.TensorProto{
			{Name: proto.String(name), Dims: dims, DataType: proto.Int32(int32(pb.TensorProto_FLOAT16)), RawData: make([]byte, 2*len(v))}}}}
		m, err := onnx.Rewrite(m, map[string][]float32{name: v})
		if err != nil {
			t.Fatal(err)
		}
		return m.Graph.Initializer[0]
	}
	weight := numbers(4*3*3*3, 0.3)
	one := half("one", []float32{1})
	one.Name = nil
	then := &pb.GraphProto{Name: proto.String("then"),
		Initializer: []*pb.TensorProto{half("factor", []float32{1.5})},
		Node:        []*pb.NodeProto{onnx.Node("Mul", []string{"b", "factor"}, []string{"then_y"})},
		Output:      []*pb.ValueInfoProto{onnx.TensorValue("then_y", pb.TensorProto_FLOAT16, open([]int64{1, 4})...)}}
	other := &pb.GraphProto{Name: proto.String("else"),
		Node:   []*pb.NodeProto{onnx.Node("Mul", []string{"b", "shift"}, []string{"else_y"})},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("else_y", pb.TensorProto_FLOAT16, open([]int64{1, 4})...)}}
	return &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
		Name: proto.String("halves"),
		Initializer: []*pb.TensorProto{half("weight", weight, 4, 3, 3, 3), half("shift", []float32{0.5, -1, 2, 0.25}, 4),
			{Name: proto.String("which"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}}},
		Node: []*pb.NodeProto{
			onnx.Node("Conv", []string{"pixels", "weight"}, []string{"conv"}, onnx.IntsAttribute("pads", 1, 1, 1, 1)),
			onnx.Node("Relu", []string{"conv"}, []string{"relu"}),
			onnx.Node("ReduceMean", []string{"relu"}, []string{"mean"}, onnx.IntsAttribute("axes", 2, 3), onnx.IntAttribute("keepdims", 0)),
			onnx.Node("Constant", nil, []string{"one"}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: one}),
			onnx.Node("Add", []string{"mean", "one"}, []string{"a"}),
			onnx.Node("Cast", []string{"a"}, []string{"full"}, onnx.IntAttribute("to", 1)),
			onnx.Node("Exp", []string{"full"}, []string{"grown"}),
			onnx.Node("Cast", []string{"grown"}, []string{"again"}, onnx.IntAttribute("to", 10)),
			onnx.Node("Add", []string{"again", "shift"}, []string{"b"}),
			onnx.Node("If", []string{"which"}, []string{"embedding"},
				&pb.AttributeProto{Name: proto.String("then_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: then},
				&pb.AttributeProto{Name: proto.String("else_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: other}),
		},
		Input:  []*pb.ValueInfoProto{onnx.TensorValue("pixels", pb.TensorProto_FLOAT16, open([]int64{1, 3, 6, 6})...)},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("embedding", pb.TensorProto_FLOAT16, open([]int64{1, 4})...)},
	}}
}

func numbers(n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * math.Sin(float64(3*i+1)))
	}
	return v
}

// between feeds a model float32 and takes float32 from it, by Casts around it,
// whatever types it has.
func between(m *pb.ModelProto, input, output string) *pb.ModelProto {
	m = proto.Clone(m).(*pb.ModelProto)
	g := m.Graph
	elem := g.Input[0].GetType().GetTensorType().GetElemType()
	g.Node = append([]*pb.NodeProto{onnx.Node("Cast", []string{"fed"}, []string{input}, onnx.IntAttribute("to", int64(elem)))}, g.Node...)
	g.Node = append(g.Node, onnx.Node("Cast", []string{output}, []string{"given"}, onnx.IntAttribute("to", 1)))
	g.Input[0] = onnx.TensorValue("fed", pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: -1}, onnx.Dim{Size: -1}, onnx.Dim{Size: -1})
	g.Output = []*pb.ValueInfoProto{onnx.TensorValue("given", pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: -1})}
	return m
}

// TestWidenComputesTheSame runs a float16 model as ONNX Runtime does, and made
// wider: the embeddings are the same but for what float16 rounds.
func TestWidenComputesTheSame(t *testing.T) {
	l := library(t)
	m := halves(t)
	before := proto.Clone(m)
	w, changed := onnx.Widen(m)
	if !changed || !proto.Equal(before, m) {
		t.Fatalf("changed %v, and the model itself %v", changed, !proto.Equal(before, m))
	}
	sum, err := onnx.Walk(w)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Inputs[0].Elem != pb.TensorProto_FLOAT || sum.Outputs[0].Elem != pb.TensorProto_FLOAT {
		t.Errorf("inputs %+v, outputs %+v", sum.Inputs, sum.Outputs)
	}
	if s, err := onnx.Stored(w, "weight"); err != nil || s.Type != pb.TensorProto_FLOAT16 {
		t.Errorf("the weight is stored as %v, %v", s, err)
	}
	x := tensor.View{Shape: []int64{3, 3, 6, 6}, F32: numbers(3*3*36, 1)}
	got, want := tensor.View{Shape: []int64{3, 4}, F32: make([]float32, 12)}, tensor.View{Shape: []int64{3, 4}, F32: make([]float32, 12)}
	if err := run(t, l, w, map[string]tensor.View{"pixels": x}, []string{"embedding"}, []tensor.View{got}); err != nil {
		t.Fatal(err)
	}
	if err := run(t, l, between(m, "pixels", "embedding"), map[string]tensor.View{"fed": x}, []string{"given"}, []tensor.View{want}); err != nil {
		t.Fatal(err)
	}
	for i, v := range want.F32 {
		if d := float64(got.F32[i] - v); !(math.Abs(d) <= 4e-3*math.Abs(float64(v))) {
			t.Errorf("value %d is %g, in float16 %g", i, got.F32[i], v)
		}
	}
	g, err := onnx.Infer(w, &onnx.InferOptions{Inputs: onnx.Fixed(map[string][]int64{"pixels": {2, 3, 6, 6}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, elem := range g.Types {
		if elem == pb.TensorProto_FLOAT16 {
			t.Errorf("%s is still FLOAT16", name)
		}
	}
	if stored := slices.Sorted(maps.Values(g.Stored)); !slices.Contains(stored, "weight") || !slices.Contains(stored, "shift") {
		t.Errorf("weights are found in the file as %q", stored)
	}
	if again, changed := onnx.Widen(w); changed || again != w {
		t.Error("what is wide is made wider")
	}
}

// TestFeedFloats compares a model that is fed bytes with one that is fed whole
// numbers as floats.
func TestFeedFloats(t *testing.T) {
	l := library(t)
	for _, elem := range []pb.TensorProto_DataType{pb.TensorProto_UINT8, pb.TensorProto_DOUBLE} {
		m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
			Name: proto.String("bytes"),
			Node: []*pb.NodeProto{
				onnx.Node("Cast", []string{"pixels"}, []string{"floats"}, onnx.IntAttribute("to", 1)),
				onnx.Node("ReduceMean", []string{"floats"}, []string{"embedding"}, onnx.IntsAttribute("axes", 1, 2), onnx.IntAttribute("keepdims", 0)),
			},
			Input:  []*pb.ValueInfoProto{onnx.TensorValue("pixels", elem, open([]int64{1, 5, 4, 3})...)},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("embedding", pb.TensorProto_FLOAT, open([]int64{1, 3})...)},
		}}
		f, bytes := onnx.FeedFloats(m)
		if want := elem == pb.TensorProto_UINT8; want != slices.Equal(bytes, []string{"pixels"}) {
			t.Errorf("%v: bytes are %q", elem, bytes)
		}
		x := tensor.View{Shape: []int64{2, 5, 4, 3}, F32: make([]float32, 120)}
		for i := range x.F32 {
			x.F32[i] = float32(i * 2 % 256)
		}
		got, want := tensor.View{Shape: []int64{2, 3}, F32: make([]float32, 6)}, tensor.View{Shape: []int64{2, 3}, F32: make([]float32, 6)}
		if err := run(t, l, f, map[string]tensor.View{"pixels": x}, []string{"embedding"}, []tensor.View{got}); err != nil {
			t.Fatal(err)
		}
		if err := run(t, l, between(m, "pixels", "embedding"), map[string]tensor.View{"fed": x}, []string{"given"}, []tensor.View{want}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.F32, want.F32) || got.F32[0] == 0 {
			t.Errorf("%v: %v, want %v", elem, got.F32, want.F32)
		}
	}
}

// TestOpenBatch opens the batch of a model of one sample where nothing in it
// depends on there being one, and not where samples would come together.
func TestOpenBatch(t *testing.T) {
	l := library(t)
	model := func(shape ...int64) *pb.ModelProto {
		dims := []onnx.Dim{{Size: 1}, {Size: 3}, {Size: 4}, {Size: 4}}
		return &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
			Name: proto.String("one"),
			Initializer: []*pb.TensorProto{onnx.FloatTensor("w", numbers(2*3, 1), 2, 3, 1, 1),
				{Name: proto.String("shape"), Dims: []int64{int64(len(shape))}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: shape},
				{Name: proto.String("flat"), Dims: []int64{2}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: []int64{-1, 32}}},
			Node: []*pb.NodeProto{
				onnx.Node("Conv", []string{"x", "w"}, []string{"conv"}),
				onnx.Node("Reshape", []string{"conv", "shape"}, []string{"tokens"}),
				onnx.Node("Softmax", []string{"tokens"}, []string{"soft"}, onnx.IntAttribute("axis", 1)),
				onnx.Node("Reshape", []string{"soft", "flat"}, []string{"y"}),
			},
			Input:     []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, dims...)},
			Output:    []*pb.ValueInfoProto{onnx.TensorValue("y", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 32})},
			ValueInfo: []*pb.ValueInfoProto{onnx.TensorValue("conv", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 2}, onnx.Dim{Size: 4}, onnx.Dim{Size: 4})},
		}}
	}
	for _, shape := range [][]int64{{-1, 16, 2}, {1, 16, 2}, {1, -1, 2}} {
		m := model(shape...)
		opened, ok := onnx.OpenBatch(m)
		if !ok {
			t.Fatalf("tokens of shape %v: the batch stays fixed", shape)
		}
		opensRight(t, l, m, opened)
	}
	// A token of the model's own stands before those of every sample, be it
	// first or last in the list.
	for _, order := range [][]string{{"own", "tokens"}, {"tokens", "own"}} {
		m := model(1, 16, 2)
		m.Graph.Initializer = append(m.Graph.Initializer, onnx.FloatTensor("own", numbers(2, 5), 1, 1, 2))
		m.Graph.Initializer[2].Int64Data[1] = 34
		m.Graph.Node[2] = onnx.Node("Concat", order, []string{"soft"}, onnx.IntAttribute("axis", -2))
		m.Graph.Output[0] = onnx.TensorValue("y", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 34})
		opened, ok := onnx.OpenBatch(m)
		if !ok {
			t.Fatal("with a token of its own: the batch stays fixed")
		}
		opensRight(t, l, m, opened)
	}
	// Tokens of all samples would be one list, and the rows as many as before.
	m := model(16, -1, 2)
	if same, ok := onnx.OpenBatch(m); ok || same != m {
		t.Error("tokens of all samples in one list: the batch is open")
	}
}

// opensRight compares what a model gives of one sample after the other with
// what it gives, opened, of all at once.
func opensRight(t *testing.T, l *runtime.Library, m, opened *pb.ModelProto) {
	t.Helper()
	d := m.GetGraph().GetOutput()[0].GetType().GetTensorType().GetShape().GetDim()[1].GetDimValue()
	x := tensor.View{Shape: []int64{3, 3, 4, 4}, F32: numbers(144, 1)}
	got := tensor.View{Shape: []int64{3, d}, F32: make([]float32, 3*d)}
	if err := run(t, l, opened, map[string]tensor.View{"x": x}, []string{"y"}, []tensor.View{got}); err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		one := tensor.View{Shape: []int64{1, 3, 4, 4}, F32: x.F32[i*48 : (i+1)*48]}
		want := tensor.View{Shape: []int64{1, d}, F32: make([]float32, d)}
		if err := run(t, l, m, map[string]tensor.View{"x": one}, []string{"y"}, []tensor.View{want}); err != nil {
			t.Fatal(err)
		}
		for k, v := range want.F32 {
			if off := got.F32[i*d+int64(k)] - v; !(max(off, -off) <= 1e-6) {
				t.Errorf("sample %d: value %d is %g, by itself %g", i, k, got.F32[i*d+int64(k)], v)
				break
			}
		}
	}
}
