package cache

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// halfValue is a half by the definition of IEEE 754-2019 §3.4.
func halfValue(h uint16) float64 {
	e, f := int(h>>10&0x1f), float64(h&0x3ff)
	v := math.Ldexp(1+f/1024, e-15)
	switch {
	case e == 31 && f == 0:
		v = math.Inf(1)
	case e == 31:
		return math.NaN()
	case e == 0:
		v = math.Ldexp(f, -24)
	}
	return math.Copysign(v, 1-2*float64(h>>15))
}

func TestEveryHalf(t *testing.T) {
	stored := make([]byte, 2)
	read := make([]float32, 1)
	for i := range 1 << 16 {
		h := uint16(i)
		want, got := halfValue(h), fromHalf(h)
		if math.IsNaN(want) {
			if got == got {
				t.Fatalf("%#04x is %v, want NaN", h, got)
			}
			if back := toHalf(got); back != h|0x200 {
				t.Fatalf("NaN %#04x becomes %#04x", h, back)
			}
			continue
		}
		if float64(got) != want || math.Signbit(float64(got)) != math.Signbit(want) {
			t.Fatalf("%#04x is %v, want %v", h, got, want)
		}
		if back := toHalf(got); back != h {
			t.Fatalf("%#04x, %v, becomes %#04x", h, got, back)
		}
		stored[0], stored[1] = byte(h), byte(h>>8)
		halvesTo(read, stored)
		if !sameBits(read, []float32{got}) {
			t.Fatalf("%#04x is %v in the table, want %v", h, read[0], got)
		}
	}
}

// Rounding is monotone, so it is right everywhere if it is right around each
// midpoint between neighbours: below goes down, above goes up, the midpoint
// itself to the even one.
func TestHalvesAreRoundedToNearestEven(t *testing.T) {
	for h := uint16(0); h < halfExponent; h++ {
		above := halfValue(h + 1)
		if h+1 == halfExponent {
			above = 65536 // where the next would be, were the exponent not used up
		}
		mid := float32((halfValue(h) + above) / 2) // exact: 12 significant bits
		even := h + h&1
		for _, tc := range []struct {
			x    float32
			want uint16
		}{
			{math.Nextafter32(mid, 0), h}, {mid, even}, {math.Nextafter32(mid, 1e9), h + 1},
		} {
			if got := toHalf(tc.x); got != tc.want {
				t.Fatalf("%v becomes %#04x, want %#04x", tc.x, got, tc.want)
			}
			if got := toHalf(-tc.x); got != tc.want|0x8000 {
				t.Fatalf("%v becomes %#04x, want %#04x", -tc.x, got, tc.want|0x8000)
			}
		}
	}
	for _, tc := range []struct {
		x    float32
		want uint16
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0x8000}, {math.SmallestNonzeroFloat32, 0}, {math.MaxFloat32, 0x7c00},
		{float32(math.Inf(1)), 0x7c00}, {float32(math.Inf(-1)), 0xfc00}, {65519.996, 0x7bff}, {65520, 0x7c00},
		{math.Float32frombits(0x7f800001), 0x7e00}, {math.Float32frombits(0xffc02000), 0xfe01},
	} {
		if got := toHalf(tc.x); got != tc.want {
			t.Errorf("%v becomes %#04x, want %#04x", tc.x, got, tc.want)
		}
	}
}

// halfSpace returns a space of rows of dim halves.
func halfSpace(t testing.TB, dim int) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": dim, "dtype": "f16", "output": "test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Rows of a space of halves come back rounded, take half the room, and are
// found, sealed and recovered like others. Odd numbers of odd rows leave the
// checksums unaligned.
func TestSpaceOfHalves(t *testing.T) {
	c, s := newCache(t, nil), halfSpace(t, 3)
	keys := testKeys(0, 5)
	rows := []float32{
		1, -1, 0.1, 65504, -65519.99, 5.9604645e-8, float32(math.Copysign(0, -1)), 2.9802322e-8, 2.98023259e-8,
		1e-30, 6.1035156e-5, 6.097555e-5, 1.0004883, 1.0014648, -3.14159265,
	}
	want := slices.Clone(rows)
	if err := s.Round(want); err != nil {
		t.Fatal(err)
	}
	for i, v := range want {
		if h := float32(halfValue(toHalf(rows[i]))); h != v {
			t.Errorf("%v is rounded to %v, want %v", rows[i], v, h)
		}
	}
	for round := range 2 {
		w, err := c.Writer(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(keys[2*round:2*round+3], rows[6*round:6*round+9]); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			w.Abandon() // the next writer recovers
		} else if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, 5)
	got := make([]float32, 15)
	if n := r.Locate(keys, refs); n != 0 {
		t.Fatalf("%d missing", n)
	}
	if err := r.RowsTo(got, refs); err != nil {
		t.Fatal(err)
	}
	if !sameBits(got, want) {
		t.Errorf("rows are %v, want %v", got, want)
	}
	for _, p := range segments(t, c, s) {
		fi, err := os.Stat(p)
		if err != nil || fi.Size() != pageSize+3*(2*3+4+KeySize) {
			t.Errorf("%s has %d bytes (%v)", filepath.Base(p), fi.Size(), err)
		}
	}
}

func TestHalvesThatDoNotFit(t *testing.T) {
	c, s := newCache(t, nil), halfSpace(t, 2)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, v := range []float32{65520, -65520, 1e6, float32(math.Inf(1)), float32(math.NaN())} {
		err := w.Append(testKeys(0, 1), []float32{1, v})
		if err == nil || !strings.Contains(err.Error(), "value 1 is") || !strings.Contains(err.Error(), "f16 cannot hold it") {
			t.Errorf("Append %v: %v", v, err)
		}
		if err := s.Round([]float32{0, v}); err == nil || !strings.Contains(err.Error(), "value 1 is") {
			t.Errorf("Round %v: %v", v, err)
		}
	}
}

// Segments and WALs of the other type are refused by name.
func TestOtherDType(t *testing.T) {
	single, half := testSpace(t, 4), halfSpace(t, 4)
	for _, tc := range []struct{ of, in *Space }{{single, half}, {half, single}} {
		seg := segmentBytes(t, tc.of, testKeys(0, 3))
		h, err := parseSegmentHeader(seg[:pageSize], int64(len(seg)))
		if err != nil {
			t.Fatal(err)
		}
		h.metadata = metadataOf(tc.in, nil) // as if only the type were wrong
		if err := h.belongs(tc.in); err == nil || !strings.Contains(err.Error(), "dtype") {
			t.Errorf("segment of %s in %s: %v", tc.of.DType(), tc.in.DType(), err)
		}
		wal := walBytes(t, tc.of, 2, testKeys(0, 4))
		w, _, err := parseWALHeader(wal)
		if err != nil {
			t.Fatal(err)
		}
		w.digest = tc.in.digest
		if err := w.belongs(tc.in); err == nil || !strings.Contains(err.Error(), "dtype") {
			t.Errorf("WAL of %s in %s: %v", tc.of.DType(), tc.in.DType(), err)
		}
	}
}

// An infinity that stands in a segment, with a right checksum, is reported.
func TestVerifyFindsInfiniteHalves(t *testing.T) {
	c, s := newDamagedCache(t, nil), halfSpace(t, 3)
	w := walHeader{digest: s.digest, dim: 3, dtype: f16}
	frame := w.appendFrame(w.encode(), 0, testKeys(0, 1), []byte{0, 0x3c, 0, 0x7c, 0, 0})
	write(t, c, s, 1, nil)
	if err := os.WriteFile(filepath.Join(c.Dir(), s.walDir(), strings.Repeat("a", 32)+walSuffix), frame, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, c, s, 1, nil) // seals it
	var found []string
	if _, err := c.Verify(context.Background(), Full, func(p Problem) { found = append(found, p.Err.Error()) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found, []string{"value 1 is +Inf"}) {
		t.Errorf("problems: %q", found)
	}
}
