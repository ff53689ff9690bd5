package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// RewriteBehind is Rewrite for values that hold behind a cut alone: of a stored
// tensor that what is before the cut reads as well, the part from the cut to
// outputs gets a copy of its own, with the new values, under a name that is
// free, and what computes from such tensors alone is there twice. So a layer
// that stands before the cut and behind it with the same weights stays as it is
// before the cut. With cut "" it is Rewrite. The errors are those of Rewrite
// and Detach, and that of a tensor that nothing behind the cut reads.
func RewriteBehind(m *pb.ModelProto, cut string, values map[string][]float32, outputs ...string) (*pb.ModelProto, error) {
	if cut == "" || m.GetGraph() == nil {
		return Rewrite(m, values)
	}
	whole := parted(m, cut)
	g := whole.Graph
	made := make(map[string]bool)
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = true
		}
	}
	if err := wanted(made, append([]string{cut}, outputs...), "rewrite"); err != nil {
		return nil, err
	}
	before, behind := nodes(between(g, "", []string{cut})), nodes(between(g, cut, outputs))
	readBy := func(part map[*pb.NodeProto]bool) map[string]bool {
		all := make(map[string]bool)
		for n := range part {
			for _, in := range reads(n) {
				all[in] = true
			}
		}
		return all
	}
	frozen, trained := readBy(before), readBy(behind)
	both := false
	for _, name := range sorted(values) {
		if !trained[name] {
			return nil, fmt.Errorf("onnx: rewrite: nothing behind %s reads tensor %s", quote(cut), quote(name))
		}
		both = both || frozen[name]
	}
	if !both {
		return Rewrite(m, values)
	}

	names, titles := make(map[string]bool), make(map[string]bool)
	taken(g, names, titles)
	stored := storedIn(whole)
	out := shallow(whole)
	out.Graph = shallow(g)
	out.Graph.Initializer = slices.Clone(g.GetInitializer())
	own := make(map[string]string) // what tensors are called behind the cut
	changed := make(map[string][]float32, len(values))
	for _, name := range sorted(values) {
		fresh := name
		if t := stored[name]; t != nil && frozen[name] {
			fresh = unique(name, names)
			t = shallow(t)
			t.Name = proto.String(fresh)
			out.Graph.Initializer = append(out.Graph.Initializer, t)
			own[name] = fresh
		}
		changed[fresh] = values[name]
	}
	out.Graph.Node = nil
	for _, n := range g.GetNode() {
		theirs := behind[n] && slices.ContainsFunc(reads(n), func(in string) bool { return own[in] != "" })
		if !theirs || before[n] {
			out.Graph.Node = append(out.Graph.Node, n)
		}
		if !theirs {
			continue
		}
		if before[n] {
			for _, o := range n.GetOutput() {
				if o != "" {
					own[o] = unique(o, names)
				}
			}
		}
		copied := rename(&pb.GraphProto{Node: []*pb.NodeProto{n}}, own).Node[0]
		if before[n] && n.GetName() != "" {
			copied.Name = proto.String(unique(n.GetName(), titles))
		}
		out.Graph.Node = append(out.Graph.Node, copied)
	}
	return Rewrite(out, changed)
}

// nodes returns the nodes of a graph as a set.
func nodes(g *pb.GraphProto) map[*pb.NodeProto]bool {
	all := make(map[*pb.NodeProto]bool, len(g.GetNode()))
	for _, n := range g.GetNode() {
		all[n] = true
	}
	return all
}
