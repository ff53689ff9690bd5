package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// TestCropEqualsFullResizeThenCrop: computing the crop's rows and columns alone
// gives what a full resize gives.
func TestCropEqualsFullResizeThenCrop(t *testing.T) {
	for _, file := range []string{"rgb-97x101.png", "rgb-40x30.png"} {
		content := fixture(t, file)
		for filter := range filters {
			for _, size := range [][2]int{{256, 256}, {64, 300}, {97, 90}} {
				s := plain()
				s.Resize = models.Resize{Engine: "pillow/1", Order: "hv", Mode: "exact", Width: size[0], Height: size[1], Filter: filter}
				s.Crop = models.Crop{}
				full, _ := cropOf(t, mustNew(t, s), content)
				for _, c := range []models.Crop{{Width: 50, Height: 33, Offset: "floor"}, {Width: 1, Height: 1, Offset: "half-even"}, {Width: 63, Height: 89, Offset: "half-even"}} {
					s.Crop = c
					got, _ := cropOf(t, mustNew(t, s), content)
					even := c.Offset == "half-even"
					x, y := place(size[0], c.Width, even).lo, place(size[1], c.Height, even).lo
					for i := range c.Height {
						want := full[3*((y+i)*size[0]+x):][:3*c.Width]
						if !bytes.Equal(got[3*i*c.Width:][:3*c.Width], want) {
							t.Fatalf("%s, %s to %v, crop %v: row %d differs", file, filter, size, c, i)
						}
					}
				}
			}
		}
	}
}

func TestResizedShortestSide(t *testing.T) {
	p := mustNew(t, plain())
	for _, c := range []struct{ w, h, wantW, wantH int }{
		{640, 480, 341, 256}, // int(341.33)
		{480, 640, 256, 341},
		{100, 100, 256, 256},
		{256, 300, 256, 300},
		{3, 2, 384, 256},
		{1000, 999, 256, 256}, // int(256.256)
		{1, 32768, 256, 256 * 32768},
	} {
		if w, h := p.resized(c.w, c.h); w != c.wantW || h != c.wantH {
			t.Errorf("%d×%d becomes %d×%d, want %d×%d", c.w, c.h, w, h, c.wantW, c.wantH)
		}
	}
}

func TestTapCacheIsBounded(t *testing.T) {
	var c tapCache[taps]
	bilinear := func(p pass) *taps { return newTaps(filters["bilinear"], p.in, p.out, p.lo, p.hi) }
	for in := 10; in < 10+2*maxTaps; in++ {
		a := c.of(pass{in, 9, 0, 9}, bilinear)
		if b := c.of(pass{in, 9, 0, 9}, bilinear); a != b {
			t.Fatalf("weights %d → 9 are computed twice", in)
		}
	}
	if len(c.m) > maxTaps {
		t.Errorf("%d entries are kept, the limit is %d", len(c.m), maxTaps)
	}
}

// pixels are digests of what this package makes of its fixtures. An embedding
// that was computed from other pixels must not be taken for an equal one, so
// the identity has to change whenever these change. (New fixtures change them,
// too: then, and only then, record the digests anew under the old names.)
var pixels = map[string]string{
	"image/1":                    "6d029d9a6c0d6cc2fdec0383f62ac0b5",
	"image/1 values":             "fc9d03ee5245ffc3b68a8535b933308c",
	"image/1 jpeg-islow-fancy/1": "0f78a715d52c9771a9df14a98743e817",
	"image/1 webp-libwebp/1":     "788a4aecbd0f00696cae2cf492826801",
}

func TestPixelsDidNotChange(t *testing.T) {
	m := readManifest(t)
	// What the backbone gets: each level of each contract, in either layout.
	values := sha256.New()
	apple := golden{File: "emoji/1f34e.png"}
	for _, c := range m.Contracts {
		for _, layout := range []string{"nchw", "nhwc"} {
			s := plain()
			s.Mean, s.Std, s.Rescale, s.Layout = c.Mean, c.Std, c.Factor, layout
			p := mustNew(t, s)
			w, h := p.Size()
			dst := make([]float32, 3*w*h)
			if _, err := p.To(dst, apple.content(t)); err != nil {
				t.Fatal(err)
			}
			for _, row := range p.table {
				dst = append(dst, row[:]...)
			}
			if err := binary.Write(values, binary.LittleEndian, dst); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := fmt.Sprintf("%x", values.Sum(nil)[:16]), pixels[Impl+" values"]; got != want {
		t.Errorf("the values of pixels changed: digest %s, recorded for %s is %q; raise Impl and record the digest here", got, Impl, want)
	}
	// One decoder's pixels are of JPEG, another one's of WebP; all other
	// formats define theirs.
	for _, kind := range []struct{ name, ending string }{{"", ""}, {" jpeg-islow-fancy/1", ".jpg"}, {" webp-libwebp/1", ".webp"}} {
		h := sha256.New()
		for _, c := range m.Cases {
			if ending := filepath.Ext(c.File); ending == kind.ending || kind.ending == "" && ending != ".jpg" && ending != ".webp" {
				s := m.Specs[c.Spec]
				crop, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
				h.Write(crop)
			}
		}
		if kind.name != "" && !strings.Contains("+"+Decode()+"+", "+"+kind.name[1:]+"+") {
			t.Errorf("Decode is %s, which has no%s; its new name needs a digest here", Decode(), kind.name)
		}
		if got, want := fmt.Sprintf("%x", h.Sum(nil)[:16]), pixels[Impl+kind.name]; got != want {
			t.Errorf("pixels changed: digest %s, recorded for %s%s is %q; raise Impl, or the decoder's version if it is that, and record the digest here", got, Impl, kind.name, want)
		}
	}
}
