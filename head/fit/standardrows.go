package fit

import (
	"context"
	"math"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// standardRows gives rows of a part, standardised, in float32.
type standardRows struct {
	*problem
	mean, scale    []float64 // D, of rows as they are; 0 and 1 without a standardisation
	factor, center []float32 // rows times factor less center are standardised; nil: they would cancel
	buf            []float32 // block×D
	numbers        []int
}

func newStandardRows(p *problem) *standardRows {
	d := p.x.d
	s := &standardRows{
		problem: p, mean: make([]float64, d), scale: p.scale,
		factor: make([]float32, d), center: make([]float32, d), buf: make([]float32, block*d),
	}
	if !p.bench.o.NoStandardize {
		copy(s.mean, p.mean)
	}
	const least, most = 0x1p-120, 0x1p120 // over which float32 would leave its range
	for j, m := range s.mean {
		inverse := 1 / s.scale[j]
		if math.Abs(m)*inverse > farOff || inverse < least || inverse > most {
			s.factor, s.center = nil, nil
			break
		}
		s.factor[j], s.center[j] = float32(inverse), float32(m*inverse)
	}
	return s
}

// placesTo writes rows, by their places in the part (ascending), into dst
// (len(places)×D).
func (s *standardRows) placesTo(ctx context.Context, dst []float32, places []int) error {
	s.numbers = s.numbers[:0]
	for _, p := range places {
		s.numbers = append(s.numbers, s.rows[p])
	}
	return s.rowsTo(ctx, dst, s.numbers)
}

// rowsTo writes rows of the bench (ascending), of the part or not, into dst
// (len(rows)×D).
func (s *standardRows) rowsTo(ctx context.Context, dst []float32, rows []int) error {
	d, vectors := s.x.d, simd.Active() != simd.Portable
	for lo := 0; lo < len(rows); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		these := rows[lo:min(lo+block, len(rows))]
		to := dst[lo*d : (lo+len(these))*d]
		if s.factor != nil && s.x.held != nil && vectors {
			(&simd.Picked{X: s.x.held, D: d, Rows: these}).ShiftTo(to, s.factor, s.center)
			continue
		}
		x, err := s.x.rowsTo(s.buf, these)
		if err != nil {
			return err
		}
		switch {
		case s.factor == nil:
			s.shift.to(to, x, len(these))
			for i := range these {
				for j, v := range to[i*d : (i+1)*d] {
					to[i*d+j] = (v - float32(s.moments.mean[j])) * float32(1/s.moments.scale[j])
				}
			}
		case vectors:
			(&simd.Picked{X: x, D: d, Rows: span(0, len(these))}).ShiftTo(to, s.factor, s.center)
		default:
			for i, v := range x {
				to[i] = float32(v*s.factor[i%d]) - s.center[i%d] // rounded twice on every platform
			}
		}
	}
	return nil
}
