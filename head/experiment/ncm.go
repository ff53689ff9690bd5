package experiment

import "context"

// classMeans fits nearest class means to the rows of o: logits W·x + b with W = μ and b = −½‖μ‖² are −½‖x−μ‖² up to −½‖x‖², a constant of the row.
// Rows are weighed with weight (nil: all alike); class weights would change nothing.
func classMeans(ctx context.Context, o *objective, weight []float64) (*solution, error) {
	c, d := o.classes, o.x.d
	s := &solution{w: make([]float64, c*d), b: make([]float64, c), fit: Fit{Status: "closed-form"}}
	sum := make([]float64, c)
	buf, row := make([]float32, block*d), make([]float64, d)
	for lo := 0; lo < len(o.rows); lo += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := o.rows[lo:min(lo+block, len(o.rows))]
		x, err := o.x.rowsTo(buf, rows, row)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			y, w := int(o.labels[lo+i]), 1.0
			if weight != nil {
				w = weight[lo+i]
			}
			sum[y] += w
			mean := s.w[y*d : (y+1)*d]
			for j, v := range x[i*d : (i+1)*d] {
				mean[j] += w * float64(v)
			}
		}
	}
	for k := range c {
		for j := range d {
			m := (s.w[k*d+j]/sum[k] - o.moments.mean[j]) / o.moments.scale[j]
			s.w[k*d+j] = m
			s.b[k] -= m * m / 2
		}
	}
	return s, nil
}
