package simd

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// A NaN of one matrix reaches what a zero of the other is multiplied with, in
// all four cases, where gonum leaves some out; with an alpha of zero neither is
// read, and with a beta of zero the destination is not.
func TestNotANumber(t *testing.T) {
	const n = 40
	nan := float32(math.NaN())
	vectors(t, func(t *testing.T) {
		for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			for _, tB := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				a, b, c := make([]float32, n*n), make([]float32, n*n), slices.Repeat([]float32{1}, n*n)
				b[7*n+7] = nan
				Float32{}.Sgemm(tA, tB, n, n, n, 1, a, n, b, n, 1, c, n)
				for i, v := range c {
					if math.IsNaN(float64(v)) != (i%n == 7) {
						t.Fatalf("%c %c: element %d is %v", tA, tB, i, v)
					}
				}
				Float32{}.Sgemm(tA, tB, n, n, n, 1, a, n, a, n, 0, c, n)
				if i := slices.IndexFunc(c, func(v float32) bool { return v != 0 }); i >= 0 {
					t.Fatalf("%c %c, beta 0: element %d is %v", tA, tB, i, c[i])
				}
				c = slices.Repeat([]float32{3}, n*n)
				Float32{}.Sgemm(tA, tB, n, n, n, 0, b, n, b, n, 2, c, n)
				if i := slices.IndexFunc(c, func(v float32) bool { return v != 6 }); i >= 0 {
					t.Fatalf("%c %c, alpha 0: element %d is %v", tA, tB, i, c[i])
				}
			}
		}
		for _, ul := range []blas.Uplo{blas.Upper, blas.Lower} {
			a, c := make([]float32, n*n), slices.Repeat([]float32{nan}, n*n)
			Float32{}.Ssyrk(ul, blas.Trans, n, n, 1, a, n, 0, c, n)
			for i := range n {
				for j := range n {
					inside := i == j || (j > i) == (ul == blas.Upper)
					if inside != (c[i*n+j] == 0) {
						t.Fatalf("%c: element %d, %d is %v", ul, i, j, c[i*n+j])
					}
				}
			}
		}
	})
}

// A row of a product has the same bits whatever rows and columns are computed
// with it, and whether AVX2 or AVX-512 is used.
func TestBitsOfRows(t *testing.T) {
	type bits struct {
		c   []float32
		c64 []float64
	}
	wants := map[[3]int]bits{}
	vectors(t, func(t *testing.T) {
		for _, s := range [][3]int{{100, 10, 700}, {300, 26, 300}, {64, 150, 513}, {200, 3, 1000}} {
			m, n, k := s[0], s[1], s[2]
			a, a64 := random(m * k)
			b, b64 := random(n * k)
			for _, rows := range []int{m, 1, 5, 37} {
				for _, cols := range []int{n, 1, 2} {
					c, c64 := random(m * n)
					for lo := 0; lo < m; lo += rows {
						for j := 0; j < n; j += cols {
							hi, to := min(rows, m-lo), min(cols, n-j)
							Float32{Threads: 3}.Sgemm(blas.NoTrans, blas.Trans, hi, to, k, 0.7, a[lo*k:], k, b[j*k:], k, 0.3, c[lo*n+j:], n)
							Float64{Threads: 3}.Dgemm(blas.NoTrans, blas.Trans, hi, to, k, 0.7, a64[lo*k:], k, b64[j*k:], k, 0.3, c64[lo*n+j:], n)
						}
					}
					want, ok := wants[s]
					if !ok {
						wants[s] = bits{c, c64}
					} else if !slices.Equal(c, want.c) || !slices.Equal(c64, want.c64) {
						t.Errorf("%d×%d×%d, by %d rows and %d columns: other bits", m, n, k, rows, cols)
					}
				}
			}
		}
	})
}

// Wrong shapes panic with gonum's words.
func TestPanics(t *testing.T) {
	x := make([]float64, 100)
	y := make([]float32, 100)
	const no, yes, up, left, unit = blas.NoTrans, blas.Trans, blas.Upper, blas.Left, blas.Unit
	message := func(call func()) (said string) {
		defer func() { said = fmt.Sprint(recover()) }()
		call()
		return
	}
	d, g, s := Float64{}, gonum.Implementation{}, Float32{}
	gemm := func(tA, tB blas.Transpose, m, n, k, la, lda, lb, ldb, lc, ldc int) {
		t.Helper()
		want := message(func() { g.Dgemm(tA, tB, m, n, k, 1, x[:la], lda, x[:lb], ldb, 0, x[:lc], ldc) })
		for _, got := range []string{
			message(func() { d.Dgemm(tA, tB, m, n, k, 1, x[:la], lda, x[:lb], ldb, 0, x[:lc], ldc) }),
			message(func() { s.Sgemm(tA, tB, m, n, k, 1, y[:la], lda, y[:lb], ldb, 0, y[:lc], ldc) }),
		} {
			if got != want {
				t.Errorf("gemm: %s, gonum says: %s", got, want)
			}
		}
	}
	gemm('x', no, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	gemm(no, 'x', 1, 1, 1, 1, 1, 1, 1, 1, 1)
	gemm(no, no, -1, 1, 1, 1, 1, 1, 1, 1, 1)
	gemm(no, no, 1, -1, 1, 1, 1, 1, 1, 1, 1)
	gemm(no, no, 1, 1, -1, 1, 1, 1, 1, 1, 1)
	gemm(no, no, 2, 3, 4, 8, 3, 12, 3, 6, 3)
	gemm(yes, no, 2, 3, 4, 8, 1, 12, 3, 6, 3)
	gemm(no, no, 2, 3, 4, 8, 4, 12, 2, 6, 3)
	gemm(no, yes, 2, 3, 4, 8, 4, 12, 3, 6, 3)
	gemm(no, no, 2, 3, 4, 8, 4, 12, 3, 6, 2)
	gemm(no, no, 2, 3, 4, 7, 4, 12, 3, 6, 3)
	gemm(yes, no, 2, 3, 4, 7, 2, 12, 3, 6, 3)
	gemm(no, no, 2, 3, 4, 8, 4, 11, 3, 6, 3)
	gemm(no, yes, 2, 3, 4, 8, 4, 11, 4, 6, 3)
	gemm(no, no, 2, 3, 4, 8, 4, 12, 3, 5, 3)
	gemm(no, no, 0, 0, 0, 0, 0, 0, 1, 0, 1)
	gemm(no, no, 0, 3, 4, 0, 4, 0, 3, 0, 3) // is right: nothing is to be done
	gemm(no, no, 2, 3, 0, 0, 1, 0, 3, 6, 3) // is right: the destination is cleared
	syrk := func(ul blas.Uplo, tA blas.Transpose, n, k, la, lda, lc, ldc int) {
		t.Helper()
		want := message(func() { g.Dsyrk(ul, tA, n, k, 1, x[:la], lda, 0, x[:lc], ldc) })
		for _, got := range []string{
			message(func() { d.Dsyrk(ul, tA, n, k, 1, x[:la], lda, 0, x[:lc], ldc) }),
			message(func() { s.Ssyrk(ul, tA, n, k, 1, y[:la], lda, 0, y[:lc], ldc) }),
		} {
			if got != want {
				t.Errorf("syrk: %s, gonum says: %s", got, want)
			}
		}
	}
	syrk('x', no, 2, 3, 6, 3, 4, 2)
	syrk(up, 'x', 2, 3, 6, 3, 4, 2)
	syrk(up, no, -2, 3, 6, 3, 4, 2)
	syrk(up, no, 2, -3, 6, 3, 4, 2)
	syrk(up, no, 2, 3, 6, 2, 4, 2)
	syrk(up, yes, 2, 3, 6, 1, 4, 2)
	syrk(up, no, 2, 3, 6, 3, 4, 1)
	syrk(up, no, 2, 3, 5, 3, 4, 2)
	syrk(up, no, 2, 3, 6, 3, 3, 2)
	syrk(up, no, 0, 3, 0, 3, 0, 1)
	trsm := func(side blas.Side, ul blas.Uplo, tA blas.Transpose, diag blas.Diag, m, n, la, lda, lb, ldb int) {
		t.Helper()
		want := message(func() { g.Dtrsm(side, ul, tA, diag, m, n, 1, x[:la], lda, x[:lb], ldb) })
		for _, got := range []string{
			message(func() { d.Dtrsm(side, ul, tA, diag, m, n, 1, x[:la], lda, x[:lb], ldb) }),
			message(func() { s.Strsm(side, ul, tA, diag, m, n, 1, y[:la], lda, y[:lb], ldb) }),
		} {
			if got != want {
				t.Errorf("trsm: %s, gonum says: %s", got, want)
			}
		}
	}
	trsm('x', up, no, unit, 2, 3, 4, 2, 6, 3)
	trsm(left, 'x', no, unit, 2, 3, 4, 2, 6, 3)
	trsm(left, up, 'x', unit, 2, 3, 4, 2, 6, 3)
	trsm(left, up, no, 'x', 2, 3, 4, 2, 6, 3)
	trsm(left, up, no, unit, -2, 3, 4, 2, 6, 3)
	trsm(left, up, no, unit, 2, -3, 4, 2, 6, 3)
	trsm(left, up, no, unit, 2, 3, 4, 1, 6, 3)
	trsm(blas.Right, up, no, unit, 2, 3, 9, 2, 6, 3)
	trsm(left, up, no, unit, 2, 3, 4, 2, 6, 2)
	trsm(left, up, no, unit, 2, 3, 3, 2, 6, 3)
	trsm(left, up, no, unit, 2, 3, 4, 2, 5, 3)
	trsm(left, up, no, unit, 0, 3, 0, 1, 0, 3)
	for _, wrong := range []struct {
		ul     blas.Uplo
		n, lda int
		want   string
	}{
		{'x', 2, 2, "lapack: bad triangle"},
		{up, -1, 2, "lapack: n < 0"},
		{up, 3, 2, "lapack: bad leading dimension of A"},
		{up, 11, 11, "lapack: insufficient length of a"},
		{up, 10, 10, "<nil>"},
		{up, 0, 1, "<nil>"},
	} {
		for _, got := range []string{
			message(func() { d.Dpotrf(wrong.ul, wrong.n, x, wrong.lda) }),
			message(func() { s.Spotrf(wrong.ul, wrong.n, y, wrong.lda) }),
			message(func() { d.Dtrtri(wrong.ul, unit, wrong.n, x, wrong.lda) }),
			message(func() { s.Strtri(wrong.ul, unit, wrong.n, y, wrong.lda) }),
		} {
			if got != wrong.want {
				t.Errorf("%+v: %s", wrong, got)
			}
		}
	}
	if got := message(func() { d.Dtrtri(up, 'x', 1, x, 1) }); got != "lapack: bad diagonal" {
		t.Error(got)
	}
}

// Matrices that have no factor or no inverse are said to be so, wherever it
// shows, and a NaN or an infinity makes no factor.
func TestNoFactor(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, n := range []int{1, 5, 36, 37, 100, 300} {
			for _, at := range []int{0, n / 2, n - 1} {
				for _, bad := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
					for _, ul := range []blas.Uplo{blas.Upper, blas.Lower} {
						a, a32 := make([]float64, n*n), make([]float32, n*n)
						for i := range n {
							a[i*n+i], a32[i*n+i] = 1, 1
						}
						a[at*n+at], a32[at*n+at] = bad, float32(bad)
						if (Float64{}).Dpotrf(ul, n, slices.Clone(a), n) || (Float32{}).Spotrf(ul, n, slices.Clone(a32), n) {
							t.Errorf("%c, n %d: %v at %d is positive definite", ul, n, bad, at)
						}
						if got, got32 := (Float64{}).Dtrtri(ul, blas.NonUnit, n, a, n), (Float32{}).Strtri(ul, blas.NonUnit, n, a32, n); got != (bad != 0) || got32 != (bad != 0) {
							t.Errorf("%c, n %d: %v at %d: an inverse is %v, %v", ul, n, bad, at, got, got32)
						}
					}
				}
			}
		}
	})
}
