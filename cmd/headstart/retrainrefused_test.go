package main

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// TestGraphsThatCannotBeRetrained takes backbones whose graphs stand in the
// way: the error names what it is and where it can be cut instead.
func TestGraphsThatCannotBeRetrained(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 10, "symbols", "food-and-drink")
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	kernel := func() *pb.NodeProto { // a convolution's weights, 3×3×1×1
		n := onnx.Node("Constant", nil, []string{"kernel"})
		w := onnx.FloatTensor("", []float32{0.9, 0.1, 0, 0.2, 0.8, -0.1, 0, 0.3, 0.7}, 3, 3, 1, 1)
		w.Name = nil
		n.Attribute = append(n.Attribute, &pb.AttributeProto{Name: proto.String("value"), T: w, Type: new(pb.AttributeProto_TENSOR)})
		return n
	}
	branch := func(op string) *pb.GraphProto {
		return &pb.GraphProto{
			Name: proto.String(op), Node: []*pb.NodeProto{onnx.Node(op, []string{"c"}, []string{"inner"}), onnx.Node("Identity", []string{"inner"}, []string{"out " + op})},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("out "+op, pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "N"}, onnx.Dim{Size: 3}, onnx.Dim{Size: 32}, onnx.Dim{Size: 32})},
		}
	}
	choice := onnx.Node("If", []string{"positive"}, []string{"y"})
	for name, g := range map[string]*pb.GraphProto{"then_branch": branch("Relu"), "else_branch": branch("Neg")} {
		choice.Attribute = append(choice.Attribute, &pb.AttributeProto{Name: proto.String(name), G: g, Type: new(pb.AttributeProto_GRAPH)})
	}
	for _, c := range []struct {
		name  string
		nodes []*pb.NodeProto
		tail  string
		code  int
		says  []string
	}{
		{"branched", []*pb.NodeProto{
			kernel(), onnx.Node("Conv", []string{"x", "kernel"}, []string{"c"}),
			onnx.Node("Greater", []string{"half", "zero"}, []string{"positive"}), choice,
		}, "inner", exitUsage, []string{"inner", "inside a branch or a loop"}},
		{"quantised", []*pb.NodeProto{
			kernel(), onnx.Node("Conv", []string{"x", "kernel"}, []string{"c"}),
			onnx.Node("QuantizeLinear", []string{"c", "half"}, []string{"q"}), onnx.Node("DequantizeLinear", []string{"q", "half"}, []string{"y"}),
		}, "all", exitFailed, []string{"QuantizeLinear", "cut at"}},
		{"empty", []*pb.NodeProto{
			onnx.Node("Relu", []string{"x"}, []string{"y"}),
		}, "flat", exitUsage, []string{"flat", "not everything flows through"}},
		// The layer before the cut keeps its kernel, the one behind it gets one
		// of its own.
		{"shared", []*pb.NodeProto{
			kernel(), onnx.Node("Conv", []string{"x", "kernel"}, []string{"c"}),
			onnx.Node("Relu", []string{"c"}, []string{"r"}), onnx.Node("Conv", []string{"r", "kernel"}, []string{"y"}),
		}, "r", exitDone, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := append([]*pb.NodeProto{onnx.Node("Sub", []string{"half", "half"}, []string{"zero"})}, c.nodes...)
			p.backboneFolder(c.name, nodes...)
			code, _, stderr := p.try(t, "extract --image image --alpha white --root "+p.emoji+" --label label --backbone "+c.name+" --out "+c.name+".features emoji.csv")
			if code != exitDone {
				t.Fatal(stderr)
			}
			if c.code == exitDone {
				p.do(t, "train-head --l2 0.1 --epochs 4 --lr 0.05 --tail "+c.tail+" --out "+c.name+".head.onnx "+c.name+".features")
				e := p.one(t, "export "+c.name+".head.onnx --out "+c.name+"-model")
				if worst := e.number(t, "max_difference"); !(worst <= 1e-5) || e.number(t, "samples") < 1 {
					t.Errorf("export: %v", e)
				}
				return
			}
			p.fails(t, "train-head --l2 0.1 --tail "+c.tail+" "+c.name+".features", c.code, c.says...)
		})
	}
	if _, _, stderr := p.try(t, "train-head --l2 0.1 --tail auto --epochs 1 shared.features"); strings.Contains(stderr, "panic") {
		t.Error(stderr)
	}
}
