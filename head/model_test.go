package head

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestModelCheck(t *testing.T) {
	good := func() *Model {
		return &Model{Kind: "softmax", Classes: []string{"a", "b"}, D: 2, Weight: make([]float64, 4), Bias: make([]float64, 2), Mean: make([]float64, 2), Scale: []float64{1, 1}, Temperature: 1}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set  func(m *Model)
		want string
	}{
		{func(m *Model) { m.Kind = "tree" }, `unknown kind "tree"`},
		{func(m *Model) { m.Classes = m.Classes[:1] }, "1 classes"},
		{func(m *Model) { m.D = 0 }, "0 features"},
		{func(m *Model) { m.Weight = m.Weight[1:] }, "weight: 3 values"},
		{func(m *Model) { m.Bias = nil }, "bias: 0 values"},
		{func(m *Model) { m.Scale = nil }, "0 scales"},
		{func(m *Model) { m.Temperature = 0 }, "temperature 0"},
		{func(m *Model) { m.Weight[3] = math.NaN() }, "weight: value 3 is NaN"},
	} {
		m := good()
		c.set(m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	m := good()
	for _, c := range []struct {
		dst, x int
		n      int
		want   string
	}{{2, 3, 1, "3 values for 1 rows"}, {3, 2, 1, "room for 3 values"}} {
		if err := m.ProbabilitiesTo(make([]float64, c.dst), make([]float32, c.x), c.n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	if err := m.ProbabilitiesTo(make([]float64, 4), []float32{0, 1, 2, float32(math.Inf(1))}, 2); err == nil || !strings.Contains(err.Error(), "row 1: feature 1: not a finite number") {
		t.Errorf("got %v", err)
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
	n := m.Trained([]float32{1, -1, 0.5, 2}, []float32{0.5, -0.5}, 2)
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
	if n := m.Trained(make([]float32, 4), make([]float32, 2), 1); n.Temperature != 1 {
		t.Errorf("temperature %v without calibration", n.Temperature)
	}
}
