package onnx

import (
	"math"
	"testing"
)

// Every float16 number survives, and what lies between two goes to the nearest,
// in the middle to the even one.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		v := fromHalf(uint16(h))
		if math.IsNaN(float64(v)) {
			if x := toHalf(v); x&0x7c00 != 0x7c00 || x&0x3ff == 0 {
				t.Fatalf("%#x: not a number becomes %#x", h, x)
			}
			continue
		}
		if back := toHalf(v); back != uint16(h) {
			t.Fatalf("%#x: %g becomes %#x", h, v, back)
		}
		if h&0x7fff >= 0x7bff { // the largest, and infinity
			continue
		}
		next := fromHalf(uint16(h) + 1)
		middle := (v + next) / 2 // exact
		even := uint16(h) + uint16(h)&1
		if have := toHalf(middle); have != even {
			t.Fatalf("between %g and %g: %#x, want %#x", v, next, have, even)
		}
		away, to := float32(math.Inf(1)), uint16(h)+1
		if next < v {
			away = float32(math.Inf(-1))
		}
		if have := toHalf(math.Nextafter32(middle, away)); have != to {
			t.Fatalf("above the middle of %g and %g: %#x, want %#x", v, next, have, to)
		}
		if have := toHalf(math.Nextafter32(middle, -away)); have != uint16(h) {
			t.Fatalf("below the middle of %g and %g: %#x, want %#x", v, next, have, h)
		}
	}
	for v, want := range map[float32]uint16{
		65519.996: 0x7bff, 65520: 0x7c00, -1e30: 0xfc00, 1e-10: 0, -1e-10: 0x8000, 65504: 0x7bff,
		float32(math.Inf(1)): 0x7c00,
	} {
		if have := toHalf(v); have != want {
			t.Errorf("%g: %#x, want %#x", v, have, want)
		}
	}
	for v, want := range map[float32]uint16{1: 0x3f80, 1.00390625: 0x3f80, 1.01171875: 0x3f82, math.MaxFloat32: 0x7f80} {
		if have := toBrain(v); have != want {
			t.Errorf("bfloat16 of %g: %#x, want %#x", v, have, want)
		}
	}
	if v := fromBrain(toBrain(float32(math.NaN()))); !math.IsNaN(float64(v)) {
		t.Errorf("not a number becomes %g", v)
	}
}
