package measure

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/stat"
)

// Mean estimates the mean of what values are a sample of, such as differences
// of pairs, one a row. The 95 % interval is that of the bootstrap of rows, or
// of the units of s.Units. Of s, which may be nil, Seed, Resamples, Threads and
// Units count.
func Mean(values []float64, s *Settings) (*Estimate, error) {
	if s == nil {
		s = new(Settings)
	}
	n := len(values)
	switch {
	case n == 0:
		return nil, errors.New("measure: no values to take the mean of")
	case s.Units != nil && len(s.Units) != n:
		return nil, fmt.Errorf("measure: %d values of %d units", n, len(s.Units))
	}
	r := newResampler(n, &Settings{Units: s.Units, Resamples: s.Resamples, Seed: s.Seed, Threads: s.Threads})
	sums, rows := make([]float64, r.units), make([]float64, r.units)
	e := new(Estimate)
	for i, v := range values {
		sums[r.unitOf(i)] += v
		rows[r.unitOf(i)]++
		e.Value += v / float64(n)
	}
	means := make([]float64, r.resamples())
	r.each(func(_, b int, drawn []uint32) {
		sum, count := 0.0, 0.0
		for i, times := range drawn {
			sum, count = sum+float64(times)*sums[i], count+float64(times)*rows[i]
		}
		means[b] = sum / count
	})
	stretch := r.spreadOf(0, stat.Variance(means, nil), n).stretch
	low, high := interval(means)
	e.Low, e.High = e.Value-stretch*(e.Value-low), e.Value+stretch*(high-e.Value)
	return e, nil
}
