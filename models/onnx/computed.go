package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
	// freeConstants and growth bound the bytes of what a model computes from
	// its constants alone: a runtime does that when it loads the model. Masks
	// and tables of positions have some MB; weights that are cast, transposed
	// or dequantised have up to eight times the bytes that are stored.
	freeConstants = 1 << 29
	growth        = 8
	// maxCalls bounds the nodes that are looked at, those of bodies and of the
	// model's own functions once a call.
	maxCalls = 1 << 22
	// maxMisfits bounds the nodes that may make no sense.
	maxMisfits = 1 << 10
	// sizeWork and sizeEach bound the elements that are computed with, in all
	// and at a node: shapes are lists of a few numbers, and masks need not be
	// known.
	sizeWork = 1 << 23
	sizeEach = 1 << 14
)

// ConstantsError says that what a model computes from its constants alone is
// more than a runtime should be asked for.
type ConstantsError struct {
	Node, Operator string // at which it gets too much
	Bytes          int64  // up to and with that node; -1: it cannot be told, for a Reason
	Limit          int64
	Reason         string
}

func (e *ConstantsError) Error() string {
	const mega = 1 << 20
	if e.Bytes < 0 {
		return fmt.Sprintf("node %s (%s): %s; how much memory the model's constants come to cannot be told, so no runtime is given it", quote(e.Node), quote(e.Operator), e.Reason)
	}
	return fmt.Sprintf("node %s (%s): with it, what the model computes from its constants alone takes %d MB, too large for a model that may take %d MB; store the result in the model, or export it without the node",
		quote(e.Node), quote(e.Operator), e.Bytes/mega, e.Limit/mega)
}

// computed adds up what a model computes from its constants.
type computed struct {
	folder
	functions map[string]*pb.FunctionProto
	guessed   map[string]int64 // bytes of constants whose shape is not known
	bytes     int64
	limit     int64
	calls     int
	misfits   []misfit
}

// checkComputed returns a *ConstantsError if what a runtime computes from the
// constants of m when it loads it is too much. Open dimensions count as 1, so
// that all that a runtime could see as constant does.
//
// What makes no sense then need not be refused: an image of one pixel has no
// patches, and BEiT resizes a table to one less. A runtime computes none of
// that beforehand if it depends on an open dimension, which shows where it is
// made of other numbers when these are larger.
func checkComputed(m *pb.ModelProto, stored int64) error {
	const larger = 224
	limit := freeConstants + growth*stored
	one, err := computeAt(m, 1, limit)
	if err != nil || len(one.misfits) == 0 {
		return err
	}
	other, err := computeAt(m, larger, math.MaxInt64) // it all counted already
	if err != nil {
		return err
	}
	for i, a := range one.misfits {
		for _, b := range other.misfits {
			if a.call == b.call && a.inputs == b.inputs {
				return one.misfits[i].err
			}
		}
	}
	return nil
}

// misfit is a node that may make much of what it is given, and does not fit it.
type misfit struct {
	call   int    // which node it is, in the order in which they are looked at
	inputs string // the values of its inputs, as far as they are known
	err    error
}

// computeAt looks at m with open dimensions of a size, those of batches 1.
func computeAt(m *pb.ModelProto, open, limit int64) (*computed, error) {
	c := &computed{functions: make(map[string]*pb.FunctionProto), guessed: make(map[string]int64), limit: limit}
	c.folder = folder{
		g: &Graph{
			Constants: make(map[string]*Tensor), Shapes: make(map[string][]int64), Types: make(map[string]pb.TensorProto_DataType),
			Stored: make(map[string]string), Domains: make(map[string]int64), inner: make(map[string]bool), Opset: maxOpset,
		},
		constants: make(map[string]*constant), weights: make(map[string]bool), kept: make(map[string]*pb.NodeProto),
		seen: make(map[string]*array), own: make(map[string]bool), within: make(map[string]bool),
		most: sizeWork, each: sizeEach,
	}
	sets, err := opsets(m.GetOpsetImport())
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		if s.Domain == "" {
			c.g.Opset = s.Version
		}
	}
	for _, f := range m.GetFunctions() {
		key := operatorKey(f.GetDomain(), f.GetName())
		c.own[key], c.functions[key] = true, f
	}
	for _, v := range m.GetGraph().GetInput() {
		c.input(v, open)
	}
	_, err = c.graph(m.GetGraph(), 0)
	return c, err
}

// input makes an input of the graph known, if it is a tensor.
func (c *computed) input(v *pb.ValueInfoProto, open int64) {
	t := v.GetType().GetTensorType()
	if t == nil || t.GetShape() == nil {
		return
	}
	dims := []int64{}
	for i, d := range t.GetShape().GetDim() {
		size := int64(1)
		if i > 0 {
			size = open
		}
		if n, ok := d.GetValue().(*pb.TensorShapeProto_Dimension_DimValue); ok {
			size = max(n.DimValue, 0)
		}
		dims = append(dims, size)
	}
	_ = c.define(v.GetName(), value{pb.TensorProto_DataType(t.GetElemType()), dims}) // else it stays unknown
}

// forget takes away what is known of a tensor.
func (c *computed) forget(name string) {
	delete(c.g.Types, name)
	delete(c.g.Shapes, name)
	delete(c.constants, name)
	delete(c.weights, name)
	delete(c.kept, name)
	delete(c.seen, name)
	delete(c.guessed, name)
}

// graph looks at a graph, whose own names end with it if it is a body. It
// returns the bytes of its outputs, -1 for what does not depend on constants
// alone.
func (c *computed) graph(g *pb.GraphProto, depth int) (outputs []int64, err error) {
	var own []string
	for _, t := range g.GetInitializer() {
		c.forget(t.GetName()) // an input with a default
		if c.store(t.GetName(), t) == nil {
			own = append(own, t.GetName())
		}
	}
	made, err := c.nodes(g.GetNode(), depth)
	for _, o := range g.GetOutput() {
		size := int64(-1)
		if c.isConstant(o.GetName()) {
			size = c.size(o.GetName())
		}
		outputs = append(outputs, size)
	}
	if depth > 0 {
		for _, name := range append(own, made...) {
			c.forget(name)
		}
	}
	return outputs, err
}

// nodes looks at nodes and returns the names of what they make.
func (c *computed) nodes(nodes []*pb.NodeProto, depth int) (made []string, err error) {
	for _, n := range nodes {
		c.calls++
		switch {
		case depth > maxBodies:
			return made, c.unknown(n, fmt.Sprintf("a body, or a function of the model's own, is nested more than %d deep", maxBodies))
		case c.calls > maxCalls:
			return made, c.unknown(n, fmt.Sprintf("there are more than %d nodes in bodies and functions of the model's own", maxCalls))
		}
		if err := c.node(n, depth); err != nil {
			return made, err
		}
		made = append(made, n.GetOutput()...)
	}
	return made, nil
}

// unknown is the error of a node whose constants cannot be told.
func (c *computed) unknown(n *pb.NodeProto, reason string) error {
	return &ConstantsError{title(n), n.GetOpType(), -1, c.limit, reason}
}

// title is what a node is called.
func title(n *pb.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

func (c *computed) node(n *pb.NodeProto, depth int) error {
	var bodies [][]int64 // the bytes of their outputs
	for _, a := range n.GetAttribute() {
		for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
			if body == nil {
				continue
			}
			outputs, err := c.graph(body, depth+1)
			if err != nil {
				return err
			}
			bodies = append(bodies, outputs)
		}
	}
	if bodies != nil {
		return c.branch(n, bodies, depth)
	}
	if f := c.functions[operatorKey(n.GetDomain(), n.GetOpType())]; f != nil {
		return c.function(n, f, depth)
	}
	err := c.folder.node(n, depth)
	c.g.Nodes = nil // nobody needs them
	if err != nil {
		return c.guess(n, err)
	}
	guessed := slices.ContainsFunc(n.GetInput(), func(in string) bool { _, ok := c.guessed[in]; return ok }) &&
		!slices.ContainsFunc(n.GetInput(), func(in string) bool { return in != "" && !c.isConstant(in) })
	for _, o := range n.GetOutput() {
		if guessed && o != "" {
			c.guessed[o] = c.size(o)
		}
		if o != "" && c.isConstant(o) && n.GetOpType() != "Constant" {
			if err := c.add(n, c.size(o)); err != nil {
				return err
			}
		}
	}
	return nil
}

// size returns the bytes of a tensor whose type and shape, or size, is known.
func (c *computed) size(name string) int64 {
	if n, ok := c.guessed[name]; ok {
		return n
	}
	bits := storages[c.g.Types[name]].bits
	if bits == 0 {
		bits = 128
	}
	return (total(c.g.Shapes[name])*bits + 7) / 8
}

// isConstant reports whether a tensor depends on constants alone.
func (c *computed) isConstant(name string) bool {
	_, guessed := c.guessed[name]
	return guessed || c.constants[name] != nil || c.kept[name] != nil
}

// add adds what a node makes.
func (c *computed) add(n *pb.NodeProto, bytes int64) error {
	if c.bytes += bytes; c.bytes > c.limit || bytes < 0 {
		return &ConstantsError{title(n), n.GetOpType(), c.bytes, c.limit, ""}
	}
	return nil
}

// growing are operators whose output can be much larger than their inputs.
var growing = []string{"ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Resize", "Tile", "Upsample"}

// branch makes known what a node with bodies makes. A runtime puts the body of
// an If in its place where the condition is constant, and computes no other
// node with bodies beforehand.
func (c *computed) branch(n *pb.NodeProto, bodies [][]int64, depth int) error {
	if n.GetOpType() == "If" && c.folder.node(n, depth) == nil {
		c.g.Nodes = nil
		return nil
	}
	for _, a := range n.GetAttribute() { // of which some may have been looked at
		for _, t := range a.GetG().GetInitializer() {
			c.forget(t.GetName())
		}
		for _, inner := range a.GetG().GetNode() {
			for _, o := range inner.GetOutput() {
				c.forget(o)
			}
		}
	}
	for i, o := range n.GetOutput() {
		c.forget(o)
		if n.GetOpType() != "If" || len(n.GetInput()) != 1 || !c.isConstant(n.Input[0]) {
			continue
		}
		size := int64(-1)
		for _, outputs := range bodies {
			if i < len(outputs) {
				size = max(size, outputs[i])
			}
		}
		if size >= 0 && o != "" {
			c.guessed[o] = size
		}
	}
	return nil
}

// random are operators that a runtime does not compute beforehand.
var random = []string{"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}

// guess bounds what a node makes that cannot be followed, if it is of
// constants.
func (c *computed) guess(n *pb.NodeProto, reason error) error {
	for _, o := range n.GetOutput() {
		c.forget(o)
	}
	in := slices.DeleteFunc(slices.Clone(n.GetInput()), func(name string) bool { return name == "" })
	op := n.GetOpType()
	if slices.ContainsFunc(in, func(name string) bool { return !c.isConstant(name) }) || slices.Contains(random, op) {
		return nil
	}
	bytes := int64(0)
	switch {
	case standard(n.GetDomain()) == "" && slices.Contains(growing, op):
		if len(c.misfits) == maxMisfits {
			return c.unknown(n, reason.Error())
		}
		c.misfits = append(c.misfits, misfit{c.calls, c.values(in), c.unknown(n, reason.Error())})
		return nil
	case len(in) == 0:
		return nil // text, or what no runtime takes
	case op == "Concat" || op == "Sum":
		for _, name := range in {
			bytes += c.size(name)
		}
	case op != "Gather" && slices.Contains(placing, op) || norms[op].infer != nil:
		bytes = c.size(in[0])
	default: // as if each element met each of the others, as in an outer product
		const element = 8 // bytes
		bytes = 1
		for _, name := range in {
			size := max((c.size(name)+element-1)/element, 1)
			if bytes > c.limit/size {
				bytes = c.limit + 1
				break
			}
			bytes *= size
		}
		bytes *= element
	}
	for _, o := range n.GetOutput() {
		if o == "" {
			continue
		}
		c.guessed[o] = bytes
		if err := c.add(n, bytes); err != nil {
			return err
		}
	}
	return nil
}

// values writes what is known of tensors.
func (c *computed) values(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprint(&b, c.g.Types[name], c.g.Shapes[name], c.guessed[name])
		if a, err := c.array(name, 0); err == nil {
			b.WriteString(written(a, ""))
		}
	}
	return b.String()
}

// function looks at a call of a function of the model's own. What it is given
// and gives has other names inside.
func (c *computed) function(n *pb.NodeProto, f *pb.FunctionProto, depth int) error {
	prefix := fmt.Sprintf("%s#%d:", f.GetName(), depth)
	inside := make(map[string]string)
	for i, formal := range f.GetInput() {
		if i < len(n.GetInput()) {
			inside[formal] = n.Input[i]
		}
	}
	var own []string
	rename := func(names []string) []string {
		out := slices.Clone(names)
		for i, name := range out {
			if name == "" {
				continue
			}
			if _, ok := inside[name]; !ok {
				inside[name] = prefix + name
				own = append(own, prefix+name)
			}
			out[i] = inside[name]
		}
		return out
	}
	var nodes []*pb.NodeProto
	for _, x := range f.GetNode() {
		y := shallow(x)
		y.Input, y.Output = rename(x.GetInput()), rename(x.GetOutput())
		nodes = append(nodes, y)
	}
	_, err := c.nodes(nodes, depth+1)
	if err != nil {
		return err
	}
	for i, formal := range f.GetOutput() {
		if i >= len(n.GetOutput()) || n.Output[i] == "" {
			continue
		}
		from, to := inside[formal], n.Output[i]
		c.forget(to)
		if _, ok := c.g.Types[from]; ok {
			c.g.Types[to], c.g.Shapes[to] = c.g.Types[from], c.g.Shapes[from]
		}
		if k := c.constants[from]; k != nil {
			c.constants[to] = k
		}
		if k := c.kept[from]; k != nil {
			c.kept[to] = k
		}
		c.weights[to] = c.weights[from]
		if k, ok := c.guessed[from]; ok {
			c.guessed[to] = k
		}
	}
	for _, name := range own {
		c.forget(name)
	}
	return nil
}
