package simd

import (
	"sync"
	"unsafe"
)

// system is op(A)·X = B for a triangular op(A), n×n, or X·op(A) = B if right is
// set. B has count columns, or rows if right is set; it becomes X.
type system[T float] struct {
	n, count    int
	lower, unit bool // what op(A) is
	right       bool
	a, b        matrix[T] // a is op(A)
}

// directly is up to which n a system is solved slab by slab, without products
// of packed matrices.
const directly = 192

// run solves the system by at most threads goroutines. Each column of X, or
// row, is computed by one of them.
func (s system[T]) run(by *tiles[T], threads int) {
	if s.n == 0 || s.count == 0 {
		return
	}
	if by == nil {
		s.portable()
		return
	}
	panel := 2 * by.lanes
	threads = min(threads, 1+int(float64(s.n)*float64(s.n)*float64(s.count)/alone))
	if threads <= 1 {
		s.solve(by)
		return
	}
	step := (s.count + threads*panel - 1) / (threads * panel) * panel
	var wg sync.WaitGroup
	for lo := 0; lo < s.count; lo += step {
		wg.Go(func() {
			p := s
			p.count = min(step, s.count-lo)
			if s.right {
				p.b = s.b.from(lo, 0)
			} else {
				p.b = s.b.from(0, lo)
			}
			p.solve(by)
		})
	}
	wg.Wait()
}

// solve solves one half, takes its share off the other, and solves that.
func (s system[T]) solve(by *tiles[T]) {
	if s.n <= directly {
		s.solveDirectly(by)
		return
	}
	// The halves are whole tiles.
	half := (s.n/2 + by.rows - 1) / by.rows * by.rows
	first, second := s, s
	first.n, second.n = half, s.n-half
	second.a = s.a.from(half, half)
	if s.right {
		second.b = s.b.from(0, half)
	} else {
		second.b = s.b.from(half, 0)
	}
	if s.lower == s.right {
		// The last unknowns come first.
		second.solve(by)
		s.subtract(by, second, first, s.a.from(0, half), s.a.from(half, 0))
		first.solve(by)
		return
	}
	first.solve(by)
	s.subtract(by, first, second, s.a.from(half, 0), s.a.from(0, half))
	second.solve(by)
}

// subtract takes what is known off the right-hand side of what is not: by
// below·X, or X·beside if right is set.
func (s system[T]) subtract(by *tiles[T], known, rest system[T], below, beside matrix[T]) {
	p := product[T]{alpha: -1, beta: 1, k: known.n, c: rest.b}
	if s.right {
		p.m, p.n, p.a, p.b = s.count, rest.n, known.b, beside
	} else {
		p.m, p.n, p.a, p.b = rest.n, s.count, below, known.b
	}
	p.run(by, 1)
}

// solveDirectly solves a system of n ≤ directly: a panel of columns at a time,
// in which what slabs of rows owe to those before them is taken off by a
// product, and what they owe to one another in registers.
func (s system[T]) solveDirectly(by *tiles[T]) {
	pool := roomsOf[T]()
	mem := pool.Get().(*room[T])
	defer pool.Put(mem)
	a, b, lower := s.a, s.b, s.lower
	if s.right {
		a, b, lower = a.transposed(), b.transposed(), !lower
	}
	mem.a = grown(mem.a, s.n)
	for i := range s.n {
		mem.a[i] = 1
		if !s.unit {
			mem.a[i] = 1 / a.at(i, i)
		}
	}
	panel := 2 * by.lanes
	for j := 0; j < s.count; j += panel {
		w := min(panel, s.count-j)
		x, pack := b.from(0, j), s.right || by.whole && w < panel
		if pack {
			mem.b = grown(mem.b, s.n*panel)
			clear(mem.b)
			by.packColumns(mem.b, x, s.n, w, panel)
			x = matrix[T]{mem.b, panel, 1}
		}
		solvePanel(by, s.n, w, lower, a, x, mem.a)
		if pack {
			unpackPanel(b.from(0, j), x, s.n, w)
		}
	}
}

// solvePanel solves a·X = x for w columns, in place. inverse has those of the
// diagonal of a.
func solvePanel[T float](by *tiles[T], n, w int, lower bool, a, x matrix[T], inverse []T) {
	slabs := (n + by.rows - 1) / by.rows
	for slab := range slabs {
		if !lower {
			slab = slabs - 1 - slab
		}
		i := slab * by.rows
		r := min(by.rows, n-i)
		from, to := 0, i
		if !lower {
			from, to = i+r, n
		}
		if from < to {
			by.multiply(r, w, to-from, -1, a.from(i, from), x.from(from, 0), x.from(i, 0), true, 0)
		}
		size := int(unsafe.Sizeof(inverse[0]))
		rs, cs, ldx, at := a.rs*size, a.cs*size, x.rs*size, i
		if !lower {
			// The last row is the first.
			rs, cs, ldx, size, at = -rs, -cs, -ldx, -size, i+r-1
		}
		by.solve[r](&a.data[at*(a.rs+a.cs)], uintptr(rs), uintptr(cs), &inverse[at], uintptr(size), &x.data[at*x.rs], uintptr(ldx), uintptr(w))
	}
}

// unpackPanel copies w columns of panel, n rows, to x.
func unpackPanel[T float](x, panel matrix[T], n, w int) {
	if x.cs == 1 {
		for l := range n {
			copy(x.data[l*x.rs:l*x.rs+w], panel.data[l*panel.rs:])
		}
		return
	}
	for j := range w {
		for l := range n {
			x.data[l*x.rs+j*x.cs] = panel.data[l*panel.rs+j]
		}
	}
}
