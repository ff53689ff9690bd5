//go:build !windows

package simd

import (
	"fmt"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	lapack "gonum.org/v1/gonum/lapack/gonum"
)

// BenchmarkAgainstGonum prints GFLOP/s of CPU time on one thread with each set
// of instructions, and how many times gonum's that is. gonum has no float32
// factorisations; its float64 ones stand for them.
func BenchmarkAgainstGonum(b *testing.B) {
	s, d, g, l := Float32{}, Float64{}, gonum.Implementation{}, lapack.Implementation{}
	for _, n := range []int{384, 1280} {
		cube := float64(n) * float64(n) * float64(n)
		x, xd := random(n * n)
		y, yd := random(n * n)
		z, zd := make([]float32, n*n), make([]float64, n*n)
		// A triangle that is well conditioned, and a product that is positive
		// definite.
		for i := range n {
			for j := range n {
				x[i*n+j] /= float32(n)
				xd[i*n+j] /= float64(n)
			}
			x[i*n+i], xd[i*n+i] = 1.5, 1.5
		}
		def, defd := slices.Clone(x), slices.Clone(xd)
		each := []struct {
			name  string
			flop  float64
			ours  func()
			gonum func()
		}{
			{"Sgemm", 2 * cube, func() { s.Sgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, x, n, y, n, 0, z, n) },
				func() { g.Sgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, x, n, y, n, 0, z, n) }},
			{"Dgemm", 2 * cube, func() { d.Dgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, xd, n, yd, n, 0, zd, n) },
				func() { g.Dgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, xd, n, yd, n, 0, zd, n) }},
			{"Ssyrk", cube, func() { s.Ssyrk(blas.Upper, blas.Trans, n, n, 1, y, n, 0, z, n) },
				func() { g.Ssyrk(blas.Upper, blas.Trans, n, n, 1, y, n, 0, z, n) }},
			{"Dsyrk", cube, func() { d.Dsyrk(blas.Upper, blas.Trans, n, n, 1, yd, n, 0, zd, n) },
				func() { g.Dsyrk(blas.Upper, blas.Trans, n, n, 1, yd, n, 0, zd, n) }},
			{"Strsm left", cube, func() { s.Strsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, x, n, y, n) },
				func() { g.Strsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, x, n, y, n) }},
			{"Dtrsm left", cube, func() { d.Dtrsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, xd, n, yd, n) },
				func() { g.Dtrsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, xd, n, yd, n) }},
			{"Dtrsm right", cube, func() { d.Dtrsm(blas.Right, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, xd, n, yd, n) },
				func() { g.Dtrsm(blas.Right, blas.Upper, blas.NoTrans, blas.NonUnit, n, n, 1, xd, n, yd, n) }},
			{"Spotrf", cube / 3, func() { copy(z, def); s.Spotrf(blas.Upper, n, z, n) },
				func() { copy(zd, defd); l.Dpotrf(blas.Upper, n, zd, n) }},
			{"Dpotrf", cube / 3, func() { copy(zd, defd); d.Dpotrf(blas.Upper, n, zd, n) },
				func() { copy(zd, defd); l.Dpotrf(blas.Upper, n, zd, n) }},
			{"Strtri", cube / 3, func() { copy(z, def); s.Strtri(blas.Upper, blas.NonUnit, n, z, n) },
				func() { copy(zd, defd); l.Dtrtri(blas.Upper, blas.NonUnit, n, zd, n) }},
			{"Dtrtri", cube / 3, func() { copy(zd, defd); d.Dtrtri(blas.Upper, blas.NonUnit, n, zd, n) },
				func() { copy(zd, defd); l.Dtrtri(blas.Upper, blas.NonUnit, n, zd, n) }},
		}
		for _, e := range each {
			peer := least(b, 3, e.gonum)
			for i := AVX2; i <= Most(); i++ {
				b.Run(fmt.Sprintf("%s/%d/%v", e.name, n, i), func(b *testing.B) {
					defer Limit(i)()
					seconds := least(b, max(3, b.N), e.ours)
					b.ReportMetric(1e-9*e.flop/seconds, "GFLOP/s")
					b.ReportMetric(peer/seconds, "×gonum")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}

// least returns the least CPU seconds of some turns.
func least(b *testing.B, turns int, task func()) float64 {
	best := 0.0
	for i := range turns {
		before := processor(b)
		task()
		if s := processor(b) - before; i == 0 || s < best {
			best = s
		}
	}
	return best
}
