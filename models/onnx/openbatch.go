package onnx

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// OpenBatch returns m with the first dimension of its inputs left to what is
// fed, and that it is so: each input must have 1 there, and what the model
// computes must then have as many rows as it is fed, all the way, of the shapes
// that it declares. A Reshape to one row and a Concat of what is fed with a
// constant row, as exporters write them for one sample, are written for any
// number. Other shapes that are written into the graph may forbid it. m, whose
// nodes are in order, is not changed.
func OpenBatch(m *pb.ModelProto) (*pb.ModelProto, bool) {
	const batch = "batch"
	out := shallow(m)
	out.Graph = shallow(m.GetGraph())
	if !anyRows(m, out.Graph) {
		return m, false
	}
	stored := make(map[string]bool)
	for _, t := range m.GetGraph().GetInitializer() {
		stored[t.GetName()] = true
	}
	fixed := false
	out.Graph.Input = slices.Clone(m.GetGraph().GetInput())
	for i, v := range out.Graph.Input {
		if stored[v.GetName()] {
			continue
		}
		dims := v.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) < 2 || dims[0].GetDimValue() != 1 {
			return m, false
		}
		fixed = true
		v = proto.Clone(v).(*pb.ValueInfoProto)
		v.GetType().GetTensorType().GetShape().Dim[0].Value = &pb.TensorShapeProto_Dimension_DimParam{DimParam: batch}
		out.Graph.Input[i] = v
	}
	if !fixed {
		return m, false
	}
	g, err := Infer(out, nil)
	if err != nil {
		return m, false
	}
	for name := range g.Shapes {
		for k, d := range g.Dims(name) {
			if d.Size < 0 && (k > 0 || d.Name != batch && !strings.HasSuffix(d.Name, "·"+batch)) {
				return m, false // samples have come together
			}
		}
	}
	out.Graph.ValueInfo = nil // they are of one sample
	out.Graph.Output = slices.Clone(m.GetGraph().GetOutput())
	for i, v := range out.Graph.Output {
		dims := g.Dims(v.GetName())
		declared := v.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) == 0 || dims[0] != (Dim{Size: -1, Name: batch}) || len(declared) > 0 && len(declared) != len(dims) {
			return m, false
		}
		for k, d := range dims[1:] {
			if d.Size < 0 || len(declared) > 0 && declared[k+1].GetDimValue() > 0 && declared[k+1].GetDimValue() != d.Size {
				return m, false
			}
		}
		out.Graph.Output[i] = TensorValue(v.GetName(), g.Types[v.GetName()], dims...)
	}
	return out, true
}

// anyRows writes nodes of m that are for one row of what is fed into g, a
// shallow copy of its graph, so that they are for any number. It is false for a
// model of which nothing can be said.
func anyRows(m *pb.ModelProto, g *pb.GraphProto) bool {
	one, err := Infer(m, nil)
	if err != nil {
		return false
	}
	names := make(map[string]bool)
	taken(g, names, make(map[string]bool))
	fed := make(map[string]bool) // tensors that depend on what is fed
	for _, name := range one.Inputs {
		fed[name] = true
	}
	free := func(name string) string { return unique(name, names) }
	row := func(name string) bool { s := one.Shapes[name]; return len(s) > 0 && s[0] == 1 }
	g.Initializer = slices.Clone(g.GetInitializer())
	var nodes []*pb.NodeProto
	for _, n := range g.GetNode() {
		in := n.GetInput()
		depends := slices.ContainsFunc(in, func(name string) bool { return fed[name] }) ||
			slices.ContainsFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.GetG() != nil || len(a.GetGraphs()) > 0 })
		for _, name := range n.GetOutput() {
			fed[name] = fed[name] || depends && name != ""
		}
		c := &call{n: n}
		standard := depends && (n.GetDomain() == "" || n.GetDomain() == "ai.onnx")
		switch {
		case standard && n.GetOpType() == "Reshape" && len(in) == 2 && !fed[in[1]] && row(in[0]) && row(n.GetOutput()[0]):
			shape := slices.Clone(one.Shapes[n.GetOutput()[0]])
			if slices.Contains(shape, 0) || c.integer("allowzero", 0) != 0 {
				break
			}
			shape[0] = 0 // as many as there are
			n = proto.Clone(n).(*pb.NodeProto)
			n.Input[1] = free(n.GetOutput()[0] + "_shape")
			g.Initializer = append(g.Initializer, IntTensor(n.Input[1], shape...))
		case standard && n.GetOpType() == "Concat" && one.Opset >= 8:
			rank := int64(len(one.Shapes[n.GetOutput()[0]]))
			axis := c.integer("axis", 0)
			like := slices.IndexFunc(in, func(name string) bool { return fed[name] && row(name) })
			if like < 0 || axis == 0 || axis == -rank {
				break
			}
			n = proto.Clone(n).(*pb.NodeProto)
			rows := ""
			for k, name := range in {
				if fed[name] || !row(name) {
					continue
				}
				if rows == "" {
					base := n.GetOutput()[0]
					first, ones, shape, count := free(base+"_first"), free(base+"_ones"), free(base+"_fed"), free(base+"_count")
					rows = free(base + "_rows")
					g.Initializer = append(g.Initializer, IntTensor(first, 0), IntTensor(ones, slices.Repeat([]int64{1}, int(rank-1))...))
					nodes = append(nodes, Node("Shape", []string{in[like]}, []string{shape}), Node("Gather", []string{shape, first}, []string{count}),
						Node("Concat", []string{count, ones}, []string{rows}, IntAttribute("axis", 0)))
				}
				n.Input[k] = free(name + "_rows")
				nodes = append(nodes, Node("Expand", []string{name, rows}, []string{n.Input[k]}))
			}
		}
		nodes = append(nodes, n)
	}
	g.Node = nodes
	return true
}
