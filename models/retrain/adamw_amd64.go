package retrain

import "golang.org/x/sys/cpu"

const lanes = 8

// updateVector does update for the first elements, as many as fill vectors, and
// returns how many these are.
func updateVector(w, dW, m, v []float32, k *coefficients) int {
	n := len(w) &^ (lanes - 1)
	if n == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	updateAVX2(&w[0], &dW[0], &m[0], &v[0], n, k)
	return n
}

// updateAVX2 does update for n elements, a multiple of lanes above 0.
//
//go:noescape
func updateAVX2(w, dW, m, v *float32, n int, k *coefficients)
