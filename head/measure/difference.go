package measure

import (
	"errors"
	"fmt"
	"math/rand/v2"
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
	type unit struct{ gained, rows int }
	var units []unit
	place := map[string]int{}
	for i := range a {
		if a[i].Label != b[i].Label {
			return nil, fmt.Errorf("measure: row %d has two labels in what is compared", i)
		}
		k, ok := len(units), false
		if s.Units != nil {
			if k, ok = place[s.Units[i]]; !ok {
				k = len(units)
				place[s.Units[i]] = k
			}
		}
		if !ok {
			units = append(units, unit{})
		}
		units[k].rows++
		if b[i].Predicted == b[i].Label {
			units[k].gained++
		}
		if a[i].Predicted == a[i].Label {
			units[k].gained--
		}
	}
	share := func(draw func(i int) unit) float64 {
		var sum unit
		for i := range units {
			u := draw(i)
			sum.gained, sum.rows = sum.gained+u.gained, sum.rows+u.rows
		}
		return float64(sum.gained) / float64(sum.rows)
	}
	resamples := s.Resamples
	if resamples == 0 {
		resamples = 1000
	}
	v := make([]float64, resamples)
	for r := range v {
		rng := rand.New(rand.NewPCG(s.Seed, uint64(r)))
		v[r] = share(func(int) unit { return units[rng.IntN(len(units))] })
	}
	slices.Sort(v)
	return &Estimate{Value: share(func(i int) unit { return units[i] }), Low: quantile(v, 0.025), High: quantile(v, 0.975)}, nil
}
