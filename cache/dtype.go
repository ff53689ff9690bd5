package cache

import (
	"fmt"
	"math"
)

// dtype is the type of a stored value; its number stands in WALs.
type dtype uint32

// The types of values.
const (
	f32 dtype = 1 // IEEE 754 binary32
	f16 dtype = 2 // IEEE 754 binary16, rounded to nearest, ties to even
)

// dtypeOf returns the type of that name in a space's identity.
func dtypeOf(name string) (dtype, bool) {
	switch name {
	case "f32":
		return f32, true
	case "f16":
		return f16, true
	}
	return 0, false
}

// String returns the name in a space's identity.
func (d dtype) String() string {
	if d == f16 {
		return "f16"
	}
	return "f32"
}

// tensor returns the name in a safetensors header.
func (d dtype) tensor() string {
	if d == f16 {
		return "F16"
	}
	return "F32"
}

// size returns the bytes of a value.
func (d dtype) size() int {
	if d == f16 {
		return 2
	}
	return 4
}

// encode returns rows as they are stored, little-endian: rows themselves for
// f32, else in buf, which grows.
func (d dtype) encode(buf []byte, rows []float32) []byte {
	if d == f16 {
		return appendHalves(buf[:0], rows)
	}
	return bytesOf(rows)
}

// decodeTo turns stored values into float32; len(src) is len(dst)×size.
func (d dtype) decodeTo(dst []float32, src []byte) {
	if d == f16 {
		halvesTo(dst, src)
		return
	}
	copy(bytesOf(dst), src)
}

// unfit returns the index of the first value that cannot be stored, because it
// is NaN or infinite or would be rounded to infinity, or -1.
func (d dtype) unfit(x []float32) int {
	limit := uint32(0x7f800000) // of the magnitude's bits
	if d == f16 {
		limit = halfOverflow
	}
	for i, v := range x {
		if math.Float32bits(v)&^(1<<31) >= limit {
			return i
		}
	}
	return -1
}

// unfitStored returns the index of the first stored value that is NaN or
// infinite, and the value, or -1.
func (d dtype) unfitStored(b []byte) (int, float32) {
	if d == f32 {
		x := floatsOf(b)
		if i := d.unfit(x); i >= 0 {
			return i, x[i]
		}
		return -1, 0
	}
	for i := 0; i < len(b); i += 2 {
		if h := uint16(b[i]) | uint16(b[i+1])<<8; h&halfExponent == halfExponent {
			return i / 2, fromHalf(h)
		}
	}
	return -1, 0
}

// Round sets each value of rows to the nearest one that the space can store:
// what a Reader gives back after Append. A value that is NaN or infinite, or
// in a space of f16 would become infinite (magnitude 65520 or more), is an
// error, and rows is left as it was.
func (s *Space) Round(rows []float32) error {
	if i := s.dtype.unfit(rows); i >= 0 {
		return fmt.Errorf("cache: space %s: value %d is %v, %s cannot hold it", s, i, rows[i], s.dtype)
	}
	if s.dtype == f16 {
		for i, v := range rows {
			rows[i] = fromHalf(toHalf(v))
		}
	}
	return nil
}
