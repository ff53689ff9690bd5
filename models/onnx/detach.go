package onnx

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// ErrBypass is wrapped by Detach's error for a tensor that not everything flows
// through; BypassError has the details.
var ErrBypass = errors.New("not everything flows through the cut")

// BypassError says what goes past a cut.
type BypassError struct {
	Cut    string
	Tensor string // that weights have worked on, and that is not made from Cut
	Node   string // that reads it, by its name or its first output; "" if Tensor is wanted itself
	Shape  bool   // only its shape is used
}

func (e *BypassError) Error() string {
	what := "reads"
	if e.Shape {
		what = "needs the shape of"
	}
	if e.Node == "" {
		return fmt.Sprintf("onnx: detach at %s: %v: %s is an output that is not made from it; choose another cut", quote(e.Cut), ErrBypass, quote(e.Tensor))
	}
	return fmt.Sprintf("onnx: detach at %s: %v: node %s behind it %s %s, which is not made from it; choose another cut", quote(e.Cut), ErrBypass, quote(e.Node), what, quote(e.Tensor))
}

func (e *BypassError) Unwrap() error { return ErrBypass }

// Detach returns the part of m that computes outputs, tensors of its main graph
// or inputs that are handed through, from the tensor cut. It is a model as it
// is stored: dimensions stay open, weights keep their types and names, so that
// WriteBack, Append and Infer take it as they take m. Versions and unknown
// fields stay, functions if they are called.
//
// The first input is cut. It is declared with the element type that m declares
// for it, or else float, and without a shape; who knows the shape may put
// another declaration in its place. Behind it stand those inputs of m, in their
// order, that the part needs as well: what masks and positions are made from.
// What makes them may use constants, shapes of inputs, and weights that do not
// work on the values of inputs, and is part of the result. Where the part needs
// the shape of a tensor before the cut that always has the shape of cut, it
// takes that one's, and where that is made of dimensions of cut and numbers, it
// takes these.
//
// A BypassError says that something needs another tensor that weights have
// worked on before the cut, be it only its shape. Other errors: a tensor that
// no node of the main graph makes, or more than one, outputs that do not depend
// on the cut, nodes that are not in an order in which they can run.
//
// With cut "" the part begins at m's inputs: it is Prune. The result shares
// everything it can with m, which is not changed.
func Detach(m *pb.ModelProto, cut string, outputs ...string) (*pb.ModelProto, error) {
	if cut == "" {
		return Prune(m, outputs...)
	}
	m = parted(m, cut)
	g := m.GetGraph()
	if g == nil {
		return nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("onnx: detach at %s: no output is named", quote(cut))
	}
	made := make(map[string]bool)
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			if o != "" && made[o] {
				return nil, fmt.Errorf("onnx: detach at %s: tensor %s is made twice", quote(cut), quote(o))
			}
			made[o] = true
		}
	}
	if !made[cut] {
		return nil, fmt.Errorf("onnx: detach at %s: no node makes this tensor, or one inside a body (If, Loop, Scan); name one that the main graph makes", quote(cut))
	}
	for _, v := range g.GetInput() {
		made[v.GetName()] = true
	}
	if err := wanted(made, outputs, "detach"); err != nil {
		return nil, err
	}
	part := between(g, cut, outputs)
	err := passes(m, part, cut, nil, outputs)
	var bypass *BypassError
	if errors.As(err, &bypass) { // it may be by a table or a shape: look closer
		if known, failed := Infer(m, nil); failed == nil {
			buffers := known.outside()
			if err = passes(m, part, cut, buffers, outputs); errors.As(err, &bypass) {
				if other := reshaped(m, known, cut); other != nil {
					again := between(other.Graph, cut, outputs)
					if retry := passes(other, again, cut, buffers, outputs); retry == nil {
						part, err = again, nil
					}
				}
			}
		}
	}
	if err != nil {
		return nil, err
	}
	elem := pb.TensorProto_FLOAT
	for _, v := range slices.Concat(g.GetValueInfo(), g.GetOutput()) {
		if t := pb.TensorProto_DataType(v.GetType().GetTensorType().GetElemType()); v.GetName() == cut && t != pb.TensorProto_UNDEFINED {
			elem = t
		}
	}
	input := TensorValue(cut, elem)
	input.GetType().GetTensorType().Shape = nil // not a scalar: unknown
	part.Input = append([]*pb.ValueInfoProto{input}, part.Input...)
	part.ValueInfo = slices.DeleteFunc(part.ValueInfo, func(v *pb.ValueInfoProto) bool { return v.GetName() == cut })

	out := shallow(m)
	out.Graph, out.TrainingInfo = part, nil
	out.Functions = called(m.GetFunctions(), part)
	return out, nil
}

// passes checks that the nodes of part, a part of m's graph, can run one after
// another, and need of what weights have worked on nothing but cut. Buffers are
// no weights.
func passes(m *pb.ModelProto, part *pb.GraphProto, cut string, buffers map[string]bool, outputs []string) error {
	f := newOrigin(m, buffers)
	for _, n := range m.GetGraph().GetNode() {
		f.node(n)
	}
	known := map[string]bool{"": true, cut: true} // that can be read so far
	for _, v := range part.GetInput() {
		known[v.GetName()] = true
	}
	for _, t := range part.GetInitializer() {
		known[t.GetName()] = true
	}
	for _, t := range part.GetSparseInitializer() {
		known[t.GetValues().GetName()] = true
	}
	behind := map[string]bool{cut: true}
	bypass := func(n *pb.NodeProto, t string) error {
		if behind[t] || !f.main[t] && f.shape[t] == "" {
			return nil
		}
		e := &BypassError{Cut: cut, Tensor: t}
		if n != nil {
			e.Node = nodeName(n)
		}
		if !f.main[t] {
			e.Tensor, e.Shape = f.shape[t], true
		}
		return e
	}
	for _, n := range part.GetNode() {
		after := false
		for i, in := range n.GetInput() {
			if !known[in] {
				return fmt.Errorf("onnx: detach at %s: node %s (%s): input %d %s: no node before makes it", quote(cut), quote(nodeName(n)), quote(n.GetOpType()), i, quote(in))
			}
		}
		read := reads(n)
		for _, in := range read {
			after = after || behind[in]
		}
		for _, in := range read {
			if err := bypass(n, in); err != nil && after {
				return err
			}
		}
		for _, o := range n.GetOutput() {
			if o == "" {
				continue
			}
			if o == cut {
				return fmt.Errorf("onnx: detach at %s: node %s (%s) makes it and something else that is needed behind it", quote(cut), quote(nodeName(n)), quote(n.GetOpType()))
			}
			known[o], behind[o] = true, after
		}
	}
	some := false
	for _, o := range outputs {
		if err := bypass(nil, o); err != nil {
			return err
		}
		some = some || behind[o]
	}
	if !some {
		return fmt.Errorf("onnx: detach at %s: the outputs do not depend on this tensor", quote(cut))
	}
	return nil
}

// reshaped returns m with the shape of cut, or what is made of dimensions of it
// and of numbers, in place of the shapes of tensors that have, for every size
// of m's inputs, the same, and are not made from cut; nil if there is none. g
// is what is known of m.
func reshaped(m *pb.ModelProto, g *Graph, cut string) *pb.ModelProto {
	want := g.Dims(cut)
	if want == nil || slices.ContainsFunc(want, func(d Dim) bool { return d.Name == "?" }) {
		return nil
	}
	names := make(map[string]bool)
	taken(m.GetGraph(), names, make(map[string]bool))
	out := shallow(m)
	out.Graph = shallow(m.GetGraph())
	out.Graph.Node = nil
	behind := map[string]bool{cut: true}
	some := false
	for _, n := range m.GetGraph().GetNode() {
		if slices.ContainsFunc(reads(n), func(in string) bool { return behind[in] }) {
			for _, o := range n.GetOutput() {
				behind[o] = o != ""
			}
			out.Graph.Node = append(out.Graph.Node, n)
			continue
		}
		key := operatorKey(n.GetDomain(), n.GetOpType())
		if key != "Shape" && key != "Size" || len(n.GetInput()) != 1 || len(n.GetOutput()) != 1 {
			out.Graph.Node = append(out.Graph.Node, n)
			continue
		}
		have := g.Dims(n.Input[0])
		switch {
		case have != nil && slices.Equal(have, want):
			n = shallow(n)
			n.Input = []string{cut}
			out.Graph.Node, some = append(out.Graph.Node, n), true
		case key == "Shape" && len(n.GetAttribute()) == 0:
			if from := dimensions(have, want); from != nil {
				out.Graph.Node, some = append(out.Graph.Node, pick(cut, n.Output[0], have, from, names)...), true
				continue
			}
			fallthrough
		default:
			out.Graph.Node = append(out.Graph.Node, n)
		}
	}
	if !some {
		return nil
	}
	return out
}

// dimensions returns, for each of have, which of want it is, -1 for a number;
// nil if one is neither.
func dimensions(have, want []Dim) []int64 {
	var from []int64
	for _, d := range have {
		at := -1
		if d.Size < 0 {
			at = slices.Index(want, d)
		}
		if d.Size < 0 && at < 0 {
			return nil
		}
		from = append(from, int64(at))
	}
	return from
}

// pick returns nodes that make a shape of numbers and dimensions of cut.
func pick(cut, output string, dims []Dim, from []int64, names map[string]bool) []*pb.NodeProto {
	list := func(v []int64) *pb.NodeProto {
		name := unique(output+"/list", names)
		return Node("Constant", nil, []string{name}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: IntTensor(name, v...)})
	}
	var sizes, at []int64
	for i, d := range dims {
		if from[i] < 0 { // it stands in front of the shape
			at, sizes = append(at, int64(len(sizes))), append(sizes, d.Size)
		} else {
			at = append(at, -1-from[i])
		}
	}
	for i, k := range at {
		if k < 0 {
			at[i] = int64(len(sizes)) - 1 - k
		}
	}
	numbers, places := list(sizes), list(at)
	shape, all := unique(output+"/shape", names), unique(output+"/all", names)
	return []*pb.NodeProto{
		Node("Shape", []string{cut}, []string{shape}), numbers, places,
		Node("Concat", []string{numbers.Output[0], shape}, []string{all}, IntAttribute("axis", 0)),
		Node("Gather", []string{all, places.Output[0]}, []string{output}, IntAttribute("axis", 0)),
	}
}

// reads returns the tensors that a node reads, those that its bodies take from
// the graph around them too, perhaps with names of the bodies' own.
func reads(n *pb.NodeProto) []string {
	need := make(map[string]bool)
	needs(n, need)
	delete(need, "")
	return sorted(need)
}

// nodeName returns a node's name, or else its first output.
func nodeName(n *pb.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

// origin tells what the tensors of a stored model are made of. It is to a model
// what flow is to a graph.
type origin struct {
	weight map[string]bool // stored float tensors of more than one element
	made   map[string]bool // by a node
	fed    map[string]bool // depend on the values of what is fed
	main   map[string]bool // those of them that weights have worked on
	// shape names, for what depends on the shape of a main tensor, that tensor.
	shape map[string]string
	own   map[string]bool // operators that the model's functions define

	buffers map[string]bool
}

func newOrigin(m *pb.ModelProto, buffers map[string]bool) *origin {
	f := &origin{
		weight: make(map[string]bool), made: make(map[string]bool), fed: make(map[string]bool),
		main: make(map[string]bool), shape: make(map[string]string), own: make(map[string]bool),
		buffers: buffers,
	}
	for _, fn := range m.GetFunctions() {
		f.own[operatorKey(fn.GetDomain(), fn.GetName())] = true
	}
	for _, v := range m.GetGraph().GetInput() {
		f.fed[v.GetName()] = true
	}
	for _, t := range m.GetGraph().GetInitializer() {
		f.fed[t.GetName()] = false
		f.weight[t.GetName()] = weighty(t) && !buffers[t.GetName()]
	}
	for _, t := range m.GetGraph().GetSparseInitializer() {
		f.fed[t.GetValues().GetName()] = false
		f.weight[t.GetValues().GetName()] = true
	}
	return f
}

// weighty reports whether a tensor holds more than one float.
func weighty(t *pb.TensorProto) bool {
	n, err := elements(t.GetDims())
	return err == nil && n > 1 && isFloat(pb.TensorProto_DataType(t.GetDataType()))
}

// node notes what the outputs of a node are made of.
func (f *origin) node(n *pb.NodeProto) {
	key := operatorKey(n.GetDomain(), n.GetOpType())
	var fed, main, weighs bool
	shape := ""
	read := reads(n)
	for _, in := range read {
		fed, main = fed || f.fed[in], main || f.main[in]
		if shape == "" {
			shape = f.shape[in]
		}
	}
	// A weight stays one behind a node that changes its type or name alone.
	still := (key == "Cast" || key == "Identity") && len(read) == 1 && f.weight[read[0]]
	switch {
	case key == "Shape" || key == "Size":
		if main {
			shape = read[0]
		}
		fed, main = false, false
	case key == "Constant":
		for _, a := range n.GetAttribute() {
			still = still || a.GetT() != nil && weighty(a.GetT()) || len(a.GetFloats()) > 1
			still = still && !f.buffers[n.GetOutput()[0]]
		}
	case f.own[key]:
		weighs = true // whatever the function does
	default:
		weighs = f.weighs(n) || worksInside(n)
	}
	main = main || fed && weighs
	for _, o := range n.GetOutput() {
		if o != "" {
			f.made[o], f.fed[o], f.main[o], f.shape[o], f.weight[o] = true, fed, main, shape, still
		}
	}
}

// weighs reports whether a node works with weights.
func (f *origin) weighs(n *pb.NodeProto) bool {
	places := learned[n.GetOpType()]
	for k, in := range n.GetInput() {
		if in != "" && slices.Contains(places, k) && (f.weight[in] || f.made[in] && !f.fed[in]) {
			return true
		}
	}
	return false
}

// worksInside reports whether a body of a node has an operator that works with
// weights, as far as its type tells.
func worksInside(n *pb.NodeProto) bool {
	for _, a := range n.GetAttribute() {
		for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
			for _, inner := range body.GetNode() {
				if learned[inner.GetOpType()] != nil || worksInside(inner) {
					return true
				}
			}
		}
	}
	return false
}

// called returns those of the functions that a graph calls, and those that
// these call.
func called(functions []*pb.FunctionProto, g *pb.GraphProto) []*pb.FunctionProto {
	if len(functions) == 0 {
		return nil
	}
	byKey := make(map[string][]*pb.FunctionProto)
	for _, f := range functions {
		key := operatorKey(f.GetDomain(), f.GetName())
		byKey[key] = append(byKey[key], f)
	}
	used := make(map[*pb.FunctionProto]bool)
	var visit func(nodes []*pb.NodeProto)
	visit = func(nodes []*pb.NodeProto) {
		for _, n := range nodes {
			for _, f := range byKey[operatorKey(n.GetDomain(), n.GetOpType())] {
				if !used[f] {
					used[f] = true
					visit(f.GetNode())
				}
			}
			for _, a := range n.GetAttribute() {
				for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
					visit(body.GetNode())
				}
			}
		}
	}
	visit(g.GetNode())
	return slices.DeleteFunc(slices.Clone(functions), func(f *pb.FunctionProto) bool { return !used[f] })
}
