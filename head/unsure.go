package head

import "fmt"

// MayBeUnsure reports whether the head leaves rows without an answer.
func (h *Head) MayBeUnsure() bool { return h.Reject > 0 || h.Thresholds != nil }

// Unsure reports whether the head is unsure of an answer: the most probable
// class, with its probability.
func (h *Head) Unsure(class int, probability float64) bool {
	least := h.Reject
	if h.Thresholds != nil {
		least = max(least, h.Thresholds[class])
	}
	return probability < least
}

// mostThreshold is the greatest threshold that is taken.
const mostThreshold = 2

// checkThresholds tells what is wrong with Reject and Thresholds.
func (h *Head) checkThresholds() error {
	switch {
	case h.MayBeUnsure() && h.Task != OneOf:
		return fmt.Errorf("head: thresholds for the task %v", h.Task)
	case !(h.Reject >= 0 && h.Reject <= mostThreshold):
		return fmt.Errorf("head: the probability to be sure from is %v", h.Reject)
	case h.Thresholds != nil && len(h.Thresholds) != len(h.Classes):
		return fmt.Errorf("head: %d thresholds for %d classes", len(h.Thresholds), len(h.Classes))
	}
	for i, t := range h.Thresholds {
		if !(t >= 0 && t <= mostThreshold) {
			return fmt.Errorf("head: threshold %v of class %q", t, h.Classes[i])
		}
	}
	return nil
}

// Rescaler is a model whose scores can be multiplied with a scale of their
// class, and have a shift added; nil: 1 and 0.
type Rescaler interface {
	Rescaled(scale, shift []float64) Model
}

var _ Rescaler = (*Affine)(nil)

// Rescaled returns the map whose scores are those of a times scale plus shift.
func (a *Affine) Rescaled(scale, shift []float64) Model {
	d, k := a.Dims()
	out := *a
	out.Weight, out.Bias = append([]float64(nil), a.Weight...), append([]float64(nil), a.Bias...)
	for c := range k {
		if scale != nil {
			out.Bias[c] *= scale[c]
			for j := range d {
				out.Weight[c*d+j] *= scale[c]
			}
		}
		if shift != nil {
			out.Bias[c] += shift[c]
		}
	}
	return &out
}
