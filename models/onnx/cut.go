package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Cut is a tensor through which everything flows that weights have worked on:
// what comes after it can be computed from it and the inputs in Side alone.
type Cut struct {
	Tensor string
	Shape  []int64
	// Layer is the layer or block of the model that makes the tensor, as names
	// of nodes tell; where they do not, "block 1" and so on, by the shapes and
	// branches of the graph. "" is what stands before the first layer with a
	// name, "the end" what has weights behind the last one.
	Layer string
	// Next is the Layer of what follows: of the next cut, or of the output.
	Next string
	// Ends reports whether Tensor is the result of its layer.
	Ends bool
	// Parameters is the number of elements of the weights after the cut.
	Parameters int64
	// Shared is how many of these the part before the cut uses as well. Who
	// changes them behind the cut gives that part a copy (RewriteBehind).
	Shared int64
	// Side names the inputs of the graph that the part after the cut needs
	// beside the tensor: what masks are made from.
	Side []string
}

// EndLayer is the Layer of what has weights behind the last layer with a name.
const EndLayer = "the end"

// learned are operators that work with weights on what is fed: from them on a
// tensor is more than a form of the input. The numbers are the places of the
// weights.
var learned = map[string][]int{
	"Conv": {1}, "ConvTranspose": {1}, "MatMul": {0, 1}, "Gemm": {0, 1}, "Gather": {0}, "Einsum": {0, 1, 2},
	"LSTM": {1, 2}, "GRU": {1, 2}, "RNN": {1, 2}, "BatchNormalization": {1}, "LayerNormalization": {1},
	"RMSNormalization": {1}, "InstanceNormalization": {1}, "GroupNormalization": {1},
}

// flow is how an output of a graph depends on inputs and weights.
type flow struct {
	g    *Graph
	node map[string]int // the place of the node that makes a tensor
	used []bool         // nodes that the output needs
	// fed are tensors that depend on what is fed; main are those of them that
	// weights have worked on.
	fed, main map[string]bool
	// buffers are those of Graph.Buffers, and outside has the asides as well.
	buffers, outside map[string]bool
	// order numbers the main tensors as they are made, from 0.
	order map[string]int
	// first and last use, in that numbering, of inputs, weights and what is
	// made of them before it becomes main: -1 for none.
	first, last map[string]int
	end         int // of the output: one more than the last number
}

// isWeight reports whether a tensor is a weight: a stored float tensor of more
// than one element that is no buffer.
func (w *flow) isWeight(name string) bool {
	return w.g.isTable(name) && !w.buffers[w.g.Stored[name]]
}

func newFlow(g *Graph, output string) (*flow, error) {
	w := &flow{
		g: g, node: make(map[string]int), used: make([]bool, len(g.Nodes)), buffers: g.Buffers(), outside: g.outside(),
		order: make(map[string]int), first: make(map[string]int), last: make(map[string]int),
	}
	for i, n := range g.Nodes {
		for _, o := range n.GetOutput() {
			if o != "" {
				w.node[o] = i
			}
		}
	}
	if _, ok := w.node[output]; !ok {
		return nil, fmt.Errorf("onnx: no node makes the tensor %s", quote(output))
	}
	need := map[string]bool{output: true}
	for i, n := range slices.Backward(g.Nodes) {
		w.used[i] = slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && need[o] })
		if w.used[i] {
			for _, in := range n.GetInput() {
				need[in] = true
			}
		}
	}
	w.fed, w.main = g.spread(func(name string) bool { return g.isTable(name) && !w.outside[g.Stored[name]] })
	for i, n := range g.Nodes {
		if !w.used[i] {
			continue
		}
		for _, o := range n.GetOutput() {
			if o != "" && w.main[o] && need[o] {
				w.order[o] = w.end
				w.end++
			}
		}
	}
	// Uses reach back from the main tensors over what is not main.
	use := func(name string, first, last int) {
		if have, ok := w.first[name]; !ok || first < have {
			w.first[name] = first
		}
		if have, ok := w.last[name]; !ok || last > have {
			w.last[name] = last
		}
	}
	use(output, w.end, w.end)
	for i, n := range slices.Backward(g.Nodes) {
		if !w.used[i] {
			continue
		}
		first, last := -1, -1
		for _, o := range n.GetOutput() {
			if o == "" {
				continue
			}
			f, ok := w.order[o]
			l := f
			if !w.main[o] {
				f, ok = w.first[o]
				l = w.last[o]
			}
			if !ok {
				continue // an output beside the ones that are needed
			}
			if first < 0 || f < first {
				first = f
			}
			last = max(last, l)
		}
		for _, in := range n.GetInput() {
			if in != "" && first >= 0 {
				use(in, first, last)
			}
		}
	}
	return w, nil
}

// trained tells which inputs of a node are weights to train: not the statistics
// of a BatchNormalization.
func (w *flow) trained(n *pb.NodeProto) []string {
	var names []string
	for k, in := range n.GetInput() {
		if w.isWeight(in) && !(n.GetOpType() == "BatchNormalization" && k >= 3) {
			names = append(names, in)
		}
	}
	return names
}

// Cuts returns the tensors at which the way to an output can be cut, in the
// order in which they are made, the output left out. They are floats, and made
// by the main graph, not inside a branch of an If.
func Cuts(g *Graph, output string) ([]Cut, error) {
	w, err := newFlow(g, output)
	if err != nil {
		return nil, err
	}
	// jumped counts, as differences, how many uses go past a number: from a
	// main tensor, or from outside, to one that is made later.
	jumped := make([]int, w.end+2)
	name := make([]string, w.end)
	for o, p := range w.order {
		name[p] = o
	}
	for i, n := range g.Nodes {
		if !w.used[i] {
			continue
		}
		to := -1
		for _, o := range n.GetOutput() {
			if p, ok := w.order[o]; ok {
				to = max(to, p)
			}
		}
		if to < 0 {
			continue
		}
		from := to // the earliest main tensor that the node reads
		for _, in := range n.GetInput() {
			if w.main[in] {
				from = min(from, w.order[in])
			}
		}
		if from == to {
			from = -1 // where the flow begins
		}
		jumped[from+1]++ // passes the numbers from+1 to to-1
		jumped[to]--
	}
	if p, ok := w.order[output]; ok && p+1 < w.end {
		jumped[p+1]++
		jumped[w.end]--
	}
	after, shared := w.parameters()
	var cuts []Cut
	var at []int
	for p, n := 0, 0; p < w.end; p++ {
		n += jumped[p]
		t := name[p]
		if elem := g.Types[t]; n != 0 || g.inner[t] || elem != pb.TensorProto_FLOAT && elem != pb.TensorProto_FLOAT16 && t != output {
			continue
		}
		c := Cut{Tensor: t, Shape: g.Shapes[t], Parameters: after[p], Shared: shared[p]}
		for _, in := range g.Inputs {
			if last, ok := w.last[in]; ok && last > p {
				c.Side = append(c.Side, in)
			}
		}
		cuts, at = append(cuts, c), append(at, p)
	}
	w.layers(cuts, at)
	for i := range cuts[:max(len(cuts)-1, 0)] {
		cuts[i].Next = cuts[i+1].Layer
	}
	if i := slices.IndexFunc(cuts, func(c Cut) bool { return c.Tensor == output }); i >= 0 {
		cuts = cuts[:i]
	}
	return cuts, nil
}

// parameters returns for each number how many elements of weights are used
// after it, and how many of these before it as well.
func (w *flow) parameters() (after, shared []int64) {
	type span struct{ first, last int }
	weights := make(map[string]span) // by their name in the file
	size := make(map[string]int64)
	for i, n := range w.g.Nodes {
		if !w.used[i] {
			continue
		}
		for _, name := range w.trained(n) {
			stored := w.g.Stored[name]
			have, ok := weights[stored]
			if !ok {
				have = span{w.end, -1}
			}
			if last, ok := w.last[name]; ok {
				have = span{min(have.first, w.first[name]), max(have.last, last)}
			}
			weights[stored], size[stored] = have, total(w.g.Shapes[name])
		}
	}
	after, shared = make([]int64, w.end+2), make([]int64, w.end+2)
	for stored, s := range weights {
		if s.last < 0 {
			continue
		}
		n := size[stored]
		after[0] += n // after all numbers below last
		after[s.last] -= n
		shared[s.first] += n
		shared[s.last] -= n
	}
	for p := 1; p <= w.end; p++ {
		after[p] += after[p-1]
		shared[p] += shared[p-1]
	}
	return after, shared
}

// Parameters returns the number of elements of all weights that an output
// depends on, 0 if no node makes it.
func Parameters(g *Graph, output string) int64 {
	w, err := newFlow(g, output)
	if err != nil {
		return 0
	}
	seen := make(map[string]bool)
	sum := int64(0)
	for i, n := range g.Nodes {
		if !w.used[i] {
			continue
		}
		for _, name := range w.trained(n) {
			if stored := g.Stored[name]; !seen[stored] {
				seen[stored] = true
				sum += total(g.Shapes[name])
			}
		}
	}
	return sum
}
