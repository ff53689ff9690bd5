package head

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// affine returns a head of kind softmax with two classes.
func affine(a *Affine) *Head {
	return &Head{Kind: "softmax", Classes: []string{"a", "b"}, Model: a, Temperature: 1}
}

func TestHeadCheck(t *testing.T) {
	good := func() (*Head, *Affine) {
		a := &Affine{Weight: make([]float64, 4), Bias: make([]float64, 2), Mean: make([]float64, 2), Scale: []float64{1, 1}}
		return affine(a), a
	}
	if h, _ := good(); h.Check() != nil {
		t.Fatal(h.Check())
	}
	for _, c := range []struct {
		set  func(h *Head, a *Affine)
		want string
	}{
		{func(h *Head, a *Affine) { h.Kind = "tree" }, `unknown kind "tree"`},
		{func(h *Head, a *Affine) { h.Task = 7 }, "task 7"},
		{func(h *Head, a *Affine) { h.Classes = h.Classes[:1] }, "1 classes"},
		{func(h *Head, a *Affine) { h.Classes = append(h.Classes, "c") }, "2 scores for 3 classes"},
		{func(h *Head, a *Affine) { h.Model = nil }, "no model"},
		{func(h *Head, a *Affine) { h.Model = Scores(0) }, "0 of them"},
		{func(h *Head, a *Affine) { a.Mean = nil }, "0 features"},
		{func(h *Head, a *Affine) { a.Weight = a.Weight[1:] }, "weight: 3 values"},
		{func(h *Head, a *Affine) { a.Bias = nil }, "weight: 4 values for 0 scores"},
		{func(h *Head, a *Affine) { a.Scale = nil }, "0 scales"},
		{func(h *Head, a *Affine) { h.Temperature = 0 }, "temperature 0"},
		{func(h *Head, a *Affine) { a.Weight[3] = math.NaN() }, "weight: value 3 is NaN"},
	} {
		h, a := good()
		c.set(h, a)
		if err := h.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	m, _ := good()
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
	a := &Affine{Weight: []float64{1, 4e9, 2, 3, -1e9, 5}, Bias: []float64{1, 2}, Mean: []float64{7, 2e-9, 8}, Scale: []float64{0.5, 1e-9, 2}}
	w, b := a.Steady()
	// A processor that adds products in one step leaves a last bit in the bias.
	if !slices.Equal(w, []float32{1, 0, 2, 3, 0, 5}) || b[0] != 9 || math.Abs(float64(b[1])) > 1e-15 {
		t.Errorf("weights %v, biases %v", w, b)
	}
	if a.Weight[1] != 4e9 || a.Bias[0] != 1 {
		t.Error("the model has changed")
	}
}

// The softmax of the logits are the probabilities, the temperature included,
// and a head of its own logits gives the same.
func TestLogitsCarryTheTemperature(t *testing.T) {
	h := affine(NewAffine([]float32{1, -1, 0.5, 2}, []float32{0.5, -0.5}))
	h.Temperature = 2
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	var p, q, z, soft [2]float64
	x := []float32{2, 1}
	if err := h.ProbabilitiesTo(p[:], x, 1); err != nil {
		t.Fatal(err)
	}
	h.LogitsTo(z[:], x, 1)
	if z != [2]float64{0.75, 1.25} {
		t.Errorf("logits %v", z)
	}
	SoftmaxTo(soft[:], z[:], 1)
	if err := h.OfLogits().ProbabilitiesTo(q[:], []float32{0.75, 1.25}, 1); err != nil {
		t.Fatal(err)
	}
	if want := 1 / (1 + math.Exp(-0.5)); math.Abs(p[1]-want) > 1e-12 || math.Abs(q[1]-want) > 1e-12 || math.Abs(soft[1]-want) > 1e-12 {
		t.Errorf("%v, %v and %v, not %v", p, soft, q, want)
	}
}

// What is read of a head by name.
func TestNames(t *testing.T) {
	for _, k := range Kinds {
		if KindOf(k.Name).Name != k.Name || k.Task.String() == "" {
			t.Errorf("%+v", k)
		}
	}
	if KindOf("tree") != nil || Task(9).String() != "task 9" || Stalled.String() != "stalled" {
		t.Error("a kind, a task, a status")
	}
	p := Params{{L2, 0.5}, {"k", 20}}
	if p.Value(L2) != 0.5 || p.Value("k") != 20 || p.Value("x") != 0 || Params(nil).Value(L2) != 0 {
		t.Errorf("%v", p)
	}
	h := affine(NewAffine(make([]float32, 6), make([]float32, 2)))
	if h.D() != 3 || h.OfLogits().D() != 2 || h.OfLogits().Check() != nil {
		t.Errorf("%d features, %d of its logits", h.D(), h.OfLogits().D())
	}
}

// Rows of another length are a mistake of the caller; those of zeros stay zeros
// where rows are divided by their length.
func TestScores(t *testing.T) {
	a := NewAffine([]float32{1, 1, 2, 2}, []float32{0.5, 0})
	a.Normalize = true
	z := make([]float64, 4)
	a.ScoresTo(z, []float32{3, 4, 0, 0}, 2)
	for i, want := range []float64{1.9, 2.8, 0.5, 0} {
		if math.Abs(z[i]-want) > 1e-14 {
			t.Errorf("%v", z)
		}
	}
	for _, m := range []Model{a, Scores(2)} {
		for _, n := range []int{-1, 1, 3} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%T: %d rows of other lengths are taken", m, n)
					}
				}()
				m.ScoresTo(z, make([]float32, 4), n)
			}()
		}
	}
}
