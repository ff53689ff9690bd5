package experiment

import (
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
	"math"
	"slices"
	"testing"
)

func TestLogitsOfFewerClasses(t *testing.T) {
	r := &Result{Classes: []string{"a", "b", "c"}, Head: &head.Head{Classes: []string{"a", "c"}}}
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
	r := &Result{Classes: []string{"a", "b"}, Parts: Parts{Train: []int{0, 1, 3}, Validation: []int{2, 4}}}
	near := func(set Settings, want ...float64) {
		t.Helper()
		got, err := Weigh(d, &set, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Errorf("weights %v, not %v", got, want)
				return
			}
		}
	}
	near(Settings{}, 0.5, 1.5, 0, 1, 0, 0)
	near(Settings{ClassWeight: "balanced"}, 0.375, 1.125, 0, 1.5, 0, 0) // a: 1/4 and 3/4, b: 1
	near(Settings{ClassWeight: "map", ClassWeights: map[string]float64{"a": 1, "b": 4}}, 0.25, 0.75, 0, 2, 0, 0)
	d.Weights = nil
	near(Settings{}, 1, 1, 0, 1, 0, 0)
}

func TestWayOverSeeds(t *testing.T) {
	w := new(Way)
	for _, v := range []float64{0.5, 0.7} {
		m := &measure.Metrics{Accuracy: measure.Estimate{Value: v}}
		if err := w.Add("accuracy", &Tests{Validation: m, Train: m}); err != nil {
			t.Fatal(err)
		}
	}
	if v := w.Validation; math.Abs(v.Mean-0.6) > 1e-12 || math.Abs(v.SD-math.Sqrt(0.02)) > 1e-12 || len(w.Test.Values) != 0 {
		t.Errorf("%+v", w)
	}
	if w.Add("rank", &Tests{Train: new(measure.Metrics)}) == nil {
		t.Error("an unknown metric is no error")
	}
}
