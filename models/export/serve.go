package export

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// What clients call the inputs of a model.
const (
	pixelsInput = "pixel_values"
	idsInput    = "input_ids"
	maskInput   = "attention_mask"
)

// Steps is the output of a head of grades that has the logits of the
// probabilities that a grade is at most the first, the second and so on: [N,
// C−1].
const Steps = "cumulative_logits"

// Fed says how the inputs of a model are fed.
type Fed struct {
	Modality models.Modality
	Contract models.Contract
	Inputs   []models.Input
	Single   bool // one sample at a time
	// Dependent says that a sample's answers depend on the others of its batch.
	Dependent bool
}

// inside tells whether the graph prepares images itself.
func (f *Fed) inside() bool {
	c, ok := f.Contract.(*models.ImageSpec)
	return ok && c.Inside
}

// tolerance is how far a probability may be from what it should be.
func (f *Fed) tolerance() float64 {
	if f.inside() {
		return PixelsTolerance
	}
	return Tolerance
}

// Serve returns a model that Fuse made with the inputs and outputs that clients
// look for, and how it is fed now.
//
// Texts are input_ids, attention_mask and token_type_ids, int64 and [N, S]:
// positions are counted in the graph, and the tokens of all texts one after the
// other are made there of rows and their mask. Images are pixel_values, float32
// [N,3,H,W], red first: channels are put last and in the reverse order in the
// graph, where the backbone wants it so. An input that no output needs is left
// out. Numbers stay as they are.
//
// The outputs are logits and probabilities, of images the other way round: who
// takes the first one of an image's activates nothing, and of a text's does.
// Grades have logits whose softmax are the probabilities, and Steps; numbers
// have logits, which are the value, and value.
func Serve(m *pb.ModelProto, link layer.Link, f *Fed) (*pb.ModelProto, *Fed, error) {
	out, err := outputs(m, link, f.Modality)
	if err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	return Feed(out, f)
}

// Feed returns a model with the inputs that clients look for, see Serve, and
// how it is fed now. Its outputs stay. m has no input that no output needs.
func Feed(m *pb.ModelProto, f *Fed) (*pb.ModelProto, *Fed, error) {
	out, err := m, error(nil)
	to := &Fed{Modality: f.Modality, Contract: f.Contract, Single: f.Single, Dependent: f.Dependent}
	for _, in := range f.Inputs {
		if slices.ContainsFunc(out.Graph.GetInput(), func(v *pb.ValueInfoProto) bool { return v.GetName() == in.Name }) {
			to.Inputs = append(to.Inputs, in)
		}
	}
	switch c := f.Contract.(type) {
	case *models.ImageSpec:
		out, err = to.images(out, c)
	case *models.TextSpec:
		out, err = to.texts(out, c)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	dims := to.Contract.InputDims()
	if to.Single {
		dims[0] = onnx.Dim{Size: 1}
	}
	if to.Modality == models.Text && dims[1].Name != "" {
		dims[1].Name = "sequence"
	}
	for i, v := range out.Graph.Input {
		for _, in := range to.Inputs {
			if in.Name == v.GetName() {
				out.Graph.Input[i] = onnx.TensorValue(in.Name, pb.TensorProto_DataType(v.GetType().GetTensorType().GetElemType()), dims...)
			}
		}
	}
	return out, to, nil
}

// outputs gives a model the outputs in their order, and takes away the inputs
// that none of them needs.
func outputs(m *pb.ModelProto, link layer.Link, kind models.Modality) (*pb.ModelProto, error) {
	order := []string{layer.Logits, layer.Probabilities}
	if kind == models.Image {
		slices.Reverse(order)
	}
	var part *pb.GraphProto
	var err error
	switch link {
	case layer.Identity:
		order = []string{layer.Logits, layer.Value}
		part = &pb.GraphProto{Node: []*pb.NodeProto{onnx.Node("Identity", []string{layer.Value}, []string{layer.Logits})}}
	case layer.Cumulative:
		var renamed map[string]string
		if m, renamed, err = onnx.Rename(m, layer.Logits, Steps); err != nil {
			return nil, err
		}
		// The softmax of logarithms of probabilities are these.
		tiny := onnx.FloatTensor("least_probability", []float32{0x1p-126})
		part = &pb.GraphProto{Node: []*pb.NodeProto{
			onnx.Node("Identity", []string{renamed[layer.Logits]}, []string{Steps}),
			onnx.Node("Constant", nil, []string{"least_probability"}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: tiny}),
			onnx.Node("Max", []string{layer.Probabilities, "least_probability"}, []string{"some_probability"}),
			onnx.Node("Log", []string{"some_probability"}, []string{layer.Logits}),
		}}
		order = append(order, Steps)
	}
	shapes := make(map[string]*pb.ValueInfoProto)
	for _, v := range m.Graph.GetOutput() {
		shapes[v.GetName()] = v
	}
	if part != nil {
		if m, _, err = onnx.Append(m, part); err != nil {
			return nil, err
		}
	}
	if m, err = onnx.Prune(m, order...); err != nil {
		return nil, err
	}
	same := map[layer.Link]map[string]string{layer.Identity: {layer.Logits: layer.Value}, layer.Cumulative: {layer.Logits: layer.Probabilities}}[link]
	for i, name := range order {
		v := shapes[name]
		if other := same[name]; other != "" {
			v = shapes[other]
		}
		if v == nil || name == Steps {
			v = &pb.ValueInfoProto{Type: stepsType(shapes[layer.Probabilities])}
		}
		m.Graph.Output[i] = &pb.ValueInfoProto{Name: proto.String(name), Type: v.Type}
	}
	return m, nil
}

// stepsType is the type of Steps, which has a column less than probabilities.
func stepsType(probabilities *pb.ValueInfoProto) *pb.TypeProto {
	dims := probabilities.GetType().GetTensorType().GetShape().GetDim()
	return onnx.TensorValue("", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: dims[0].GetDimParam()}, onnx.Dim{Size: dims[1].GetDimValue() - 1}).Type
}

// images makes the input pixel_values.
func (f *Fed) images(m *pb.ModelProto, c *models.ImageSpec) (*pb.ModelProto, error) {
	if len(f.Inputs) != 1 {
		return nil, fmt.Errorf("%d inputs take pixels", len(f.Inputs))
	}
	own := *c
	name := f.Inputs[0].Name
	part := new(pb.GraphProto)
	x := pixelsInput
	if own.Channels == "bgr" {
		part.Initializer = append(part.Initializer, onnx.IntTensor("bgr", 2, 1, 0))
		part.Node = append(part.Node, onnx.Node("Gather", []string{x, "bgr"}, []string{"pixels_bgr"}, onnx.IntAttribute("axis", 1)))
		own.Channels, x = "", "pixels_bgr"
		slices.Reverse(own.Mean[:])
		slices.Reverse(own.Std[:])
	}
	if own.Layout == "nhwc" {
		part.Node = append(part.Node, onnx.Node("Transpose", []string{x}, []string{"pixels_nhwc"}, onnx.IntsAttribute("perm", 0, 2, 3, 1)))
		own.Layout, x = "nchw", "pixels_nhwc"
	}
	f.Contract = &own
	if len(part.Node) == 0 && name == pixelsInput {
		return m, nil
	}
	if len(part.Node) == 0 {
		part.Node = append(part.Node, onnx.Node("Identity", []string{x}, []string{"pixels"}))
		x = "pixels"
	}
	part.Input = []*pb.ValueInfoProto{onnx.TensorValue(pixelsInput, pb.TensorProto_FLOAT)}
	m, err := f.before(m, part, map[string]string{name: x})
	f.Inputs = []models.Input{{Name: pixelsInput, DType: "f32", Role: "pixels"}}
	return m, err
}

// texts makes the inputs of texts.
func (f *Fed) texts(m *pb.ModelProto, c *models.TextSpec) (*pb.ModelProto, error) {
	own := *c
	f.Contract = &own
	part, made := new(pb.GraphProto), make(map[string]string)
	input := func(name, role string) {
		f.Inputs = append(f.Inputs, models.Input{Name: name, DType: "i64", Role: role})
		part.Input = append(part.Input, onnx.TensorValue(name, pb.TensorProto_INT64))
	}
	node := func(op, output string, inputs []string, a ...*pb.AttributeProto) string {
		part.Node = append(part.Node, onnx.Node(op, inputs, []string{output}, a...))
		return output
	}
	store := func(name string, v ...int64) string {
		part.Initializer = append(part.Initializer, onnx.IntTensor(name, v...))
		return name
	}
	scalar := func(name string, v int64) string {
		t := onnx.IntTensor(name, v)
		t.Dims = nil
		part.Initializer = append(part.Initializer, t)
		return name
	}
	inputs := f.Inputs
	f.Inputs = nil
	has := func(role string) bool {
		return slices.ContainsFunc(inputs, func(in models.Input) bool { return in.Role == role })
	}
	// feed makes an input as it was of x, an int64.
	feed := func(in models.Input, x string) {
		if in.DType == "i32" {
			x = node("Cast", in.Role+"_i32", []string{x}, onnx.IntAttribute("to", int64(pb.TensorProto_INT32)))
		}
		made[in.Name] = x
	}
	for _, in := range inputs {
		switch {
		case slices.Contains([]string{"ids", "mask", "types"}, in.Role) && in.DType == "i64":
			f.Inputs = append(f.Inputs, in)
		case slices.Contains([]string{"ids", "mask", "types"}, in.Role):
			input(in.Name, in.Role)
			feed(in, in.Name)
		}
	}
	if has("run") { // the tokens of all texts that the mask counts, and where each text begins
		input(idsInput, "ids")
	}
	if (has("run") || has("positions")) && !has("mask") {
		input(maskInput, "mask")
	}
	for _, in := range inputs {
		switch in.Role {
		case "positions":
			p := c.Positions
			if p == nil {
				return nil, fmt.Errorf("input %q takes positions, and nothing says how they are numbered", in.Name)
			}
			number := node("CumSum", "token_number", []string{maskInput, scalar("token_axis", 1)})
			own := node("Add", "token_position", []string{number, scalar("position_before", int64(p.First-1))})
			counts := node("Cast", "token_counts", []string{maskInput}, onnx.IntAttribute("to", int64(pb.TensorProto_BOOL)))
			feed(in, node("Where", "token_positions", []string{counts, own, scalar("position_of_padding", int64(p.Pad))}))
		case "run":
			all := store("all_tokens", -1)
			counts := node("Cast", "token_counts", []string{maskInput}, onnx.IntAttribute("to", int64(pb.TensorProto_BOOL)))
			rows := node("Reshape", "row_of_tokens", []string{idsInput, all})
			feed(in, node("Compress", "run_of_tokens", []string{rows, node("Reshape", "row_of_counts", []string{counts, all})}, onnx.IntAttribute("axis", 0)))
		case "starts":
			sums := onnx.Node("ReduceSum", []string{maskInput}, []string{"tokens_of_texts"}, onnx.IntAttribute("keepdims", 0))
			if onnx.StandardOpset(m) < 13 {
				sums.Attribute = append(sums.Attribute, onnx.IntsAttribute("axes", 1))
			} else {
				sums.Input = append(sums.Input, store("text_axis", 1))
			}
			part.Node = append(part.Node, sums)
			feed(in, node("CumSum", "text_starts", []string{"tokens_of_texts", scalar("text_order", 0)}, onnx.IntAttribute("exclusive", 1)))
		}
	}
	own.Positions = nil
	if len(made) == 0 {
		return m, nil
	}
	const least = 11 // the first operator set with CumSum
	if (has("positions") || has("starts")) && onnx.StandardOpset(m) < least {
		return nil, fmt.Errorf("positions of tokens in operator set %d: %d is the first that can count them", onnx.StandardOpset(m), least)
	}
	// An input of the same name as one that is made is that one.
	for old, x := range made {
		if x == old {
			delete(made, old)
		}
	}
	return f.before(m, part, made)
}

// before puts part before m.
func (f *Fed) before(m *pb.ModelProto, part *pb.GraphProto, made map[string]string) (*pb.ModelProto, error) {
	storedFor(m, part)
	return onnx.Prepend(m, part, made)
}

// storedFor makes constants of the stored tensors of part where the version of
// m's format would have them be inputs, too.
func storedFor(m *pb.ModelProto, part *pb.GraphProto) {
	if m.GetIrVersion() >= 4 {
		return
	}
	var stored []*pb.NodeProto
	for _, t := range part.Initializer {
		value := proto.CloneOf(t)
		value.Name = nil
		stored = append(stored, onnx.Node("Constant", nil, []string{t.GetName()}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: value}))
	}
	part.Node, part.Initializer = append(stored, part.Node...), nil
}
