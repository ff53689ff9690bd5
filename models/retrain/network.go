package retrain

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Network is a backbone with the place where its trained part begins.
type Network struct {
	// Model is the backbone, with external data read in. It is only read.
	Model *pb.ModelProto

	// Shapes returns the shapes of the backbone's inputs for n samples of a
	// number of tokens, which is 0 where shapes are fixed.
	Shapes func(n, tokens int) map[string][]int64

	// These are those of grad.Options.
	Cut, Features, Pooling, Mask   string
	Space, ChannelsLast, Normalize bool
}

// weight is a tensor that is trained. The head's two are the last ones.
type weight struct {
	grad.Weight
	stored string // its name in the file; "" for the head's
	layer  string // of the backbone; "" if names do not tell, and for the head's
	depth  int    // of its layer, from the end: 0 for the head, 1 for the last layer
}

// build makes the program for n samples of a number of tokens, in blocks or,
// with block 0, in the plain layout.
func (net *Network) build(n, tokens, classes int, block int64) (*grad.Program, *onnx.Graph, error) {
	g, err := onnx.Infer(net.Model, &onnx.InferOptions{Inputs: onnx.Fixed(net.Shapes(n, tokens)), Values: true})
	if err != nil {
		return nil, nil, fmt.Errorf("retrain: backbone: %w", err)
	}
	p, err := grad.Build(g, &grad.Options{
		Cut: net.Cut, Features: net.Features, Pooling: net.Pooling, Mask: net.Mask,
		Space: net.Space, ChannelsLast: net.ChannelsLast, Normalize: net.Normalize,
		Classes: classes, Block: block,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("retrain: backbone: %w", err)
	}
	for _, in := range append(slices.Clone(p.Inputs), p.Target) {
		switch {
		case len(in.Dims) == 0 || in.Dims[0] != int64(n):
			return nil, nil, fmt.Errorf("retrain: backbone: tensor %s has shape %v for %d samples; the first dimension must be the samples; choose another cut", quote(in.Name), in.Dims, n)
		case slices.ContainsFunc(in.Dims, func(d int64) bool { return d < 1 }):
			return nil, nil, fmt.Errorf("retrain: backbone: tensor %s has shape %v and holds nothing; choose another cut", quote(in.Name), in.Dims)
		}
		switch in.Type {
		case pb.TensorProto_FLOAT, pb.TensorProto_INT64, pb.TensorProto_INT32:
		default:
			return nil, nil, fmt.Errorf("retrain: backbone: tensor %s is of type %v, which cannot be fed; choose another cut", quote(in.Name), in.Type)
		}
	}
	return p, g, nil
}

// weights returns what a program of the graph trains, with the layers.
func (net *Network) weights(p *grad.Program, g *onnx.Graph) ([]weight, error) {
	features := net.Features
	if features == "" {
		features = g.Outputs[0]
	}
	layers, err := layersOf(g, net.Cut, features)
	if err != nil {
		return nil, err
	}
	all := make([]weight, len(p.Weights))
	for i, w := range p.Weights {
		all[i] = weight{Weight: w, stored: g.Stored[w.Name]}
		if i < len(p.Weights)-2 {
			l, ok := layers[all[i].stored]
			if !ok { // a table that is looked up before the cut, for layers behind it
				l = layers[""]
			}
			all[i].layer, all[i].depth = l.name, l.depth
		}
	}
	return all, nil
}

// stage is where a weight stands.
type stage struct {
	name  string
	depth int // from the end: 1 is the last layer
}

// layersOf returns the layer of each tensor of the file that nodes behind a cut
// read on the way to the features, "" for all nodes. It is the layer of the
// first cut at or behind the node; nodes behind the last cut belong to its
// layer. Under "" is the layer that follows the cut.
func layersOf(g *onnx.Graph, cut, features string) (map[string]stage, error) {
	cuts, err := onnx.Cuts(g, features)
	if err != nil {
		return nil, fmt.Errorf("retrain: backbone: %w", err)
	}
	made := make(map[string]int) // the place of the node that makes a tensor
	for i, n := range g.Nodes {
		for _, out := range n.GetOutput() {
			made[out] = i
		}
	}
	depth := make([]int, len(cuts))
	for i := range slices.Backward(cuts) {
		depth[i] = 1
		if i+1 < len(cuts) {
			depth[i] = depth[i+1]
			if cuts[i].Layer != cuts[i+1].Layer {
				depth[i]++
			}
		}
	}
	at := func(node int) stage {
		if len(cuts) == 0 {
			return stage{depth: 1}
		}
		i, _ := slices.BinarySearchFunc(cuts, node, func(c onnx.Cut, node int) int { return made[c.Tensor] - node })
		i = min(i, len(cuts)-1)
		return stage{cuts[i].Layer, depth[i]}
	}
	first := 0
	if cut != "" {
		first = made[cut] + 1
	}
	layers := map[string]stage{"": at(first)}
	from := make(map[string][]string) // the tensors of the file in what is made of constants alone
	for i, n := range g.Nodes {
		constant, stored := true, []string{}
		for _, in := range n.GetInput() {
			leaves, ok := from[in]
			if s := g.Stored[in]; s != "" {
				leaves, ok = []string{s}, true
			}
			constant = constant && (ok || in == "" || g.Constants[in] != nil)
			stored = append(stored, leaves...)
		}
		for _, out := range n.GetOutput() {
			if constant {
				from[out] = stored
			}
		}
		for _, s := range stored {
			if _, ok := layers[s]; !ok && !constant && (cut == "" || i > made[cut]) {
				layers[s] = at(i)
			}
		}
	}
	return layers, nil
}

// StepSeconds estimates how long a step of n samples of that many tokens takes
// on one thread, by the graph alone; see grad.Program.Cost. The errors are
// those of package grad.
func (net *Network) StepSeconds(n, tokens, classes int) (float64, error) {
	const block = 8 // of a processor with AVX2; the estimate is the same everywhere
	p, _, err := net.build(n, tokens, classes, 0)
	if err != nil {
		return 0, err
	}
	return p.Cost(block), nil
}
