package file

import (
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Versions of layouts that are read and not written any more: their logits are
// without the temperature.
const (
	bareVersion     = 1 // of a head on features
	bareTailVersion = 2 // of a head with a tail
)

// bareGraph returns the graph that files of format 1 have. It is what they are
// compared with.
func (p *parameters) bareGraph() *pb.GraphProto {
	batch := onnx.Dim{Size: -1, Name: "N"}
	c, d := int64(len(p.bias)), int64(len(p.center))
	g := &pb.GraphProto{
		Name:  new("head"),
		Input: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: d})},
		Output: []*pb.ValueInfoProto{
			onnx.TensorValue("logits", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: c}),
			onnx.TensorValue("probabilities", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: c}),
		},
	}
	node := func(opType string, inputs []string, output string, attributes ...*pb.AttributeProto) {
		g.Node = append(g.Node, onnx.Node(opType, inputs, []string{output}, attributes...))
	}
	rows := "features"
	if p.normalize {
		// A row of zeros has length 0 and stays one.
		node("ReduceL2", []string{rows}, "length", onnx.IntsAttribute("axes", 1), onnx.IntAttribute("keepdims", 1))
		node("Max", []string{"length", "tiny"}, "divisor")
		node("Div", []string{rows, "divisor"}, "rows")
		rows = "rows"
		const smallest = 0x1p-126 // the smallest normal float32
		g.Initializer = append(g.Initializer, onnx.FloatTensor("tiny", []float32{smallest}))
	}
	node("Sub", []string{rows, "center"}, "centered")
	node("Gemm", []string{"centered", "weight", "bias"}, "logits", onnx.IntAttribute("transB", 1))
	node("Div", []string{"logits", "temperature"}, "scaled")
	node("Softmax", []string{"scaled"}, "probabilities", onnx.IntAttribute("axis", -1))
	g.Initializer = append(g.Initializer,
		onnx.FloatTensor("center", p.center, d),
		onnx.FloatTensor("weight", p.weight, c, d),
		onnx.FloatTensor("bias", p.bias, c),
		onnx.FloatTensor("temperature", []float32{p.temperature}),
	)
	return g
}
