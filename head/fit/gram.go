package fit

import (
	"context"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head/internal/parallel"
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
		for i := range places {
			for j, v := range x[i*d : (i+1)*d] {
				mean[j] += root[i] * float64(v)
			}
		}
		panels := (d + panel - 1) / panel
		if err := parallel.Do(ctx, panels, threads, func(p int) error {
			clear(square[p*panel*d : min((p+1)*panel, d)*d])
			gramPanelTo(square, x, len(places), d, p*panel)
			for i := p * panel; i < min((p+1)*panel, d); i++ {
				for j, v := range square[i*d : i*d+i+1] {
					cov.lower[i*d+j] += float64(v)
				}
			}
			return nil
		}); err != nil {
			return nil, err
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
	for lo := 0; lo < d; lo += panel {
		gramPanelTo(dst, x, n, d, lo)
	}
}

// gramPanelTo adds those rows of the product that begin with lo.
func gramPanelTo(dst, x []float32, n, d, lo int) {
	hi := min(lo+panel, d)
	blas32.Gemm(blas.Trans, blas.NoTrans, 1,
		blas32.General{Rows: n, Cols: hi - lo, Stride: d, Data: x[lo:]},
		blas32.General{Rows: n, Cols: hi, Stride: d, Data: x}, 1,
		blas32.General{Rows: hi - lo, Cols: hi, Stride: d, Data: dst[lo*d:]})
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
	done := make(chan *mat.Cholesky, 1)
	go func() { // gonum's Cholesky knows no context
		m := mat.NewSymDense(d, nil)
		for ridge := lambda; ; {
			for i := range d {
				for j := range i + 1 {
					m.SetSym(j, i, a*cov.lower[i*d+j])
				}
				m.SetSym(i, i, m.At(i, i)+ridge)
			}
			var ch mat.Cholesky
			if ch.Factorize(m) {
				done <- &ch
				return
			}
			// Rounding made M indefinite, or its condition is beyond 1/ε, as
			// that of features that are large against λ. Any positive definite
			// M will do.
			ridge *= 10
		}
	}()
	w := &whitening{d: d, a: a, k: room(d * d), kt: room(d * d)}
	var upper blas64.Triangular
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case ch := <-done:
		upper = ch.RawU().(*mat.TriDense).RawTriangular()
	}
	// Kᵀ = (Lᵀ)⁻¹: rows of Kᵀ·Lᵀ = I, which are zero left of the diagonal.
	panels := (d + inversePanel - 1) / inversePanel
	err := parallel.Do(ctx, panels, threads, func(p int) error {
		lo := p * inversePanel
		rows, cols := min(inversePanel, d-lo), d-lo
		b := make([]float64, rows*cols)
		for i := range rows {
			b[i*cols+i] = 1
		}
		u := upper
		u.N, u.Data = cols, u.Data[lo*u.Stride+lo:]
		blas64.Trsm(blas.Right, blas.NoTrans, 1, u, blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: b})
		for i := range rows {
			for j := range cols {
				v := float32(b[i*cols+j])
				w.kt[(lo+i)*d+lo+j] = v
				w.k[(lo+j)*d+lo+i] = v
			}
		}
		return nil
	})
	return w, err
}

// whitenCoarsely factorises M in float32, with what that needs on the diagonal,
// where class factors will take over soon.
func whitenCoarsely(cov *covariance, a, lambda float64) *whitening {
	d := cov.d
	w := &whitening{d: d, a: a, k: room(d * d), kt: room(d * d)}
	m := room(d * d)
	for i := range d {
		for j, v := range cov.lower[i*d : i*d+i+1] {
			m[i*d+j] = float32(a * v)
		}
	}
	inverseFactor(w.k, m, w.kt, d, lambda)
	for i := range d {
		for j := range d {
			w.kt[j*d+i] = w.k[i*d+j]
		}
	}
	return w
}

func (p *whitening) applyTo(dst, g []float64) {
	n := len(g) / (p.d + 1) * p.d
	p.multiplyTo(dst[:n], g[:n], p.k, false)
	p.multiplyTo(dst[:n], dst[:n], p.kt, true)
	floats.ScaleTo(dst[n:], 1/p.a, g[n:])
}

// multiplyTo writes x·mᵀ into dst, both C×D, for a triangular m (D×D).
func (p *whitening) multiplyTo(dst, x []float64, m []float32, upper bool) {
	d, c := p.d, len(x)/p.d
	x32 := room(len(x))
	for i, v := range x {
		x32[i] = float32(v)
	}
	out := room(inversePanel * c)
	for lo := 0; lo < d; lo += inversePanel {
		rows := min(inversePanel, d-lo)
		from, to := 0, lo+rows
		if upper {
			from, to = lo, d
		}
		for k := 0; k < c; k += panel {
			kw := min(panel, c-k)
			blas32.Gemm(blas.NoTrans, blas.Trans, 1,
				blas32.General{Rows: rows, Cols: to - from, Stride: d, Data: m[lo*d+from:]},
				blas32.General{Rows: kw, Cols: to - from, Stride: d, Data: x32[k*d+from:]}, 0,
				blas32.General{Rows: rows, Cols: kw, Stride: c, Data: out[k:]})
		}
		for i := range rows {
			for k := range c {
				dst[k*d+lo+i] = float64(out[i*c+k])
			}
		}
	}
}
