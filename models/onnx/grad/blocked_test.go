//go:build cgo && !windows

package grad

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// blockSize asks the runtime how many channels its blocks have; 0 if it has
// none.
func blockSize(t testing.TB) int64 {
	t.Helper()
	data, err := onnx.Encode(BlockProbe())
	if err != nil {
		t.Fatal(err)
	}
	s, err := library(t).NewSession(data, &runtime.Options{Inputs: []string{"x"}, Outputs: []string{"shape"}})
	if err != nil {
		return 0
	}
	defer s.Close()
	shape := make([]int64, 4)
	err = s.Run(context.Background(), []tensor.View{{Shape: []int64{1, 8, 1, 1}, F32: make([]float32, 8)}},
		[]tensor.View{{Shape: []int64{4}, I64: shape}})
	if err != nil {
		t.Fatal(err)
	}
	return shape[1]
}

// inBlocks runs a graph in the plain layout and in blocks, and returns the
// largest difference of a gradient, relative to its largest element.
func inBlocks(t testing.TB, g *onnx.Graph, o Options, B int64, values func(p *Program) map[string]*array) (float64, *Program) {
	t.Helper()
	o.Block = 0
	plain, err := Build(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	o.Block = B
	blocked, err := Build(g, &o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(plain.InputNames(), blocked.InputNames()) || !slices.Equal(plain.OutputNames(), blocked.OutputNames()) {
		t.Fatal("the programs have different inputs or outputs")
	}
	v := values(plain)
	want := run(t, plain, v)
	for _, w := range blocked.Weights {
		x := newArray(w.Dims...)
		src, dst := make([]float32, product(w.Shape)), make([]float32, len(x.v))
		for i := range src {
			src[i] = float32(v[w.Name].v[i])
		}
		w.Pack(dst, src)
		for i := range dst {
			x.v[i] = float64(dst[i])
		}
		v[w.Name] = x
	}
	got := run(t, blocked, v)
	if d := math.Abs(got.loss - want.loss); !(d <= 1e-5*math.Abs(want.loss)) {
		t.Errorf("the loss is %v, in the plain layout %v", got.loss, want.loss)
	}
	worst, largest := 0.0, 0.0
	size := func(v []float32) float64 {
		return math.Max(float64(slices.Max(v)), -float64(slices.Min(v)))
	}
	for _, w := range plain.Weights {
		largest = max(largest, size(want.dW[w.Name]))
	}
	for _, w := range blocked.Weights {
		dW := make([]float32, product(w.Shape))
		w.Unpack(dW, got.dW[w.Name])
		again := make([]float32, product(w.Dims))
		if w.Pack(again, dW); !slices.Equal(again, got.dW[w.Name]) {
			t.Errorf("%s: the padding has a gradient", w.Name)
		}
		off := 0.0
		for i, v := range want.dW[w.Name] {
			off = max(off, math.Abs(float64(dW[i]-v)))
			if math.IsNaN(float64(dW[i])) {
				t.Fatalf("%s: not a number", w.Name)
			}
		}
		if e := off / measure(size(want.dW[w.Name]), largest); e > worst {
			worst = e
		}
	}
	return worst, blocked
}

// TestBlocksEqualThePlainLayout runs networks of random convolutions and the
// built-in image backbone both ways.
func TestBlocksEqualThePlainLayout(t *testing.T) {
	B := blockSize(t)
	if B == 0 {
		t.Skip("the runtime has no blocked layout on this machine")
	}
	t.Run("random", func(t *testing.T) {
		worst, convolutions := 0.0, 0
		for seed := range uint64(80) {
			p := newProblem(rand.New(rand.NewPCG(seed, 9)), 17)
			y := p.convolutions(B)
			p.finish(t, y)
			o := Options{Classes: 3}
			if seed%4 == 0 { // half of the weights are frozen
				o.Train = func(w string) bool { return w[len(w)-1]%2 == 0 }
			}
			e, blocked := inBlocks(t, p.graph, o, B, func(program *Program) map[string]*array {
				values := p.state()
				program.begin(p.rng, values)
				return values
			})
			for _, n := range blocked.Step.GetGraph().GetNode() {
				if n.GetDomain() == nchwc && n.GetOpType() == "Conv" {
					convolutions++
				}
			}
			if !(e <= 1e-5) {
				t.Errorf("seed %d: off by %.1e\n%v", seed, e, p)
			}
			worst = max(worst, e)
		}
		t.Logf("largest difference %.1e; %d convolutions in blocks", worst, convolutions)
		if convolutions < 200 {
			t.Errorf("only %d convolutions are in blocks", convolutions)
		}
	})
	for _, c := range []struct {
		cut  string
		n    int64
		size int64
	}{{"Add_8", 4, 224}, {"Add_3", 2, 224}, {"", 2, 64}, {"", 1, 96}} {
		t.Run("efficientnet-lite0 "+c.cut, func(t *testing.T) {
			g, o := backbone(t, "efficientnet-lite0", c.n, c.size)
			o.Cut = c.cut
			e, blocked := inBlocks(t, g, *o, B, (*Program).feed)
			t.Logf("largest difference %.1e", e)
			if !(e <= 1e-5) {
				t.Errorf("off by %.1e", e)
			}
			for _, n := range blocked.Step.GetGraph().GetNode() {
				if n.GetOpType() == "ConvTranspose" {
					t.Errorf("node %s is not in blocks", title(n))
				}
			}
		})
	}
}

// convolutions makes a small network of convolutions of all kinds, skip
// connections, squeeze-and-excite and clippings.
func (p *problem) convolutions(B int64) string {
	side := p.between(4, 9)
	C := B * p.between(1, 2)
	if p.rng.IntN(2) == 0 {
		C = 4 * p.between(1, 6) // padded
	}
	x := p.input(pb.TensorProto_FLOAT, p.normal, p.between(1, 2), 3, side, p.between(4, 9))
	conv := func(x string, in, out, k, group int64) string {
		s := p.between(1, 2)
		f := p.constant(func() float64 { return p.normal() / math.Sqrt(float64(in/group*k*k)) }, out, in/group, k, k)
		pads := []int64{p.between(0, k-1), p.between(0, k-1), p.between(0, k-1), p.between(0, k-1)}
		parts := []any{x, f}
		if p.rng.IntN(4) > 0 {
			parts = append(parts, p.weight(out))
		}
		pads[0], pads[1] = max(pads[0], k/2), max(pads[1], k/2)
		pads[2], pads[3] = max(pads[2], k/2), max(pads[3], k/2)
		return p.op("Conv", append(parts, intA("group", group), intsA("strides", s, s), intsA("pads", pads...))...)
	}
	act := func(x string) string {
		switch p.rng.IntN(6) {
		case 0:
			return p.op("Relu", x)
		case 1:
			return p.op("Clip", x, p.zero(), p.constant(func() float64 { return 1 }))
		case 2:
			return p.op("HardSwish", x)
		case 3:
			return p.op("Mul", x, p.op("Sigmoid", x))
		case 4:
			return p.op("Clip", x, p.constant(func() float64 { return -1 }))
		}
		return x
	}
	x = act(conv(x, 3, C, 3, 1))
	for range p.between(1, 3) {
		switch p.rng.IntN(6) {
		case 0:
			x = act(conv(x, C, C, p.between(1, 3), C))
		case 1:
			x = act(conv(x, C, C, p.between(1, 3), 1))
		case 2: // not in blocks
			x = act(conv(x, C, C, 3, 2))
		case 3: // a skip connection
			f := p.constant(func() float64 { return p.normal() / float64(C) }, C, C, 1, 1)
			x = act(p.op("Add", p.op("Conv", x, f), x))
		case 4:
			s := p.op("GlobalAveragePool", x)
			f := p.constant(func() float64 { return p.normal() / float64(C) }, C, C, 1, 1)
			x = p.op("Mul", x, p.op("Sigmoid", p.op("Conv", s, f, p.weight(C))))
		case 5:
			a, b := p.op("Exp", p.op("Neg", p.op("Abs", x))), p.op("Relu", x)
			x = p.op("Add", a, b)
		}
	}
	if p.rng.IntN(2) == 0 {
		return p.op("ReduceMean", x, intsA("axes", 2, 3), intA("keepdims", 0))
	}
	return p.op("Flatten", p.op("GlobalAveragePool", act(x)))
}
