package fit

import (
	"fmt"
	"math"
)

// Sparse is a matrix whose rows have few values that are not 0, such as counts
// of words. It is not safe for concurrent use while rows are appended.
type Sparse struct {
	d       int
	start   []int // of each row in columns and values, and where the last one ends
	columns []int32
	values  []float32

	front      []float32 // values of the columns in front, n×frontWidth
	frontWidth int
}

// NewSparse returns a matrix of d columns without rows.
func NewSparse(d int) *Sparse { return &Sparse{d: d, start: []int{0}} }

// N is the number of rows.
func (x *Sparse) N() int { return len(x.start) - 1 }

// D is the number of columns.
func (x *Sparse) D() int { return x.d + x.frontWidth }

// Len is the number of values that are not 0, those in front included.
func (x *Sparse) Len() int { return len(x.values) + len(x.front) }

// Append appends a row with values in some columns, which ascend; all others
// are 0. Columns out of range or not ascending, values that are not finite, and
// a matrix that has columns in front are errors.
func (x *Sparse) Append(columns []int32, values []float32) error {
	if len(columns) != len(values) || x.front != nil {
		return fmt.Errorf("head/fit: sparse row %d: %d values for %d columns, and %d in front of them", x.N(), len(values), len(columns), x.frontWidth)
	}
	for i, c := range columns {
		if c < 0 || int(c) >= x.d || i > 0 && columns[i-1] >= c {
			return fmt.Errorf("head/fit: sparse row %d: column %d of %d: out of range, or not ascending", x.N(), c, x.d)
		}
		if v := values[i]; v-v != 0 {
			return fmt.Errorf("head/fit: sparse row %d: column %d is %v", x.N(), c, v)
		}
	}
	x.columns, x.values = append(x.columns, columns...), append(x.values, values...)
	x.start = append(x.start, len(x.columns))
	return nil
}

// Row returns the columns and values of a row, those in front left out. They
// must not be changed.
func (x *Sparse) Row(i int) (columns []int32, values []float32) {
	lo, hi := x.start[i], x.start[i+1]
	return x.columns[lo:hi], x.values[lo:hi]
}

// Behind returns x behind d columns in which each row has a value, N×d, such as
// an embedding beside the words of a text. Both share their memory. A length
// that does not fit, a value that is not finite, and an x that has columns in
// front already are errors.
func (x *Sparse) Behind(d int, values []float32) (*Sparse, error) {
	if d < 1 || len(values) != d*x.N() || x.front != nil {
		return nil, fmt.Errorf("head/fit: sparse: %d values in front of %d rows, %d each, behind %d", len(values), x.N(), d, x.frontWidth)
	}
	for i, v := range values {
		if v-v != 0 {
			return nil, fmt.Errorf("head/fit: sparse row %d: column %d in front is %v", i/d, i%d, v)
		}
	}
	out := *x
	out.front, out.frontWidth = values, d
	return &out, nil
}

// Times returns x with its values times f, those in front left as they are.
func (x *Sparse) Times(f float64) *Sparse {
	out := *x
	out.values = make([]float32, len(x.values))
	for i, v := range x.values {
		out.values[i] = float32(float64(v) * f)
	}
	return &out
}

// frontOf returns the values of a row in the columns in front.
func (x *Sparse) frontOf(i int) []float32 {
	return x.front[i*x.frontWidth : (i+1)*x.frontWidth]
}

// TFIDF weighs the counts of terms by how rare these are: what scikit-learn's
// TfidfTransformer does by default. A value is the count times
// ln((1+n)/(1+df)) + 1, where df of the n rows that it is fitted to have the
// term, and each row has the Euclidean length 1 in the end. Terms that none of
// those n rows has are left out before.
type TFIDF struct {
	place  []int32 // of each column among those that are left; −1: left out
	weight []float32
}

// NewTFIDF fits the weights to some rows of counts.
func NewTFIDF(counts *Sparse, rows []int) *TFIDF {
	df := make([]int32, counts.d)
	for _, r := range rows {
		columns, _ := counts.Row(r)
		for _, c := range columns {
			df[c]++
		}
	}
	t := &TFIDF{place: df}
	for c, k := range df {
		if k == 0 {
			t.place[c] = -1
			continue
		}
		t.place[c] = int32(len(t.weight))
		t.weight = append(t.weight, float32(math.Log(float64(1+len(rows))/float64(1+k))+1))
	}
	return t
}

// D is the number of columns that are left.
func (t *TFIDF) D() int { return len(t.weight) }

// Apply returns all rows of counts, weighed. It panics if these have another
// number of columns than those that the weights were fitted to.
func (t *TFIDF) Apply(counts *Sparse) *Sparse {
	if counts.d != len(t.place) {
		panic(fmt.Sprintf("head/fit: TF-IDF of %d columns, fitted to %d", counts.d, len(t.place)))
	}
	out := &Sparse{
		d: len(t.weight), start: make([]int, 1, len(counts.start)),
		columns: make([]int32, 0, len(counts.columns)), values: make([]float32, 0, len(counts.values)),
	}
	for i := range counts.N() {
		columns, values := counts.Row(i)
		sum := 0.0
		for j, c := range columns {
			if p := t.place[c]; p >= 0 {
				v := values[j] * t.weight[p]
				out.columns, out.values = append(out.columns, p), append(out.values, v)
				sum += float64(v) * float64(v)
			}
		}
		if row := out.values[out.start[i]:]; sum > 0 {
			for j := range row {
				row[j] = float32(float64(row[j]) / math.Sqrt(sum))
			}
		}
		out.start = append(out.start, len(out.columns))
	}
	return out
}
