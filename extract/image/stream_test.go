package image

import (
	"bytes"
	"testing"
)

// What is decoded row by row, in the region that is needed, gives the crops and
// views that the whole image gives, in either order of the passes, with vectors
// and without a resize.
func TestStreamsEqualWholeImages(t *testing.T) {
	old := plain()
	old.Resize.Order, old.Resize.Width, old.Resize.Height, old.Crop.Width, old.Crop.Height = "pillow13", 40, 40, 33, 32
	wide := stretched()
	wide.Resize.Order, wide.Resize.Width, wide.Resize.Height = "pillow13", 300, 20
	for i, s := range []*Preprocessor{mustNew(t, plain()), mustNew(t, unsized()), mustNew(t, old), mustNew(t, wide)} {
		for _, name := range []string{"jpeg420-333x217-q75.jpg", "progressive.jpg", "jpeg444-320x240-q90.jpg", "jpeg422-17x16.jpg", "cmyk.jpg"} {
			content := fixture(t, name)
			for n := range 12 {
				v := View{Key: [32]byte{byte(n), 7}, Number: n}
				got := shown(t, s, content, v)
				pic, want, memory := decoded(t, s, content), make([]byte, len(got)), new(scratch)
				var err error
				if n == 0 {
					w, h := s.resized(pic.w, pic.h)
					err = s.fit(want, &pic, w, h, memory)
				} else {
					err = s.show(want, &pic, v.frame(pic.w, pic.h, s.aspect(pic.w, pic.h)), memory)
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s, contract %d, view %d: it differs, %v", name, i, n, err)
				}
			}
		}
	}
}

// Damage behind the rows that the crop needs is found.
func TestStreamsAreReadToTheirEnd(t *testing.T) {
	content := photograph(t, 300, 900) // the crop is in the middle
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	if _, err := p.CropTo(dst, content); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{len(content) - 2, len(content) - 40, len(content) * 9 / 10} {
		_, err := p.CropTo(dst, content[:n])
		if e, ok := err.(*Error); !ok || e.Kind() != KindTruncated {
			t.Errorf("%d of %d bytes: %v", n, len(content), err)
		}
	}
}
