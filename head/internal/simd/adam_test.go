package simd

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A step of Adam has the same bits with each set of instructions, and is what
// float64 makes of it but for rounding; nothing beyond the values is touched.
func TestAdamStep(t *testing.T) {
	a := &AdamStep{0.9, 0.1, 0.999, 0.001, 0.01, 1e-8}
	for _, n := range []int{0, 1, 15, 16, 17, 64, 1003} {
		var want [4][]float32
		for set := Portable; set <= Most(); set++ {
			restore := Limit(set)
			r := rand.New(rand.NewPCG(uint64(n), 1))
			var x, before [4][]float32 // values, gradient, moments
			for k := range x {
				for range n + 16 {
					v := float32(r.NormFloat64())
					if k == 3 {
						v *= v
					}
					x[k] = append(x[k], v)
				}
				before[k] = slices.Clone(x[k])
			}
			a.Move(x[0][:n], x[1][:n], x[2][:n], x[3][:n])
			restore()
			for i := range n {
				g := float64(before[1][i])
				first := 0.9*float64(before[2][i]) + 0.1*g
				second := 0.999*float64(before[3][i]) + 0.001*g*g
				value := float64(before[0][i]) - 0.01*first/(math.Sqrt(second)+1e-8)
				if d := math.Abs(float64(x[0][i]) - value); !(d <= 1e-4*max(1, math.Abs(value))) && second > 1e-6 {
					t.Errorf("%v, %d: value %d: %v, not %v", set, n, i, x[0][i], value)
				}
			}
			for k := range x {
				if !slices.Equal(x[k][n:], before[k][n:]) {
					t.Fatalf("%v, %d: what is behind array %d is touched", set, n, k)
				}
				if want[k] == nil {
					want[k] = x[k]
				}
				if !slices.Equal(x[k], want[k]) {
					t.Fatalf("%v, %d: array %d has other bits than portable", set, n, k)
				}
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("moments of another length are taken")
		}
	}()
	a.Move(make([]float32, 3), make([]float32, 3), make([]float32, 2), make([]float32, 3))
}
