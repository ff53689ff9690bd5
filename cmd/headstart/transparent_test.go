package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// glyph is a black picture of 48×48 whose shape is in its alpha channel alone:
// without it, it is black all over. The bar is w×h at x, y.
func glyph(t *testing.T, x, y, w, h int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 48, 48))
	for j := y; j < y+h; j++ {
		for i := x; i < x+w; i++ {
			m.SetNRGBA(i, j, color.NRGBA{A: 255})
		}
	}
	return encoded(t, m)
}

func encoded(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A feature set counts the pictures with transparent parts, and one that
// replaces it with the same rows from the cache knows it still.
func TestTransparentPicturesAreCounted(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	t.Setenv("HEADSTART_BACKBONE", "vit")
	for name, content := range map[string][]byte{
		"a/1.png": glyph(t, 4, 4, 30, 6), "a/2.png": glyph(t, 4, 14, 30, 6), "a/again.png": glyph(t, 4, 4, 30, 6),
		"b/1.png": glyph(t, 4, 4, 6, 30), "b/opaque.png": encoded(t, image.NewGray(image.Rect(0, 0, 48, 48))),
	} {
		p.put("glyphs/"+name, content)
	}
	counted := func(features string) any {
		t.Helper()
		n, _ := p.one(t, "inspect "+features).at("meta.counts.transparent")
		return n
	}
	p.do(t, "extract glyphs")
	if got := counted("glyphs.features"); got != 4.0 {
		t.Errorf("%v pictures are transparent, want 4", got)
	}
	if out := p.do(t, "inspect glyphs.features"); !strings.Contains(out, "4 pictures have transparent parts") {
		t.Errorf("inspect: %s", out)
	}
	set := p.read("glyphs.features")
	p.one(t, "extract glyphs").wantNumbers(t, map[string]float64{"computed": 0})
	if !bytes.Equal(p.read("glyphs.features"), set) {
		t.Error("the same samples from the cache make another feature set")
	}
	p.do(t, "extract glyphs --out cached.features")
	if got := counted("cached.features"); got != nil {
		t.Errorf("%v pictures are said to be transparent, though none was decoded", got)
	}
	p.put("glyphs/c/1.png", glyph(t, 20, 20, 9, 9))
	p.do(t, "extract glyphs")
	if got := counted("glyphs.features"); got != 1.0 {
		t.Errorf("%v of other rows are transparent, want the 1 that was decoded", got)
	}
}
