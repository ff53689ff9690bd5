package fit

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
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
	b, _, err := whole(ctx, x, y, o)
	if err != nil {
		return nil, err
	}
	p, err := b.problem(&wholePart)
	if err != nil {
		return nil, err
	}
	out := make([]LeftOut, len(lambdas))
	err = p.leaveOneOut(ctx, &wholePart, lambdas, func(i, l int, scores []float64) {
		weight, best := p.weightAt(i)/float64(len(p.rows)), 0
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

// leftOutColumns is about how many scores a row are computed at a time.
const leftOutColumns = 512

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
	v := vectors.RawMatrix().Data
	by := simd.Float64{Threads: p.bench.threads}
	target := make([]float64, d*c) // VᵀB
	means := make([]float64, d*c)
	mean := make([]float64, c) // of the targets
	for k, class := range p.present {
		of := &s.Classes[class]
		mean[k] = 2*of.Weight - 1
		for j, m := range of.Mean {
			means[j*c+k] = 2 * of.Weight * (m - s.Mean[j])
		}
	}
	by.Dgemm(blas.Trans, blas.NoTrans, d, c, d, 1, v, d, means, c, 0, target, c)
	many := len(lambdas)
	inverse := make([]float64, d*many)
	for j, e := range values {
		for l, lambda := range lambdas {
			inverse[j*many+l] = 1 / (max(e, 0) + lambda)
		}
	}

	const chunk = 8 * block
	buf := make([]float32, block*d)
	x, z := make([]float64, chunk*d), make([]float64, chunk*d)
	// Scores of several λ at a time are one product.
	group := min(max(leftOutColumns/c, 1), many)
	shares, scores := make([]float64, chunk*many), make([]float64, chunk*group*c)
	weights := make([]float64, d*many*c) // of each group of λ: D rows
	for lo := 0; lo < many; lo += group {
		these := min(group, many-lo)
		to := weights[d*lo*c:]
		for j := range d {
			for l := range these {
				share := inverse[j*many+lo+l]
				for k, u := range target[j*c : (j+1)*c] {
					to[(j*these+l)*c+k] = share * u
				}
			}
		}
	}
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
		by.Dgemm(blas.NoTrans, blas.NoTrans, m, d, d, 1, x, d, v, d, 0, z, d)
		for i, u := range z[:m*d] {
			x[i] = u * u
		}
		by.Dgemm(blas.NoTrans, blas.NoTrans, m, many, d, 1, x, d, inverse, many, 0, shares, many)
		for first := 0; first < many; first += group {
			these := min(group, many-first)
			w := these * c
			by.Dgemm(blas.NoTrans, blas.NoTrans, m, w, d, 1, z, d, weights[d*first*c:], w, 0, scores, w)
			for i := range m {
				for l := first; l < first+these; l++ {
					own := p.weightAt(lo+i) / n * (1 + shares[i*many+l])
					row := scores[i*w+(l-first)*c : i*w+(l-first+1)*c]
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
	}
	return nil
}
