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
	// Classes are the names of what is answered: the classes of OneOf and the
	// labels of AnyOf, sorted by bytes; the numbers of Number; the grades of
	// Grade, from the lowest to the highest.
	Classes []string
	// Model computes the scores, Task.Scores(len(Classes)) of them.
	Model Model
	// Temperature divides the scores: what comes of it are the logits. 1: not
	// calibrated. Numbers have none: it is 1.
	Temperature float64
	// Reject is the probability under which the head is unsure of the class
	// that it answers, Thresholds the same by class; 0 and nil: it is never. Of
	// both the greater one counts. One above 1 is never reached. They are for
	// heads of one of several classes.
	Reject     float64
	Thresholds []float64
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
	case len(h.Classes) < h.Task.least():
		return fmt.Errorf("head: %d %s, at least %d are needed", len(h.Classes), h.Task.Nouns(), h.Task.least())
	case h.Model == nil:
		return fmt.Errorf("head: there is no model")
	case !(h.Temperature > 0) || math.IsInf(h.Temperature, 0):
		return fmt.Errorf("head: temperature %v is not a positive number", h.Temperature)
	case h.Task == Number && h.Temperature != 1:
		return fmt.Errorf("head: temperature %v of numbers, which have none", h.Temperature)
	}
	if err := h.checkThresholds(); err != nil {
		return err
	}
	if err := h.Model.Check(); err != nil {
		return err
	}
	if _, k := h.Model.Dims(); k != h.Task.Scores(len(h.Classes)) {
		return fmt.Errorf("head: %d scores for %d %s", k, len(h.Classes), h.Task.Nouns())
	}
	return nil
}

// LogitsTo writes the logits of n rows x (n×D) into dst (n×K): the scores over
// Temperature, of which Task.LinkTo makes the answers. A row's logits do not
// depend on the other rows. It panics if dst or x are of another length, which
// is a mistake of the caller; AnswersTo checks.
func (h *Head) LogitsTo(dst []float64, x []float32, n int) {
	h.Model.ScoresTo(dst, x, n)
	if h.Temperature == 1 {
		return
	}
	for i := range dst {
		dst[i] /= h.Temperature
	}
}

// ProbabilitiesTo writes the probabilities of n rows x (n×D) into dst
// (n×len(Classes)), as AnswersTo does. A head of numbers has none, which is an
// error.
func (h *Head) ProbabilitiesTo(dst []float64, x []float32, n int) error {
	if h.Task == Number {
		return fmt.Errorf("head: probabilities: a head of numbers has none")
	}
	return h.AnswersTo(dst, x, n)
}

// AnswersTo writes what h answers for n rows x (n×D) into dst (n×len(Classes)):
// probabilities, or the numbers of Number. Lengths that do not fit, and a row
// whose features are not finite, are errors.
func (h *Head) AnswersTo(dst []float64, x []float32, n int) error {
	d, k := h.Model.Dims()
	c := len(h.Classes)
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
	scores := dst
	if k != c {
		scores = make([]float64, n*k)
	}
	h.Model.ScoresTo(scores, x, n)
	for i := range n {
		h.Task.LinkTo(dst[i*c:(i+1)*c], scores[i*k:(i+1)*k], h.Temperature)
	}
	return nil
}

// OfLogits returns h for features that are its logits already.
func (h *Head) OfLogits() *Head {
	out := *h
	out.Model, out.Temperature = Scores(h.Task.Scores(len(h.Classes))), 1
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
