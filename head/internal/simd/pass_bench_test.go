//go:build amd64 && !purego

package simd

import (
	"fmt"
	"math"
	"testing"
)

// BenchmarkPass goes over the rows as a pass of a fit does, without what the
// fit does around it.
func BenchmarkPass(b *testing.B) {
	for _, s := range []struct{ n, d, c int }{{20000, 384, 10}, {20000, 384, 26}, {20000, 384, 100}, {20000, 384, 256}, {8000, 1280, 10}, {8000, 1280, 26}, {8000, 1280, 100}, {8000, 1280, 256}} {
		for i := AVX2; i <= Most(); i++ {
			b.Run(fmt.Sprintf("D=%d, C=%d, %v", s.d, s.c, i), func(b *testing.B) {
				defer Limit(i)()
				x := make([]float32, s.n*s.d)
				for i := range x {
					x[i] = float32(math.Sin(float64(i)))
				}
				w := make([]float32, s.c*s.d)
				for i := range w {
					w[i] = float32(math.Cos(float64(i))) / 10
				}
				rows := make([]int, s.n)
				for i := range rows {
					rows[i] = i
				}
				f := &Softmax{Bias: make([]float32, s.c)}
				for i := range f.Weights {
					f.Weights[i] = 1
				}
				z, g := make([]float32, s.c*PassRows), make([]float32, s.c*s.d)
				sums, bias := make([]float64, s.c*s.d), make([]float64, s.c)
				m := BlockRows(s.d)
				for b.Loop() {
					loss := 0.0
					for lo := 0; lo+m <= s.n; lo += m {
						p := &Picked{X: x, D: s.d, Rows: rows[lo : lo+m]}
						p.LogitsTo(z, w, s.c)
						f.ResidualsTo(z, m)
						for i := range m {
							below, sum, _ := f.Row(i)
							loss += below + sum
						}
						AddSums(bias, z, m)
						p.AddOuter(g, z, s.c, rows[min(lo+m, s.n-m):])
						if lo/m%4 == 0 {
							Flush(sums, g, true)
						}
					}
				}
				flops := 4 * float64(s.n*s.d*s.c) * float64(b.N)
				b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
