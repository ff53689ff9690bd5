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

// idctGo transforms a block (ITU-T T.81, A.3.3) and writes its 8×8 samples to
// dst, whose rows lie stride bytes apart. It is the oracle of idctAVX2.
//
// Numbers that are transformed have 16 bits; sums of two of them wrap around,
// and the results of the first pass saturate, as in the vector code that the
// reference runs. No file that an encoder made comes near.
func idctGo(dst []byte, stride int, coefs, quant *[64]int16) {
	// Columns first, of which 2 bits behind the point are kept. mid has rows.
	var mid [64]int32
	flat := true // rows 1 to 7 are empty
	for i := 0; i < 16; i++ {
		if i&1 != 0 && coefs[i] != 0 || coefs[i+16]|coefs[i+32]|coefs[i+48] != 0 {
			flat = false
			break
		}
	}
	for i, column := range columnOrder {
		at := func(k int) int32 { return int32(coefs[k+2*i&63] * quant[k+2*i&63]) }
		out := mid[column:]
		out = out[:57]
		x0, x4 := at(0), at(1)
		x2, x6, x7, x1, x3, x5 := at(16), at(17), at(32), at(33), at(48), at(49)
		if x1|x2|x3|x4|x5|x6|x7 == 0 {
			v := saturate(x0 << 2)
			if flat {
				v = int32(int16(x0 << 2))
			}
			out[0], out[8], out[16], out[24], out[32], out[40], out[48], out[56] = v, v, v, v, v, v, v, v
			continue
		}
		const half = 1 << 10
		t0 := int32(int16(x0+x4))<<13 + half
		t1 := int32(int16(x0-x4))<<13 + half
		t2 := x2*f0541 + x6*(f0541-f1847)
		t3 := x2*(f0541+f0765) + x6*f0541
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2
		z3, z4 := int32(int16(x7+x3)), int32(int16(x5+x1))
		z3, z4 = z3*(f1175-f1961)+z4*f1175, z3*f1175+z4*(f1175-f0390)
		o0 := x7*(f0298-f0899) - x1*f0899 + z3
		o1 := x5*(f2053-f2562) - x3*f2562 + z4
		o2 := x3*(f3072-f2562) - x5*f2562 + z3
		o3 := x1*(f1501-f0899) - x7*f0899 + z4
		out[0], out[56] = saturate((e0+o3)>>11), saturate((e0-o3)>>11)
		out[8], out[48] = saturate((e1+o2)>>11), saturate((e1-o2)>>11)
		out[16], out[40] = saturate((e2+o1)>>11), saturate((e2-o1)>>11)
		out[24], out[32] = saturate((e3+o0)>>11), saturate((e3-o0)>>11)
	}
	for row := range 8 {
		x := mid[8*row : 8*row+8 : 8*row+8]
		out := dst[row*stride:][:8]
		const half = 1 << 17
		if x[1]|x[2]|x[3]|x[4]|x[5]|x[6]|x[7] == 0 {
			eight := uint64(level((x[0]<<13+half)>>18+128)) * 0x0101010101010101
			binary.LittleEndian.PutUint64(out, eight)
			continue
		}
		t0 := int32(int16(x[0]+x[4]))<<13 + half
		t1 := int32(int16(x[0]-x[4]))<<13 + half
		t2 := x[2]*f0541 + x[6]*(f0541-f1847)
		t3 := x[2]*(f0541+f0765) + x[6]*f0541
		e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2
		z3, z4 := int32(int16(x[7]+x[3])), int32(int16(x[5]+x[1]))
		z3, z4 = z3*(f1175-f1961)+z4*f1175, z3*f1175+z4*(f1175-f0390)
		o0 := x[7]*(f0298-f0899) - x[1]*f0899 + z3
		o1 := x[5]*(f2053-f2562) - x[3]*f2562 + z4
		o2 := x[3]*(f3072-f2562) - x[5]*f2562 + z3
		o3 := x[1]*(f1501-f0899) - x[7]*f0899 + z4
		out[0], out[7] = level((e0+o3)>>18+128), level((e0-o3)>>18+128)
		out[1], out[6] = level((e1+o2)>>18+128), level((e1-o2)>>18+128)
		out[2], out[5] = level((e2+o1)>>18+128), level((e2-o1)>>18+128)
		out[3], out[4] = level((e3+o0)>>18+128), level((e3-o0)>>18+128)
	}
}

// saturate clips v to 16 bits.
func saturate(v int32) int32 {
	if int32(int16(v)) != v {
		return v>>31 ^ 0x7fff
	}
	return v
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
