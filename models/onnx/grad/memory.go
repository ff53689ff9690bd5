package grad

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Memory returns about how many bytes a run of Step holds at its peak, beside
// the memory of the caller (samples, weights, gradients) and the session that
// is loaded. It is known before anything runs, to a fifth or to 4 MB, see
// TestMemoryIsEstimated.
func (p *Program) Memory() int64 {
	const (
		threads = 3 << 20 // stacks and buffers that do not depend on the program
		gaps    = 8       // an eighth of an arena lies idle between tensors
	)
	return p.live + p.live/gaps + threads
}

// live returns how many bytes of tensors a model holds at a time, at most. One
// lives from the node that makes it to the last that reads it or a view of it.
// What the runtime saves by writing into inputs that die is less than what it
// loses by keeping dead tensors for others of their shape; both are left out.
func (b *builder) live(m *pb.ModelProto) int64 {
	g := m.GetGraph()
	outside := make(map[string]bool) // the caller's, or part of the session
	for _, v := range slices.Concat(g.GetInput(), g.GetOutput()) {
		outside[v.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		outside[t.GetName()] = true
	}
	whole := make(map[string]string) // of views
	last := make(map[string]int)     // node that reads a tensor
	for i, n := range g.GetNode() {
		for _, in := range n.GetInput() {
			if w, ok := whole[in]; ok {
				in = w
			}
			if !outside[n.GetOutput()[0]] { // else the caller takes it as soon as it is computed, see leaves
				last[in] = i
			}
		}
		switch n.GetOpType() {
		case "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout":
			in, out := n.GetInput()[0], n.GetOutput()[0]
			if whole[out] = in; whole[in] != "" {
				whole[out] = whole[in]
			}
		case "ConstantOfShape": // is computed when the session is loaded
			outside[n.GetOutput()[0]] = true
		}
	}
	var now, most int64
	dying := make(map[int]int64) // bytes, by the last node that reads them
	for i, n := range g.GetNode() {
		for k, out := range n.GetOutput() {
			if out != "" && !outside[out] && whole[out] == "" {
				size := b.width(n, k) * product(b.shapes[out])
				now += size
				dying[max(last[out], i)] += size
			}
		}
		most = max(most, now)
		now -= dying[i]
	}
	return most
}

// width returns how many bytes an element of a node's output has.
func (b *builder) width(n *pb.NodeProto, output int) int64 {
	elem := b.elem(n.GetOutput()[output])
	switch n.GetOpType() {
	case "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or":
		elem = pb.TensorProto_BOOL
	case "MaxPool":
		if output == 1 { // indices
			elem = pb.TensorProto_INT64
		}
	}
	switch elem {
	case pb.TensorProto_BOOL, pb.TensorProto_INT8, pb.TensorProto_UINT8:
		return 1
	case pb.TensorProto_FLOAT16, pb.TensorProto_BFLOAT16, pb.TensorProto_INT16, pb.TensorProto_UINT16:
		return 2
	case pb.TensorProto_INT64, pb.TensorProto_UINT64, pb.TensorProto_DOUBLE:
		return 8
	}
	return 4
}
