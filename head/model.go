package head

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Model is what a fitted head computes.
type Model interface {
	// Dims returns the numbers of features and of scores of a row.
	Dims() (d, k int)
	// ScoresTo writes the scores of n rows x (n×d) into dst (n×k). It panics if
	// they are of other lengths.
	ScoresTo(dst []float64, x []float32, n int)
	// Check returns an error that says what is wrong with shapes and values.
	Check() error
}

var (
	_ Model = (*Affine)(nil)
	_ Model = Scores(0)
)

// Affine is an affine map, W·x + b. A standardisation is folded into W and b.
type Affine struct {
	Weight []float64 // K×D, for features as they are (after Normalize)
	Bias   []float64 // K
	// Mean and Scale (D each) are the standardisation that was folded in, as a
	// record: Weight applied to x equals the fitted weights applied to
	// (x−Mean)/Scale. Without a standardisation they are 0 and 1.
	Mean, Scale []float64
	// Normalize says that each row is divided by its Euclidean length first; a
	// row of zeros stays one.
	Normalize bool
}

// NewAffine returns the map with weights (K×D) and biases (K), without a
// standardisation.
func NewAffine(weight, bias []float32) *Affine {
	d := len(weight) / max(len(bias), 1)
	a := &Affine{
		Weight: make([]float64, len(weight)), Bias: make([]float64, len(bias)),
		Mean: make([]float64, d), Scale: slices.Repeat([]float64{1}, d),
	}
	for i, v := range weight {
		a.Weight[i] = float64(v)
	}
	for i, v := range bias {
		a.Bias[i] = float64(v)
	}
	return a
}

// Dims returns the numbers of features and of scores.
func (a *Affine) Dims() (d, k int) { return len(a.Mean), len(a.Bias) }

// Check returns an error that says what is wrong with shapes and values.
func (a *Affine) Check() error {
	d, k := a.Dims()
	switch {
	case d < 1:
		return fmt.Errorf("head: affine: %d features", d)
	case len(a.Weight) != k*d:
		return fmt.Errorf("head: affine: weight: %d values for %d scores × %d features", len(a.Weight), k, d)
	case len(a.Scale) != d:
		return fmt.Errorf("head: affine: standardisation: %d means and %d scales", d, len(a.Scale))
	}
	for _, f := range []struct {
		name   string
		values []float64
	}{{"weight", a.Weight}, {"bias", a.Bias}, {"mean", a.Mean}, {"scale", a.Scale}} {
		for i, v := range f.values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("head: affine: %s: value %d is %v", f.name, i, v)
			}
		}
	}
	return nil
}

// ScoresTo writes the scores of n rows x (n×D) into dst (n×K).
func (a *Affine) ScoresTo(dst []float64, x []float32, n int) {
	d, k := a.Dims()
	checkLengths(len(dst), len(x), n, d, k)
	row := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			row[j] = float64(v)
		}
		if a.Normalize {
			normalize(row)
		}
		z := dst[i*k : (i+1)*k]
		copy(z, a.Bias)
		blas64.Gemv(blas.NoTrans, 1, blas64.General{Rows: k, Cols: d, Stride: d, Data: a.Weight}, blas64.Vector{N: d, Data: row, Inc: 1}, 1, blas64.Vector{N: k, Data: z, Inc: 1})
	}
}

// checkLengths panics unless x has n×d values and dst room for n×k.
func checkLengths(dst, x, n, d, k int) {
	if n < 0 || dst != n*k || x != n*d {
		panic(fmt.Sprintf("head: scores: %d values and room for %d scores, for %d rows × %d features and %d scores a row", x, dst, n, d, k))
	}
}

// normalize divides x by its Euclidean length; zeros stay.
func normalize(x []float64) {
	v := blas64.Vector{N: len(x), Data: x, Inc: 1}
	if l := blas64.Nrm2(v); l > 0 {
		blas64.Scal(1/l, v)
	}
}

// steady is the deviation, as a share of the largest one, under which a feature
// has no weight in Steady.
const steady = 0x1p-20

// Steady returns weights (K×D) and biases (K) to start gradient descent from:
// those of a, but for features that vary a million times less than others, as
// dead units of a backbone do. Standardised they are as good as any, and get
// weights that are larger by as much, to which a small step of the layers below
// is a leap; here they count with their mean alone.
func (a *Affine) Steady() (weight, bias []float32) {
	weight, bias = make([]float32, len(a.Weight)), make([]float32, len(a.Bias))
	d := len(a.Mean)
	least := steady * slices.Max(a.Scale)
	for c, b := range a.Bias {
		for j, s := range a.Scale {
			at := c*d + j
			if s < least {
				b += a.Weight[at] * a.Mean[j]
			} else {
				weight[at] = float32(a.Weight[at])
			}
		}
		bias[c] = float32(b)
	}
	return weight, bias
}

// Scores is a model of that many features which are the scores already, such as
// the logits that retrained layers of a backbone end in.
type Scores int

// Dims returns the number of scores, twice.
func (s Scores) Dims() (d, k int) { return int(s), int(s) }

// Check returns an error for no scores.
func (s Scores) Check() error {
	if s < 1 {
		return fmt.Errorf("head: scores: %d of them", int(s))
	}
	return nil
}

// ScoresTo copies n rows x into dst, both n×s.
func (s Scores) ScoresTo(dst []float64, x []float32, n int) {
	checkLengths(len(dst), len(x), n, int(s), int(s))
	for i, v := range x {
		dst[i] = float64(v)
	}
}
