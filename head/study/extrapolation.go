package study

import (
	"math"
)

// Forecast is what error is expected at N training samples. Intervals hold what
// would be measured there, on the same test samples, with the probability in
// their names.
type Forecast struct {
	N                            int
	Error                        float64
	Low80, High80, Low95, High95 float64
}

// Improvement is by how much the error is expected to fall, from the largest
// size of a curve to N training samples; below 0 it rises.
type Improvement struct {
	N                            int
	Value                        float64
	Low80, High80, Low95, High95 float64

	left quantiles // of the measured gain less Value
}

// AtLeast returns how likely the error falls by points or more, a share such as
// 0.01. Nothing is more certain than 1 in 200, which is as far as the public
// curves tell.
func (g *Improvement) AtLeast(points float64) float64 {
	return 1 - g.left.below(points-g.Value)
}

// Size is what was measured with N training samples.
type Size struct {
	N     int
	Count int     // how often
	Error float64 // the mean
	// Low and High are the 95 % interval of the mean over more seeds.
	Low, High float64
}

// Extrapolation is what a learning curve becomes where there is more data.
type Extrapolation struct {
	Sizes     []Size      // what was measured, by rising N
	Largest   int         // the most training samples that were measured
	Now       float64     // the error there, of the curves that were fitted
	Forecasts []Forecast  // in the order they were asked for
	Doubling  Improvement // of twice the largest size
	Shape     Shape       // how the curve behaves

	curve  curve
	fitted []fitted
	traits traits
	known  *table // what is known of curves that were measured like this one
}

// Extrapolate continues a learning curve to each of at training samples, more
// than were measured and up to Farthest times as many. Several families of
// curves are fitted and averaged by their likelihood, and the intervals are as
// wide as the errors of that were on public curves that had as many
// seeds, and were as noisy, as steep, as badly fitted and as far away
// (spread.json).
//
// Points may be in any order; what was measured again at the same N has another
// Seed, and more seeds make narrower intervals. All are taken to be measured on
// the same test samples, and the intervals are for those. The errors are
// *NoSamplesError, *RangeError, *TwiceError, *ShortError, *NarrowError and
// *FarError.
func Extrapolate(points []Measured, at []int) (*Extrapolation, error) {
	return extrapolate(points, &known.Shared, at)
}

// extrapolate is Extrapolate with what is known of such curves.
func extrapolate(points []Measured, known *table, at []int) (*Extrapolation, error) {
	e, err := extrapolated(points, known)
	if err != nil {
		return nil, err
	}
	for _, n := range at {
		f, err := e.forecast(n)
		if err != nil {
			return nil, err
		}
		e.Forecasts = append(e.Forecasts, f)
	}
	e.Doubling, err = e.Gain(2 * e.Largest)
	return e, err
}

// z975 is the 0.975 quantile of the normal distribution.
const z975 = 1.959963984540054

// extrapolated fits a curve.
func extrapolated(points []Measured, known *table) (*Extrapolation, error) {
	c, err := newCurve(points)
	if err != nil {
		return nil, err
	}
	e := &Extrapolation{Largest: int(c.last().n), curve: c, fitted: c.fit(), known: known}
	for _, s := range c {
		half := z975 * math.Sqrt(s.noise/float64(s.count))
		e.Sizes = append(e.Sizes, Size{int(s.n), s.count, s.mean, max(0, s.mean-half), min(1, s.mean+half)})
	}
	e.Now = e.At(e.Largest)
	e.Shape = c.shape()
	e.traits = e.traitsOf()
	return e, nil
}

// At returns the error at n training samples of the curves that were fitted,
// within what was measured or beyond it.
func (e *Extrapolation) At(n int) float64 {
	sum, last := 0.0, e.curve.last().n
	for i := range e.fitted {
		f := &e.fitted[i]
		sum += float64(f.weight * f.at(float64(n), last))
	}
	return min(1, sum)
}

// Gain returns by how much the error is expected to fall from the largest size
// to n training samples. The interval holds the difference of what is measured
// there and what was measured at the largest size. The error is a *FarError.
func (e *Extrapolation) Gain(n int) (Improvement, error) {
	ratio, err := e.ratio(n)
	if err != nil {
		return Improvement{}, err
	}
	at := e.At(n)
	g := Improvement{N: n, Value: e.Now - at, left: e.known.left(gainOf, &e.traits, at, ratio)}
	q := func(p float64) float64 { return max(-1, min(1, g.Value+g.left.quantile(p))) }
	g.Low95, g.Low80, g.High80, g.High95 = q(0.025), q(0.1), q(0.9), q(0.975)
	return g, nil
}

func (e *Extrapolation) forecast(n int) (Forecast, error) {
	ratio, err := e.ratio(n)
	if err != nil {
		return Forecast{}, err
	}
	f := Forecast{N: n, Error: e.At(n)}
	left := e.known.left(errorOf, &e.traits, f.Error, ratio)
	q := func(p float64) float64 { return max(0, min(1, f.Error+left.quantile(p))) }
	f.Low95, f.Low80, f.High80, f.High95 = q(0.025), q(0.1), q(0.9), q(0.975)
	return f, nil
}

// ratio returns how many times the largest size n is.
func (e *Extrapolation) ratio(n int) (float64, error) {
	ratio := float64(n) / float64(e.Largest)
	if ratio <= 1 || ratio > Farthest {
		return 0, &FarError{N: n, Largest: e.Largest}
	}
	return ratio, nil
}

// traits are what of a curve tells how far off its extrapolation is.
type traits struct {
	noise  float64 // standard deviation of a mean near the largest size
	change float64 // from half of that to it
	misfit float64 // of the fitted curves, a degree of freedom
	ill    bool    // the curve is not well-behaved
	seeds  float64 // measurements a size, near the end
}

// endSizes is how many of the largest sizes tell how many seeds there are: at
// the very largest one there may be only one subset of the data to learn from.
const endSizes = 3

func (e *Extrapolation) traitsOf() traits {
	last := e.curve.last()
	t := traits{change: math.Abs(e.curve.at(last.n/2) - last.mean), ill: e.Shape.Ill()}
	end := e.curve[len(e.curve)-endSizes:]
	for _, s := range end {
		t.seeds += float64(s.count) / float64(len(end))
	}
	t.noise = math.Sqrt(last.noise / t.seeds)
	for _, f := range e.fitted {
		t.misfit += float64(f.weight * f.misfit)
	}
	t.misfit /= float64(max(1, len(e.curve)-2))
	return t
}
