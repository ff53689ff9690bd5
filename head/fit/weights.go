package fit

import (
	"fmt"
	"math"
)

// Weights says how much rows count in a fit. The zero value means all alike.
// Only ratios matter: they are scaled to mean 1 over the rows of each fit.
type Weights struct {
	// Rows weighs each row, finite and not negative; nil: all 1. A weight of 2
	// is the same as a row given twice.
	Rows []float64
	// Classes weighs each class, finite and positive; nil: all 1.
	Classes []float64
	// Balanced lets each class weigh the same in all. Classes is then nil.
	Balanced bool
}

// widest is the largest ratio of two weights: a smaller one would be lost in
// the sums.
const widest = 1e15

// WeightError says which weights cannot be scaled to a common mean.
type WeightError struct {
	// Least and Most are the places of a positive weight and of one that is
	// more than 10¹⁵ times as large; Least is −1 where Most is no finite
	// number, or below what is allowed.
	Least, Most int
	// Of are the weights themselves.
	Of [2]float64
}

func (e *WeightError) Error() string {
	if e.Least < 0 {
		return fmt.Sprintf("weight %v is not a finite number of the range that is allowed", e.Of[1])
	}
	return fmt.Sprintf("weights %v and %v differ by more than a factor of %g", e.Of[0], e.Of[1], widest)
}

// ScaleWeights returns weights times a power of two, of which the largest is
// between 1/2 and 1, so that their sums do not overflow; nil stays nil. None of
// them may be 0 if positive. A *WeightError says what cannot be scaled.
func ScaleWeights(weights []float64, positive bool) ([]float64, error) {
	most, least := -1, -1
	for i, w := range weights {
		if !(w >= 0 && w <= math.MaxFloat64) || positive && w == 0 {
			return nil, &WeightError{Least: -1, Most: i, Of: [2]float64{0, w}}
		}
		if most < 0 || w > weights[most] {
			most = i
		}
		if w > 0 && (least < 0 || w < weights[least]) {
			least = i
		}
	}
	if least < 0 {
		return weights, nil // none, or zeros alone
	}
	_, exponent := math.Frexp(weights[most])
	scaled := make([]float64, len(weights))
	for i, w := range weights {
		scaled[i] = math.Ldexp(w, -exponent)
	}
	if scaled[least]*widest < scaled[most] {
		return nil, &WeightError{Least: least, Most: most, Of: [2]float64{weights[least], weights[most]}}
	}
	return scaled, nil
}

// scaled returns w with numbers whose sums do not overflow, for n rows.
func (w *Weights) scaled(n, classes int) (*Weights, error) {
	switch {
	case w.Rows != nil && len(w.Rows) != n:
		return nil, fmt.Errorf("head/fit: %d weights for %d rows", len(w.Rows), n)
	case w.Classes != nil && len(w.Classes) != classes:
		return nil, fmt.Errorf("head/fit: %d weights for %d classes", len(w.Classes), classes)
	case w.Classes != nil && w.Balanced:
		return nil, fmt.Errorf("head/fit: classes are balanced or have weights, not both")
	}
	out := &Weights{Balanced: w.Balanced}
	var err error
	if out.Rows, err = ScaleWeights(w.Rows, false); err != nil {
		return nil, fmt.Errorf("head/fit: weights of rows: %w", err)
	}
	if out.Classes, err = ScaleWeights(w.Classes, true); err != nil {
		return nil, fmt.Errorf("head/fit: weights of classes: %w", err)
	}
	return out, nil
}

// of returns the weight of a row of itself.
func (w *Weights) of(row int) float64 {
	if w.Rows == nil {
		return 1
	}
	return w.Rows[row]
}

// To writes the weights of rows into dst, with mean 1: each row's own times
// that of its class. labels holds the class of every row, by its number. The
// weights must be such that ScaleWeights returned them.
func (w *Weights) To(dst []float64, rows, labels []int, classes int) {
	total := make([]float64, classes) // Σ of the rows' own weights, by class
	for _, r := range rows {
		total[labels[r]] += w.of(r)
	}
	sum := 0.0
	for i, r := range rows {
		v, k := w.of(r), labels[r]
		switch {
		case v == 0:
		case w.Balanced:
			v /= total[k]
		case w.Classes != nil:
			v *= w.Classes[k]
		}
		dst[i] = v
		sum += v
	}
	for i := range dst {
		dst[i] *= float64(len(rows)) / sum
	}
}
