package measure

import (
	"github.com/headstart-ml/headstart/head"
	"math"
	"math/rand/v2"
	"testing"
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
		loss := func(t float64) float64 {
			sum := 0.0
			for i, y := range labels {
				head.SoftmaxTo(p, z[i*c:(i+1)*c], t)
				sum -= math.Log(p[y])
				for _, v := range p { // the row of which nothing is known
					sum -= math.Log(v) / c / n
				}
			}
			return sum
		}
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

func TestTemperatureWithoutOptimum(t *testing.T) {
	inf := math.Inf(-1)
	// Where all rows are right, what one more row of any label says is left:
	// here (1 + 1/2)·tanh(s·3/2) = 1, as by Temperature's comment.
	all := 3 / (2 * math.Atanh(2.0/3))
	for _, c := range []struct {
		name   string
		logits []float64
		labels []int
		want   float64
	}{
		{"all right", []float64{3, 0, 0, 3}, []int{0, 1}, all},
		{"all equal", []float64{3, 3, 2, 2}, []int{0, 1}, 1},
		{"all wrong", []float64{3, 0, 0, 2}, []int{1, 0}, 1e6},
		{"no rows", nil, nil, 1},
		{"only of a class that is not known", []float64{3, inf}, []int{1}, 1},
	} {
		if got := Temperature(c.logits, c.labels, 2); math.Abs(got/c.want-1) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// A class that is not known changes nothing for the rows of the others.
	want := Temperature([]float64{3, 0, 1, 0, 0, 2, 1, 0}, []int{0, 1, 1, 0}, 2)
	got := Temperature([]float64{3, inf, 0, 1, inf, 0, 0, inf, 2, 1, inf, 0, 5, inf, 1}, []int{0, 2, 2, 0, 1}, 3)
	near(t, "with an unknown class", got, want, 1e-9)
}
