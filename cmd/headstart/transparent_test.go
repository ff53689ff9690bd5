package main

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
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

// What the cache has does not change the feature set: it does not count what is
// seen only where pictures are decoded.
func TestTransparentPicturesAndTheCache(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	t.Setenv("HEADSTART_BACKBONE", "vit")
	p.put("glyphs/a/1.png", glyph(t, 4, 4, 30, 6))
	p.put("glyphs/b/1.png", glyph(t, 4, 4, 6, 30))
	p.do(t, "extract glyphs")
	set := p.read("glyphs.features")
	if err := os.Remove("glyphs.features"); err != nil {
		t.Fatal(err)
	}
	p.one(t, "extract glyphs").wantNumbers(t, map[string]float64{"computed": 0})
	if !bytes.Equal(p.read("glyphs.features"), set) {
		t.Error("the same samples from the cache make another feature set")
	}
}

// train-head measures both ways to read transparent parts where the cache has
// both; extract says what to type for that.
func TestTransparencyIsExplainedWithBothFigures(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	t.Setenv("HEADSTART_BACKBONE", "vit")
	// Shapes in the alpha channel alone, on pictures that are black all over:
	// without it there is nothing to see.
	for i := range 12 {
		p.put(fmt.Sprintf("glyphs/wide/%d.png", i), glyph(t, 4, 2+3*i, 40, 6+i%3))
		p.put(fmt.Sprintf("glyphs/tall/%d.png", i), glyph(t, 2+3*i, 4, 6+i%3, 40))
	}
	const train = "train-head --by none --l2 0.01 --cv 3 "
	_, _, hint := p.try(t, "extract glyphs")
	type said struct {
		kind, text string
		count      float64
	}
	alpha := func(o object) *said {
		for _, n := range o["notes"].([]any) {
			if n := n.(map[string]any); n["kind"] == "alpha" {
				return &said{"alpha", n["text"].(string), n["count"].(float64)}
			}
		}
		return nil
	}
	if o := p.one(t, train+"glyphs.features"); alpha(o) != nil {
		t.Errorf("a note on what the cache has not: %+v", alpha(o))
	} else if _, ok := o.at("alpha"); ok {
		t.Error("figures of what the cache has not")
	}
	head := p.read("glyphs.head.onnx")
	if !strings.Contains(hint, "--alpha white lays them on white") {
		t.Errorf("extract does not say what to type: %s", hint)
	}
	p.do(t, "extract --alpha white --out glyphs-white.features glyphs")

	// Nothing is computed, and no sample is read.
	t.Setenv("HEADSTART_RUNTIME", filepath.Join(t.TempDir(), "gone.so"))
	if err := os.Rename("glyphs", "elsewhere"); err != nil {
		t.Fatal(err)
	}
	white := p.one(t, train+"--out white.head.onnx glyphs-white.features")
	both := p.one(t, train+"--report page.html glyphs.features")
	if !bytes.Equal(p.read("glyphs.head.onnx"), head) {
		t.Error("the head is another one where there is something to compare it with")
	}
	have, other := both.number(t, "alpha.have_accuracy"), both.number(t, "alpha.other_accuracy")
	if have != both.number(t, "metrics.cv.accuracy.value") || other != white.number(t, "metrics.cv.accuracy.value") {
		t.Errorf("accuracies %v and %v; heads of the two feature sets have %v and %v", have, other, both.number(t, "metrics.cv.accuracy.value"), white.number(t, "metrics.cv.accuracy.value"))
	}
	if low := both.number(t, "alpha.difference.low"); !(other > have && low > 0) || both.number(t, "alpha.transparent") != 24 {
		t.Errorf("shapes that are seen on white alone: %v", both["alpha"])
	}
	n := alpha(both)
	for _, part := range []string{
		"24 of the 24 pictures have transparent parts: ", fmt.Sprintf("accuracy %.3f with their hidden colours (--alpha drop), %.3f laid on white (--alpha white)", have, other),
		"; headstart extract --backbone vit --alpha white --out glyphs.features glyphs --replace takes the other", "95 % interval",
	} {
		if !strings.Contains(n.text, part) {
			t.Errorf("the note %q does not say %q", n.text, part)
		}
	}
	page := html.UnescapeString(string(p.read("page.html")))
	if !strings.Contains(page, fmt.Sprintf("%.3f laid on white", other)) {
		t.Error("the report does not say it")
	}
	if _, _, stderr := p.try(t, train+"glyphs.features"); strings.Count(stderr, "laid on white (--alpha white)") != 1 {
		t.Errorf("at a terminal: %s", stderr)
	}
	// The other set knows that it is the better one, and one λ stands for both
	// where it was chosen.
	if n := alpha(p.one(t, "train-head --by none --cv 3 --l2-points 3 glyphs-white.features")); n == nil || !strings.Contains(n.text, "the features at hand are the better ones") || !strings.Contains(n.text, "both at λ = ") {
		t.Errorf("of the other set: %+v", n)
	}
}

// Pictures without transparent parts are the same in both ways: there is
// nothing to say.
func TestOpaquePicturesAreNotCompared(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	t.Setenv("HEADSTART_BACKBONE", "vit")
	for i := range 6 {
		wide, tall := image.NewGray(image.Rect(0, 0, 48, 48)), image.NewGray(image.Rect(0, 0, 48, 48))
		for k := range 48 {
			wide.SetGray(k, 3+7*i, color.Gray{Y: 255})
			tall.SetGray(3+7*i, k, color.Gray{Y: 255})
		}
		p.put(fmt.Sprintf("lines/wide/%d.png", i), encoded(t, wide))
		p.put(fmt.Sprintf("lines/tall/%d.png", i), encoded(t, tall))
	}
	p.do(t, "extract lines --alpha white --out white.features")
	p.do(t, "extract lines")
	o := p.one(t, "train-head --by none --l2 0.1 --cv 2 lines.features")
	if _, ok := o.at("alpha"); ok || strings.Contains(fmt.Sprint(o["notes"]), "transparent") {
		t.Errorf("compared: %v, %v", o["alpha"], o["notes"])
	}
}
