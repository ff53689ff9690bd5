package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// Rename returns m with other names for those of its tensors that are called as
// one of names, so that these are free, and the new names by the old. An input
// of m cannot be renamed, which is an error. m is not changed; if it has none
// of the names, it is returned itself.
func Rename(m *pb.ModelProto, names ...string) (*pb.ModelProto, map[string]string, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	tensors := make(map[string]bool)
	taken(g, tensors, make(map[string]bool))
	renamed := make(map[string]string)
	for _, name := range names {
		if !tensors[name] || renamed[name] != "" {
			continue
		}
		if slices.ContainsFunc(g.GetInput(), func(v *pb.ValueInfoProto) bool { return v.GetName() == name }) {
			return nil, nil, fmt.Errorf("onnx: rename: %s is an input of the model; export the model again with another name for it", quote(name))
		}
		renamed[name] = unique(name, tensors)
	}
	if len(renamed) == 0 {
		return m, nil, nil
	}
	out := shallow(m)
	out.Graph = rename(g, renamed)
	return out, renamed, nil
}

// rename returns g with new names of tensors, also in the bodies of its nodes.
func rename(g *pb.GraphProto, names map[string]string) *pb.GraphProto {
	out := shallow(g)
	list := func(in []string) []string {
		in = slices.Clone(in)
		for i, name := range in {
			if names[name] != "" {
				in[i] = names[name]
			}
		}
		return in
	}
	values := func(in []*pb.ValueInfoProto) []*pb.ValueInfoProto {
		in = slices.Clone(in)
		for i, v := range in {
			if name := names[v.GetName()]; name != "" {
				in[i] = shallow(v)
				in[i].Name = proto.String(name)
			}
		}
		return in
	}
	out.Input, out.Output, out.ValueInfo = values(g.GetInput()), values(g.GetOutput()), values(g.GetValueInfo())
	out.Initializer = slices.Clone(g.GetInitializer())
	for i, t := range out.Initializer {
		if name := names[t.GetName()]; name != "" {
			out.Initializer[i] = shallow(t)
			out.Initializer[i].Name = proto.String(name)
		}
	}
	out.SparseInitializer = slices.Clone(g.GetSparseInitializer())
	for i, t := range out.SparseInitializer {
		if name := names[t.GetValues().GetName()]; name != "" {
			t = shallow(t)
			t.Values = shallow(t.GetValues())
			t.Values.Name = proto.String(name)
			out.SparseInitializer[i] = t
		}
	}
	out.QuantizationAnnotation = slices.Clone(g.GetQuantizationAnnotation())
	for i, a := range out.QuantizationAnnotation {
		a = shallow(a)
		if name := names[a.GetTensorName()]; name != "" {
			a.TensorName = proto.String(name)
		}
		a.QuantParameterTensorNames = slices.Clone(a.GetQuantParameterTensorNames())
		for j, e := range a.QuantParameterTensorNames {
			if name := names[e.GetValue()]; name != "" {
				e = shallow(e)
				e.Value = proto.String(name)
				a.QuantParameterTensorNames[j] = e
			}
		}
		out.QuantizationAnnotation[i] = a
	}
	out.Node = slices.Clone(g.GetNode())
	for i, n := range out.Node {
		body := slices.ContainsFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.G != nil || len(a.Graphs) > 0 })
		named := func(name string) bool { return names[name] != "" }
		if !body && !slices.ContainsFunc(n.GetInput(), named) && !slices.ContainsFunc(n.GetOutput(), named) {
			continue
		}
		n = shallow(n)
		n.Input, n.Output = list(n.GetInput()), list(n.GetOutput())
		n.Attribute = slices.Clone(n.GetAttribute())
		for j, a := range n.Attribute {
			if a.G == nil && len(a.Graphs) == 0 {
				continue
			}
			a = shallow(a)
			if a.G != nil {
				a.G = rename(a.G, names)
			}
			a.Graphs = slices.Clone(a.Graphs)
			for k, inner := range a.Graphs {
				a.Graphs[k] = rename(inner, names)
			}
			n.Attribute[j] = a
		}
		out.Node[i] = n
	}
	return out
}
