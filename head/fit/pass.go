package fit

import (
	"context"
	"math"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// passFlush is how many rows' products a fused pass sums up in float32, block
// by block, before they go to float64.
const passFlush = 2048

// fused is what a lane of a fused pass computes in.
type fused struct {
	softmax simd.Softmax
	z       []float32 // C×PassRows: logits, then residuals
	probs   []float32 // likewise, if they are asked for
	buf     []float32 // of a block of rows, if they are copied
	rows    [2][]int  // of a block and the next one, if they are picked out
}

// numbers are 0, 1, 2 and so on: the rows of a block that was copied.
var numbers = span(0, simd.PassRows)

// fuse adds up loss and gradient over the rows at places lo to hi of at (nil:
// at lo to hi) as sum does, with vector instructions. Rows are read where they
// lie if they are held and need no shift.
func (o *objective) fuse(ctx context.Context, l *lane, at []int, lo, hi int) error {
	c, d := o.classes, o.x.d
	m := simd.BlockRows(d)
	f := l.fused
	if f == nil {
		f = &fused{z: make([]float32, c*simd.PassRows)}
		f.softmax.Bias = make([]float32, c)
		for i := range f.rows {
			f.rows[i] = make([]int, m)
		}
		l.fused = f
	}
	s := &f.softmax
	for k, v := range o.b {
		s.Bias[k] = float32(v)
	}
	s.Probabilities = nil
	if o.probs != nil {
		if f.probs == nil {
			f.probs = make([]float32, c*simd.PassRows)
		}
		s.Probabilities = f.probs
	}
	l.loss, l.pq = 0, 0
	if l.stale {
		clear(l.g32)
	}
	if lo >= hi {
		clear(l.g)
	}
	l.stale = true
	clear(l.gb)
	rows, next := f.pick(o, at, lo, min(lo+m, hi), 0), []int(nil)
	product, flush, flushed := 1.0, 0, false
	for block := 1; lo < hi; block++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := len(rows)
		x, err := f.read(o, rows)
		if err != nil {
			return err
		}
		next = f.pick(o, at, lo+n, min(lo+n+m, hi), block)
		x.LogitsTo(f.z, o.w32, c)
		for i := range n {
			place := lo + i
			if at != nil {
				place = at[place]
			}
			s.Labels[i], s.Weights[i] = o.labels[place], 1
			if o.weight != nil {
				s.Weights[i] = float32(o.weight[place])
			}
		}
		clear(s.Labels[n:])
		clear(s.Weights[n:])
		s.ResidualsTo(f.z, n)
		for i := range n {
			below, sum, curved := s.Row(i)
			if o.weight == nil {
				l.loss += below
				if product *= sum; product > 1e200 {
					l.loss += math.Log(product)
					product = 1
				}
				l.pq += curved
				continue
			}
			w := o.weight[lo+i]
			if at != nil {
				w = o.weight[at[lo+i]]
			}
			l.loss += w * (below + math.Log(sum))
			l.pq += w * curved
		}
		if o.probs != nil {
			f.probsTo(o, at, lo, n)
		}
		simd.AddSums(l.gb, f.z, n)
		ahead := next
		if !o.inPlace() {
			ahead = nil
		}
		x.AddOuter(l.g32, f.z, c, ahead)
		lo += n
		if flush += n; flush >= passFlush || lo == hi {
			simd.Flush(l.g, l.g32, flushed)
			flush, flushed = 0, true
		}
		rows = next
	}
	l.loss += math.Log(product)
	l.stale = false
	return nil
}

// pick returns the rows at places lo to hi of at; nil: at lo to hi. They stay
// until the block after the next one.
func (f *fused) pick(o *objective, at []int, lo, hi, block int) []int {
	if at == nil || lo >= hi {
		return o.rows[lo:max(lo, hi)]
	}
	rows := f.rows[block%2][:hi-lo]
	for i, place := range at[lo:hi] {
		rows[i] = o.rows[place]
	}
	return rows
}

// inPlace tells whether rows go into products from where they are held.
func (o *objective) inPlace() bool { return o.x.held != nil && o.shift.none }

// read returns rows as they go into products: where they are held, or else
// copied and shifted.
func (f *fused) read(o *objective, rows []int) (*simd.Picked, error) {
	x := &simd.Picked{X: o.x.held, D: o.x.d, Rows: rows}
	if o.inPlace() {
		return x, nil
	}
	if f.buf == nil {
		f.buf = make([]float32, simd.BlockRows(o.x.d)*o.x.d)
	}
	if o.x.held == nil {
		x.X, x.Rows = f.buf[:len(rows)*o.x.d], numbers[:len(rows)]
		if err := o.x.readTo(x.X, rows); err != nil || o.shift.none {
			return x, err
		}
	}
	x.ShiftTo(f.buf, o.shift.ones, o.shift.center)
	x.X, x.Rows = f.buf, numbers[:len(rows)]
	return x, nil
}

// probsTo writes the probabilities of n rows from place lo on of at.
func (f *fused) probsTo(o *objective, at []int, lo, n int) {
	for k := range o.classes {
		p, to := f.probs[k*simd.PassRows:][:n], o.probs[k*len(o.rows):]
		if at == nil {
			copy(to[lo:], p)
			continue
		}
		for i, v := range p {
			to[at[lo+i]] = v
		}
	}
}

// fusedLogits is logitsTo with vector instructions.
func (o *objective) fusedLogits(ctx context.Context, dst []float64, rows []int, s *solution) error {
	c, d := o.classes, o.x.d
	f := &fused{z: make([]float32, c*simd.PassRows)}
	m := simd.BlockRows(d)
	at := o.x.inOrder(rows)
	for lo := 0; lo < len(rows); lo += m {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+m, len(rows))
		these := rows[lo:hi]
		if at != nil {
			these = make([]int, hi-lo)
			for i, place := range at[lo:hi] {
				these[i] = rows[place]
			}
		}
		x, err := f.read(o, these)
		if err != nil {
			return err
		}
		x.LogitsTo(f.z, o.w32, c)
		for i, r := range these {
			place, wide := lo+i, false
			if at != nil {
				place = at[place]
			}
			row := dst[place*c : (place+1)*c]
			for k := range row {
				v := f.z[k*simd.PassRows+i]
				wide = wide || v-v != 0
				row[k] = float64(v) + o.b[k]
			}
			if wide {
				if err := o.wideTo(row, r, s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
