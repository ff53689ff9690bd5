package simd

import "math"

// AdamStep is a step of the optimizer Adam. A gradient g makes of the moments
//
//	first  = KeepFirst·first + AddFirst·g
//	second = KeepSecond·second + (AddSecond·g)·g
//
// and moves a value by −(Size·first)/(√second + Tiny).
type AdamStep struct {
	KeepFirst, AddFirst, KeepSecond, AddSecond, Size, Tiny float32
}

// Move moves values along a gradient, with their moments, all of one length.
// Each operation is rounded to float32, so that it changes no bit which
// instructions are used.
func (a *AdamStep) Move(values, gradient, first, second []float32) {
	n := len(values)
	if len(gradient) != n || len(first) != n || len(second) != n {
		panic("simd: moments that do not fit")
	}
	whole := n &^ 15
	if Active() != Portable && whole > 0 {
		by := [...]float32{a.KeepFirst, a.AddFirst, a.KeepSecond, a.AddSecond, a.Size, a.Tiny}
		passes[Active()].adam(whole, &values[0], &gradient[0], &first[0], &second[0], &by[0])
	} else {
		whole = 0
	}
	for i := whole; i < n; i++ {
		g := gradient[i]
		first[i] = float32(a.KeepFirst*first[i]) + float32(a.AddFirst*g)
		second[i] = float32(a.KeepSecond*second[i]) + float32(float32(a.AddSecond*g)*g)
		values[i] -= float32(a.Size*first[i]) / (float32(math.Sqrt(float64(second[i]))) + a.Tiny)
	}
}
