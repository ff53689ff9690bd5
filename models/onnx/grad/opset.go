package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// oldestOpset is the operator set that is built for graphs of older ones: the
// first that has all operators which the rules need (ScatterElements that adds,
// LayerNormalization).
const oldestOpset = 17

// reworked are operators that older operator sets define in a way that forward
// does not translate.
var reworked = []string{"Hardmax", "Scatter", "TopK"}

// forward appends a copy of a node of the backbone, in the form that it has in
// the operator set which is built. An error is a reason.
func (b *builder) forward(n *pb.NodeProto) error {
	c := &pb.NodeProto{
		Name: n.Name, OpType: n.OpType, Domain: n.Domain,
		Input: slices.Clone(n.GetInput()), Output: slices.Clone(n.GetOutput()),
		Attribute: slices.Clone(n.GetAttribute()),
	}
	for _, in := range n.GetInput() {
		if t := b.graph.Constants[in]; t != nil && !slices.Contains(kept, t.Type) {
			return fmt.Errorf("it reads %s, of type %v", quote(in), t.Type)
		}
	}
	for _, a := range n.GetAttribute() {
		if a.GetG() != nil || len(a.GetGraphs()) > 0 {
			return fmt.Errorf("it has a nested graph")
		}
	}
	// ONNX Runtime 1.32 crashes on a LayerNormalization whose last input is "".
	for len(c.Input) > 0 && c.Input[len(c.Input)-1] == "" {
		c.Input = c.Input[:len(c.Input)-1]
	}
	if v := (&node{NodeProto: n, in: n.GetInput(), out: n.GetOutput()}); n.GetOpType() == "Resize" && v.string("mode", "") == "cubic" && b.resized(v) == nil {
		return nil
	}
	if b.graph.Opset >= oldestOpset || !standard(n) {
		b.emit(c)
		return nil
	}
	v := &node{NodeProto: n, in: n.GetInput(), out: n.GetOutput()}
	op := n.GetOpType()
	if slices.Contains(reworked, op) {
		return fmt.Errorf("operator set %d defines it in another way than today's", b.graph.Opset)
	}
	// move makes an attribute an input.
	move := func(attribute, value string) {
		c.Attribute = slices.DeleteFunc(c.Attribute, func(a *pb.AttributeProto) bool { return a.GetName() == attribute })
		if value != "" {
			c.Input = append(c.Input, value)
		}
	}
	switch {
	case op == "Clip" && b.graph.Opset < 11:
		for _, name := range []string{"min", "max"} {
			c.Input = append(c.Input, "")
			if a := v.attribute(name); a != nil {
				c.Input[len(c.Input)-1] = b.scalar(float64(a.GetF()))
			}
			move(name, "")
		}
	case op == "Slice" && b.graph.Opset < 10:
		axes := v.ints("axes")
		if axes == nil {
			axes = sequence(0, int64(len(v.ints("starts"))))
		}
		move("starts", b.int64s(v.ints("starts")...))
		move("ends", b.int64s(v.ints("ends")...))
		move("axes", b.int64s(axes...))
	case op == "Pad" && b.graph.Opset < 11:
		move("pads", b.int64s(v.ints("pads")...))
		move("value", b.scalar(v.float("value", 0)))
	case (op == "Resize" || op == "Upsample") && b.graph.Opset < 11:
		if err := b.modernResize(c, v); err != nil {
			return err
		}
	case op == "Resize" && v.string("coordinate_transformation_mode", "") == "tf_half_pixel_for_nn":
		return fmt.Errorf("coordinate_transformation_mode is tf_half_pixel_for_nn, which operator set 13 took away")
	case op == "Dropout" && b.graph.Opset < 12:
		c.OpType, c.Output, c.Attribute = new("Identity"), c.Output[:1], nil
	case op == "ReduceSum" && b.graph.Opset < 13:
		if axes := v.ints("axes"); axes != nil {
			move("axes", b.int64s(axes...))
		}
	case op == "Split" && b.graph.Opset < 13:
		if sizes := v.ints("split"); sizes != nil {
			move("split", b.int64s(sizes...))
		}
	case (op == "Squeeze" || op == "Unsqueeze") && b.graph.Opset < 13:
		c.OpType, c.Attribute = new("Reshape"), nil
		c.Input = append(c.Input, b.int64s(b.shapes[c.Output[0]]...))
	case (op == "Softmax" || op == "LogSoftmax") && b.graph.Opset < 13:
		// All dimensions from axis on were taken as one.
		shape := b.shapes[c.Input[0]]
		axis, err := v.axis(1, len(shape))
		if err != nil {
			return err
		}
		c.Attribute = []*pb.AttributeProto{onnx.IntAttribute("axis", -1)}
		if axis != int64(len(shape)-1) {
			flat := []int64{product(shape[:axis]), product(shape[axis:])}
			y := b.op(op, flat, []string{b.reshape(c.Input[0], flat...)}, c.Attribute...)
			c = onnx.Node("Reshape", []string{y, b.int64s(shape...)}, c.Output)
		}
	}
	b.emit(c)
	return nil
}

// standard tells whether a node's operator is of the standard domain.
func standard(n *pb.NodeProto) bool { return n.GetDomain() == "" || n.GetDomain() == "ai.onnx" }

// irVersion returns the file format's version that came with an operator set,
// https://onnx.ai/onnx/repo-docs/Versioning.html.
func irVersion(opset int64) int64 {
	switch {
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	case opset <= 22:
		return 10
	case opset == 23:
		return 11
	case opset == 24:
		return 12
	}
	return 13
}
