package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Values are cut off at zero as Go would do it, and slopes where values are.
func TestRectify(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 15, 16, 17, 64, 1003} {
			for _, atEnd := range []bool{true, false} {
				g := guards{t, atEnd, rand.New(rand.NewPCG(uint64(n), 3))}
				z, slopes := g.floats(n), g.floats(n)
				special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.SmallestNonzeroFloat32, math.MaxFloat32}
				for i := range z {
					if g.rng.IntN(4) == 0 {
						z[i] = float32(special[g.rng.IntN(len(special))])
					}
				}
				was, before := slices.Clone(z), slices.Clone(slopes)
				Rectify(z)
				Cut(slopes, z)
				for i, v := range was {
					if want := max(v, 0); math.Float32bits(z[i]) != math.Float32bits(want) && want == want || want != want && z[i] == z[i] {
						t.Fatalf("%d: %v becomes %v, not %v", n, v, z[i], want)
					}
					want := before[i]
					if z[i] == 0 {
						want = 0
					}
					if slopes[i] != want {
						t.Fatalf("%d: a slope at %v is %v, not %v", n, z[i], slopes[i], want)
					}
				}
			}
		}
	})
}
