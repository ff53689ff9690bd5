package grad

import "github.com/headstart-ml/headstart/models/onnx"

// loss appends the cross-entropy of softmax(logits) with the target, N×K, as a
// tensor of one element under the given name, and returns its gradient by the
// logits:
//
//	loss = -Σ target ∘ log softmax(logits)
//	dlogits = softmax(logits) ∘ Σ_k target - target
//
// Rows of the target need not add up to 1. Bishop, Pattern Recognition and
// Machine Learning, 2006, equation 4.109.
func (b *builder) loss(logits, target, name string) (dLogits string) {
	shape := b.shapes[logits]
	lp := b.unary("LogSoftmax", logits, onnx.IntAttribute("axis", 1))
	total := b.unary("Neg", b.sum(b.mul(lp, target), false, 0, 1))
	b.shapes[name] = []int64{1}
	b.emit(onnx.Node("Reshape", []string{total, b.int64s(1)}, []string{name}))
	b.shapes[target] = shape
	return b.sub(b.mul(b.unary("Exp", lp), b.sum(target, true, 1)), target)
}
