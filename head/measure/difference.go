package measure

import (
	"errors"
	"fmt"
	"slices"
)

// Difference estimates by how much the accuracy of b is above that of a, which
// are predictions of the same rows in the same order. The interval is that of
// the paired bootstrap: a row, or a unit of s.Units, is drawn with both of its
// predictions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
// chapters 8 and 13). Of s, which may be nil, Seed, Resamples and Units count.
func Difference(a, b []Outcome, s *Settings) (*Estimate, error) {
	if s == nil {
		s = new(Settings)
	}
	switch {
	case len(a) == 0:
		return nil, errors.New("measure: no rows to compare")
	case len(a) != len(b) || s.Units != nil && len(s.Units) != len(a):
		return nil, fmt.Errorf("measure: %d and %d predictions to compare, of %d units", len(a), len(b), len(s.Units))
	}
	type sum struct{ gained, rows int }
	r := newResampler(len(a), s)
	units := make([]sum, r.units)
	for i := range a {
		if a[i].Label != b[i].Label {
			return nil, fmt.Errorf("measure: row %d has two labels in what is compared", i)
		}
		u := &units[r.unitOf(i)]
		u.rows++
		if b[i].Predicted == b[i].Label {
			u.gained++
		}
		if a[i].Predicted == a[i].Label {
			u.gained--
		}
	}
	share := func(drawn []uint32) float64 {
		var total sum
		for i, u := range units {
			times := int(drawn[i])
			total.gained, total.rows = total.gained+times*u.gained, total.rows+times*u.rows
		}
		return float64(total.gained) / float64(total.rows)
	}
	d := &Estimate{Value: share(slices.Repeat([]uint32{1}, len(units)))}
	v := make([]float64, r.resamples())
	r.each(func(_, b int, drawn []uint32) { v[b] = share(drawn) })
	d.Low, d.High = interval(v)
	return d, nil
}
