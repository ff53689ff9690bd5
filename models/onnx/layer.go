package onnx

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// layers fills in Layer and Ends of the cuts of a graph, the last of which is
// the output. at has their numbers.
func (w *flow) layers(cuts []Cut, at []int) {
	named := make(map[string]bool)
	end := 0 // what is behind the last layer with a name
	for i := range cuts {
		n := w.g.Nodes[w.node[cuts[i].Tensor]]
		if cuts[i].Layer = w.layerOf(n); cuts[i].Layer != "" {
			end = i + 1
		} else if i > 0 {
			cuts[i].Layer = cuts[i-1].Layer
		}
		named[cuts[i].Layer] = true
	}
	if len(named) > 2 { // else names tell nothing
		if cuts[end-1].Parameters > 0 {
			for i := end; i < len(cuts); i++ {
				cuts[i].Layer = EndLayer
			}
		}
		for i := range cuts {
			cuts[i].Ends = i+1 == len(cuts) || cuts[i].Layer != cuts[i+1].Layer
		}
		return
	}
	w.blocks(cuts, at)
}

// blocks tells blocks by the shape of the graph: one ends where branches have
// come together, and where the tensor is smaller than its neighbours, as
// between the blocks of a network with narrow places. Operators without weights
// and normalisations behind it that leave the shape belong to it.
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

// layerOf returns the layer that a node belongs to, as its names tell: what
// stands in front of the first number and the number, "encoder.layer.5"; with
// the block in it if it is a stage, "stages.2.blocks.8". PyTorch's newer
// exporter writes the modules that a node comes from into its metadata, the
// older one into its name; else names of weights tell. What is fed may be named
// after the layer before.
func (w *flow) layerOf(n *pb.NodeProto) string {
	for _, p := range n.GetMetadataProps() {
		if p.GetKey() != "namespace" {
			continue
		}
		// Such as ": Model/m.encoder: Encoder/m.encoder.layer.0: Layer/add:
		// aten.add".
		modules := strings.Split(p.GetValue(), "/")
		if len(modules) < 2 {
			return ""
		}
		name, _, _ := strings.Cut(modules[len(modules)-2], ":")
		return layerIn(name + ".node")
	}
	if l := layerIn(n.GetName()); l != "" {
		return l
	}
	for _, name := range n.GetInput() {
		if l := layerIn(name); l != "" && w.isWeight(name) {
			return l
		}
	}
	return ""
}

var (
	numbered = regexp.MustCompile(`^(layer|block|stage)_?[0-9]+$`)
	digits   = regexp.MustCompile(`^[0-9]+$`)
)

// layerIn finds the layer in a name such as "encoder.layer.5.dense.weight" or
// "/blocks/blocks.3/blocks.3.2/conv/Conv", where a part repeats the one before.
func layerIn(name string) string {
	if len(name) > 1000 || strings.Contains(name, "::") || !strings.ContainsAny(name, "./") {
		return ""
	}
	var parts []string
	before := ""
	for p := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		rest := p
		if before != "" {
			rest = strings.TrimPrefix(p, before+".")
		}
		before = p
		parts = append(parts, strings.Split(rest, ".")...)
	}
	last := len(parts) - 1 // the operator or the weight
	number := func(i int) bool { return i < last && digits.MatchString(parts[i]) }
	for i, p := range parts[:last] {
		if !number(i) && !numbered.MatchString(p) {
			continue
		}
		end := i + 1
		switch {
		case number(end): // blocks.3.2
			end++
		case number(end+1) && (parts[end] == "blocks" || parts[end] == "layers"): // stages.2.blocks.8
			end += 2
		}
		return strings.Join(parts[:end], ".")
	}
	return ""
}
