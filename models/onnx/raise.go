package onnx

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Raised is the operator set that Raise brings models to.
const Raised = 18

// raisedIR is the least version of the format that knows that operator set.
const raisedIR = 8

// Raise returns m in operator set 18 if it is in an older one, else m itself.
// Operators whose meaning or form has changed up to then are rewritten: axes,
// lengths and limits that were attributes become inputs, a Softmax over all
// that follows an axis is one of a matrix, an Upsample is a Resize. A model of
// a format before IR version 8 gets that version. m is not changed, and shared
// as far as it can be.
//
// Errors name the node: an operator that is not known here, a form that set 18
// cannot express, functions of the model's own.
func Raise(m *pb.ModelProto) (*pb.ModelProto, error) {
	from := StandardOpset(m)
	if from >= Raised {
		return m, nil
	}
	if from < minOpset {
		return nil, fmt.Errorf("onnx: operator set %d: it is too old to be raised to %d; %d is the first that can be", from, Raised, minOpset)
	}
	if len(m.GetFunctions()) > 0 {
		return nil, fmt.Errorf("onnx: operator set %d: the model defines operators of its own (%s), which are not raised to %d", from, quote(m.Functions[0].GetName()), Raised)
	}
	r := &raising{from: from, tensors: make(map[string]bool), nodes: make(map[string]bool)}
	taken(m.GetGraph(), r.tensors, r.nodes)
	out := shallow(m)
	var err error
	if out.Graph, err = r.graph(m.GetGraph()); err != nil {
		return nil, fmt.Errorf("onnx: operator set %d cannot be raised to %d: %w", from, Raised, err)
	}
	out.OpsetImport = slices.Clone(m.GetOpsetImport())
	for i, o := range out.OpsetImport {
		if standard(o.GetDomain()) == "" {
			o = shallow(o)
			o.Version = proto.Int64(Raised)
			out.OpsetImport[i] = o
		}
	}
	if m.GetIrVersion() < raisedIR {
		out.IrVersion = proto.Int64(raisedIR)
		// Up to version 3 what is stored had to be an input, too; later that is
		// a default that may be fed.
		if m.GetIrVersion() < 4 {
			stored := make(map[string]bool)
			for _, t := range m.GetGraph().GetInitializer() {
				stored[t.GetName()] = true
			}
			out.Graph.Input = slices.DeleteFunc(slices.Clone(out.Graph.Input), func(v *pb.ValueInfoProto) bool { return stored[v.GetName()] })
		}
	}
	return out, nil
}

// raising is the state of a Raise.
type raising struct {
	from           int64
	tensors, nodes map[string]bool // names that are taken
	before         []*pb.NodeProto // of the node that is rewritten
	after          []*pb.NodeProto
}

// graph raises a graph and the bodies in it.
func (r *raising) graph(g *pb.GraphProto) (*pb.GraphProto, error) {
	out := shallow(g)
	out.Node = nil
	for _, n := range g.GetNode() {
		c := shallow(n)
		c.Input, c.Attribute = slices.Clone(n.GetInput()), slices.Clone(n.GetAttribute())
		c.Output = slices.Clone(n.GetOutput())
		for i, a := range c.Attribute {
			if a.G == nil && len(a.Graphs) == 0 {
				continue
			}
			a = shallow(a)
			a.Graphs = slices.Clone(a.Graphs)
			var err error
			if a.G != nil {
				if a.G, err = r.graph(a.G); err != nil {
					return nil, err
				}
			}
			for k, body := range a.Graphs {
				if a.Graphs[k], err = r.graph(body); err != nil {
					return nil, err
				}
			}
			c.Attribute[i] = a
		}
		r.before, r.after = nil, nil
		if standard(n.GetDomain()) == "" {
			if err := r.node(c); err != nil {
				return nil, fmt.Errorf("node %s (%s): %w", quote(n.GetName()), quote(n.GetOpType()), err)
			}
		}
		out.Node = append(out.Node, r.before...)
		out.Node = append(out.Node, c)
		out.Node = append(out.Node, r.after...)
	}
	return out, nil
}

// node rewrites a node, which is the caller's own.
func (r *raising) node(n *pb.NodeProto) error {
	changes, ok := changed[n.GetOpType()]
	if !ok && !steady[n.GetOpType()] {
		return fmt.Errorf("what it means in set %d is not known here; export the model again with that set", Raised)
	}
	if ok && (len(n.Input) == 0 || len(n.Output) == 0) {
		return fmt.Errorf("it has %d inputs and %d outputs; it needs one of each at least", len(n.Input), len(n.Output))
	}
	for _, c := range changes {
		if r.from < c.since {
			if err := c.rewrite(r, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// change is what has to be done to a node of a set before since.
type change struct {
	since   int64
	rewrite func(r *raising, n *pb.NodeProto) error
}

// changed are the operators that have to be rewritten, each with its changes
// from the oldest on. The sets in which they came are those of
// https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
var changed = map[string][]change{
	"Slice":              {{10, (*raising).slice}},
	"TopK":               {{10, (*raising).topK}},
	"Upsample":           {{10, (*raising).upsample}},
	"Resize":             {{11, (*raising).resize10}, {13, (*raising).resize11}},
	"Clip":               {{11, (*raising).clip}},
	"Pad":                {{11, (*raising).pad}},
	"Scatter":            {{11, (*raising).scatter}},
	"Dropout":            {{12, (*raising).dropout}},
	"Softmax":            {{13, (*raising).softmax}},
	"LogSoftmax":         {{13, (*raising).softmax}},
	"Hardmax":            {{13, (*raising).softmax}},
	"Squeeze":            {{13, axesInput}},
	"Unsqueeze":          {{13, axesInput}},
	"ReduceSum":          {{13, axesInput}},
	"Split":              {{18, (*raising).split}},
	"BatchNormalization": {{14, (*raising).batchNormalization}},
	"RoiAlign":           {{16, (*raising).roiAlign}},
	"ReduceL1":           {{18, axesInput}},
	"ReduceL2":           {{18, axesInput}},
	"ReduceLogSum":       {{18, axesInput}},
	"ReduceLogSumExp":    {{18, axesInput}},
	"ReduceMax":          {{18, axesInput}},
	"ReduceMean":         {{18, axesInput}},
	"ReduceMin":          {{18, axesInput}},
	"ReduceProd":         {{18, axesInput}},
	"ReduceSumSquare":    {{18, axesInput}},
}

// steady are operators that mean in set 18 what they meant in those before, as
// of the set in which they came, with the same attributes and inputs.
var steady = make(map[string]bool)

func init() {
	for _, op := range strings.Fields(`
		Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool Bernoulli BitShift BlackmanWindow Cast CastLike Ceil Celu Compress
		Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear Det
		Div DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gemm GlobalAveragePool
		GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample HammingWindow HannWindow HardSigmoid HardSwish Identity If
		InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log Loop LpNormalization LpPool MatMul
		MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mod Mul Multinomial Neg
		NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pow QLinearConv QLinearMatMul
		QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal Relu Reshape ReverseSequence Round
		STFT Scan ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape
		Shrink Sigmoid Sign Sin Sinh Size Softplus Softsign SpaceToDepth Sqrt Sub Sum Tan Tanh ThresholdedRelu Tile Transpose Trilu Unique
		Where Xor`) {
		steady[op] = true
	}
}

// take returns an attribute and removes it, nil if there is none.
func take(n *pb.NodeProto, name string) *pb.AttributeProto {
	i := slices.IndexFunc(n.Attribute, func(a *pb.AttributeProto) bool { return a.GetName() == name })
	if i < 0 {
		return nil
	}
	a := n.Attribute[i]
	n.Attribute = slices.Delete(n.Attribute, i, i+1)
	return a
}

// constant puts a node before the one that is rewritten that gives t, and
// returns the name of that.
func (r *raising) constant(n *pb.NodeProto, what string, t *pb.TensorProto) string {
	name := unique(n.GetOutput()[0]+"_"+what, r.tensors)
	t.Name = nil
	c := Node("Constant", nil, []string{name}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: t})
	c.Name = proto.String(unique(c.GetName(), r.nodes))
	r.before = append(r.before, c)
	return name
}

// integers is constant of a list.
func (r *raising) integers(n *pb.NodeProto, what string, v ...int64) string {
	return r.constant(n, what, IntTensor("", v...))
}

// scalar is constant of one float32.
func (r *raising) scalar(n *pb.NodeProto, what string, v float32) string {
	return r.constant(n, what, FloatTensor("", []float32{v}))
}

// axesInput makes an input of the attribute axes.
func axesInput(r *raising, n *pb.NodeProto) error {
	if a := take(n, "axes"); len(a.GetInts()) > 0 {
		n.Input = append(n.Input[:1:1], r.integers(n, "axes", a.GetInts()...))
	}
	return nil
}

// slice makes inputs of what is cut.
func (r *raising) slice(n *pb.NodeProto) error {
	starts, ends, axes := take(n, "starts"), take(n, "ends"), take(n, "axes")
	n.Input = append(n.Input[:1:1], r.integers(n, "starts", starts.GetInts()...), r.integers(n, "ends", ends.GetInts()...))
	if axes != nil {
		n.Input = append(n.Input, r.integers(n, "axes", axes.GetInts()...))
	}
	return nil
}

// topK makes an input of k.
func (r *raising) topK(n *pb.NodeProto) error {
	n.Input = append(n.Input[:1:1], r.integers(n, "k", take(n, "k").GetI()))
	return nil
}

// upsample makes a Resize of it.
func (r *raising) upsample(n *pb.NodeProto) error {
	n.OpType = proto.String("Resize")
	return r.resize10(n)
}

// resize10 says what a Resize did when nothing said it.
func (r *raising) resize10(n *pb.NodeProto) error {
	if len(n.Input) != 2 {
		return fmt.Errorf("it has %d inputs, not 2", len(n.Input))
	}
	n.Input = []string{n.Input[0], "", n.Input[1]}
	n.Attribute = append(n.Attribute, TextAttribute("coordinate_transformation_mode", "asymmetric"), TextAttribute("nearest_mode", "floor"))
	return nil
}

// resize11 drops the scales where sizes are given: both may not be.
func (r *raising) resize11(n *pb.NodeProto) error {
	for _, a := range n.Attribute {
		if a.GetName() == "coordinate_transformation_mode" && string(a.GetS()) == "tf_half_pixel_for_nn" {
			return fmt.Errorf("its coordinates, %s, are none of set 13 and later", a.GetS())
		}
	}
	if len(n.Input) > 3 && n.Input[3] != "" {
		n.Input[2] = ""
	}
	return nil
}

// clip makes inputs of the limits, which are float32.
func (r *raising) clip(n *pb.NodeProto) error {
	least, most := take(n, "min"), take(n, "max")
	n.Input = n.Input[:1:1]
	if least != nil || most != nil {
		n.Input = append(n.Input, "")
	}
	if least != nil {
		n.Input[1] = r.scalar(n, "min", least.GetF())
	}
	if most != nil {
		n.Input = append(n.Input, r.scalar(n, "max", most.GetF()))
	}
	return nil
}

// pad makes inputs of the widths and the value, which is float32.
func (r *raising) pad(n *pb.NodeProto) error {
	widths, value := take(n, "pads"), take(n, "value")
	n.Input = append(n.Input[:1:1], r.integers(n, "pads", widths.GetInts()...))
	if value.GetF() != 0 {
		n.Input = append(n.Input, r.scalar(n, "value", value.GetF()))
	}
	return nil
}

// scatter has another name.
func (r *raising) scatter(n *pb.NodeProto) error {
	n.OpType = proto.String("ScatterElements")
	return nil
}

// dropout drops nothing, as it did.
func (r *raising) dropout(n *pb.NodeProto) error {
	if len(n.Output) > 1 && n.Output[1] != "" && r.from < 10 {
		return fmt.Errorf("its mask was a number before set 10, and is none in %d", Raised)
	}
	take(n, "ratio")
	n.Input = n.Input[:1:1]
	return nil
}

// softmax is over all that follows its axis before set 13, and over that axis
// since then. They are the same where it is the last one; else what follows is
// laid side by side before, and put into its shape again.
func (r *raising) softmax(n *pb.NodeProto) error {
	axis := int64(1)
	if a := take(n, "axis"); a != nil {
		axis = a.GetI()
	}
	n.Attribute = append(n.Attribute, IntAttribute("axis", -1))
	if axis == -1 {
		return nil
	}
	in, out := n.Input[0], n.Output[0]
	named := func(what string) string { return unique(out+"_"+what, r.tensors) }
	shape, rows, made := named("shape"), named("rows"), named("of_rows")
	r.before = append(r.before, Node("Shape", []string{in}, []string{shape}), Node("Flatten", []string{in}, []string{rows}, IntAttribute("axis", axis)))
	r.after = append(r.after, Node("Reshape", []string{made, shape}, []string{out}))
	for _, c := range slices.Concat(r.before, r.after) {
		c.Name = proto.String(unique(c.GetName(), r.nodes))
	}
	n.Input, n.Output = []string{rows}, []string{made}
	return nil
}

// split makes an input of the lengths, and says the number of parts where there
// are none.
func (r *raising) split(n *pb.NodeProto) error {
	if a := take(n, "split"); len(a.GetInts()) > 0 {
		n.Input = append(n.Input[:1:1], r.integers(n, "lengths", a.GetInts()...))
	}
	if len(n.Input) < 2 || n.Input[1] == "" {
		n.Attribute = append(n.Attribute, IntAttribute("num_outputs", int64(len(n.Output))))
	}
	return nil
}

// batchNormalization computes with the stored statistics alone.
func (r *raising) batchNormalization(n *pb.NodeProto) error {
	if trains(n) {
		return fmt.Errorf("it takes its statistics from the batch, as in training")
	}
	n.Output = n.Output[:1:1]
	return nil
}

// roiAlign says where its pixels are.
func (r *raising) roiAlign(n *pb.NodeProto) error {
	n.Attribute = append(n.Attribute, TextAttribute("coordinate_transformation_mode", "output_half_pixel"))
	return nil
}
