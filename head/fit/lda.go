package fit

import (
	"context"
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/head"
)

const (
	shrinkagePoints  = 13
	weakestShrinkage = 1e-4
)

// LDA fits linear discriminant analysis: classes are taken for normal
// distributions of one covariance Σ, which is shrunken to
//
//	(1−s)·Σ + s·tr(Σ)/D·I
//
// on standardised features, and of their shares of the rows. It is
// scikit-learn's LinearDiscriminantAnalysis with solver "lsqr" or "eigen" and
// that shrinkage, in closed form from the sums of the rows. Its scores are the
// logarithms of probabilities as far as classes are normal, which they are not
// quite: of many features they say too much, and a head that Fit returns is to
// be calibrated. The zero value is ready to use.
type LDA struct {
	// Shrinkage is s, over 0 and at most 1. The default 0 means 0.1.
	Shrinkage float64
}

// Fit fits a head to rows x (n×D) of the classes y (n). nil means the default
// settings. Errors are those of Softmax.Fit.
func (l *LDA) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	s := l.Shrinkage
	if s == 0 {
		s = 0.1
	}
	if !(s > 0 && s <= 1) {
		return nil, fmt.Errorf("head/fit: lda: shrinkage is %v, it lies over 0 and at most at 1", s)
	}
	return alone(ctx, "lda", ldaPath([]float64{s}), x, y, o)
}

// ldaPath is the family of LDA with one shrinkage after another.
func ldaPath(shrinkages []float64) *closedForm {
	return &closedForm{
		candidates: along("lda", head.Shrinkage, shrinkages),
		prepare:    func(p *problem, s *Sums) { s.within() },
		solve: func(p *problem, s *Sums, c *Candidate) *solution {
			return solveLDA(p, s, c.Params.Value(head.Shrinkage))
		},
	}
}

// within turns the scatter of all rows into that within classes: less the
// squares of the distances of the classes' means.
func (s *Sums) within() {
	d := len(s.Mean)
	var between []float64
	k := 0
	for i := range s.Classes {
		c := &s.Classes[i]
		if c.N == 0 {
			continue
		}
		root := math.Sqrt(c.Weight)
		for j, m := range c.Mean {
			between = append(between, root*(m-s.Mean[j]))
		}
		k++
	}
	productTo(s.Scatter, -1, between, k, 1)
	for i := range d {
		v := max(s.Scatter[i*d+i], 0) // but for rounding
		s.Scatter[i*d+i], s.Square[i] = v, v
	}
}

// shrunken returns the factor of the covariance within classes in s.
func (s *Sums) shrunken(shrinkage float64) (u *cholesky, exact bool) {
	d, trace := len(s.Mean), 0.0
	for _, v := range s.Square {
		trace += v
	}
	ridge := shrinkage * trace / float64(d)
	if trace == 0 { // each class is one point: what they differ by is the unit
		for i := range s.Classes {
			for j, m := range s.Classes[i].Mean {
				if s.Classes[i].N > 0 {
					ridge += s.Classes[i].Weight * (m - s.Mean[j]) * (m - s.Mean[j]) / float64(d)
				}
			}
		}
		if ridge == 0 {
			ridge = 1
		}
	}
	return factorize(s.Scatter, d, 1-shrinkage, ridge)
}

// solveLDA solves (1−s)·Σ·w + s·tr(Σ)/D·w = mean of each class, over that of
// all rows; b is −½·wᵀ·mean and the logarithm of the class's share.
func solveLDA(p *problem, s *Sums, shrinkage float64) *solution {
	d, k := p.x.d, p.classes
	m := &solution{w: make([]float64, k*d), b: make([]float64, k), fit: head.Fit{Status: head.ClosedForm}}
	right := make([]float64, d*k)
	for i, class := range p.present {
		for j, v := range s.Classes[class].Mean {
			right[j*k+i] = v - s.Mean[j]
		}
	}
	factor, exact := s.shrunken(shrinkage)
	if !exact {
		m.fit.Status = head.Stalled
	}
	factor.solve(right, k)
	for i, class := range p.present {
		w := m.w[i*d : (i+1)*d]
		m.b[i] = math.Log(s.Classes[class].Weight)
		for j, mean := range s.Classes[class].Mean {
			w[j] = right[j*k+i]
			// At the middle of the class's mean and that of all rows the two
			// are alike.
			m.b[i] -= w[j] * (mean + s.Mean[j]) / 2
		}
	}
	return m
}
