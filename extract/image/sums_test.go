package image

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What vectors compute is what words compute, of every filter, at odd sizes and
// at the limits of levels.
func TestVectorsEqualWords(t *testing.T) {
	if !vectors {
		t.Skip("this processor has no AVX2")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	s := new(scratch)
	for name, f := range filters {
		for range 60 {
			in, out := 1+rng.IntN(90), 1+rng.IntN(70)
			lo := rng.IntN(out)
			taps := newTaps(f, in, out, lo, lo+1+rng.IntN(out-lo))
			// Levels at random, or the ends only, where sums overshoot most.
			rows, stride := make([]byte, in*lineBytes(in)), lineBytes(in)
			for i := range rows {
				rows[i] = byte(rng.IntN(256))
				if in%2 == 0 {
					rows[i] = -(rows[i] & 1)
				}
			}
			n := 3 * len(taps.first)
			got, want := make([]byte, lineBytes(len(taps.first))), make([]byte, n)
			row := rows[:stride]
			taps.sumRow(got, row, s)
			s.pack(row, row)
			sumColumns(want, want, s.packed, taps)
			if !bytes.Equal(got[:n], want) {
				t.Fatalf("%s, %d to %d, from %d: columns differ", name, in, out, lo)
			}
			for i := range taps.first {
				width := 1 + rng.IntN(3*in)
				got, want := make([]byte, width), make([]byte, width)
				from := rows[taps.first[i]*stride:]
				sumRows(got, from, stride, taps.weights(i))
				sumLanes(want, from, stride, taps.weights(i))
				if !bytes.Equal(got, want) {
					t.Fatalf("%s, %d to %d, output %d, %d levels: rows differ", name, in, out, lo+i, width)
				}
			}
		}
	}
}
