package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose writes a routine that makes four rows of k elements, which lie lds
// bytes apart, k rows of four, which lie ldd bytes apart.
func transpose(t element) {
	TEXT(fmt.Sprintf("%stranspose4AVX2", t.letter), NOSPLIT,
		fmt.Sprintf("func(k uintptr, src *%[1]s, lds uintptr, dst *%[1]s, ldd uintptr)", t.name))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	src := newRowsOf(4, Load(Param("src"), GP64()), Load(Param("lds"), GP64()))
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	lanes := avx2.bytes / t.bytes
	after := GP64()
	MOVQ(src.at[0], after)
	LEAQ(Mem{Base: after, Index: src.stride, Scale: 4}, after)
	next := newRowsOf(4, after, src.stride)
	Label("vectors")
	CMPQ(k, Imm(uint64(lanes)))
	JB(LabelRef("rest"))
	a, b, c, d := YMM(), YMM(), YMM(), YMM()
	for i, y := range []Op{a, b, c, d} {
		VMOVUPS(src.row(i), y)
	}
	// The next four rows are likely to be next.
	for i := range 4 {
		PREFETCHT0(next.row(i))
	}
	src.move(Imm(uint64(avx2.bytes)))
	next.move(Imm(uint64(avx2.bytes)))
	if t.bytes == 4 {
		// Each half becomes four columns.
		columns := []VecVirtual{a, b, c, d}
		inQuarters(columns, fourOf(YMM))
		for _, y := range columns {
			VMOVUPS(y.AsX(), Mem{Base: dst})
			ADDQ(ldd, dst)
		}
		for _, y := range columns {
			VEXTRACTF128(Imm(1), y, Mem{Base: dst})
			ADDQ(ldd, dst)
		}
	} else {
		ab, abHigh, cd, cdHigh := YMM(), YMM(), YMM(), YMM()
		VUNPCKLPD(b, a, ab)
		VUNPCKHPD(b, a, abHigh)
		VUNPCKLPD(d, c, cd)
		VUNPCKHPD(d, c, cdHigh)
		VPERM2F128(Imm(0x20), cd, ab, a)
		VPERM2F128(Imm(0x20), cdHigh, abHigh, b)
		VPERM2F128(Imm(0x31), cd, ab, c)
		VPERM2F128(Imm(0x31), cdHigh, abHigh, d)
		for _, y := range []Op{a, b, c, d} {
			VMOVUPS(y, Mem{Base: dst})
			ADDQ(ldd, dst)
		}
	}
	SUBQ(Imm(uint64(lanes)), k)
	JMP(LabelRef("vectors"))

	Label("rest")
	TESTQ(k, k)
	JZ(LabelRef("done"))
	for i := range 4 {
		x := XMM()
		if t.bytes == 4 {
			VMOVSS(src.row(i), x)
			VMOVSS(x, Mem{Base: dst, Disp: 4 * i})
		} else {
			VMOVSD(src.row(i), x)
			VMOVSD(x, Mem{Base: dst, Disp: 8 * i})
		}
	}
	src.move(Imm(uint64(t.bytes)))
	ADDQ(ldd, dst)
	DECQ(k)
	JMP(LabelRef("rest"))
	Label("done")
	VZEROUPPER()
	RET()
}

// transpose8 writes a routine that makes eight rows of k float32, which lie lds
// bytes apart, k rows of eight, which lie ldd bytes apart. Each half of a
// vector has four of the rows.
func transpose8() {
	TEXT("stranspose8AVX2", NOSPLIT, "func(k uintptr, src *float32, lds uintptr, dst *float32, ldd uintptr)")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	at, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	fifth, ninth, last := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: at, Index: lds, Scale: 4}, fifth)
	LEAQ(Mem{Base: at, Index: lds, Scale: 8}, ninth)
	LEAQ(Mem{Base: fifth, Index: lds, Scale: 8}, last)
	src, high := newRowsOf(4, at, lds), newRowsOf(4, fifth, lds)
	next, nextHigh := newRowsOf(4, ninth, lds), newRowsOf(4, last, lds)
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	y, spare := fourOf(YMM), fourOf(YMM)
	// quarter transposes four columns, disp bytes from where src points.
	quarter := func(disp int) {
		for i := range y {
			low, up := src.row(i), high.row(i)
			low.Disp, up.Disp = disp, disp
			VMOVUPS(low, y[i].AsX())
			VINSERTF128(Imm(1), up, y[i], y[i])
		}
		inQuarters(y, spare)
		for i, c := range y[:3] {
			to := Mem{Base: dst}
			if i > 0 {
				to.Index, to.Scale = ldd, uint8(i)
			}
			VMOVUPS(c, to)
		}
		LEAQ(Mem{Base: dst, Index: ldd, Scale: 2}, dst)
		ADDQ(ldd, dst)
		VMOVUPS(y[3], Mem{Base: dst})
		ADDQ(ldd, dst)
	}
	Label("lines")
	CMPQ(k, Imm(16))
	JB(LabelRef("vectors"))
	for i := range 4 {
		PREFETCHT0(next.row(i))
		PREFETCHT0(nextHigh.row(i))
	}
	next.move(Imm(64))
	nextHigh.move(Imm(64))
	for i := range 4 {
		quarter(16 * i)
	}
	src.move(Imm(64))
	high.move(Imm(64))
	SUBQ(Imm(16), k)
	JMP(LabelRef("lines"))

	Label("vectors")
	CMPQ(k, Imm(4))
	JB(LabelRef("rest"))
	quarter(0)
	src.move(Imm(16))
	high.move(Imm(16))
	SUBQ(Imm(4), k)
	JMP(LabelRef("vectors"))

	Label("rest")
	TESTQ(k, k)
	JZ(LabelRef("done"))
	for i := range 8 {
		x, from := XMM(), src
		if i >= 4 {
			from = high
		}
		VMOVSS(from.row(i%4), x)
		VMOVSS(x, Mem{Base: dst, Disp: 4 * i})
	}
	src.move(Imm(4))
	high.move(Imm(4))
	ADDQ(ldd, dst)
	DECQ(k)
	JMP(LabelRef("rest"))
	Label("done")
	VZEROUPPER()
	RET()
}

// fourOf allocates four vectors.
func fourOf(make func() VecVirtual) []VecVirtual {
	return []VecVirtual{make(), make(), make(), make()}
}

// inQuarters transposes each half of four vectors of float32.
func inQuarters(y, spare []VecVirtual) {
	VUNPCKLPS(y[1], y[0], spare[0])
	VUNPCKHPS(y[1], y[0], spare[1])
	VUNPCKLPS(y[3], y[2], spare[2])
	VUNPCKHPS(y[3], y[2], spare[3])
	VUNPCKLPD(spare[2], spare[0], y[0])
	VUNPCKHPD(spare[2], spare[0], y[1])
	VUNPCKLPD(spare[3], spare[1], y[2])
	VUNPCKHPD(spare[3], spare[1], y[3])
}

// narrow writes a routine that copies k rows of w elements, no more than a tile
// has rows, which lie lds bytes apart, to places that lie ldd bytes apart. It
// writes whole vectors: what comes behind a row is overwritten, and the next
// row is written later.
func narrow(t element) {
	TEXT(t.letter+"narrowAVX2", NOSPLIT,
		fmt.Sprintf("func(k uintptr, src *%[1]s, lds uintptr, dst *%[1]s, ldd, w uintptr)", t.name))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	src, lds := Load(Param("src"), GP64()), Load(Param("lds"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	vectors := (avx512.rows*t.bytes + avx2.bytes - 1) / avx2.bytes
	masks := newTail(avx2, t, vectors, Load(Param("w"), GP64())).masks
	Label("next")
	y := make([]VecVirtual, vectors)
	for i := range y {
		y[i] = YMM()
		t.moveWhere(Mem{Base: src, Disp: i * avx2.bytes}, masks[i], y[i])
	}
	for i := range y {
		t.move(y[i], Mem{Base: dst, Disp: i * avx2.bytes})
	}
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(k)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// spread writes a routine that copies a row of n pieces of some bytes to places
// that lie ldd bytes apart.
func spread(bytes int) {
	TEXT(fmt.Sprintf("spread%dAVX2", bytes), NOSPLIT, "func(n uintptr, src, dst *byte, ldd, ahead uintptr)")
	Pragma("noescape")
	n, src := Load(Param("n"), GP64()), Load(Param("src"), GP64())
	dst, ldd := Load(Param("dst"), GP64()), Load(Param("ldd"), GP64())
	ahead := Load(Param("ahead"), GP64())
	Label("next")
	for i := 0; i < bytes; i += avx2.bytes {
		y := YMM()
		VMOVUPS(Mem{Base: src, Disp: i}, y)
		VMOVUPS(y, Mem{Base: dst, Disp: i})
		if i%64 == 0 {
			PREFETCHT0(Mem{Base: src, Disp: i, Index: ahead, Scale: 1})
		}
	}
	ADDQ(Imm(uint64(bytes)), src)
	ADDQ(ldd, dst)
	DECQ(n)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}
