package fit

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

const (
	// jitter is added to the diagonal of a matrix that is factorised in
	// float32, relative to the mean of its diagonal.
	jitter = 1e-5
	// leaf is the size below which a matrix is factorised element by element,
	// in float64.
	leaf = 48
)

// room returns n zeros that begin at a multiple of 16 bytes, as large slices do
// by themselves: the order in which gonum sums up products depends on it.
func room(n int) []float32 { return make([]float32, n, max(n, 16)) }

// inverseFactor writes L⁻¹ into dst (D×D, lower; above the diagonal zeros),
// where L·Lᵀ = A + (ridge + jitter)·I. A is D×D, lower; work is room for as
// much. An A that is not positive definite up to rounding, such as that of
// features that are large against ridge, is given more on its diagonal: any
// positive definite matrix near it will do for a preconditioner.
func inverseFactor(dst, a, work []float32, d int, ridge float64) {
	trace := 0.0
	for i := range d {
		trace += float64(a[i*d+i])
	}
	for add := ridge + jitter*trace/float64(d); ; add *= 10 {
		for i := range d {
			copy(work[i*d:i*d+i+1], a[i*d:i*d+i+1])
			work[i*d+i] += float32(add)
		}
		clear(dst[:d*d])
		if choleskyInverse(dst, work, d, d) {
			return
		}
		if math.IsInf(add, 0) || add == 0 || math.IsNaN(add) {
			for i := range d { // nothing to go by
				dst[i*d+i] = 1
			}
			return
		}
	}
}

// choleskyInverse writes L⁻¹ of the lower A = L·Lᵀ (n×n, rows stride apart)
// into the lower part of dst, by halves, so that nearly all of it is products.
// A is lost. It reports whether A is positive definite.
func choleskyInverse(dst, a []float32, n, stride int) bool {
	if n <= leaf {
		return choleskyInverseLeaf(dst, a, n, stride)
	}
	n1 := (n/2 + 15) &^ 15
	n2 := n - n1
	if !choleskyInverse(dst, a, n1, stride) {
		return false
	}
	general := func(data []float32, rows, cols int) blas32.General {
		return blas32.General{Rows: rows, Cols: cols, Stride: stride, Data: data}
	}
	inverse1, a21, a22 := general(dst, n1, n1), general(a[n1*stride:], n2, n1), a[n1*stride+n1:]
	l21 := blas32.General{Rows: n2, Cols: n1, Stride: n1, Data: room(n2 * n1)}
	blas32.Gemm(blas.NoTrans, blas.Trans, 1, a21, inverse1, 0, l21) // L₂₁ = A₂₁·L₁₁⁻ᵀ
	const rows = 96
	for lo := 0; lo < n2; lo += rows { // A₂₂ −= L₂₁·L₂₁ᵀ, the lower part
		hi := min(lo+rows, n2)
		left, right := l21, l21
		left.Rows, left.Data = hi-lo, l21.Data[lo*n1:]
		right.Rows = hi
		blas32.Gemm(blas.NoTrans, blas.Trans, -1, left, right, 1, general(a22[lo*stride:], hi-lo, hi))
	}
	if !choleskyInverse(dst[n1*stride+n1:], a22, n2, stride) {
		return false
	}
	// (L⁻¹)₂₁ = −L₂₂⁻¹·L₂₁·L₁₁⁻¹
	t := blas32.General{Rows: n2, Cols: n1, Stride: n1, Data: room(n2 * n1)}
	blas32.Gemm(blas.NoTrans, blas.NoTrans, -1, l21, inverse1, 0, t)
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, general(dst[n1*stride+n1:], n2, n2), t, 0, general(dst[n1*stride:], n2, n1))
	return true
}

func choleskyInverseLeaf(dst, a []float32, n, stride int) bool {
	var l, v [leaf * leaf]float64
	for i := range n {
		for j := range i + 1 {
			s := float64(a[i*stride+j])
			for k := range j {
				s -= l[i*leaf+k] * l[j*leaf+k]
			}
			if i > j {
				l[i*leaf+j] = s / l[j*leaf+j]
				continue
			}
			if !(s > 0) {
				return false
			}
			l[i*leaf+i] = math.Sqrt(s)
		}
	}
	for j := range n {
		v[j*leaf+j] = 1 / l[j*leaf+j]
		for i := j + 1; i < n; i++ {
			s := 0.0
			for k := j; k < i; k++ {
				s -= l[i*leaf+k] * v[k*leaf+j]
			}
			v[i*leaf+j] = s / l[i*leaf+i]
		}
	}
	for i := range n {
		for j := range i + 1 {
			dst[i*stride+j] = float32(v[i*leaf+j])
		}
	}
	return true
}

// factorRows is how many rows of a triangular factor are multiplied at a time.
const factorRows = 64

// lowerTo writes L·x into dst, for a lower L (D×D).
func lowerTo(dst, l, x []float32, d int) {
	for lo := 0; lo < d; lo += factorRows {
		hi := min(lo+factorRows, d)
		blas32.Gemv(blas.NoTrans, 1, blas32.General{Rows: hi - lo, Cols: hi, Stride: d, Data: l[lo*d:]},
			blas32.Vector{N: hi, Data: x, Inc: 1}, 0, blas32.Vector{N: hi - lo, Data: dst[lo:], Inc: 1})
	}
}

// upperTo writes Lᵀ·x into dst, for a lower L (D×D).
func upperTo(dst, l, x []float32, d int) {
	clear(dst[:d])
	for lo := 0; lo < d; lo += factorRows {
		hi := min(lo+factorRows, d)
		blas32.Gemv(blas.Trans, 1, blas32.General{Rows: hi - lo, Cols: hi, Stride: d, Data: l[lo*d:]},
			blas32.Vector{N: hi - lo, Data: x[lo:], Inc: 1}, 1, blas32.Vector{N: hi, Data: dst, Inc: 1})
	}
}
