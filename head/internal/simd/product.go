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
type tile[T float] func(k uintptr, a *T, rs, cs uintptr, b *T, ldb uintptr, c *T, ldc uintptr, alpha T, w, add, ahead uintptr)

// solver is a routine that solves a·X = x in place, for a lower triangle a and
// rows of w elements, up to two vectors. Rows of x are ldx bytes apart;
// elements of a rs bytes from row to row and cs from column to column, inverses
// of its diagonal step bytes. All these may be negative.
type solver[T float] func(a *T, rs, cs uintptr, inverse *T, step uintptr, x *T, ldx, w uintptr)

// tiles are the routines of a set of instructions.
type tiles[T float] struct {
	rows, lanes int            // of the largest tile; of a vector
	whole       bool           // whole vectors of b are read, and two of x
	by          [13][3]tile[T] // rows and vectors of a tile
	solve       [13]solver[T]  // rows of a triangle
	// transpose makes four rows of k elements, which lie lds bytes apart, k
	// rows of four, which lie ldd bytes apart.
	transpose func(k uintptr, src *T, lds uintptr, dst *T, ldd uintptr)
	// transpose8 does the same with eight rows; nil if there is none.
	transpose8 func(k uintptr, src *T, lds uintptr, dst *T, ldd uintptr)
	// narrow copies k rows of w ≤ 12 elements, and writes up to 16 for each.
	narrow func(k uintptr, src *T, lds uintptr, dst *T, ldd, w uintptr)
	// spread copies a row of n panels to places that lie ldd bytes apart.
	// What lies ahead bytes behind the row is copied next.
	spread func(n uintptr, src, dst *byte, ldd, ahead uintptr)
}

// multiply computes a tile of r rows and w columns, c = alpha·a·b, or
// c += alpha·a·b if add is set, where a has k columns. What lies ahead elements
// behind b is used next.
func (t *tiles[T]) multiply(r, w, k int, alpha T, a, b, c matrix[T], add bool, ahead int) {
	size, adds := unsafe.Sizeof(alpha), uintptr(0)
	if add {
		adds = 1
	}
	t.by[r][(w+t.lanes-1)/t.lanes](uintptr(k), &a.data[0], uintptr(a.rs)*size, uintptr(a.cs)*size,
		&b.data[0], uintptr(b.rs)*size, &c.data[0], uintptr(c.rs)*size, alpha, uintptr(w), adds, uintptr(ahead)*size)
}

const (
	// depth is how many products are summed up before they reach the
	// destination. It decides on bits, and is the same for all instructions.
	depth = 256
	// width is how many bytes of a row of b are packed at a time.
	width = 2 << 10
	// packed is how many bytes of b are packed at a time, if depth rows are not
	// more.
	packed = 512 << 10
	// unpacked is up to how many slabs of a tile's rows b is read where it
	// lies.
	unpacked = 2
	// alone is how many multiplications are not worth a goroutine: they take
	// 40 µs. A goroutine costs 1 to 2 µs more than one that waits for work
	// would, so that there are none that do.
	alone = 1 << 21
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
	b, a, c, t []T
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
	work := func() {
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
	}
	var wg sync.WaitGroup
	for range min(threads, pieces) - 1 {
		wg.Go(work)
	}
	work()
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

// flips says that cᵀ = bᵀ·aᵀ takes less time than c = a·b: there are few
// columns, which fill vectors badly, and rows that fill them.
func (p *product[T]) flips(by *tiles[T]) bool {
	if p.part != all || p.a.cs != 1 || p.n >= 128 || p.m < 8*by.lanes {
		return false
	}
	// In what a vector of products takes. Rows that come from far away are
	// better read in one go than packed.
	pack := 0.15
	if p.m*p.k*int(unsafe.Sizeof(p.beta)) > 1<<20 {
		pack = 0.5
	}
	asIs := float64((p.n + by.lanes - 1) / by.lanes)
	if p.n > 6*by.lanes {
		asIs += pack * 16 / float64(by.lanes)
	}
	if (p.n+by.lanes-1)/by.lanes%2 == 1 {
		asIs += 0.4 // a vector alone
	}
	return float64(p.n)/float64(by.lanes)+pack*16/float64(by.lanes) < asIs
}

// flip computes rows i0 to i1 and columns j0 to j1 of c by way of cᵀ.
func (p *product[T]) flip(by *tiles[T], i0, i1, j0, j1 int) {
	pool := roomsOf[T]()
	mem := pool.Get().(*room[T])
	defer pool.Put(mem)
	n, size := j1-j0, int(unsafe.Sizeof(p.beta))
	most := width / size
	mem.t = grown(mem.t, n*most)
	q := product[T]{m: n, k: p.k, alpha: p.alpha, beta: p.beta, a: p.b.from(0, j0).transposed(), c: matrix[T]{mem.t, most, 1}}
	for i := i0; i < i1; i += most {
		q.n = min(most, i1-i)
		q.b = p.a.from(i, 0).transposed()
		c := p.c.from(i, j0)
		if p.beta != 0 {
			by.packColumns(mem.t, c.transposed(), n, q.n, most)
		}
		q.stripes(by, 0, n, 0, q.n)
		by.packColumns(c.data, q.c.transposed(), q.n, n, c.rs)
	}
}

// compute computes rows i0 to i1 and columns j0 to j1 of c.
func (p *product[T]) compute(by *tiles[T], i0, i1, j0, j1 int) {
	if p.flips(by) {
		p.flip(by, i0, i1, j0, j1)
	} else {
		p.stripes(by, i0, i1, j0, j1)
	}
}

// stripes computes rows i0 to i1 and columns j0 to j1 of c, some columns at a
// time.
func (p *product[T]) stripes(by *tiles[T], i0, i1, j0, j1 int) {
	pool := roomsOf[T]()
	mem := pool.Get().(*room[T])
	defer pool.Put(mem)
	if p.beta != 0 {
		p.scale(i0, i1, j0, j1)
	}
	size := int(unsafe.Sizeof(p.beta))
	for j := j0; j < j1; j += width / size {
		s := stripe[T]{product: p, by: by, room: mem, j: j, n: min(width/size, j1-j), i0: i0, i1: i1}
		switch p.part {
		case upper:
			s.i1 = min(i1, j+s.n)
		case lower:
			s.i0 = max(i0, j)
		}
		if s.i0 < s.i1 {
			s.compute()
		}
	}
}

// stripe is a block of c that is computed by one goroutine: n columns from j
// on, of rows i0 to i1.
type stripe[T float] struct {
	*product[T]
	by           *tiles[T]
	room         *room[T]
	j, n, i0, i1 int

	slabs int  // into which the rows are cut
	panel int  // how many columns are multiplied at a time
	pack  bool // b is packed; else only panels that are not whole vectors are
	packA bool // slabs of a are
}

func (s *stripe[T]) compute() {
	rows, size := s.i1-s.i0, int(unsafe.Sizeof(s.alpha))
	s.slabs = (rows + s.by.rows - 1) / s.by.rows
	s.panel = 2 * s.by.lanes
	s.pack = s.b.cs != 1 || s.slabs > unpacked
	// A slab that is read often is packed; so is one whose rows take cache
	// lines from one another.
	s.packA = s.n > 3*s.panel || s.n > s.panel && max(s.a.rs, s.a.cs)*size%4096 == 0
	columns := (s.n + s.panel - 1) / s.panel * s.panel
	block := depth
	if s.pack {
		block = max(depth, packed/(columns*size)/depth*depth)
	}
	for l := 0; l < s.k; l += block {
		s.multiply(l, min(block, s.k-l), columns)
	}
}

// multiply adds the products l to l+k.
func (s *stripe[T]) multiply(l, k, columns int) {
	b := grown(s.room.b, k*columns)
	s.room.b = b
	for d := 0; d < k; d += depth {
		s.packRows(b[d*columns:], l+d, min(depth, k-d))
	}
	rows := s.i1 - s.i0
	for slab := range s.slabs {
		// Slabs differ by no more than a row.
		i, end := s.i0+slab*rows/s.slabs, s.i0+(slab+1)*rows/s.slabs
		for d := 0; d < k; d += depth {
			s.slab(i, end-i, l+d, min(depth, k-d), b[d*columns:])
		}
	}
}

// packRows copies k rows of b from l on into dst, panel by panel.
func (s *stripe[T]) packRows(dst []T, l, k int) {
	whole := s.n / s.panel * s.panel
	if s.pack && s.b.cs == 1 && whole > 0 {
		size := unsafe.Sizeof(s.alpha)
		for r := range k {
			from := s.b.data[(l+r)*s.b.rs+s.j:][:whole]
			s.by.spread(uintptr(whole/s.panel), (*byte)(unsafe.Pointer(&from[0])), (*byte)(unsafe.Pointer(&dst[r*s.panel])), uintptr(k*s.panel)*size, 2*uintptr(s.b.rs)*size)
		}
	} else if s.pack {
		for j := 0; j < whole; j += s.panel {
			s.by.packColumns(dst[j*k:(j+s.panel)*k], s.b.from(l, s.j+j), k, s.panel, s.panel)
		}
	}
	if w := s.n - whole; w > 0 && (s.pack || s.by.whole && w%s.by.lanes != 0) {
		clear(dst[whole*k : (whole+s.panel)*k])
		s.by.packColumns(dst[whole*k:(whole+s.panel)*k], s.b.from(l, s.j+whole), k, w, s.panel)
	}
}

// slab adds k products from l on to r rows of c, from row i on. b is packed.
func (s *stripe[T]) slab(i, r, l, k int, packed []T) {
	a := s.a.from(i, l)
	if s.packA {
		s.room.a = grown(s.room.a, r*k+16) // narrow writes beyond
		if a.rs == 1 {
			size := unsafe.Sizeof(s.alpha)
			s.by.narrow(uintptr(k), &a.data[0], uintptr(a.cs)*size, &s.room.a[0], uintptr(r)*size, uintptr(r))
		} else {
			s.by.packColumns(s.room.a, a.transposed(), k, r, r)
		}
		a = matrix[T]{s.room.a, 1, r}
	}
	add := l > 0 || s.beta != 0
	for j := 0; j < s.n; j += s.panel {
		w := min(s.panel, s.n-j)
		b, ahead := matrix[T]{packed[j*k:], s.panel, 1}, k*s.panel
		if !s.pack && (!s.by.whole || w%s.by.lanes == 0) {
			b, ahead = s.b.from(l, s.j+j), s.panel
		}
		switch s.share(i, r, s.j+j, w) {
		case all:
			s.by.multiply(r, w, k, s.alpha, a, b, s.c.from(i, s.j+j), add, ahead)
		case none:
		default:
			// The tile goes over the edge of the triangle.
			c := grown(s.room.c, s.by.rows*s.panel)
			s.room.c = c
			s.copyShare(c, s.panel, i, r, s.j+j, w, false)
			s.by.multiply(r, w, k, s.alpha, a, b, matrix[T]{c, s.panel, 1}, add, ahead)
			s.copyShare(c, s.panel, i, r, s.j+j, w, true)
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

// packColumns copies w columns of x, k rows, into dst, whose rows have panel
// elements.
func (t *tiles[T]) packColumns(dst []T, x matrix[T], k, w, panel int) {
	if x.cs == 1 {
		for l := range k {
			copy(dst[l*panel:l*panel+w], x.data[l*x.rs:l*x.rs+w])
		}
		return
	}
	if x.rs != 1 || w < 4 {
		for j := range w {
			to := dst[j:]
			for l := range k {
				to[l*panel] = x.data[l*x.rs+j*x.cs]
			}
		}
		return
	}
	// Some rows at a time, which stay in the first-level cache.
	const rows = 128
	size := unsafe.Sizeof(dst[0])
	for l := 0; l < k; l += rows {
		n, src, to := uintptr(min(rows, k-l)), x.data[l:], dst[l*panel:]
		j := 0
		for ; t.transpose8 != nil && w-j >= 8; j += 8 {
			t.transpose8(n, &src[j*x.cs], uintptr(x.cs)*size, &to[j], uintptr(panel)*size)
		}
		for ; j < w; j += 4 {
			j = min(j, w-4) // the last four may have been copied in part
			t.transpose(n, &src[j*x.cs], uintptr(x.cs)*size, &to[j], uintptr(panel)*size)
		}
	}
}
