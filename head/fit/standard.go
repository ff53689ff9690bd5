package fit

import (
	"context"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// standardTo writes rows, given by their places in o.rows (ascending), into dst
// (len(places)×D), standardised, each times its factor (nil: 1).
func (o *objective) standardTo(ctx context.Context, dst []float32, places []int, factor []float64) error {
	d := o.x.d
	s := &simd.Scaling{Factor: o.shift.ones, Center: o.shift.center, Mean: make([]float32, d), Inverse: make([]float32, d)}
	for j := range d {
		s.Inverse[j], s.Mean[j] = float32(1/o.moments.scale[j]), float32(o.moments.mean[j])
	}
	if s.Factor == nil { // there is nothing to shift
		s.Factor = make([]float32, d)
		for j := range s.Factor {
			s.Factor[j] = 1
		}
	}
	var buf []float32
	rows, by := make([]int, 0, block), make([]float32, block)
	for lo := 0; lo < len(places); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows = rows[:0]
		for i, p := range places[lo:min(lo+block, len(places))] {
			rows = append(rows, o.rows[p])
			by[i] = 1
			if factor != nil {
				by[i] = float32(factor[lo+i])
			}
		}
		x := &simd.Picked{X: o.x.held, D: d, Rows: rows}
		if o.x.held == nil {
			if buf == nil {
				buf = make([]float32, block*d)
			}
			if err := o.x.readTo(buf[:len(rows)*d], rows); err != nil {
				return err
			}
			x.X, x.Rows = buf, numbers[:len(rows)]
		}
		scaleTo(dst[lo*d:(lo+len(rows))*d], x, s, by)
	}
	return nil
}

// scaleTo is simd's ScaleTo, which needs vector instructions, or the same
// without them.
func scaleTo(dst []float32, x *simd.Picked, s *simd.Scaling, by []float32) {
	if simd.Active() != simd.Portable {
		x.ScaleTo(dst, s, by)
		return
	}
	d := x.D
	for i, r := range x.Rows {
		row := dst[i*d : (i+1)*d]
		for j, v := range x.X[r*d : (r+1)*d] {
			v = float32(v*s.Factor[j]) - s.Center[j]
			row[j] = float32(float32(v-s.Mean[j])*s.Inverse[j]) * by[i]
		}
	}
}

// addRows adds n rows x (n×D), each times its weight, to sums.
func addRows(sums []float64, x []float32, weights []float64, n int) {
	d := len(sums)
	m := &simd.Moments{Pivot: make([]float64, d), Sum: sums, Square: make([]float64, d)}
	for lo := 0; lo < n; lo += simd.PassRows {
		hi := min(lo+simd.PassRows, n)
		m.Add(&simd.Picked{X: x[lo*d : hi*d], D: d, Rows: numbers[:hi-lo]}, weights[lo:hi])
	}
}

// weightAt returns the weight of the row at a place.
func (o *objective) weightAt(place int) float64 {
	if o.weight == nil {
		return 1
	}
	return o.weight[place]
}

// sample draws about m places with probabilities in proportion to w, at most
// 1, systematically from the start u in [0, 1), and returns their
// probabilities beside them. If m covers all that weigh, all are taken.
func sample(w []float64, m int, u float64) (places []int, probability []float64) {
	total := 0.0
	for _, v := range w {
		total += v
	}
	if !(total > 0) {
		return nil, nil
	}
	if m >= len(w) {
		for i, v := range w {
			if v > 0 {
				places, probability = append(places, i), append(probability, 1)
			}
		}
		return places, probability
	}
	// min(1, f·w) adds up to m for the right f: those that are certain are
	// taken out of the sum.
	f := float64(m) / total
	for range 3 {
		sum := 0.0
		for _, v := range w {
			sum += min(1, f*v)
		}
		f *= float64(m) / sum
	}
	for i, v := range w {
		p := min(1, f*v)
		if u += p; u >= 1 {
			u--
			places, probability = append(places, i), append(probability, p)
		}
	}
	return places, probability
}
