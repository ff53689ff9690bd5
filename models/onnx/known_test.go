package onnx

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// positions makes a model of layers that each compute with many indices and
// take a shape from them, as BEiT does with relative positions. first is where
// the indices of a layer begin.
func positions(layers int, first func(layer int) int64) *pb.ModelProto {
	return small(func(m *pb.ModelProto) {
		m.Graph.Node = nil
		x := "x"
		for i := range layers {
			name := func(s string) string { return fmt.Sprintf("%s_%d", s, i) }
			at := func(s string, v ...int64) string {
				m.Graph.Initializer = append(m.Graph.Initializer, int64s(name(s), v...))
				return name(s)
			}
			number := func(s string, v int64) string {
				n := name(s)
				m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: proto.String(n), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: []int64{v}})
				return n
			}
			m.Graph.Node = append(m.Graph.Node,
				Node("Range", []string{number("from", first(i)), number("to", 50_000+first(i)), number("step", 1)}, []string{name("range")}),
				Node("Mul", []string{name("range"), at("one", 1)}, []string{name("same")}),
				Node("Sub", []string{name("same"), at("first", first(i))}, []string{name("indices")}),
				Node("Gather", []string{name("indices"), at("where", 4)}, []string{name("four")}),
				Node("ConstantOfShape", []string{name("four")}, []string{name("zeros")}),
				Node("Add", []string{x, name("zeros")}, []string{name("x")}),
			)
			x = name("x")
		}
		// And small arithmetic behind all that.
		m.Graph.Initializer = append(m.Graph.Initializer, int64s("two", 2))
		m.Graph.Node = append(m.Graph.Node,
			Node("Add", []string{"two", "two"}, []string{"width"}),
			Node("ConstantOfShape", []string{"width"}, []string{"zeros"}),
			Node("Add", []string{x, "zeros"}, []string{"y"}))
	})
}

// TestWhatLayersRepeatIsFoldedOnce has a model that computes with ten times as
// many indices as may be computed with, but the same ones in each layer.
func TestWhatLayersRepeatIsFoldedOnce(t *testing.T) {
	m := positions(200, func(int) int64 { return 3 })
	g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if n.GetOpType() != "Add" {
			t.Errorf("%s (%s) is left", n.GetName(), n.GetOpType())
		}
	}
	if len(g.Nodes) != 201 || !slices.Equal(g.Shapes["y"], []int64{2, 4}) {
		t.Errorf("%d nodes, y is %v", len(g.Nodes), g.Shapes["y"])
	}
}

// TestSmallShapesAreKnownBehindLargeConstants has layers whose indices differ
// and are too many: they stay nodes, and only a shape that needs them is not
// known.
func TestSmallShapesAreKnownBehindLargeConstants(t *testing.T) {
	m := positions(50, func(layer int) int64 { return int64(layer) })
	if _, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}})}); !errors.Is(err, errTooLarge) {
		t.Fatalf("a shape of indices that are too many: %v", err)
	}
	nodes := m.Graph.Node[:0]
	for _, n := range m.Graph.Node {
		switch n.GetOpType() {
		case "Gather": // the indices are summed up instead
			n = Node("ReduceSum", n.Input[:1], n.Output)
			n.Output[0] += "_sum"
		case "ConstantOfShape":
			if n.Output[0] != "zeros" {
				n = Node("Cast", []string{n.Input[0] + "_sum"}, n.Output, IntAttribute("to", 1))
			}
		}
		nodes = append(nodes, n)
	}
	m.Graph.Node = nodes
	g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}})})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := g.Constants["zeros"]; !ok || !slices.Equal(g.Shapes["y"], []int64{2, 4}) {
		t.Errorf("zeros are computed: %v; y is %v", ok, g.Shapes["y"])
	}
}

// TestWalkTakesImagesOfMoreThanAPixel has a table that is resized to what is
// made of an open side of the image, one less than the patches twice: with a
// side of 1 that is less than nothing. A runtime does not compute it
// beforehand; what does not depend on the side it does.
func TestWalkTakesImagesOfMoreThanAPixel(t *testing.T) {
	model := func(side string) *pb.ModelProto {
		return small(func(m *pb.ModelProto) {
			m.Graph.Input = []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: -1}, Dim{Size: 3}, Dim{Size: -1}, Dim{Size: -1})}
			m.Graph.Initializer = []*pb.TensorProto{
				FloatTensor("table", make([]float32, 9), 1, 1, 3, 3), int64s("sixteen", 16), int64s("two", 2), int64s("one", 1),
				int64s("fixed", 0, 0),
			}
			m.Graph.Node = []*pb.NodeProto{
				Node("Shape", []string{"x"}, []string{"open"}, IntAttribute("start", 2)),
				Node("Div", []string{side, "sixteen"}, []string{"patches"}),
				Node("Mul", []string{"patches", "two"}, []string{"twice"}),
				Node("Sub", []string{"twice", "one"}, []string{"sides"}),
				Node("Concat", []string{"one", "one", "sides"}, []string{"sizes"}, IntAttribute("axis", 0)),
				Node("Resize", []string{"table", "", "", "sizes"}, []string{"y"}),
			}
		})
	}
	if _, err := Walk(model("open")); err != nil {
		t.Error(err)
	}
	if _, err := Walk(model("fixed")); err == nil {
		t.Error("a table of less than nothing is taken")
	}
}
