package fit

import (
	"context"
	"math"
)

// standardTo writes rows, given by their places in o.rows (ascending), into dst
// (len(places)×D), standardised, each times its factor (nil: 1).
func (o *objective) standardTo(ctx context.Context, dst []float32, places []int, factor []float64) error {
	d := o.x.d
	scale, mean := make([]float32, d), make([]float32, d)
	for j := range d {
		scale[j], mean[j] = float32(1/o.moments.scale[j]), float32(o.moments.mean[j])
	}
	buf, rows := make([]float32, block*d), make([]int, 0, block)
	for lo := 0; lo < len(places); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows = rows[:0]
		for _, p := range places[lo:min(lo+block, len(places))] {
			rows = append(rows, o.rows[p])
		}
		x, err := o.x.rowsTo(buf, rows)
		if err != nil {
			return err
		}
		o.shift.to(dst[lo*d:], x, len(rows))
		for i := range rows {
			row, f := dst[(lo+i)*d:(lo+i+1)*d], float32(1)
			if factor != nil {
				f = float32(factor[lo+i])
			}
			for j, v := range row {
				row[j] = (v - mean[j]) * scale[j] * f
			}
		}
	}
	return nil
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
			sum += math.Min(1, f*v)
		}
		f *= float64(m) / sum
	}
	for i, v := range w {
		p := math.Min(1, f*v)
		if u += p; u >= 1 {
			u--
			places, probability = append(places, i), append(probability, p)
		}
	}
	return places, probability
}
