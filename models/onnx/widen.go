package onnx

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Widen returns m with float32 where it computes in float16 or bfloat16, and
// whether there was any. What is stored stays as it is, and becomes float32 by
// a Cast behind it. Inputs and outputs are float32 as well. What was rounded in
// between no longer is: the result is nearer to the model that the file was
// made from. m is not changed.
func Widen(m *pb.ModelProto) (*pb.ModelProto, bool) {
	if m.GetGraph() == nil {
		return m, false
	}
	w := &widening{taken: make(map[string]bool), used: make(map[string]bool)}
	w.uses(m.GetGraph())
	taken(m.GetGraph(), w.taken, make(map[string]bool))
	g := w.graph(m.GetGraph(), nil)
	if !w.changed {
		return m, false
	}
	out := shallow(m)
	out.Graph = g
	return out, true
}

// widening is what is known while a model is made wider.
type widening struct {
	taken   map[string]bool
	used    map[string]bool // tensors that something reads that is no Cast to float32
	changed bool
}

// uses fills in used.
func (w *widening) uses(g *pb.GraphProto) {
	for _, n := range g.GetNode() {
		if n.GetOpType() == "Cast" && slices.ContainsFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.GetName() == "to" && a.GetI() == single }) {
			continue
		}
		for _, in := range n.GetInput() {
			w.used[in] = true
		}
		for _, a := range n.GetAttribute() {
			for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
				w.uses(body)
			}
		}
	}
	for _, v := range g.GetOutput() {
		w.used[v.GetName()] = true
	}
}

// isNarrow tells whether a type is a float of two bytes.
func isNarrow(elem int32) bool {
	return elem == int32(pb.TensorProto_FLOAT16) || elem == int32(pb.TensorProto_BFLOAT16)
}

const single = int64(pb.TensorProto_FLOAT)

// graph widens a graph; around has the names of what the graphs around it store
// and have widened.
func (w *widening) graph(g *pb.GraphProto, around map[string]string) *pb.GraphProto {
	renamed := maps.Clone(around)
	if renamed == nil {
		renamed = make(map[string]string)
	}
	out := shallow(g)
	out.Node = nil
	stored := func(name string) {
		if !w.used[name] {
			return
		}
		to := unique(name, w.taken)
		renamed[name] = to
		w.changed = true
		out.Node = append(out.Node, Node("Cast", []string{name}, []string{to}, IntAttribute("to", single)))
	}
	defaults := make(map[string]bool)
	for _, t := range g.GetInitializer() {
		delete(renamed, t.GetName()) // its own, if that around it has one too
		if isNarrow(t.GetDataType()) {
			stored(t.GetName())
			defaults[t.GetName()] = renamed[t.GetName()] != ""
		}
	}
	for _, t := range g.GetSparseInitializer() {
		if isNarrow(t.GetValues().GetDataType()) {
			stored(t.GetValues().GetName())
		}
	}
	// A default that could be fed is what it is.
	out.Input = slices.DeleteFunc(slices.Clone(g.GetInput()), func(v *pb.ValueInfoProto) bool { return defaults[v.GetName()] })
	out.Input, out.Output, out.ValueInfo = w.values(out.Input), w.values(g.GetOutput()), w.values(g.GetValueInfo())
	list := func(in []string) []string {
		in = slices.Clone(in)
		for i, name := range in {
			if to := renamed[name]; to != "" {
				in[i] = to
			}
		}
		return in
	}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			delete(renamed, o)
		}
		c := shallow(n)
		c.Input = list(n.GetInput())
		c.Attribute = w.attributes(n, renamed)
		out.Node = append(out.Node, c)
		if v := slices.IndexFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.GetName() == "value" && isNarrow(a.GetT().GetDataType()) }); n.GetOpType() == "Constant" && v >= 0 && len(n.GetOutput()) == 1 {
			stored(n.Output[0])
		}
	}
	if around != nil { // what a body stores and gives
		for i, v := range out.Output {
			if to := renamed[v.GetName()]; to != "" {
				out.Output[i] = shallow(v)
				out.Output[i].Name = proto.String(to)
			}
		}
	}
	return out
}

// values widens declarations.
func (w *widening) values(in []*pb.ValueInfoProto) []*pb.ValueInfoProto {
	in = slices.Clone(in)
	for i, v := range in {
		if !isNarrow(v.GetType().GetTensorType().GetElemType()) {
			continue
		}
		w.changed = true
		in[i] = proto.Clone(v).(*pb.ValueInfoProto)
		in[i].GetType().GetTensorType().ElemType = proto.Int32(int32(single))
	}
	return in
}

// attributes widens what a node's attributes say: types, values and bodies.
func (w *widening) attributes(n *pb.NodeProto, renamed map[string]string) []*pb.AttributeProto {
	all := slices.Clone(n.GetAttribute())
	for i, a := range all {
		name := a.GetName()
		switch {
		case (name == "to" || name == "dtype" || name == "output_dtype" || name == "stash_type") && isNarrow(int32(a.GetI())):
			all[i] = shallow(a)
			all[i].I = proto.Int64(single)
			w.changed = true
		case name == "value" && n.GetOpType() == "ConstantOfShape" && isNarrow(a.GetT().GetDataType()):
			v, err := arrayOf(a.GetT())
			if err != nil {
				continue
			}
			t := shallow(a.GetT())
			t.DataType, t.RawData, t.Int32Data, t.FloatData = proto.Int32(int32(single)), nil, nil, nil
			for _, x := range v.f {
				t.FloatData = append(t.FloatData, float32(x))
			}
			all[i] = shallow(a)
			all[i].T = t
			w.changed = true
		case a.G != nil || len(a.Graphs) > 0:
			all[i] = shallow(a)
			if a.G != nil {
				all[i].G = w.graph(a.G, renamed)
			}
			all[i].Graphs = slices.Clone(a.Graphs)
			for k, body := range a.Graphs {
				all[i].Graphs[k] = w.graph(body, renamed)
			}
		}
	}
	return all
}
