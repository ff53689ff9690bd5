//go:build cgo && !windows

package grad

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"
)

// seconds returns the least that a step of a program takes on one thread, of
// several that take a fifth of a second in all.
func (p *Program) seconds(t testing.TB) float64 {
	t.Helper()
	s, in, out := p.session(t)
	defer s.Close()
	best, sum := math.Inf(1), 0.0
	for i := 0; i < 4 || sum < 0.2; i++ {
		began := cpu()
		wall := time.Now()
		if err := s.Run(context.Background(), in, out); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue // the memory
		}
		took := min((cpu() - began).Seconds(), time.Since(wall).Seconds())
		best, sum = min(best, took), sum+took
	}
	return best
}

// BenchmarkLayouts measures a step of many networks in both layouts and reports
// how much longer the layouts that Cost chooses take than the faster ones. It
// also fits the rates anew, for a processor or a runtime that they do not suit.
func BenchmarkLayouts(b *testing.B) {
	block := blockSize(b)
	if block == 0 {
		b.Skip("the runtime has no blocked layout on this machine")
	}
	for b.Loop() {
		var works []work
		var times []float64
		var names []string
		for _, s := range subjects(b) {
			g := s.graph()
			for _, B := range []int64{0, block} {
				o := s.o
				o.Block = B
				p, err := Build(g, &o)
				if err != nil {
					b.Fatal(s.name, err)
				}
				works, times, names = append(works, p.work), append(times, p.seconds(b)), append(names, s.name)
			}
		}
		b.Logf("rates of blocks of %d, fitted to this run: %.3g", block, fitted(works, times))
		lost, all := 0.0, 0.0 // logarithms of ratios, and how many
		for i := 0; i < len(works); i += 2 {
			plain, blocked := works[i].cost(rates[block]), works[i+1].cost(rates[block])
			took, least := times[i], min(times[i], times[i+1])
			if blocked < plain {
				took = times[i+1]
			}
			lost, all = lost+math.Log(took/least), all+1
			note := ""
			if took > least {
				note = "  ← the slower one is chosen"
			}
			b.Logf("%-32s plain %.3g ms, by the rule %.3g; in blocks %.3g ms, by the rule %.3g%s",
				names[i], 1e3*times[i], 1e3*plain, 1e3*times[i+1], 1e3*blocked, note)
		}
		b.ReportMetric(100*(math.Exp(lost/all)-1), "%longer")
	}
}

// fitted returns the rates, none of them negative, with the least sum of
// squared relative errors, by coordinate descent.
func fitted(works []work, seconds []float64) work {
	var r work
	var x [][]float64
	for i, w := range works {
		var row []float64
		for _, n := range w {
			row = append(row, n/1e9/seconds[i])
		}
		x = append(x, row)
	}
	residual := slices.Repeat([]float64{1}, len(x))
	for range 100_000 {
		for k := range kinds {
			num, den := 0.0, 0.0
			for i, row := range x {
				num += row[k] * residual[i]
				den += row[k] * row[k]
			}
			if den == 0 {
				continue
			}
			next := max(0, r[k]+num/den)
			for i, row := range x {
				residual[i] -= row[k] * (next - r[k])
			}
			r[k] = next
		}
	}
	return r
}
