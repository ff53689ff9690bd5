//go:build cgo && !windows

package grad

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// mobileNetV1 is the first layers of MobileNetV1 as the library transformers
// exports them: TensorFlow's padding by Pad, depthwise and 1×1 convolutions,
// and ReLU6 as Clip behind each.
func mobileNetV1(p *problem) string {
	zero, six := p.constant(func() float64 { return 0 }), p.constant(func() float64 { return 6 })
	filter := func(shape ...int64) string {
		fan := float64(product(shape[1:]))
		return p.constant(func() float64 { return 3 * p.normal() / math.Sqrt(fan) }, shape...)
	}
	layer := func(x string, in, out, k, stride, group int64) string {
		if k > 1 {
			before := int64(0)
			if stride == 1 {
				before = 1
			}
			x = p.op("Pad", x, p.ints(0, 0, before, before, 0, 0, 1, 1))
		}
		y := p.op("Conv", x, filter(out, in/group, k, k), p.weight(out), intA("group", group), intsA("strides", stride, stride))
		return p.op("Clip", y, zero, six)
	}
	x := layer(p.input(1, p.normal, 2, 3, 16, 16), 3, 8, 3, 2, 1)
	for _, stride := range []int64{1, 2, 1} {
		x = layer(x, 8, 8, 3, stride, 8)
		x = layer(x, 8, 8, 1, 1, 1)
	}
	return p.op("ReduceMean", x, intsA("axes", 2, 3), intA("keepdims", 0))
}

// TestKinksOfReLU6AreNoFault says what a directional derivative of a weight of
// MobileNetV1 that is some per cent off is. Along a step of usual size some
// activation passes 0 or 6, where ReLU6 has a kink, and a difference over a
// kink is no derivative. In float64, with a step so small that no activation
// passes, all of them agree.
func TestKinksOfReLU6AreNoFault(t *testing.T) {
	p := newProblem(rand.New(rand.NewPCG(1, 6)), 17)
	p.finish(t, mobileNetV1(p))
	program, err := Build(p.graph, &Options{Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	values := p.state()
	program.begin(p.rng, values)
	got := run(t, program, values)
	// sides tells for each activation if it is below 0, above 6 or neither.
	sides := func(v map[string]*array) []int8 {
		all := make(map[string]*array, len(v))
		for name, x := range v {
			all[name] = x
		}
		if err := interpret(p.graph.Opset, p.graph.Nodes, all); err != nil {
			t.Fatal(err)
		}
		var s []int8
		for _, n := range p.graph.Nodes {
			if n.GetOpType() != "Clip" {
				continue
			}
			for _, x := range all[n.GetInput()[0]].v {
				switch {
				case x <= 0:
					s = append(s, -1)
				case x >= 6:
					s = append(s, 1)
				default:
					s = append(s, 0)
				}
			}
		}
		return s
	}
	worst, where, passedBy, least := 0.0, "", 0, 0.0
	for _, w := range program.Weights {
		x := values[w.Name]
		direction, exact, norm := make([]float64, len(x.v)), 0.0, 0.0
		for i := range direction {
			direction[i] = p.rng.NormFloat64()
			exact += direction[i] * float64(got.dW[w.Name][i])
			norm += float64(got.dW[w.Name][i]) * float64(got.dW[w.Name][i])
		}
		// along returns the difference over a step, relative to the gradient,
		// and how many activations pass a kink on it.
		along := func(h float64) (off float64, passed int) {
			var loss [2]float64
			var side [2][]int8
			for k, sign := range []float64{1, -1} {
				moved := newArray(x.dims...)
				for i, d := range direction {
					moved.v[i] = x.v[i] + sign*h*d
				}
				values[w.Name] = moved
				loss[k], side[k] = p.lossOf(t, program, values), sides(values)
			}
			values[w.Name] = x
			for i, s := range side[0] {
				if s != side[1][i] {
					passed++
				}
			}
			return math.Abs((loss[0]-loss[1])/(2*h)-exact) / math.Sqrt(norm), passed
		}
		off, passed := along(1e-2)
		if off > worst && !strings.HasPrefix(w.Name, "head") {
			worst, where, passedBy = off, w.Name, passed
		}
		for h := 1e-3; passed > 0 && h >= 1e-8; h /= 10 {
			off, passed = along(h)
		}
		if passed > 0 {
			t.Errorf("%s: with the smallest step an activation passes a kink", w.Name)
		}
		if least = max(least, off); !(off <= 1e-4) {
			t.Errorf("%s: no activation passes a kink, and the derivative is off by %.1e", w.Name, off)
		}
	}
	t.Logf("with a step of 1e-2 %s is off by %.2f %%, over %d kinks; without kinks all agree to %.1e", where, 100*worst, passedBy, least)
	if worst < 1e-2 || passedBy == 0 {
		t.Errorf("no derivative over kinks is more than 1 %% off; the largest is %.1e over %d kinks", worst, passedBy)
	}
}
