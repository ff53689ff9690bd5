package cache

import (
	"encoding/binary"
	"math"
	"sync"
)

// IEEE 754-2019 §3.6: binary16 has a sign, 5 bits of exponent with bias 15 and
// 10 bits of fraction; binary32 has 8 with bias 127 and 23.
const (
	halfExponent = 0x7c00     // the exponent of infinities and NaNs
	halfOverflow = 0x477ff000 // bits of 65520, the least float32 that rounds to infinity
	halfNormal   = 0x38800000 // bits of 2^-14, the least normal half
)

// toHalf rounds to the nearest half, ties to even. A magnitude of 65520 or
// more becomes infinite; a NaN stays one and keeps the top of its payload.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &^= 1 << 31
	switch {
	case b > 0x7f800000: // NaN; the quiet bit keeps the fraction from being zero
		return sign | halfExponent | 0x200 | uint16(b>>13&0x3ff)
	case b >= halfOverflow:
		return sign | halfExponent
	case b >= halfNormal:
		// Adding just under half of the last place carries where the rest is
		// more than half, or half and the last place odd.
		b += 0xfff + b>>13&1
		return sign | uint16((b-(127-15)<<23)>>13)
	}
	// Subnormal: the sum with 1/2, whose last place is 2^-24 as that of a
	// subnormal half, is rounded by the hardware in the right way.
	sum := math.Float32frombits(b) + 0.5
	return sign | uint16(math.Float32bits(sum)-math.Float32bits(0.5))
}

// fromHalf returns the same number as float32; every half is one.
func fromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	rest := uint32(h & 0x7fff)
	switch {
	case rest >= halfExponent: // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | (rest&0x3ff)<<13)
	case rest >= 0x400:
		return math.Float32frombits(sign | rest<<13 + (127-15)<<23)
	}
	// Subnormal: rest·2^-24, exact.
	return math.Float32frombits(sign | math.Float32bits(float32(rest)*(1.0/(1<<24))))
}

// halves is fromHalf as a table of 256 KiB, which stays in the CPU's cache.
var halves = sync.OnceValue(func() *[1 << 16]float32 {
	t := new([1 << 16]float32)
	for h := range t {
		t[h] = fromHalf(uint16(h))
	}
	return t
})

// halvesTo reads len(dst) little-endian halves.
func halvesTo(dst []float32, src []byte) {
	t := halves()
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = t[binary.LittleEndian.Uint16(src[2*i:])]
	}
}

// appendHalves appends x as little-endian halves.
func appendHalves(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint16(b, toHalf(v))
	}
	return b
}
