package measure

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/diff/fd"

	"github.com/headstart-ml/headstart/head"
)

// drawn returns logits and labels that are drawn from softmax(scale·z + shift).
func drawn(n int, seed uint64, scale, shift []float64) *Scores {
	c := len(scale)
	random := rand.New(rand.NewPCG(seed, 3))
	s := &Scores{Classes: c}
	p := make([]float64, c)
	for range n {
		z := make([]float64, c)
		for k := range z {
			z[k] = 2 * random.NormFloat64()
			p[k] = scale[k]*z[k] + shift[k]
		}
		head.SoftmaxTo(p, p, 1)
		u, y := random.Float64(), 0
		for ; y < c-1 && u > p[y]; y++ {
			u -= p[y]
		}
		s.Logits, s.Labels = append(s.Logits, z...), append(s.Labels, y)
		s.Folds = append(s.Folds, len(s.Labels)%5)
	}
	return s
}

// loss is the mean log-loss of s under a scaling.
func (s *Scores) loss(m *Scaling) float64 {
	sum, p := 0.0, make([]float64, s.Classes)
	for i, y := range s.Labels {
		m.SoftmaxTo(p, s.Logits[i*s.Classes:(i+1)*s.Classes])
		sum += NewOutcome(p, y).loss
	}
	return sum / float64(len(s.Labels))
}

// TestVectorScaling finds the scales and shifts that labels were drawn with,
// where these differ by class, and is no worse than the temperature where they
// do not.
func TestVectorScaling(t *testing.T) {
	scale, shift := []float64{0.3, 1, 2}, []float64{1, 0, -1}
	s, fresh := drawn(4000, 1, scale, shift), drawn(4000, 2, scale, shift)
	v, plain := FitVector(s), FitTemperature(s)
	for k := range scale {
		near(t, "scale", v.Scale[k]/v.Temperature, scale[k], 0.15)
		near(t, "shift", v.Shift[k]-v.Shift[1], shift[k], 0.15)
	}
	if v, plain := fresh.loss(v), fresh.loss(plain); v > plain-0.05 {
		t.Errorf("log-loss %.4f by vector scaling, %.4f by a temperature", v, plain)
	}
	if a := FitAuto(s); a.Scale == nil {
		t.Error("auto leaves vector scaling that is much better")
	}
	// The optimum: no direction lowers what is minimised.
	at := func(x []float64) float64 {
		sum := s.loss(&Scaling{Temperature: v.Temperature, Scale: x[:3], Shift: x[3:]}) * 4000
		for k := range 3 {
			sum += (x[k]-1)*(x[k]-1)/2 + x[3+k]*x[3+k]/2
		}
		return sum
	}
	for _, g := range fd.Gradient(nil, at, append(append([]float64(nil), v.Scale...), v.Shift...), nil) {
		if math.Abs(g) > 0.05 {
			t.Errorf("gradient %v at the end", g)
		}
	}
	same := []float64{0.5, 0.5, 0.5}
	few := drawn(60, 5, same, make([]float64, 3))
	if a := FitAuto(few); a.Scale != nil {
		t.Errorf("60 rows of one temperature get vector scaling: %+v", a)
	}
	near(t, "temperature", FitVector(drawn(4000, 6, same, make([]float64, 3))).Temperature, 2, 0.1)
}

// TestOffset: with the offset of a weighted fit the temperature is that of the
// scores by themselves, and it is part of the probabilities.
func TestOffset(t *testing.T) {
	offset := []float64{1.5, 0, -1.5}
	s := drawn(4000, 8, []float64{0.5, 0.5, 0.5}, offset)
	without := Temperature(s.Logits, s.Labels, 3)
	s.Offset = offset
	with := FitTemperature(s)
	near(t, "temperature", with.Temperature, 2, 0.1)
	if math.Abs(without-2) < 0.2 {
		t.Errorf("without the offset it is %v as well", without)
	}
	if l, least := s.loss(with), s.loss(&Scaling{Temperature: 2}); l > least-0.1 {
		t.Errorf("log-loss %v with the offset, %v without", l, least)
	}
	// A class that the model does not know stays impossible, and its rows do
	// not count.
	s = &Scores{Classes: 3, Logits: []float64{1, 0, math.Inf(-1), 0, 1, math.Inf(-1), 0, 2, math.Inf(-1), 0, 1, math.Inf(-1)}, Labels: []int{0, 1, 0, 2}, Offset: []float64{0.1, 0, 0}}
	p := make([]float64, 3)
	for _, m := range []*Scaling{FitTemperature(s), FitVector(s)} {
		m.SoftmaxTo(p, s.Logits[:3])
		if p[2] != 0 || math.Abs(p[0]+p[1]-1) > 1e-12 {
			t.Errorf("%+v gives %v", m, p)
		}
	}
}
