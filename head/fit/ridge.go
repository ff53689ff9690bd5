package fit

import (
	"context"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// Ridge fits linear regression with targets of +1 for the class of a row and −1
// for the others: on standardised features x it minimises
//
//	(1/N) Σ ½·wᵢ·‖W·xᵢ + b − yᵢ‖² + λ/2 ‖W‖²
//
// over W and a free intercept b, in closed form from the sums of the rows. It
// is scikit-learn's RidgeClassifier with alpha = λN. Scores are no logits: a
// head that Fit returns has temperature 1, and is to be calibrated before its
// probabilities mean anything. The zero value is ready to use.
type Ridge struct {
	// L2 is λ, positive. The default 0 means 1/N, N being the number of rows:
	// scikit-learn's alpha = 1.
	L2 float64
}

// Fit fits a head to rows x (n×D) of the classes y (n). nil means the default
// settings. Errors are those of Softmax.Fit.
func (r *Ridge) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	lambda, err := strengthOr("ridge", r.L2, len(y))
	if err != nil {
		return nil, err
	}
	return alone(ctx, "ridge", ridgePath([]float64{lambda}), x, y, o)
}

// ridgeFactor is by how much strengths of a path are stronger than those of
// softmax.
const ridgeFactor = 100

// ridgePath is the family of ridge heads with one λ after another.
func ridgePath(lambdas []float64) *closedForm {
	return &closedForm{candidates: along("ridge", head.L2, lambdas), solve: solveRidge}
}

// solveRidge solves (Cov + λI)·w = cov(x, y) for the target y of each class.
// The mean of a class in s, over that of all rows, is what the covariance is
// made of: Σ w·(x − mean)·y is twice the sum of the rows of the class.
func solveRidge(p *problem, s *Sums, c *Candidate) *solution {
	d, k := p.x.d, p.classes
	m := &solution{w: make([]float64, k*d), b: make([]float64, k), fit: head.Fit{Status: head.ClosedForm}}
	right := make([]float64, d*k)
	for i, class := range p.present {
		of := &s.Classes[class]
		for j, v := range of.Mean {
			right[j*k+i] = 2 * of.Weight * (v - s.Mean[j])
		}
	}
	factor, exact := factorize(s.Scatter, d, 1, c.Params.Value(head.L2))
	if !exact {
		m.fit.Status = head.Stalled
	}
	factor.solve(right, k)
	for i, class := range p.present {
		w := m.w[i*d : (i+1)*d]
		for j := range w {
			w[j] = right[j*k+i]
		}
		m.b[i] = 2*s.Classes[class].Weight - 1 - blas64.Dot(blas64.Vector{N: d, Data: w, Inc: 1}, blas64.Vector{N: d, Data: s.Mean, Inc: 1})
	}
	return m
}

// cholesky is an upper triangle U (D×D), with Uᵀ·U the matrix that it is the
// factor of.
type cholesky struct {
	d     int
	upper []float64
}

// factorize returns the factor of a·upper + ridge·I, which is positive definite
// but for rounding (D×D). It is exact unless ridge had to be raised to what
// rounding lets be told from zero.
func factorize(upper []float64, d int, a, ridge float64) (u *cholesky, exact bool) {
	u = &cholesky{d, make([]float64, d*d)}
	exact = true
	for {
		for i := range d {
			row := u.upper[i*d+i : (i+1)*d]
			for j, v := range upper[i*d+i : (i+1)*d] {
				row[j] = a * v
			}
			row[0] += ridge
		}
		if (simd.Float64{}).Dpotrf(blas.Upper, d, u.upper, d) {
			return u, exact
		}
		ridge, exact = ridge*10, false
	}
}

// solve replaces k right sides b (D×k) by the solutions.
func (u *cholesky) solve(b []float64, k int) {
	for _, side := range []blas.Transpose{blas.Trans, blas.NoTrans} {
		simd.Float64{}.Dtrsm(blas.Left, blas.Upper, side, blas.NonUnit, u.d, k, 1, u.upper, u.d, b, k)
	}
}
