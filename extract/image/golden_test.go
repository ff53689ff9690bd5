package image

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"testing"
)

// TestEqualToTheReference compares crops with Pillow's, level by level: of
// every format that is read, in what processors do.
func TestEqualToTheReference(t *testing.T) {
	m := readManifest(t)
	files, specs := make(map[string]int), make(map[string]bool)
	cases := 0
	for _, c := range m.Cases {
		s := m.Specs[c.Spec]
		got, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
		if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != c.SHA256 {
			t.Errorf("%s, %s: the crop differs from Pillow's", c.File, c.Spec)
		}
		files[c.File]++
		specs[c.Spec] = true
		cases++
	}
	t.Logf("%d crops of %d images in %d contracts compared with Pillow %s", cases, len(files), len(specs), m.Versions["Pillow"])
	kinds := make(map[string]int)
	for file, n := range files {
		kinds[filepath.Ext(file)]++
		if n < 5 {
			t.Errorf("%s is compared in %d contracts, want 5 or more", file, n)
		}
	}
	for kind, want := range map[string]int{".png": 60, ".jpg": 40, ".gif": 25, ".bmp": 30, ".webp": 40, ".tif": 40} {
		if kinds[kind] < want {
			t.Errorf("%d images of %s are compared, want %d or more", kinds[kind], kind, want)
		}
	}
}

func TestOrientationOfEXIF(t *testing.T) {
	for _, c := range readManifest(t).Exif {
		b, err := hex.DecodeString(c.Block)
		if err != nil {
			t.Fatal(err)
		}
		if got := orientation(b, nil); got != c.Orientation {
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
