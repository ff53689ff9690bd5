package fit

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// f32 and f64 compute products in the caller's goroutine.
var (
	f32 simd.Float32
	f64 simd.Float64
)

// jitter is added to the diagonal of a matrix that is factorised in float32,
// relative to the mean of its diagonal.
const jitter = 1e-5

// room returns n zeros that begin at a multiple of 16 bytes, as large slices do
// by themselves: the order in which gonum sums up products depends on it.
func room(n int) []float32 { return make([]float32, n, max(n, 16)) }

// inverseFactor writes L⁻¹ into dst (D×D, lower; above the diagonal zeros),
// where L·Lᵀ = A + (ridge + jitter)·I. A is D×D, lower. An A that is not
// positive definite up to rounding, such as that of features that are large
// against ridge, is given more on its diagonal: any positive definite matrix
// near it will do for a preconditioner.
func inverseFactor(dst, a []float32, d, threads int, ridge float64) {
	by := simd.Float32{Threads: threads}
	trace := 0.0
	for i := range d {
		trace += float64(a[i*d+i])
	}
	for add := ridge + jitter*trace/float64(d); ; add *= 10 {
		clear(dst[:d*d])
		for i := range d {
			copy(dst[i*d:i*d+i+1], a[i*d:i*d+i+1])
			dst[i*d+i] += float32(add)
		}
		if by.Spotrf(blas.Lower, d, dst, d) && by.Strtri(blas.Lower, blas.NonUnit, d, dst, d) {
			return
		}
		if !(add > 0 && add <= math.MaxFloat32) { // nothing to go by
			clear(dst[:d*d])
			for i := range d {
				dst[i*d+i] = 1
			}
			return
		}
	}
}

// gemm computes C = alpha·op(A)·op(B) + beta·C.
func gemm(tA, tB blas.Transpose, alpha float32, a, b blas32.General, beta float32, c blas32.General) {
	k := a.Cols
	if tA == blas.Trans {
		k = a.Rows
	}
	f32.Sgemm(tA, tB, c.Rows, c.Cols, k, alpha, a.Data, a.Stride, b.Data, b.Stride, beta, c.Data, c.Stride)
}

// transpose writes the transpose of a (D×D) into dst.
func transpose(dst, a []float32, d int) {
	const tile = 32
	for i0 := 0; i0 < d; i0 += tile {
		for j0 := 0; j0 < d; j0 += tile {
			for i := i0; i < min(i0+tile, d); i++ {
				for j := j0; j < min(j0+tile, d); j++ {
					dst[j*d+i] = a[i*d+j]
				}
			}
		}
	}
}

// factorRows is how many rows of a triangular factor are multiplied at a time.
const factorRows = 64

// lowerTo writes L·x into dst for each of the vectors x (n×D), for a lower L
// (D×D).
func lowerTo(dst, l, x []float32, d int) {
	for lo := 0; lo < d; lo += factorRows {
		hi := min(lo+factorRows, d)
		a := blas32.General{Rows: hi - lo, Cols: hi, Stride: d, Data: l[lo*d:]}
		for at := 0; at < len(x); at += d {
			blas32.Gemv(blas.NoTrans, 1, a, blas32.Vector{N: hi, Data: x[at:], Inc: 1}, 0, blas32.Vector{N: hi - lo, Data: dst[at+lo:], Inc: 1})
		}
	}
}

// upperTo writes Lᵀ·x into dst for each of the vectors x (n×D), for a lower L
// (D×D).
func upperTo(dst, l, x []float32, d int) {
	clear(dst[:len(x)])
	for lo := 0; lo < d; lo += factorRows {
		hi := min(lo+factorRows, d)
		a := blas32.General{Rows: hi - lo, Cols: hi, Stride: d, Data: l[lo*d:]}
		for at := 0; at < len(x); at += d {
			blas32.Gemv(blas.Trans, 1, a, blas32.Vector{N: hi - lo, Data: x[at+lo:], Inc: 1}, 1, blas32.Vector{N: hi, Data: dst[at:], Inc: 1})
		}
	}
}
