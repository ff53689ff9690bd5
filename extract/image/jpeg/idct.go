package jpeg

import "encoding/binary"

// The factors of the transform, with 13 bits behind the point. It is that of C.
// Loeffler, A. Ligtenberg and G. Moschytz, "Practical Fast 1-D DCT Algorithms
// with 11 Multiplications", ICASSP 1989.
const (
	f0298 = 2446  // 0.298631336
	f0390 = 3196  // 0.390180644
	f0541 = 4433  // 0.541196100
	f0765 = 6270  // 0.765366865
	f0899 = 7373  // 0.899976223
	f1175 = 9633  // 1.175875602
	f1501 = 12299 // 1.501321110
	f1847 = 15137 // 1.847759065
	f1961 = 16069 // 1.961570560
	f2053 = 16819 // 2.053119869
	f2562 = 20995 // 2.562915447
	f3072 = 25172 // 3.072711026
)

// pass is the transform of one row or column. x are numbers of 16 bits; sums of
// two of them wrap around, as in the vector code that the reference runs.
// Results have 13 more bits behind the point than x, and round added.
func pass(x *[8]int32, round int32) (y [8]int32) {
	t0 := int32(int16(x[0]+x[4]))<<13 + round
	t1 := int32(int16(x[0]-x[4]))<<13 + round
	t2 := x[2]*f0541 + x[6]*(f0541-f1847)
	t3 := x[2]*(f0541+f0765) + x[6]*f0541
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	z3, z4 := int32(int16(x[7]+x[3])), int32(int16(x[5]+x[1]))
	z3, z4 = z3*(f1175-f1961)+z4*f1175, z3*f1175+z4*(f1175-f0390)
	o0 := x[7]*(f0298-f0899) - x[1]*f0899 + z3
	o1 := x[5]*(f2053-f2562) - x[3]*f2562 + z4
	o2 := x[3]*(f3072-f2562) - x[5]*f2562 + z3
	o3 := x[1]*(f1501-f0899) - x[7]*f0899 + z4
	return [8]int32{e0 + o3, e1 + o2, e2 + o1, e3 + o0, e3 - o0, e2 - o1, e1 - o2, e0 - o3}
}

// idctGo transforms a block (ITU-T T.81, A.3.3) and writes its 8×8 samples to
// dst, whose rows lie stride bytes apart. It is the oracle of idct.
func idctGo(dst []byte, stride int, coefs, quant *[64]int16) {
	// Columns first, of which 2 bits behind the point are kept. A block whose
	// rows 1 to 7 are empty wraps around where others saturate.
	var mid [8][8]int32
	flat := true
	for i, c := range coefs {
		if c != 0 && (i >= 16 || i&1 != 0) {
			flat = false
			break
		}
	}
	for i, column := range columnOrder {
		in := func(at int) int32 { return int32(coefs[at+2*i] * quant[at+2*i]) }
		x := [8]int32{in(0), in(33), in(16), in(48), in(1), in(49), in(17), in(32)}
		if flat {
			for row := range mid {
				mid[row][column] = int32(int16(x[0] << 2))
			}
			continue
		}
		if x[1]|x[2]|x[3]|x[4]|x[5]|x[6]|x[7] == 0 {
			v := min(max(x[0]<<2, -1<<15), 1<<15-1)
			for row := range mid {
				mid[row][column] = v
			}
			continue
		}
		for row, y := range pass(&x, 1<<10) {
			mid[row][column] = min(max(y>>11, -1<<15), 1<<15-1)
		}
	}
	for row := range mid {
		out := dst[row*stride:][:8]
		for column, y := range pass(&mid[row], 1<<17) {
			out[column] = level(y>>18 + 128)
		}
	}
}

// idctDC is idct for a block that has but its first coefficient.
func idctDC(dst []byte, stride int, coefs, quant *[64]int16) {
	v := level((int32(coefs[0]*quant[0]<<2)+16)>>5 + 128)
	eight := uint64(v) * 0x0101010101010101
	for row := range 8 {
		binary.LittleEndian.PutUint64(dst[row*stride:], eight)
	}
}

// level clips v to a level.
func level(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}
