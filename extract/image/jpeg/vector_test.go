//go:build amd64 && !purego

package jpeg

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// The vector code computes what the Go code does, whatever the numbers.
func TestVectorsAreTheGoCode(t *testing.T) {
	if !vector {
		t.Skip("this processor has no AVX2; the Go code is all there is")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	levels := func(n int) []byte {
		b := make([]byte, n)
		extremes := rng.IntN(3) == 0
		for i := range b {
			if b[i] = byte(rng.Uint32()); extremes {
				b[i] = byte(-(rng.Uint32() & 1))
			}
		}
		return b
	}
	both := func(what string, n int, run func(dst []byte)) {
		t.Helper()
		got, want := bytes.Repeat([]byte{0xa5}, n), bytes.Repeat([]byte{0xa5}, n)
		run(got)
		vector = false
		run(want)
		vector = true
		if !bytes.Equal(got, want) {
			t.Fatalf("%s: vectors give\n% x, the Go code\n% x", what, got, want)
		}
	}
	for range 20_000 {
		var coefs, quant [64]int16
		span := []int{2, 40, 1024, 1 << 15}[rng.IntN(4)]
		number := func() int16 { return int16(rng.IntN(2*span) - span) }
		for range rng.IntN(65) {
			coefs[rng.IntN(64)] = number()
		}
		if rng.IntN(4) == 0 { // row 0 alone
			for i := range coefs {
				if i >= 16 || i&1 != 0 {
					coefs[i] = 0
				}
			}
		}
		for i := range quant {
			quant[i] = int16(1 + rng.IntN(255))
			if span > 1024 {
				quant[i] = int16(rng.Uint32())
			}
		}
		both("idct", 7*13+8, func(dst []byte) { idct(dst, 13, &coefs, &quant) })

		n := 1 + rng.IntN(200)
		a, b, c := levels(n), levels(n), levels(n)
		both("ycbcr", 3*n+2, func(dst []byte) { ycbcr(dst, a, b, c) })
		lo := rng.IntN(n)
		hi := lo + 1 + rng.IntN(n-lo)
		both("widen", 2*(hi-lo)+2, func(dst []byte) { widen(dst, a, lo, hi) })
		both("widenBetween", 2*(hi-lo)+2, func(dst []byte) { widenBetween(dst, a, b, lo, hi) })
	}
}

// All files decode to the same pixels without vectors.
func TestPixelsWithoutVectors(t *testing.T) {
	if !vector {
		t.Skip("this processor has no AVX2")
	}
	vector = false
	defer func() { vector = true }()
	TestPixelsAreTheReferences(t)
}
