package study

import (
	"cmp"
	"math"
	"slices"
)

// Measured is the error of one model on one learning curve.
type Measured struct {
	N     int     // training samples, at least 1
	Seed  uint64  // tells apart what was measured at the same N
	Error float64 // the share of wrong answers, 0 to 1
}

// What a curve needs to be extrapolated: fewer sizes, or sizes that are closer
// together, do not tell one shape from another.
const (
	// FewestSizes is how many different numbers of training samples are needed.
	FewestSizes = 4
	// LeastSpan is how many times the smallest size the largest one has to be.
	LeastSpan = 2.5
)

// Farthest is how many times the largest size of a curve it is extrapolated to:
// the intervals are known as far as that.
const Farthest = 16

// levelled takes out of a curve what the test samples of each seed, which are
// its own, have of difficulty: it is common to all sizes, and no noise of the
// curve. A measurement is taken to be the sum of what its size and its seed
// make of it, by least squares, and a seed then makes what seeds make on
// average. Not all sizes need to have all seeds.
func levelled(points []Measured) []Measured {
	sizes, seeds := map[int]float64{}, map[uint64]float64{}
	var order []uint64
	for _, m := range points {
		if _, seen := seeds[m.Seed]; !seen {
			order = append(order, m.Seed)
		}
		sizes[m.N], seeds[m.Seed] = 0, 0
	}
	// Of points that all sizes have with all seeds the first round is exact.
	const rounds = 30
	for range rounds {
		sum, count := map[int]float64{}, map[int]float64{}
		for _, m := range points {
			sum[m.N] += m.Error - seeds[m.Seed]
			count[m.N]++
		}
		for n := range sizes {
			sizes[n] = sum[n] / count[n]
		}
		own, times := map[uint64]float64{}, map[uint64]float64{}
		for _, m := range points {
			own[m.Seed] += m.Error - sizes[m.N]
			times[m.Seed]++
		}
		mean := 0.0
		for _, s := range order {
			seeds[s] = own[s] / times[s]
			mean += seeds[s] / float64(len(order))
		}
		for _, s := range order {
			seeds[s] -= mean
		}
	}
	out := slices.Clone(points)
	for i := range out {
		out[i].Error = max(0, min(1, out[i].Error-seeds[out[i].Seed]))
	}
	return out
}

// size is what was measured at one number of training samples.
type size struct {
	n     float64
	mean  float64
	count int     // how often it was measured
	free  float64 // degrees of freedom of the sum of squares
	sum   float64 // of the squares of the deviations from the mean
	noise float64 // variance of one measurement, smoothed over the curve
}

// curve is a learning curve by size, in rising order.
type curve []size

// newCurve returns the curve of points in any order.
func newCurve(points []Measured) (curve, error) {
	p := slices.Clone(points)
	for i, m := range p {
		switch {
		case m.N < 1:
			return nil, &NoSamplesError{Index: i, N: m.N}
		case math.IsNaN(m.Error) || m.Error < 0 || m.Error > 1:
			return nil, &RangeError{Index: i, N: m.N, Value: m.Error}
		}
	}
	slices.SortFunc(p, func(a, b Measured) int { return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.Seed, b.Seed)) })
	var c curve
	for lo := 0; lo < len(p); {
		hi := lo + 1
		for hi < len(p) && p[hi].N == p[lo].N {
			if p[hi].Seed == p[hi-1].Seed {
				return nil, &TwiceError{N: p[hi].N, Seed: p[hi].Seed}
			}
			hi++
		}
		s := size{n: float64(p[lo].N), count: hi - lo}
		for _, m := range p[lo:hi] {
			s.mean += m.Error / float64(s.count)
		}
		for _, m := range p[lo:hi] {
			d := m.Error - s.mean
			s.sum += float64(d * d)
		}
		s.free = float64(s.count - 1)
		c = append(c, s)
		lo = hi
	}
	if len(c) < FewestSizes {
		return nil, &ShortError{Sizes: len(c)}
	}
	if first, last := c[0].n, c[len(c)-1].n; last < LeastSpan*first {
		return nil, &NarrowError{Smallest: int(first), Largest: int(last)}
	}
	c.smooth()
	return c, nil
}

// The variance of a measurement is taken to be priorNoise, of one degree of
// freedom, before anything is measured: a standard deviation of one point.
const priorNoise = 1e-4

// smooth sets the noise of each size. Few seeds say little of their variance,
// so neighbouring sizes, which vary about as much, are counted too. A size that
// was measured once is compared with the line between its neighbours.
func (c curve) smooth() {
	sum, free := make([]float64, len(c)), make([]float64, len(c))
	for i, s := range c {
		sum[i], free[i] = s.sum, s.free
		if s.count > 1 || i == 0 || i == len(c)-1 {
			continue
		}
		before, after := c[i-1], c[i+1]
		t := math.Log(s.n/before.n) / math.Log(after.n/before.n)
		d := s.mean - (float64((1-t)*before.mean) + float64(t*after.mean))
		sum[i], free[i] = float64(d*d)/(1+float64(t*t)+float64((1-t)*(1-t))), 1
	}
	for i := range c {
		v, f := priorNoise, 1.0
		for j := range c {
			k := math.Exp(-math.Abs(float64(i - j)))
			v += float64(k * sum[j])
			f += float64(k * free[j])
		}
		c[i].noise = v / f
	}
}

// at returns what the curve is at n, on the lines between its sizes over the
// logarithm of n; outside of them it is the nearest one.
func (c curve) at(n float64) float64 {
	i, found := slices.BinarySearchFunc(c, n, func(s size, n float64) int { return cmp.Compare(s.n, n) })
	switch {
	case found:
		return c[i].mean
	case i == 0:
		return c[0].mean
	case i == len(c):
		return c[i-1].mean
	}
	a, b := c[i-1], c[i]
	t := math.Log(n/a.n) / math.Log(b.n/a.n)
	return float64((1-t)*a.mean) + float64(t*b.mean)
}

// last is the largest size.
func (c curve) last() size { return c[len(c)-1] }
