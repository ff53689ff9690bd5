package measure

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/headstart-ml/headstart/head"
)

// TestTemperature compares with a fine grid.
func TestTemperature(t *testing.T) {
	const n, c = 400, 4
	for _, truth := range []float64{0.05, 0.7, 1, 3, 40} {
		rng := rand.New(rand.NewPCG(1, 9))
		z, labels := make([]float64, n*c), make([]int, n)
		p := make([]float64, c)
		for i := range n {
			row := z[i*c : (i+1)*c]
			for k := range row {
				row[k] = 1.5 * rng.NormFloat64() * truth
			}
			// Labels are drawn from softmax(z/T).
			head.SoftmaxTo(p, row, truth)
			u := rng.Float64()
			for labels[i] = 0; labels[i] < c-1 && u > p[labels[i]]; labels[i]++ {
				u -= p[labels[i]]
			}
		}
		loss := func(t float64) float64 { return objective(z, labels, c, t) }
		got := Temperature(z, labels, c)
		best, least := 0.0, math.Inf(1)
		for g := math.Log(truth / 1.5); g < math.Log(truth*1.5); g += 5e-4 {
			if l := loss(math.Exp(g)); l < least {
				best, least = math.Exp(g), l
			}
		}
		if math.Abs(math.Log(got/best)) > 1e-3 || loss(got) > least+1e-9 {
			t.Errorf("T = %v, the grid says %v", got, best)
		}
		// The scale of the logits goes through.
		for i := range z {
			z[i] *= 8
		}
		near(t, "T of 8 times the logits", Temperature(z, labels, c)/got, 8, 1e-6)
	}
}

// objective is what Temperature minimises, by its comment.
func objective(z []float64, labels []int, c int, t float64) float64 {
	n := float64(len(labels))
	p, sum := make([]float64, c), 0.0
	var spreads []float64
	for i, y := range labels {
		row := z[i*c : (i+1)*c]
		head.SoftmaxTo(p, row, t)
		sum -= math.Log((n*p[y] + 1/float64(c)) / (n + 1))
		for _, v := range p { // the row of which nothing is known
			sum -= math.Log(v) / float64(c) / n
		}
		spreads = append(spreads, math.Sqrt(stat.PopVariance(row, nil)))
	}
	slices.Sort(spreads)
	spread := spreads[len(spreads)/2] / t
	return sum + spread*spread/2
}

// TestTemperatureOfFewRows: where rows are few, T is near the one that they
// were drawn with in spite of their luck, and nearly always so beside a row
// whose logits are huge, and wrong, which by itself would decide on it.
func TestTemperatureOfFewRows(t *testing.T) {
	const n, c = 60, 3
	far, odd := 0.0, 0
	for seed := range uint64(100) {
		same := []float64{0.5, 0.5, 0.5}
		s := drawn(n, seed, same, make([]float64, c))
		got := Temperature(s.Logits, s.Labels, c)
		far = max(far, math.Abs(math.Log(got/2)))
		for k := range c {
			s.Logits[k] = 0
		}
		s.Logits[(s.Labels[0]+1)%c] = 500
		if math.Abs(math.Log(Temperature(s.Logits, s.Labels, c)/2)) > 1 {
			odd++
		}
	}
	if far > 1 || odd > 10 {
		t.Errorf("ln of T is off by up to %.2f; with a row that is like no other it is by more than 1 in %d of 100 sets", far, odd)
	}
}

func TestTemperatureWithoutOptimum(t *testing.T) {
	inf := math.Inf(-1)
	least := func(logits []float64, labels []int) float64 {
		best, value := 0.0, math.Inf(1)
		for g := -10.0; g < 10; g += 1e-4 {
			if v := objective(logits, labels, 2, math.Exp(g)); v < value {
				best, value = math.Exp(g), v
			}
		}
		return best
	}
	right, wrong := []float64{3, 0, 0, 3}, []float64{3, 0, 0, 2}
	for _, c := range []struct {
		name   string
		logits []float64
		labels []int
		want   float64
	}{
		{"all right", right, []int{0, 1}, least(right, []int{0, 1})},
		{"all equal", []float64{3, 3, 2, 2}, []int{0, 1}, 1},
		{"all wrong", wrong, []int{1, 0}, 1.5 * math.Exp(8)},
		{"no rows", nil, nil, 1},
		{"only of a class that is not known", []float64{3, inf}, []int{1}, 1},
	} {
		if got := Temperature(c.logits, c.labels, 2); math.Abs(got/c.want-1) > 1e-4 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// A class that is not known changes nothing for the rows of the others.
	want := Temperature([]float64{3, 0, 1, 0, 0, 2, 1, 0}, []int{0, 1, 1, 0}, 2)
	got := Temperature([]float64{3, inf, 0, 1, inf, 0, 0, inf, 2, 1, inf, 0, 5, inf, 1}, []int{0, 2, 2, 0, 1}, 3)
	near(t, "with an unknown class", got, want, 1e-9)
}
