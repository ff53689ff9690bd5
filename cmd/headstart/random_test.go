package main

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A backbone that draws random numbers is refused by the operator's name, for
// one sample as for several, and nothing of it is kept; one that draws them and
// does not use them is a backbone like any other.
func TestARandomBackboneIsRefused(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 4, "symbols", "food-and-drink"))
	p.table("one.csv", "image,name,label,group", p.samples(0, 1, "symbols"))
	training := &pb.AttributeProto{
		Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(),
		T: &pb.TensorProto{DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}},
	}
	p.backboneFolder("noise",
		onnx.Node("RandomNormalLike", []string{"x"}, []string{"noise"}),
		onnx.Node("Add", []string{"x", "noise"}, []string{"y"}),
	)
	p.backboneFolder("dropout",
		onnx.Node("Constant", nil, []string{"training"}, training),
		onnx.Node("Dropout", []string{"x", "half", "training"}, []string{"y"}),
	)
	for backbone, operator := range map[string]string{"noise": "RandomNormalLike", "dropout": "Dropout (training_mode)"} {
		for _, table := range []string{"emoji.csv", "one.csv"} {
			command := "extract --image image --root " + p.emoji + " --backbone " + backbone + " --out x.features " + table
			p.fails(t, command, exitFailed, operator, "draws random numbers", "for inference")
		}
	}
	if n := p.one(t, "cache stat").number(t, "rows"); n != 0 {
		t.Errorf("%v rows of random backbones are in the cache", n)
	}

	p.backboneFolder("unused",
		onnx.Node("RandomNormalLike", []string{"x"}, []string{"noise"}),
		onnx.Node("Sub", []string{"noise", "noise"}, []string{"nothing"}),
		onnx.Node("Add", []string{"x", "nothing"}, []string{"y"}),
	)
	p.one(t, "extract --image image --root "+p.emoji+" --backbone unused --out x.features emoji.csv").wantNumbers(t, map[string]float64{"computed": 8, "bad": 0})
}
