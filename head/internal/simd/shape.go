package simd

import "gonum.org/v1/gonum/blas"

// What gonum would panic about is left to gonum, which has the words for it,
// and so is what has no elements.

// transposes says that t is one of the three.
func transposes(t blas.Transpose) bool {
	return t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans
}

// holds says that a matrix of rows×cols fits into length elements with rows ld
// elements apart. One without columns takes room for its rows all the same.
func holds(rows, cols, length, ld int) bool {
	return ld >= max(1, cols) && length >= (rows-1)*ld+cols
}

// holdsOp says the same of a matrix that is rows×cols once t has been applied.
func holdsOp(t blas.Transpose, rows, cols, length, ld int) bool {
	if t != blas.NoTrans {
		rows, cols = cols, rows
	}
	return holds(rows, cols, length, ld)
}

// multiplies says that a product has the shapes that gemm takes and that it has
// elements.
func multiplies(tA, tB blas.Transpose, m, n, k, a, lda, b, ldb, c, ldc int) bool {
	return transposes(tA) && transposes(tB) && min(m, n) > 0 && k >= 0 &&
		holdsOp(tA, m, k, a, lda) && holdsOp(tB, k, n, b, ldb) && holds(m, n, c, ldc)
}

// squares says that a product has the shapes that syrk takes and that it has
// elements.
func squares(ul blas.Uplo, tA blas.Transpose, n, k, a, lda, c, ldc int) bool {
	return (ul == blas.Upper || ul == blas.Lower) && transposes(tA) && n > 0 && k >= 0 &&
		holdsOp(tA, n, k, a, lda) && holds(n, n, c, ldc)
}

// triangle is the part that ul names.
func triangle(ul blas.Uplo) part {
	if ul == blas.Upper {
		return upper
	}
	return lower
}

// solves says that a system has the shapes that trsm takes and that it has
// elements.
func solves(side blas.Side, ul blas.Uplo, tA blas.Transpose, d blas.Diag, m, n, a, lda, b, ldb int) bool {
	order := n
	if side == blas.Left {
		order = m
	}
	return (side == blas.Left || side == blas.Right) && (ul == blas.Upper || ul == blas.Lower) &&
		transposes(tA) && (d == blas.NonUnit || d == blas.Unit) && min(m, n) > 0 &&
		holds(order, order, a, lda) && holds(m, n, b, ldb)
}

// square panics, as gonum's lapack does, unless a triangle of order n is in a.
func square(ul blas.Uplo, n, a, lda int) {
	switch {
	case ul != blas.Upper && ul != blas.Lower:
		panic("lapack: bad triangle")
	case n < 0:
		panic("lapack: n < 0")
	case lda < max(1, n):
		panic("lapack: bad leading dimension of A")
	case n > 0 && a < (n-1)*lda+n:
		panic("lapack: insufficient length of a")
	}
}
