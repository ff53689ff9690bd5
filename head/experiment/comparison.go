package experiment

import (
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head/measure"
)

// Comparison tells what was compared to decide how much is trained: a head
// alone, a head on more taps, layers of the backbone together with the head.
type Comparison struct {
	// Metric is what Score and the variations are of: "accuracy", "macro-f1" or
	// "log-loss" (negative, so that higher is always better).
	Metric string `json:"metric"`
	// Rule is "one-standard-error", the simplest way that is behind the best by
	// at most one standard error of the difference, or "better", the tail if it
	// beat the head. Where ways have no Difference, as in files that were
	// written before there was one, the standard error is that of the best
	// score.
	Rule string `json:"rule"`
	// Chosen is the name of the way that was chosen with the first seed.
	Chosen string   `json:"chosen"`
	Seeds  []uint64 `json:"seeds"`
	// Ways holds what was compared, from the simplest on.
	Ways []Way `json:"ways"`
	// Choice is the result of the way that the rule selected with each seed;
	// nil for one seed.
	Choice *Way `json:"choice,omitempty"`
}

// Way is a way to train.
type Way struct {
	Name string `json:"name"`
	// Cut is the tensor behind which the backbone was retrained; empty for a
	// head alone, and for all layers.
	Cut string `json:"cut,omitempty"`
	// Parameters is the number of parameters that were trained, the head's
	// included.
	Parameters int64 `json:"parameters"`
	// Score is the metric on the validation part with the first seed, SE its
	// standard error.
	Score float64 `json:"score"`
	SE    float64 `json:"se"`
	// Difference is by how much the best way is better on the validation part
	// with the first seed, and the standard error of this paired difference, by
	// group where groups stay together. nil: it is not known.
	Difference *measure.Gain `json:"difference,omitempty"`
	// Train, Validation and Test hold the metric on each part for each seed.
	// Test is empty where no test part was measured.
	Train      measure.Variation `json:"train"`
	Validation measure.Variation `json:"validation"`
	Test       measure.Variation `json:"test"`
	// Epochs is how many were trained with the first seed, Best the one that
	// was kept, 0: the start. Status is how it ended.
	Epochs int    `json:"epochs,omitempty"`
	Best   int    `json:"best,omitempty"`
	Status string `json:"status,omitempty"`
}

// Add notes the metric of another seed's parts. An unknown metric is an error.
func (w *Way) Add(metric string, t *Tests) error {
	for _, part := range []struct {
		to *measure.Variation
		of *measure.Metrics
	}{{&w.Train, t.Train}, {&w.Validation, t.Validation}, {&w.Test, t.Test}} {
		if part.of == nil {
			continue
		}
		c, err := part.of.Score(metric)
		if err != nil {
			return err
		}
		part.to.Add(c.Value)
	}
	return nil
}

// LabelsOf returns the class of each of rows, as its index in r.Head.Classes;
// −1 for a class that the head does not know, and for none.
func (r *Result) LabelsOf(labels []string, rows []int) []int {
	y := make([]int, len(rows))
	for i, row := range rows {
		k, ok := slices.BinarySearch(r.Head.Classes, labels[row])
		if !ok {
			k = -1
		}
		y[i] = k
	}
	return y
}

// Widen turns logits for r.Head.Classes into logits for r.Classes, −∞ for a
// class that the head does not know.
func (r *Result) Widen(logits []float64) []float64 {
	from, to := len(r.Head.Classes), len(r.Classes)
	if from == to || logits == nil {
		return logits
	}
	wide := slices.Repeat([]float64{math.Inf(-1)}, len(logits)/from*to)
	for k, name := range r.Head.Classes {
		c, _ := slices.BinarySearch(r.Classes, name)
		for i := range len(logits) / from {
			wide[i*to+c] = logits[i*from+k]
		}
	}
	return wide
}

// Weigh returns the weight of each row of d in a fit to the training part of r,
// with mean 1 over that part: the row's own weight times that of its class.
// Rows outside of the part have weight 0. Weights that cannot be scaled are an
// error.
func Weigh(d *Data, s *Settings, r *Result) ([]float64, error) {
	part, err := WeightsOf(d, s, r.Classes, r.Parts.Train)
	if err != nil {
		return nil, err
	}
	weights := make([]float64, len(d.Labels))
	for i, row := range r.Parts.Train {
		weights[row] = part[i]
	}
	return weights, nil
}
