package grad

import (
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// inputs fills in what is fed of the samples.
func (p *Program) inputs(g *onnx.Graph, t *tail, o *Options) {
	names := slices.Clone(t.inputs)
	if o.Cut != "" {
		names = append([]string{o.Cut}, names...)
	}
	for _, name := range names {
		p.Inputs = append(p.Inputs, Input{Name: name, Type: g.Types[name], Dims: g.Shapes[name]})
	}
}

// model returns a model of the nodes that the outputs need.
func (b *builder) model(name string, p *Program, outputs []string) *pb.ModelProto {
	used := make(map[string]bool)
	for _, out := range outputs {
		used[out] = true
	}
	var nodes []*pb.NodeProto
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

	g := &pb.GraphProto{Name: new(name), Node: nodes}
	fed := make(map[string]bool)
	for _, in := range append(slices.Clone(p.Inputs), p.Target) {
		fed[in.Name] = true
		g.Input = append(g.Input, value(in.Name, in.Type, in.Dims))
	}
	for _, w := range p.Weights {
		fed[w.Name] = true
		g.Input = append(g.Input, value(w.Name, pb.TensorProto_FLOAT, w.Dims))
	}
	for _, out := range outputs {
		dims := b.shapes[out]
		if i := slices.IndexFunc(p.Weights, func(w Weight) bool { return w.Gradient == out }); i >= 0 {
			dims = p.Weights[i].Dims
		}
		g.Output = append(g.Output, value(out, pb.TensorProto_FLOAT, dims))
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
	m := &pb.ModelProto{
		IrVersion:    new(irVersion(b.opset)),
		ProducerName: new("headstart"),
		OpsetImport:  []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(b.opset)}},
		Graph:        g,
	}
	others := maps.Collect(maps.All(b.graph.Domains))
	others[nchwc] = 1
	for _, domain := range slices.Sorted(maps.Keys(others)) {
		if slices.ContainsFunc(nodes, func(n *pb.NodeProto) bool { return n.GetDomain() == domain }) {
			m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: new(domain), Version: new(others[domain])})
		}
	}
	return m
}

// trimmed returns a node without trailing outputs that nothing reads.
func trimmed(n *pb.NodeProto, used map[string]bool) *pb.NodeProto {
	out := n.GetOutput()
	for len(out) > 1 && !used[out[len(out)-1]] {
		out = out[:len(out)-1]
	}
	return &pb.NodeProto{Name: n.Name, OpType: n.OpType, Domain: n.Domain, Input: n.Input, Output: out, Attribute: n.Attribute}
}

func value(name string, elem pb.TensorProto_DataType, dims []int64) *pb.ValueInfoProto {
	shape := make([]onnx.Dim, len(dims))
	for i, d := range dims {
		shape[i].Size = d
	}
	return onnx.TensorValue(name, elem, shape...)
}
