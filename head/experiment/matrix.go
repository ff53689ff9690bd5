package experiment

import (
	"context"
	"fmt"
	"github.com/headstart-ml/headstart/head"
	"gonum.org/v1/gonum/blas/blas64"
	"math"
)

// block is the number of rows that are multiplied at a time: 64 rows of 1,664 features fit into a second-level cache of 512 KiB.
const block = 64

// matrix holds the rows that take part, n×d, shifted by center and divided by spread, which are those of all rows together. That keeps float32
// products exact enough for any features; a fit's own standardisation comes on top of it (moments).
type matrix struct {
	src       head.Rows
	used      []int // number in src of each row
	d         int
	normalize bool // divide each row by its length first

	center, spread []float64 // d each; nil: rows are still as they are

	held []float32 // all rows, n×d; nil: rows are read from src each time
}

// newMatrix checks that the features are finite, measures center and spread (1 without standardisation), and holds the rows in memory if they fit into budget
// bytes. name names a row of src in errors.
func newMatrix(ctx context.Context, src head.Rows, used []int, normalize, standardize bool, budget int64, name func(int) string) (*matrix, error) {
	n, d := len(used), src.D()
	x := &matrix{src: src, used: used, d: d, normalize: normalize}
	if int64(n)*int64(d)*4 <= budget {
		held := make([]float32, n*d)
		for lo := 0; lo < n; lo += block {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := x.readTo(held[lo*d:min(lo+block, n)*d], x.span(lo, min(lo+block, n))); err != nil {
				return nil, err
			}
		}
		x.held = held
	}
	// Two passes: the deviations are taken from the mean, so that nothing cancels.
	center, spread := make([]float64, d), make([]float64, d)
	row := make([]float64, d)
	buf := make([]float32, block*d)
	each := func(visit func(row []float64)) error {
		for lo := 0; lo < n; lo += block {
			if err := ctx.Err(); err != nil {
				return err
			}
			m := min(block, n-lo)
			b, err := x.rawTo(buf, x.span(lo, lo+m))
			if err != nil {
				return err
			}
			if i := notFinite(b); i >= 0 {
				return fmt.Errorf("head: features: row %s: feature %d: %w; leave the row out or extract it again", name(used[lo+i/d]), i%d, head.ErrNotFinite)
			}
			for i := range m {
				x.widenTo(row, b[i*d:(i+1)*d])
				visit(row)
			}
		}
		return nil
	}
	err := each(func(row []float64) {
		for j, v := range row {
			center[j] += v
		}
	})
	if err != nil {
		return nil, err
	}
	for j := range center {
		center[j] /= float64(n)
	}
	if standardize {
		err = each(func(row []float64) {
			for j, v := range row {
				spread[j] += (v - center[j]) * (v - center[j])
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for j := range spread {
		spread[j] = scaleOf(spread[j]/float64(n), center[j], float64(n))
	}
	x.center, x.spread = center, spread
	if x.held != nil {
		for i := range n {
			x.shift(x.held[i*d:(i+1)*d], row)
		}
	}
	return x, nil
}

// scaleOf returns the standard deviation, or 1 for a feature that is constant up to rounding
// (the bound is scikit-learn's, after Chan, Golub and LeVeque, The American Statistician 37:242, 1983).
func scaleOf(variance, mean, n float64) float64 {
	const eps = 0x1p-52
	if variance <= n*eps*variance+n*mean*eps*n*mean*eps {
		return 1
	}
	return math.Sqrt(variance)
}

// span returns the rows lo to hi.
func (x *matrix) span(lo, hi int) []int {
	rows := make([]int, hi-lo)
	for i := range rows {
		rows[i] = lo + i
	}
	return rows
}

// readTo reads rows from src as they are into dst (len(rows)×d), runs of neighbours at a time.
func (x *matrix) readTo(dst []float32, rows []int) error {
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && x.used[rows[j]] == x.used[rows[j-1]]+1 {
			j++
		}
		lo, hi := x.used[rows[i]], x.used[rows[j-1]]+1
		if err := x.src.BlockTo(dst[i*x.d:j*x.d], lo, hi); err != nil {
			return fmt.Errorf("head: features: rows %d to %d: %w", lo, hi-1, err)
		}
		i = j
	}
	return nil
}

// rawTo returns rows as they are or, once they are held and shifted, as they are held: a part of what is held if they are neighbours there, else a copy in buf.
func (x *matrix) rawTo(buf []float32, rows []int) ([]float32, error) {
	d := x.d
	if x.held == nil {
		buf = buf[:len(rows)*d]
		return buf, x.readTo(buf, rows)
	}
	if first, last := rows[0], rows[len(rows)-1]; last-first+1 == len(rows) {
		return x.held[first*d : (last+1)*d], nil
	}
	for i, r := range rows {
		copy(buf[i*d:(i+1)*d], x.held[r*d:(r+1)*d])
	}
	return buf[:len(rows)*d], nil
}

// rowsTo returns shifted rows (ascending, at most as many as fit into buf), len(rows)×d. row is room for d values.
func (x *matrix) rowsTo(buf []float32, rows []int, row []float64) ([]float32, error) {
	b, err := x.rawTo(buf, rows)
	if err != nil || x.held != nil {
		return b, err
	}
	for i := range rows {
		x.shift(b[i*x.d:(i+1)*x.d], row)
	}
	return b, nil
}

// widenTo writes a row as it is into dst, divided by its length if rows are.
func (x *matrix) widenTo(dst []float64, row []float32) {
	for j, v := range row {
		dst[j] = float64(v)
	}
	if x.normalize {
		normalize(dst)
	}
}

// shift replaces a row as it is by (row − center)/spread. wide is room for d values.
func (x *matrix) shift(row []float32, wide []float64) {
	x.widenTo(wide, row)
	for j, v := range wide {
		row[j] = float32((v - x.center[j]) / x.spread[j])
	}
}

// moments is the standardisation of a fit, for shifted rows: mean and scale (d each) of its rows.
type moments struct{ mean, scale []float64 }

// moments measures the rows, weighted (nil: all alike). Without standardize the scale is 1.
func (x *matrix) moments(ctx context.Context, rows []int, weight []float64, standardize bool) (*moments, error) {
	d := x.d
	m := &moments{mean: make([]float64, d), scale: make([]float64, d)}
	buf, row := make([]float32, block*d), make([]float64, d)
	each := func(visit func(w float64, row []float32)) (sum float64, err error) {
		for lo := 0; lo < len(rows); lo += block {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			part := rows[lo:min(lo+block, len(rows))]
			b, err := x.rowsTo(buf, part, row)
			if err != nil {
				return 0, err
			}
			for i := range part {
				w := 1.0
				if weight != nil {
					w = weight[lo+i]
				}
				sum += w
				visit(w, b[i*d:(i+1)*d])
			}
		}
		return sum, nil
	}
	sum, err := each(func(w float64, row []float32) {
		for j, v := range row {
			m.mean[j] += w * float64(v)
		}
	})
	if err != nil {
		return nil, err
	}
	for j := range m.mean {
		m.mean[j] /= sum
	}
	if standardize {
		_, err := each(func(w float64, row []float32) {
			for j, v := range row {
				dev := float64(v) - m.mean[j]
				m.scale[j] += w * dev * dev
			}
		})
		if err != nil {
			return nil, err
		}
	}
	for j := range m.scale {
		m.scale[j] = scaleOf(m.scale[j]/sum, m.mean[j], float64(len(rows)))
	}
	return m, nil
}

// notFinite returns the place of the first NaN or infinity in x, −1 if there is
// none.
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
