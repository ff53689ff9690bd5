package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"testing"
)

// TestPNG compares the crops of PNG images with Pillow's, level by level.
func TestPNG(t *testing.T) {
	m := readManifest(t)
	files := make(map[string]bool)
	cases := 0
	for _, c := range m.Cases {
		if c.Max != 0 {
			continue
		}
		s := m.Specs[c.Spec]
		got, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
		want := readArray(t, c.Array)
		if len(want.data) != len(got) {
			t.Errorf("%s, %s: %d levels, want %v", c.File, c.Spec, len(got), want.shape)
			continue
		}
		if !bytes.Equal(got, want.data) {
			worst, mean := difference(got, want.data)
			t.Errorf("%s, %s: the crop differs from Pillow's by up to %d levels, %.3g in the mean", c.File, c.Spec, worst, mean)
		}
		files[c.File] = true
		cases++
	}
	t.Logf("%d crops of %d PNG images compared with Pillow %s", cases, len(files), m.Versions["Pillow"])
	if len(files) < 40 {
		t.Errorf("%d PNG images compared, want 40 or more", len(files))
	}
}

// TestJPEG compares the crops of JPEG images with Pillow's. The standard
// library's inverse transform is not libjpeg-turbo's, and it upsamples the
// chroma of YCCK itself, so some levels differ.
func TestJPEG(t *testing.T) {
	m := readManifest(t)
	for _, c := range m.Cases {
		if c.Max == 0 {
			continue
		}
		s := m.Specs[c.Spec]
		got, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
		want := readArray(t, c.Array).data
		if len(want) != len(got) {
			t.Errorf("%s, %s: %d levels, want %d", c.File, c.Spec, len(got), len(want))
			continue
		}
		worst, mean := difference(got, want)
		t.Logf("%-32s %-18s max %d mean %.4f", c.File, c.Spec, worst, mean)
		if worst > c.Max || mean > c.Mean {
			t.Errorf("%s, %s: the crop differs from Pillow's by up to %d levels (want ≤ %d), %.3g in the mean (want ≤ %g)",
				c.File, c.Spec, worst, c.Max, mean, c.Mean)
		}
	}
}

func TestOrientationOfEXIF(t *testing.T) {
	for _, c := range readManifest(t).Exif {
		b, err := hex.DecodeString(c.Block)
		if err != nil {
			t.Fatal(err)
		}
		if got := orientation(b); got != c.Orientation {
			t.Errorf("orientation of %s is %d, Pillow says %d", c.Block, got, c.Orientation)
		}
	}
}

func TestOverEqualsAlphaComposite(t *testing.T) {
	h := sha256.New()
	row := make([]byte, 256)
	for under := range 256 {
		for alpha := range 256 {
			for v := range row {
				row[v] = over(uint8(v), uint8(alpha), uint8(under))
			}
			h.Write(row)
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil)), readManifest(t).OverSHA256; got != want {
		t.Errorf("digest of all levels, alphas and backdrops is %s, Pillow's is %s", got, want)
	}
}

func TestPlaceEqualsReference(t *testing.T) {
	for _, c := range readManifest(t).Places {
		num := func(i int) int { return int(c[i].(float64)) }
		lo, at, n := num(3), num(4), num(5)
		got := place(num(0), num(1), c[2] == "half-even")
		if want := (window{lo, lo + n, at}); got != want {
			t.Errorf("crop %d of %d, %s: %+v, want %+v", num(1), num(0), c[2], got, want)
		}
	}
}

func TestTableEqualsReference(t *testing.T) {
	for i, c := range readManifest(t).Contracts {
		s := plain()
		s.Mean, s.Std, s.Rescale = c.Mean, c.Std, c.Factor
		p := mustNew(t, s)
		want := readArray(t, fmt.Sprintf("levels%d", i))
		for ch := range 3 {
			for level := range 256 {
				w := math.Float32frombits(binary.LittleEndian.Uint32(want.data[4*(256*ch+level):]))
				if got := p.table[ch][level]; got != w {
					t.Errorf("contract %d: channel %d: level %d becomes %g, want %g", i, ch, level, got, w)
				}
			}
		}
	}
}
