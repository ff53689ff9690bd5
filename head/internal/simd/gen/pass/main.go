// Command pass writes the assembly of what passes of a softmax fit are made of,
// and the Go declarations of it.
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/headstart-ml/headstart/head/internal/simd/gen/file"
)

// stride is the distance in bytes of two classes' residuals: PassRows float32.
const stride = 128 * 4

// machine is a set of vector instructions.
type machine struct {
	name  string
	lanes int // float32 in a vector
	make  func() VecVirtual
	dot   int // classes of the largest tile of dot
	outer int // classes of the largest tile of outer
}

var machines = []*machine{
	{name: "AVX2", lanes: 8, make: YMM, dot: 3, outer: 6},
	{name: "AVX512", lanes: 16, make: ZMM, dot: 6, outer: 12},
}

func (m *machine) bytes() int { return 4 * m.lanes }

// wide says that masks have registers of their own.
func (m *machine) wide() bool { return m.lanes == 16 }

func (m *machine) some(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = m.make()
	}
	return v
}

// zeros returns a vector of zeros.
func (m *machine) zeros() VecVirtual {
	v := m.make()
	m.clear(v)
	return v
}

// clear makes zeros of a vector.
func (m *machine) clear(v VecVirtual) {
	if m.wide() {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}

// What an exponential needs: e^x = 2^k·e^r, k = round(x/ln 2), r = x − k·ln 2,
// with the polynomial of Cephes (expf.c) for e^r on |r| ≤ ln(2)/2.
const (
	log2e = iota
	minusHi
	minusLo
	p0
	p1
	p2
	p3
	p4
	p5
	one
	least
	integer
)

var values = []float32{
	log2e: 1.44269504088896341, minusHi: -0.693359375, minusLo: 2.12194440e-4,
	p0: 1.9875691500e-4, p1: 1.3981999507e-3, p2: 8.3334519073e-3, p3: 4.1665795894e-2, p4: 1.6666665459e-1, p5: 5.0000001201e-1,
	one: 1, least: -87,
}

var lanes, bits, constants Mem

func main() {
	ConstraintExpr("amd64,!purego")
	lanes = GLOBL("passLanes", RODATA|NOPTR) // at 4·(8−n): n lanes of ones
	for i := range 16 {
		v := uint32(0)
		if i < 8 {
			v = 0xffffffff
		}
		DATA(4*i, U32(v))
	}
	bits = GLOBL("passBits", RODATA|NOPTR) // at 2·n: n ones
	for i := range 17 {
		DATA(2*i, U16(1<<i-1))
	}
	constants = GLOBL("passConstants", RODATA|NOPTR)
	for i := range integer + 1 {
		for j := range 8 {
			if i == integer {
				DATA(32*i+4*j, U32(1))
			} else {
				DATA(32*i+4*j, U32(math.Float32bits(values[i])))
			}
		}
	}
	for _, m := range machines {
		for c := 1; c <= m.dot; c++ {
			m.dotKernel(c)
		}
		for c := 1; c <= m.outer; c++ {
			m.outerKernel(c, false)
			m.outerKernel(c, true)
		}
		m.columnsKernel()
		m.softmaxKernel()
		m.sumKernel()
		m.flushKernel()
		m.shiftKernel()
		m.scaleKernel()
		m.halfKernel()
		m.narrowKernel()
		m.gradientKernel()
		m.momentsKernel()
		m.finiteKernel()
		m.adamKernel()
		m.sparseKernel()
		m.panelKernel()
		m.rectifyKernel()
		m.cutKernel()
		m.expKernel()
	}
	file.Write("pass")
}

// mask is that of the first lanes of a vector.
type mask struct {
	k  Register // wide
	at Mem
}

// maskOf returns the mask of the first n lanes. n is destroyed.
func (m *machine) maskOf(n Register) *mask {
	at := GP64()
	if m.wide() {
		k := K()
		LEAQ(bits, at)
		KMOVW(Mem{Base: at, Index: n, Scale: 2}, k)
		return &mask{k: k}
	}
	LEAQ(lanes, at)
	NEGQ(n)
	LEAQ(Mem{Base: at, Index: n, Scale: 4, Disp: 32}, at)
	return &mask{at: Mem{Base: at}}
}

// load loads the lanes of a mask, zeros elsewhere; nil: all lanes.
func (m *machine) load(from Mem, k *mask, to Op) {
	switch {
	case k == nil:
		VMOVUPS(from, to)
	case m.wide():
		VMOVUPS_Z(from, k.k, to)
	default:
		VMOVUPS(k.at, to)
		VMASKMOVPS(from, to, to)
	}
}

// store stores the lanes of a mask; nil: all lanes.
func (m *machine) store(from Op, k *mask, to Mem) {
	switch {
	case k == nil:
		VMOVUPS(from, to)
	case m.wide():
		VMOVUPS(from, k.k, to)
	default:
		v := YMM()
		VMOVUPS(k.at, v)
		VMASKMOVPS(from, v, to)
	}
}

// param is the place of a parameter.
func param(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// arg loads a parameter.
func arg(name string) Register { return Load(Param(name), GP64()) }

// begin begins a function.
func (m *machine) begin(name, doc, signature string) {
	TEXT(name+m.name, NOSPLIT, "func("+signature+")")
	Pragma("noescape")
	Doc(name + m.name + " " + doc)
}

// end ends a function.
func end() {
	VZEROUPPER()
	RET()
}

// whole puts the bytes of the whole vectors in d float32 into a register.
func (m *machine) whole(d Register) {
	Load(Param("d"), d)
	ANDQ(I32(-m.lanes), d)
	SHLQ(U8(2), d)
}

// dotKernel makes logits, of four rows and c classes at a time.
func (m *machine) dotKernel(c int) {
	m.begin(fmt.Sprintf("dot%dx4", c), fmt.Sprintf("writes the products of %d classes' weights and of groups of 4 rows, or adds them; ldx and ldw are in bytes.", c),
		"groups, d int, x *float32, rows *int, ldx int, w *float32, ldw int, z *float32, add bool")
	z, rows, groups := arg("z"), arg("rows"), arg("groups")
	// Pointers are to the end of the whole vectors; k goes up to 0.
	k := GP64()
	m.whole(k)
	w := make([]Register, c)
	for i := range w {
		w[i] = GP64()
		if i == 0 {
			Load(Param("w"), w[0])
			ADDQ(k, w[0])
		} else {
			MOVQ(w[i-1], w[i])
			ADDQ(param("ldw"), w[i])
		}
	}
	Label("group")
	m.whole(k)
	x := make([]Register, 4)
	for i := range x {
		x[i] = GP64()
		MOVQ(Mem{Base: rows, Disp: 8 * i}, x[i])
		IMULQ(param("ldx"), x[i])
		ADDQ(param("x"), x[i])
		ADDQ(k, x[i])
	}
	acc := make([]VecVirtual, 4*c)
	for i := range acc {
		acc[i] = m.zeros()
	}
	NEGQ(k)
	JZ(LabelRef("tail"))
	step := func(mask *mask) {
		wv := m.some(c)
		for i := range w {
			m.load(Mem{Base: w[i], Index: k, Scale: 1}, mask, wv[i])
		}
		for r := range x {
			xv := m.make()
			m.load(Mem{Base: x[r], Index: k, Scale: 1}, mask, xv)
			for i := range w {
				VFMADD231PS(wv[i], xv, acc[4*i+r])
			}
		}
	}
	Label("loop")
	step(nil)
	ADDQ(I32(m.bytes()), k)
	JNZ(LabelRef("loop"))
	Label("tail")
	MOVQ(param("d"), k)
	ANDQ(I32(m.lanes-1), k)
	JZ(LabelRef("reduce"))
	mask := m.maskOf(k)
	XORQ(k, k)
	step(mask)
	Label("reduce")
	CMPB(param("add"), U8(0))
	for i := range w {
		a := acc[4*i : 4*i+4]
		sum, high := XMM(), XMM()
		if m.wide() {
			lo, hi := ZMM(), ZMM()
			VUNPCKLPS(a[1], a[0], lo)
			VUNPCKHPS(a[1], a[0], hi)
			VADDPS(hi, lo, lo)
			lo2, hi2 := ZMM(), ZMM()
			VUNPCKLPS(a[3], a[2], lo2)
			VUNPCKHPS(a[3], a[2], hi2)
			VADDPS(hi2, lo2, lo2)
			VUNPCKHPD(lo2, lo, hi)
			VUNPCKLPD(lo2, lo, lo)
			VADDPS(hi, lo, lo)
			half := YMM()
			VEXTRACTF64X4(U8(1), lo, half)
			VADDPS(lo.AsY(), half, half)
			VEXTRACTF32X4(U8(1), half, high)
			VADDPS(half.AsX(), high, sum)
		} else {
			VHADDPS(a[1], a[0], a[0])
			VHADDPS(a[3], a[2], a[2])
			VHADDPS(a[2], a[0], a[0])
			VEXTRACTF128(U8(1), a[0], high)
			VADDPS(a[0].AsX(), high, sum)
		}
		to := Mem{Base: z, Disp: stride * i}
		plain := fmt.Sprintf("plain%d", i)
		JE(LabelRef(plain))
		VADDPS(to, sum, sum) // leaves the flags
		Label(plain)
		VMOVUPS(sum, to)
	}
	ADDQ(I32(16), z)
	ADDQ(I32(32), rows)
	DECQ(groups)
	JNZ(LabelRef("group"))
	end()
}

// outerKernel adds the products of residuals and rows to two vectors of c
// classes' gradients.
func (m *machine) outerKernel(c int, last bool) {
	name, doc := fmt.Sprintf("outer%d", c), fmt.Sprintf("adds Σ r·x over n rows to %d classes' gradients", c)
	what := "n int, r, x *float32, rows *int, ldx int, into *float32, ldg int, next *int"
	if last {
		name += "Tail"
		doc += ", d < two vectors of them; ldx and ldg are in bytes."
		what = "n int, r, x *float32, rows *int, ldx int, into *float32, ldg int, d int"
	} else {
		doc += ", two vectors of them, and fetches those of the rows that are next (nil: none); ldx and ldg are in bytes."
	}
	m.begin(name, doc, what)
	n, r, x, rows, ldx := arg("n"), arg("r"), arg("x"), arg("rows"), arg("ldx")
	var masks [2]*mask
	if last {
		d, first := arg("d"), GP64()
		full := GP64()
		MOVQ(U32(m.lanes), full)
		MOVQ(d, first)
		CMPQ(first, full)
		CMOVQGT(full, first)
		SUBQ(first, d)
		masks[0], masks[1] = m.maskOf(first), m.maskOf(d)
	}
	acc := make([]VecVirtual, 2*c)
	for i := range acc {
		acc[i] = m.zeros()
	}
	i := GP64()
	loop := func(next Register) {
		at := GP64()
		MOVQ(Mem{Base: rows, Index: i, Scale: 8}, at)
		IMULQ(ldx, at)
		xv := m.some(2)
		for v := range xv {
			m.load(Mem{Base: x, Index: at, Scale: 1, Disp: v * m.bytes()}, masks[v], xv[v])
		}
		if next != nil {
			ahead := GP64()
			MOVQ(Mem{Base: next, Index: i, Scale: 8}, ahead)
			IMULQ(ldx, ahead)
			for at := 0; at < 2*m.bytes(); at += 64 {
				PREFETCHT1(Mem{Base: x, Index: ahead, Scale: 1, Disp: at})
			}
		}
		for k := range c {
			rv := m.make()
			VBROADCASTSS(Mem{Base: r, Index: i, Scale: 4, Disp: stride * k}, rv)
			VFMADD231PS(xv[0], rv, acc[2*k])
			VFMADD231PS(xv[1], rv, acc[2*k+1])
		}
		INCQ(i)
		CMPQ(i, n)
	}
	XORQ(i, i)
	if !last {
		next := arg("next")
		TESTQ(next, next)
		JZ(LabelRef("alone"))
		Label("ahead")
		loop(next)
		JNE(LabelRef("ahead"))
		JMP(LabelRef("sum"))
		Label("alone")
	}
	Label("loop")
	loop(nil)
	JNE(LabelRef("loop"))
	Label("sum")
	g, ldg := arg("into"), arg("ldg")
	for k := range c {
		for v := range 2 {
			to := Mem{Base: g, Disp: v * m.bytes()}
			if masks[v] == nil {
				VADDPS(to, acc[2*k+v], acc[2*k+v])
			} else {
				had := m.make()
				m.load(to, masks[v], had)
				VADDPS(had, acc[2*k+v], acc[2*k+v])
			}
			m.store(acc[2*k+v], masks[v], to)
		}
		if k < c-1 {
			ADDQ(ldg, g)
		}
	}
	end()
}

// columnsKernel copies what the tiles of outerKernel read again and again.
func (m *machine) columnsKernel() {
	m.begin("columns", "copies two vectors of n rows, and fetches those of the rows that are next (nil: none); ldx is in bytes.", "n int, dst, x *float32, rows *int, ldx int, next *int")
	n, dst, x, rows, ldx, next := arg("n"), arg("dst"), arg("x"), arg("rows"), arg("ldx"), arg("next")
	TESTQ(next, next)
	JNZ(LabelRef("row"))
	MOVQ(rows, next)
	i, at, ahead := GP64(), GP64(), GP64()
	Label("row")
	XORQ(i, i)
	Label("loop")
	MOVQ(Mem{Base: rows, Index: i, Scale: 8}, at)
	IMULQ(ldx, at)
	MOVQ(Mem{Base: next, Index: i, Scale: 8}, ahead)
	IMULQ(ldx, ahead)
	for v := range 2 {
		y := m.make()
		VMOVUPS(Mem{Base: x, Index: at, Scale: 1, Disp: v * m.bytes()}, y)
		VMOVUPS(y, Mem{Base: dst, Disp: v * m.bytes()})
	}
	for at := 0; at < 2*m.bytes(); at += 64 {
		PREFETCHT1(Mem{Base: x, Index: ahead, Scale: 1, Disp: at})
	}
	ADDQ(I32(2*m.bytes()), dst)
	INCQ(i)
	CMPQ(i, n)
	JNE(LabelRef("loop"))
	end()
}

// constant returns a constant as an operand.
func (m *machine) constant(i int) Op {
	if !m.wide() {
		return constants.Offset(32 * i)
	}
	v := ZMM()
	VBROADCASTSS(constants.Offset(32*i), v)
	return v
}

// softmaxKernel makes residuals of logits, a vector of rows at a time.
func (m *machine) softmaxKernel() {
	m.begin("softmax", "turns logits without intercepts into residuals; see ResidualsTo.", "c, vectors int, z, bias *float32, y *int32, w, of, p *float32")
	z, bias, y, w, of, c := arg("z"), arg("bias"), arg("y"), arg("w"), arg("of"), arg("c")
	at, left, b := GP64(), GP64(), GP64()
	var k [integer + 1]Op
	for i := range k {
		k[i] = m.constant(i)
	}
	start := func() {
		MOVQ(z, at)
		MOVQ(c, left)
	}
	next := func(loop string) {
		ADDQ(I32(stride), at)
		DECQ(left)
		JNZ(LabelRef(loop))
	}
	// equal returns a mask of the rows whose class it is, and goes on to the
	// next class.
	label, class := m.make(), m.make()
	equal := func() Register {
		var k2 Register
		if m.wide() {
			k2 = K()
		} else {
			k2 = YMM()
		}
		VPCMPEQD(label, class, k2)
		VPADDD(k[integer], class, class)
		return k2
	}
	// blend puts own into v where own's class it is.
	blend := func(is Register, own, v Op) {
		if m.wide() {
			VMOVAPS(own, is, v)
		} else {
			VBLENDVPS(is, own, v, v)
		}
	}
	Label("vector")
	if m.wide() {
		VMOVDQU32(Mem{Base: y}, label)
	} else {
		VMOVDQU(Mem{Base: y}, label)
	}
	// The largest logit, and that of the class.
	start()
	m.clear(class)
	MOVQ(bias, b)
	top, own := m.make(), m.make()
	VBROADCASTSS(Mem{Base: b}, top)
	VADDPS(Mem{Base: at}, top, top)
	VMOVAPS(top, own)
	Label("top")
	v := m.make()
	VBROADCASTSS(Mem{Base: b}, v)
	VADDPS(Mem{Base: at}, v, v)
	VMOVUPS(v, Mem{Base: at})
	VMAXPS(v, top, top)
	blend(equal(), v, own)
	ADDQ(I32(4), b)
	next("top")
	VMOVUPS(top, Mem{Base: of})
	VMOVUPS(own, Mem{Base: of, Disp: stride})
	// Exponentials, their sum, and that of the other classes.
	start()
	m.clear(class)
	sum, others := m.zeros(), m.zeros()
	Label("exp")
	x, n, e := m.make(), m.make(), m.make()
	VMOVUPS(Mem{Base: at}, x)
	VSUBPS(top, x, x)
	// The second source comes out where one is NaN, in Go's order the first.
	if m.wide() {
		VMAXPS(x, k[least], x)
	} else {
		VMOVUPS(k[least], n)
		VMAXPS(x, n, x)
	}
	VMULPS(k[log2e], x, n)
	if m.wide() {
		VRNDSCALEPS(U8(0), n, n)
	} else {
		VROUNDPS(U8(0), n, n)
	}
	VFMADD231PS(k[minusHi], n, x)
	VFMADD231PS(k[minusLo], n, x)
	VMOVUPS(k[p0], e)
	for i := p1; i <= p5; i++ {
		VFMADD213PS(k[i], x, e)
	}
	square := m.make()
	VMULPS(x, x, square)
	VADDPS(k[one], x, x)
	VFMADD213PS(x, square, e)
	VCVTPS2DQ(n, n)
	VPSLLD(U8(23), n, n)
	VPADDD(n, e, e)
	VMOVUPS(e, Mem{Base: at})
	VADDPS(e, sum, sum)
	is := equal()
	if m.wide() {
		KNOTW(is, is)
		VADDPS(e, others, is, others)
	} else {
		VANDNPS(e, is, e)
		VADDPS(e, others, others)
	}
	next("exp")
	VMOVUPS(sum, Mem{Base: of, Disp: 2 * stride})
	VMOVUPS(others, Mem{Base: of, Disp: 3 * stride})
	// 1/Σ, and how far the class's own probability is from 1.
	inverse, short, minus := m.make(), m.make(), m.zeros()
	VMOVUPS(k[one], inverse)
	VDIVPS(sum, inverse, inverse)
	VMULPS(inverse, others, short)
	VSUBPS(short, minus, minus)
	p := arg("p")
	TESTQ(p, p)
	JZ(LabelRef("residuals"))
	start()
	Label("p")
	pv := m.make()
	VMULPS(Mem{Base: at}, inverse, pv)
	VMOVUPS(pv, Mem{Base: p})
	ADDQ(I32(stride), p)
	next("p")
	MOVQ(param("p"), p)
	ADDQ(I32(m.bytes()), p)
	MOVQ(p, param("p"))
	Label("residuals")
	start()
	m.clear(class)
	weight, curved := m.make(), m.zeros()
	VMOVUPS(Mem{Base: w}, weight)
	Label("residual")
	pv, rest := m.make(), m.make()
	VMULPS(Mem{Base: at}, inverse, pv)
	VMOVUPS(k[one], rest)
	VSUBPS(pv, rest, rest)
	is = equal()
	blend(is, short, rest)
	VFMADD231PS(rest, pv, curved)
	blend(is, minus, pv)
	VMULPS(weight, pv, pv)
	VMOVUPS(pv, Mem{Base: at})
	next("residual")
	VMOVUPS(curved, Mem{Base: of, Disp: 4 * stride})
	for _, pointer := range []Register{z, y, w, of} {
		ADDQ(I32(m.bytes()), pointer)
	}
	DECQ(param("vectors"))
	JNZ(LabelRef("vector"))
	end()
}

// sumKernel sums up residuals.
func (m *machine) sumKernel() {
	m.begin("sum", "adds each class's residuals to its sum.", "c, vectors int, r *float32, sums *float64")
	c, r, sums := arg("c"), arg("r"), arg("sums")
	at, left := GP64(), GP64()
	Label("class")
	MOVQ(r, at)
	Load(Param("vectors"), left)
	sum := m.zeros()
	Label("loop")
	VADDPS(Mem{Base: at}, sum, sum)
	ADDQ(I32(m.bytes()), at)
	DECQ(left)
	JNZ(LabelRef("loop"))
	x := m.folded(sum, VMOVAPS, VADDPS)
	VHADDPS(x, x, x)
	VHADDPS(x, x, x)
	VCVTSS2SD(x, x, x)
	VADDSD(Mem{Base: sums}, x, x)
	VMOVSD(x, Mem{Base: sums})
	ADDQ(I32(stride), r)
	ADDQ(I32(8), sums)
	DECQ(c)
	JNZ(LabelRef("class"))
	end()
}

// flushKernel moves float32 sums to float64 ones.
func (m *machine) flushKernel() {
	m.begin("flush", "adds n float32, a multiple of 16, to float64, or writes them, and clears them.", "n int, sums *float64, from *float32, add bool")
	n, sums, g := arg("n"), arg("sums"), arg("from")
	zero := m.zeros()
	loop := func(add bool) {
		for i := range 32 / m.lanes {
			from, to := Mem{Base: g, Disp: i * m.bytes() / 2}, Mem{Base: sums, Disp: i * m.bytes()}
			v := m.make()
			VCVTPS2PD(from, v)
			if add {
				VADDPD(to, v, v)
			}
			VMOVUPD(v, to)
		}
		for i := range 16 / m.lanes {
			VMOVUPS(zero, Mem{Base: g, Disp: i * m.bytes()})
		}
		ADDQ(I32(64), g)
		ADDQ(I32(128), sums)
		SUBQ(I32(16), n)
	}
	CMPB(param("add"), U8(0))
	JE(LabelRef("write"))
	Label("loop")
	loop(true)
	JNZ(LabelRef("loop"))
	JMP(LabelRef("done"))
	Label("write")
	loop(false)
	JNZ(LabelRef("write"))
	Label("done")
	end()
}

// adamKernel is a step of Adam, in the order of operations in which Go would do
// it, without fused multiply-add.
func (m *machine) adamKernel() {
	m.begin("adam", "moves n values, a multiple of 16; by are the factors of AdamStep.", "n int, values, gradient, first, second, by *float32")
	n, values, gradient, first, second, by := arg("n"), arg("values"), arg("gradient"), arg("first"), arg("second"), arg("by")
	factor := m.some(6)
	for i, f := range factor {
		VBROADCASTSS(Mem{Base: by, Disp: 4 * i}, f)
	}
	k := GP64()
	XORQ(k, k)
	Label("loop")
	g, a, b, c := m.make(), m.make(), m.make(), m.make()
	at := func(of Register) Mem { return Mem{Base: of, Index: k, Scale: 4} }
	VMOVUPS(at(gradient), g)
	VMULPS(at(first), factor[0], a)
	VMULPS(factor[1], g, b)
	VADDPS(b, a, a)
	VMOVUPS(a, at(first))
	VMULPS(at(second), factor[2], b)
	VMULPS(factor[3], g, c)
	VMULPS(g, c, c)
	VADDPS(c, b, b)
	VMOVUPS(b, at(second))
	VSQRTPS(b, b)
	VADDPS(factor[5], b, b)
	VMULPS(factor[4], a, a)
	VDIVPS(b, a, a)
	VMOVUPS(at(values), c)
	VSUBPS(a, c, c)
	VMOVUPS(c, at(values))
	ADDQ(I32(m.lanes), k)
	CMPQ(k, n)
	JNE(LabelRef("loop"))
	end()
}

// ahead is how many rows before its turn a row is fetched.
const ahead = 2

// shiftKernel gathers rows and shifts them.
func (m *machine) shiftKernel() {
	m.begin("shift", "writes x·factor − center of n rows into dst, n×d; ldx is in bytes.", "n, d int, dst, x *float32, rows *int, ldx int, factor, center *float32")
	m.gather(func(at func(name string) Mem, mask *mask, v VecVirtual) {
		if at != nil {
			m.shifted(at, mask, v)
		}
	})
}

// scaleKernel gathers rows and standardises them.
func (m *machine) scaleKernel() {
	m.begin("scale", "writes (x·factor − center − mean)·inverse·by of n rows into dst, n×d; by is of a row, ldx in bytes.",
		"n, d int, dst, x *float32, rows *int, ldx int, factor, center, mean, inverse, by *float32")
	by, share := arg("by"), m.make()
	m.gather(func(at func(name string) Mem, mask *mask, v VecVirtual) {
		if at == nil {
			VBROADCASTSS(Mem{Base: by}, share)
			ADDQ(I32(4), by)
			return
		}
		m.shifted(at, mask, v)
		mean, inverse := m.make(), m.make()
		m.load(at("mean"), mask, mean)
		m.load(at("inverse"), mask, inverse)
		VSUBPS(mean, v, v)
		VMULPS(inverse, v, v)
		VMULPS(share, v, v)
	})
}

// shifted shifts a vector of a row.
func (m *machine) shifted(at func(name string) Mem, mask *mask, v VecVirtual) {
	f, c := m.make(), m.make()
	m.load(at("factor"), mask, f)
	m.load(at("center"), mask, c)
	VMULPS(f, v, v)
	VSUBPS(c, v, v)
}

// gather writes what step makes of each vector of n rows, and ends a function.
// at is the place of a parameter's elements beside the vector's; it is nil when
// a row begins.
func (m *machine) gather(step func(at func(name string) Mem, mask *mask, v VecVirtual)) {
	n, dst, rows := arg("n"), arg("dst"), arg("rows")
	d := GP64()
	m.whole(d)
	x, next, k := GP64(), GP64(), GP64()
	held := map[string]Register{}
	for _, name := range []string{"factor", "center", "mean", "inverse"} {
		if _, err := Param(name).Resolve(); err == nil {
			held[name] = arg(name)
		}
	}
	vector := func(mask *mask) {
		if mask == nil { // the next row comes from anywhere
			PREFETCHT0(Mem{Base: next, Index: k, Scale: 1})
		}
		v := m.make()
		m.load(Mem{Base: x, Index: k, Scale: 1}, mask, v)
		step(func(name string) Mem { return Mem{Base: held[name], Index: k, Scale: 1} }, mask, v)
		m.store(v, mask, Mem{Base: dst, Index: k, Scale: 1})
	}
	rest := GP64()
	Load(Param("d"), rest)
	ANDQ(I32(m.lanes-1), rest)
	mask := m.maskOf(rest)
	Label("row")
	MOVQ(Mem{Base: rows}, x)
	IMULQ(param("ldx"), x)
	ADDQ(param("x"), x)
	MOVQ(x, next)
	CMPQ(n, U8(ahead))
	JLE(LabelRef("last"))
	MOVQ(Mem{Base: rows, Disp: 8 * ahead}, next)
	IMULQ(param("ldx"), next)
	ADDQ(param("x"), next)
	Label("last")
	step(nil, nil, nil)
	XORQ(k, k)
	CMPQ(k, d)
	JE(LabelRef("tail"))
	Label("loop")
	vector(nil)
	ADDQ(I32(m.bytes()), k)
	CMPQ(k, d)
	JNE(LabelRef("loop"))
	Label("tail")
	TESTQ(I32(m.lanes-1), param("d"))
	JZ(LabelRef("next"))
	vector(mask)
	Label("next")
	MOVQ(param("d"), k)
	LEAQ(Mem{Base: dst, Index: k, Scale: 4}, dst)
	ADDQ(I32(8), rows)
	DECQ(n)
	JNZ(LabelRef("row"))
	end()
}

// halfKernel widens float16.
func (m *machine) halfKernel() {
	m.begin("half", "writes n float16, a multiple of 16, as float32.", "n int, dst *float32, x *uint16")
	n, dst, x := arg("n"), arg("dst"), arg("x")
	Label("loop")
	for i := range 16 / m.lanes {
		v := m.make()
		VCVTPH2PS(Mem{Base: x, Disp: i * m.bytes() / 2}, v)
		VMOVUPS(v, Mem{Base: dst, Disp: i * m.bytes()})
	}
	ADDQ(I32(32), x)
	ADDQ(I32(64), dst)
	SUBQ(I32(16), n)
	JNZ(LabelRef("loop"))
	end()
}

// doubled is a float64 parameter in all lanes.
func (m *machine) doubled(name string) VecVirtual {
	v := m.make()
	VBROADCASTSD(param(name), v)
	return v
}

// folded adds up the halves of a vector until one of 128 bits is left.
func (m *machine) folded(sum VecVirtual, move, add func(...Op)) VecVirtual {
	half, high := YMM(), XMM()
	if m.wide() {
		VEXTRACTF64X4(U8(1), sum, half)
		add(sum.AsY(), half, half)
	} else {
		move(sum, half)
	}
	VEXTRACTF128(U8(1), half, high)
	x := XMM()
	add(half.AsX(), high, x)
	return x
}

// eights goes over n float64, a multiple of 8, and ends a function that adds
// the sum of what step adds to a vector to the parameter sum. at is the place
// of the vector's elements, which are size bytes each.
func (m *machine) eights(n Register, step func(at func(base Register, size int) Mem, sum VecVirtual)) {
	i := GP64()
	XORQ(i, i)
	sums := []VecVirtual{m.zeros(), m.zeros()}
	Label("loop")
	for part := range 16 / m.lanes {
		step(func(base Register, size int) Mem {
			return Mem{Base: base, Index: i, Scale: uint8(size), Disp: part * size * m.lanes / 2}
		}, sums[part])
	}
	ADDQ(I32(8), i)
	CMPQ(i, n)
	JNE(LabelRef("loop"))
	VADDPD(sums[1], sums[0], sums[0])
	to := arg("sum")
	x := m.folded(sums[0], VMOVAPD, VADDPD)
	VHADDPD(x, x, x)
	VADDSD(Mem{Base: to}, x, x)
	VMOVSD(x, Mem{Base: to})
	end()
}

// narrowKernel makes weights for rows as they are.
func (m *machine) narrowKernel() {
	m.begin("narrow", "writes w·inverse as float32, n a multiple of 8, and adds Σ of that times mean.", "n int, w, inverse, mean *float64, to *float32, sum *float64")
	n, w, inverse, mean, to := arg("n"), arg("w"), arg("inverse"), arg("mean"), arg("to")
	m.eights(n, func(at func(base Register, size int) Mem, sum VecVirtual) {
		v := m.make()
		VMOVUPD(at(w, 8), v)
		VMULPD(at(inverse, 8), v, v)
		if m.wide() {
			narrow := YMM()
			VCVTPD2PS(v, narrow)
			VMOVUPS(narrow, at(to, 4))
			VCVTPS2PD(narrow, v)
		} else {
			narrow := XMM()
			VCVTPD2PSY(v, narrow)
			VMOVUPS(narrow, at(to, 4))
			VCVTPS2PD(narrow, v)
		}
		VFMADD231PD(at(mean, 8), v, sum)
	})
}

// gradientKernel makes the gradient for standardised rows of that for rows as
// they are.
func (m *machine) gradientKernel() {
	m.begin("gradient", "writes (g·share − db·mean)·inverse + lambda·w, n a multiple of 8, and adds Σ w².", "n int, to, from, w, mean, inverse *float64, share, db, lambda float64, sum *float64")
	n, to, from, w, mean, inverse := arg("n"), arg("to"), arg("from"), arg("w"), arg("mean"), arg("inverse")
	share, db, lambda := m.doubled("share"), m.doubled("db"), m.doubled("lambda")
	m.eights(n, func(at func(base Register, size int) Mem, sum VecVirtual) {
		v, wv := m.make(), m.make()
		VMOVUPD(at(from, 8), v)
		VMULPD(share, v, v)
		VFNMADD231PD(at(mean, 8), db, v)
		VMULPD(at(inverse, 8), v, v)
		VMOVUPD(at(w, 8), wv)
		VFMADD231PD(lambda, wv, v)
		VFMADD231PD(wv, wv, sum)
		VMOVUPD(v, at(to, 8))
	})
}

// momentsKernel sums up rows' deviations and their squares, 16 features at a
// time.
func (m *machine) momentsKernel() {
	m.begin("moments", "adds Σ w·(x−pivot) and Σ w·(x−pivot)² of n rows, d a multiple of 16; ldx is in bytes.", "n, d int, x *float32, rows *int, ldx int, w, pivot, sum, square *float64")
	n, x, rows, ldx, w, pivot, sum, square := arg("n"), arg("x"), arg("rows"), arg("ldx"), arg("w"), arg("pivot"), arg("sum"), arg("square")
	count := 32 / m.lanes // vectors of float64
	Label("features")
	p, s, q := m.some(count), m.some(count), m.some(count)
	for v := range count {
		VMOVUPD(Mem{Base: pivot, Disp: v * m.bytes()}, p[v])
		VMOVUPD(Mem{Base: sum, Disp: v * m.bytes()}, s[v])
		VMOVUPD(Mem{Base: square, Disp: v * m.bytes()}, q[v])
	}
	i := GP64()
	XORQ(i, i)
	Label("row")
	at := GP64()
	MOVQ(Mem{Base: rows, Index: i, Scale: 8}, at)
	IMULQ(ldx, at)
	weight := m.make()
	VBROADCASTSD(Mem{Base: w, Index: i, Scale: 8}, weight)
	for v := range count {
		e, we := m.make(), m.make()
		VCVTPS2PD(Mem{Base: x, Index: at, Scale: 1, Disp: v * m.bytes() / 2}, e)
		VSUBPD(p[v], e, e)
		VMULPD(e, weight, we)
		VADDPD(we, s[v], s[v])
		VFMADD231PD(we, e, q[v])
	}
	INCQ(i)
	CMPQ(i, n)
	JNE(LabelRef("row"))
	for v := range count {
		VMOVUPD(s[v], Mem{Base: sum, Disp: v * m.bytes()})
		VMOVUPD(q[v], Mem{Base: square, Disp: v * m.bytes()})
	}
	for _, pointer := range []Register{pivot, sum, square} {
		ADDQ(I32(128), pointer)
	}
	ADDQ(I32(64), x)
	SUBQ(I32(16), param("d"))
	JNZ(LabelRef("features"))
	end()
}

// finiteKernel finds out whether there is a NaN or an infinity.
func (m *machine) finiteKernel() {
	m.begin("finite", "writes Σ (x−x) of n numbers, a multiple of 16, in 16 lanes: each is 0, or NaN if a number of it is not finite.", "n int, x, of *float32")
	n, x, of := arg("n"), arg("x"), arg("of")
	sums := m.some(16 / m.lanes)
	for i := range sums {
		sums[i] = m.zeros()
	}
	Label("loop")
	for i := range sums {
		v := m.make()
		VMOVUPS(Mem{Base: x, Disp: i * m.bytes()}, v)
		VSUBPS(v, v, v)
		VADDPS(v, sums[i], sums[i])
	}
	ADDQ(I32(64), x)
	SUBQ(I32(16), n)
	JNZ(LabelRef("loop"))
	for i := range sums {
		VMOVUPS(sums[i], Mem{Base: of, Disp: i * m.bytes()})
	}
	end()
}
