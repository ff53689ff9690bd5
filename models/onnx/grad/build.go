package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Build builds the graphs that retrain what lies between a cut and the features
// of g, together with a head. g is only read, and shares the values of its
// constants with the result. Errors are an *UnsupportedError, a *CutError, or
// say what is wrong with the options.
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
		if t := g.Types[name]; t != pb.TensorProto_FLOAT {
			return nil, fmt.Errorf("grad: tensor %s is of type %v, not FLOAT", quote(name), t)
		}
	}
	g = single(g)
	if err := checkCut(g, o.Cut, features); err != nil {
		return nil, err
	}
	g, end, err := rows(g, features, o)
	if err != nil {
		return nil, err
	}
	t := newTail(g, o.Cut, end)
	b := newBuilder(g)
	train := t.trained(g, o.Train)
	b.block = o.Block
	if n, err := b.body(t, o.Cut, end, train); err != nil {
		return nil, unsupported(g, features, n, err)
	}
	p := &Program{Loss: b.name("loss"), Logits: b.name("logits")}
	b.head(p, end, int64(o.Classes))
	body := len(b.nodes)
	dLogits := b.loss(p.Logits, p.Target.Name, p.Loss)

	train = append(train, p.Weights...)
	d := map[string]string{p.Logits: dLogits}
	if err := b.backward(b.nodes[:body:body], d, train); err != nil {
		u := err.(*UnsupportedError)
		if i := slices.IndexFunc(t.nodes, func(n *pb.NodeProto) bool { return title(n) == u.Node }); i >= 0 {
			u.Cut = next(g, features, t.nodes[i])
		}
		return nil, u
	}

	p.Weights = b.leaves(train, d)
	p.inputs(g, t, o)
	p.Step = b.model("step", p, p.OutputNames())
	p.live, p.work = b.live(p.Step), b.workOf(p.Step)
	p.Forward = b.model("forward", p, []string{p.Loss, p.Logits})
	return p, nil
}

// body appends the forward pass of the tail and fills in how the trained
// weights are fed. An error is a reason, and of the node that it comes with.
func (b *builder) body(t *tail, cut, features string, train []Weight) (*pb.NodeProto, error) {
	if b.block == 0 {
		for _, n := range t.nodes {
			if err := b.forward(n); err != nil {
				return n, err
			}
		}
		return nil, nil
	}
	forms, n, err := b.lower(t, cut, features, train)
	for i, w := range train {
		f := forms[w.Name]
		train[i].form, train[i].block, train[i].Dims = f, b.block, f.padded(w.Shape, b.block)
	}
	return n, err
}

// lasting are standard operators that the runtime does not fuse with what lies
// before them.
var lasting = []string{"Gemm", "ReduceSum", "ScatterElements", "Transpose"}

// leaves appends the outputs of the gradients in d, and returns the weights
// that have one.
//
// The runtime schedules nodes depth first, from the output that was requested
// last. With one node for each gradient, in the order of the weights and the
// head's last, each dW is computed as soon as its dY is there. Otherwise the
// runtime keeps all dY, up to twice as much memory again. That node is the one
// that makes dW if the runtime does not fuse it, and else a Reshape, which
// copies. A fused node is scheduled as if it had been requested last; two
// Reshapes are fused, and a Transpose with a Reshape that splits an axis.
func (b *builder) leaves(train []Weight, d map[string]string) []Weight {
	var all []Weight
	for _, w := range train {
		dW := d[w.Name]
		if dW == "" { // it reaches the loss only through operators that nothing flows back through
			if w.form != plain {
				v := make([]float32, product(w.Dims))
				w.Pack(v, w.Values)
				b.consts[w.Name] = initializer(w.Name, &onnx.Tensor{Type: pb.TensorProto_FLOAT, Dims: w.Dims, F32: v})
			}
			continue
		}
		w.Gradient = b.name("d:" + w.Name)
		dW = b.peel(dW)
		n := b.made[dW]
		if slices.Contains(lasting, n.GetOpType()) && slices.Equal(b.shapes[dW], w.Dims) {
			b.emit(onnx.Node(n.GetOpType(), n.GetInput(), []string{w.Gradient}, n.GetAttribute()...))
		} else {
			b.emit(onnx.Node("Reshape", []string{dW, b.int64s(w.Dims...)}, []string{w.Gradient}))
		}
		all = append(all, w)
	}
	return all
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
	} else if i := slices.IndexFunc(g.Nodes, func(n *pb.NodeProto) bool { return slices.Contains(n.GetOutput(), cut) }); i >= 0 {
		e.Nearest = next(g, features, g.Nodes[i])
	}
	return e
}

// trained returns the weights of the tail that are trained. Some may be read
// before the cut, too: their values there are not the program's.
func (t *tail) trained(g *onnx.Graph, train func(string) bool) []Weight {
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
	return all
}

// unsupported returns the error for a node.
func unsupported(g *onnx.Graph, features string, n *pb.NodeProto, reason error) error {
	return &UnsupportedError{Node: title(n), Operator: operator(n), Reason: reason.Error(), Cut: next(g, features, n)}
}

// title returns what a node is called in messages.
func title(n *pb.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

func operator(n *pb.NodeProto) string {
	if standard(n) {
		return n.GetOpType()
	}
	return n.GetDomain() + "." + n.GetOpType()
}
