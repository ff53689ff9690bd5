package image

import (
	"bytes"
	"os"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// A whole image has the levels that a crop of its size shows of it, upright and
// with what is transparent as the contract says, of every format; what one
// refuses, the other does.
func TestWhole(t *testing.T) {
	files, err := os.ReadDir("testdata/images")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, f := range files {
		content := fixture(t, f.Name())
		for _, alpha := range []string{"drop", "9,99,199"} {
			s := plain()
			s.Alpha = alpha
			w, notes, err := mustNew(t, s).Whole(content)
			if err != nil {
				w.Width, w.Height = 8, 8
			}
			s.Resize, s.Crop = models.Resize{Mode: "none"}, models.Crop{Width: w.Width, Height: w.Height, Offset: "floor"}
			want := make([]byte, 3*w.Width*w.Height)
			same, other := mustNew(t, s).CropTo(want, content)
			switch {
			case (err == nil) != (other == nil):
				t.Errorf("%s: whole: %v, a crop: %v", f.Name(), err, other)
			case err == nil && (notes != same || !bytes.Equal(w.Levels, want)):
				t.Errorf("%s, alpha %s: other levels, or %+v and not %+v", f.Name(), alpha, notes, same)
			case err == nil:
				read++
			}
		}
	}
	if read < 200 {
		t.Errorf("%d images were read", read)
	}
}
