package measure

import "math"

const (
	// reliabilityBins is the number of bins of Guo et al., ICML 2017.
	reliabilityBins = 15
	// minProbability is what a probability is raised to in the log-loss, as in
	// scikit-learn for float64.
	minProbability = 0x1p-52
)

// Outcome is all that metrics need to know of the prediction for one row.
type Outcome struct {
	// Label and Predicted are indices of classes: of the row's own, and of the
	// most probable one (the first of equal ones).
	Label, Predicted int
	// Confidence is the probability of Predicted, LabelProbability that of
	// Label.
	Confidence, LabelProbability float64

	loss, brier float64
	bin         int
}

// NewOutcome returns the outcome of probabilities p (C) for a row of class
// label. It panics if label is no index of p. Probabilities that are no numbers
// make an outcome that Evaluate refuses.
func NewOutcome(p []float64, label int) Outcome {
	o := Outcome{Label: label, LabelProbability: p[label]}
	for k, v := range p {
		if v > p[o.Predicted] {
			o.Predicted = k
		}
		d := v
		if k == label {
			d--
		}
		o.brier += d * d
	}
	o.Confidence = p[o.Predicted]
	o.loss = -math.Log(max(o.LabelProbability, minProbability))
	if bin := math.Ceil(o.Confidence*reliabilityBins) - 1; bin > 0 { // false of NaN
		o.bin = int(min(bin, reliabilityBins-1))
	}
	return o
}
