package measure

import (
	"math"
	"testing"
)

// The standard error is the one that the interval was made of.
func TestScore(t *testing.T) {
	const n, k = 4000, 3000
	p, labels := make([]float64, 2*n), make([]int, n)
	for i := range n {
		p[2*i], p[2*i+1] = 0.75, 0.25
		if i >= k {
			labels[i] = 1
		}
	}
	m, err := evaluate(p, labels, []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[string]Score{
		"": {0.75, math.Sqrt(0.75 * 0.25 / n)}, "accuracy": {0.75, math.Sqrt(0.75 * 0.25 / n)},
		"log-loss": {-(0.75*-math.Log(0.75) + 0.25*-math.Log(0.25)), math.Sqrt(0.75*0.25/n) * math.Log(3)},
	} {
		c, err := m.Score(metric)
		if err != nil {
			t.Fatal(err)
		}
		near(t, metric, c.Value, want.Value, 1e-12)
		near(t, "standard error of "+metric, c.SE/want.SE, 1, 0.1)
	}
	if c, err := m.Score("macro-f1"); err != nil || c.Value != m.MacroF1.Value || !(c.SE > 0) {
		t.Errorf("macro-f1: %+v %v", c, err)
	}
	if c, err := (*Metrics)(nil).Score("log-loss"); err != nil || !math.IsNaN(c.Value) {
		t.Errorf("of nothing: %+v %v", c, err)
	}
	if _, err := m.Score("auc"); err == nil {
		t.Error("an unknown metric is taken")
	}
}

// TestOfLogits checks that rows of a class that there are no logits for are
// wrong.
func TestOfLogits(t *testing.T) {
	logits := []float64{2, 0, 0, 2, 2, 0}
	labels := []int{0, 0, -1}
	if v := OfLogits("accuracy", logits, labels, 2); math.Abs(v-1.0/3) > 1e-12 {
		t.Errorf("accuracy %v", v)
	}
	want := (math.Log1p(math.Exp(-2)) + 2 + math.Log1p(math.Exp(-2)) - math.Log(minProbability)) / 3
	if v := OfLogits("log-loss", logits, labels, 2); math.Abs(v+want) > 1e-12 {
		t.Errorf("log-loss %v, not %v", v, -want)
	}
	// class 0: one of two rows hit, predicted twice; class 1: predicted once,
	// no row; the third: one row
	if v := OfLogits("macro-f1", logits, labels, 2); math.Abs(v-(2.0/4)/3) > 1e-12 {
		t.Errorf("macro-F1 %v", v)
	}
}
