package onnx

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Order returns m with the nodes of its graph behind those that make what they
// read, as the format has it: converters to float16 put the Casts that they add
// at the end, which ONNX Runtime takes. Nodes that are in order stay so. m is
// not changed; if it is in order, or nothing can bring it into one, it is
// returned itself.
func Order(m *pb.ModelProto) *pb.ModelProto {
	nodes := m.GetGraph().GetNode()
	maker := make(map[string]int)
	for i, n := range nodes {
		for _, name := range n.GetOutput() {
			maker[name] = i
		}
	}
	delete(maker, "")
	waits := make([]int, len(nodes))     // for so many nodes that are not yet in order
	readers := make([][]int, len(nodes)) // the nodes that wait for it
	ordered := true
	for i, n := range nodes {
		for from := range makers(n, maker) {
			waits[i]++
			readers[from] = append(readers[from], i)
			ordered = ordered && from < i
		}
	}
	if ordered {
		return m
	}
	// A node is put down as soon as all is there that it reads, the first ones
	// first; what has waited for it follows at once.
	var out []*pb.NodeProto
	done := make([]bool, len(nodes))
	for first := range nodes {
		for ready := []int{first}; len(ready) > 0; {
			i := ready[len(ready)-1]
			ready = ready[:len(ready)-1]
			if done[i] || waits[i] > 0 {
				continue
			}
			done[i] = true
			out = append(out, nodes[i])
			for _, r := range slices.Backward(readers[i]) {
				if waits[r]--; waits[r] == 0 && r < first {
					ready = append(ready, r)
				}
			}
		}
	}
	if len(out) < len(nodes) {
		return m // a circle
	}
	to := shallow(m)
	to.Graph = shallow(m.GetGraph())
	to.Graph.Node = out
	return to
}

// makers returns the nodes that make what n and the bodies of its attributes
// read.
func makers(n *pb.NodeProto, maker map[string]int) map[int]bool {
	from := make(map[int]bool)
	for _, name := range n.GetInput() {
		if i, ok := maker[name]; ok {
			from[i] = true
		}
	}
	for _, a := range n.GetAttribute() {
		bodies := a.GetGraphs()
		if a.GetG() != nil {
			bodies = append([]*pb.GraphProto{a.GetG()}, bodies...)
		}
		for _, body := range bodies {
			for _, inner := range body.GetNode() {
				for i := range makers(inner, maker) {
					from[i] = true
				}
			}
			for _, v := range body.GetOutput() {
				if i, ok := maker[v.GetName()]; ok {
					from[i] = true
				}
			}
		}
	}
	return from
}
