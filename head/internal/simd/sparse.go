package simd

import (
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

const (
	// panelBytes is how much of A a sparse product goes over at a time, in
	// pieces of panelVectors vectors of a row. Both stand in gen/pass as well.
	panelBytes, panelVectors = 16 << 10, 8
	// sparseShare is up to which share of elements that are not zero leaving
	// out the others takes less time than a whole product.
	sparseShare = 0.65
	// lookedAt is the distance of the elements by which that is judged; it is
	// odd, so that no column is left out.
	lookedAt = 17
)

// SparseOuter computes C = Aᵀ·B as Sgemm does, where A is k×m and B, of which
// many elements are zero, k×n. Products with zero are left out if that is
// faster, which changes no bit unless A has elements that are not finite.
func (x Float32) SparseOuter(m, n, k int, a, b, c []float32) {
	by, _ := tilesOf()
	if by == nil || !multiplies(blas.Trans, blas.NoTrans, m, n, k, len(a), m, len(b), n, len(c), n) ||
		m < panelVectors*by.lanes || n < 8 || k < 8 || !sparse(b[:k*n]) {
		x.Sgemm(blas.Trans, blas.NoTrans, m, n, k, 1, a, m, b, n, 0, c, n)
		return
	}
	width := panelVectors * by.lanes
	p := sparseOuter{by: by, with: passes[Active()], m: m, n: n, k: k, a: a, c: c, width: width, rows: panelBytes / 4 / width}
	p.ld = (k + p.rows - 1) / p.rows * p.rows
	mem := rooms32.Get().(*room[float32])
	defer rooms32.Put(mem)
	mem.t = grown(mem.t, n*p.ld)
	p.b = mem.t
	by.packColumns(p.b, matrix[float32]{b, 1, n}, n, k, p.ld)
	for h := range n {
		clear(p.b[h*p.ld+k : (h+1)*p.ld])
	}
	panels := (m + width - 1) / width
	threads := min(max(x.Threads, 1), panels, 1+m*n*k/alone)
	var next atomic.Int64
	work := func() {
		for {
			j := (int(next.Add(1)) - 1) * width
			if j >= m {
				return
			}
			p.panel(j)
		}
	}
	var wg sync.WaitGroup
	for range threads - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// sparse says that b has few enough elements that are not zero.
func sparse(b []float32) bool {
	all, some := 0, 0
	for i := 0; i < len(b); i += lookedAt {
		all++
		if b[i] != 0 {
			some++
		}
	}
	return float64(some) <= sparseShare*float64(all)
}

// sparseOuter is a product C = Aᵀ·B with Bᵀ.
type sparseOuter struct {
	by      *tiles[float32]
	with    *kernels
	m, n, k int
	a, c    []float32
	b       []float32 // n×ld, zeros behind the first k of a row
	ld      int

	width int // columns of a panel of A
	rows  int // that are gone over at a time
}

// panel computes the rows of C from j on that are those of a panel of A.
func (p *sparseOuter) panel(j int) {
	mem := rooms32.Get().(*room[float32])
	defer rooms32.Put(mem)
	w := min(p.width, p.m-j)
	mem.a = grown(mem.a, min(p.k, depth)*p.width)
	mem.c = grown(mem.c, p.n*p.width)
	sums := mem.c
	for l := 0; l < p.k; l += depth {
		k := min(depth, p.k-l)
		if l > 0 { // as in a whole product, they are added to the others
			mem.b = grown(mem.b, p.n*p.width)
			sums = mem.b
		}
		if w == p.width {
			p.with.panel(k, &mem.a[0], &p.a[l*p.m+j], 4*p.m)
		} else {
			for i := range k {
				copy(mem.a[i*p.width:], p.a[(l+i)*p.m+j:][:w])
			}
		}
		for i := 0; i < k; i += p.rows {
			p.with.sparse(p.n, &p.b[l+i], 4*p.ld, &mem.a[i*p.width], &sums[0], 4*p.width, i > 0)
		}
		if l > 0 {
			blas32.Axpy(1, blas32.Vector{N: len(sums), Data: sums, Inc: 1}, blas32.Vector{N: len(sums), Data: mem.c, Inc: 1})
		}
	}
	p.by.packColumns(p.c[j*p.n:], matrix[float32]{mem.c, 1, p.width}, w, p.n, p.n)
}
