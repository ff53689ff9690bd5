package simd

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

var _ blas.Float64Level3 = Float64{}

// Float64 is gonum's BLAS for float64 in which Dgemm, Dsyrk and Dtrsm use
// vector instructions, and factorisations like those that gonum's lapack has
// for float64. It panics for wrong shapes as gonum does.
//
// A NaN or an infinity reaches each element whose sum it is part of, a product
// with zero included, where gonum leaves out products with zero in some cases.
// What is multiplied by a beta of zero is overwritten without being read, and
// with an alpha of zero nothing but the destination is.
//
// Results do not depend on Threads, nor on whether AVX2 or AVX-512 is used:
// element i, j of Dgemm and Dsyrk is summed up in the order of k by fused
// multiply-add, 256 products at a time, whatever the shape. What gonum's own
// code computes differs by rounding.
type Float64 struct {
	gonum.Implementation
	// Threads is how many goroutines compute at most. If it is 0 or 1, the
	// caller's does. gonum's own code takes all processors for a destination of
	// four blocks of 64×64 or more.
	Threads int
}

// Dgemm computes C = alpha·op(A)·op(B) + beta·C, where op(A) is m×k and op(B)
// k×n.
func (x Float64) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	_, by := tilesOf()
	if by == nil || !multiplies(tA, tB, m, n, k, len(a), lda, len(b), ldb, len(c), ldc) {
		x.Implementation.Dgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		return
	}
	product[float64]{
		m: m, n: n, k: k, alpha: alpha, beta: beta,
		a: newMatrix(a, lda, tA != blas.NoTrans), b: newMatrix(b, ldb, tB != blas.NoTrans), c: newMatrix(c, ldc, false),
	}.run(by, x.Threads)
}

// Dsyrk computes C = alpha·op(A)·op(A)ᵀ + beta·C, where op(A) is n×k. It reads
// and writes one triangle of C.
func (x Float64) Dsyrk(ul blas.Uplo, tA blas.Transpose, n, k int, alpha float64, a []float64, lda int, beta float64, c []float64, ldc int) {
	_, by := tilesOf()
	if by == nil || !squares(ul, tA, n, k, len(a), lda, len(c), ldc) {
		x.Implementation.Dsyrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		return
	}
	op := newMatrix(a, lda, tA != blas.NoTrans)
	product[float64]{
		m: n, n: n, k: k, alpha: alpha, beta: beta,
		a: op, b: op.transposed(), c: newMatrix(c, ldc, false), part: triangle(ul),
	}.run(by, x.Threads)
}

// Dtrsm solves op(A)·X = alpha·B, or X·op(A) = alpha·B, for a triangular A; X
// replaces B, which is m×n. Elements of the diagonal that are zero make
// infinities and NaN, as they do in gonum's.
func (x Float64) Dtrsm(s blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n int, alpha float64, a []float64, lda int, b []float64, ldb int) {
	_, by := tilesOf()
	if by == nil || !solves(s, ul, tA, d, m, n, len(a), lda, len(b), ldb) {
		x.Implementation.Dtrsm(s, ul, tA, d, m, n, alpha, a, lda, b, ldb)
		return
	}
	c := newMatrix(b, ldb, false)
	product[float64]{m: m, n: n, beta: alpha, c: c}.run(by, 1)
	if alpha == 0 {
		return
	}
	p := system[float64]{n: m, count: n, a: newMatrix(a, lda, tA != blas.NoTrans), b: c, unit: d == blas.Unit}
	if s == blas.Right {
		p.n, p.count, p.right = n, m, true
	}
	p.lower = (ul == blas.Lower) == (tA == blas.NoTrans)
	p.run(by, x.Threads)
}

// Dpotrf computes the Cholesky factorisation of a symmetric A, n×n, of which a
// has the upper triangle, which becomes U with A = Uᵀ·U, or the lower one,
// which becomes L with A = L·Lᵀ. It returns false if A is not positive
// definite; the triangle is of no use then. The other triangle is neither read
// nor written.
func (x Float64) Dpotrf(ul blas.Uplo, n int, a []float64, lda int) (ok bool) {
	square(ul, n, len(a), lda)
	_, by := tilesOf()
	return cholesky(by, x.Threads, triangle(ul), n, newMatrix(a, lda, false))
}

// Dtrtri makes a triangular A, n×n, its inverse. It returns false if a zero on
// the diagonal makes A singular; a is as it was then. The other triangle is
// neither read nor written.
func (x Float64) Dtrtri(ul blas.Uplo, d blas.Diag, n int, a []float64, lda int) (ok bool) {
	square(ul, n, len(a), lda)
	if d != blas.NonUnit && d != blas.Unit {
		panic("lapack: bad diagonal")
	}
	if d == blas.NonUnit && singular(n, a, lda) {
		return false
	}
	_, by := tilesOf()
	invert(by, x.Threads, triangle(ul), d == blas.Unit, n, newMatrix(a, lda, false))
	return true
}
