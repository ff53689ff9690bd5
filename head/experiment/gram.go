package experiment

import (
	"context"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// gramRows bounds the rows of the Gram matrix to 16 for each feature, which is enough for a preconditioner.
const gramRows = 16

// covariance returns the covariance (D×D, row after row, upper triangle) of the shifted rows: of all, or of 16·D that are spread evenly over them.
// Each tile is summed up by one goroutine, so that its bits do not depend on threads.
func (x *matrix) covariance(ctx context.Context, threads int) ([]float64, error) {
	n, d := len(x.used), x.d
	take := min(n, gramRows*d)
	const (
		chunk = 512
		tile  = 128
	)
	cov, mean := make([]float64, d*d), make([]float64, d)
	buf, row, wide := make([]float32, block*d), make([]float64, d), make([]float64, chunk*d)
	for lo := 0; lo < take; lo += chunk {
		m := min(chunk, take-lo)
		for i := 0; i < m; i += block {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			rows := make([]int, min(block, m-i))
			for k := range rows {
				rows[k] = int(int64(lo+i+k) * int64(n) / int64(take))
			}
			b, err := x.rowsTo(buf, rows, row)
			if err != nil {
				return nil, err
			}
			for k := range rows {
				for j, v := range b[k*d : (k+1)*d] {
					wide[(i+k)*d+j] = float64(v)
					mean[j] += float64(v)
				}
			}
		}
		tiles := make(chan [2]int)
		var wg sync.WaitGroup
		for range threads {
			wg.Go(func() {
				for t := range tiles {
					iw, jw := min(panel, d-t[0]), min(panel, d-t[1])
					blas64.Gemm(blas.Trans, blas.NoTrans, 1,
						blas64.General{Rows: m, Cols: iw, Stride: d, Data: wide[t[0]:]},
						blas64.General{Rows: m, Cols: jw, Stride: d, Data: wide[t[1]:]}, 1,
						blas64.General{Rows: iw, Cols: jw, Stride: d, Data: cov[t[0]*d+t[1]:]})
				}
			})
		}
		for i := 0; i < d; i += tile {
			for j := i; j < d; j += tile {
				tiles <- [2]int{i, j}
			}
		}
		close(tiles)
		wg.Wait()
	}
	inv := 1 / float64(take)
	for i := range d {
		for j := i; j < d; j++ {
			cov[i*d+j] = cov[i*d+j]*inv - mean[i]*inv*mean[j]*inv
		}
	}
	return cov, nil
}

// whitening is M = a·Cov + λI = L·Lᵀ: V = W·L are weights in whitened coordinates, W = V·K is the way back. K is L⁻¹ in float32, which makes both ways cheap;
// gradients go through the same K (dV = dW·Kᵀ), so that its rounding moves the coordinates a little and the optimum not at all.
type whitening struct {
	d     int
	a     float64
	upper blas64.Triangular // Lᵀ, D×D
	k, kt []float32         // K and Kᵀ, D×D
}

// inversePanel is the number of rows of K, or of Kᵀ, that are computed or multiplied at a time.
const inversePanel = 64

// whiten factorises M. cov is the upper triangle of covariance (D×D), a the mean of p(1−p) that is expected, which is (1/C)(1−1/C) at W = 0.
func whiten(ctx context.Context, cov []float64, d int, a, lambda float64, threads int) (*whitening, error) {
	a = max(a, 1e-9) // all rows are as good as certain
	m := make([]float64, d*d)
	done := make(chan *mat.Cholesky, 1)
	go func() {
		ridge := lambda
		for {
			for i := range d {
				for j := i; j < d; j++ {
					m[i*d+j] = a * cov[i*d+j]
				}
				m[i*d+i] += ridge
			}
			var ch mat.Cholesky
			if ch.Factorize(mat.NewSymDense(d, m)) {
				done <- &ch
				return
			}
			// Rounding has made a matrix without inverse of features that are large against λ. Any positive definite M will do.
			ridge *= 10
		}
	}()
	w := &whitening{d: d, a: a, k: make([]float32, d*d), kt: make([]float32, d*d)}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case ch := <-done:
		w.upper = ch.RawU().(*mat.TriDense).RawTriangular()
	}
	// Kᵀ = (Lᵀ)⁻¹: rows of Kᵀ·Lᵀ = I, which are zero left of the diagonal.
	panels := (d + inversePanel - 1) / inversePanel
	err := parallel(ctx, panels, threads, func(p int) error {
		lo := p * inversePanel
		rows, cols := min(inversePanel, d-lo), d-lo
		b := make([]float64, rows*cols)
		for i := range rows {
			b[i*cols+i] = 1
		}
		u := w.upper
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

// coordinatesTo writes V = W·L of weights w (C×D) into v.
func (p *whitening) coordinatesTo(v, w []float64) {
	copy(v, w)
	blas64.Trmm(blas.Right, blas.Trans, 1, p.upper, blas64.General{Rows: len(w) / p.d, Cols: p.d, Stride: p.d, Data: v})
}

// weightsTo writes W = V·K into w, C×D: W[c,j] is the product of row c of V and row j of Kᵀ.
func (p *whitening) weightsTo(w, v []float64) { p.multiplyTo(w, v, p.kt, true) }

// gradientTo writes dV = dW·Kᵀ into dv, C×D: dV[c,j] is the product of row c of dW and row j of K.
func (p *whitening) gradientTo(dv, dw []float64) { p.multiplyTo(dv, dw, p.k, false) }

// multiplyTo writes x·mᵀ into dst, both C×D, for a triangular m (D×D).
func (p *whitening) multiplyTo(dst, x []float64, m []float32, upper bool) {
	d, c := p.d, len(x)/p.d
	x32 := make([]float32, len(x))
	for i, v := range x {
		x32[i] = float32(v)
	}
	out := make([]float32, inversePanel*c)
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
