package fit

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"github.com/headstart-ml/headstart/head"
)

const (
	// maxPasses ends a fit that does not converge.
	maxPasses = 2000
	// gapWindow is the number of steps over which the rate of convergence is
	// measured, and minSteps the number of steps before it is.
	gapWindow, minSteps = 10, 3
	// maxTrials ends a line search; by rounding, no step may be good enough.
	maxTrials = 20
)

// solution is where a fit arrived: weights (C×D) and intercepts (C) for
// standardised rows.
type solution struct {
	w, b      []float64
	curvature float64 // mean of p(1−p) over rows and classes
	fit       head.Fit
}

// minimize fits o from start (nil: zeros) with gonum's L-BFGS in the
// coordinates of p, to a relative gap of tolerance.
func minimize(ctx context.Context, o *objective, p *whitening, start *solution, tolerance float64) (*solution, error) {
	c, d := o.classes, o.x.d
	s := &search{
		ctx: ctx, o: o, p: p, tolerance: tolerance, scale: 1,
		v: make([]float64, c*d), w: make([]float64, c*d), dw: make([]float64, c*d), b: make([]float64, c), grad: make([]float64, c*d+c),
	}
	theta, grad := make([]float64, c*d+c), make([]float64, c*d+c)
	if start != nil {
		p.coordinatesTo(theta[:c*d], start.w)
		floats.ScaleTo(theta[c*d:], math.Sqrt(p.a), start.b)
	}
	f := s.function(theta)
	if s.err != nil {
		return nil, s.err
	}
	s.gradient(grad, theta)
	// gonum's first step has length 1. In whitened coordinates the first Newton
	// step is about as long as the gradient: make that the unit of length.
	norm := floats.Norm(grad, 2)
	if norm == 0 {
		s.fit.Objective, s.fit.Status = f, head.Converged
		return &solution{w: s.w, b: s.b, curvature: o.curvature, fit: s.fit}, nil
	}
	s.scale = norm
	floats.Scale(1/norm, theta)
	floats.Scale(norm, grad)
	r, err := optimize.Minimize(
		optimize.Problem{Func: s.function, Grad: s.gradient, Status: func() (optimize.Status, error) { return s.status, s.err }},
		theta,
		&optimize.Settings{InitValues: &optimize.Location{F: f, Gradient: grad}, Converger: optimize.NeverTerminate{}},
		&optimize.LBFGS{Linesearcher: s, GradStopThreshold: math.NaN()},
	)
	if s.err != nil {
		return nil, s.err
	}
	s.fit.Objective = r.F
	switch {
	case s.status == optimize.FunctionConvergence:
		s.fit.Status = head.Converged
	case s.status == optimize.FunctionEvaluationLimit:
		s.fit.Status = head.PassLimit
	case err != nil && s.fit.Gap <= tolerance: // what is left is rounding
		s.fit.Status = head.Converged
	case err != nil: // a line search without progress
		s.fit.Status = head.Stalled
	default:
		return nil, fmt.Errorf("head/fit: the search ended with %v", r.Status)
	}
	s.unpack(r.X)
	return &solution{w: s.w, b: s.b, curvature: o.curvature, fit: s.fit}, nil
}

// search is one run of the solver: the objective in whitened and scaled
// coordinates θ = (V, b·√a)/scale, and the line search.
type search struct {
	ctx       context.Context
	o         *objective
	p         *whitening
	tolerance float64
	scale     float64

	v, w, dw []float64 // C×D at the last θ
	b        []float64 // C
	grad     []float64 // with respect to θ
	fit      head.Fit
	status   optimize.Status
	err      error

	decrements []float64 // of each step: see gap

	// The line search from f0 with slope g0 < 0: a good step lies between low
	// and high.
	trials          int
	f0, g0          float64
	step, low, high float64
}

// unpack computes weights and intercepts at theta.
func (s *search) unpack(theta []float64) {
	n := len(s.w)
	floats.ScaleTo(s.v, s.scale, theta[:n])
	s.p.weightsTo(s.w, s.v)
	floats.ScaleTo(s.b, s.scale/math.Sqrt(s.p.a), theta[n:])
}

// function returns the objective at theta and keeps its gradient.
func (s *search) function(theta []float64) float64 {
	if s.status != optimize.NotTerminated || s.err != nil {
		return math.NaN() // the search is over; no further pass is needed
	}
	s.unpack(theta)
	dv, db := s.grad[:len(s.w)], s.grad[len(s.w):]
	f, err := s.o.evaluate(s.ctx, s.w, s.b, s.dw, db)
	if err != nil {
		s.err = err
		return math.NaN()
	}
	if s.fit.Passes++; s.fit.Passes >= maxPasses {
		s.status = optimize.FunctionEvaluationLimit
	}
	s.p.gradientTo(dv, s.dw)
	floats.Scale(s.scale, dv)
	floats.Scale(s.scale/math.Sqrt(s.p.a), db)
	return f
}

// gradient copies the gradient that function has kept. gonum asks for it after
// the function, at the same place.
func (s *search) gradient(grad, _ []float64) { copy(grad, s.grad) }

var _ optimize.Linesearcher = (*search)(nil)

// Init starts a line search from value f and slope g.
func (s *search) Init(f, g, step float64) optimize.Operation {
	s.decrements = append(s.decrements, -g/2)
	s.fit.Gap = min(gap(s.decrements)/f, 1) // the optimum is not negative
	if len(s.decrements) > minSteps && s.fit.Gap <= s.tolerance || g == 0 {
		s.status = optimize.FunctionConvergence
	}
	s.f0, s.g0, s.trials = f, g, 0
	s.step, s.low, s.high = step, 0, math.Inf(1)
	return optimize.FuncEvaluation | optimize.GradEvaluation
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
	q := min(math.Pow(now/mean(n-steps), 1/float64(steps)), 0.95)
	return 3 * now / (1 - q)
}

// Iterate takes a step that meets the Wolfe conditions or, where rounding hides
// the decrease, the approximate ones of Hager and Zhang (SIAM J. Optim. 16:170,
// 2005, with δ = 0.1, σ = 0.9). Otherwise it closes in on one by interpolation.
func (s *search) Iterate(f, g float64) (optimize.Operation, float64, error) {
	const (
		armijo    = 1e-4
		delta     = 0.1
		sigma     = 0.9
		allowance = 1e-7 // of the value, for rounding in float32 products
	)
	const both = optimize.FuncEvaluation | optimize.GradEvaluation
	if s.trials++; s.trials > maxTrials {
		return optimize.NoOperation, s.step, optimize.ErrLinesearcherFailure
	}
	decrease := f <= s.f0+armijo*s.step*s.g0 || f <= s.f0+allowance*math.Abs(s.f0) && g <= (2*delta-1)*s.g0
	switch {
	case !decrease: // or NaN
		s.high = s.step
		t := -s.g0 * s.step * s.step / (2 * (f - s.f0 - s.g0*s.step)) // minimum of the parabola through f0, g0 and f
		if !(t > s.low+0.1*(s.high-s.low)) {
			t = s.low + 0.1*(s.high-s.low)
		}
		s.step = min(t, s.low+0.9*(s.high-s.low))
	case g < sigma*s.g0:
		s.low = s.step
		if math.IsInf(s.high, 1) {
			t := s.step * s.g0 / (s.g0 - g) // where the slope would be zero
			if !(t > 1.1*s.step) {
				t = 2 * s.step
			}
			s.step = min(t, 8*s.step)
		} else {
			s.step = (s.low + s.high) / 2
		}
	default:
		return optimize.MajorIteration, s.step, nil
	}
	return both, s.step, nil
}
