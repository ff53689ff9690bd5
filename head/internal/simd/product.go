package simd

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// float is a type of elements.
type float interface{ float32 | float64 }

// tile is a routine that computes a tile of a product,
//
//	c = alpha·a·b, or c += alpha·a·b if add is not zero,
//
// where a has k columns and b has k rows of w elements. rs and cs are the bytes
// from row to row and from column to column of a, ldb and ldc those from row to
// row of b and c. The sum of each element goes through its k products in order,
// by fused multiply-add.
type tile[T float] func(k uintptr, a *T, rs, cs uintptr, b *T, ldb uintptr, c *T, ldc uintptr, alpha T, w, add uintptr)

// tiles are the routines of a set of instructions.
type tiles[T float] struct {
	rows, lanes int            // of the largest tile; of a vector
	whole       bool           // whole vectors of b are read
	by          [13][3]tile[T] // rows and vectors of a tile
}

// multiply computes a tile of r rows and w columns, c = alpha·a·b, or
// c += alpha·a·b if add is set, where a has k columns.
func (t *tiles[T]) multiply(r, w, k int, alpha T, a, b, c matrix[T], add bool) {
	size, adds := unsafe.Sizeof(alpha), uintptr(0)
	if add {
		adds = 1
	}
	t.by[r][(w+t.lanes-1)/t.lanes](uintptr(k), &a.data[0], uintptr(a.rs)*size, uintptr(a.cs)*size,
		&b.data[0], uintptr(b.rs)*size, &c.data[0], uintptr(c.rs)*size, alpha, uintptr(w), adds)
}

const (
	// depth is how many products are summed up before they reach the
	// destination. It decides on bits, and is the same for all instructions.
	depth = 256
	// width is how many columns of b are packed at a time: 512 KiB of float32.
	width = 512
	// unpacked is up to how many rows of a tile's rows b is read where it
	// lies.
	unpacked = 2
	// alone is how many multiplications are not worth a goroutine.
	alone = 1 << 19
)

// part says which elements of a destination are computed.
type part int

const (
	all part = iota
	none
	upper
	lower
)

// matrix is one whose element i, j is data[i*rs+j*cs].
type matrix[T float] struct {
	data   []T
	rs, cs int
}

// at returns an element.
func (x matrix[T]) at(i, j int) T { return x.data[i*x.rs+j*x.cs] }

// from returns the matrix without its first i rows and j columns.
func (x matrix[T]) from(i, j int) matrix[T] {
	x.data = x.data[min(i*x.rs+j*x.cs, len(x.data)):]
	return x
}

// transposed returns xᵀ.
func (x matrix[T]) transposed() matrix[T] {
	x.rs, x.cs = x.cs, x.rs
	return x
}

// newMatrix returns a matrix of rows that lie ld elements apart, or that matrix
// transposed.
func newMatrix[T float](data []T, ld int, transposed bool) matrix[T] {
	x := matrix[T]{data, ld, 1}
	if transposed {
		return x.transposed()
	}
	return x
}

// product is c = alpha·a·b + beta·c, where c has m rows and n columns, and a
// has k columns. Columns of c lie side by side.
type product[T float] struct {
	m, n, k     int
	alpha, beta T
	a, b, c     matrix[T]
	part        part
}

// room is memory that a goroutine multiplies with.
type room[T float] struct {
	b, a, c []T
}

var (
	rooms32 = sync.Pool{New: func() any { return new(room[float32]) }}
	rooms64 = sync.Pool{New: func() any { return new(room[float64]) }}
)

// roomsOf returns the pool of a type.
func roomsOf[T float]() *sync.Pool {
	if unsafe.Sizeof(T(0)) == 4 {
		return &rooms32
	}
	return &rooms64
}

// grown returns n elements that begin at a cache line, those of s if it has
// them.
func grown[T float](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	const line = 64
	size := int(unsafe.Sizeof(T(0)))
	s = make([]T, n+line/size)
	over := int(uintptr(unsafe.Pointer(&s[0])) % line)
	if over > 0 {
		s = s[(line-over)/size:]
	}
	return s[:n:n]
}

// run computes the product by at most threads goroutines. Each tile of c is
// summed up by one of them.
func (p product[T]) run(by *tiles[T], threads int) {
	if p.m == 0 || p.n == 0 {
		return
	}
	if by == nil {
		p.portable()
		return
	}
	if p.alpha == 0 || p.k == 0 {
		p.scale(0, p.m, 0, p.n)
		return
	}
	threads = min(threads, 1+int(float64(p.m)*float64(p.n)*float64(p.k)/alone))
	if threads <= 1 {
		p.compute(by, 0, p.m, 0, p.n)
		return
	}
	// The longer side is cut, at tiles. Of a triangle the parts differ, so that
	// there are more of them.
	length, unit, pieces := p.m, by.rows, threads
	rows := p.m >= p.n
	if !rows {
		length, unit = p.n, 2*by.lanes
	}
	if p.part != all {
		pieces *= 4
	}
	step := (length + pieces*unit - 1) / (pieces * unit) * unit
	pieces = (length + step - 1) / step
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, pieces) {
		wg.Go(func() {
			for {
				lo := (int(next.Add(1)) - 1) * step
				if lo >= length {
					return
				}
				if hi := min(lo+step, length); rows {
					p.compute(by, lo, hi, 0, p.n)
				} else {
					p.compute(by, 0, p.m, lo, hi)
				}
			}
		})
	}
	wg.Wait()
}

// columns returns which of the columns j0 to j1 of row i belong to the part.
func (p *product[T]) columns(i, j0, j1 int) (lo, hi int) {
	switch p.part {
	case upper:
		return max(j0, min(i, j1)), j1
	case lower:
		return j0, min(j1, max(i+1, j0))
	default:
		return j0, j1
	}
}

// scale multiplies a block of c by beta; zero clears what is not a number, too.
func (p *product[T]) scale(i0, i1, j0, j1 int) {
	if p.beta == 1 {
		return
	}
	for i := i0; i < i1; i++ {
		lo, hi := p.columns(i, j0, j1)
		if lo == hi {
			continue
		}
		row := p.c.data[i*p.c.rs+lo : i*p.c.rs+hi]
		if p.beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= p.beta
		}
	}
}

// compute computes rows i0 to i1 and columns j0 to j1 of c.
func (p *product[T]) compute(by *tiles[T], i0, i1, j0, j1 int) {
	pool := roomsOf[T]()
	mem := pool.Get().(*room[T])
	defer pool.Put(mem)
	panel := 2 * by.lanes
	if p.beta != 0 {
		p.scale(i0, i1, j0, j1)
	}
	pack := p.b.cs != 1 || i1-i0 > unpacked*by.rows
	for jc := j0; jc < j1; jc += width {
		nc := min(width, j1-jc)
		lo, hi := i0, i1
		switch p.part {
		case upper:
			hi = min(hi, jc+nc)
		case lower:
			lo = max(lo, jc)
		}
		// Rows of a that lie multiples of 1 KiB apart take cache lines from one
		// another.
		packA := nc > 4*panel || max(p.a.rs, p.a.cs)*int(unsafe.Sizeof(p.beta))%1024 == 0
		for pc := 0; pc < p.k; pc += depth {
			kc := min(depth, p.k-pc)
			mem.b = grown(mem.b, kc*((nc+panel-1)/panel*panel))
			for j := 0; j < nc; j += panel {
				if w := min(panel, nc-j); pack || by.whole && w%by.lanes != 0 {
					packPanel(mem.b[j*kc:(j+panel)*kc], p.b.from(pc, jc+j), kc, w, panel)
				}
			}
			add := pc > 0 || p.beta != 0
			for i := lo; i < hi; i += by.rows {
				r := min(by.rows, hi-i)
				a := p.a.from(i, pc)
				if packA {
					mem.a = grown(mem.a, r*kc)
					packSlab(mem.a, a, r, kc)
					a = matrix[T]{mem.a, 1, r}
				}
				for j := 0; j < nc; j += panel {
					w := min(panel, nc-j)
					b := matrix[T]{mem.b[j*kc:], panel, 1}
					if !pack && (!by.whole || w%by.lanes == 0) {
						b = p.b.from(pc, jc+j)
					}
					switch p.share(i, r, jc+j, w) {
					case all:
						by.multiply(r, w, kc, p.alpha, a, b, p.c.from(i, jc+j), add)
					case none:
					default:
						// The tile goes over the edge of the triangle.
						mem.c = grown(mem.c, by.rows*panel)
						p.copyShare(mem.c, panel, i, r, jc+j, w, false)
						by.multiply(r, w, kc, p.alpha, a, b, matrix[T]{mem.c, panel, 1}, add)
						p.copyShare(mem.c, panel, i, r, jc+j, w, true)
					}
				}
			}
		}
	}
}

// share says how much of a tile belongs to the part: all, none, or some.
func (p *product[T]) share(i, r, j, w int) part {
	if p.part == all {
		return all
	}
	lo, hi := p.columns(i, j, j+w)
	lo2, hi2 := p.columns(i+r-1, j, j+w)
	switch {
	case hi-lo == w && hi2-lo2 == w:
		return all
	case hi == lo && hi2 == lo2:
		return none
	default:
		return p.part
	}
}

// copyShare copies those elements of a tile of c that belong to the part to
// buf, whose rows are panel long, or back.
func (p *product[T]) copyShare(buf []T, panel, i, r, j, w int, back bool) {
	for x := range r {
		lo, hi := p.columns(i+x, j, j+w)
		row, held := p.c.data[(i+x)*p.c.rs+lo:(i+x)*p.c.rs+hi], buf[x*panel+lo-j:x*panel+hi-j]
		if back {
			copy(row, held)
		} else {
			copy(held, row)
		}
	}
}

// packPanel copies w columns of x, k rows, into dst, whose rows have panel
// elements; zeros fill them up.
func packPanel[T float](dst []T, x matrix[T], k, w, panel int) {
	if w < panel {
		clear(dst)
	}
	if x.cs == 1 {
		for l := range k {
			copy(dst[l*panel:l*panel+w], x.data[l*x.rs:l*x.rs+w])
		}
		return
	}
	for j := range w {
		to := dst[j:]
		if x.rs == 1 {
			for l, v := range x.data[j*x.cs : j*x.cs+k] {
				to[l*panel] = v
			}
			continue
		}
		for l := range k {
			to[l*panel] = x.data[l*x.rs+j*x.cs]
		}
	}
}

// packSlab copies r rows of x, k columns, into dst, column after column.
func packSlab[T float](dst []T, x matrix[T], r, k int) {
	if x.rs == 1 {
		for l := range k {
			copy(dst[l*r:(l+1)*r], x.data[l*x.cs:l*x.cs+r])
		}
		return
	}
	for i := range r {
		to := dst[i:]
		if x.cs == 1 {
			for l, v := range x.data[i*x.rs : i*x.rs+k] {
				to[l*r] = v
			}
			continue
		}
		for l := range k {
			to[l*r] = x.data[i*x.rs+l*x.cs]
		}
	}
}
