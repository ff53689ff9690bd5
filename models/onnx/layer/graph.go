package layer

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// builder collects nodes, with names as they come to mind: Append makes them
// the model's own.
type builder struct {
	*pb.GraphProto
	opset, ir int64
}

// graph returns the nodes of h, for an operator set and a version of the file
// format.
func (h *Head) graph(opset, ir int64) *pb.GraphProto {
	b := &builder{GraphProto: &pb.GraphProto{}, opset: opset, ir: ir}
	rows := b.pool(h)
	if h.Post == "l2" {
		rows = b.normalize(rows, "embedding")
	}
	if h.Normalize {
		rows = b.normalize(rows, "row")
	}
	c, d := int64(len(h.Bias)), h.d()
	if h.Center != nil {
		rows = b.node("Sub", "centered", rows, b.floats("center", h.Center, d))
	}
	const transposed = "transB"
	scores, logits := "scores", Logits
	if h.BareLogits {
		scores, logits = Logits, "scaled"
	}
	b.add(onnx.Node("Gemm", []string{rows, b.floats("weight", h.Weight, c, d), b.floats("bias", h.Bias, c)}, []string{scores}, onnx.IntAttribute(transposed, 1)))
	b.node("Div", logits, scores, b.floats("temperature", []float32{h.Temperature}))
	b.add(onnx.Node("Softmax", []string{logits}, []string{Probabilities}, onnx.IntAttribute("axis", 1)))
	for _, name := range []string{Logits, Probabilities} {
		b.Output = append(b.Output, onnx.TensorValue(name, pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: c}))
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
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return b.store(&pb.TensorProto{
		Name: proto.String(name), Dims: []int64{int64(len(v))}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), RawData: raw,
	})
}

// reduce adds a reduction over an axis, which stays with size 1 if keep. From an
// operator set on, the axes are an input.
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

// normalize adds the division of rows by their length; a row of zeros stays one.
func (b *builder) normalize(rows, name string) string {
	const smallest = 0x1p-126 // the smallest normal float32
	length := b.reduce("ReduceL2", name+"_length", rows, 1, true)
	divisor := b.node("Max", name+"_divisor", length, b.floats(name+"_tiny", []float32{smallest}))
	return b.node("Div", name+"_rows", rows, divisor)
}

// pool adds what makes rows of the features.
func (b *builder) pool(h *Head) string {
	x := h.Features
	if h.Pooling == "" || h.Pooling == "none" {
		return x
	}
	axis, d := int64(1), h.channels() // of the positions
	switch {
	case h.ChannelsFirst:
		x = b.node("Reshape", "field", x, b.ints("field_shape", 0, d, -1))
		axis = 2
	case h.Space:
		x = b.node("Reshape", "field", x, b.ints("field_shape", 0, -1, d))
	}
	row := func(v string) string { return b.node("Reshape", "pooled", v, b.ints("pooled_shape", 0, d)) }
	// product returns the sum of positions weighted with w, N×1×positions.
	product := func(output, w, x string) string { return b.node("MatMul", output, w, x) }
	mask := h.mask() // as numbers, N×1×positions
	if mask != "" && h.Pooling != "max" {
		b.add(onnx.Node("Cast", []string{mask}, []string{"counts"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
		mask = b.node("Reshape", "mask", "counts", b.ints("mask_shape", 0, 1, -1))
	}
	// shares are the mask's, N×1×positions, with sum 1.
	shares := func() string {
		n := b.node("Max", "positions", b.reduce("ReduceSum", "counted", mask, 2, true), b.floats("one", []float32{1}))
		return b.node("Div", "shares", mask, n)
	}
	const end = math.MaxInt32 // of every axis
	switch h.Pooling {
	case "cls":
		return row(b.slice("first", x, axis, 0, 1))
	case "last":
		if mask == "" {
			return row(b.slice("last", x, axis, -1, end))
		}
		// The last one is where the mask is one more than at its right.
		next := b.slice("next", mask, 2, 1, end)
		none := b.node("Sub", "none", b.slice("start", mask, 2, 0, 1), "start")
		b.add(onnx.Node("Concat", []string{next, none}, []string{"moved"}, onnx.IntAttribute("axis", 2)))
		return row(product("last", b.node("Sub", "chosen", mask, "moved"), x))
	case "mean", "gap":
		if mask == "" {
			return b.reduce("ReduceMean", "pooled", x, axis, false)
		}
		return row(product("mean", shares(), x))
	case "max":
		if mask != "" {
			b.add(onnx.Node("Cast", []string{mask}, []string{"is_open"}, onnx.IntAttribute("to", int64(pb.TensorProto_BOOL))))
			column := b.node("Reshape", "column", "is_open", b.ints("column_shape", 0, -1, 1))
			x = b.node("Where", "open", column, x, b.floats("least", []float32{-math.MaxFloat32}))
		}
		return b.reduce("ReduceMax", "pooled", x, axis, false)
	case "gem":
		v := b.node("Max", "raised", x, b.floats("floor", []float32{1e-6}))
		cube := b.node("Mul", "cube", b.node("Mul", "square", v, v), v)
		return b.node("Pow", "pooled", b.reduce("ReduceMean", "cubes", cube, axis, false), b.floats("third", []float32{1. / 3}))
	default: // meanstd
		w := ""
		if mask != "" {
			w = shares()
		}
		over := func(output, x string) string {
			if w == "" {
				return b.reduce("ReduceMean", output, x, axis, true)
			}
			return product(output, w, x)
		}
		mean := over("mean", x)
		apart := b.node("Sub", "apart", x, mean)
		std := b.node("Sqrt", "std", over("variance", b.node("Mul", "squares", apart, apart)))
		b.add(onnx.Node("Concat", []string{mean, std}, []string{"both"}, onnx.IntAttribute("axis", 3-axis)))
		return b.node("Reshape", "pooled", "both", b.ints("pooled_shape", 0, 2*d))
	}
}
