package retrain

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/grad"
)

func TestSchedule(t *testing.T) {
	s := newSchedule(0.2, 10)
	// Two steps of warm-up; then (1 + cos(π k/8)) / 2.
	want := []float64{0.5, 1, 1, 0.961940, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.038060}
	for i, w := range want {
		if got := s.at(i); math.Abs(got-w) > 1e-6 {
			t.Errorf("step %d: %v, not %v", i, got, w)
		}
	}
	if got := newSchedule(0, 4).at(0); got != 1 {
		t.Errorf("without warm-up it begins with %v", got)
	}
}

// TestRatesGoByLayers: 2e-3 for the head, and 0.5 times that for each layer
// further from the end; matrices decay, biases do not.
func TestRatesGoByLayers(t *testing.T) {
	ps := newPrograms(library(t), toyNetwork(""), form{classes: toyClasses, n: 4, threads: 1})
	if _, err := ps.at(0); err != nil {
		t.Fatal(err)
	}
	s, err := (&Settings{LearningRate: 2e-3, LayerDecay: 0.5, WeightDecay: 0.1, Warmup: -1}).complete()
	if err != nil {
		t.Fatal(err)
	}
	o := newOptimizer(s, ps.weights, ps.views, 100)
	want := map[string]float64{
		"net.layer.0.weight": 2.5e-4, "net.layer.0.bias": 2.5e-4, "net.layer.1.weight": 5e-4, "net.layer.1.bias": 5e-4,
		"net.layer.2.weight": 1e-3, "net.layer.2.bias": 1e-3, "head.weight": 2e-3, "head.bias": 2e-3,
	}
	for i, k := range o.coefficients(0, 1) {
		w := &ps.weights[i]
		rate := want[w.Name]
		decay := 0.0
		if len(w.Shape) == 2 {
			decay = 0.1 * rate
		}
		// At the first step, 1/(1-β₁) = 10 and 1/√(1-β₂) = 31.6228.
		if math.Abs(float64(k.rate)/(10*rate)-1) > 1e-6 || math.Abs(float64(k.decay)-decay) > 1e-10 || math.Abs(float64(k.correction)-31.6228) > 1e-4 {
			t.Errorf("%s (layer %q, %d from the end): %+v", w.Name, w.layer, w.depth, k)
		}
		delete(want, w.Name)
	}
	if len(want) > 0 {
		t.Errorf("not trained: %v", want)
	}
}

// TestAdamW follows 200 steps with a reference in float64.
func TestAdamW(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shapes := [][]int64{{40, 5}, {7}, {300, 301}}
	var weights []weight
	var views []view
	size := 0
	for i, shape := range shapes {
		weights = append(weights, weight{Weight: grad.Weight{Shape: shape, Dims: shape}, depth: i})
		views = append(views, view{size, size + int(product(shape))})
		size = views[i].to
	}
	s, err := (&Settings{LearningRate: 1e-2, WeightDecay: 0.05, Clip: 40, Threads: 2}).complete()
	if err != nil {
		t.Fatal(err)
	}
	o := newOptimizer(s, weights, views, 200)
	st := &position{weights: normals(rng, size, 1), m: make([]float32, size), v: make([]float32, size)}
	other := &position{weights: slices.Clone(st.weights), m: make([]float32, size), v: make([]float32, size)}
	w, m, v := make([]float64, size), make([]float64, size), make([]float64, size)
	for i, x := range st.weights {
		w[i] = float64(x)
	}
	clipped := 0
	for step := range 200 {
		dW := normals(rng, size, 0.2*math.Exp(rng.NormFloat64()))
		length := norm(dW)
		o.step(st, dW, length, step)
		one := *o
		one.Settings = &Settings{}
		*one.Settings = *s
		one.Threads = 1
		one.step(other, dW, length, step)
		scale, sum := 1.0, 0.0
		for _, g := range dW {
			sum += float64(g) * float64(g)
		}
		if math.Abs(length/math.Sqrt(sum)-1) > 1e-12 {
			t.Fatalf("norm %v, not %v", length, math.Sqrt(sum))
		}
		if length > 40 {
			scale = 40 / length
			clipped++
		}
		for k, at := range views {
			rate := 1e-2 * math.Pow(0.9, float64(k)) * o.schedule.at(step)
			for i := at.from; i < at.to; i++ {
				g := float64(dW[i]) * scale
				m[i] = 0.9*m[i] + 0.1*g
				v[i] = 0.999*v[i] + 0.001*g*g
				mHat, vHat := m[i]/(1-math.Pow(0.9, float64(step+1))), v[i]/(1-math.Pow(0.999, float64(step+1)))
				old := w[i]
				w[i] -= rate * mHat / (math.Sqrt(vHat) + 1e-8)
				if k != 1 {
					w[i] -= rate * 0.05 * old
				}
			}
		}
	}
	if clipped < 20 || clipped > 180 {
		t.Errorf("%d steps were clipped", clipped)
	}
	worst := 0.0
	for i := range w {
		worst = math.Max(worst, math.Abs(float64(st.weights[i])-w[i]))
	}
	t.Logf("largest difference %.1e", worst)
	if worst > 1e-5 {
		t.Errorf("off by %v", worst)
	}
	if !slices.Equal(st.weights, other.weights) {
		t.Error("another number of threads gives other weights")
	}
}
