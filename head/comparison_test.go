package head

import (
	"math"
	"slices"
	"testing"
)

func TestLogitsOfFewerClasses(t *testing.T) {
	r := &Result{Classes: []string{"a", "b", "c"}, Model: &Model{Classes: []string{"a", "c"}}}
	if y := r.LabelsOf([]string{"c", "b", "a", ""}, []int{0, 1, 2, 3}); !slices.Equal(y, []int{1, -1, 0, -1}) {
		t.Errorf("labels %v", y)
	}
	inf := math.Inf(-1)
	if z := r.Widen([]float64{1, 2, 3, 4}); !slices.Equal(z, []float64{1, inf, 2, 3, inf, 4}) {
		t.Errorf("logits %v", z)
	}
	if r.Widen(nil) != nil {
		t.Error("logits that are not known became known")
	}
}

func TestWeigh(t *testing.T) {
	d := &Data{Labels: []string{"a", "a", "a", "b", "b", ""}, Weights: []float64{1, 3, 2, 2, 5, 1}}
	r := &Result{Parts: [3][]int{{0, 1, 3}, {2, 4}}}
	near := func(got []float64, want ...float64) {
		t.Helper()
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Errorf("weights %v, not %v", got, want)
				return
			}
		}
	}
	near(Weigh(d, &Settings{}, r), 0.5, 1.5, 0, 1, 0, 0)
	near(Weigh(d, &Settings{ClassWeight: "balanced"}, r), 0.375, 1.125, 0, 1.5, 0, 0) // a: 1/4 and 3/4, b: 1
	near(Weigh(d, &Settings{ClassWeight: "map", ClassWeights: map[string]float64{"a": 1, "b": 4}}, r), 0.25, 0.75, 0, 2, 0, 0)
	d.Weights = nil
	near(Weigh(d, &Settings{}, r), 1, 1, 0, 1, 0, 0)
}

// TestScore checks that rows of a class that there are no logits for are wrong.
func TestScore(t *testing.T) {
	logits := []float64{2, 0, 0, 2, 2, 0}
	labels := []int{0, 0, -1}
	if v := Score("accuracy", logits, labels, 2); math.Abs(v-1.0/3) > 1e-12 {
		t.Errorf("accuracy %v", v)
	}
	want := (math.Log1p(math.Exp(-2)) + 2 + math.Log1p(math.Exp(-2)) - math.Log(minProbability)) / 3
	if v := Score("log-loss", logits, labels, 2); math.Abs(v+want) > 1e-12 {
		t.Errorf("log-loss %v, not %v", v, -want)
	}
	// class 0: one of two rows hit, predicted twice; class 1: predicted once, no row; the third: one row
	if v := Score("macro-f1", logits, labels, 2); math.Abs(v-(2.0/4)/3) > 1e-12 {
		t.Errorf("macro-F1 %v", v)
	}
}

func TestWayOverSeeds(t *testing.T) {
	w := new(Way)
	for _, v := range []float64{0.5, 0.7} {
		m := &Metrics{Accuracy: Estimate{Value: v}}
		if err := w.Add("accuracy", &Tests{Validation: m, Train: m}); err != nil {
			t.Fatal(err)
		}
	}
	if v := w.Validation; math.Abs(v.Mean-0.6) > 1e-12 || math.Abs(v.SD-math.Sqrt(0.02)) > 1e-12 || len(w.Test.Values) != 0 {
		t.Errorf("%+v", w)
	}
	if w.Add("rank", &Tests{Train: new(Metrics)}) == nil {
		t.Error("an unknown metric is no error")
	}
}

func TestSteady(t *testing.T) {
	m := &Model{D: 3, Weight: []float64{1, 4e9, 2, 3, -1e9, 5}, Bias: []float64{1, 2}, Mean: []float64{7, 2e-9, 8}, Scale: []float64{0.5, 1e-9, 2}}
	w, b := m.Steady()
	if !slices.Equal(w, []float32{1, 0, 2, 3, 0, 5}) || !slices.Equal(b, []float32{9, 0}) {
		t.Errorf("weights %v, biases %v", w, b)
	}
	if m.Weight[1] != 4e9 || m.Bias[0] != 1 {
		t.Error("the model has changed")
	}
}

// TestTrained checks that a model with new weights and one of its logits say the
// same.
func TestTrained(t *testing.T) {
	m := &Model{Kind: "softmax", Classes: []string{"a", "b"}, D: 2, Weight: []float64{1, 2, 3, 4}, Bias: []float64{0, 0}, Mean: []float64{5, 5}, Scale: []float64{3, 3}, Temperature: 9}
	n := m.Trained([]float32{1, -1, 0.5, 2}, []float32{0.5, -0.5}, &Calibration{Temperature: 2})
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	if m.Weight[1] != 2 || m.Mean[0] != 5 {
		t.Error("the model has changed")
	}
	var p, q [2]float64
	x := []float32{2, 1}
	if err := n.ProbabilitiesTo(p[:], x, 1); err != nil {
		t.Fatal(err)
	}
	logits := []float32{1.5, 2.5}
	if err := n.OfLogits().ProbabilitiesTo(q[:], logits, 1); err != nil {
		t.Fatal(err)
	}
	if want := 1 / (1 + math.Exp(-0.5)); p != q || math.Abs(p[1]-want) > 1e-12 {
		t.Errorf("%v and %v, not %v", p, q, want)
	}
	if n := m.Trained(make([]float32, 4), make([]float32, 2), nil); n.Temperature != 1 {
		t.Errorf("temperature %v without calibration", n.Temperature)
	}
}
