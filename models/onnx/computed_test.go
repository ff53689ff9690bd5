package onnx

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// doubled returns n nodes that each put what the last one made beside itself.
func doubled(from string, n int) (nodes []*pb.NodeProto, last string) {
	for i := range n {
		to := fmt.Sprintf("%s%d", from, i+1)
		if i > 0 {
			nodes = append(nodes, Node("Concat", []string{last, last}, []string{to}, IntAttribute("axis", 0)))
		} else {
			nodes = append(nodes, Node("Concat", []string{from, from}, []string{to}, IntAttribute("axis", 0)))
		}
		last = to
	}
	return nodes, last
}

// TestConstantsThatGrow: a small file whose constants would take gigabytes when
// a runtime loads it is refused by Walk, which names the operator and the size.
func TestConstantsThatGrow(t *testing.T) {
	model := func(in []Dim, nodes ...*pb.NodeProto) *pb.ModelProto {
		last := nodes[len(nodes)-1]
		return &pb.ModelProto{
			IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
			Graph: &pb.GraphProto{
				Name:  proto.String("small"),
				Input: []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT, in...)},
				Initializer: []*pb.TensorProto{
					FloatTensor("c", make([]float32, 1000), 1000),
					{Name: proto.String("huge"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{2}, Int64Data: []int64{1 << 17, 1 << 16}},
					{Name: proto.String("yes"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}},
				},
				Node:   nodes,
				Output: []*pb.ValueInfoProto{TensorValue(last.Output[0], pb.TensorProto_FLOAT)},
			},
		}
	}
	open := []Dim{{Size: -1, Name: "n"}}
	body := func(nodes []*pb.NodeProto, last string) *pb.AttributeProto {
		return &pb.AttributeProto{Name: proto.String("then_branch"), Type: pb.AttributeProto_GRAPH.Enum(), G: &pb.GraphProto{Name: proto.String("body"), Node: nodes, Output: []*pb.ValueInfoProto{TensorValue(last, pb.TensorProto_FLOAT)}}}
	}
	forty, fortieth := doubled("c", 40)
	inIf := Node("If", []string{"yes"}, []string{"y"}, body(forty, fortieth))
	twice := &pb.FunctionProto{Name: proto.String("Twice"), Domain: proto.String("own"), Input: []string{"a"}, Output: []string{"b"},
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Node:        []*pb.NodeProto{Node("Concat", []string{"a", "a"}, []string{"b"}, IntAttribute("axis", 0))}}
	var calls []*pb.NodeProto
	for i, from := 0, "c"; i < 40; i++ {
		to := fmt.Sprintf("f%d", i)
		n := Node("Twice", []string{from}, []string{to})
		n.Domain = proto.String("own")
		calls, from = append(calls, n), to
	}
	called := model(open, calls...)
	called.Functions = []*pb.FunctionProto{twice}
	called.OpsetImport = append(called.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("own"), Version: proto.Int64(1)})
	unknown := Node("Unknown", []string{"c"}, []string{"u"}) // of com.microsoft
	unknown.Domain = proto.String("com.microsoft")
	behind, _ := doubled("u", 40)
	sines, _ := doubled("s", 40)
	sines = append([]*pb.NodeProto{Node("Sin", []string{"c"}, []string{"s"})}, sines...)
	for name, c := range map[string]struct {
		model    *pb.ModelProto
		operator string
	}{
		"doubled 40 times":                 {model(open, forty...), "Concat"},
		"doubled behind another operator":  {model(open, sines...), "Concat"},
		"doubled inside a branch":          {model(open, inIf), "Concat"},
		"doubled by a function":            {called, "Concat"},
		"doubled behind what is not known": {model(open, append([]*pb.NodeProto{unknown}, behind...)...), "Concat"},
		"of a shape":                       {model(open, Node("ConstantOfShape", []string{"huge"}, []string{"y"})), "ConstantOfShape"},
		"expanded":                         {model(open, Node("Expand", []string{"yes", "huge"}, []string{"y"})), "Expand"},
		"of the shape of a fixed input":    {model([]Dim{{Size: 1 << 17}, {Size: 1 << 16}}, Node("Shape", []string{"x"}, []string{"s"}), Node("ConstantOfShape", []string{"s"}, []string{"y"})), "ConstantOfShape"},
		"an outer product":                 {model(open, append(forty[:8:8], Node("Unsqueeze", []string{"c8", "axis"}, []string{"column"}), Node("Mul", []string{"c8", "column"}, []string{"y"}))...), "Mul"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "an outer product" {
				c.model.Graph.Initializer = append(c.model.Graph.Initializer, &pb.TensorProto{Name: proto.String("axis"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{1}, Int64Data: []int64{1}})
			}
			data, err := Encode(c.model)
			if err != nil || len(data) > 10_000 {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			m, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Walk(m)
			e, ok := errors.AsType[*ConstantsError](err)
			if !ok || e.Operator != c.operator || e.Bytes <= e.Limit || e.Limit > 1<<30 || !strings.Contains(err.Error(), c.operator) || !strings.Contains(err.Error(), " MB") {
				t.Errorf("%v", err)
			}
		})
	}
	// A branch that gives what is fed, under a constant condition, and random
	// numbers are no constants: what is made of them is not known before a run.
	pass := Node("If", []string{"yes"}, []string{"y"}, body([]*pb.NodeProto{Node("Identity", []string{"x"}, []string{"inside"})}, "inside"))
	tiled := Node("Tile", []string{"y", "many"}, []string{"z"})
	dice := Node("RandomUniformLike", []string{"c"}, []string{"y"})
	for name, nodes := range map[string][]*pb.NodeProto{"a branch of what is fed": {pass, tiled}, "random numbers": {dice, tiled}} {
		m := model(open, nodes...)
		m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: proto.String("many"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{1}, Int64Data: []int64{1 << 40}})
		if _, err := Walk(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// As much, fed: that is the business of a run, and of whoever feeds it.
	fed, _ := doubled("x", 40)
	few, _ := doubled("c", 10)
	for name, m := range map[string]*pb.ModelProto{"fed": model(open, fed...), "doubled ten times": model(open, few...)} {
		if _, err := Walk(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
