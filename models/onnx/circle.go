package onnx

import "github.com/headstart-ml/headstart/models/onnx/pb"

// circle returns a node of g that reads, directly or over others, what it makes
// itself; nil if there is none. What the bodies of nodes read is not looked at.
func circle(g *pb.GraphProto) *pb.NodeProto {
	nodes := g.GetNode()
	maker := make(map[string]int)
	for i, n := range nodes {
		for _, name := range n.GetOutput() {
			maker[name] = i
		}
	}
	delete(maker, "")
	for _, in := range g.GetInput() { // what is fed is there, whoever makes it too
		delete(maker, in.GetName())
	}
	waits := make([]int, len(nodes)) // for so many inputs that are not there yet
	readers := make([][]int, len(nodes))
	for i, n := range nodes {
		for _, name := range n.GetInput() {
			if from, ok := maker[name]; ok {
				waits[i]++
				readers[from] = append(readers[from], i)
			}
		}
	}
	var ready []int
	for i := range nodes {
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				ready = append(ready, r)
			}
		}
	}
	// Of a node that still waits, one that made an input does too: going back
	// from one to the other ends up in the circle.
	seen := make([]bool, len(nodes))
	for i := range nodes {
		if waits[i] == 0 {
			continue
		}
		for !seen[i] {
			seen[i] = true
			for _, name := range nodes[i].GetInput() {
				if from, ok := maker[name]; ok && waits[from] > 0 {
					i = from
					break
				}
			}
		}
		return nodes[i]
	}
	return nil
}
