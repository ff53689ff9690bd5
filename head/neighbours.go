package head

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// MaxNeighbourBytes bounds the rows that a Neighbours keeps, so that they go
// into a head file, which has at most 2 GiB.
const MaxNeighbourBytes = 2<<30 - 64<<20

// Doubt is the share of the votes that all classes have together, whatever the
// neighbours are: what was never seen is not impossible.
const Doubt = 0.01

// Neighbours answers by the classes of the rows that are nearest: scores are
// the logarithms of the classes' shares of the votes of K rows, of which one at
// cosine c has exp(c/T), and all classes together a hundredth more.
type Neighbours struct {
	// Mean and Scale (D each), rounded to float32, standardise a row: (x −
	// Mean)/Scale, after Normalize. Without a standardisation they are 0 and 1.
	Mean, Scale []float64
	// Normalize says that each row is divided by its Euclidean length first; a
	// row of zeros stays one.
	Normalize bool
	// Rows are those that vote, n×D: standardised, and divided by their length.
	Rows []float32
	// Labels is the class of each row, of Classes.
	Labels  []int32
	Classes int
	// Weights are those of the votes (n), positive; nil: all 1.
	Weights []float32
	// ClassScale and ClassShift (C each) are what scores are multiplied with
	// and what is added, see Rescaled; nil: neither.
	ClassScale, ClassShift []float64
	// K is how many rows vote, at least 1; all, if there are fewer. T is
	// positive.
	K int
	T float64
}

var _ Model = (*Neighbours)(nil)

// Dims returns the numbers of features and of classes.
func (m *Neighbours) Dims() (d, k int) { return len(m.Mean), m.Classes }

// Check returns an error that says what is wrong with shapes and values.
func (m *Neighbours) Check() error {
	d, n := len(m.Mean), len(m.Labels)
	switch {
	case d < 1 || len(m.Scale) != d:
		return fmt.Errorf("head: neighbours: %d means and %d scales", d, len(m.Scale))
	case n < 1 || len(m.Rows) != n*d:
		return fmt.Errorf("head: neighbours: %d values for %d rows × %d features", len(m.Rows), n, d)
	case int64(len(m.Rows))*4 > MaxNeighbourBytes:
		return &NeighboursError{Rows: n, D: d}
	case m.Weights != nil && len(m.Weights) != n:
		return fmt.Errorf("head: neighbours: %d weights for %d rows", len(m.Weights), n)
	case (m.ClassScale == nil) != (m.ClassShift == nil) || m.ClassScale != nil && (len(m.ClassScale) != m.Classes || len(m.ClassShift) != m.Classes):
		return fmt.Errorf("head: neighbours: %d scales and %d shifts of %d classes", len(m.ClassScale), len(m.ClassShift), m.Classes)
	case m.K < 1 || !(m.T > 0 && m.T <= math.MaxFloat32):
		return fmt.Errorf("head: neighbours: %d of them, at a temperature of %v", m.K, m.T)
	}
	for j := range d {
		if v := float32(m.Mean[j]); v-v != 0 {
			return fmt.Errorf("head: neighbours: mean %d is %v", j, m.Mean[j])
		}
		if v := float32(m.Scale[j]); !(v > 0) || v-v != 0 {
			return fmt.Errorf("head: neighbours: scale %d is %v", j, m.Scale[j])
		}
	}
	for k := range m.ClassScale {
		if v := float32(m.ClassScale[k]) + float32(m.ClassShift[k]); v-v != 0 {
			return fmt.Errorf("head: neighbours: the scores of class %d are multiplied with %v and %v is added", k, m.ClassScale[k], m.ClassShift[k])
		}
	}
	for i, v := range m.Rows {
		if v-v != 0 {
			return fmt.Errorf("head: neighbours: row %d: value %d is %v", i/d, i%d, v)
		}
	}
	for i, y := range m.Labels {
		if y < 0 || int(y) >= m.Classes {
			return fmt.Errorf("head: neighbours: row %d is of class %d of %d", i, y, m.Classes)
		}
	}
	for i, w := range m.Weights {
		if !(w > 0 && w <= math.MaxFloat32) {
			return fmt.Errorf("head: neighbours: the weight of row %d is %v", i, w)
		}
	}
	return nil
}

// NeighboursError says that there are too many rows to keep.
type NeighboursError struct{ Rows, D int }

func (e *NeighboursError) Error() string {
	return fmt.Sprintf("neighbours: %d rows of %d features take %.3g GiB; a head keeps less than 2 GiB of rows", e.Rows, e.D, float64(e.Rows)*float64(e.D)*4/(1<<30))
}

// UnitsTo writes n rows x as they are compared into dst, both n×D: standardised
// and of length 1. Rows whose length is zero stay so.
func (m *Neighbours) UnitsTo(dst, x []float32, n int) {
	d := len(m.Mean)
	checkLengths(len(dst), len(x), n, d, d)
	row := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			row[j] = float64(v)
		}
		if m.Normalize {
			normalize(row)
		}
		for j := range row {
			row[j] = (row[j] - float64(float32(m.Mean[j]))) / float64(float32(m.Scale[j]))
		}
		normalize(row)
		for j, v := range row {
			dst[i*d+j] = float32(v)
		}
	}
}

// VotesTo writes the scores of a row into dst (C), given its cosines with all
// of Rows.
func (m *Neighbours) VotesTo(dst []float64, cosines []float32) {
	k := min(m.K, len(cosines))
	near := make([]int, 0, k+1) // from the nearest on; of equal ones the first
	for i, c := range cosines {
		if len(near) == k && !(c > cosines[near[k-1]]) {
			continue
		}
		at := len(near)
		for at > 0 && c > cosines[near[at-1]] {
			at--
		}
		near = append(near, 0)
		copy(near[at+1:], near[at:])
		near[at] = i
		near = near[:min(len(near), k)]
	}
	clear(dst)
	total := 0.0
	for _, i := range near {
		vote := math.Exp((float64(cosines[i]) - float64(cosines[near[0]])) / m.T)
		if m.Weights != nil {
			vote *= float64(m.Weights[i])
		}
		dst[m.Labels[i]] += vote
		total += vote
	}
	for c, v := range dst {
		dst[c] = math.Log((1-Doubt)*v/total + Doubt/float64(len(dst)))
	}
	for c := range m.ClassScale {
		dst[c] = dst[c]*m.ClassScale[c] + m.ClassShift[c]
	}
}

var _ Rescaler = (*Neighbours)(nil)

// Rescaled returns the model whose scores are those of m times scale plus
// shift. It shares the rows.
func (m *Neighbours) Rescaled(scale, shift []float64) Model {
	out := *m
	out.ClassScale, out.ClassShift = make([]float64, m.Classes), make([]float64, m.Classes)
	for c := range m.Classes {
		out.ClassScale[c] = 1
		if m.ClassScale != nil {
			out.ClassScale[c], out.ClassShift[c] = m.ClassScale[c], m.ClassShift[c]
		}
		if scale != nil {
			out.ClassScale[c] *= scale[c]
			out.ClassShift[c] *= scale[c]
		}
		if shift != nil {
			out.ClassShift[c] += shift[c]
		}
	}
	return &out
}

// rowsAtATime is how many rows are compared at a time.
const rowsAtATime = 32

// ScoresTo writes the scores of n rows x (n×D) into dst (n×C).
func (m *Neighbours) ScoresTo(dst []float64, x []float32, n int) {
	d, c := m.Dims()
	checkLengths(len(dst), len(x), n, d, c)
	all := len(m.Labels)
	units, cosines := make([]float32, min(n, rowsAtATime)*d), make([]float32, min(n, rowsAtATime)*all)
	for lo := 0; lo < n; lo += rowsAtATime {
		rows := min(rowsAtATime, n-lo)
		m.UnitsTo(units[:rows*d], x[lo*d:(lo+rows)*d], rows)
		// A panel of rows at a time, so that no product is large enough for
		// goroutines of its own, and a row's bits do not depend on the others.
		for at := 0; at < all; at += rowsAtATime {
			width := min(rowsAtATime, all-at)
			blas32.Gemm(blas.NoTrans, blas.Trans, 1,
				blas32.General{Rows: rows, Cols: d, Stride: d, Data: units},
				blas32.General{Rows: width, Cols: d, Stride: d, Data: m.Rows[at*d:]}, 0,
				blas32.General{Rows: rows, Cols: width, Stride: all, Data: cosines[at:]})
		}
		for i := range rows {
			m.VotesTo(dst[(lo+i)*c:(lo+i+1)*c], cosines[i*all:(i+1)*all])
		}
	}
}
