package onnx

import "math"

// fromHalf returns the value of an IEEE 754 binary16 number.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0:
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// toHalf rounds to the nearest binary16 number, to the even one of two that are
// as near. What is too large becomes infinite.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign, x := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case x > 0x7f800000:
		return sign | 0x7e00 // not a number
	case x >= 0x47800000: // 65536; from 65520 on, rounding carries into the exponent
		return sign | 0x7c00
	case x < 0x38800000: // below 2⁻¹⁴: a multiple of 2⁻²⁴, which adding 1/2 rounds to
		return sign | uint16(math.Float32bits(math.Float32frombits(x)+0.5)-0x3f000000)
	}
	x += 0xfff + x>>13&1
	return sign | uint16((x-(127-15)<<23)>>13)
}

// fromBrain returns the value of a bfloat16 number: the upper half of a
// float32.
func fromBrain(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// toBrain rounds to the nearest bfloat16 number, to the even one of two.
func toBrain(v float32) uint16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
