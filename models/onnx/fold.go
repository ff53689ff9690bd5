package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
	// maxWork bounds the elements that are read and written when constants are
	// computed. Shape arithmetic needs some thousands, the causal mask of a
	// language model some hundred thousand, the table of relative positions of
	// BEiT some millions. What is larger stays a node. What has been computed
	// once is not computed again: layers repeat it.
	maxWork = 1 << 21
	// smallWork is how many elements a node may read and write to count among
	// the small ones, which have as much again: shapes must be known, whatever
	// large constants came before.
	smallWork = 1 << 10
	// maxRank bounds the dimensions of a tensor.
	maxRank = 64
	// maxReach bounds how many nodes back a value that a shape needs is looked
	// for among the nodes that stay.
	maxReach = 64
	// maxBodies bounds how deep bodies of If are nested.
	maxBodies = 8
)

// constant is a tensor that is known: stored in the file, or computed.
type constant struct {
	name   string          // of the stored tensor that it is, "" if it was computed
	stored *pb.TensorProto // nil if it was computed
	array  *array          // nil until it is computed with
}

type folder struct {
	g         *Graph
	constants map[string]*constant
	weights   map[string]bool          // weights, and what is computed from them alone
	kept      map[string]*pb.NodeProto // nodes of constants that stay nodes, by output
	seen      map[string]*array        // what a shape needed of them
	own       map[string]bool          // operators that the model's functions define
	within    map[string]bool          // stored tensors that Constant nodes hold

	work  int64 // elements that were read and written by nodes that are not small
	small int64 // and by those that are
	most  int64 // of each at all, 0: maxWork
	each  int64 // and of one node, 0: as many as are left
	known known
}

func fold(m *pb.ModelProto, shapes map[string][]int64) (*folder, error) {
	f := &folder{
		g: &Graph{
			Constants: make(map[string]*Tensor), Shapes: make(map[string][]int64), Types: make(map[string]pb.TensorProto_DataType),
			Stored: make(map[string]string), Domains: make(map[string]int64), inner: make(map[string]bool),
		},
		constants: make(map[string]*constant),
		weights:   make(map[string]bool),
		kept:      make(map[string]*pb.NodeProto),
		seen:      make(map[string]*array),
		own:       make(map[string]bool),
		within:    make(map[string]bool),
	}
	sets, err := opsets(m.GetOpsetImport())
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		if s.Domain == "" {
			f.g.Opset = s.Version
		} else {
			f.g.Domains[s.Domain] = s.Version
		}
	}
	if f.g.Opset < minOpset || f.g.Opset > maxOpset {
		return nil, fmt.Errorf("operator set %d: %d to %d are supported", f.g.Opset, minOpset, maxOpset)
	}
	for _, fn := range m.GetFunctions() {
		f.own[operatorKey(fn.GetDomain(), fn.GetName())] = true
	}
	g := m.GetGraph()
	if g == nil {
		return nil, fmt.Errorf("%w: it has no graph", ErrNotModel)
	}
	if err := f.initializers(g); err != nil {
		return nil, err
	}
	if err := f.inputs(g, shapes); err != nil {
		return nil, err
	}
	if err := f.nodes(g.GetNode(), 0); err != nil {
		return nil, err
	}
	for _, o := range g.GetOutput() {
		if _, ok := f.g.Types[o.GetName()]; !ok {
			return nil, fmt.Errorf("output %s: no node makes it", quote(o.GetName()))
		}
		f.g.Outputs = append(f.g.Outputs, o.GetName())
	}
	f.finish()
	return f, nil
}

// define makes a tensor known.
func (f *folder) define(name string, v value) error {
	if name == "" {
		return fmt.Errorf("a tensor has no name")
	}
	if _, ok := f.g.Types[name]; ok {
		return fmt.Errorf("tensor %s is made twice", quote(name))
	}
	if len(v.dims) > maxRank {
		return fmt.Errorf("tensor %s: %d dimensions, more than %d", quote(name), len(v.dims), maxRank)
	}
	if _, err := elements(v.dims); err != nil {
		return fmt.Errorf("tensor %s: %w", quote(name), err)
	}
	if v.dims == nil {
		v.dims = []int64{}
	}
	f.g.Types[name], f.g.Shapes[name] = v.elem, v.dims
	return nil
}

// store makes a tensor of the file known under a name.
func (f *folder) store(name string, t *pb.TensorProto) error {
	if t.GetDataLocation() != pb.TensorProto_EXTERNAL {
		if err := checkValues(t); err != nil {
			return err
		}
	}
	v := value{pb.TensorProto_DataType(t.GetDataType()), t.GetDims()}
	if err := f.define(name, v); err != nil {
		return err
	}
	f.constants[name] = &constant{name: name, stored: t}
	f.weights[name] = isFloat(v.elem) && total(v.dims) != 1
	return nil
}

func (f *folder) initializers(g *pb.GraphProto) error {
	for _, t := range g.GetInitializer() {
		if err := f.store(t.GetName(), t); err != nil {
			return fmt.Errorf("initializer %s: %w", quote(t.GetName()), err)
		}
	}
	if len(g.GetSparseInitializer()) > 0 {
		return fmt.Errorf("initializer %s: sparse tensors are not supported", quote(g.SparseInitializer[0].GetValues().GetName()))
	}
	return nil
}

func (f *folder) inputs(g *pb.GraphProto, shapes map[string][]int64) error {
	fed := slices.DeleteFunc(slices.Clone(g.GetInput()), func(v *pb.ValueInfoProto) bool { return f.constants[v.GetName()] != nil })
	declared, err := values(fed)
	if err != nil {
		return fmt.Errorf("input %w", err)
	}
	for _, v := range declared {
		if v.Kind != "tensor" || v.Elem == pb.TensorProto_UNDEFINED {
			return fmt.Errorf("input %s: it must be a tensor of a declared type", quote(v.Name))
		}
		dims, given := shapes[v.Name]
		if given && v.Shape != nil && len(dims) != len(v.Shape) {
			return fmt.Errorf("input %s: shape %v is given, the model declares %d dimensions", quote(v.Name), clip(dims), len(v.Shape))
		}
		if !given {
			if v.Shape == nil {
				return fmt.Errorf("input %s: the model does not declare its shape; give one", quote(v.Name))
			}
			for i, d := range v.Shape {
				if d.Size < 0 {
					return fmt.Errorf("input %s: dimension %d is not fixed; give its shape", quote(v.Name), i)
				}
				dims = append(dims, d.Size)
			}
		}
		if err := f.define(v.Name, value{v.Elem, slices.Clone(dims)}); err != nil {
			return fmt.Errorf("input %w", err)
		}
		f.g.Inputs = append(f.g.Inputs, v.Name)
	}
	for name := range shapes {
		if !slices.Contains(f.g.Inputs, name) {
			return fmt.Errorf("shape of %s: the model has no such input", quote(name))
		}
	}
	return nil
}

func (f *folder) nodes(nodes []*pb.NodeProto, depth int) error {
	for i, n := range nodes {
		if err := f.node(n, depth); err != nil {
			name := n.GetName()
			if name == "" && len(n.GetOutput()) > 0 {
				name = n.GetOutput()[0]
			}
			return fmt.Errorf("node %d %s (%s): %w", i, quote(name), quote(n.GetOpType()), err)
		}
	}
	return nil
}

// operatorKey is where an operator stands in the table.
func operatorKey(domain, opType string) string {
	if domain = standard(domain); domain != "" {
		return domain + ":" + opType
	}
	return opType
}

// RandomError says that an operator draws random numbers: what depends on them
// is something else each time.
type RandomError struct{ Operator string }

func (e *RandomError) Error() string { return "the operator draws random numbers" }

func (f *folder) node(n *pb.NodeProto, depth int) error {
	for i, name := range n.GetInput() {
		if _, ok := f.g.Types[name]; name != "" && !ok {
			return fmt.Errorf("input %d %s: no node before makes it", i, quote(name))
		}
	}
	key := operatorKey(n.GetDomain(), n.GetOpType())
	switch key {
	case "Constant":
		return f.constantNode(n)
	case "If":
		return f.branch(n, depth)
	}
	if define := fused[key]; define != nil && !f.own[key] {
		err := f.apart(n, define, depth)
		if _, known := operators[key]; !known || !errors.As(err, new(*formError)) {
			return err
		}
		// A standard one in another form stays as it is.
	}
	op, ok := operators[key]
	switch {
	case f.own[key]:
		return fmt.Errorf("the operator is a function of the model's own, which is not supported; inline the model's functions")
	case !ok && standard(n.GetDomain()) == "" && slices.Contains(randomOperators, n.GetOpType()):
		return &RandomError{n.GetOpType()}
	case !ok && slices.Contains([]string{"com.microsoft.nchwc", "com.ms.internal.nhwc"}, n.GetDomain()) || key == "com.microsoft:NhwcConv" || key == "com.microsoft:NhwcFusedConv":
		return fmt.Errorf("the operator is not supported: it has tensors in the layout of one kind of processor, and ONNX Runtime's optimiser put it there; use the model from before it was optimised, or one that was optimised without layouts (basic or extended)")
	case !ok && standard(n.GetDomain()) == "com.microsoft":
		return fmt.Errorf("the operator is not supported: ONNX Runtime's optimiser put it there; use the model from before it was optimised")
	case !ok:
		return fmt.Errorf("the operator is not supported")
	}
	c := &call{f, n}
	for i := range op.least {
		if !c.has(i) {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	out, err := op.infer(c)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" }) {
		return fmt.Errorf("it has no output")
	}
	if len(n.Output) > len(out) {
		return fmt.Errorf("%d outputs, more than %d", len(n.Output), len(out))
	}
	for i, name := range n.Output {
		if name == "" {
			continue
		}
		if err := f.define(name, out[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	if f.alias(n, key) {
		return nil
	}
	if f.settled(n, key) {
		if !f.keeps(n) {
			if values, err := f.evaluate(n, op, 0); err == nil {
				for i, name := range n.Output {
					if name != "" {
						f.constants[name] = &constant{array: values[i]}
					}
				}
				return nil
			}
		}
		// It is a constant, but one that stays to be computed.
		for _, name := range n.Output {
			f.kept[name], f.weights[name] = n, true
		}
	}
	f.g.Nodes = append(f.g.Nodes, n)
	return nil
}

// settled tells whether a node's result does not depend on what is fed.
func (f *folder) settled(n *pb.NodeProto, key string) bool {
	switch key {
	case "Shape", "Size":
		return true // the shape is known
	case "RandomNormal", "RandomUniform":
		return false
	}
	for _, name := range n.GetInput() {
		if name != "" && f.constants[name] == nil && f.kept[name] == nil {
			return false
		}
	}
	return true
}

// keeps tells whether a node of constants must stay since it makes floats from
// a weight.
func (f *folder) keeps(n *pb.NodeProto) bool {
	switch n.GetOpType() {
	case "Shape", "Size":
		return false
	}
	from := slices.ContainsFunc(n.GetInput(), func(name string) bool { return f.weights[name] })
	return from && slices.ContainsFunc(n.GetOutput(), func(name string) bool { return name != "" && isFloat(f.g.Types[name]) })
}

// alias makes the output of Identity, or of a Cast that loses nothing, the
// stored tensor itself.
func (f *folder) alias(n *pb.NodeProto, key string) bool {
	if key != "Identity" && key != "Cast" {
		return false
	}
	from, to := n.Input[0], n.Output[0]
	c := f.constants[from]
	if c == nil || c.stored == nil {
		return false
	}
	elem, was := f.g.Types[to], f.g.Types[from]
	if elem != was && !(elem == pb.TensorProto_FLOAT && (was == pb.TensorProto_FLOAT16 || was == pb.TensorProto_BFLOAT16)) {
		return false
	}
	f.constants[to] = c
	f.weights[to] = f.weights[from]
	return true
}

// evaluate returns the values of a node of constants.
func (f *folder) evaluate(n *pb.NodeProto, op operator, reach int) ([]*array, error) {
	if op.evaluate == nil {
		return nil, fmt.Errorf("%s of constants is not computed", n.GetOpType())
	}
	key := f.computation(n)
	if values := f.known.results[key]; values != nil {
		return values, nil
	}
	out := make([]value, len(n.Output))
	work := int64(16)
	for i, name := range n.Output {
		if name == "" {
			return nil, fmt.Errorf("output %d is left out", i)
		}
		out[i] = value{f.g.Types[name], f.g.Shapes[name]}
		work = min(work+total(out[i].dims), maxWork+1)
	}
	in := make([]*array, len(n.GetInput()))
	for i, name := range n.GetInput() {
		switch {
		case name == "":
			continue
		case n.GetOpType() == "Shape" || n.GetOpType() == "Size":
			continue // their input has no values
		}
		work = min(work+total(f.g.Shapes[name]), maxWork+1)
		if !f.affords(work) {
			return nil, errTooLarge
		}
		var err error
		if in[i], err = f.array(name, reach+1); err != nil {
			return nil, err
		}
	}
	if !f.affords(work) {
		return nil, errTooLarge
	}
	f.spend(work)
	values, err := op.evaluate(&call{f, n}, in, out)
	if err == nil {
		f.known.keep(key, values)
	}
	return values, err
}

// affords reports whether that many elements more may be read and written.
func (f *folder) affords(work int64) bool {
	if f.each > 0 && work > f.each {
		return false
	}
	if work <= smallWork {
		return f.small+work <= f.bound()
	}
	return f.work+work <= f.bound()
}

func (f *folder) spend(work int64) {
	if work <= smallWork {
		f.small += work
	} else {
		f.work += work
	}
}

// bound is how many elements may be read and written.
func (f *folder) bound() int64 {
	if f.most > 0 {
		return f.most
	}
	return maxWork
}

// array returns the values of a constant, also of one that stays a node.
func (f *folder) array(name string, reach int) (*array, error) {
	if c := f.constants[name]; c != nil {
		if c.array == nil {
			work := total(f.g.Shapes[name])
			if !f.affords(work) {
				return nil, errTooLarge
			}
			f.spend(work)
			var err error
			if c.array, err = arrayOf(c.stored); err != nil {
				return nil, err
			}
		}
		a := *c.array
		a.elem = f.g.Types[name] // an alias may have another
		return &a, nil
	}
	n := f.kept[name]
	if n == nil || reach > maxReach {
		return nil, errNotConstant
	}
	if a := f.seen[name]; a != nil {
		return a, nil
	}
	values, err := f.evaluate(n, operators[operatorKey(n.GetDomain(), n.GetOpType())], reach)
	if err != nil {
		return nil, err
	}
	for i, o := range n.Output {
		f.seen[o] = values[i]
	}
	return f.seen[name], nil
}

// constantNode makes the value of a Constant known.
func (f *folder) constantNode(n *pb.NodeProto) error {
	if len(n.GetOutput()) != 1 {
		return fmt.Errorf("%d outputs, not one", len(n.GetOutput()))
	}
	for _, a := range n.GetAttribute() {
		var v *array
		switch a.GetName() {
		case "value":
			f.within[n.Output[0]] = true
			return f.store(n.Output[0], a.GetT())
		case "value_float":
			v = &array{value: value{pb.TensorProto_FLOAT, []int64{}}, f: []float64{float64(a.GetF())}}
		case "value_int":
			v = &array{value: value{pb.TensorProto_INT64, []int64{}}, i: []int64{a.GetI()}}
		case "value_floats":
			v = newArray(value{pb.TensorProto_FLOAT, []int64{int64(len(a.GetFloats()))}})
			for i, x := range a.GetFloats() {
				v.f[i] = float64(x)
			}
		case "value_ints":
			v = &array{value: value{pb.TensorProto_INT64, []int64{int64(len(a.GetInts()))}}, i: slices.Clone(a.GetInts())}
			if v.i == nil {
				v.i = []int64{}
			}
		default:
			continue
		}
		if err := f.define(n.Output[0], v.value); err != nil {
			return err
		}
		f.constants[n.Output[0]] = &constant{array: v}
		return nil
	}
	return fmt.Errorf("it has no value that is supported")
}

// branch puts the branch of an If whose condition is constant in its place.
func (f *folder) branch(n *pb.NodeProto, depth int) error {
	if depth >= maxBodies {
		return fmt.Errorf("bodies are nested more than %d deep", maxBodies)
	}
	c := &call{f, n}
	if !c.has(0) {
		return fmt.Errorf("input 0 is missing")
	}
	condition, err := c.number(0)
	if err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	name := "else_branch"
	if condition != 0 {
		name = "then_branch"
	}
	body := c.attribute(name).GetG()
	if body == nil {
		return fmt.Errorf("it has no %s", name)
	}
	if len(body.GetOutput()) != len(n.GetOutput()) {
		return fmt.Errorf("%s has %d outputs, the node %d", name, len(body.GetOutput()), len(n.GetOutput()))
	}
	if err := f.initializers(body); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := f.nodes(body.GetNode(), depth+1); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, inner := range body.GetNode() {
		for _, o := range inner.GetOutput() {
			f.g.inner[o] = true
		}
	}
	for i, o := range n.Output {
		if err := f.node(Node("Identity", []string{body.Output[i].GetName()}, []string{o}), depth+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// finish keeps of the nodes those that the outputs need, and of the constants
// those that nodes or outputs use.
func (f *folder) finish() {
	used := make(map[string]bool)
	for _, o := range f.g.Outputs {
		used[o] = true
	}
	keep := make([]*pb.NodeProto, 0, len(f.g.Nodes))
	for _, n := range slices.Backward(f.g.Nodes) {
		if !slices.ContainsFunc(n.Output, func(o string) bool { return o != "" && used[o] }) {
			continue
		}
		keep = append(keep, n)
		for _, name := range n.GetInput() {
			if name != "" {
				used[name] = true
			}
		}
	}
	slices.Reverse(keep)
	f.g.Nodes = keep
	made := maps.Clone(used)
	for _, name := range f.g.Inputs {
		made[name] = true
	}
	for _, n := range keep {
		for _, o := range n.Output {
			made[o] = true
		}
	}
	for name := range f.g.Types {
		if !made[name] {
			delete(f.g.Types, name)
			delete(f.g.Shapes, name)
		}
	}
	for name, c := range f.constants {
		if !used[name] {
			continue
		}
		f.g.Constants[name] = &Tensor{Type: f.g.Types[name], Dims: f.g.Shapes[name]}
		if c.stored != nil {
			f.g.Stored[name] = c.name
		}
	}
	f.g.buffers, f.g.asides = f.buffersOf()
}

// values fills in the values of the constants.
func (f *folder) values() error {
	read := make(map[*constant]*Tensor)
	for _, name := range slices.Sorted(maps.Keys(f.g.Constants)) {
		c, t := f.constants[name], f.g.Constants[name]
		if c.stored == nil {
			*t = *c.array.tensor()
			continue
		}
		v := read[c]
		if v == nil {
			var err error
			if v, err = readTensor(c.stored); err != nil {
				return fmt.Errorf("tensor %s: %w", quote(name), err)
			}
			read[c] = v
		}
		t.F32, t.I64, t.I32, t.Bool = v.F32, v.I64, v.I32, v.Bool
	}
	return nil
}
