package fit

import (
	"context"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// gramChunk is how many rows are multiplied at a time.
const gramChunk = 512

// covariance is that of standardised rows, weighted (D×D, lower triangle).
type covariance struct {
	d     int
	lower []float64
}

// newCovariance takes about so many of the rows of o, spread evenly. Products
// of some rows are summed up in float32, those of all in float64.
func newCovariance(ctx context.Context, o *objective, rows, threads int) (*covariance, error) {
	d, n := o.x.d, len(o.rows)
	take := min(rows, n)
	cov := &covariance{d: d, lower: make([]float64, d*d)}
	mean, total := make([]float64, d), 0.0
	x, square := room(min(gramChunk, take)*d), room(d*d)
	places, root := make([]int, 0, gramChunk), make([]float64, gramChunk)
	for lo := 0; lo < take; lo += gramChunk {
		places = places[:0]
		for i := lo; i < min(lo+gramChunk, take); i++ {
			places = append(places, int(int64(i)*int64(n)/int64(take)))
		}
		for i, p := range places {
			root[i] = math.Sqrt(o.weightAt(p))
			total += root[i] * root[i]
		}
		if err := o.standardTo(ctx, x, places, root[:len(places)]); err != nil {
			return nil, err
		}
		addRows(mean, x, root, len(places))
		clear(square)
		simd.Float32{Threads: threads}.Ssyrk(blas.Lower, blas.Trans, d, len(places), 1, x, d, 0, square, d)
		for i := range d {
			row := cov.lower[i*d : i*d+i+1]
			for j, v := range square[i*d : i*d+i+1] {
				row[j] += float64(v)
			}
		}
	}
	if total == 0 {
		return cov, nil
	}
	floats.Scale(1/total, mean)
	for i, m := range mean {
		row := cov.lower[i*d : i*d+i+1]
		floats.Scale(1/total, row)
		floats.AddScaled(row, -m, mean[:i+1])
	}
	return cov, nil
}

// gramTo adds the lower part of Xᵀ·X to dst (D×D), for X of n rows.
func gramTo(dst, x []float32, n, d int) {
	f32.Ssyrk(blas.Lower, blas.Trans, d, n, 1, x, d, 1, dst, d)
}

// whitening is the inverse of M = a·Cov + λI = L·Lᵀ, the same for all classes,
// and 1/a for intercepts. K is L⁻¹ in float32: the inverse is Kᵀ·K.
type whitening struct {
	d     int
	a     float64
	k, kt []float32 // K and Kᵀ, D×D
}

var _ metric = (*whitening)(nil)

// inversePanel is the number of rows of K, or of Kᵀ, that are computed or
// multiplied at a time.
const inversePanel = 64

// leastCurvature is that where all rows are as good as certain.
const leastCurvature = 1e-9

// whiten factorises M in float64. a is the mean of p(1−p) that is expected,
// which is (1/C)(1−1/C) at W = 0.
func whiten(ctx context.Context, cov *covariance, a, lambda float64, threads int) (*whitening, error) {
	d := cov.d
	a = max(a, leastCurvature)
	done := make(chan []float64, 1)
	go func() { // factorisations know no context
		by := simd.Float64{Threads: threads}
		m := make([]float64, d*d)
		for ridge := lambda; ; {
			for i := range d {
				for j, v := range cov.lower[i*d : i*d+i+1] {
					m[i*d+j] = a * v
				}
				m[i*d+i] += ridge
			}
			if by.Dpotrf(blas.Lower, d, m, d) && by.Dtrtri(blas.Lower, blas.NonUnit, d, m, d) {
				done <- m
				return
			}
			// Rounding made M indefinite, or its condition is beyond 1/ε, as
			// that of features that are large against λ. Any positive definite
			// M will do.
			ridge *= 10
		}
	}()
	w := &whitening{d: d, a: a, k: room(d * d), kt: room(d * d)}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case m := <-done:
		for i := range d {
			for j, v := range m[i*d : i*d+i+1] {
				w.k[i*d+j] = float32(v)
			}
		}
	}
	transpose(w.kt, w.k, d)
	return w, nil
}

// whitenCoarsely factorises M in float32, with what that needs on the diagonal,
// where class factors will take over soon.
func whitenCoarsely(cov *covariance, a, lambda float64, threads int) *whitening {
	d := cov.d
	w := &whitening{d: d, a: a, k: room(d * d), kt: room(d * d)}
	for i := range d {
		for j, v := range cov.lower[i*d : i*d+i+1] {
			w.kt[i*d+j] = float32(a * v)
		}
	}
	inverseFactor(w.k, w.kt, d, threads, lambda)
	transpose(w.kt, w.k, d)
	return w
}

func (p *whitening) applyTo(dst, g [][]float64) {
	d, n := p.d, len(g[0])/(p.d+1)*p.d
	x, y := room(len(g)*n), room(len(g)*n)
	for i, g := range g {
		for j, v := range g[:n] {
			x[i*n+j] = float32(v)
		}
	}
	multiplyTo(y, x, p.k, d, false)
	multiplyTo(x, y, p.kt, d, true)
	for i, dst := range dst {
		for j, v := range x[i*n : (i+1)*n] {
			dst[j] = float64(v)
		}
		floats.ScaleTo(dst[n:], 1/p.a, g[i][n:])
	}
}

// multiplyTo writes x·mᵀ into dst, both n×D, for a triangular m (D×D).
func multiplyTo(dst, x, m []float32, d int, upper bool) {
	c := len(x) / d
	out := room(inversePanel * c)
	for lo := 0; lo < d; lo += inversePanel {
		rows := min(inversePanel, d-lo)
		from, to := 0, lo+rows
		if upper {
			from, to = lo, d
		}
		for k := 0; k < c; k += panel {
			kw := min(panel, c-k)
			gemm(blas.NoTrans, blas.Trans, 1,
				blas32.General{Rows: rows, Cols: to - from, Stride: d, Data: m[lo*d+from:]},
				blas32.General{Rows: kw, Cols: to - from, Stride: d, Data: x[k*d+from:]}, 0,
				blas32.General{Rows: rows, Cols: kw, Stride: c, Data: out[k:]})
		}
		for i := range rows {
			for k := range c {
				dst[k*d+lo+i] = out[i*c+k]
			}
		}
	}
}
