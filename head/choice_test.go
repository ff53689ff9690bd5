package head

import (
	"math"
	"testing"
)

func TestChoose(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		list []Contender
		want int
	}{
		{"nothing", nil, -1},
		{"one", []Contender{{0.2, 0.1}}, 0},
		{"within the best one's error", []Contender{{0.7, 0.01}, {0.78, 0}, {0.8, 0.03}, {0.79, 0.5}}, 1},
		{"on its edge", []Contender{{0.5, 0}, {0.75, 0.25}}, 0},
		{"the simpler one's error does not count", []Contender{{0.7, 0.5}, {0.8, 0.05}}, 1},
		{"ties", []Contender{{0.7, 0}, {0.8, 0}, {0.8, 0.2}}, 1},
		{"of equal best ones the first one's error counts", []Contender{{0.7, 0}, {0.8, 0.2}, {0.8, 0}}, 0},
		{"missing", []Contender{{nan, 0}, {0.8, nan}, {inf, 0}, {-inf, 0}, {0.9, nan}}, 4},
		{"an endless error", []Contender{{0.1, 0}, {0.9, inf}}, 1},
		{"none is known", []Contender{{nan, 0}, {-inf, 1}}, -1},
		{"losses", []Contender{{-2, 0}, {-1.04, 0}, {-1, 0.05}}, 1},
	} {
		if have := Choose(c.list); have != c.want {
			t.Errorf("%s: %d, want %d", c.name, have, c.want)
		}
	}
}

// The standard error is the one that the interval was made of.
func TestContender(t *testing.T) {
	const n, k = 4000, 3000
	p, labels := make([]float64, 2*n), make([]int, n)
	for i := range n {
		p[2*i], p[2*i+1] = 0.75, 0.25
		if i >= k {
			labels[i] = 1
		}
	}
	m, err := Evaluate(p, labels, []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for metric, want := range map[string]Contender{
		"": {0.75, math.Sqrt(0.75 * 0.25 / n)}, "accuracy": {0.75, math.Sqrt(0.75 * 0.25 / n)},
		"log-loss": {-(0.75*-math.Log(0.75) + 0.25*-math.Log(0.25)), math.Sqrt(0.75*0.25/n) * math.Log(3)},
	} {
		c, err := m.Contender(metric)
		if err != nil {
			t.Fatal(err)
		}
		near(t, metric, c.Score, want.Score, 1e-12)
		near(t, "standard error of "+metric, c.SE/want.SE, 1, 0.1)
	}
	if c, err := m.Contender("macro-f1"); err != nil || c.Score != m.MacroF1.Value || !(c.SE > 0) {
		t.Errorf("macro-f1: %+v %v", c, err)
	}
	if c, err := (*Metrics)(nil).Contender("log-loss"); err != nil || !math.IsNaN(c.Score) {
		t.Errorf("of nothing: %+v %v", c, err)
	}
	if _, err := m.Contender("auc"); err == nil {
		t.Error("an unknown metric is taken")
	}
}
