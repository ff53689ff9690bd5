package head

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// small is a perceptron of two features, three and two hidden units, and two
// scores.
func small() *Perceptron {
	return &Perceptron{
		Layers: []Dense{
			{Weight: []float64{1, 2, -1, 0.5, 0, -3}, Bias: []float64{0.5, 0, 1}},
			{Weight: []float64{1, -1, 2, 0.25, 1, 0}, Bias: []float64{-1, 0}},
			{Weight: []float64{2, 1, -1, 3}, Bias: []float64{0, 0.125}},
		},
		Mean: []float64{0, 0}, Scale: []float64{1, 1},
	}
}

// Scores are those that are computed by hand, each row by itself.
func TestPerceptron(t *testing.T) {
	p := small()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	if d, k := p.Dims(); d != 2 || k != 2 || !slices.Equal(p.Hidden(), []int{3, 2}) {
		t.Fatalf("%d features, %d scores, hidden %v", d, k, p.Hidden())
	}
	// (1, 1): hidden 3.5, max(−0.5, 0), max(−2, 0); then 2.5, 0.875.
	// (−2, 0): max(−1.5, 0), 2, 1; then max(−1, 0), 2.
	x := []float32{1, 1, -2, 0}
	want := []float64{5.875, 0.25, 2, 6.125}
	have := make([]float64, 4)
	if p.ScoresTo(have, x, 2); !slices.Equal(have, want) {
		t.Errorf("scores %v, not %v", have, want)
	}
	p.Normalize = true
	scaled := []float32{3, 4, 0, 0}
	p.ScoresTo(have, scaled, 2)
	p.Normalize = false
	p.ScoresTo(want, []float32{0.6, 0.8, 0, 0}, 2)
	for i := range want {
		if !(math.Abs(have[i]-want[i]) < 1e-6) {
			t.Errorf("of rows of length 1 %v, not %v", have, want)
		}
	}
	// A row that is as long as float32 allows is not cut off, nor does it
	// overflow.
	p.ScoresTo(have[:2], []float32{3e38, 3e38}, 1)
	if have[0]-have[0] != 0 || !(have[0] > 1e38) {
		t.Errorf("scores of a long row %v", have[:2])
	}
}

// A perceptron whose scores are scaled and shifted has those, and the hidden
// layers that it had.
func TestPerceptronRescaled(t *testing.T) {
	p := small()
	x, z, have := []float32{1, 1}, make([]float64, 2), make([]float64, 2)
	p.ScoresTo(z, x, 1)
	p.Rescaled([]float64{2, -3}, []float64{0.5, 7}).ScoresTo(have, x, 1)
	if want := []float64{2*z[0] + 0.5, -3*z[1] + 7}; !slices.Equal(have, want) {
		t.Errorf("%v, not %v", have, want)
	}
	if p.ScoresTo(have, x, 1); !slices.Equal(have, z) {
		t.Error("the perceptron itself is changed")
	}
}

// What is wrong with a perceptron is said.
func TestPerceptronCheck(t *testing.T) {
	for want, change := range map[string]func(p *Perceptron){
		"0 features":           func(p *Perceptron) { p.Mean, p.Scale = nil, nil },
		"2 means and 1 scales": func(p *Perceptron) { p.Scale = p.Scale[:1] },
		"0 hidden layers":      func(p *Perceptron) { p.Layers = p.Layers[:1] },
		"3 hidden layers":      func(p *Perceptron) { p.Layers = append(p.Layers, p.Layers[2]) },
		"layer 2: 5 weights for 2 outputs × 3 in": func(p *Perceptron) { p.Layers[1].Weight = p.Layers[1].Weight[:5] },
		"layer 3: 4 weights for 0 outputs":        func(p *Perceptron) { p.Layers[2].Bias = nil },
		"layer 1: weight: value 3 is NaN":         func(p *Perceptron) { p.Layers[0].Weight[3] = math.NaN() },
		"layer 1: 16385 units":                    func(p *Perceptron) { p.Layers[0].Bias = make([]float64, MaxUnits+1) },
		"layer 2: bias: value 1 is +Inf":          func(p *Perceptron) { p.Layers[1].Bias[1] = math.Inf(1) },
		"mean: value 0 is -Inf":                   func(p *Perceptron) { p.Mean[0] = math.Inf(-1) },
		"scale: value 1 is NaN":                   func(p *Perceptron) { p.Scale[1] = math.NaN() },
	} {
		p := small()
		change(p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
	if d, k := (&Perceptron{Mean: []float64{1}}).Dims(); d != 1 || k != 0 {
		t.Errorf("%d features and %d scores of no layers", d, k)
	}
	defer func() {
		if recover() == nil {
			t.Error("rows of another length are taken")
		}
	}()
	small().ScoresTo(make([]float64, 2), make([]float32, 3), 1)
}
