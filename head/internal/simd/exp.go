package simd

import "math"

// mostExp bounds what Exp makes of vectors.
const mostExp = 700

// Exp replaces numbers by their exponentials, which differ from those of
// math.Exp by no more than a unit in the last place.
func Exp(z []float64) {
	whole := 0
	if k := passes[Active()]; k != nil && len(z) >= 8 {
		whole = len(z) &^ 7
		for _, v := range z[:whole] {
			if !(v >= -mostExp && v <= mostExp) {
				whole = 0
				break
			}
		}
		if whole > 0 {
			k.exp(whole, &z[0])
		}
	}
	for i, v := range z[whole:] {
		z[whole+i] = math.Exp(v)
	}
}
