package fit

import (
	"context"
	"io"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
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
	lambda, err := strengthOr("softmax", s.L2, len(y))
	if err != nil {
		return nil, err
	}
	return alone(ctx, "softmax", softmaxPath{lambdas: []float64{lambda}, exact: true}, x, y, o)
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

// Begin prepares fits to parts, each from its start.
func (f softmaxPath) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	if b.x.d > MaxFeatures {
		return nil, &FeaturesError{b.x.d}
	}
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	p := &lambdaPath{softmaxPath: f, bench: b, fits: fits}
	for i, part := range parts {
		start := part.Start.of(fits[i])
		p.searches = append(p.searches, newSearch(&fits[i].objective, start))
		at := slices.IndexFunc(p.groups, func(g *group) bool {
			first := g.parts[0]
			return !f.exact && parts[first].Deal == part.Deal && slices.Equal(fits[first].present, fits[i].present)
		})
		if at < 0 {
			at = len(p.groups)
			p.groups = append(p.groups, &group{path: p, start: start})
		}
		p.groups[at].parts = append(p.groups[at].parts, i)
	}
	for _, g := range p.groups {
		o := p.objective(g)
		g.recipe = recipeFor(len(o.rows), o.x.d, o.classes, !p.single(), factorBytes/int64(len(p.groups)))
	}
	return p, nil
}

// lambdaPath is the path of softmaxPath.
type lambdaPath struct {
	softmaxPath
	bench    *Bench
	fits     []*problem
	searches []*search
	groups   []*group
	next     int // place in lambdas
}

// single tells whether it is one fit, to the tolerance of the settings.
func (p *lambdaPath) single() bool { return p.exact && len(p.lambdas) == 1 }

// objective is that of the first part of a group.
func (p *lambdaPath) objective(g *group) *objective { return &p.fits[g.parts[0]].objective }

// Next fits the next λ in the parts that are in, each from where its last fit
// ended.
func (p *lambdaPath) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.next == len(p.lambdas) {
		return Candidate{}, io.EOF
	}
	at := p.next
	p.next++
	var groups []*group
	for _, g := range p.groups {
		if g.choose(in); len(g.in) > 0 {
			groups = append(groups, g)
		}
	}
	threads := p.bench.threads
	return strength("softmax", p.lambdas[at]), p.bench.crew.Do(ctx, len(groups), func(i int) error {
		return groups[i].fit(ctx, at, max(threads/len(groups), 1))
	})
}

// Fitted returns what was fitted to a part last.
func (p *lambdaPath) Fitted(part int) *Fitted {
	return p.fits[part].fitted(p.searches[part].solution())
}
