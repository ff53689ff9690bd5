package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// world is what simulated sets are drawn from: classes that are normal around
// means which differ in four features, of many.
type world struct {
	classes, d int
	far        float64 // deviation of the means
}

// draw returns a set of n rows.
func (w world) draw(n int, random *rand.Rand) (d *Data, labels []int) {
	world := rand.New(rand.NewPCG(77, uint64(1000*w.classes+w.d)))
	means := make([]float64, w.classes*w.d)
	for k := range w.classes {
		for j := range min(w.d, 4) {
			means[k*w.d+j] = w.far * world.NormFloat64()
		}
	}
	x := &dense{d: w.d, values: make([]float32, n*w.d)}
	d = &Data{Rows: x}
	for i := range n {
		k := random.IntN(w.classes)
		labels = append(labels, k)
		d.Labels = append(d.Labels, string(rune('a'+k)))
		for j := range w.d {
			x.values[i*w.d+j] = float32(means[k*w.d+j] + random.NormFloat64())
		}
	}
	return d, labels
}

// coverage is how often the interval of a cross-validated accuracy holds the
// mean accuracy, on fresh rows, of the heads that the procedure fits to sets of
// n rows; and the mean of both accuracies.
func (w world) coverage(tb testing.TB, sets, n int, s Settings) (share, said, expected float64) {
	intervals := make([][2]float64, sets)
	for i := range sets {
		d, _ := w.draw(n, rand.New(rand.NewPCG(29, uint64(i))))
		fresh, y := w.draw(2000, rand.New(rand.NewPCG(31, uint64(i))))
		s.Seed, s.Threads = uint64(i), 1
		r, err := Train(context.Background(), d, &s)
		if err != nil {
			tb.Fatal(err)
		}
		a := r.Metrics.CV.Accuracy
		intervals[i] = [2]float64{a.Low, a.High}
		said += a.Value / float64(sets)
		expected += accuracyOf(r.Head, fresh.Rows.(*dense), y) / float64(sets)
	}
	for _, i := range intervals {
		if i[0] <= expected && expected <= i[1] {
			share += 1 / float64(sets)
		}
	}
	return share, said, expected
}

// accuracyOf is the accuracy of h on rows of classes y.
func accuracyOf(h *head.Head, x *dense, y []int) float64 {
	k, right := len(h.Classes), 0
	z := make([]float64, x.N()*k)
	h.LogitsTo(z, x.values, x.N())
	for i, class := range y {
		row := z[i*k : (i+1)*k]
		if h.Classes[slices.Index(row, slices.Max(row))] == string(rune('a'+class)) {
			right++
		}
	}
	return float64(right) / float64(len(y))
}

// worlds are what BenchmarkCoverage draws from. In the last one the folds'
// heads, which learn from a fifth of the rows less, are much worse than the one
// that is fitted to all.
var worlds = []world{{3, 10, 1}, {5, 30, 1}, {2, 50, 1}, {10, 64, 3}}

// TestCoverage: the 95 % interval of a cross-validated accuracy holds the
// accuracy that is to be expected in about 95 % of simulated sets, also where
// it is much higher than what the folds' heads reach. BenchmarkCoverage does it
// with thousands.
func TestCoverage(t *testing.T) {
	for _, c := range []struct {
		world
		sets, n     int
		least, most float64 // a standard deviation is 0.014 of 250 sets, 0.028 of 60
	}{{worlds[0], 250, 100, 0.925, 0.99}, {worlds[1], 250, 100, 0.925, 0.99}, {worlds[3], 60, 400, 0.88, 1}} {
		share, said, expected := c.coverage(t, c.sets, c.n, Settings{CV: 5, L2Points: 6, Folds: 3})
		if share < c.least || share > c.most {
			t.Errorf("%+v: the interval holds %.3f in %.1f %% of the sets; the mean of the cross-validated accuracies is %.3f", c.world, expected, 100*share, said)
		}
	}
}

// BenchmarkCoverage draws 500 sets of 100 and 400 rows from each of four
// worlds, 2,000 sets of each size.
func BenchmarkCoverage(b *testing.B) {
	for _, n := range []int{100, 400} {
		for _, w := range worlds {
			b.Run(fmt.Sprintf("rows=%d/classes=%d/features=%d", n, w.classes, w.d), func(b *testing.B) {
				for b.Loop() {
					share, said, expected := w.coverage(b, 500, n, Settings{CV: 5, L2Points: 8})
					b.ReportMetric(100*share, "%covered")
					b.ReportMetric(said, "said")
					b.ReportMetric(expected, "expected")
				}
			})
		}
	}
}
