package models

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Work is what a backbone takes for one sample, up to its taps: what comes
// behind them is not run.
type Work struct {
	// MultiplyAdds are multiplications with an addition, of convolutions and
	// matrix products, which take nearly all of the time. 0: they are not
	// known, since an operator multiplies in a way that is not counted.
	MultiplyAdds int64
	// Parameters are the elements of the stored tensors.
	Parameters int64
}

// uncounted are operators that multiply matrices inside.
var uncounted = []string{
	"Attention", "Einsum", "GRU", "LSTM", "MatMulNBits", "MultiHeadAttention", "QAttention", "QLinearConv", "QLinearMatMul", "RNN",
}

// Work counts what the backbone takes for a sample; a text is taken to have so
// many tokens. Errors are those of a graph that cannot be followed.
func (s *Spec) Work(tokens int) (*Work, error) {
	if tokens < 1 {
		return nil, fmt.Errorf("models: %s: a text of %d tokens", s.Weights.Path, tokens)
	}
	m, err := onnx.Decode(s.Weights.Data)
	if err == nil {
		m, err = onnx.Prune(m, s.Outputs()...)
	}
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	sum, err := onnx.Walk(m)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	w := &Work{Parameters: sum.Parameters}
	inputs := make(map[string][]onnx.Dim)
	for name, dims := range s.InputDims() {
		if !slices.ContainsFunc(m.GetGraph().GetInput(), func(v *pb.ValueInfoProto) bool { return v.GetName() == name }) {
			continue
		}
		for _, d := range dims {
			switch {
			case d.Size >= 0:
			case d.Name == openTokens:
				d = onnx.Dim{Size: int64(tokens)}
			default:
				d = onnx.Dim{Size: 1}
			}
			inputs[name] = append(inputs[name], d)
		}
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: inputs})
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	for _, n := range g.Nodes {
		if slices.Contains(uncounted, n.GetOpType()) {
			return &Work{Parameters: w.Parameters}, nil
		}
		w.MultiplyAdds += multiplyAdds(g, n)
	}
	return w, nil
}

// multiplyAdds counts those of a node: each element of what it makes, or of a
// transposed convolution of what it reads, meets the elements of a filter's
// other dimensions, or of a row.
func multiplyAdds(g *onnx.Graph, n *pb.NodeProto) int64 {
	volume := func(dims []int64) int64 {
		v := int64(1)
		for _, d := range dims {
			v *= d
		}
		return v
	}
	in, out := n.GetInput(), n.GetOutput()
	switch n.GetOpType() {
	case "Conv", "ConvInteger", "FusedConv":
		if filter := g.Shapes[in[1]]; len(filter) > 1 {
			return volume(g.Shapes[out[0]]) * volume(filter[1:])
		}
	case "ConvTranspose":
		if filter := g.Shapes[in[1]]; len(filter) > 1 {
			return volume(g.Shapes[in[0]]) * volume(filter[1:])
		}
	case "MatMul", "MatMulInteger", "FusedMatMul", "Gemm", "FusedGemm":
		x := g.Shapes[in[0]]
		if len(x) == 0 {
			return 0
		}
		inner := x[len(x)-1]
		for _, a := range n.GetAttribute() {
			if a.GetName() == "transA" && a.GetI() != 0 && len(x) > 1 {
				inner = x[len(x)-2]
			}
		}
		return volume(g.Shapes[out[0]]) * inner
	}
	return 0
}
