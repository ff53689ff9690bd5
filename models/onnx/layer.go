package onnx

import (
	"fmt"
	"regexp"
	"strings"
)

// layers fills in Layer and Ends of the cuts of a graph, the last of which is
// the output. at has their numbers.
func (w *flow) layers(cuts []Cut, at []int) {
	named := make(map[string]bool)
	for i := range cuts {
		n := w.g.Nodes[w.node[cuts[i].Tensor]]
		cuts[i].Layer = layerOf(n)
		if cuts[i].Layer == "" && i > 0 {
			cuts[i].Layer = cuts[i-1].Layer
		}
		named[cuts[i].Layer] = true
	}
	if len(named) > 2 { // else names tell nothing
		for i := range cuts {
			cuts[i].Ends = i+1 == len(cuts) || cuts[i].Layer != cuts[i+1].Layer
		}
		return
	}
	w.blocks(cuts, at)
}

// blocks tells blocks by the shape of the graph: one ends where branches have
// come together, and where the tensor is smaller than its neighbours, as between
// the blocks of a network with narrow places. Operators without weights and
// normalisations behind it that leave the shape belong to it.
func (w *flow) blocks(cuts []Cut, at []int) {
	block := 1
	for i := range cuts {
		cuts[i].Layer = fmt.Sprintf("block %d", block)
		if i+1 == len(cuts) {
			cuts[i].Ends = true
			return
		}
		size, next := total(cuts[i].Shape), total(cuts[i+1].Shape)
		branched := at[i+1]-at[i] > 1
		if !branched && next == size && w.follows(cuts[i+1].Tensor) {
			continue
		}
		// The block began at start; what came before the last operators that
		// leave the shape says whether branches met in it.
		start := i
		for start > 0 && !cuts[start-1].Ends && at[start]-at[start-1] == 1 && total(cuts[start-1].Shape) == size && w.follows(cuts[start].Tensor) {
			start--
		}
		met := start > 0 && at[start]-at[start-1] > 1
		narrow := start > 0 && size < total(cuts[start-1].Shape) && (branched || size < next)
		if cuts[i].Ends = met || narrow; cuts[i].Ends {
			block++
		}
	}
}

// follows reports whether the node that makes a tensor has no weights or
// normalises.
func (w *flow) follows(name string) bool {
	n := w.g.Nodes[w.node[name]]
	if _, ok := learned[n.GetOpType()]; ok && !strings.HasSuffix(n.GetOpType(), "Normalization") {
		return false
	}
	return true
}

// layerOf returns the layer that a node belongs to by its own name or that of
// one of its weights: what stands in front of the first number and the number,
// "encoder.layer.5"; with the block in it if it is a stage, "stages.2.blocks.8".
func layerOf(n *NodeProto) string {
	for _, name := range append([]string{n.GetName()}, n.GetInput()...) {
		if l := layerIn(name); l != "" {
			return l
		}
	}
	return ""
}

var (
	separators = regexp.MustCompile(`[./]+`)
	numbered   = regexp.MustCompile(`^(layer|block|stage)_?[0-9]+$`)
	digits     = regexp.MustCompile(`^[0-9]+$`)
)

func layerIn(name string) string {
	if len(name) > 1000 || strings.Contains(name, "::") || !strings.ContainsAny(name, "./") {
		return ""
	}
	parts := separators.Split(strings.Trim(name, "./"), 32)
	for i, p := range parts[:len(parts)-1] { // the last is the operator or the weight
		if !digits.MatchString(p) && !numbered.MatchString(p) {
			continue
		}
		end := i + 1
		switch {
		case end < len(parts)-1 && digits.MatchString(parts[end]): // blocks.3.2
			end++
		case i > 0 && strings.HasPrefix(parts[i-1], "stage") && end+1 < len(parts)-1 && digits.MatchString(parts[end+1]): // stages.2.blocks.8
			end += 2
		}
		return strings.Join(parts[:end], ".")
	}
	return ""
}
