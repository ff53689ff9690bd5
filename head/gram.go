package head

import (
	"context"
	"sync"

	"gonum.org/v1/gonum/blas"
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
			for k, v := range b {
				wide[i*d+k] = float64(v)
				mean[k%d] += float64(v)
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

// whitening is M = a·Cov + λI = L·Lᵀ, kept as Lᵀ: V = W·L are weights in whitened coordinates.
type whitening struct {
	upper blas64.Triangular // Lᵀ, D×D
	a     float64
}

// whiten factorises M. cov is the upper triangle of covariance (D×D), a the mean of p(1−p) that is expected, which is (1/C)(1−1/C) at W = 0.
func whiten(ctx context.Context, cov []float64, d int, a, lambda float64) (*whitening, error) {
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
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case ch := <-done:
		return &whitening{upper: ch.RawU().(*mat.TriDense).RawTriangular(), a: a}, nil
	}
}
