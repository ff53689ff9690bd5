package fit

import (
	"context"
)

// group is parts of one deal whose rows are of the same classes. They share
// what their fits are preconditioned with, which is taken from the first: it
// changes how fast the fits get to their optima, and the optima not at all.
type group struct {
	path   *lambdaPath
	parts  []int
	in     []int     // that are fitted
	start  *solution // of the first
	recipe recipe

	cov        *covariance
	directions *directions
	factors    factors
}

// factors is a metric with the curvature of each class.
type factors interface {
	metric
	// factorise makes it the metric for λ.
	factorise(ctx context.Context, lambda float64, threads int) error
}

// Class factors are measured anew at these stops of a path, and at every
// fourth; at these steps of a single fit, and every twelve; see group.build.
var (
	stops     = [2]int{1, 3}
	steps     = [2]int{10, 16}
	stepsSoon = [2]int{0, 3} // after an epoch, or from a start
)

const everyStops, everySteps = 4, 12

// choose takes the parts that are in.
func (g *group) choose(in []bool) {
	g.in = g.in[:0]
	for _, i := range g.parts {
		if in == nil || in[i] {
			g.in = append(g.in, i)
		}
	}
}

// fit fits the λ at that place of the path.
func (g *group) fit(ctx context.Context, at, threads int) error {
	p := g.path
	lambda, last := p.lambdas[at], at == len(p.lambdas)-1
	single := p.single()
	first := p.searches[g.parts[0]]
	first.o.threads = threads
	var m metric
	built := false
	switch {
	case at == 0 && g.recipe.few && g.start == nil:
		if err := g.begin(ctx, threads); err != nil {
			return err
		}
		if err := g.factors.factorise(ctx, lambda, threads); err != nil {
			return err
		}
		m = g.factors
	case at == 0 || g.recipe.mode == plain || g.factors == nil && !g.measured(at):
		w, err := g.whiten(ctx, lambda, threads)
		if err != nil {
			return err
		}
		m = w
	case g.measured(at):
		if err := g.build(ctx, uint64(at)); err != nil {
			return err
		}
		built = true
		fallthrough
	default:
		if err := g.factors.factorise(ctx, lambda, threads); err != nil {
			return err
		}
		m = g.factors
	}
	err := p.bench.crew.Do(ctx, len(g.in), func(k int) error {
		s := p.searches[g.in[k]]
		s.o.threads = max(threads/len(g.in), 1)
		s.move(lambda)
		if s.enter(m, m == g.factors); built && !g.recipe.few {
			s.memory = nil
		}
		tolerance := max(p.bench.tolerance, pathTolerance)
		if g.recipe.few { // the gap is larger than said in weak directions
			tolerance = max(p.bench.tolerance, pathTolerance/4)
		}
		if p.exact && last {
			tolerance = p.bench.tolerance
		}
		before := s.passes
		var err error
		if single {
			err = g.single(ctx, s, tolerance)
		} else {
			err = s.minimize(ctx, tolerance, nil)
		}
		p.bench.passes.Add(int64(s.passes - before))
		s.o.lanes = nil
		s.rest(last)
		p.bench.fitted(1)
		return err
	})
	if last {
		g.cov, g.directions, g.factors, first.o.probs = nil, nil, nil, nil
	}
	return err
}

// measured tells whether the curvature is measured anew at a stop of a path.
func (g *group) measured(at int) bool {
	return g.recipe.mode != plain && g.in[0] == g.parts[0] && due(stops, everyStops, at)
}

// due tells whether something is done at the n-th time that is done at two
// times and then again and again.
func due(first [2]int, every, n int) bool {
	return n == first[0] || n == first[1] || n > first[1] && (n-first[1])%every == 0
}

// begin takes the class factors that hold at W = 0, where a path begins: all
// classes are as likely.
func (g *group) begin(ctx context.Context, threads int) error {
	if err := g.measure(ctx, threads); err != nil {
		return err
	}
	o := g.path.objective(g)
	for i := range o.probs {
		o.probs[i] = 1 / float32(o.classes)
	}
	return g.build(ctx, 0)
}

// measure takes what is the same all along: the covariance, the directions, and
// room for probabilities.
func (g *group) measure(ctx context.Context, threads int) error {
	if g.cov != nil {
		return nil
	}
	o, rows := g.path.objective(g), plainRows
	if g.recipe.mode == sub {
		rows = leadingRows
	}
	var err error
	if g.cov, err = newCovariance(ctx, o, rows*o.x.d, threads); err != nil {
		return err
	}
	switch g.recipe.mode {
	case sub:
		if g.directions, err = newDirections(ctx, g.cov, leadingDirections); err != nil {
			return err
		}
		fallthrough
	case full:
		o.probs = make([]float32, o.classes*len(o.rows))
	}
	return nil
}

// whiten returns the metric of the covariance, with the curvature of the last
// solutions.
func (g *group) whiten(ctx context.Context, lambda float64, threads int) (metric, error) {
	p := g.path
	if err := g.measure(ctx, threads); err != nil {
		return nil, err
	}
	a := 0.0
	for _, i := range g.in {
		s := p.searches[i]
		curvature := s.o.curvature
		switch c := float64(s.o.classes); {
		case s.known:
		case g.start != nil:
			curvature = g.start.curvature
		default:
			curvature = (1 - 1/c) / c // at W = 0, where a path starts
		}
		a += curvature / float64(len(g.in))
	}
	if g.recipe.mode == plain {
		return whiten(ctx, g.cov, a, lambda, threads)
	}
	return whitenCoarsely(g.cov, a, lambda, threads), nil
}

// whitenAgain whitens anew, at every so many steps, where the loss has become
// far less curved than it was when that was done last.
func (g *group) whitenAgain(ctx context.Context, s *search, step int) error {
	const every, fallen = 10, 4
	w, ok := s.metric.(*whitening)
	if step == 0 || step%every != 0 || !ok || s.o.curvature > w.a/fallen || w.a <= leastCurvature {
		return nil
	}
	w, err := whiten(ctx, g.cov, s.o.curvature, s.o.lambda, s.o.threads)
	if err == nil {
		s.enter(w, false)
	}
	return err
}

// build measures the curvature of each class where the first part stands.
func (g *group) build(ctx context.Context, seed uint64) (err error) {
	o := g.path.objective(g)
	if g.recipe.mode == sub {
		g.factors, err = newLeading(ctx, o, g.directions, o.probs, g.recipe.rows, seed)
	} else {
		earlier, _ := g.factors.(*coupled)
		g.factors, err = newCoupled(ctx, o, o.probs, g.recipe.rows, seed, earlier)
	}
	return err
}

// single fits one λ, from a start or from zero.
func (g *group) single(ctx context.Context, s *search, tolerance float64) error {
	o := s.o
	times := steps
	switch {
	case g.start != nil:
		times = stepsSoon
	case len(o.rows) >= epochRows*o.x.d:
		if err := s.epoch(ctx); err != nil {
			return err
		}
		times = stepsSoon
	}
	if g.recipe.mode == plain {
		return s.minimize(ctx, tolerance, func(step int) error { return g.whitenAgain(ctx, s, step) })
	}
	return s.minimize(ctx, tolerance, func(step int) error {
		if !due(times, everySteps, step) {
			return nil
		}
		if err := g.build(ctx, uint64(step)); err != nil {
			return err
		}
		if err := g.factors.factorise(ctx, o.lambda, o.threads); err != nil {
			return err
		}
		s.enter(g.factors, true)
		return nil
	})
}
