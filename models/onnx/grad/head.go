package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// head appends logits = features W + b and fills in what the head and the loss
// add to the program: the target and the two weights.
func (b *builder) head(p *Program, features string, classes int64) {
	N, D := b.shapes[features][0], b.shapes[features][1]
	p.Target = Input{Name: b.name("target"), Type: pb.TensorProto_FLOAT, Dims: []int64{N, classes}}
	w := Weight{Name: b.name("head.weight"), Shape: []int64{classes, D}, Dims: []int64{classes, D}}
	c := Weight{Name: b.name("head.bias"), Shape: []int64{classes}, Dims: []int64{classes}}
	gemm := onnx.Node("Gemm", []string{features, w.Name, c.Name}, []string{p.Logits}, onnx.IntAttribute("transB", 1))
	w.Node, c.Node = gemm.GetName(), gemm.GetName()
	p.Weights = []Weight{w, c}
	b.shapes[w.Name], b.shapes[c.Name], b.shapes[p.Logits] = w.Dims, c.Dims, []int64{N, classes}
	b.emit(gemm)
}

// rows returns g with what makes the rows that the head reads of the features
// behind it, and the name of the rows.
func rows(g *onnx.Graph, features string, o *Options) (*onnx.Graph, string, error) {
	s := g.Shapes[features]
	p, ok := layer.Find(o.Pooling)
	if !ok || !p.Gradient {
		return nil, "", fmt.Errorf("grad: pooling %s is none that has a gradient", quote(o.Pooling))
	}
	space, rank := o.Space || p.Space, 3
	switch {
	case p.Name == "none":
		space, rank = false, 2
	case space:
		rank = max(len(s), 3)
	}
	if len(s) != rank {
		return nil, "", fmt.Errorf("grad: features %s have shape %v, which pooling %s does not make a matrix of", quote(features), s, quote(o.Pooling))
	}
	r := &layer.Rows{
		Features: features, Pooling: o.Pooling, Normalize: o.Normalize,
		Space: space && o.ChannelsLast, ChannelsFirst: space && !o.ChannelsLast, D: s[rank-1],
	}
	if r.ChannelsFirst {
		r.D = s[1]
	}
	if p.Name == "meanstd" {
		r.D *= 2
	}
	if p.Masked && !space && o.Mask != "" {
		if r.Mask = o.Mask; !slices.Contains(g.Inputs, r.Mask) || !slices.Equal(g.Shapes[r.Mask], s[:2]) {
			return nil, "", fmt.Errorf("grad: mask %s of features %s is no input of shape %v", quote(r.Mask), quote(features), s[:2])
		}
	}
	part, name, err := r.Graph(g.Opset)
	if err != nil {
		return nil, "", fmt.Errorf("grad: %w", err)
	}
	g, names, err := g.Append(part)
	if err != nil {
		return nil, "", fmt.Errorf("grad: %w", err)
	}
	if own := names[name]; own != "" {
		name = own
	}
	return g, name, nil
}
