package onnx

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// Prepend returns m with the nodes, initialisers and inputs of part before its
// own. made says which inputs of m are tensors that part makes from now on, by
// their names in part; they are inputs no more. What the nodes of part read is
// an input of part, made or stored by it, or another input of m, under m's
// name. An input of part that is called as an input of m which stays is that
// one. Other tensors and nodes of m that are called as some of part get a
// number behind their names. m and part are not changed; the result shares with
// m what it can.
func Prepend(m *pb.ModelProto, part *pb.GraphProto, made map[string]string) (*pb.ModelProto, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	inputs := make(map[string]bool)
	for _, v := range g.GetInput() {
		inputs[v.GetName()] = made[v.GetName()] == ""
	}
	own := make(map[string]bool) // tensors of part
	for _, v := range part.GetInput() {
		own[v.GetName()] = true
	}
	for _, t := range part.GetInitializer() {
		own[t.GetName()] = true
	}
	for _, n := range part.GetNode() {
		for _, in := range n.GetInput() {
			if in != "" && !own[in] && !inputs[in] {
				return nil, fmt.Errorf("onnx: prepend: node %s (%s): input %s is in neither part", quote(n.GetName()), quote(n.GetOpType()), quote(in))
			}
		}
		for _, o := range n.GetOutput() {
			if own[o] || inputs[o] {
				return nil, fmt.Errorf("onnx: prepend: tensor %s is made twice", quote(o))
			}
			own[o] = true
		}
	}
	tensors, nodes := make(map[string]bool), make(map[string]bool)
	taken(g, tensors, nodes)
	maps.Copy(tensors, own)
	names := make(map[string]string)
	for _, old := range slices.Sorted(maps.Keys(made)) {
		if _, ok := inputs[old]; !ok || !own[made[old]] {
			return nil, fmt.Errorf("onnx: prepend: %s is no input, or nothing makes %s", quote(old), quote(made[old]))
		}
		names[old] = made[old]
	}
	own = maps.Clone(own)
	maps.DeleteFunc(own, func(name string, _ bool) bool { return inputs[name] })
	before := make(map[string]bool) // of m
	taken(g, before, make(map[string]bool))
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if before[name] && names[name] == "" {
			names[name] = unique(name, tensors)
		}
	}
	out := shallow(m)
	out.Graph = rename(g, names)
	out.Graph.Input = nil
	for _, v := range part.GetInput() {
		if !inputs[v.GetName()] {
			out.Graph.Input = append(out.Graph.Input, v)
		}
	}
	for _, v := range g.GetInput() {
		if inputs[v.GetName()] {
			out.Graph.Input = append(out.Graph.Input, v)
		}
	}
	out.Graph.Initializer = slices.Concat(part.GetInitializer(), out.Graph.Initializer)
	var first []*pb.NodeProto
	for _, n := range part.GetNode() {
		if n.GetName() != "" {
			n = shallow(n)
			n.Name = proto.String(unique(n.GetName(), nodes))
		}
		first = append(first, n)
	}
	out.Graph.Node = append(first, out.Graph.Node...)
	// What m declares of what was its input is that of another tensor now.
	out.Graph.ValueInfo = slices.DeleteFunc(slices.Clone(out.Graph.ValueInfo), func(v *pb.ValueInfoProto) bool { return own[v.GetName()] })
	return out, nil
}
