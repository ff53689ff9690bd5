package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// outcomesOf returns outcomes of n rows of c classes that are drawn at random.
func outcomesOf(n, c int) []Outcome {
	random := rand.New(rand.NewPCG(5, uint64(n)))
	p, all := make([]float64, c), make([]Outcome, n)
	for i := range all {
		sum := 0.0
		for k := range p {
			p[k] = random.ExpFloat64()
			sum += p[k]
		}
		for k := range p {
			p[k] /= sum
		}
		all[i] = NewOutcome(p, random.IntN(c))
		if i%3 > 0 {
			all[i] = NewOutcome(p, all[i].Predicted)
		}
	}
	return all
}

// TestResamplesAreTallies compares what a resample adds up by columns with the
// tally of the drawn rows one by one.
func TestResamplesAreTallies(t *testing.T) {
	const n, c = 300, 4
	outcomes := outcomesOf(n, c)
	columns := newColumns(outcomes, newResampler(n, &Settings{}))
	r := newResampler(n, &Settings{Resamples: 50, Threads: 1})
	r.each(func(_, b int, drawn []uint32) {
		total := 0
		one, all := newTally(c), newTally(c)
		for i, times := range drawn {
			total += int(times)
			for _, o := range outcomes { // the one that stands there
				row := &columns.rows[i]
				if o.loss == row.loss && o.brier == row.brier && o.Label == int(row.label) {
					for range times {
						one.add(&o, 1)
					}
				}
			}
		}
		if total != n {
			t.Fatalf("resample %d: %d draws of %d rows", b, total, n)
		}
		columns.addTo(all, drawn, 1)
		want := one.values()
		for i, got := range all.values() {
			near(t, "a value", got, want[i], 1e-12)
		}
	})
}

// TestDrawsAreFair: each place is drawn as often as any other, and how often
// varies as it does with replacement.
func TestDrawsAreFair(t *testing.T) {
	const places, draws = 7, 20000
	sum, square := make([]float64, places), make([]float64, places)
	for b := range draws {
		drawn := make([]uint32, places)
		draw(drawn, rand.NewPCG(9, uint64(b)))
		for k, v := range drawn {
			sum[k] += float64(v)
			square[k] += float64(v) * float64(v)
		}
	}
	for k := range sum {
		mean := sum[k] / draws
		if variance := square[k]/draws - mean*mean; math.Abs(mean-1) > 0.03 || math.Abs(variance-6.0/7) > 0.05 {
			t.Errorf("place %d: mean %.3f, variance %.3f", k, mean, variance)
		}
	}
}

// BenchmarkEvaluate is what the intervals of 10,000 rows cost.
func BenchmarkEvaluate(b *testing.B) {
	const c = 26
	outcomes := outcomesOf(10000, c)
	classes := make([]string, c)
	for k := range classes {
		classes[k] = string(rune('a' + k))
	}
	for b.Loop() {
		if _, err := Evaluate(outcomes, classes, &Settings{Threads: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
