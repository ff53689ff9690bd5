package fit

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
)

const (
	// maxPasses ends a fit that does not converge.
	maxPasses = 2000
	// gapWindow is the number of steps over which the rate of convergence is
	// measured, and minSteps the number of steps before it is.
	gapWindow, minSteps = 10, 3
	// tailWindow is the number of steps between which values are compared: as
	// many as class factors are kept for.
	tailWindow = everySteps
	// slowest is the largest rate that is believed.
	slowest = 0.95
	// maxTrials ends a line search; by rounding, no step may be good enough.
	maxTrials = 20
	// pairs is how many steps the search remembers, fewer where they would take
	// more than pairBytes; more bring nothing.
	pairs, minPairs = 10, 3
	pairBytes       = 256 << 20
)

// solution is where a fit arrived: weights (C×D) and intercepts (C) for
// standardised rows.
type solution struct {
	w, b      []float64
	curvature float64 // mean of p(1−p) over rows and classes
	fit       head.Fit
}

// pair is a step and the change of the gradient along it.
type pair struct {
	s, y []float64
	rho  float64 // 1/(s·y)
}

// search minimises an objective by L-BFGS in the metric of an approximate
// inverse Hessian (Nocedal and Wright, Numerical Optimization, algorithm 7.4).
// It goes on where it stands, with what it remembers, when λ or the metric
// changes.
type search struct {
	o      *objective
	metric metric
	// whole says that metric has the curvature of each class.
	whole bool

	x, g   []float64 // weights and intercepts, and the gradient there
	f      float64
	known  bool // f and g are those of x at o.lambda
	passes int

	memory []pair
	gamma  float64 // scale of metric
	fresh  bool    // the last step of memory has not told gamma yet

	values     []float64 // of each step at this λ
	decrements []float64 // of each step at this λ and in this metric: see gap
	gap        float64   // 0 before the first step
	status     head.Status

	next, nextG, d, q []float64 // room
}

// newSearch starts at a solution; nil: at zero.
func newSearch(o *objective, start *solution) *search {
	n := o.classes * (o.x.d + 1)
	s := &search{o: o, gamma: 1, x: make([]float64, n), g: make([]float64, n)}
	if start != nil {
		copy(s.x, start.w)
		copy(s.x[len(start.w):], start.b)
	}
	return s
}

// rest lets go of memory between one λ and the next; after the last one, of all
// that only a search needs.
func (s *search) rest(last bool) {
	s.next, s.nextG, s.d, s.q = nil, nil, nil, nil
	if last {
		s.memory, s.metric = nil, nil
	}
}

// enter changes the metric.
func (s *search) enter(m metric, whole bool) {
	s.metric, s.whole, s.gamma, s.fresh, s.decrements = m, whole, 1, len(s.memory) > 0, s.decrements[:0]
	if s.d == nil {
		for _, v := range []*[]float64{&s.next, &s.nextG, &s.d, &s.q} {
			*v = make([]float64, len(s.x))
		}
	}
}

// move changes λ. The value and the gradient there need no pass.
func (s *search) move(lambda float64) {
	w := s.x[:s.o.classes*s.o.x.d]
	if s.known {
		s.f += (lambda - s.o.lambda) / 2 * floats.Dot(w, w)
		floats.AddScaled(s.g[:len(w)], lambda-s.o.lambda, w)
	}
	kept := s.memory[:0]
	for _, p := range s.memory {
		floats.AddScaled(p.y[:len(w)], lambda-s.o.lambda, p.s[:len(w)])
		if p.rho = 1 / floats.Dot(p.s, p.y); p.rho > 0 {
			kept = append(kept, p)
		}
	}
	s.memory = kept
	s.o.lambda, s.decrements, s.values = lambda, s.decrements[:0], s.values[:0]
}

// evaluate makes a pass at x.
func (s *search) evaluate(ctx context.Context, x, g []float64) (float64, error) {
	n := s.o.classes * s.o.x.d
	s.passes++
	return s.o.evaluate(ctx, x[:n], x[n:], g[:n], g[n:])
}

// minimize searches to a relative gap of tolerance. between, if it is not nil,
// is called before each step with the number of steps so far, and may change
// the metric.
func (s *search) minimize(ctx context.Context, tolerance float64, between func(step int) error) error {
	if !s.known {
		f, err := s.evaluate(ctx, s.x, s.g)
		if err != nil {
			return err
		}
		s.f, s.known = f, true
	}
	for step := 0; ; step++ {
		if between != nil {
			if err := between(step); err != nil {
				return err
			}
		}
		slope := s.direction()
		s.decrements = append(s.decrements, -slope/2)
		s.values = append(s.values, s.f)
		s.gap = min(max(s.estimate(), tail(s.values))/s.f, 1) // the optimum is not negative
		if s.gap <= tolerance || slope == 0 {
			s.status = head.Converged
			return nil
		}
		if s.passes >= maxPasses {
			s.status = head.PassLimit
			return nil
		}
		found, err := s.line(ctx, slope)
		if err != nil {
			return err
		}
		if !found {
			s.status = head.Stalled
			return nil
		}
	}
}

// direction writes −H·g into s.d and returns its slope, which is not positive.
func (s *search) direction() float64 {
	for {
		copy(s.q, s.g)
		alpha := make([]float64, len(s.memory))
		for i := len(s.memory) - 1; i >= 0; i-- {
			p := &s.memory[i]
			alpha[i] = p.rho * floats.Dot(p.s, s.q)
			floats.AddScaled(s.q, -alpha[i], p.y)
		}
		s.precondition()
		for i := range s.memory {
			p := &s.memory[i]
			floats.AddScaled(s.d, alpha[i]-p.rho*floats.Dot(p.y, s.d), p.s)
		}
		floats.Scale(-1, s.d)
		slope := floats.Dot(s.d, s.g)
		if slope < 0 || len(s.memory) == 0 {
			return min(slope, 0)
		}
		s.memory, s.gamma, s.fresh = s.memory[:0], 1, false // rounding
	}
}

// precondition writes the product of the metric and s.q into s.d, scaled as the
// last step has met the curvature.
func (s *search) precondition() {
	if !s.fresh || len(s.memory) == 0 {
		s.metric.applyTo([][]float64{s.d}, [][]float64{s.q})
	} else {
		p, product := &s.memory[len(s.memory)-1], s.nextG
		s.metric.applyTo([][]float64{s.d, product}, [][]float64{s.q, p.y})
		if curved := floats.Dot(p.y, product); curved > 0 {
			s.gamma = 1 / p.rho / curved
		}
		s.fresh = false
	}
	floats.Scale(s.gamma, s.d)
}

// remember takes the step from x to next.
func (s *search) remember() {
	var p pair
	if most := max(min(pairs, pairBytes/(16*len(s.x))), minPairs); len(s.memory) >= most {
		p = s.memory[0]
		s.memory = append(s.memory[:0], s.memory[1:]...)
	} else {
		p = pair{s: make([]float64, len(s.x)), y: make([]float64, len(s.x))}
	}
	floats.SubTo(p.s, s.next, s.x)
	floats.SubTo(p.y, s.nextG, s.g)
	sy := floats.Dot(p.s, p.y)
	if !(sy > 1e-12*floats.Norm(p.s, 2)*floats.Norm(p.y, 2)) {
		return
	}
	p.rho = 1 / sy
	s.memory, s.fresh = append(s.memory, p), true
}

// trial is a step along a direction that is tried: the values and the slopes
// along the direction before and after it.
type trial struct{ step, before, after, slope, slopeAfter float64 }

// decreases says whether the value falls as the first of the Wolfe conditions
// asks.
func (t *trial) decreases() bool {
	const armijo = 1e-4
	return t.after <= t.before+armijo*t.step*t.slope
}

// decreasesBySlope says whether the value, whose rounding may hide it, falls by
// the slopes: the first of the approximate Wolfe conditions of Hager and Zhang
// (SIAM J. Optim. 16:170, 2005) with δ = 0.1.
func (t *trial) decreasesBySlope() bool {
	const (
		delta     = 0.1
		allowance = 1e-7 // of the value, for rounding in float32 products
	)
	return t.after <= t.before+allowance*math.Abs(t.before) && t.slopeAfter <= (2*delta-1)*t.slope
}

// tooShort says whether the step leaves too much of the slope: the other Wolfe
// condition with σ = 0.9.
func (t *trial) tooShort() bool {
	const sigma = 0.9
	return t.slopeAfter < sigma*t.slope
}

// line takes a step along s.d that meets the Wolfe conditions or, where
// rounding hides the decrease, the approximate ones. It closes in on one by
// interpolation, and reports whether it found one.
func (s *search) line(ctx context.Context, slope float64) (bool, error) {
	step, low, high := 1.0, 0.0, math.Inf(1)
	for range maxTrials {
		floats.AddScaledTo(s.next, s.x, step, s.d)
		f, err := s.evaluate(ctx, s.next, s.nextG)
		if err != nil {
			return false, err
		}
		g := floats.Dot(s.nextG, s.d)
		at := &trial{step: step, before: s.f, after: f, slope: slope, slopeAfter: g}
		switch {
		case !at.decreases() && !at.decreasesBySlope(): // or NaN
			high = step
			t := -slope * step * step / (2 * (f - s.f - slope*step)) // minimum of the parabola through f, slope and the new f
			if !(t > low+0.1*(high-low)) {
				t = low + 0.1*(high-low)
			}
			step = min(t, low+0.9*(high-low))
		case at.tooShort():
			low = step
			if math.IsInf(high, 1) {
				t := step * slope / (slope - g) // where the slope would be zero
				if !(t > 1.1*step) {
					t = 2 * step
				}
				step = min(t, 8*step)
			} else {
				step = (low + high) / 2
			}
		default:
			s.remember()
			s.x, s.next = s.next, s.x
			s.g, s.nextG = s.nextG, s.g
			s.f = f
			return true, nil
		}
	}
	return false, nil
}

// estimate says how far the objective may be above its optimum, from −gᵀd/2 of
// the steps so far: see gap. With class factors the steps fall fast, and
// unevenly, and the rate of the last three counts as well.
func (s *search) estimate() float64 {
	const (
		margin = 2.5
		first  = 10 // times the first one, whose rate is not known
		window = 3
	)
	n := len(s.decrements)
	now := s.decrements[n-1]
	switch {
	case !s.whole && n <= minSteps && now > 0:
		return math.Inf(1)
	case !s.whole:
		return gap(s.decrements)
	case n == 1 || now == 0:
		return first * now
	}
	steps := min(window, n-1)
	q := min(math.Pow(now/s.decrements[n-1-steps], 1/float64(steps)), slowest)
	return max(margin*max(now, q*s.decrements[n-2])/(1-q), gap(s.decrements)/3)
}

// gap estimates how far the objective is above its optimum from −gᵀd/2 of each
// step so far, d being the direction −H⁻¹g: half the squared Newton decrement
// (Boyd and Vandenberghe, Convex Optimization, 9.5.1), if H were the Hessian.
// The H of L-BFGS is too large where it has not looked yet, and −gᵀd/2 is then
// what the next step gains rather than what all of them will. They fall about
// geometrically, so that the sum over the steps to come is one of them over 1 −
// q, where q is the rate of the last steps. Three times that leaves a margin
// for q.
func gap(decrements []float64) float64 {
	mean := func(i int) float64 { // of up to three steps before i: single ones scatter
		v := decrements[max(i-3, 0):i]
		return floats.Sum(v) / float64(len(v))
	}
	n := len(decrements)
	now, steps := mean(n), min(gapWindow, n-1)
	if steps < 1 {
		return math.Inf(1)
	}
	q := min(math.Pow(now/mean(n-steps), 1/float64(steps)), slowest)
	return 3 * now / (1 - q)
}

// tail estimates what is still to come of a slow descent from the values so
// far: those of the last tailWindow steps fell by so much, and those before by
// so much more.
func tail(values []float64) float64 {
	n := len(values)
	if n <= 2*tailWindow {
		return 0
	}
	last := max(values[n-1-tailWindow]-values[n-1], 0)
	before := max(values[n-1-2*tailWindow]-values[n-1-tailWindow], math.SmallestNonzeroFloat64)
	q := min(last/before, slowest)
	return last * q / (1 - q)
}

// solution copies where the search stands.
func (s *search) solution() *solution {
	n := s.o.classes * s.o.x.d
	return &solution{
		w: append([]float64(nil), s.x[:n]...), b: append([]float64(nil), s.x[n:]...), curvature: s.o.curvature,
		fit: head.Fit{Status: s.status, Objective: s.f, Passes: s.passes, Gap: s.gap},
	}
}
