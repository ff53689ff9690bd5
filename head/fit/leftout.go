package fit

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head"
)

// LeftOut tells how well ridge heads of one λ do on rows that they have not
// seen: for each row, the one that is fitted to all others.
type LeftOut struct {
	L2 float64
	// SquaredError is the mean over rows and classes of (score − target)², each
	// row with its weight.
	SquaredError float64
	// Accuracy is the share of the rows, each with its weight, whose class has
	// the largest score.
	Accuracy float64
}

// LeaveOneOut returns how well ridge heads of each λ do on rows x (n×D) of the
// classes y (n) that are left out one by one. It takes two passes over the rows
// and one decomposition of their covariance, no fit a row or λ, and is exact:
// means, too, are those of the rows that are left, and only mean and scale of
// a standardisation are those of all rows. nil means the default settings.
//
// Errors are those of Softmax.Fit; no λ, or one that is not positive; and
// ctx's.
func LeaveOneOut(ctx context.Context, x head.Rows, y []string, lambdas []float64, o *Settings) ([]LeftOut, error) {
	for _, l := range lambdas {
		if !(l > 0 && l <= math.MaxFloat64) {
			return nil, fmt.Errorf("head/fit: ridge: λ is %v, it must be positive", l)
		}
	}
	if len(lambdas) == 0 {
		return nil, fmt.Errorf("head/fit: ridge: no λ is given")
	}
	if x.D() > MaxFeatures {
		return nil, &FeaturesError{x.D()}
	}
	b, _, err := whole(ctx, x, y, false, o)
	if err != nil {
		return nil, err
	}
	p, err := b.problem(&wholePart)
	if err != nil {
		return nil, err
	}
	out := make([]LeftOut, len(lambdas))
	err = p.leaveOneOut(ctx, &wholePart, lambdas, func(i, l int, scores []float64) {
		weight, best := p.weightOf(i)/float64(len(p.rows)), 0
		for k, v := range scores {
			e := v + 1
			if k == int(p.labels[i]) {
				e = v - 1
			}
			out[l].SquaredError += weight / float64(p.classes) * e * e
			if v > scores[best] {
				best = k
			}
		}
		if best == int(p.labels[i]) {
			out[l].Accuracy += weight
		}
	})
	for l := range out {
		out[l].L2 = lambdas[l]
	}
	return out, err
}

// weightOf is the weight of the i-th row in the fit.
func (o *objective) weightOf(i int) float64 {
	if o.weight == nil {
		return 1
	}
	return o.weight[i]
}

// leaveOneOut calls visit with the scores (C) that each row i of a part gets
// from the ridge head of the l-th λ that is fitted to all others.
//
// With Cov = V·Λ·Vᵀ and z = Vᵀ·x, the weights of all λ are V·(Λ + λI)⁻¹·Vᵀ·B,
// and a row's share in its own score is w/N·(1 + Σ z²/(Λ + λ)).
func (p *problem) leaveOneOut(ctx context.Context, part *Part, lambdas []float64, visit func(i, l int, scores []float64)) error {
	s, err := p.bench.cellsOf([]Part{*part}).part(ctx, part, p)
	if err != nil {
		return err
	}
	p.standardize(s)
	d, c, n := p.x.d, p.classes, float64(len(p.rows))
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(d, s.Scatter), true) {
		return fmt.Errorf("head/fit: ridge: the eigenvalues of the covariance did not converge")
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	v := vectors.RawMatrix()
	target := make([]float64, d*c) // VᵀB
	means := blas64.General{Rows: d, Cols: c, Stride: c, Data: make([]float64, d*c)}
	mean := make([]float64, c) // of the targets
	for k, class := range p.present {
		of := &s.Classes[class]
		mean[k] = 2*of.Weight - 1
		for j, m := range of.Mean {
			means.Data[j*c+k] = 2 * of.Weight * (m - s.Mean[j])
		}
	}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, v, means, 0, blas64.General{Rows: d, Cols: c, Stride: c, Data: target})
	inverse := blas64.General{Rows: d, Cols: len(lambdas), Stride: len(lambdas), Data: make([]float64, d*len(lambdas))}
	for j, e := range values {
		for l, lambda := range lambdas {
			inverse.Data[j*len(lambdas)+l] = 1 / (max(e, 0) + lambda)
		}
	}

	const chunk = 4 * block
	buf := make([]float32, block*d)
	x, z := make([]float64, chunk*d), make([]float64, chunk*d)
	shares, scores := make([]float64, chunk*len(lambdas)), make([]float64, chunk*c)
	weights := make([]float64, d*c)
	for lo := 0; lo < len(p.rows); lo += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := p.rows[lo:min(lo+chunk, len(p.rows))]
		for at := 0; at < len(rows); at += block {
			these := rows[at:min(at+block, len(rows))]
			values, err := p.x.rowsTo(buf, these)
			if err != nil {
				return err
			}
			for i, value := range values {
				j := i % d
				x[at*d+i] = (float64(value)-p.mean[j])/p.scale[j] - s.Mean[j]
			}
		}
		m := len(rows)
		inSpace := blas64.General{Rows: m, Cols: d, Stride: d, Data: z[:m*d]}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: m, Cols: d, Stride: d, Data: x}, v, 0, inSpace)
		for i, u := range z[:m*d] {
			x[i] = u * u
		}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: m, Cols: d, Stride: d, Data: x}, inverse, 0,
			blas64.General{Rows: m, Cols: len(lambdas), Stride: len(lambdas), Data: shares})
		for l := range lambdas {
			for j := range d {
				share := inverse.Data[j*len(lambdas)+l]
				for k, u := range target[j*c : (j+1)*c] {
					weights[j*c+k] = share * u
				}
			}
			blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, inSpace, blas64.General{Rows: d, Cols: c, Stride: c, Data: weights}, 0,
				blas64.General{Rows: m, Cols: c, Stride: c, Data: scores})
			for i := range m {
				own := p.weightOf(lo+i) / n * (1 + shares[i*len(lambdas)+l])
				row := scores[i*c : (i+1)*c]
				for k := range row {
					y := -1.0
					if k == int(p.labels[lo+i]) {
						y = 1
					}
					row[k] = y - (y-mean[k]-row[k])/(1-own)
				}
				visit(lo+i, l, row)
			}
		}
	}
	return nil
}
