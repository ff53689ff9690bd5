package layer

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Link is what is made of the logits of a head.
type Link string

// The links. With K logits there are C probabilities.
const (
	// Softmax makes probabilities of one of C = K classes.
	Softmax Link = ""
	// Sigmoid makes a probability of each of C = K labels by itself.
	Sigmoid Link = "sigmoid"
	// Identity makes numbers: the only output is Value.
	Identity Link = "identity"
	// Cumulative takes logits of the probabilities that a grade is at most the
	// first, the second and so on, and makes those of C = K+1 grades.
	Cumulative Link = "cumulative"
)

// links are those that there are.
var links = []Link{Softmax, Sigmoid, Identity, Cumulative}

func (l Link) known() bool { return slices.Contains(links, l) }

// Output is an output of a head: float32, batch×Size.
type Output struct {
	Name string
	Size int64
}

// Outputs returns the outputs of h, in their order: Logits and Probabilities,
// or Value.
func (h *Head) Outputs() []Output {
	k := h.k()
	switch h.Link {
	case Identity:
		return []Output{{Value, k}}
	case Cumulative:
		return []Output{{Logits, k}, {Probabilities, k + 1}}
	}
	return []Output{{Logits, k}, {Probabilities, k}}
}

// HiddenNames returns what Append calls the numbers of a hidden layer, from 0
// on, where the model has no tensors of these names.
func HiddenNames(i int) (weight, bias string) {
	return fmt.Sprintf("hidden_weight_%d", i+1), fmt.Sprintf("hidden_bias_%d", i+1)
}

// scores adds the nodes from rows to the outputs.
func (h *Head) scores(b *builder, rows string) {
	k, d := h.k(), h.d()
	const transposed = "transB"
	for i, l := range h.Hidden {
		weight, bias := HiddenNames(i)
		units := int64(len(l.Bias))
		sums := fmt.Sprintf("sums_%d", i+1)
		b.add(onnx.Node("Gemm", []string{rows, b.floats(weight, l.Weight, units, d), b.floats(bias, l.Bias, units)}, []string{sums}, onnx.IntAttribute(transposed, 1)))
		rows = b.node("Relu", fmt.Sprintf("units_%d", i+1), sums)
		d = units
	}
	gemm := func(output string) {
		if h.Neighbours != nil {
			h.Neighbours.scores(b, rows, output)
			return
		}
		b.add(onnx.Node("Gemm", []string{rows, b.floats("weight", h.Weight, k, d), b.floats("bias", h.Bias, k)}, []string{output}, onnx.IntAttribute(transposed, 1)))
	}
	if h.Link == Identity {
		gemm(Value)
		return
	}
	scores, logits := "scores", Logits
	if h.BareLogits {
		scores, logits = Logits, "scaled"
	}
	gemm(scores)
	b.node("Div", logits, scores, b.floats("temperature", []float32{h.Temperature}))
	switch h.Link {
	case Sigmoid:
		b.node("Sigmoid", Probabilities, logits)
	case Cumulative:
		// Grade j has what is up to j less what is up to j−1, of which the
		// rounding may be negative.
		steps, ends := make([]float32, k*(k+1)), make([]float32, k+1)
		for i := range k {
			steps[i*(k+1)+i], steps[i*(k+1)+i+1] = 1, -1
		}
		ends[k] = 1
		shares := "shares"
		if h.Pooling != "" && h.Pooling != "none" {
			shares = "grade_shares" // those of the positions are called so
		}
		upTo := b.node("Sigmoid", "up_to", logits)
		b.node("Gemm", shares, upTo, b.floats("steps", steps, k, k+1), b.floats("ends", ends, k+1))
		b.node("Relu", Probabilities, shares)
	default:
		b.add(onnx.Node("Softmax", []string{logits}, []string{Probabilities}, onnx.IntAttribute("axis", 1)))
	}
}
