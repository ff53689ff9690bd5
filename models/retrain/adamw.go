package retrain

import "math"

// coefficients are the factors of one update of one tensor.
type coefficients struct {
	scale        float32 // of the gradient
	beta1, beta2 float32
	rate         float32 // lr/(1-β₁ᵗ)
	correction   float32 // 1/√(1-β₂ᵗ)
	epsilon      float32
	decay        float32 // lr·weight decay
}

// update makes one step of AdamW, in place:
//
//	g = dW·scale; m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²
//	w -= rate·m/(correction·√v + ε) + decay·w
//
// Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019,
// algorithm 2.
func update(w, dW, m, v []float32, k *coefficients) {
	dW, m, v = dW[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		g := dW[i] * k.scale
		m[i] = k.beta1*m[i] + (1-k.beta1)*g
		v[i] = k.beta2*v[i] + (1-k.beta2)*(g*g)
		root := float32(math.Sqrt(float64(v[i])))
		w[i] -= k.rate*m[i]/(k.correction*root+k.epsilon) + k.decay*w[i]
	}
}
