package head

import (
	"errors"
	"fmt"
	"math"
)

// Head is a fitted head: a model, and what its scores mean.
type Head struct {
	// Kind is the name of one of Kinds.
	Kind string
	// Task says what the head answers.
	Task Task
	// Classes are the names of the K columns of scores, sorted by bytes.
	Classes []string
	// Model computes the scores of the classes.
	Model Model
	// Temperature divides the scores: what comes of it are the logits. 1: not
	// calibrated.
	Temperature float64
	// Params is what was asked of the fit, Fit how it went.
	Params Params
	Fit    Fit
}

// D is the number of features.
func (h *Head) D() int {
	d, _ := h.Model.Dims()
	return d
}

// ErrNotFinite is wrapped by errors about features that are NaN or infinite.
var ErrNotFinite = errors.New("not a finite number")

// Check returns an error that says what is wrong with the shapes and the values
// of h, nil if nothing is.
func (h *Head) Check() error {
	switch {
	case KindOf(h.Kind) == nil:
		return fmt.Errorf("head: unknown kind %q", h.Kind)
	case h.Task != KindOf(h.Kind).Task:
		return fmt.Errorf("head: a head of kind %s for the task %v", h.Kind, h.Task)
	case len(h.Classes) < 2:
		return fmt.Errorf("head: %d classes, at least 2 are needed", len(h.Classes))
	case h.Model == nil:
		return fmt.Errorf("head: there is no model")
	case !(h.Temperature > 0) || math.IsInf(h.Temperature, 0):
		return fmt.Errorf("head: temperature %v is not a positive number", h.Temperature)
	}
	if err := h.Model.Check(); err != nil {
		return err
	}
	if _, k := h.Model.Dims(); k != len(h.Classes) {
		return fmt.Errorf("head: %d scores for %d classes", k, len(h.Classes))
	}
	return nil
}

// LogitsTo writes the logits of n rows x (n×D) into dst (n×K): the scores over
// Temperature, so that their softmax are the probabilities. A row's logits do
// not depend on the other rows. It panics if dst or x are of another length,
// which is a mistake of the caller; ProbabilitiesTo checks.
func (h *Head) LogitsTo(dst []float64, x []float32, n int) {
	h.Model.ScoresTo(dst, x, n)
	if h.Temperature == 1 {
		return
	}
	for i := range dst {
		dst[i] /= h.Temperature
	}
}

// ProbabilitiesTo writes the probabilities of n rows x (n×D) into dst (n×K).
// Lengths that do not fit, and a row whose features are not finite, are errors.
func (h *Head) ProbabilitiesTo(dst []float64, x []float32, n int) error {
	d, c := h.Model.Dims()
	if n < 0 || len(x) != n*d {
		return fmt.Errorf("head: probabilities: %d values for %d rows of a head with %d features", len(x), n, d)
	}
	if len(dst) != n*c {
		return fmt.Errorf("head: probabilities: room for %d values, %d rows of %d classes need %d", len(dst), n, c, n*c)
	}
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("head: probabilities: row %d: feature %d: %w", i/d, i%d, ErrNotFinite)
		}
	}
	h.Model.ScoresTo(dst, x, n)
	for i := range n {
		SoftmaxTo(dst[i*c:(i+1)*c], dst[i*c:(i+1)*c], h.Temperature)
	}
	return nil
}

// OfLogits returns h for features that are its logits already.
func (h *Head) OfLogits() *Head {
	out := *h
	out.Model, out.Temperature = Scores(len(h.Classes)), 1
	return &out
}

// SoftmaxTo writes softmax(z/t) into p, both of length K; p may be z.
func SoftmaxTo(p, z []float64, t float64) {
	top := math.Inf(-1)
	for _, v := range z {
		top = math.Max(top, v)
	}
	sum := 0.0
	for i, v := range z {
		e := math.Exp((v - top) / t)
		p[i] = e
		sum += e
	}
	for i := range p {
		p[i] /= sum
	}
}
