package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
)

// A product that leaves out zeros has the bits of a whole one, whatever the
// share of zeros, the shape and the number of goroutines, and touches nothing
// beyond its matrices.
func TestSparseOuter(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, s := range []struct{ m, n, k int }{{1, 1, 1}, {64, 8, 8}, {128, 256, 256}, {130, 9, 31}, {384, 256, 256}, {200, 33, 257}, {191, 40, 600}, {400, 17, 65}, {63, 30, 30}} {
			for _, zeros := range []float64{0, 0.3, 0.5, 0.9, 1} {
				for _, atEnd := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d×%d×%d, %v zeros, at the end %v", s.m, s.n, s.k, zeros, atEnd), func(t *testing.T) {
						g := guards{t, atEnd, rand.New(rand.NewPCG(uint64(s.m), uint64(s.n)))}
						a, b, c := g.floats(s.k*s.m), g.floats(s.k*s.n), g.floats(s.m*s.n)
						for i := range b {
							if g.rng.Float64() < zeros {
								b[i] = float32(math.Copysign(0, float64(b[i])))
							}
						}
						want := make([]float32, s.m*s.n)
						Float32{}.Sgemm(blas.Trans, blas.NoTrans, s.m, s.n, s.k, 1, a, s.m, b, s.n, 0, want, s.n)
						for threads := range 3 {
							Float32{Threads: threads}.SparseOuter(s.m, s.n, s.k, a, b, c)
							for i, v := range c {
								if math.Float32bits(v) != math.Float32bits(want[i]) {
									t.Fatalf("%d threads: element %d is %v, not %v", threads, i, v, want[i])
								}
								c[i] = float32(math.NaN())
							}
						}
					})
				}
			}
		}
	})
}

// An element that is not finite leaves none in its sums, unless all that it is
// multiplied with is zero.
func TestSparseOuterOfInfinity(t *testing.T) {
	each(t, func(t *testing.T) {
		const m, n, k = 256, 16, 64
		a, b, c := make([]float32, k*m), make([]float32, k*n), make([]float32, m*n)
		for i := 0; i < k*n; i += 3 {
			b[i] = 1
		}
		a[5*m+7] = float32(math.NaN()) // row 5, of which b has 5·16+1, 5·16+4, …
		Float32{}.SparseOuter(m, n, k, a, b, c)
		for h := range n {
			if v := c[7*n+h]; b[5*n+h] != 0 && v == v {
				t.Errorf("unit %d: %v", h, v)
			}
		}
	})
}
