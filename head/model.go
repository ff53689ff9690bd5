package head

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Model is a fitted head: an affine map from features to logits, and a temperature. Standardisation is folded into Weight and Bias.
type Model struct {
	Kind    string    // "softmax" or "ncm"
	Classes []string  // C names, sorted by bytes
	D       int       // number of features
	Weight  []float64 // C×D, for features as they are (after L2Normalize)
	Bias    []float64 // C
	// Mean and Scale (D each) are the standardisation that was folded in, as a record: Weight applied to x equals the fitted weights applied to
	// (x−Mean)/Scale. Without standardisation they are 0 and 1.
	Mean, Scale []float64
	// Temperature divides the logits before the softmax; 1: not calibrated.
	Temperature float64
	// L2 is λ of the softmax head; 0 for ncm.
	L2 float64
	// L2Normalize says that each row is divided by its Euclidean length first.
	L2Normalize bool
}

// Check tells what is wrong with the shapes and values of a model, nil if nothing is.
func (m *Model) Check() error {
	c := len(m.Classes)
	switch {
	case m.Kind != "softmax" && m.Kind != "ncm":
		return fmt.Errorf("head: model: unknown kind %q", m.Kind)
	case c < 2:
		return fmt.Errorf("head: model: %d classes, at least 2 are needed", c)
	case m.D < 1:
		return fmt.Errorf("head: model: %d features", m.D)
	case len(m.Weight) != c*m.D:
		return fmt.Errorf("head: model: weight: %d values for %d classes × %d features", len(m.Weight), c, m.D)
	case len(m.Bias) != c:
		return fmt.Errorf("head: model: bias: %d values for %d classes", len(m.Bias), c)
	case len(m.Mean) != m.D || len(m.Scale) != m.D:
		return fmt.Errorf("head: model: standardisation: %d means and %d scales for %d features", len(m.Mean), len(m.Scale), m.D)
	case !(m.Temperature > 0) || math.IsInf(m.Temperature, 0):
		return fmt.Errorf("head: model: temperature %v is not a positive number", m.Temperature)
	}
	for _, f := range []struct {
		name   string
		values []float64
	}{{"weight", m.Weight}, {"bias", m.Bias}, {"mean", m.Mean}, {"scale", m.Scale}} {
		for i, v := range f.values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("head: model: %s: value %d is %v", f.name, i, v)
			}
		}
	}
	return nil
}

// LogitsTo writes the logits of n rows x (n×D) into dst (n×C). A row's logits do not depend on the other rows.
// It panics if dst or x are of another length, which is a mistake of the caller; ProbabilitiesTo checks.
func (m *Model) LogitsTo(dst []float64, x []float32, n int) {
	c, d := len(m.Classes), m.D
	if n < 0 || len(dst) != n*c || len(x) != n*d {
		panic(fmt.Sprintf("head: logits: %d values and room for %d logits, for %d rows × %d features and %d classes", len(x), len(dst), n, d, c))
	}
	row := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			row[j] = float64(v)
		}
		if m.L2Normalize {
			normalize(row)
		}
		z := dst[i*c : (i+1)*c]
		copy(z, m.Bias)
		blas64.Gemv(blas.NoTrans, 1, blas64.General{Rows: c, Cols: d, Stride: d, Data: m.Weight}, blas64.Vector{N: d, Data: row, Inc: 1}, 1, blas64.Vector{N: c, Data: z, Inc: 1})
	}
}

// ProbabilitiesTo writes the probabilities softmax(logits/Temperature) of n rows x (n×D) into dst (n×C). Lengths that do not fit, and a row
// whose features are not finite, are errors.
func (m *Model) ProbabilitiesTo(dst []float64, x []float32, n int) error {
	c, d := len(m.Classes), m.D
	if n < 0 || len(x) != n*d {
		return fmt.Errorf("head: probabilities: %d values for %d rows of a head with %d features", len(x), n, d)
	}
	if len(dst) != n*c {
		return fmt.Errorf("head: probabilities: room for %d values, %d rows of %d classes need %d", len(dst), n, c, n*c)
	}
	if i := notFinite(x); i >= 0 {
		return fmt.Errorf("head: probabilities: row %d: feature %d: %w", i/d, i%d, ErrNotFinite)
	}
	m.LogitsTo(dst, x, n)
	for i := range n {
		SoftmaxTo(dst[i*c:(i+1)*c], dst[i*c:(i+1)*c], m.Temperature)
	}
	return nil
}

// steady is the deviation, as a share of the largest one, under which a feature has no weight in Steady.
const steady = 0x1p-20

// Steady returns weights (C×D) and biases (C) to start gradient descent from: those of m, but for features that vary a million times less than others,
// as dead units of a backbone do. Standardised they are as good as any, and get weights as much larger, to which a small step of the layers below is a leap; here they
// count with their mean alone.
func (m *Model) Steady() (weight, bias []float32) {
	weight, bias = make([]float32, len(m.Weight)), make([]float32, len(m.Bias))
	least := steady * slices.Max(m.Scale)
	for c, b := range m.Bias {
		for j, s := range m.Scale {
			at := c*m.D + j
			if s < least {
				b += m.Weight[at] * m.Mean[j]
			} else {
				weight[at] = float32(m.Weight[at])
			}
		}
		bias[c] = float32(b)
	}
	return weight, bias
}

// Trained returns m with weights (C×D) and biases (C) that gradient descent has come to from those of Steady, and with that temperature.
// There is no standardisation in them.
func (m *Model) Trained(weight, bias []float32, temperature float64) *Model {
	out := *m
	out.Weight, out.Bias = make([]float64, len(weight)), make([]float64, len(bias))
	for i, v := range weight {
		out.Weight[i] = float64(v)
	}
	for i, v := range bias {
		out.Bias[i] = float64(v)
	}
	out.Mean, out.Scale = make([]float64, m.D), slices.Repeat([]float64{1}, m.D)
	out.Temperature = temperature
	return &out
}

// OfLogits returns what is left of m where its logits are the features: its classes and its temperature.
func (m *Model) OfLogits() *Model {
	c := len(m.Classes)
	out := &Model{
		Kind: m.Kind, Classes: m.Classes, D: c, Weight: make([]float64, c*c), Bias: make([]float64, c),
		Mean: make([]float64, c), Scale: slices.Repeat([]float64{1}, c), Temperature: m.Temperature,
	}
	for i := range c {
		out.Weight[i*c+i] = 1
	}
	return out
}

// ErrNotFinite is wrapped by errors about features that are NaN or infinite.
var ErrNotFinite = errors.New("not a finite number")

// notFinite returns the place of the first NaN or infinity in x, −1 if there is none.
func notFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// normalize divides x by its Euclidean length; zeros stay.
func normalize(x []float64) {
	v := blas64.Vector{N: len(x), Data: x, Inc: 1}
	if l := blas64.Nrm2(v); l > 0 {
		blas64.Scal(1/l, v)
	}
}

// SoftmaxTo writes softmax(z/t) into p, both of length C; p may be z.
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
