package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// elem returns the element type of a tensor; what the builder makes for a rule
// to differentiate is float32.
func (b *builder) elem(name string) pb.TensorProto_DataType {
	if t, ok := b.graph.Types[name]; ok {
		return t
	}
	return pb.TensorProto_FLOAT
}

// floating are the types that a gradient could flow through.
var floating = []pb.TensorProto_DataType{
	pb.TensorProto_FLOAT, pb.TensorProto_FLOAT16, pb.TensorProto_BFLOAT16, pb.TensorProto_DOUBLE,
}

// quantising are operators behind which a trained weight would silently stay as
// it is: that a model rounds to integers is no reason to leave it.
var quantising = []string{"DynamicQuantizeLinear", "QuantizeLinear"}

// backward appends the gradients of the trained weights. d has that of the
// logits by its name, and then that of every tensor that a weight lies upstream
// of. Its errors are *UnsupportedError.
func (b *builder) backward(nodes []*pb.NodeProto, d map[string]string, train []Weight) error {
	depends := make(map[string]bool) // on a trained weight
	for _, w := range train {
		depends[w.Name] = true
	}
	for _, n := range nodes {
		if slices.Contains(flat, n.GetOpType()) || !slices.ContainsFunc(n.GetInput(), func(in string) bool { return depends[in] }) {
			continue
		}
		if slices.Contains(quantising, n.GetOpType()) {
			return &UnsupportedError{Node: title(n), Operator: operator(n), Reason: "it makes integers, through which nothing flows back to the weights before it; use the float32 model"}
		}
		for _, out := range n.GetOutput() {
			if slices.Contains(floating, b.elem(out)) {
				depends[out] = true
			}
		}
	}
	for _, proto := range slices.Backward(slices.Clone(nodes)) {
		n := &node{NodeProto: proto, in: slices.Clone(proto.GetInput()), out: slices.Clone(proto.GetOutput())}
		var wanted, given bool
		for _, in := range n.in {
			n.need = append(n.need, depends[in])
			wanted = wanted || depends[in]
		}
		for _, out := range n.out {
			n.dY = append(n.dY, d[out])
			given = given || d[out] != ""
		}
		if !wanted || !given {
			continue
		}
		start := len(b.nodes)
		dX, err := b.differentiate(n)
		if err != nil {
			return &UnsupportedError{Node: title(proto), Operator: operator(proto), Reason: err.Error()}
		}
		for i, in := range n.in {
			switch {
			case !n.need[i]:
			case d[in] == "":
				d[in] = dX[i]
			default:
				d[in] = b.accumulated(d[in], dX[i], b.nodes[start:])
			}
		}
	}
	return nil
}

// differentiate applies the rule of a node. An error is a reason, an empty one
// if there is no rule.
func (b *builder) differentiate(n *node) ([]string, error) {
	r, ok := rules[operator(n.NodeProto)]
	if !ok {
		return nil, noRule{}
	}
	for i, in := range n.in {
		if t := b.elem(in); n.need[i] && t != pb.TensorProto_FLOAT {
			return nil, fmt.Errorf("it computes in %v", t)
		}
	}
	for i, out := range n.out {
		if t := b.elem(out); n.dY[i] != "" && t != pb.TensorProto_FLOAT {
			return nil, fmt.Errorf("it computes in %v", t)
		}
		if i > 0 && n.dY[i] != "" && n.GetOpType() != "Split" {
			return nil, fmt.Errorf("its output %d is used", i)
		}
	}
	dX, err := r(b, n)
	if err != nil {
		return nil, err
	}
	for i := range n.in {
		if n.need[i] && (i >= len(dX) || dX[i] == "") {
			return nil, fmt.Errorf("its input %d has no gradient", i)
		}
	}
	return dX, nil
}

type noRule struct{}

func (noRule) Error() string { return "" }
