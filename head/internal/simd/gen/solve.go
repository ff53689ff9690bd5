package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// solve writes a routine that solves a·X = x in place, for a lower triangle a
// of r rows and x of w elements a row, up to two vectors; AVX2 takes two whole
// ones. Rows of x are ldx bytes apart. Elements of a are rs bytes from row to
// row and cs from column to column, inverses of its diagonal step bytes. All
// these may be negative, which makes an upper triangle a lower one.
func solve(m machine, t element, r int) {
	TEXT(fmt.Sprintf("%ssolve%d%s", t.letter, r, m.name), NOSPLIT,
		fmt.Sprintf("func(a *%[1]s, rs, cs uintptr, inverse *%[1]s, step uintptr, x *%[1]s, ldx, w uintptr)", t.name))
	Pragma("noescape")
	var masks tail
	if m.name == avx512.name {
		masks = newTail(m, t, 2, Load(Param("w"), GP64()))
	}
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	rows := newRowsOf(r, x, ldx)
	row := make([][2]VecVirtual, r)
	for i := range row {
		for j := range row[i] {
			row[i][j] = m.make()
			at := rows.row(i)
			at.Disp = j * m.bytes
			if m.name == avx512.name {
				t.moveWhereZero(at, masks.masks[j], row[i][j])
			} else {
				t.move(at, row[i][j])
			}
		}
	}
	a := newRowsOf(r, Load(Param("a"), GP64()), Load(Param("rs"), GP64()))
	cs := Load(Param("cs"), GP64())
	inverse, step := Load(Param("inverse"), GP64()), Load(Param("step"), GP64())
	for y := range r {
		f := m.make()
		t.broadcast(Mem{Base: inverse}, f)
		for _, z := range row[y] {
			t.multiply(f, z, z)
		}
		if y+1 == r {
			break
		}
		ADDQ(step, inverse)
		for i := y + 1; i < r; i++ {
			f := m.make()
			t.broadcast(a.row(i), f)
			for j, z := range row[i] {
				t.takeProduct(row[y][j], f, z)
			}
		}
		a.move(cs)
	}
	for i := range row {
		for j, z := range row[i] {
			at := rows.row(i)
			at.Disp = j * m.bytes
			if m.name == avx512.name {
				t.move(z, masks.masks[j], at)
			} else {
				t.move(z, at)
			}
		}
	}
	VZEROUPPER()
	RET()
}
