package image

import (
	"image"
	"image/color"
	"strings"
	"testing"
)

func TestShrinkIsTheMean(t *testing.T) {
	src := image.NewNRGBA(image.Rect(3, 5, 7, 7)) // 4×2, not at the origin
	for i, c := range []color.NRGBA{{0, 0, 0, 255}, {100, 0, 0, 255}, {9, 9, 9, 0}, {200, 100, 40, 255}, {0, 40, 0, 255}, {100, 0, 0, 255}, {9, 9, 9, 0}, {200, 100, 40, 255}} {
		src.SetNRGBA(3+i%4, 5+i/4, c)
	}
	out := shrink(src, 2) // 2×1
	if out.Rect != image.Rect(0, 0, 2, 1) {
		t.Fatal(out.Rect)
	}
	// Transparent pixels have no colour.
	if a, b := out.NRGBAAt(0, 0), out.NRGBAAt(1, 0); a != (color.NRGBA{50, 10, 0, 255}) || b != (color.NRGBA{199, 99, 39, 128}) {
		t.Errorf("%v, %v", a, b)
	}
	if out := shrink(src, 4); out.Rect != image.Rect(0, 0, 4, 2) || out.NRGBAAt(1, 0) != (color.NRGBA{100, 0, 0, 255}) {
		t.Errorf("what is small enough is changed: %v", out)
	}
}

// TestTurn checks where the corners go. EXIF 2.32, 4.6.4: the 0th row and the
// 0th column are seen at top left (1), top right (2), bottom right (3), bottom
// left (4), left top (5), right top (6), right bottom (7), left bottom (8).
func TestTurn(t *testing.T) {
	src := image.NewNRGBA(image.Rect(0, 0, 2, 3))
	for i := range 6 {
		src.SetNRGBA(i%2, i/2, color.NRGBA{byte(i), 0, 0, 255}) // rows 01 23 45
	}
	for orientation, want := range []string{1: "01/23/45", "10/32/54", "54/32/10", "45/23/01", "024/135", "420/531", "531/420", "135/024"} {
		if orientation == 0 {
			continue
		}
		m := turned(src, orientation)
		var got strings.Builder
		for y := range m.Rect.Dy() {
			if y > 0 {
				got.WriteByte('/')
			}
			for x := range m.Rect.Dx() {
				got.WriteByte('0' + m.NRGBAAt(x, y).R)
			}
		}
		if got.String() != want {
			t.Errorf("orientation %d: %s, want %s", orientation, got.String(), want)
		}
	}
}

// A thumbnail is as the crop of the whole image is: upright, of the formats
// that are read, and refused where those are.
func TestThumbnail(t *testing.T) {
	for name, want := range map[string]image.Point{
		"rgb-301x203.png": {160, 108}, "turned1.jpg": {90, 62}, "turned6.jpg": {62, 90}, "turned6.png": {50, 75}, "cmyk.jpg": {160, 120},
	} {
		small, err := Thumbnail(fixture(t, name), 160)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := small.Rect.Size(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, content := range [][]byte{nil, []byte("not an image"), pngClaiming(50000, 50000), fixture(t, "turned6.jpg")[:900]} {
		_, err := Thumbnail(content, 160)
		_, want := mustNew(t, plain()).CropTo(make([]byte, 3*224*224), content)
		if err == nil || want == nil || err.Error() != want.Error() {
			t.Errorf("%.20q: %v, CropTo says %v", content, err, want)
		}
	}
}
