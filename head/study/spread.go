package study

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
)

// spread is how far off extrapolations were on public curves, as a function of
// what is known of a curve. BenchmarkPublicCurves (make bench-study) fits it,
// and writes spread.json.
type spread struct {
	// Scale gives the logarithm of the scale of what is left, as the weights of
	// what traits.at returns.
	Scale []float64 `json:"scale"`
	// Far are quantiles of what is left in units of the scale, by how many
	// times the largest size was gone to, rising.
	Far []far `json:"far"`
}

// far is the quantiles of what is left of extrapolations to Ratio times the
// largest size, of the levels.
type far struct {
	Ratio float64   `json:"ratio"`
	Z     quantiles `json:"z"`
}

// quantiles are those of the levels.
type quantiles []float64

// levels are the probabilities of the quantiles.
var levels = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995}

// spreads are those of errors and of gains, of curves that were measured with
// as many seeds at a size.
type spreads struct {
	Seeds float64 `json:"seeds"`
	Error spread  `json:"error"`
	Gain  spread  `json:"gain"`
}

// table is what is known of curves that were measured in one way: spreads by
// the number of seeds, rising, and on how many curves of how many data sets
// they were fitted.
type table struct {
	Curves int       `json:"curves"`
	Sets   int       `json:"sets"`
	Seeds  []spreads `json:"spreads"`
}

// tables are those of the two ways in which seeds test. Where all test the same
// samples, what those have of luck on the way from one size to the next is in
// every mean, and cannot be seen in how much seeds vary. Where each tests
// others, it can be seen, and averages out. So the same noise says another
// thing.
type tables struct {
	Shared table `json:"shared"` // all seeds test the same samples
	Apart  table `json:"apart"`  // each seed tests samples of its own
}

//go:embed spread.json
var spreadJSON []byte

// known is spread.json.
var known = func() (t tables) {
	if err := json.Unmarshal(spreadJSON, &t); err != nil {
		panic("study: spread.json: " + err.Error())
	}
	return t
}()

// leastFar is the least distance, in doublings, that intervals are known for;
// nearer ones are as wide.
const leastFar = 0.5

// at returns what the logarithm of the scale is made of, of an extrapolation to
// level at ratio times the largest size.
func (t *traits) at(level, ratio float64) []float64 {
	ill := 0.0
	if t.ill {
		ill = 1
	}
	return []float64{
		1,
		math.Log(t.noise + 0.002),
		math.Log(level + 0.01),
		math.Log(t.change + 0.003),
		math.Log(t.misfit + 0.1),
		math.Log(max(leastFar, math.Log2(ratio))),
		ill,
	}
}

// scale returns the scale of what is left of an extrapolation.
func (s *spread) scale(of []float64) float64 {
	sum := 0.0
	for i, v := range of {
		sum += float64(s.Scale[i] * v)
	}
	return math.Exp(sum)
}

// at returns the quantiles at ratio times the largest size, on the lines
// between those that are known over the logarithm.
func (s *spread) at(ratio float64) quantiles {
	first, last := s.Far[0], s.Far[len(s.Far)-1]
	switch {
	case ratio <= first.Ratio:
		return first.Z
	case ratio >= last.Ratio:
		return last.Z
	}
	i := slices.IndexFunc(s.Far, func(f far) bool { return f.Ratio > ratio })
	a, b := s.Far[i-1], s.Far[i]
	t := math.Log(ratio/a.Ratio) / math.Log(b.Ratio/a.Ratio)
	q := make(quantiles, len(levels))
	for k := range q {
		q[k] = float64((1-t)*a.Z[k]) + float64(t*b.Z[k])
	}
	return q
}

// errorOf and gainOf choose what is asked of spreads.
func errorOf(s *spreads) *spread { return &s.Error }
func gainOf(s *spreads) *spread  { return &s.Gain }

// left returns the quantiles of what is left of an extrapolation to level at
// ratio times the largest size: on the lines between the numbers of seeds that
// are known, over the logarithm.
func (t *table) left(of func(*spreads) *spread, c *traits, level, ratio float64) quantiles {
	features := c.at(level, ratio)
	one := func(s *spreads) quantiles {
		sp := of(s)
		q, scale := slices.Clone(sp.at(ratio)), sp.scale(features)
		for i := range q {
			q[i] *= scale
		}
		return q
	}
	i := slices.IndexFunc(t.Seeds, func(s spreads) bool { return s.Seeds >= c.seeds })
	switch {
	case i == 0:
		return one(&t.Seeds[0])
	case i < 0:
		return one(&t.Seeds[len(t.Seeds)-1])
	}
	a, b := one(&t.Seeds[i-1]), one(&t.Seeds[i])
	w := math.Log(c.seeds/t.Seeds[i-1].Seeds) / math.Log(t.Seeds[i].Seeds/t.Seeds[i-1].Seeds)
	for k := range a {
		a[k] = float64((1-w)*a[k]) + float64(w*b[k])
	}
	return a
}

// quantile returns that of probability p, of which the levels are.
func (q quantiles) quantile(p float64) float64 {
	i, found := slices.BinarySearch(levels, p)
	if found {
		return q[i]
	}
	i = max(1, min(len(q)-1, i))
	t := (p - levels[i-1]) / (levels[i] - levels[i-1])
	return float64((1-t)*q[i-1]) + float64(t*q[i])
}

// below returns how likely z or less is, within the first and the last level.
func (q quantiles) below(z float64) float64 {
	i, _ := slices.BinarySearch(q, z)
	switch {
	case i == 0:
		return levels[0]
	case i == len(q):
		return levels[len(q)-1]
	}
	t := (z - q[i-1]) / (q[i] - q[i-1])
	return float64((1-t)*levels[i-1]) + float64(t*levels[i])
}
