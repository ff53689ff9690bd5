package simd

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// small is up to which n a matrix is factorised or inverted element by element.
const small = 12

// cholesky makes the triangle of a that part names U, for A = Uᵀ·U, or L, for
// A = L·Lᵀ. It returns false if A is not positive definite.
func cholesky[T float](by *tiles[T], threads int, part part, n int, a matrix[T]) bool {
	if n <= small {
		if part == lower {
			a = a.transposed()
		}
		return choleskySmall(n, a)
	}
	half := (n/2 + 11) / 12 * 12
	if !cholesky(by, threads, part, half, a) {
		return false
	}
	rest, c := n-half, a.from(half, half)
	if part == upper {
		// U₁₁ᵀ·U₁₂ = A₁₂
		x := a.from(0, half)
		system[T]{n: half, count: rest, lower: true, a: a.transposed(), b: x}.run(by, threads)
		product[T]{m: rest, n: rest, k: half, alpha: -1, beta: 1, a: x.transposed(), b: x, c: c, part: upper}.run(by, threads)
	} else {
		// L₂₁·L₁₁ᵀ = A₂₁
		x := a.from(half, 0)
		system[T]{n: half, count: rest, right: true, a: a.transposed(), b: x}.run(by, threads)
		product[T]{m: rest, n: rest, k: half, alpha: -1, beta: 1, a: x, b: x.transposed(), c: c, part: lower}.run(by, threads)
	}
	return cholesky(by, threads, part, rest, c)
}

// choleskySmall makes the upper triangle of a U.
func choleskySmall[T float](n int, a matrix[T]) bool {
	for i := range n {
		pivot := a.at(i, i)
		if !(pivot > 0) || math.IsInf(float64(pivot), 1) {
			return false
		}
		root := T(math.Sqrt(float64(pivot)))
		a.data[i*(a.rs+a.cs)] = root
		for j := i + 1; j < n; j++ {
			a.data[i*a.rs+j*a.cs] /= root
		}
		for k := i + 1; k < n; k++ {
			f := a.at(i, k)
			for j := k; j < n; j++ {
				a.data[k*a.rs+j*a.cs] -= f * a.at(i, j)
			}
		}
	}
	return true
}

// invert makes the triangle of a that part names its inverse.
func invert[T float](by *tiles[T], threads int, part part, unit bool, n int, a matrix[T]) {
	if n <= small {
		if part == lower {
			a = a.transposed()
		}
		invertSmall(unit, n, a)
		return
	}
	half := (n/2 + 11) / 12 * 12
	rest, second := n-half, a.from(half, half)
	if part == upper {
		// −U₁₁⁻¹·U₁₂·U₂₂⁻¹
		x := a.from(0, half)
		negate(half, rest, x)
		system[T]{n: half, count: rest, unit: unit, a: a, b: x}.run(by, threads)
		system[T]{n: rest, count: half, unit: unit, right: true, a: second, b: x}.run(by, threads)
	} else {
		// −L₂₂⁻¹·L₂₁·L₁₁⁻¹
		x := a.from(half, 0)
		negate(rest, half, x)
		system[T]{n: rest, count: half, unit: unit, lower: true, a: second, b: x}.run(by, threads)
		system[T]{n: half, count: rest, unit: unit, lower: true, right: true, a: a, b: x}.run(by, threads)
	}
	invert(by, threads, part, unit, half, a)
	invert(by, threads, part, unit, rest, second)
}

// negate changes the sign of m rows of n elements.
func negate[T float](m, n int, x matrix[T]) {
	for i := range m {
		row := x.data[i*x.rs : i*x.rs+n]
		for j := range row {
			row[j] = -row[j]
		}
	}
}

// invertSmall makes the upper triangle of a its inverse, column by column.
func invertSmall[T float](unit bool, n int, a matrix[T]) {
	for j := range n {
		last := T(-1)
		if !unit {
			inverse := 1 / a.at(j, j)
			a.data[j*(a.rs+a.cs)] = inverse
			last = -inverse
		}
		// The columns before are those of the inverse.
		for i := range j {
			sum := a.at(i, j)
			if !unit {
				sum *= a.at(i, i)
			}
			for k := i + 1; k < j; k++ {
				sum += a.at(i, k) * a.at(k, j)
			}
			a.data[i*a.rs+j*a.cs] = sum
		}
		for i := range j {
			a.data[i*a.rs+j*a.cs] *= last
		}
	}
}

// singular says that a triangle has a zero on its diagonal.
func singular[T float](n int, a []T, lda int) bool {
	for i := range n {
		if a[i*lda+i] == 0 {
			return true
		}
	}
	return false
}

// portable computes the product by gonum's code. If a part is asked for, b is
// aᵀ.
func (p product[T]) portable() {
	tA, lda := p.a.stored()
	tB, ldb := p.b.stored()
	var g gonum.Implementation
	switch a := any(p.a.data).(type) {
	case []float32:
		b, c := any(p.b.data).([]float32), any(p.c.data).([]float32)
		if p.part != all {
			g.Ssyrk(p.part.uplo(), tA, p.n, p.k, float32(p.alpha), a, lda, float32(p.beta), c, p.c.rs)
			return
		}
		g.Sgemm(tA, tB, p.m, p.n, p.k, float32(p.alpha), a, lda, b, ldb, float32(p.beta), c, p.c.rs)
	case []float64:
		b, c := any(p.b.data).([]float64), any(p.c.data).([]float64)
		if p.part != all {
			g.Dsyrk(p.part.uplo(), tA, p.n, p.k, float64(p.alpha), a, lda, float64(p.beta), c, p.c.rs)
			return
		}
		g.Dgemm(tA, tB, p.m, p.n, p.k, float64(p.alpha), a, lda, b, ldb, float64(p.beta), c, p.c.rs)
	}
}

// portable solves the system by gonum's code.
func (s system[T]) portable() {
	t, lda := s.a.stored()
	side, ul, diag := blas.Left, blas.Upper, blas.NonUnit
	m, n := s.n, s.count
	if s.right {
		side, m, n = blas.Right, s.count, s.n
	}
	if s.lower == (t == blas.NoTrans) {
		ul = blas.Lower
	}
	if s.unit {
		diag = blas.Unit
	}
	var g gonum.Implementation
	switch a := any(s.a.data).(type) {
	case []float32:
		g.Strsm(side, ul, t, diag, m, n, 1, a, lda, any(s.b.data).([]float32), s.b.rs)
	case []float64:
		g.Dtrsm(side, ul, t, diag, m, n, 1, a, lda, any(s.b.data).([]float64), s.b.rs)
	}
}

// stored says how a matrix lies in memory, rows or columns side by side.
func (x matrix[T]) stored() (t blas.Transpose, ld int) {
	if x.cs == 1 {
		return blas.NoTrans, x.rs
	}
	return blas.Trans, x.cs
}

// uplo is how gonum calls a part.
func (p part) uplo() blas.Uplo {
	if p == upper {
		return blas.Upper
	}
	return blas.Lower
}
