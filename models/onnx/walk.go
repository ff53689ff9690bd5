package onnx

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Summary is what Walk finds in a model.
type Summary struct {
	IRVersion int64      // version of the file format
	Opsets    []Opset    // sorted by domain
	Producer  string     // name and version of the program that wrote the model
	Inputs    []Value    // of the main graph, in its order, without initialisers
	Outputs   []Value    // of the main graph, in its order
	Operators []Operator // sorted by domain and type; nested graphs and functions included

	Graphs       int   // the main graph and all that are nested in it
	Initializers int   // of all graphs
	Parameters   int64 // elements of all initialisers

	// External lists the tensors whose values lie in other files, in the
	// order of the model. CheckExternal looks at the files.
	External []ExternalTensor

	// BatchDependent lists operators that are known by their type to compute
	// something over the whole batch, so that a row of the result depends on
	// its neighbours; sorted. Of a reduction it does not tell whether it goes
	// over the batch: that needs the meaning of each dimension.
	BatchDependent []string

	// Random lists operators that draw random numbers, or may, sorted: whether
	// what they draw reaches an output it does not tell.
	Random []string
}

// Opset is one operator set that a model relies on.
type Opset struct {
	Domain  string // "" is the standard one
	Version int64
}

// Operator is one type of operator and how many nodes call it.
type Operator struct {
	Domain string // "" is the standard one
	Type   string
	Count  int
}

// Value is the declaration of an input or output.
type Value struct {
	Name string
	// Kind is "tensor", "sparse tensor", "sequence", "map", "optional" or
	// "opaque", or "" if the model does not say.
	Kind  string
	Elem  pb.TensorProto_DataType // of a tensor
	Shape []Dim                   // of a tensor; nil if even the rank is unknown
}

// domains are the operator domains that ONNX Runtime itself implements. The
// first two mean the same.
var domains = []string{"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}

// batchOperators take a statistic over all rows of a batch: the quantising
// ones the range of the activations.
var batchOperators = []string{
	"DynamicQuantizeLinear",
	"DynamicQuantizeLSTM",
	"DynamicQuantizeMatMul",
}

// randomOperators draw other numbers at each run, a seed or not: a runtime goes
// on where it was.
var randomOperators = []string{
	"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
}

// Walk looks at every graph, function, node and tensor of a model and sums it
// up. It refuses operators of domains other than the standard ones, unless the
// model defines them itself by a function; tensors whose values do not fit
// their type and shape; external data that is not a path inside the model's
// folder; inputs or outputs without a name of their own; and constants that
// would come to more than a runtime should be asked for (*ConstantsError).
func Walk(m *pb.ModelProto) (*Summary, error) {
	w := walker{
		sum: &Summary{IRVersion: m.GetIrVersion(), Producer: m.GetProducerName()},
		ops: make(map[operatorID]int),
		own: make(map[operatorID]bool),

		settled: make(map[string]bool),
	}
	if v := m.GetProducerVersion(); v != "" {
		w.sum.Producer += " " + v
	}
	if err := w.model(m); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if err := checkComputed(m, w.bytes); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return w.sum, nil
}

type operatorID struct{ domain, opType string }

type walker struct {
	sum *Summary
	ops map[operatorID]int
	own map[operatorID]bool // operators that the model's functions define

	bytes int64 // of stored tensors
	// settled are the tensors that are made of stored ones alone.
	settled map[string]bool
}

func (w *walker) model(m *pb.ModelProto) error {
	var err error
	if w.sum.Opsets, err = opsets(m.GetOpsetImport()); err != nil {
		return err
	}
	for _, f := range m.GetFunctions() {
		w.own[operatorID{standard(f.GetDomain()), f.GetName()}] = true
	}
	g := m.GetGraph()
	if g == nil {
		return fmt.Errorf("%w: it has no graph", ErrNotModel)
	}
	if err := w.graph(g); err != nil {
		return err
	}
	if n := circle(g); n != nil {
		return fmt.Errorf("node %s (%s): it reads what it makes itself, in a circle of nodes, so that none of them can be first: the file is damaged, or was changed by a program that made a mistake; download or export it again", quote(n.GetName()), quote(n.GetOpType()))
	}
	for _, f := range m.GetFunctions() {
		if err := w.function(f); err != nil {
			return fmt.Errorf("function %s: %w", quote(f.GetName()), err)
		}
	}
	for i, t := range m.GetTrainingInfo() {
		for _, g := range []*pb.GraphProto{t.GetInitialization(), t.GetAlgorithm()} {
			if g == nil {
				continue
			}
			if err := w.graph(g); err != nil {
				return fmt.Errorf("training_info %d: %w", i, err)
			}
		}
	}

	initial := make(map[string]bool, len(g.GetInitializer()))
	for _, t := range g.GetInitializer() {
		initial[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		initial[t.GetValues().GetName()] = true
	}
	fed := slices.DeleteFunc(slices.Clone(g.GetInput()), func(v *pb.ValueInfoProto) bool { return initial[v.GetName()] })
	if w.sum.Inputs, err = values(fed); err != nil {
		return fmt.Errorf("input %w", err)
	}
	if w.sum.Outputs, err = values(g.GetOutput()); err != nil {
		return fmt.Errorf("output %w", err)
	}

	for id, n := range w.ops {
		w.sum.Operators = append(w.sum.Operators, Operator{id.domain, id.opType, n})
	}
	slices.SortFunc(w.sum.Operators, func(a, b Operator) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Type, b.Type))
	})
	slices.Sort(w.sum.BatchDependent)
	w.sum.BatchDependent = slices.Compact(w.sum.BatchDependent)
	slices.Sort(w.sum.Random)
	w.sum.Random = slices.Compact(w.sum.Random)
	return nil
}

func (w *walker) graph(g *pb.GraphProto) error {
	w.sum.Graphs++
	for _, t := range g.GetInitializer() {
		if t.GetName() == "" {
			return fmt.Errorf("an initializer has no name")
		}
		if err := w.initializer(t); err != nil {
			return fmt.Errorf("initializer %s: %w", quote(t.GetName()), err)
		}
	}
	for _, t := range g.GetSparseInitializer() {
		if err := w.initializer(t.GetValues()); err != nil {
			return fmt.Errorf("sparse_initializer %s: %w", quote(t.GetValues().GetName()), err)
		}
		if err := w.sparse(t); err != nil {
			return fmt.Errorf("sparse_initializer %s: %w", quote(t.GetValues().GetName()), err)
		}
	}
	return w.nodes(g.GetNode())
}

func (w *walker) initializer(t *pb.TensorProto) error {
	if err := w.tensor(t); err != nil {
		return err
	}
	n, err := elements(t.GetDims())
	if err != nil {
		return err
	}
	w.sum.Initializers++
	w.settled[t.GetName()] = true
	if w.sum.Parameters += n; w.sum.Parameters > maxElements {
		return fmt.Errorf("the model has more than 2^48 parameters")
	}
	return nil
}

func (w *walker) function(f *pb.FunctionProto) error {
	if f.GetName() == "" {
		return fmt.Errorf("it has no name")
	}
	if _, err := opsets(f.GetOpsetImport()); err != nil {
		return err
	}
	for _, a := range f.GetAttributeProto() {
		if err := w.attribute(a); err != nil {
			return fmt.Errorf("attribute %s: %w", quote(a.GetName()), err)
		}
	}
	// Its names are its own.
	outside := w.settled
	w.settled = make(map[string]bool)
	defer func() { w.settled = outside }()
	return w.nodes(f.GetNode())
}

func (w *walker) nodes(nodes []*pb.NodeProto) error {
	for i, n := range nodes {
		if err := w.node(n); err != nil {
			name := n.GetName()
			if name == "" && len(n.GetOutput()) > 0 {
				name = n.GetOutput()[0]
			}
			return fmt.Errorf("node %d %s (%s): %w", i, quote(name), quote(n.GetOpType()), err)
		}
	}
	return nil
}

func (w *walker) node(n *pb.NodeProto) error {
	id := operatorID{standard(n.GetDomain()), n.GetOpType()}
	if id.opType == "" {
		return fmt.Errorf("it has no op_type")
	}
	if !slices.Contains(domains, id.domain) && !w.own[id] {
		return fmt.Errorf("operator domain %s is not supported: only the standard operators, ai.onnx.ml and com.microsoft are, and functions of the model's own", quote(id.domain))
	}
	// ONNX Runtime 1.32 ends the process when it loads such a node.
	if in := n.GetInput(); id == (operatorID{"", "LayerNormalization"}) && len(in) > 0 && in[len(in)-1] == "" {
		return fmt.Errorf("its last input has no name: an input that is left out at the end must not be listed; export the model again without it")
	}
	w.ops[id]++
	if !w.own[id] { // else its function tells
		w.batch(n)
	}
	if settled := func(name string) bool { return name == "" || w.settled[name] }; !slices.ContainsFunc(n.GetInput(), func(name string) bool { return !settled(name) }) {
		for _, name := range n.GetOutput() {
			w.settled[name] = name != ""
		}
	}
	for _, a := range n.GetAttribute() {
		if err := w.attribute(a); err != nil {
			return fmt.Errorf("attribute %s: %w", quote(a.GetName()), err)
		}
	}
	return nil
}

// batch notes a node that computes something over the whole batch.
func (w *walker) batch(n *pb.NodeProto) {
	switch op := n.GetOpType(); {
	case slices.Contains(batchOperators, op):
		w.sum.BatchDependent = append(w.sum.BatchDependent, op)
	case op == "BatchNormalization" && trains(n) && !(len(n.GetInput()) > 0 && w.settled[n.Input[0]]):
		w.sum.BatchDependent = append(w.sum.BatchDependent, "BatchNormalization (training_mode)")
	case slices.Contains(randomOperators, op):
		w.sum.Random = append(w.sum.Random, op)
	case op == "Dropout" && len(n.GetInput()) > 2 && n.GetInput()[2] != "":
		w.sum.Random = append(w.sum.Random, "Dropout (training_mode)")
	}
}

// trains tells whether a BatchNormalization takes its statistics from the
// batch. From operator set 14 on an attribute says so; before that, the
// statistics being outputs does.
func trains(n *pb.NodeProto) bool {
	for _, a := range n.GetAttribute() {
		if a.GetName() == "training_mode" && a.GetI() != 0 {
			return true
		}
	}
	outputs := slices.DeleteFunc(slices.Clone(n.GetOutput()), func(name string) bool { return name == "" })
	return len(outputs) > 1
}

func (w *walker) attribute(a *pb.AttributeProto) error {
	tensors := a.GetTensors()
	if a.GetT() != nil {
		tensors = append([]*pb.TensorProto{a.GetT()}, tensors...)
	}
	for _, t := range tensors {
		if err := w.tensor(t); err != nil {
			return err
		}
	}
	sparse := a.GetSparseTensors()
	if a.GetSparseTensor() != nil {
		sparse = append([]*pb.SparseTensorProto{a.GetSparseTensor()}, sparse...)
	}
	for _, t := range sparse {
		if err := w.tensor(t.GetValues()); err != nil {
			return err
		}
		if err := w.sparse(t); err != nil {
			return err
		}
	}
	graphs := a.GetGraphs()
	if a.GetG() != nil {
		graphs = append([]*pb.GraphProto{a.GetG()}, graphs...)
	}
	for _, g := range graphs {
		if err := w.graph(g); err != nil {
			return err
		}
	}
	return nil
}

// sparse looks at all of a sparse tensor but its values.
func (w *walker) sparse(t *pb.SparseTensorProto) error {
	if _, err := elements(t.GetDims()); err != nil {
		return err
	}
	if t.GetIndices() == nil {
		return fmt.Errorf("the sparse tensor has no indices")
	}
	return w.tensor(t.GetIndices())
}

func (w *walker) tensor(t *pb.TensorProto) error {
	if n, err := elements(t.GetDims()); err == nil {
		w.bytes += n * max(storages[pb.TensorProto_DataType(t.GetDataType())].bits, 8) / 8
	}
	if t.GetDataLocation() != pb.TensorProto_EXTERNAL {
		return checkValues(t)
	}
	x, err := external(t)
	if err != nil {
		return err
	}
	w.sum.External = append(w.sum.External, x)
	return nil
}

// opsets returns the operator sets of a list, one a domain.
func opsets(list []*pb.OperatorSetIdProto) ([]Opset, error) {
	var out []Opset
	for _, o := range list {
		d := standard(o.GetDomain())
		if o.GetVersion() < 1 {
			return nil, fmt.Errorf("opset_import: domain %s: version is %d", quote(d), o.GetVersion())
		}
		if i := slices.IndexFunc(out, func(x Opset) bool { return x.Domain == d }); i < 0 {
			out = append(out, Opset{d, o.GetVersion()})
		} else if out[i].Version != o.GetVersion() {
			return nil, fmt.Errorf("opset_import: domain %s: versions %d and %d", quote(d), out[i].Version, o.GetVersion())
		}
	}
	slices.SortFunc(out, func(a, b Opset) int { return cmp.Compare(a.Domain, b.Domain) })
	return out, nil
}

// StandardOpset returns the version of the standard operator set that a model
// imports, 0 if it imports none.
func StandardOpset(m *pb.ModelProto) int64 {
	for _, o := range m.GetOpsetImport() {
		if standard(o.GetDomain()) == "" {
			return o.GetVersion()
		}
	}
	return 0
}

// values reads the declarations of a graph's inputs or outputs. Its errors
// start with the name of the value.
func values(list []*pb.ValueInfoProto) ([]Value, error) {
	var out []Value
	seen := make(map[string]bool, len(list))
	for i, v := range list {
		if v.GetName() == "" {
			return nil, fmt.Errorf("%d: it has no name", i)
		}
		if seen[v.GetName()] {
			return nil, fmt.Errorf("%s: declared twice", quote(v.GetName()))
		}
		seen[v.GetName()] = true
		x := Value{Name: v.GetName()}
		switch t := v.GetType().GetValue().(type) {
		case nil:
		case *pb.TypeProto_TensorType:
			x.Kind, x.Elem = "tensor", pb.TensorProto_DataType(t.TensorType.GetElemType())
			for j, d := range t.TensorType.GetShape().GetDim() {
				dim := Dim{Size: -1, Name: d.GetDimParam()}
				if v, ok := d.GetValue().(*pb.TensorShapeProto_Dimension_DimValue); ok {
					if dim.Size = v.DimValue; dim.Size < -1 { // some exporters write -1 for an open one
						return nil, fmt.Errorf("%s: dimension %d is %d", quote(x.Name), j, dim.Size)
					}
				}
				x.Shape = append(x.Shape, dim)
			}
			if x.Shape == nil && t.TensorType.GetShape() != nil {
				x.Shape = []Dim{} // a scalar
			}
		case *pb.TypeProto_SparseTensorType:
			x.Kind = "sparse tensor"
		case *pb.TypeProto_SequenceType:
			x.Kind = "sequence"
		case *pb.TypeProto_MapType:
			x.Kind = "map"
		case *pb.TypeProto_OptionalType:
			x.Kind = "optional"
		case *pb.TypeProto_OpaqueType:
			x.Kind = "opaque"
		default:
			return nil, fmt.Errorf("%s: unknown type", quote(x.Name))
		}
		out = append(out, x)
	}
	return out, nil
}

// standard returns the short name of a domain.
func standard(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// quote quotes a name for a message; names in a hostile file may be long.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
