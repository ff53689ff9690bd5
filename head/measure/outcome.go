package measure

import (
	"fmt"
	"math"
)

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

// Outcomes appends those of probabilities p (n×C) to dst, for rows of the
// classes labels (n). Lengths that do not fit, labels out of range, and
// probabilities that are not in [0, 1] or do not add up to 1 (within 1e-6) are
// errors.
func Outcomes(dst []Outcome, p []float64, labels []int, classes int) ([]Outcome, error) {
	if len(p) != len(labels)*classes {
		return nil, fmt.Errorf("head/measure: outcomes: %d probabilities for %d rows of %d classes", len(p), len(labels), classes)
	}
	for i, y := range labels {
		if y < 0 || y >= classes {
			return nil, fmt.Errorf("head/measure: outcomes: row %d: label %d of %d classes", i, y, classes)
		}
		row := p[i*classes : (i+1)*classes]
		sum := 0.0
		for _, v := range row {
			if !(v >= 0 && v <= 1+1e-6) {
				return nil, fmt.Errorf("head/measure: outcomes: row %d: probability %v is not between 0 and 1", i, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-6 {
			return nil, fmt.Errorf("head/measure: outcomes: row %d: probabilities add up to %v, not to 1", i, sum)
		}
		dst = append(dst, NewOutcome(row, y))
	}
	return dst, nil
}
