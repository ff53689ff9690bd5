package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// What a sparse product goes over at a time stays in the first-level cache:
// panelBytes of rows, sums of eight vectors each.
const panelBytes, panelVectors = 16 << 10, 8

// unequal is the predicate of a comparison that is true for NaN, too.
const unequal = U8(4)

// sparseKernel adds the products of rows and slopes that are not zero.
func (m *machine) sparseKernel() {
	width := panelVectors * m.bytes()
	m.begin("sparse", "adds Σ r·x over the rows of a panel, those whose r is not 0, to the sums of units, or writes them; ldr and ldg are in bytes.",
		"units int, r *float32, ldr int, x, into *float32, ldg int, add bool")
	units, r, ldr, x, g, ldg := arg("units"), arg("r"), arg("ldr"), arg("x"), arg("into"), arg("ldg")
	zero := m.zeros()
	Label("unit")
	// A bit for each row.
	var rows Register
	for at := 0; at < panelBytes/width; at += m.lanes {
		some := GP64()
		if m.wide() {
			k := K()
			VCMPPS(unequal, Mem{Base: r, Disp: 4 * at}, zero, k)
			KMOVW(k, some.As32())
		} else {
			v := YMM()
			VCMPPS(unequal, Mem{Base: r, Disp: 4 * at}, zero, v)
			VMOVMSKPS(v, some.As32())
		}
		if rows == nil {
			rows = some
		} else {
			SHLQ(U8(at), some)
			ORQ(some, rows)
		}
	}
	sums := m.some(panelVectors)
	for _, v := range sums {
		m.clear(v)
	}
	CMPB(param("add"), U8(0))
	JE(LabelRef("begun"))
	for i, v := range sums {
		VMOVUPS(Mem{Base: g, Disp: i * m.bytes()}, v)
	}
	Label("begun")
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	i, at, slope := GP64(), GP64(), m.make()
	TZCNTQ(rows, i)
	VBROADCASTSS(Mem{Base: r, Index: i, Scale: 4}, slope)
	IMUL3Q(I32(width), i, at)
	ADDQ(x, at)
	for i, v := range sums {
		VFMADD231PS(Mem{Base: at, Disp: i * m.bytes()}, slope, v)
	}
	BLSRQ(rows, rows)
	JNZ(LabelRef("row"))
	Label("done")
	for i, v := range sums {
		VMOVUPS(v, Mem{Base: g, Disp: i * m.bytes()})
	}
	ADDQ(ldr, r)
	ADDQ(ldg, g)
	DECQ(units)
	JNZ(LabelRef("unit"))
	end()
}

// panelKernel copies what a sparse product reads.
func (m *machine) panelKernel() {
	m.begin("panel", "copies eight vectors from each of n rows, which lie ldx bytes apart.", "n int, dst, x *float32, ldx int")
	n, dst, x, ldx := arg("n"), arg("dst"), arg("x"), arg("ldx")
	Label("row")
	for i := range panelVectors {
		v := m.make()
		VMOVUPS(Mem{Base: x, Disp: i * m.bytes()}, v)
		VMOVUPS(v, Mem{Base: dst, Disp: i * m.bytes()})
	}
	ADDQ(ldx, x)
	ADDQ(I32(panelVectors*m.bytes()), dst)
	DECQ(n)
	JNZ(LabelRef("row"))
	end()
}

// rectifyKernel cuts values off at zero.
func (m *machine) rectifyKernel() {
	m.begin("rectify", "makes 0 of those of n values, a multiple of 16, that are not above it; NaN stays.", "n int, z *float32")
	n, z := arg("n"), arg("z")
	zero := m.zeros()
	Label("loop")
	for i := range 16 / m.lanes {
		at := Mem{Base: z, Disp: i * m.bytes()}
		v := m.make()
		VMOVUPS(at, v)
		m.keep(U8(6), zero, v, v) // not less or equal
		VMOVUPS(v, at)
	}
	ADDQ(I32(64), z)
	SUBQ(I32(16), n)
	JNZ(LabelRef("loop"))
	end()
}

// keep makes zeros of the elements of v for which compared does not compare
// with zero like that.
func (m *machine) keep(predicate Constant, zero, compared, v Op) {
	if m.wide() {
		k := K()
		VCMPPS(predicate, zero, compared, k)
		VMOVAPS_Z(v, k, v)
	} else {
		mask := YMM()
		VCMPPS(predicate, zero, compared, mask)
		VANDPS(mask, v, v)
	}
}

// cutKernel cuts slopes off where values were.
func (m *machine) cutKernel() {
	m.begin("cut", "makes 0 of those of n slopes, a multiple of 16, whose unit is 0.", "n int, slopes, units *float32")
	n, slopes, units := arg("n"), arg("slopes"), arg("units")
	zero := m.zeros()
	k := GP64()
	XORQ(k, k)
	Label("loop")
	for i := range 16 / m.lanes {
		at := func(of Register) Mem { return Mem{Base: of, Index: k, Scale: 4, Disp: i * m.bytes()} }
		u, v := m.make(), m.make()
		VMOVUPS(at(units), u)
		VMOVUPS(at(slopes), v)
		m.keep(unequal, zero, u, v)
		VMOVUPS(v, at(slopes))
	}
	ADDQ(I32(16), k)
	CMPQ(k, n)
	JNE(LabelRef("loop"))
	end()
}

// What an exponential in float64 needs, as math.Exp has it on this platform.
var doubles = []float64{
	1 / math.Ln2, 0.69314718055966295651160180568695068359375, 0.28235290563031577122588448175013436025525412068e-12, 0.0625,
	2.4801587301587301587e-5, 1.9841269841269841270e-4, 1.3888888888888888889e-3, 8.3333333333333333333e-3, 4.1666666666666666667e-2, 1.6666666666666666667e-1, 0.5, 1, 2,
}

// expKernel is math.Exp, in the same operations.
func (m *machine) expKernel() {
	table := GLOBL("passDoubles"+m.name, RODATA|NOPTR)
	for i, v := range doubles {
		DATA(8*i, U64(math.Float64bits(v)))
	}
	DATA(8*len(doubles), U64(1023))
	m.begin("exp", "replaces n float64, a multiple of 8, that lie between -700 and 700 by their exponentials.", "n int, z *float64")
	n, z := arg("n"), arg("z")
	k := m.some(len(doubles) + 1)
	at := func(i int) Op { return table.Offset(8 * i) }
	held := func(i int) Op { // AVX2 has fewer registers
		if !m.wide() {
			k[i] = m.make()
		}
		VBROADCASTSD(at(i), k[i])
		return k[i]
	}
	if m.wide() {
		for i := range k {
			held(i)
		}
		held = func(i int) Op { return k[i] }
	}
	Label("loop")
	for part := range 16 / m.lanes {
		to := Mem{Base: z, Disp: part * m.bytes()}
		x, e, p := m.make(), m.make(), m.make()
		VMOVUPD(to, x)
		VMULPD(held(0), x, e)
		whole, bits := Op(YMM()), m.make()
		if m.wide() {
			VCVTPD2DQ(e, whole)
		} else {
			whole = XMM()
			VCVTPD2DQY(e, whole)
		}
		VCVTDQ2PD(whole, e)
		VFNMADD231PD(held(1), e, x)
		VFNMADD231PD(held(2), e, x)
		VMULPD(held(3), x, x)
		VBROADCASTSD(at(4), p)
		for i := 5; i <= 11; i++ {
			VFMADD213PD(held(i), x, p)
		}
		VMULPD(p, x, x)
		for range 3 {
			VADDPD(held(12), x, p)
			VMULPD(p, x, x)
		}
		VADDPD(held(12), x, p)
		VFMADD213PD(held(11), p, x)
		VPMOVSXDQ(whole, bits)
		VPADDQ(held(13), bits, bits)
		VPSLLQ(U8(52), bits, bits)
		VMULPD(bits, x, x)
		VMOVUPD(x, to)
	}
	ADDQ(I32(64), z)
	SUBQ(I32(8), n)
	JNZ(LabelRef("loop"))
	end()
}
