package fit

import (
	"context"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head/internal/parallel"
)

const (
	// gramRows bounds the rows of a covariance to 16 for each feature, which is
	// enough for a preconditioner.
	gramRows = 16
	// gramChunk is how many rows are multiplied at a time.
	gramChunk = 512
)

// covariance is that of standardised rows (D×D, row after row, upper triangle).
type covariance struct {
	d     int
	upper []float64
}

// variance is the mean of the diagonal.
func (c *covariance) variance() float64 {
	sum := 0.0
	for i := range c.d {
		sum += c.upper[i*c.d+i] / float64(c.d)
	}
	return sum
}

// gram sums up products of features over some rows, as they come.
type gram struct {
	d      int
	rows   []int     // that are still to come, ascending
	n      int       // that were taken
	pivot  []float64 // D, which is subtracted first
	sum    []float64 // D, of x − pivot
	square []float64 // D×D, upper triangle, of (x − pivot)·(x − pivot)ᵀ
	chunk  []float64 // gramChunk×D
	filled int       // rows of it
}

// newGram takes rows, or 16·D of them that are spread evenly.
func newGram(d int, rows []int) *gram {
	take := min(len(rows), gramRows*d)
	g := &gram{d: d, sum: make([]float64, d), square: make([]float64, d*d), chunk: make([]float64, min(gramChunk, take)*d)}
	for i := range take {
		g.rows = append(g.rows, rows[int(int64(i)*int64(len(rows))/int64(take))])
	}
	return g
}

// add takes those of the rows lo to hi, of which wide is the features, that it
// was told to take and that are numbers.
func (g *gram) add(wide []float64, lo, hi, threads int) {
	for len(g.rows) > 0 && g.rows[0] < hi {
		row := wide[(g.rows[0]-lo)*g.d : (g.rows[0]-lo+1)*g.d]
		g.rows = g.rows[1:]
		if sum := floats.Sum(row); sum-sum != 0 {
			continue
		}
		copy(g.chunk[g.filled*g.d:], row)
		if g.filled++; g.filled*g.d == len(g.chunk) {
			g.flush(threads)
		}
	}
}

// flush multiplies what has come together. Each tile is summed up by one
// goroutine, so that its bits do not depend on threads.
func (g *gram) flush(threads int) {
	const tile = 128
	d, m := g.d, g.filled
	if m == 0 {
		return
	}
	if g.pivot == nil {
		g.pivot = make([]float64, d)
		for i := range m {
			floats.AddScaled(g.pivot, 1/float64(m), g.chunk[i*d:(i+1)*d])
		}
	}
	for i := range m {
		row := g.chunk[i*d : (i+1)*d]
		floats.Sub(row, g.pivot)
		floats.Add(g.sum, row)
	}
	tiles := make(chan [2]int)
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for t := range tiles {
				iw, jw := min(panel, d-t[0]), min(panel, d-t[1])
				blas64.Gemm(blas.Trans, blas.NoTrans, 1,
					blas64.General{Rows: m, Cols: iw, Stride: d, Data: g.chunk[t[0]:]},
					blas64.General{Rows: m, Cols: jw, Stride: d, Data: g.chunk[t[1]:]}, 1,
					blas64.General{Rows: iw, Cols: jw, Stride: d, Data: g.square[t[0]*d+t[1]:]})
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
	g.n, g.filled = g.n+m, 0
}

// covariance returns that of the rows over scale (D). The sums become it.
func (g *gram) covariance(scale []float64) *covariance {
	d, inv := g.d, 1/float64(max(g.n, 1))
	for i := range d {
		for j := i; j < d; j++ {
			v := g.square[i*d+j]*inv - g.sum[i]*inv*g.sum[j]*inv
			g.square[i*d+j] = v / scale[i] / scale[j]
		}
	}
	return &covariance{d, g.square}
}

// whitening is M = a·Cov + λI = L·Lᵀ: V = W·L are weights in whitened
// coordinates, W = V·K is the way back. K is L⁻¹ in float32, which makes both
// ways cheap; gradients go through the same K (dV = dW·Kᵀ), so that its
// rounding moves the coordinates a little and the optimum not at all.
type whitening struct {
	d     int
	a     float64
	upper blas64.Triangular // Lᵀ, D×D
	k, kt []float32         // K and Kᵀ, D×D
}

// inversePanel is the number of rows of K, or of Kᵀ, that are computed or
// multiplied at a time.
const inversePanel = 64

// whiten factorises M. a is the mean of p(1−p) that is expected, which is
// (1/C)(1−1/C) at W = 0.
func whiten(ctx context.Context, cov *covariance, a, lambda float64, threads int) (*whitening, error) {
	d := cov.d
	a = max(a, 1e-9) // all rows are as good as certain
	m := make([]float64, d*d)
	done := make(chan *mat.Cholesky, 1)
	go func() {
		ridge := lambda
		for {
			for i := range d {
				for j := i; j < d; j++ {
					m[i*d+j] = a * cov.upper[i*d+j]
				}
				m[i*d+i] += ridge
			}
			var ch mat.Cholesky
			if ch.Factorize(mat.NewSymDense(d, m)) {
				done <- &ch
				return
			}
			// Rounding has made a matrix without inverse of features that are
			// large against λ. Any positive definite M will do.
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
	err := parallel.Do(ctx, panels, threads, func(p int) error {
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

// weightsTo writes W = V·K into w, C×D: W[c,j] is the product of row c of V and
// row j of Kᵀ.
func (p *whitening) weightsTo(w, v []float64) { p.multiplyTo(w, v, p.kt, true) }

// gradientTo writes dV = dW·Kᵀ into dv, C×D: dV[c,j] is the product of row c of
// dW and row j of K.
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
