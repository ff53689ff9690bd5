package onnx

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// Append returns m with the nodes, initialisers and outputs of part behind its
// own. What part makes and stores is its own; all else that its nodes read must
// be a tensor of m, under m's name. Names of part that m has already get a
// number behind them, names of nodes too; the map has the new name of every
// tensor of part. m and part are not changed; the result shares with m what it
// can.
func Append(m *pb.ModelProto, part *pb.GraphProto) (*pb.ModelProto, map[string]string, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	imported := map[string]bool{}
	for _, o := range m.GetOpsetImport() {
		imported[standard(o.GetDomain())] = true
	}
	tensors, nodes := make(map[string]bool), make(map[string]bool)
	taken(g, tensors, nodes)
	known := make(map[string]bool) // tensors of m that part can read
	for _, v := range g.GetInput() {
		known[v.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		known[t.GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			known[o] = true
		}
	}

	out := shallow(m)
	out.Graph = shallow(g)
	names := make(map[string]string)
	own := func(name string) error {
		if name == "" {
			return fmt.Errorf("onnx: append: a tensor has no name")
		}
		if names[name] != "" {
			return fmt.Errorf("onnx: append: tensor %s is made twice", quote(name))
		}
		names[name] = unique(name, tensors)
		return nil
	}
	out.Graph.Initializer = append([]*pb.TensorProto(nil), g.GetInitializer()...)
	for _, t := range part.GetInitializer() {
		if err := own(t.GetName()); err != nil {
			return nil, nil, err
		}
		t = shallow(t)
		t.Name = proto.String(names[t.GetName()])
		out.Graph.Initializer = append(out.Graph.Initializer, t)
	}
	out.Graph.Node = append([]*pb.NodeProto(nil), g.GetNode()...)
	for _, n := range part.GetNode() {
		if !imported[standard(n.GetDomain())] {
			return nil, nil, fmt.Errorf("onnx: append: node %s: the model imports no operator set of domain %s", quote(n.GetName()), quote(n.GetDomain()))
		}
		for _, a := range n.GetAttribute() {
			if a.G != nil || a.Graphs != nil {
				return nil, nil, fmt.Errorf("onnx: append: node %s (%s): it has a body", quote(n.GetName()), quote(n.GetOpType()))
			}
		}
		n = shallow(n)
		if n.GetName() != "" {
			n.Name = proto.String(unique(n.GetName(), nodes))
		}
		inputs := make([]string, len(n.GetInput()))
		for i, in := range n.GetInput() {
			switch {
			case in == "":
			case names[in] != "":
				inputs[i] = names[in]
			case known[in]:
				inputs[i] = in
			default:
				return nil, nil, fmt.Errorf("onnx: append: node %s: input %s is in neither part", quote(n.GetName()), quote(in))
			}
		}
		outputs := make([]string, len(n.GetOutput()))
		for i, o := range n.GetOutput() {
			if o == "" {
				continue
			}
			if err := own(o); err != nil {
				return nil, nil, err
			}
			outputs[i] = names[o]
		}
		n.Input, n.Output = inputs, outputs
		out.Graph.Node = append(out.Graph.Node, n)
	}
	out.Graph.Output = append([]*pb.ValueInfoProto(nil), g.GetOutput()...)
	for _, v := range part.GetOutput() {
		name := names[v.GetName()]
		if name == "" {
			return nil, nil, fmt.Errorf("onnx: append: output %s: no appended node makes it", quote(v.GetName()))
		}
		v = shallow(v)
		v.Name = proto.String(name)
		out.Graph.Output = append(out.Graph.Output, v)
	}
	return out, names, nil
}

// Append returns g with the nodes and initialisers of part behind its own. What
// part stores is no weight. Names are treated as the function Append treats
// them; the map has the new name of every tensor of part. g and part are not
// changed.
func (g *Graph) Append(part *pb.GraphProto) (*Graph, map[string]string, error) {
	f := &folder{
		g: &Graph{
			Opset: g.Opset, Domains: g.Domains, Inputs: g.Inputs, Outputs: g.Outputs, Nodes: slices.Clone(g.Nodes), inner: g.inner, buffers: g.buffers, asides: g.asides,
			Constants: maps.Clone(g.Constants), Shapes: maps.Clone(g.Shapes), Types: maps.Clone(g.Types), Stored: g.Stored,
		},
		constants: make(map[string]*constant), weights: make(map[string]bool), kept: make(map[string]*pb.NodeProto),
		seen: make(map[string]*array), own: make(map[string]bool), within: make(map[string]bool),
	}
	tensors, names := make(map[string]bool), make(map[string]string)
	for name := range g.Types {
		tensors[name] = true
	}
	for _, t := range part.GetInitializer() {
		t = shallow(t)
		names[t.GetName()] = unique(t.GetName(), tensors)
		t.Name = proto.String(names[t.GetName()])
		if err := f.store(t.GetName(), t); err != nil {
			return nil, nil, fmt.Errorf("onnx: append: initializer %s: %w", quote(t.GetName()), err)
		}
		v, err := readTensor(t)
		if err != nil {
			return nil, nil, fmt.Errorf("onnx: append: initializer %s: %w", quote(t.GetName()), err)
		}
		f.g.Constants[t.GetName()] = v
	}
	for _, n := range part.GetNode() {
		n = shallow(n)
		n.Input, n.Output = slices.Clone(n.Input), slices.Clone(n.Output)
		for i, in := range n.Input {
			if own := names[in]; own != "" {
				n.Input[i] = own
			}
		}
		for i, o := range n.Output {
			names[o] = unique(o, tensors)
			n.Output[i] = names[o]
		}
		if err := f.node(n, 0); err != nil {
			return nil, nil, fmt.Errorf("onnx: append: node %s (%s): %w", quote(n.GetName()), quote(n.GetOpType()), err)
		}
	}
	return f.g, names, nil
}

// taken adds the names of a graph's tensors and nodes, those of bodies too.
func taken(g *pb.GraphProto, tensors, nodes map[string]bool) {
	for _, list := range [][]*pb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range list {
			tensors[v.GetName()] = true
		}
	}
	for _, t := range g.GetInitializer() {
		tensors[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		tensors[t.GetValues().GetName()] = true
	}
	for _, n := range g.GetNode() {
		nodes[n.GetName()] = true
		for _, o := range n.GetOutput() {
			tensors[o] = true
		}
		for _, a := range n.GetAttribute() {
			for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
				taken(body, tensors, nodes)
			}
		}
	}
}

// unique returns name, with a number behind it if it is taken, and takes it.
func unique(name string, taken map[string]bool) string {
	fresh := name
	for i := 1; taken[fresh]; i++ {
		fresh = fmt.Sprintf("%s_%d", name, i)
	}
	taken[fresh] = true
	return fresh
}
