package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// block is the number of rows that are multiplied at a time: 64 rows of 1,664
// features fit into a second-level cache of 512 KiB.
const block = 64

// matrix holds the rows that take part, n×d, divided by their lengths if
// normalize says so.
type matrix struct {
	src       head.Rows
	used      []int // number in src of each row
	d         int
	normalize bool
	held      []float32 // all rows, n×d; nil: rows are read from src each time

	// order is the rows in the order in which reading them is fastest, and rank
	// the place of each in it; nil: as they are numbered, or they are held.
	order []int
	rank  []int32
}

// arrange finds the order in which rows are read.
func (x *matrix) arrange() error {
	src, ok := x.src.(head.Stored)
	if !ok {
		return nil
	}
	n := len(x.used)
	at := make([]int32, src.N()) // place in used, plus one
	for i, r := range x.used {
		at[r] = int32(i + 1)
	}
	x.order, x.rank = make([]int, 0, n), make([]int32, n)
	for _, r := range src.Order() {
		if r < 0 || r >= len(at) {
			return fmt.Errorf("head: features: the order of %d rows has a row %d", len(at), r)
		}
		if i := at[r] - 1; i >= 0 {
			x.rank[i] = int32(len(x.order))
			x.order = append(x.order, int(i))
			at[r] = 0
		}
	}
	if len(x.order) != n {
		return fmt.Errorf("head: features: the order of %d rows has %d of %d that take part", len(at), len(x.order), n)
	}
	return nil
}

// inOrder returns the places of rows, in the order in which reading these is
// fastest; nil: as they are.
func (x *matrix) inOrder(rows []int) []int {
	if x.order == nil {
		return nil
	}
	places := span(0, len(rows))
	slices.SortFunc(places, func(a, b int) int { return int(x.rank[rows[a]] - x.rank[rows[b]]) })
	return places
}

// hold reads all rows into memory.
func (x *matrix) hold(ctx context.Context) error {
	n, d := len(x.used), x.d
	held, order := make([]float32, n*d), x.order
	buf := make([]float32, block*d)
	read := 0
	for lo := 0; lo < n; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+block, n)
		if read += 4 * (hi - lo) * d; read > releaseBytes {
			if err := x.release(); err != nil {
				return err
			}
			read = 0
		}
		if order == nil {
			if err := x.readTo(held[lo*d:hi*d], span(lo, hi)); err != nil {
				return err
			}
			continue
		}
		if err := x.readTo(buf[:(hi-lo)*d], order[lo:hi]); err != nil {
			return err
		}
		for i, r := range order[lo:hi] {
			copy(held[r*d:(r+1)*d], buf[i*d:])
		}
	}
	x.held, x.order, x.rank = held, nil, nil
	return x.release()
}

// releaseBytes is after how much that was read, as float32, the memory of rows
// is given back while they are copied.
const releaseBytes = 16 << 20

// release gives back the memory that reading rows has taken.
func (x *matrix) release() error {
	src, ok := x.src.(head.Releaser)
	if !ok {
		return nil
	}
	if err := src.Release(); err != nil {
		return fmt.Errorf("head: features: %w", err)
	}
	return nil
}

// span returns the numbers from lo to hi, hi left out.
func span(lo, hi int) []int {
	rows := make([]int, hi-lo)
	for i := range rows {
		rows[i] = lo + i
	}
	return rows
}

// readTo reads rows from src into dst (len(rows)×d), as they are stored or runs
// of neighbours at a time.
func (x *matrix) readTo(dst []float32, rows []int) error {
	if src, ok := x.src.(head.Stored); ok {
		if err := x.storedTo(dst, rows, src); err != nil {
			return fmt.Errorf("head: features: %w", err)
		}
	} else if err := x.blocksTo(dst, rows); err != nil {
		return err
	}
	if x.normalize {
		row := make([]float64, x.d)
		for i := range rows {
			normalizeTo(row, dst[i*x.d:(i+1)*x.d])
		}
	}
	return nil
}

// storedTo reads rows as they are stored.
func (x *matrix) storedTo(dst []float32, rows []int, src head.Stored) error {
	d := x.d
	numbers := rows
	if len(x.used) != src.N() { // else it is 0, 1, 2 and so on
		numbers = make([]int, len(rows))
		for i, r := range rows {
			numbers[i] = x.used[r]
		}
	}
	read := 0
	err := src.Each(numbers, func(i, column, width int, wide []float32, half []uint16) {
		n := (len(wide) + len(half)) / width
		read += n * width
		to := dst[i*d : (i+n)*d]
		switch {
		case half == nil && width == d:
			copy(to, wide)
		case half == nil:
			for k := range n {
				copy(to[k*d+column:k*d+column+width], wide[k*width:])
			}
		case width == d:
			simd.HalvesTo(to, half)
		default:
			for k := range n {
				simd.HalvesTo(to[k*d+column:k*d+column+width], half[k*width:(k+1)*width])
			}
		}
	})
	if err == nil && read != len(rows)*d {
		err = fmt.Errorf("%d values of %d rows were read, each has %d", read, len(rows), d)
	}
	return err
}

// blocksTo reads rows by runs of neighbours.
func (x *matrix) blocksTo(dst []float32, rows []int) error {
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

// rowsTo returns rows, len(rows)×d: a part of what is held if they are
// neighbours there, else a copy in buf, which has room for them.
func (x *matrix) rowsTo(buf []float32, rows []int) ([]float32, error) {
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

// normalizeTo divides row by its Euclidean length; zeros stay. wide is room for
// as many values.
func normalizeTo(wide []float64, row []float32) {
	for j, v := range row {
		wide[j] = float64(v)
	}
	v := blas64.Vector{N: len(wide), Data: wide, Inc: 1}
	l := blas64.Nrm2(v)
	if l == 0 {
		return
	}
	for j, v := range wide {
		row[j] = float32(v * (1 / l))
	}
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

// shift is what a fit does to rows before float32 products: it multiplies them
// with factor and subtracts center, so that features that vary little around a
// large mean do not cancel.
type shift struct {
	center []float32 // D, after factor
	factor []float32 // D, powers of two; nil: all 1
	none   bool      // rows go into products as they are
	ones   []float32 // D, factor or all 1; nil if there is nothing to do
}

// farOff is how many standard deviations the mean of a feature is from zero
// if it is subtracted. Nearer ones cost products three bits at most. A constant
// is subtracted if it is beyond nearZero.
const farOff, nearZero = 8, 0x1p-20

// newShift returns the shift for features of that mean and deviation, 1 for
// those that are constant.
func newShift(mean, deviation []float64) *shift {
	const least, most = 0x1p-60, 0x1p60 // over which float32 products could leave their range
	s := &shift{center: make([]float32, len(mean)), none: true}
	for j, v := range deviation {
		if v > least && v < most {
			continue
		}
		if s.factor == nil {
			s.factor = make([]float32, len(mean))
			for k := range s.factor {
				s.factor[k] = 1
			}
		}
		s.factor[j] = powerNear(1 / v)
		s.none = false
	}
	for j, m := range mean {
		if v := deviation[j]; math.Abs(m) > farOff*v || v == 1 && math.Abs(m) > nearZero {
			s.center[j] = float32(m * s.of(j))
			s.none = false
		}
	}
	if s.ones = s.factor; s.ones == nil && !s.none {
		s.ones = make([]float32, len(mean))
		for j := range s.ones {
			s.ones[j] = 1
		}
	}
	return s
}

// powerNear returns a power of two near v > 0 that float32 has.
func powerNear(v float64) float32 {
	_, exponent := math.Frexp(v)
	return float32(math.Ldexp(1, min(max(exponent, -126), 127)))
}

// of returns the factor of a feature.
func (s *shift) of(j int) float64 {
	if s.factor == nil {
		return 1
	}
	return float64(s.factor[j])
}

// to writes n shifted rows of x into dst, both n×D.
func (s *shift) to(dst, x []float32, n int) {
	d := len(s.center)
	copy(dst, x[:n*d])
	for i := range n {
		row := dst[i*d : (i+1)*d]
		for j, f := range s.factor {
			row[j] *= f
		}
		blas32.Axpy(-1, blas32.Vector{N: d, Data: s.center, Inc: 1}, blas32.Vector{N: d, Data: row, Inc: 1})
	}
}
