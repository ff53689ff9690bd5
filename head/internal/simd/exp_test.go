package simd

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Exponentials are those of math.Exp but for a unit in the last place, of any
// numbers, and have the same bits with each set of vector instructions.
func TestExp(t *testing.T) {
	want := map[int][]float64{}
	vectors(t, func(t *testing.T) {
		for n := range 40 {
			for _, atEnd := range []bool{true, false} {
				g := guards{t, atEnd, rand.New(rand.NewPCG(uint64(n), 5))}
				z := g.doubles(n)
				for i := range z {
					z[i] *= []float64{1e-9, 0.1, 1, 30, 250}[n%5]
				}
				if n%7 == 3 {
					z[g.rng.IntN(n)] = []float64{math.NaN(), math.Inf(-1), -745, 710}[n/7%4]
				}
				from := append([]float64(nil), z...)
				Exp(z)
				for i, v := range z {
					e := math.Exp(from[i])
					if v != e && v != math.Nextafter(e, 0) && v != math.Nextafter(e, math.Inf(1)) && e == e {
						t.Fatalf("%d: exp(%v) = %v, not %v", n, from[i], v, e)
					}
					if have := want[n]; len(have) == n && have[i] != v && v == v {
						t.Fatalf("%d: exp(%v) = %v, with other instructions %v", n, from[i], v, have[i])
					}
				}
				want[n] = append([]float64(nil), z...)
			}
		}
	})
}
