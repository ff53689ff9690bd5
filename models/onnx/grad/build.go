package grad

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Options says what Build builds.
type Options struct {
	// Cut is the tensor at which the tail begins: its values are fed. Everything
	// that is learned must flow through it. "" means the inputs of the graph.
	Cut string

	// Features is the float32 tensor N×D that the head reads. "" means the
	// graph's first output.
	Features string

	// Pooling makes Features N×D if it is not: "" takes it as it is, "cls" the
	// first of N×S×D, "mean" the mean of N×S×D over the tokens that Mask counts,
	// "gap" the mean of N×D×… over space.
	Pooling string

	// Mask is the input of the graph, N×S, that is 1 where "mean" counts a token.
	Mask string

	// Classes is K, how many classes the head tells apart.
	Classes int

	// Block is how many channels lie together in the layout of the runtime's own
	// fast convolutions: 8 or 16, by the processor, see BlockProbe. 0 means the plain layout, of
	// standard operators alone. A blocked program must be compared with the plain
	// one before it is used: its operators are no part of ONNX. Weights are then
	// fed in the order of Weight.Pack.
	Block int64

	// Train tells whether a weight of the tail is trained. nil means that all are.
	Train func(weight string) bool
}

// Program is a tail with a head, as two models: Step computes the loss, the
// logits and the gradients, Forward the loss and the logits alone. Both have the
// same inputs.
type Program struct {
	Step, Forward *onnx.ModelProto

	Inputs  []Input  // what is fed of the samples, the cut's activations first
	Target  Input    // N×K
	Weights []Weight // in the order of the graph; the head's two come last

	Loss   string // an output of one element
	Logits string // an output N×K
}

// Input is a tensor that is fed.
type Input struct {
	Name string
	Type onnx.TensorProto_DataType
	Dims []int64
}

// Weight is a tensor that is trained.
type Weight struct {
	Name     string    // in the backbone, and as an input of both models
	Gradient string    // the output of Step with the gradient, of the same dimensions
	Node     string    // the first node that reads the weight
	Shape    []int64   // in the backbone
	Dims     []int64   // as it is fed; those of Shape, but for channels that Options.Block pads
	Values   []float32 // in the backbone, not to be written to; nil for the head's

	form  form // in which the program takes it, see Pack
	block int64
}

// InputNames returns the names of the inputs of both models: samples, target,
// weights.
func (p *Program) InputNames() []string {
	var names []string
	for _, in := range p.Inputs {
		names = append(names, in.Name)
	}
	names = append(names, p.Target.Name)
	for _, w := range p.Weights {
		names = append(names, w.Name)
	}
	return names
}

// OutputNames returns the names of the outputs of Step: loss, logits, gradients
// in the order of Weights. The first two are those of Forward.
func (p *Program) OutputNames() []string {
	names := []string{p.Loss, p.Logits}
	for _, w := range p.Weights {
		names = append(names, w.Gradient)
	}
	return names
}

// Build builds the graphs that retrain what lies between a cut and the features
// of g, together with a head. g is only read, and shares the values of its
// constants with the result. Errors are an *UnsupportedError, a *CutError, a
// *SharedError, or say what is wrong with the options.
func Build(g *onnx.Graph, o *Options) (*Program, error) {
	if o.Classes < 1 {
		return nil, fmt.Errorf("grad: a head for %d classes", o.Classes)
	}
	features := o.Features
	if features == "" {
		if len(g.Outputs) == 0 {
			return nil, fmt.Errorf("grad: the graph has no output that could be the features")
		}
		features = g.Outputs[0]
	}
	for _, name := range []string{features, o.Cut} {
		if name == "" {
			continue
		}
		if _, ok := g.Shapes[name]; !ok {
			return nil, fmt.Errorf("grad: the graph has no tensor %s", quote(name))
		}
		if t := g.Types[name]; t != onnx.TensorProto_FLOAT {
			return nil, fmt.Errorf("grad: tensor %s is of type %v, not FLOAT", quote(name), t)
		}
	}
	g = single(g)
	if err := checkCut(g, o.Cut, features); err != nil {
		return nil, err
	}
	t := newTail(g, o.Cut, features)
	b := newBuilder(g)
	train, err := t.trained(g, o.Train)
	if err != nil {
		return nil, err
	}
	if b.block = o.Block; b.block > 0 {
		forms, i, err := b.lower(t, o.Cut, features, train)
		if err != nil {
			return nil, unsupported(g, features, t.nodes[i], err)
		}
		for i, w := range train {
			f := forms[w.Name]
			train[i].form, train[i].block, train[i].Dims = f, b.block, f.padded(w.Shape, b.block)
		}
	} else {
		for i, n := range t.nodes {
			if err := b.forward(n); err != nil {
				return nil, unsupported(g, features, t.nodes[i], err)
			}
		}
	}
	pooled, err := b.pool(features, o.Pooling, o.Mask)
	if err != nil {
		return nil, err
	}
	p := &Program{Loss: b.name("loss"), Logits: b.name("logits")}
	b.head(p, pooled, int64(o.Classes))
	body := len(b.nodes)
	dLogits := b.loss(p.Logits, p.Target.Name, p.Loss)

	train = append(train, p.Weights...)
	d := map[string]string{p.Logits: dLogits}
	if err := b.backward(b.nodes[:body:body], d, train); err != nil {
		u := err.(*UnsupportedError)
		if i := slices.IndexFunc(t.nodes, func(n *onnx.NodeProto) bool { return title(n) == u.Node }); i >= 0 {
			u.Cut = next(g, features, t.nodes[i])
		}
		return nil, u
	}

	// The runtime goes depth first from the output that it was told last. One
	// Reshape for each gradient, in the order of the weights and the head's last,
	// lets it compute each dW as soon as it has the dY: the other way it keeps
	// all dY, half as much memory again. Two Reshapes would be fused into a new
	// node, which counts as told later.
	p.Weights = nil
	for _, w := range train {
		dW := d[w.Name]
		if dW == "" {
			continue // it reaches the loss only through operators that nothing flows back through
		}
		w.Gradient = b.name("d:" + w.Name)
		b.emit(onnx.Node("Reshape", []string{b.peel(dW), b.int64s(w.Dims...)}, []string{w.Gradient}))
		p.Weights = append(p.Weights, w)
	}
	p.inputs(g, t, o)
	p.Step = b.model("step", p, p.OutputNames())
	p.Forward = b.model("forward", p, []string{p.Loss, p.Logits})
	return p, nil
}

// checkCut checks that everything that weights have worked on flows through a
// tensor on its way to the features.
func checkCut(g *onnx.Graph, cut, features string) error {
	if cut == "" || cut == features || slices.Contains(g.Inputs, cut) {
		return nil
	}
	cuts, err := onnx.Cuts(g, features)
	if err != nil {
		return fmt.Errorf("grad: %w", err)
	}
	if slices.ContainsFunc(cuts, func(c onnx.Cut) bool { return c.Tensor == cut }) {
		return nil
	}
	e := &CutError{Cut: cut, Reason: "not everything flows through it"}
	if !reach(g, cut, features).tensors[cut] {
		e.Reason = "the features do not depend on it"
	} else if i := slices.IndexFunc(g.Nodes, func(n *onnx.NodeProto) bool { return slices.Contains(n.GetOutput(), cut) }); i >= 0 {
		e.Nearest = next(g, features, g.Nodes[i])
	}
	return e
}

// trained returns the weights of the tail that are trained.
func (t *tail) trained(g *onnx.Graph, train func(string) bool) ([]Weight, error) {
	var all []Weight
	seen := map[string]bool{}
	for i, n := range t.nodes {
		for _, name := range t.weights[i] {
			if !seen[name] && (train == nil || train(name)) {
				c := g.Constants[name]
				all = append(all, Weight{Name: name, Node: title(n), Shape: c.Dims, Dims: c.Dims, Values: c.F32})
			}
			seen[name] = true
		}
	}
	for _, n := range t.frozen {
		for _, w := range all {
			if slices.Contains(n.GetInput(), w.Name) {
				return nil, &SharedError{Weight: w.Name, Node: title(n)}
			}
		}
	}
	return all, nil
}

// unsupported returns the error for a node.
func unsupported(g *onnx.Graph, features string, n *onnx.NodeProto, reason error) error {
	return &UnsupportedError{Node: title(n), Operator: operator(n), Reason: reason.Error(), Cut: next(g, features, n)}
}

// title returns what a node is called in messages.
func title(n *onnx.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

func operator(n *onnx.NodeProto) string {
	if standard(n) {
		return n.GetOpType()
	}
	return n.GetDomain() + "." + n.GetOpType()
}

// head appends logits = features W + b and fills in what the head and the loss
// add to the program: the target and the two weights.
func (b *builder) head(p *Program, features string, classes int64) {
	N, D := b.shapes[features][0], b.shapes[features][1]
	p.Target = Input{Name: b.name("target"), Type: onnx.TensorProto_FLOAT, Dims: []int64{N, classes}}
	w := Weight{Name: b.name("head.weight"), Shape: []int64{classes, D}, Dims: []int64{classes, D}}
	c := Weight{Name: b.name("head.bias"), Shape: []int64{classes}, Dims: []int64{classes}}
	gemm := onnx.Node("Gemm", []string{features, w.Name, c.Name}, []string{p.Logits}, onnx.IntAttribute("transB", 1))
	w.Node, c.Node = gemm.GetName(), gemm.GetName()
	p.Weights = []Weight{w, c}
	b.shapes[w.Name], b.shapes[c.Name], b.shapes[p.Logits] = w.Dims, c.Dims, []int64{N, classes}
	b.emit(gemm)
}

// pool appends what makes a matrix of the features.
func (b *builder) pool(x, pooling, mask string) (string, error) {
	s := b.shapes[x]
	rank, ok := map[string]int{"": 2, "cls": 3, "mean": 3, "gap": max(len(s), 3)}[pooling]
	if !ok {
		return "", fmt.Errorf("grad: pooling %s is none of cls, mean and gap", quote(pooling))
	}
	if len(s) != rank {
		return "", fmt.Errorf("grad: features %s have shape %v, which pooling %s does not make a matrix of", quote(x), s, quote(pooling))
	}
	switch pooling {
	case "cls":
		return b.reshape(b.prefix(x, []int64{1}, []int64{1}), s[0], s[2]), nil
	case "mean":
		if !slices.Contains(b.graph.Inputs, mask) || !slices.Equal(b.shapes[mask], s[:2]) {
			return "", fmt.Errorf("grad: mask %s of features %s is no input of shape %v", quote(mask), quote(x), s[:2])
		}
		m := b.reshape(b.number(mask), s[0], 1, s[1])
		share := b.div(m, b.binary("Max", b.sum(m, true, 2), b.scalar(1)))
		return b.reshape(b.op("MatMul", []int64{s[0], 1, s[2]}, []string{share, x}), s[0], s[2]), nil
	case "gap":
		return b.reshape(b.mean(x, sequence(2, int64(rank))...), s[:2]...), nil
	}
	return x, nil
}

// elem returns the element type of a tensor; what the builder makes for a rule
// to differentiate is float32.
func (b *builder) elem(name string) onnx.TensorProto_DataType {
	if t, ok := b.graph.Types[name]; ok {
		return t
	}
	return onnx.TensorProto_FLOAT
}

// floating are the types that a gradient could flow through.
var floating = []onnx.TensorProto_DataType{
	onnx.TensorProto_FLOAT, onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16, onnx.TensorProto_DOUBLE,
}

// backward appends the gradients of the trained weights. d has that of the
// logits by its name, and then that of every tensor that a weight lies upstream
// of. Its errors are *UnsupportedError.
func (b *builder) backward(nodes []*onnx.NodeProto, d map[string]string, train []Weight) error {
	depends := make(map[string]bool) // on a trained weight
	for _, w := range train {
		depends[w.Name] = true
	}
	for _, n := range nodes {
		if slices.Contains(flat, n.GetOpType()) || !slices.ContainsFunc(n.GetInput(), func(in string) bool { return depends[in] }) {
			continue
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
		if t := b.elem(in); n.need[i] && t != onnx.TensorProto_FLOAT {
			return nil, fmt.Errorf("it computes in %v", t)
		}
	}
	for i, out := range n.out {
		if t := b.elem(out); n.dY[i] != "" && t != onnx.TensorProto_FLOAT {
			return nil, fmt.Errorf("it computes in %v", t)
		}
		if i > 0 && n.dY[i] != "" && n.GetOpType() != "Split" {
			return nil, fmt.Errorf("its output %d is used", i)
		}
	}
	return r(b, n)
}

type noRule struct{}

func (noRule) Error() string { return "" }

// inputs fills in what is fed of the samples.
func (p *Program) inputs(g *onnx.Graph, t *tail, o *Options) {
	names := slices.Clone(t.inputs)
	if o.Pooling == "mean" && !slices.Contains(names, o.Mask) {
		names = append(names, o.Mask)
	}
	if o.Cut != "" {
		names = append([]string{o.Cut}, names...)
	}
	for _, name := range names {
		p.Inputs = append(p.Inputs, Input{Name: name, Type: g.Types[name], Dims: g.Shapes[name]})
	}
}

// model returns a model of the nodes that the outputs need.
func (b *builder) model(name string, p *Program, outputs []string) *onnx.ModelProto {
	used := make(map[string]bool)
	for _, out := range outputs {
		used[out] = true
	}
	var nodes []*onnx.NodeProto
	for _, n := range slices.Backward(b.nodes) {
		if !slices.ContainsFunc(n.GetOutput(), func(out string) bool { return used[out] }) {
			continue
		}
		switch n.GetOpType() {
		case "LayerNormalization", "MaxPool": // outputs that a rule asked for
			n = trimmed(n, used)
		}
		nodes = append(nodes, n)
		for _, in := range n.GetInput() {
			used[in] = true
		}
	}
	slices.Reverse(nodes)

	g := &onnx.GraphProto{Name: new(name), Node: nodes}
	fed := make(map[string]bool)
	for _, in := range append(slices.Clone(p.Inputs), p.Target) {
		fed[in.Name] = true
		g.Input = append(g.Input, value(in.Name, in.Type, in.Dims))
	}
	for _, w := range p.Weights {
		fed[w.Name] = true
		g.Input = append(g.Input, value(w.Name, onnx.TensorProto_FLOAT, w.Dims))
	}
	for _, out := range outputs {
		dims := b.shapes[out]
		if i := slices.IndexFunc(p.Weights, func(w Weight) bool { return w.Gradient == out }); i >= 0 {
			dims = p.Weights[i].Dims
		}
		g.Output = append(g.Output, value(out, onnx.TensorProto_FLOAT, dims))
	}
	added := make(map[string]bool)
	for _, n := range nodes {
		for _, in := range n.GetInput() {
			if in == "" || fed[in] || added[in] {
				continue
			}
			if c := b.consts[in]; c != nil {
				g.Initializer = append(g.Initializer, c)
			} else if c := b.graph.Constants[in]; c != nil {
				g.Initializer = append(g.Initializer, initializer(in, c))
			}
			added[in] = true
		}
	}
	m := &onnx.ModelProto{
		IrVersion:    new(irVersion(b.opset)),
		ProducerName: new("headstart"),
		OpsetImport:  []*onnx.OperatorSetIdProto{{Domain: new(""), Version: new(b.opset)}},
		Graph:        g,
	}
	others := maps.Collect(maps.All(b.graph.Domains))
	others[nchwc] = 1
	for _, domain := range slices.Sorted(maps.Keys(others)) {
		if slices.ContainsFunc(nodes, func(n *onnx.NodeProto) bool { return n.GetDomain() == domain }) {
			m.OpsetImport = append(m.OpsetImport, &onnx.OperatorSetIdProto{Domain: new(domain), Version: new(others[domain])})
		}
	}
	return m
}

// trimmed returns a node without trailing outputs that nothing reads.
func trimmed(n *onnx.NodeProto, used map[string]bool) *onnx.NodeProto {
	out := n.GetOutput()
	for len(out) > 1 && !used[out[len(out)-1]] {
		out = out[:len(out)-1]
	}
	return &onnx.NodeProto{Name: n.Name, OpType: n.OpType, Domain: n.Domain, Input: n.Input, Output: out, Attribute: n.Attribute}
}

func value(name string, elem onnx.TensorProto_DataType, dims []int64) *onnx.ValueInfoProto {
	shape := make([]onnx.Dim, len(dims))
	for i, d := range dims {
		shape[i].Size = d
	}
	return onnx.TensorValue(name, elem, shape...)
}
