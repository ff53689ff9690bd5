package study

import "math"

// family is a kind of curve a + b·g, a and b ≥ 0, where g falls with the number
// of training samples. Whatever else it has is tried on a grid: shapes holds a
// g for each point of it. They take x, the number of training samples as a
// multiple of the largest measured one, and n, the number itself.
type family struct {
	name   string
	shapes []func(x, n float64) float64
}

// families are the kinds of curves that are averaged (Viering and Loog, IEEE
// TPAMI 45:7799, 2023, table 1, has them and others). A new one is an entry
// here; the constants of spread.json are fitted anew with it (make
// bench-study).
var families = []family{
	{"power", power()},
	{"mmf", hill()},
	{"weibull", weibull()},
	{"logarithm", []func(x, n float64) float64{func(_, n float64) float64 { return 1 / math.Log(n+1) }}},
	{"constant", []func(x, n float64) float64{func(_, _ float64) float64 { return 0 }}},
}

// power is a + b·(n+d)^−c.
func power() (all []func(x, n float64) float64) {
	for _, c := range []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.3, 1.6, 2} {
		for _, d := range []float64{0, 1. / 64, 1. / 16, 1. / 4, 1} {
			all = append(all, func(x, _ float64) float64 { return math.Pow(x+d, -c) })
		}
	}
	return all
}

// scales are where on the curve it bends, as multiples of the largest size.
var scales = []float64{1. / 128, 1. / 32, 1. / 8, 1. / 2, 2}

// hill is a + b/(1+(n/k)^d), of Morgan, Mercer and Flodin.
func hill() (all []func(x, n float64) float64) {
	for _, k := range scales {
		for _, d := range []float64{1, 2, 3} {
			all = append(all, func(x, _ float64) float64 { return 1 / (1 + math.Pow(x/k, d)) })
		}
	}
	return all
}

// weibull is a + b·exp(−(n/k)^d).
func weibull() (all []func(x, n float64) float64) {
	for _, k := range scales {
		for _, d := range []float64{0.3, 0.5, 1} {
			all = append(all, func(x, _ float64) float64 { return math.Exp(-math.Pow(x/k, d)) })
		}
	}
	return all
}

// fitted is a curve of a family that lies nearest to what was measured.
type fitted struct {
	g      func(x, n float64) float64
	a, b   float64
	misfit float64 // weighted sum of the squares of what is left
	prior  float64 // how likely it is before anything is measured
	weight float64 // how likely it is after that; all sum to 1
}

// at is the error at n training samples, of a curve whose largest size is last.
func (f *fitted) at(n, last float64) float64 { return f.a + float64(f.b*f.g(n/last, n)) }

// A curve does not follow any of the families: apart from noise, what is
// measured differs from it by about a standard deviation of strayed at the
// largest size, and by more at smaller ones, with the power strayedMore of how
// much smaller they are, so that the end of a curve decides where it goes. Both
// are the best of a few that were tried on LCDB, all data sets in view; errors
// hardly depend on them (docs/study.md).
const (
	strayed     = 0.006
	strayedMore = 1.3
)

// usualStep is the step, in powers of two, between the sizes of the curves that
// the constants were fitted on; sizes that are closer together count less each.
const usualStep = 0.45

// weights returns how much each size counts in a fit.
func (c curve) weights() []float64 {
	w := make([]float64, len(c))
	last := c.last().n
	for i, s := range c {
		t := strayed * math.Pow(last/s.n, strayedMore)
		w[i] = 1 / (s.noise/float64(s.count) + float64(t*t))
		// Half of the way to each neighbour is a size's own part of the curve.
		lo, hi := max(0, i-1), min(len(c)-1, i+1)
		step := math.Log2(c[hi].n/c[lo].n) / float64(hi-lo)
		w[i] *= min(1, step/usualStep)
	}
	return w
}

// fit fits every shape of every family, by weighted least squares under a ≥ 0
// and b ≥ 0, and weighs them by their likelihood.
func (c curve) fit() []fitted {
	w := c.weights()
	last := c.last().n
	var all []fitted
	g := make([]float64, len(c))
	best := math.Inf(1)
	for _, fam := range families {
		for _, shape := range fam.shapes {
			for i, s := range c {
				g[i] = shape(s.n/last, s.n)
			}
			f := fitted{g: shape, prior: 1 / float64(len(fam.shapes))}
			f.a, f.b, f.misfit = c.line(w, g)
			best = min(best, f.misfit)
			all = append(all, f)
		}
	}
	sum := 0.0
	for i := range all {
		f := &all[i]
		f.weight = f.prior * math.Exp(-0.5*(f.misfit-best))
		sum += f.weight
	}
	for i := range all {
		all[i].weight /= sum
	}
	return all
}

// line returns a and b ≥ 0 that minimise Σ w (y − a − b g)², and that sum.
func (c curve) line(w, g []float64) (a, b, misfit float64) {
	var sw, sg, sy float64
	for i, s := range c {
		sw += w[i]
		sg += float64(w[i] * g[i])
		sy += float64(w[i] * s.mean)
	}
	mg, my := sg/sw, sy/sw
	var gg, gy, og, oy float64 // about the mean, and about 0
	for i, s := range c {
		gg += float64(w[i] * (g[i] - mg) * (g[i] - mg))
		gy += float64(w[i] * (g[i] - mg) * (s.mean - my))
		og += float64(w[i] * g[i] * g[i])
		oy += float64(w[i] * g[i] * s.mean)
	}
	if gg > 0 {
		b = max(0, gy/gg)
	}
	a = my - float64(b*mg)
	if a < 0 {
		a, b = 0, oy/og
	}
	for i, s := range c {
		r := s.mean - a - float64(b*g[i])
		misfit += float64(w[i] * r * r)
	}
	return a, b, misfit
}
