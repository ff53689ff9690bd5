package experiment

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head/fit"
)

// Prior tells for which frequencies of the classes probabilities were
// corrected. Slices are in the order of Result.Classes.
type Prior struct {
	// Kind is "data", "uniform" or "map".
	Kind string `json:"kind"`
	// From are the frequencies that the fit has learnt: those of the rows with
	// their weights and those of their classes. To are those that the
	// probabilities are for.
	From []float64 `json:"from"`
	To   []float64 `json:"to"`
}

// keepsPrior reports whether probabilities stay as the fit has them.
func (s *Settings) keepsPrior() bool { return s.Prior == "" || s.Prior == "keep" }

// checkPrior tells what is wrong with the settings of the prior.
func (s *Settings) checkPrior() error {
	if (s.Prior == "map") != (s.Priors != nil) {
		return fmt.Errorf("head: settings: prior %q with frequencies of %d classes; frequencies go with \"map\"", s.Prior, len(s.Priors))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Priors)) {
		if v := s.Priors[name]; !(v > 0 && v <= math.MaxFloat64/float64(len(s.Priors))) {
			return &PriorError{Class: name, Frequency: v}
		}
	}
	return nil
}

// PriorError says which frequency of a class cannot be used.
type PriorError struct {
	Class     string
	Frequency float64 // what is given; 0 with Missing or Unknown
	Missing   bool    // none is given
	Unknown   bool    // there is no such class
}

func (e *PriorError) Error() string {
	switch {
	case e.Missing:
		return fmt.Sprintf("head: prior: no frequency is given for class %q", e.Class)
	case e.Unknown:
		return fmt.Sprintf("head: prior: frequency of %q: there is no such class", e.Class)
	}
	return fmt.Sprintf("head: prior: frequency %v of class %q is not a positive number", e.Frequency, e.Class)
}

// checkPriors compares the classes that have frequencies with those of the
// data.
func (t *trainer) checkPriors() error {
	if t.Priors == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(t.Priors)) {
		if _, known := slices.BinarySearch(t.classes, name); !known {
			return &PriorError{Class: name, Unknown: true}
		}
	}
	for _, name := range t.classes {
		if _, given := t.Priors[name]; !given {
			return &PriorError{Class: name, Missing: true}
		}
	}
	return nil
}

// shifts are what is added to logits by class: toData makes those of a fit with
// weights the ones of the rows as often as they are, toTarget makes those the
// ones of other frequencies (Saerens, Latinne and Decaestecker, Neural
// Computation 14:21, 2002, formula 2.4). nil: nothing.
type shifts struct{ toData, toTarget []float64 }

// shifts returns those of a fit to rows.
func (t *trainer) shifts(rows []int) (shifts, error) {
	if t.keepsPrior() {
		return shifts{}, nil
	}
	fitted, data, err := t.frequencies(rows)
	if err != nil {
		return shifts{}, err
	}
	return shifts{logRatios(data, fitted), logRatios(t.target(data), data)}, nil
}

// prior returns the record of what rows were corrected for; nil: nothing.
func (t *trainer) prior(rows []int) (*Prior, error) {
	if t.keepsPrior() {
		return nil, nil
	}
	fitted, data, err := t.frequencies(rows)
	if err != nil {
		return nil, err
	}
	return &Prior{Kind: t.Prior, From: fitted, To: t.target(data)}, nil
}

// target returns the frequencies that probabilities are for, those of the data
// being given.
func (t *trainer) target(data []float64) []float64 {
	out := make([]float64, len(t.classes))
	sum := 0.0
	for k, name := range t.classes {
		switch t.Prior {
		case "data":
			out[k] = data[k]
		case "uniform":
			out[k] = 1
		case "map":
			out[k] = t.Priors[name]
		}
		sum += out[k]
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

// frequencies returns how often each class is among rows, as they are weighed
// in a fit and with their own weights alone.
func (t *trainer) frequencies(rows []int) (fitted, data []float64, err error) {
	own, err := t.data.rowWeights(t.used)
	if err != nil {
		return nil, nil, err
	}
	classes, err := t.classWeights(t.classes)
	if err != nil {
		return nil, nil, err
	}
	count := func(w fit.Weights) []float64 {
		weights, out := make([]float64, len(rows)), make([]float64, len(t.classes))
		w.To(weights, rows, t.labels, len(t.classes))
		for i, r := range rows {
			out[t.labels[r]] += weights[i] / float64(len(rows))
		}
		return out
	}
	return count(fit.Weights{Rows: own, Classes: classes, Balanced: t.ClassWeight == "balanced"}), count(fit.Weights{Rows: own}), nil
}

// logRatios returns ln(a/b) by class, 0 where one of them is 0: the model does
// not know such a class.
func logRatios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for k := range a {
		if a[k] > 0 && b[k] > 0 {
			out[k] = math.Log(a[k] / b[k])
		}
	}
	return out
}
