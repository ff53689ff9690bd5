package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
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

// pool appends what makes the rows that the head reads of the features.
func (b *builder) pool(features string, o *Options) (string, error) {
	x, err := b.matrix(features, o.Pooling, o.Mask)
	if err != nil || !o.Normalize {
		return x, err
	}
	return b.div(x, b.unary("Sqrt", b.sum(b.mul(x, x), true, 1))), nil
}

// matrix appends what makes a matrix of features.
func (b *builder) matrix(x, pooling, mask string) (string, error) {
	s := b.shapes[x]
	rank, ok := map[string]int{"": 2, "cls": 3, "mean": 3, "gap": max(len(s), 3)}[pooling]
	if !ok {
		return "", fmt.Errorf("grad: pooling %s is none of cls, mean and gap", quote(pooling))
	}
	if len(s) != rank {
		return "", fmt.Errorf("grad: features %s have shape %v, which pooling %s does not make a matrix of", quote(x), s, quote(pooling))
	}
	switch pooling {
	case "cls":
		return b.reshape(b.prefix(x, []int64{1}, []int64{1}), s[0], s[2]), nil
	case "mean":
		if !slices.Contains(b.graph.Inputs, mask) || !slices.Equal(b.shapes[mask], s[:2]) {
			return "", fmt.Errorf("grad: mask %s of features %s is no input of shape %v", quote(mask), quote(x), s[:2])
		}
		m := b.reshape(b.number(mask), s[0], 1, s[1])
		share := b.div(m, b.binary("Max", b.sum(m, true, 2), b.scalar(1)))
		return b.reshape(b.op("MatMul", []int64{s[0], 1, s[2]}, []string{share, x}), s[0], s[2]), nil
	case "gap":
		return b.reshape(b.mean(x, sequence(2, int64(rank))...), s[:2]...), nil
	}
	return x, nil
}
