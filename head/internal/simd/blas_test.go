package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// routines are what is tested, for one type.
type routines[T float] struct {
	gemm  func(tA, tB blas.Transpose, m, n, k int, alpha T, a []T, lda int, b []T, ldb int, beta T, c []T, ldc int)
	syrk  func(ul blas.Uplo, t blas.Transpose, n, k int, alpha T, a []T, lda int, beta T, c []T, ldc int)
	trsm  func(s blas.Side, ul blas.Uplo, t blas.Transpose, d blas.Diag, m, n int, alpha T, a []T, lda int, b []T, ldb int)
	potrf func(ul blas.Uplo, n int, a []T, lda int) bool
	trtri func(ul blas.Uplo, d blas.Diag, n int, a []T, lda int) bool
}

func ours32(threads int) routines[float32] {
	x := Float32{Threads: threads}
	return routines[float32]{x.Sgemm, x.Ssyrk, x.Strsm, x.Spotrf, x.Strtri}
}

func ours64(threads int) routines[float64] {
	x := Float64{Threads: threads}
	return routines[float64]{x.Dgemm, x.Dsyrk, x.Dtrsm, x.Dpotrf, x.Dtrtri}
}

var (
	oracle32 = routines[float32]{gemm: gonum.Implementation{}.Sgemm, syrk: gonum.Implementation{}.Ssyrk, trsm: gonum.Implementation{}.Strsm}
	oracle64 = routines[float64]{gemm: gonum.Implementation{}.Dgemm, syrk: gonum.Implementation{}.Dsyrk, trsm: gonum.Implementation{}.Dtrsm}
)

// eps is the distance of 1 from the next number of T.
func eps[T float]() float64 {
	if unsafe.Sizeof(T(0)) == 4 {
		return 0x1p-23
	}
	return 0x1p-52
}

// drawn is a source of shapes and values.
type drawn struct{ *rand.Rand }

// shape returns a length of up to most, often one beside a multiple of 16.
func (d drawn) shape(most int) int {
	n := d.IntN(most + 1)
	if d.IntN(3) == 0 {
		n = min(most, max(0, n/16*16+d.IntN(3)-1))
	}
	return n
}

func (d drawn) transpose() blas.Transpose {
	return []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}[d.IntN(3)]
}

func (d drawn) triangle() blas.Uplo {
	return []blas.Uplo{blas.Upper, blas.Lower}[d.IntN(2)]
}

// factor returns what alpha or beta is.
func (d drawn) factor() float64 {
	return []float64{0, 1, -1, 0.5, 1.75, 1, 0}[d.IntN(7)]
}

// matrixOf returns a guarded matrix of rows whose gaps hold a mark, and its
// leading dimension. specials is how many NaN and infinities it has.
func matrixOf[T float](t testing.TB, d drawn, rows, cols, specials int) ([]T, int) {
	ld := max(1, cols)
	if d.IntN(2) == 0 {
		ld += d.IntN(9)
	}
	n := 0
	if rows > 0 {
		n = (rows-1)*ld + cols // gonum wants it if there are no columns, too
	}
	x := guarded[T](t, n, d.IntN(4) > 0)
	for i := range x {
		x[i] = mark
		if i%ld < cols {
			x[i] = T(0.25+d.Float64()) * T(1-2*d.IntN(2))
		}
	}
	for range specials {
		if rows > 0 && cols > 0 {
			i := d.IntN(rows)*ld + d.IntN(cols)
			x[i] = []T{T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1))}[d.IntN(3)]
		}
	}
	return x, ld
}

// mark stands where nothing may be written.
const mark = 12345

// rowsAndCols are those of a matrix that is rows×cols once t is applied.
func rowsAndCols(t blas.Transpose, rows, cols int) (int, int) {
	if t != blas.NoTrans {
		return cols, rows
	}
	return rows, cols
}

// agree checks got against want: NaN and infinities in the same places, and
// numbers apart by no more than within.
func agree[T float](t *testing.T, what string, got, want []T, within float64) {
	t.Helper()
	for i, g := range got {
		g, w := float64(g), float64(want[i])
		switch {
		case math.IsNaN(w) != math.IsNaN(g), math.IsInf(w, 1) != math.IsInf(g, 1), math.IsInf(w, -1) != math.IsInf(g, -1),
			math.Abs(g-w) > within:
			t.Fatalf("%s: element %d is %v, gonum has %v (within %v)", what, i, g, w, within)
		}
	}
}

// tryGemm compares one product with gonum's.
func tryGemm[T float](t *testing.T, d drawn, ours func(threads int) routines[T], oracle routines[T]) {
	tA, tB := d.transpose(), d.transpose()
	m, n, k := d.shape(80), d.shape(130), d.shape(600)
	if d.IntN(3) == 0 {
		m, n = n, m
	}
	alpha, beta := T(d.factor()), T(d.factor())
	specials := max(0, d.IntN(6)-3)
	factors := specials
	if alpha == 0 {
		factors = 0 // gonum multiplies in some cases all the same
	}
	rows, cols := rowsAndCols(tA, m, k)
	a, lda := matrixOf[T](t, d, rows, cols, factors)
	rows, cols = rowsAndCols(tB, k, n)
	b, ldb := matrixOf[T](t, d, rows, cols, factors)
	c, ldc := matrixOf[T](t, d, m, n, specials)
	want := slices.Clone(c)
	oracle.gemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, want, ldc)
	what := fmt.Sprintf("%c %c %d×%d×%d, strides %d %d %d, alpha %v, beta %v", tA, tB, m, n, k, lda, ldb, ldc, alpha, beta)
	first := slices.Clone(c)
	copyTo := slices.Clone(c)
	for i, threads := range []int{0, 1 + d.IntN(5)} {
		copy(c, copyTo)
		ours(threads).gemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		agree(t, what, c, want, 4*float64(k+2)*math.Sqrt(float64(k+1))*eps[T]())
		if i == 0 {
			copy(first, c)
		} else if !sameBits(first, c) {
			t.Fatalf("%s: %d threads give other bits than one", what, threads)
		}
	}
}

// sameBits compares, NaN with NaN.
func sameBits[T float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool { return x == y || x != x && y != y })
}

// trySyrk compares one product with gonum's.
func trySyrk[T float](t *testing.T, d drawn, ours func(threads int) routines[T], oracle routines[T]) {
	ul, tA := d.triangle(), d.transpose()
	n, k := d.shape(130), d.shape(400)
	specials := max(0, d.IntN(6)-3)
	rows, cols := rowsAndCols(tA, n, k)
	a, lda := matrixOf[T](t, d, rows, cols, specials)
	alpha, beta := T(d.factor()), T(d.factor())
	if beta == 0 {
		specials = 0 // gonum multiplies in one case all the same
	}
	c, ldc := matrixOf[T](t, d, n, n, specials)
	want := slices.Clone(c)
	oracle.syrk(ul, tA, n, k, alpha, a, lda, beta, want, ldc)
	what := fmt.Sprintf("%c %c %d×%d, strides %d %d, alpha %v, beta %v", ul, tA, n, k, lda, ldc, alpha, beta)
	before, first := slices.Clone(c), []T(nil)
	for _, threads := range []int{0, 1 + d.IntN(5)} {
		copy(c, before)
		ours(threads).syrk(ul, tA, n, k, alpha, a, lda, beta, c, ldc)
		agree(t, what, c, want, 8*float64(k+2)*math.Sqrt(float64(k+1))*eps[T]())
		if first == nil {
			first = slices.Clone(c)
		} else if !sameBits(first, c) {
			t.Fatalf("%s: %d threads give other bits than one", what, threads)
		}
	}
}

// tryTrsm compares one solution with gonum's. The system is well conditioned:
// its diagonal outweighs the rest.
func tryTrsm[T float](t *testing.T, d drawn, ours func(threads int) routines[T], oracle routines[T]) {
	side, ul, tA, diag := []blas.Side{blas.Left, blas.Right}[d.IntN(2)], d.triangle(), d.transpose(), []blas.Diag{blas.Unit, blas.NonUnit}[d.IntN(2)]
	m, n := d.shape(90), d.shape(90)
	if d.IntN(4) == 0 {
		m = d.shape(500)
	}
	if d.IntN(4) == 0 {
		n = d.shape(500)
	}
	order := n
	if side == blas.Left {
		order = m
	}
	a, lda := matrixOf[T](t, d, order, order, 0)
	for i := range order {
		for j := range order {
			if i == j {
				a[i*lda+j] += T(1 - 2*d.IntN(2))
			} else if (j > i) == (ul == blas.Upper) {
				a[i*lda+j] /= T(order)
			} else {
				a[i*lda+j] = T(math.NaN()) // is not read
			}
			if i == j && diag == blas.Unit {
				a[i*lda+j] = T(math.NaN())
			} else if i == j && math.Abs(float64(a[i*lda+j])) < 0.5 {
				a[i*lda+j] = 1
			}
		}
	}
	alpha := T(d.factor())
	b, ldb := matrixOf[T](t, d, m, n, 0)
	want := slices.Clone(b)
	oracle.trsm(side, ul, tA, diag, m, n, alpha, a, lda, want, ldb)
	what := fmt.Sprintf("%c %c %c %c %d×%d, strides %d %d, alpha %v", side, ul, tA, diag, m, n, lda, ldb, alpha)
	most := 1.0
	for i, v := range want {
		if i%ldb < n {
			most = max(most, math.Abs(float64(v)))
		}
	}
	before, first := slices.Clone(b), []T(nil)
	for _, threads := range []int{0, 1 + d.IntN(5)} {
		copy(b, before)
		ours(threads).trsm(side, ul, tA, diag, m, n, alpha, a, lda, b, ldb)
		agree(t, what, b, want, 64*float64(order+8)*most*eps[T]())
		if first == nil {
			first = slices.Clone(b)
		} else if !sameBits(first, b) {
			t.Fatalf("%s: %d threads give other bits than one", what, threads)
		}
	}
}

// tryFactors factorises a matrix and inverts the factor, and multiplies both to
// see what they are.
func tryFactors[T float](t *testing.T, d drawn, ours func(threads int) routines[T]) {
	ul, n := d.triangle(), d.shape(110)
	x, ldx := matrixOf[T](t, d, n, n+7, 0)
	full := make([]float64, n*n)
	for i := range n {
		for j := range n {
			for k := range n + 7 {
				full[i*n+j] += float64(x[i*ldx+k]) * float64(x[j*ldx+k]) / float64(n)
			}
		}
		full[i*n+i] += 1
	}
	a, lda := matrixOf[T](t, d, n, n, 0)
	for i := range n {
		for j := range n {
			a[i*lda+j] = T(full[i*n+j])
			if i != j && (j > i) != (ul == blas.Upper) {
				a[i*lda+j] = mark
			}
		}
	}
	threads := 1 + d.IntN(4)
	what := fmt.Sprintf("%c, n %d, stride %d, %d threads", ul, n, lda, threads)
	if !ours(threads).potrf(ul, n, a, lda) {
		t.Fatalf("%s: not positive definite", what)
	}
	factor := func(i, j int) float64 { // of L
		if ul == blas.Upper {
			i, j = j, i
		}
		return float64(a[i*lda+j])
	}
	limit := 30 * float64(n+10) * eps[T]()
	for i := range n {
		for j := range i + 1 {
			sum := 0.0
			for k := range j + 1 {
				sum += factor(i, k) * factor(j, k)
			}
			if math.Abs(sum-full[i*n+j]) > limit {
				t.Fatalf("%s: L·Lᵀ has %v at %d, %d, A has %v", what, sum, i, j, full[i*n+j])
			}
			if i != j && factor(j, i) != mark {
				t.Fatalf("%s: the other triangle is written", what)
			}
		}
	}
	diag := blas.NonUnit
	if d.IntN(3) == 0 {
		diag = blas.Unit
		for i := range n {
			for j := range i {
				if ul == blas.Upper {
					a[j*lda+i] /= T(n)
				} else {
					a[i*lda+j] /= T(n)
				}
			}
			a[i*lda+i] = mark
		}
	}
	before := slices.Clone(a)
	if !ours(threads).trtri(ul, diag, n, a, lda) {
		t.Fatalf("%s: singular", what)
	}
	element := func(x []T, i, j int) float64 {
		switch {
		case i == j && diag == blas.Unit:
			return 1
		case ul == blas.Upper:
			i, j = j, i
		}
		return float64(x[i*lda+j])
	}
	for i := range n {
		for j := range i + 1 {
			sum := 0.0
			for k := j; k <= i; k++ {
				sum += element(a, i, k) * element(before, k, j)
			}
			if i == j {
				sum--
			}
			if math.Abs(sum) > limit {
				t.Fatalf("%s, %c: the inverse times the matrix is wrong by %v at %d, %d", what, diag, sum, i, j)
			}
		}
	}
	for i := range a {
		row, col := i/lda, i%lda
		if col >= n || row != col && (col > row) != (ul == blas.Upper) || row == col && diag == blas.Unit {
			if a[i] != mark {
				t.Fatalf("%s, %c: element %d, %d is written", what, diag, row, col)
			}
		}
	}
}

// tape gives what a fuzzer has written, a byte for each choice, and then
// numbers that follow from it.
type tape struct {
	data []byte
	rest *rand.PCG
}

func (p *tape) Uint64() uint64 {
	if len(p.data) == 0 {
		return p.rest.Uint64()
	}
	b := p.data[0]
	p.data = p.data[1:]
	return uint64(b) * 0x0101010101010101
}

// newDrawn returns the draws that data stand for.
func newDrawn(data []byte) drawn {
	seed := uint64(len(data))
	for _, b := range data {
		seed = seed*31 + uint64(b)
	}
	return drawn{rand.New(&tape{data, rand.NewPCG(seed, 1)})}
}

// tries are what is drawn, for one type each.
var tries = map[string]func(t *testing.T, d drawn){
	"Sgemm":      func(t *testing.T, d drawn) { tryGemm(t, d, ours32, oracle32) },
	"Dgemm":      func(t *testing.T, d drawn) { tryGemm(t, d, ours64, oracle64) },
	"Ssyrk":      func(t *testing.T, d drawn) { trySyrk(t, d, ours32, oracle32) },
	"Dsyrk":      func(t *testing.T, d drawn) { trySyrk(t, d, ours64, oracle64) },
	"Strsm":      func(t *testing.T, d drawn) { tryTrsm(t, d, ours32, oracle32) },
	"Dtrsm":      func(t *testing.T, d drawn) { tryTrsm(t, d, ours64, oracle64) },
	"SFactorize": func(t *testing.T, d drawn) { tryFactors(t, d, ours32) },
	"DFactorize": func(t *testing.T, d drawn) { tryFactors(t, d, ours64) },
}

// Products, solutions and factors of any shape, stride, transpose, alpha and
// beta are gonum's up to rounding, with each set of instructions; nothing
// outside of the matrices is touched.
func TestAgainstGonum(t *testing.T) {
	each(t, func(t *testing.T) {
		for name, try := range tries {
			t.Run(name, func(t *testing.T) {
				for i := range byte(25) {
					try(t, newDrawn([]byte{i}))
					try(t, newDrawn([]byte{37 * i, 91 * i, 53 * i}))
				}
			})
		}
	})
}

// fuzz lets the fuzzer make the choices of a try.
func fuzz(f *testing.F, name string) {
	f.Fuzz(func(t *testing.T, choices []byte) {
		for i := Portable; i <= Most(); i++ {
			restore := Limit(i)
			tries[name](t, newDrawn(choices))
			restore()
		}
	})
}

func FuzzSgemm(f *testing.F)      { fuzz(f, "Sgemm") }
func FuzzDgemm(f *testing.F)      { fuzz(f, "Dgemm") }
func FuzzSsyrk(f *testing.F)      { fuzz(f, "Ssyrk") }
func FuzzDsyrk(f *testing.F)      { fuzz(f, "Dsyrk") }
func FuzzStrsm(f *testing.F)      { fuzz(f, "Strsm") }
func FuzzDtrsm(f *testing.F)      { fuzz(f, "Dtrsm") }
func FuzzSFactorize(f *testing.F) { fuzz(f, "SFactorize") }
func FuzzDFactorize(f *testing.F) { fuzz(f, "DFactorize") }
