package fit

import (
	"context"

	"gonum.org/v1/gonum/blas/blas64"
)

// scatterRows is how many rows of a scatter are multiplied at a time.
const scatterRows = 512

// cells are the sums of the cells of a bench, with scatters and classes, as
// closed forms need them. Each is measured from its own rows alone, when a part
// asks for it. Where they are over Settings.Memory they are not kept, and are
// measured for each part and candidate anew: that changes no bit.
type cells struct {
	bench *Bench
	of    map[[2]int]*Sums // by deal and cell; nil: they are not kept
}

// cellsOf returns the cells for parts.
func (b *Bench) cellsOf(parts []Part) *cells {
	if b.weights.Balanced {
		return &cells{bench: b} // weights differ from part to part
	}
	need := map[[2]int]bool{}
	for _, p := range parts {
		for _, cell := range p.Cells {
			need[[2]int{p.Deal, cell}] = true
		}
	}
	if b.cells != nil {
		for key := range b.cells.of {
			need[key] = true
		}
	}
	d, k := int64(b.x.d), int64(b.classes)
	if int64(len(need))*8*d*(d+k) > b.o.Memory {
		return &cells{bench: b}
	}
	if b.cells == nil {
		b.cells = &cells{bench: b, of: map[[2]int]*Sums{}}
	}
	return b.cells
}

// part returns the sums of the rows that p fits, each with the weight that it
// has in the fit, or a multiple of it.
func (c *cells) part(ctx context.Context, part *Part, p *problem) (*Sums, error) {
	all := NewScatter(p.x.d, c.bench.classes)
	if c.bench.weights.Balanced {
		return all, c.bench.scatterTo(ctx, all, p.rows, p.weight)
	}
	for _, cell := range part.Cells {
		s, err := c.cell(ctx, part.Deal, cell)
		if err != nil {
			return nil, err
		}
		all.Add(s)
	}
	return all, nil
}

// measure measures the cells of parts that are kept and not measured yet.
func (c *cells) measure(ctx context.Context, parts []Part) error {
	if c.of == nil {
		return nil
	}
	for _, p := range parts {
		for _, cell := range p.Cells {
			s, err := c.cell(ctx, p.Deal, cell)
			if err != nil {
				return err
			}
			c.of[[2]int{p.Deal, cell}] = s
		}
	}
	return nil
}

// cell returns the sums of a cell.
func (c *cells) cell(ctx context.Context, deal, cell int) (*Sums, error) {
	if s := c.of[[2]int{deal, cell}]; s != nil {
		return s, nil
	}
	b := c.bench
	rows := b.rowsOf(&Part{Deal: deal, Cells: []int{cell}})
	var weight []float64
	if w := b.weights; w.Rows != nil || w.Classes != nil {
		weight = make([]float64, len(rows))
		for i, r := range rows {
			if weight[i] = w.of(r); w.Classes != nil {
				weight[i] *= w.Classes[b.labels[r]]
			}
		}
	}
	s := NewScatter(b.x.d, b.classes)
	return s, b.scatterTo(ctx, s, rows, weight)
}

// scatterTo adds rows (ascending) of these weights (nil: all 1) to s.
func (b *Bench) scatterTo(ctx context.Context, s *Sums, rows []int, weight []float64) error {
	d := b.x.d
	chunk := min(scatterRows, len(rows))
	buf, wide, labels := make([]float32, block*d), make([]float64, chunk*d), make([]int, chunk)
	for lo := 0; lo < len(rows); lo += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		these := rows[lo:min(lo+chunk, len(rows))]
		for at := 0; at < len(these); at += block {
			x, err := b.x.rowsTo(buf, these[at:min(at+block, len(these))])
			if err != nil {
				return err
			}
			for i, v := range x {
				wide[at*d+i] = float64(v)
			}
		}
		for i, r := range these {
			labels[i] = b.labels[r]
		}
		var w []float64
		if weight != nil {
			w = weight[lo : lo+len(these)]
		}
		s.AddRows(wide[:len(these)*d], labels[:len(these)], w, b.threads)
	}
	return nil
}

// standardize turns sums of a part into those of its standardised rows, over
// the sum of the weights: the covariance in Scatter, means that are relative to
// those of p.
func (p *problem) standardize(s *Sums) {
	d := p.x.d
	shrink := func(mean []float64) {
		for j := range mean {
			mean[j] = (mean[j] - p.mean[j]) / p.scale[j]
		}
	}
	for k := range s.Classes {
		if s.Classes[k].N > 0 {
			shrink(s.Classes[k].Mean)
		}
		s.Classes[k].Weight /= s.Weight
	}
	shrink(s.Mean)
	for i := range d {
		if s.Scatter == nil {
			break
		}
		row := s.Scatter[i*d+i : (i+1)*d]
		blas64.Scal(1/s.Weight, blas64.Vector{N: d - i, Data: row, Inc: 1})
		for j := range row {
			row[j] = row[j] / p.scale[i] / p.scale[i+j]
		}
		s.Square[i] = row[0]
	}
	s.Weight = 1
}
