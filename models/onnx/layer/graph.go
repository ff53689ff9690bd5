package layer

import (
	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// builder collects nodes under simple names, which Append makes unique.
type builder struct {
	*pb.GraphProto
	opset, ir int64
	training  bool // gradients flow back through the nodes
}

// graph returns the nodes of h, for an operator set and a version of the file
// format.
func (h *Head) graph(opset, ir int64) *pb.GraphProto {
	b := &builder{GraphProto: &pb.GraphProto{}, opset: opset, ir: ir}
	rows := b.pool(h.rows())
	if h.Post == "l2" {
		rows = b.normalize(rows, "embedding")
	}
	if h.Normalize {
		rows = b.normalize(rows, "row")
	}
	if h.Center != nil {
		rows = b.node("Sub", "centered", rows, b.floats("center", h.Center, h.d()))
	}
	h.scores(b, rows)
	for _, out := range h.Outputs() {
		b.Output = append(b.Output, onnx.TensorValue(out.Name, pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: out.Size}))
	}
	return b.GraphProto
}

func (b *builder) add(n *pb.NodeProto) { b.Node = append(b.Node, n) }

// node adds a node without attributes and returns its output.
func (b *builder) node(op, output string, inputs ...string) string {
	b.add(onnx.Node(op, inputs, []string{output}))
	return output
}

// store adds a constant and returns its name.
func (b *builder) store(t *pb.TensorProto) string {
	name := t.GetName()
	if b.ir < 4 { // an initialiser would have to be an input as well
		value := proto.CloneOf(t)
		value.Name = nil
		b.add(onnx.Node("Constant", nil, []string{name}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: value}))
		return name
	}
	b.Initializer = append(b.Initializer, t)
	return name
}

func (b *builder) floats(name string, v []float32, dims ...int64) string {
	return b.store(onnx.FloatTensor(name, v, dims...))
}

// ints adds a constant of one dimension.
func (b *builder) ints(name string, v ...int64) string {
	return b.store(onnx.IntTensor(name, v...))
}

// reduce adds a reduction over an axis, which stays with size 1 if keep. From
// an operator set on, the axes are an input.
func (b *builder) reduce(op, output, x string, axis int64, keep bool) string {
	since := int64(18)
	if op == "ReduceSum" {
		since = 13
	}
	kept := int64(0)
	if keep {
		kept = 1
	}
	n := onnx.Node(op, []string{x}, []string{output})
	if b.opset < since {
		n.Attribute = append(n.Attribute, onnx.IntsAttribute("axes", axis))
	} else {
		n.Input = append(n.Input, b.ints(output+"_axes", axis))
	}
	n.Attribute = append(n.Attribute, onnx.IntAttribute("keepdims", kept))
	b.add(n)
	return output
}

// slice adds a slice of an axis.
func (b *builder) slice(output, x string, axis, from, to int64) string {
	if b.opset < 10 {
		b.add(onnx.Node("Slice", []string{x}, []string{output}, onnx.IntsAttribute("axes", axis), onnx.IntsAttribute("ends", to), onnx.IntsAttribute("starts", from)))
		return output
	}
	return b.node("Slice", output, x, b.ints(output+"_starts", from), b.ints(output+"_ends", to), b.ints(output+"_axes", axis))
}
