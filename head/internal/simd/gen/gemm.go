package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rowsOf are the places of rows that lie stride bytes apart. Three rows share a
// pointer.
type rowsOf struct {
	at     []Register // of rows 0, 3, 6, 9
	stride Register
}

func newRowsOf(n int, at, stride Register) rowsOf {
	p := rowsOf{at: []Register{at}, stride: stride}
	for r := 3; r < n; r += 3 {
		next := GP64()
		LEAQ(Mem{Base: p.at[len(p.at)-1], Index: stride, Scale: 2}, next)
		ADDQ(stride, next)
		p.at = append(p.at, next)
	}
	return p
}

// row is the place of a row.
func (p rowsOf) row(r int) Mem {
	m := Mem{Base: p.at[r/3]}
	if r%3 != 0 {
		m.Index, m.Scale = p.stride, uint8(r%3)
	}
	return m
}

// move goes on by some bytes in each row.
func (p rowsOf) move(bytes Op) {
	for _, at := range p.at {
		ADDQ(bytes, at)
	}
}

// tail is what says which elements of the vectors of a row there are.
type tail struct {
	m     machine
	t     element
	masks []Register
}

// newTail makes masks of the first w elements of n vectors.
func newTail(m machine, t element, n int, w Register) tail {
	p := tail{m: m, t: t}
	if m.bytes == avx512.bytes {
		bits := GP64()
		MOVQ(I32(-1), bits)
		BZHIQ(w, bits, bits)
		for v := range n {
			k := K()
			if v > 0 {
				SHRQ(U8(m.bytes/t.bytes), bits)
			}
			KMOVW(bits.As32(), k)
			p.masks = append(p.masks, k)
		}
		return p
	}
	// Bytes of ones are followed by as many of zeros.
	table, left := GP64(), GP64()
	LEAQ(NewDataAddr(NewStaticSymbol("tails"), 0), table)
	MOVQ(w, left)
	SHLQ(U8(map[int]int{4: 2, 8: 3}[t.bytes]), left)
	for range n {
		here, most := GP64(), GP64()
		MOVQ(U32(m.bytes), most)
		MOVQ(left, here)
		CMPQ(here, most)
		CMOVQGT(most, here)
		SUBQ(here, left)
		from, mask := GP64(), m.make()
		MOVQ(table, from)
		SUBQ(here, from)
		VMOVDQU(Mem{Base: from, Disp: m.bytes}, mask)
		p.masks = append(p.masks, mask)
	}
	return p
}

// gemm writes a routine that computes a tile of r rows and v vectors,
//
//	c = alpha·a·b, or c += alpha·a·b if add is not zero,
//
// where a has r rows and k columns, b k rows of w elements. Elements of a are
// rs bytes from row to row and cs bytes from column to column; rows of b are
// ldb bytes apart, those of c ldc. What lies ahead bytes behind rows of b is
// fetched into the cache. Nothing but the named elements is read or written,
// except that AVX2 reads whole vectors of b.
//
// Each element of c is summed up in the order of k by fused multiply-add, so
// that its bits do not depend on the tile or on the width of vectors.
func gemm(m machine, t element, r, v int) {
	TEXT(fmt.Sprintf("%sgemm%dx%d%s", t.letter, r, v, m.name), NOSPLIT,
		fmt.Sprintf("func(k uintptr, a *%[1]s, rs, cs uintptr, b *%[1]s, ldb uintptr, c *%[1]s, ldc uintptr, alpha %[1]s, w, add, ahead uintptr)", t.name))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := newRowsOf(r, Load(Param("a"), GP64()), Load(Param("rs"), GP64()))
	cs := Load(Param("cs"), GP64())
	b, ldb := Load(Param("b"), GP64()), Load(Param("ldb"), GP64())
	ahead := Load(Param("ahead"), GP64())
	var masks tail
	if m.name == avx512.name {
		masks = newTail(m, t, v, Load(Param("w"), GP64()))
	}

	acc := make([][]VecVirtual, r)
	for i := range acc {
		for range v {
			z := m.make()
			if m.name == avx512.name {
				VPXORQ(z, z, z)
			} else {
				VXORPS(z, z, z)
			}
			acc[i] = append(acc[i], z)
		}
	}
	fetch(m, r, v, Load(Param("c"), GP64()), Load(Param("ldc"), GP64()))
	TESTQ(k, k)
	JZ(LabelRef("summed"))

	Label("next")
	row := make([]VecVirtual, v)
	for j := range row {
		row[j] = m.make()
		from := Mem{Base: b, Disp: j * m.bytes}
		if m.name == avx512.name {
			t.moveWhereZero(from, masks.masks[j], row[j])
		} else {
			t.move(from, row[j])
		}
		if m.name == avx512.name || j == 0 {
			PREFETCHT0(Mem{Base: b, Disp: j * m.bytes, Index: ahead, Scale: 1})
		}
	}
	ADDQ(ldb, b)
	for i := range acc {
		x := m.make()
		t.broadcast(a.row(i), x)
		for j := range row {
			t.addProduct(row[j], x, acc[i][j])
		}
	}
	a.move(cs)
	DECQ(k)
	JNZ(LabelRef("next"))

	Label("summed")
	c, ldc := Load(Param("c"), GP64()), Load(Param("ldc"), GP64())
	add := Load(Param("add"), GP64())
	alpha := m.make()
	at, err := Param("alpha").Resolve()
	if err != nil {
		panic(err)
	}
	t.broadcast(at.Addr, alpha)
	if m.name == avx512.name {
		storeWhere(t, m, acc, alpha, masks, c, ldc, add)
	} else {
		w := Load(Param("w"), GP64())
		CMPQ(w, U32(v*m.bytes/t.bytes))
		JNE(LabelRef("tail"))
		store(t, m, acc, alpha, c, ldc, add)
		Label("tail")
		storeWhere(t, m, acc, alpha, newTail(m, t, v, w), c, ldc, add)
	}
}

// fetch fetches a tile of c into the cache.
func fetch(m machine, r, v int, c, ldc Register) {
	for i := range r {
		for j := 0; j < v*m.bytes; j += 64 {
			PREFETCHT0(Mem{Base: c, Disp: j})
		}
		if i+1 < r {
			ADDQ(ldc, c)
		}
	}
}

// store writes whole vectors, and returns.
func store(t element, m machine, acc [][]VecVirtual, alpha Register, c, ldc, add Register) {
	TESTQ(add, add)
	JZ(LabelRef("set"))
	for i := range acc {
		for j, z := range acc[i] {
			at := Mem{Base: c, Disp: j * m.bytes}
			t.multiplyAdd(at, alpha, z)
			t.move(z, at)
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
	Label("set")
	for i := range acc {
		for j, z := range acc[i] {
			t.multiply(alpha, z, z)
			t.move(z, Mem{Base: c, Disp: j * m.bytes})
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// storeWhere writes those elements that masks names, and returns.
func storeWhere(t element, m machine, acc [][]VecVirtual, alpha Register, masks tail, c, ldc, add Register) {
	TESTQ(add, add)
	JZ(LabelRef("setTail"))
	for i := range acc {
		for j, z := range acc[i] {
			at, mask := Mem{Base: c, Disp: j * m.bytes}, masks.masks[j]
			if m.name == avx512.name {
				t.multiplyAdd(at, alpha, mask, z)
				t.move(z, mask, at)
				continue
			}
			before := m.make()
			t.moveWhere(at, mask, before)
			t.multiplyAdd(before, alpha, z)
			t.moveWhere(z, mask, at)
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
	Label("setTail")
	for i := range acc {
		for j, z := range acc[i] {
			at, mask := Mem{Base: c, Disp: j * m.bytes}, masks.masks[j]
			t.multiply(alpha, z, z)
			if m.name == avx512.name {
				t.move(z, mask, at)
			} else {
				t.moveWhere(z, mask, at)
			}
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// tails writes the table of newTail.
func tails() {
	GLOBL("tails", RODATA|NOPTR)
	for i := range 4 {
		DATA(8*i, U64(1<<64-1))
	}
	for i := range 4 {
		DATA(32+8*i, U64(0))
	}
}
