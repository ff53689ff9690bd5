package grad

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// TestBuffersStayFrozen: of two layers that share rotary tables and a position
// bias, neither is trained, with and without a cut between the layers; a matrix
// that they share is trained on the far side of the cut.
func TestBuffersStayFrozen(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
		}
		return v
	}
	for _, second := range []string{"w2", "w1"} {
		m := &pb.ModelProto{
			IrVersion: new(int64(8)), OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(17))}},
			Graph: &pb.GraphProto{
				Name:   new("layers"),
				Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, onnx.Dim{Size: 4}, onnx.Dim{Size: 4})},
				Output: []*pb.ValueInfoProto{onnx.TensorValue("out", pb.TensorProto_FLOAT, onnx.Dim{Size: 4}, onnx.Dim{Size: 4})},
				Initializer: []*pb.TensorProto{
					onnx.FloatTensor("w1", values(16), 4, 4), onnx.FloatTensor("w2", values(16), 4, 4),
					onnx.FloatTensor("cos", values(16), 4, 4), onnx.FloatTensor("bias", values(16), 4, 4),
				},
				Node: []*pb.NodeProto{
					onnx.Node("MatMul", []string{"x", "w1"}, []string{"a"}), onnx.Node("Mul", []string{"a", "cos"}, []string{"ac"}), onnx.Node("Add", []string{"ac", "bias"}, []string{"y"}),
					onnx.Node("MatMul", []string{"y", second}, []string{"b"}), onnx.Node("Mul", []string{"b", "cos"}, []string{"bc"}), onnx.Node("Add", []string{"bc", "bias"}, []string{"out"}),
				},
			},
		}
		g, err := onnx.Infer(m, &onnx.InferOptions{Values: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []string{"", "y"} {
			p, err := Build(g, &Options{Cut: cut, Classes: 2})
			if err != nil {
				t.Fatal(err)
			}
			var trained []string
			for _, w := range p.Weights[:len(p.Weights)-2] {
				trained = append(trained, w.Name)
			}
			want := []string{"w1", second}
			if cut != "" || second == "w1" {
				want = want[1:]
			}
			if !slices.Equal(trained, want) {
				t.Errorf("cut %q: trained are %v, not %v", cut, trained, want)
			}
		}
	}
}
