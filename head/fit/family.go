package fit

import (
	"context"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/head"
)

// Candidate is a kind of head with the numbers that a fit is given.
type Candidate struct {
	Kind   string // of head.Kinds
	Params head.Params
	// Columns is λ of each label of AnyOf, where they have one of their own;
	// nil: all have that of Params.
	Columns []float64
	// MLP are the settings of kind "mlp"; nil: those of another kind.
	MLP *MLP
}

// Family fits its kind of head to several parts of the rows of a bench side by
// side.
type Family interface {
	// Begin prepares a path in parts. A part whose rows are not finite or of
	// fewer than two classes is an error.
	Begin(ctx context.Context, b *Bench, parts []Part) (Path, error)
}

// Path goes from a family's most regularised candidate to the least.
type Path interface {
	// Next fits the next candidate in the parts that are in (nil: all). A part
	// that was left out once stays out. After the last candidate the error is
	// io.EOF.
	Next(ctx context.Context, in []bool) (Candidate, error)
	// Fitted returns the last candidate in a part.
	Fitted(part int) *Fitted
}

// Grid says which candidates a family goes through.
type Grid struct {
	// L2 is the one λ; 0: a path of Points strengths from 10 to 1e-6, evenly
	// spaced in logarithm. Those of ridge are 100 times as strong: squares of
	// errors are more curved than logarithms of probabilities.
	L2 float64
	// Points is the number of strengths, at least 2. The default 0 means 30.
	Points int
	// Shrinkage is the one shrinkage; 0: a path of 13, or Points if those are
	// fewer, from 1 to 1e-4, evenly spaced in logarithm.
	Shrinkage float64
	// MLP are the settings of the one perceptron; nil: the default ones.
	MLP *MLP
}

// lambdas are the strengths of g.
func (g *Grid) lambdas() []float64 { return g.span(1) }

// span are the strengths of g, those of a path times a factor.
func (g *Grid) span(factor float64) []float64 {
	if g.L2 != 0 {
		return []float64{g.L2}
	}
	points := g.Points
	if points == 0 {
		points = defaultPoints
	}
	return logSpan(points, strongest*factor, weakest*factor)
}

// shrinkages are those of g.
func (g *Grid) shrinkages() []float64 {
	if g.Shrinkage != 0 {
		return []float64{g.Shrinkage}
	}
	points := shrinkagePoints
	if g.Points != 0 {
		points = min(points, g.Points)
	}
	return logSpan(points, 1, weakestShrinkage)
}

// strength is the candidate of a kind with one λ.
func strength(kind string, lambda float64) Candidate {
	return Candidate{Kind: kind, Params: head.Params{{Name: head.L2, Value: lambda}}}
}

// along are the candidates of a kind along values of one parameter.
func along(kind, param string, values []float64) []Candidate {
	var all []Candidate
	for _, v := range values {
		all = append(all, Candidate{Kind: kind, Params: head.Params{{Name: param, Value: v}}})
	}
	return all
}

// strengthOr returns λ, or 1/n where it is 0. One that is not positive is an
// error.
func strengthOr(kind string, lambda float64, n int) (float64, error) {
	if lambda == 0 {
		lambda = 1 / float64(max(n, 1))
	}
	if !(lambda > 0 && lambda <= math.MaxFloat64) {
		return 0, fmt.Errorf("head/fit: %s: λ is %v, it must be positive", kind, lambda)
	}
	return lambda, nil
}

// Entry is a family in the table.
type Entry struct {
	Kind string // of head.Kinds
	// Covariance says that fits need that of the rows, so that there may be at
	// most MaxFeatures features.
	Covariance bool
	// Apart says that fits take so much longer than those of other families
	// that a comparison of all leaves it out.
	Apart bool
	// Path returns the family that goes through the candidates of a grid, and
	// the candidates.
	Path func(g Grid) (Family, []Candidate)
	// One returns the family of a single candidate, which is fitted to
	// Settings.Tolerance.
	One func(c Candidate) Family
	// Work estimates how many floating-point operations a path takes, by sizes
	// alone.
	Work func(s *Size) float64
}

// Families are what can be fitted, from the simplest on: of equal scores the
// earlier one is selected. There is one for each of head.Kinds.
var Families = []Entry{
	{
		Kind: "ncm",
		Path: func(Grid) (Family, []Candidate) { return NCM{}, []Candidate{{Kind: "ncm"}} },
		One:  func(Candidate) Family { return NCM{} },
		Work: meansWork,
	},
	{
		Kind: "ridge",
		Path: func(g Grid) (Family, []Candidate) {
			f := ridgePath(g.span(ridgeFactor))
			return f, f.candidates
		},
		One:  func(c Candidate) Family { return ridgePath([]float64{c.Params.Value(head.L2)}) },
		Work: closedWork,
	},
	{
		Kind: "lda",
		Path: func(g Grid) (Family, []Candidate) {
			f := ldaPath(g.shrinkages())
			return f, f.candidates
		},
		One:  func(c Candidate) Family { return ldaPath([]float64{c.Params.Value(head.Shrinkage)}) },
		Work: closedWork,
	},
	{
		Kind: "lda+softmax",
		Path: func(g Grid) (Family, []Candidate) {
			f := &discriminants{lambdas: g.lambdas(), shrinkage: g.Shrinkage}
			return f, f.candidates()
		},
		One: func(c Candidate) Family {
			return &discriminants{lambdas: []float64{c.Params.Value(head.L2)}, shrinkage: c.Params.Value(head.Shrinkage), exact: true}
		},
		Work: discriminantWork,
	},
	{
		Kind: "softmax", Covariance: true,
		Path: func(g Grid) (Family, []Candidate) {
			f := softmaxPath{lambdas: g.lambdas()}
			return f, along("softmax", head.L2, f.lambdas)
		},
		One: func(c Candidate) Family {
			return softmaxPath{lambdas: []float64{c.Params.Value(head.L2)}, exact: true}
		},
		Work: softmaxWork,
	},
	{
		Kind: "knn",
		Path: func(Grid) (Family, []Candidate) { return KNN{}, []Candidate{KNN{}.candidate()} },
		One: func(c Candidate) Family {
			return KNN{K: int(c.Params.Value(head.NeighbourCount)), T: c.Params.Value(head.VoteTemperature)}
		},
		Work: neighboursWork,
	},
	{
		Kind: "mlp", Apart: true,
		Path: func(g Grid) (Family, []Candidate) {
			m := g.MLP
			if m == nil {
				m = &MLP{}
			}
			return perceptrons{*m}, []Candidate{m.candidate()}
		},
		One: func(c Candidate) Family {
			if c.MLP == nil {
				return perceptrons{}
			}
			return perceptrons{*c.MLP}
		},
		Work: perceptronWork,
	},
}

// FamilyOf returns the entry of a kind, nil if there is none.
func FamilyOf(kind string) *Entry {
	for i := range Families {
		if Families[i].Kind == kind {
			return &Families[i]
		}
	}
	return nil
}
