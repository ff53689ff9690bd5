//go:build cgo && !windows

package grad

import (
	"math/rand/v2"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// TestARowOfZeros: with normalised features a row of zeros gives the logits of
// zeros, the bias, and every gradient is a finite number, by whichever pooling;
// likewise where the backbone itself divides by a length.
func TestARowOfZeros(t *testing.T) {
	for _, pooling := range layer.Poolings {
		if !pooling.Gradient || pooling.Name == "gem" { // which makes no zeros
			continue
		}
		t.Run(pooling.Name, func(t *testing.T) { zerosOf(t, pooling.Name) })
	}
	t.Run("in the backbone", func(t *testing.T) { zerosOf(t, "") })
}

func zerosOf(t *testing.T, pooling string) {
	p := newProblem(rand.New(rand.NewPCG(5, 6)), 17)
	dims, kind := []int64{3, 2, 4}, layer.Pooling{Name: "none"}
	if pooling != "" {
		kind, _ = layer.Find(pooling)
	}
	switch {
	case kind.Name == "none":
		dims = []int64{3, 4}
	case kind.Space:
		dims = []int64{3, 4, 2, 2}
	}
	x := p.input(pb.TensorProto_FLOAT, p.normal, dims...)
	each := product(dims) / 3
	for i := each; i < 2*each; i++ { // the second sample
		p.fed[x].v[i] = 0
	}
	mask := p.input(pb.TensorProto_INT64, func() float64 { return 1 }, 3, 2)
	channels := []int64{4}
	if kind.Space {
		channels = []int64{4, 1, 1}
	}
	scale := p.weight(channels...)
	y := p.op("Mul", x, scale)
	if pooling == "" {
		length := p.op("ReduceL2", y, intsA("axes", 1))
		y = p.op("Div", y, p.op("Max", length, p.constant(func() float64 { return 1e-12 })))
	}
	p.finish(t, p.op("Flatten", p.op("Mul", y, p.constant(func() float64 { return 1 }))))
	values := p.state()
	program, err := Build(p.graph, &Options{Features: y, Pooling: pooling, Mask: mask, Classes: 3, Normalize: pooling != ""})
	if err != nil {
		t.Fatal(err)
	}
	program.begin(p.rng, values)
	got := run(t, program, values)
	bias := values[program.Weights[len(program.Weights)-1].Name]
	for k := range 3 {
		if v := got.logits[3+k]; v != float32(bias.v[k]) {
			t.Errorf("logit %d of zeros is %v, the bias %v", k, v, bias.v[k])
		}
	}
	if got.loss-got.loss != 0 {
		t.Errorf("the loss is %v", got.loss)
	}
	if len(got.dW) != 3 {
		t.Errorf("%d gradients", len(got.dW))
	}
	for name, dW := range got.dW {
		for i, v := range dW {
			if !(v > -1e4 && v < 1e4) {
				t.Errorf("element %d of the gradient of %s is %v", i, name, v)
			}
		}
	}
}
