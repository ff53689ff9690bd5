package measure

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestMetricsByHand: four rows whose metrics can be done on paper.
func TestMetricsByHand(t *testing.T) {
	p := []float64{
		0.9, 0.1, 0, // right
		0.6, 0.4, 0, // wrong
		0.3, 0.7, 0, // right
		0.5, 0.5, 0, // the first of equal ones: right
	}
	m, err := evaluate(p, []int{0, 1, 1, 0}, []string{"a", "b", "c"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy", m.Accuracy.Value, 0.75, 1e-15)
	near(t, "macro-F1", m.MacroF1.Value, (0.8+2.0/3)/2, 1e-15) // c occurs nowhere
	near(t, "log-loss", m.LogLoss.Value, 0.5178683430, 1e-9)   // −(ln 0.9 + ln 0.4 + ln 0.7 + ln 0.5)/4
	near(t, "Brier", m.Brier.Value, (0.02+0.72+0.18+0.5)/4, 1e-15)
	near(t, "ECE", m.ECE.Value, (0.1+0.6+0.3+0.5)/4, 1e-15) // each row is in a bin of its own
	near(t, "baseline", m.Baseline.Value, 0.5, 1e-15)
	if !reflect.DeepEqual(m.Confusion, [][]int{{2, 0, 0}, {1, 1, 0}, {0, 0, 0}}) {
		t.Errorf("confusion %v", m.Confusion)
	}
	if b := m.PerClass[1]; b != (ClassMetrics{Class: "b", Precision: 1, Recall: 0.5, F1: 2.0 / 3, Support: 2, Predicted: 1}) {
		t.Errorf("class b: %+v", b)
	}
	if c := m.PerClass[2]; c != (ClassMetrics{Class: "c"}) {
		t.Errorf("class c: %+v", c)
	}
	rows := 0
	for _, b := range m.Reliability {
		rows += b.Rows
		if b.Rows > 0 && !(b.Confidence > b.Low && b.Confidence <= b.High) {
			t.Errorf("bin %+v", b)
		}
	}
	if rows != 4 || len(m.Reliability) != 15 {
		t.Errorf("%d rows in %d bins", rows, len(m.Reliability))
	}
	if m.Interval != "wilson" {
		t.Errorf("interval %q", m.Interval)
	}
	// A sure error costs −ln 2⁻⁵².
	m, err = evaluate([]float64{1, 0}, []int{1}, []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "log-loss of a sure error", m.LogLoss.Value, 36.04365338911715, 1e-12)
	near(t, "baseline of one row", m.Baseline.Value, 1, 0)
}

func TestEvaluateErrors(t *testing.T) {
	two := []string{"a", "b"}
	for _, c := range []struct {
		p       []float64
		labels  []int
		classes []string
		s       *Settings
		want    string
	}{
		{nil, nil, two, nil, "no rows"},
		{[]float64{1, 0, 0}, []int{2}, two, nil, "class 2 of 2"},
		{[]float64{1.5, -0.5}, []int{0}, two, nil, "not numbers from 0 to 1"},
		{[]float64{1, 0}, []int{0}, two, &Settings{Units: []string{"x", "y"}}, "2 units for 1 rows"},
	} {
		if _, err := evaluate(c.p, c.labels, c.classes, c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// Probabilities that are no numbers are refused, wherever they stand, and end
// no process.
func TestProbabilitiesThatAreNoNumbers(t *testing.T) {
	nan := math.NaN()
	for _, p := range [][]float64{{nan, nan}, {nan, 0.5}, {0.5, nan}, {math.Inf(1), 0}} {
		for label := range 2 {
			o := NewOutcome(p, label)
			ValuesOf([]Outcome{o}, 2)
			if _, err := Evaluate([]Outcome{o}, []string{"a", "b"}, nil); err == nil || !strings.Contains(err.Error(), "row 0: probabilities are not numbers from 0 to 1") {
				t.Errorf("%v of class %d: %v", p, label, err)
			}
		}
	}
	if _, err := Evaluate([]Outcome{{Label: 2}}, []string{"a", "b"}, nil); err == nil || !strings.Contains(err.Error(), "class 2 of 2") {
		t.Errorf("a class out of range: %v", err)
	}
}

// TestBootstrap: intervals hold their values, are the same for any number of
// threads, are about as wide as Wilson's for single rows, and wider where rows
// come in groups.
func TestBootstrap(t *testing.T) {
	const groups, size = 40, 10
	rng := rand.New(rand.NewPCG(3, 3))
	var p []float64
	var labels []int
	var units []string
	for g := range groups {
		right := rng.IntN(4) > 0 // all rows of a group alike
		for range size {
			v := 0.5 + 0.5*rng.Float64()
			if right {
				p = append(p, v, 1-v)
			} else {
				p = append(p, 1-v, v)
			}
			labels = append(labels, 0)
			units = append(units, string(rune('a'+g)))
		}
	}
	measured := func(s *Settings) *Metrics {
		m, err := evaluate(p, labels, []string{"a", "b"}, s)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range []Estimate{m.Accuracy, m.MacroF1, m.LogLoss, m.ECE, m.Brier, m.Baseline} {
			if !(e.Low <= e.Value && e.Value <= e.High) {
				t.Errorf("estimate %d: %+v", i, e)
			}
		}
		return m
	}
	width := func(m *Metrics) float64 { return m.Accuracy.High - m.Accuracy.Low }
	wilson, single := measured(nil), measured(&Settings{Folds: 5})
	grouped := measured(&Settings{Folds: 5, Units: units})
	if single.Interval != "wilson-cv" || grouped.Interval != "bootstrap-groups" {
		t.Errorf("intervals %q, %q", single.Interval, grouped.Interval)
	}
	if r := width(single) / width(wilson); r < 0.9 || r > 1.1 {
		t.Errorf("the interval of single rows is %.2f times as wide as Wilson's", r)
	}
	// Groups of ten equal rows: √10 times as wide, and more, since 40 groups
	// say less of the choice of the training rows than 400 rows.
	if r := width(grouped) / width(single); r < 2.5 || r > 4.4 {
		t.Errorf("the interval of groups is %.2f times as wide as that of single rows", r)
	}
	for _, threads := range []int{1, 3} {
		if again := measured(&Settings{Folds: 5, Units: units, Threads: threads}); !reflect.DeepEqual(again, grouped) {
			t.Errorf("%d threads: other intervals", threads)
		}
	}
	if other := measured(&Settings{Folds: 5, Units: units, Seed: 1}); reflect.DeepEqual(other, grouped) {
		t.Error("the seed changes nothing")
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	slices.Sort(v)
	near(t, "0.1", quantile(v, 0.1), 1.4, 1e-15)
	near(t, "1", quantile(v, 1), 5, 0)
	near(t, "0", quantile(v, 0), 1, 0)
}

// evaluate returns the metrics of probabilities, n×C.
func evaluate(p []float64, labels []int, classes []string, s *Settings) (*Metrics, error) {
	var outcomes []Outcome
	for i, y := range labels {
		c := len(p) / len(labels)
		outcomes = append(outcomes, NewOutcome(p[i*c:(i+1)*c], y))
	}
	return Evaluate(outcomes, classes, s)
}

// near fails unless got is within tol of want, relative to want if it is larger
// than 1.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v (within %g)", what, got, want, tol)
	}
}
