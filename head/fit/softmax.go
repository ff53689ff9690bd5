package fit

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
)

const (
	strongest, weakest = 10.0, 1e-6
	defaultPoints      = 30
	// pathTolerance is the gap at which fits along a path stop: finer than
	// accuracy shows.
	pathTolerance = 1e-3
)

// Softmax fits multinomial logistic regression. The zero value is ready to use.
type Softmax struct {
	// L2 is λ, the strength of λ/2·‖W‖² beside the mean loss, positive. The
	// default 0 means 1/N, N being the number of rows: scikit-learn's C = 1.
	L2 float64
}

// Fit fits a head to rows x (n×D) of the classes y (n), byte for byte. nil
// means the default settings. The head is not calibrated; how the fit went is
// in Head.Fit.
//
// Errors: what NewBench refuses; rows that are not finite (head.ErrNotFinite),
// more than MaxFeatures features (a *FeaturesError), fewer than two classes
// with rows (a *ClassesError), and an L2 that is not positive.
func (s *Softmax) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	lambda := s.L2
	if lambda == 0 {
		lambda = 1 / float64(max(len(y), 1))
	}
	if !(lambda > 0 && lambda <= math.MaxFloat64) {
		return nil, fmt.Errorf("head/fit: softmax: λ is %v, it must be positive", lambda)
	}
	return alone(ctx, "softmax", softmaxPath{lambdas: []float64{lambda}, exact: true}, true, x, y, o)
}

// lambdas returns the path of n strengths, strong to weak, rounded to 12
// digits.
func lambdas(n int) []float64 {
	return logSpan(n, strongest, weakest)
}

// logSpan returns n numbers evenly spaced in logarithm, rounded to 12 digits.
func logSpan(n int, from, to float64) []float64 {
	path := floats.LogSpan(make([]float64, n), from, to)
	for i, l := range path {
		path[i], _ = strconv.ParseFloat(strconv.FormatFloat(l, 'g', 12, 64), 64)
	}
	return path
}

// softmaxPath is the family of softmax heads with one λ after another.
type softmaxPath struct {
	lambdas []float64
	exact   bool // the last fit goes on to Settings.Tolerance
}

var _ Family = softmaxPath{}

// candidate is the i-th one.
func (f softmaxPath) candidate(i int) Candidate {
	return Candidate{Kind: "softmax", Params: head.Params{{Name: head.L2, Value: f.lambdas[i]}}}
}

// Begin prepares fits to parts, each from its start.
func (f softmaxPath) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	if b.cov == nil {
		return nil, errNoCovariance
	}
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	p := &lambdaPath{softmaxPath: f, bench: b, fits: fits, solutions: make([]*solution, len(fits))}
	for i, part := range parts {
		p.solutions[i] = part.Start.of(fits[i])
	}
	return p, nil
}

// lambdaPath is the path of softmaxPath.
type lambdaPath struct {
	softmaxPath
	bench     *Bench
	fits      []*problem
	solutions []*solution // nil: none yet
	next      int         // place in lambdas
}

// Next fits the next λ in the parts that are in, each from where its last fit
// ended. One factor serves them all.
func (p *lambdaPath) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.next == len(p.lambdas) {
		return Candidate{}, io.EOF
	}
	lambda := p.lambdas[p.next]
	last := p.next == len(p.lambdas)-1
	p.next++
	var these []int
	for i := range p.fits {
		if in == nil || in[i] {
			these = append(these, i)
		}
	}
	c := p.candidate(p.next - 1)
	if len(these) == 0 {
		return c, nil
	}
	steps := []float64{lambda}
	if p.solutions[these[0]] == nil {
		steps = append(p.approach(lambda), lambda)
	}
	for k, l := range steps {
		tolerance, done := max(p.bench.tolerance, pathTolerance), k == len(steps)-1
		if p.exact && last && done {
			tolerance = p.bench.tolerance
		}
		if err := p.fit(ctx, these, l, tolerance, done); err != nil {
			return c, err
		}
	}
	return c, nil
}

// fit fits one λ in these parts. done says that it is a candidate's, not one on
// the way to it.
func (p *lambdaPath) fit(ctx context.Context, these []int, lambda, tolerance float64, done bool) error {
	// The curvature of the loss falls along the path: the factor is made for
	// that of the last solutions.
	a := 0.0
	for _, i := range these {
		curvature := p.uniform()
		if s := p.solutions[i]; s != nil {
			curvature = s.curvature
		}
		a += curvature / float64(len(these))
	}
	w, err := whiten(ctx, p.bench.cov, a, lambda, p.bench.threads)
	if err != nil {
		return err
	}
	return parallel.Do(ctx, len(these), p.bench.threads, func(k int) error {
		f := p.fits[these[k]]
		f.lambda, f.threads = lambda, max(p.bench.threads/len(these), 1)
		before := p.solutions[these[k]]
		s, err := minimize(ctx, &f.objective, w, before, tolerance)
		f.lanes = nil
		if err != nil {
			return err
		}
		if before != nil {
			s.fit.Passes += before.fit.Passes
		}
		p.solutions[these[k]] = s
		if done {
			p.bench.fitted(1)
		}
		return nil
	})
}

// approach returns the strengths through which a fit from zero comes to lambda:
// by factors of ten from the mean variance of the features, where the loss is
// about as curved as it is at zero and the first factor fits. A weak λ right
// from zero takes several times as many passes.
func (p *lambdaPath) approach(lambda float64) []float64 {
	var steps []float64
	for strong := p.bench.cov.variance(); strong > 3*lambda; strong /= 10 {
		steps = append(steps, strong)
	}
	return steps
}

// uniform returns the mean of p(1−p) at uniform probabilities, which is where a
// path starts.
func (p *lambdaPath) uniform() float64 {
	c := float64(p.bench.classes)
	return (1 - 1/c) / c
}

// Fitted returns what was fitted to a part last.
func (p *lambdaPath) Fitted(part int) *Fitted { return p.fits[part].fitted(p.solutions[part]) }
