package retrain

import "math"

// coefficients are the numbers of one step of AdamW. The caller folds the bias
// corrections of step t = 1, 2, … in.
type coefficients struct {
	scale        float32 // of the gradient, for clipping its norm
	beta1, beta2 float32
	rate         float32 // learning rate / (1-β1ᵗ)
	correction   float32 // 1/√(1-β2ᵗ)
	epsilon      float32
	decay        float32 // learning rate · weight decay
}

// update does one step of AdamW in place: of the weights w with the gradient
// dW, of its running mean m and of its running mean square v, all of one
// length.
//
//	g = dW·scale
//	m = β1·m + (1-β1)·g
//	v = β2·v + (1-β2)·g²
//	w = w - rate·m / (correction·√v + ε) - decay·w
//
// Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019,
// algorithm 2. Every processor gives the same bits.
func update(w, dW, m, v []float32, k *coefficients) {
	dW, m, v = dW[:len(w)], m[:len(w)], v[:len(w)]
	n := updateVector(w, dW, m, v, k)
	updateScalar(w[n:], dW[n:], m[n:], v[n:], k)
}

// updateScalar is update in Go. A product that is converted is not fused with
// the sum that it is part of, on any processor: the language says so.
func updateScalar(w, dW, m, v []float32, k *coefficients) {
	dW, m, v = dW[:len(w)], m[:len(w)], v[:len(w)]
	rest1, rest2 := 1-k.beta1, 1-k.beta2
	for i := range w {
		g := float32(dW[i] * k.scale)
		m[i] = float32(k.beta1*m[i]) + float32(rest1*g)
		v[i] = float32(k.beta2*v[i]) + float32(rest2*float32(g*g))
		root := float32(math.Sqrt(float64(v[i])))
		step := float32(k.rate*m[i]) / (float32(k.correction*root) + k.epsilon)
		w[i] = (w[i] - step) - float32(k.decay*w[i])
	}
}
