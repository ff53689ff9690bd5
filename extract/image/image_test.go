package image

import (
	"bytes"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// TestNewNamesTheField changes one field of a good contract at a time.
func TestNewNamesTheField(t *testing.T) {
	for _, c := range []struct {
		field  string // as the error names it
		change func(*models.ImageSpec)
	}{
		{"exif", func(s *models.ImageSpec) { s.EXIF = "" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "black" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "1,2" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "1,2,3,4" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "1,2,256" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "1,2,-3" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "1,2, 3" }},
		{"alpha", func(s *models.ImageSpec) { s.Alpha = "01,2,3" }}, // one colour has one spelling in the identity
		{"grey16", func(s *models.ImageSpec) { s.Grey16 = "wrap" }},
		{"convert", func(s *models.ImageSpec) { s.Convert = "bgr" }},
		{"layout", func(s *models.ImageSpec) { s.Layout = "hwc" }},
		{"resize.mode", func(s *models.ImageSpec) { s.Resize.Mode = "longest" }},
		{"resize.engine", func(s *models.ImageSpec) { s.Resize.Engine = "pillow/2" }},
		{"resize.order", func(s *models.ImageSpec) { s.Resize.Order = "vh" }},
		{"resize.filter", func(s *models.ImageSpec) { s.Resize.Filter = "cubic" }},
		{"resize.width", func(s *models.ImageSpec) { s.Resize.Width = 0 }},
		{"resize.width", func(s *models.ImageSpec) { s.Resize.Width = maxTarget + 1 }},
		{"resize.height", func(s *models.ImageSpec) { s.Resize.Height = -1 }},
		{"resize", func(s *models.ImageSpec) { s.Resize.Height = 255 }},
		{"resize", func(s *models.ImageSpec) { s.Resize.Mode = "none" }},
		{"resize.longest", func(s *models.ImageSpec) { s.Resize.Longest = 256 }},
		{"resize.longest", func(s *models.ImageSpec) { s.Resize.Mode, s.Resize.Longest = "exact", 300 }},
		{"crop", func(s *models.ImageSpec) { s.Crop = models.Crop{} }},
		{"crop.fill", func(s *models.ImageSpec) {
			s.Resize.Mode, s.Crop = "exact", models.Crop{Fill: [3]uint8{1, 2, 3}}
		}},
		{"resize.filter", func(s *models.ImageSpec) {
			s.Resize.Mode, s.Resize.Width, s.Resize.Height, s.Resize.Filter = "none", 0, 0, "cubic"
		}},
		{"crop.offset", func(s *models.ImageSpec) {
			s.Resize.Mode, s.Crop = "exact", models.Crop{Offset: "ceil"}
		}},
		{"crop.width", func(s *models.ImageSpec) { s.Crop.Width = 0 }},
		{"crop.height", func(s *models.ImageSpec) { s.Crop.Height = maxTarget + 1 }},
		{"crop.offset", func(s *models.ImageSpec) { s.Crop.Offset = "ceil" }},
		{"rescale", func(s *models.ImageSpec) { s.Rescale = 0 }},
		{"rescale", func(s *models.ImageSpec) { s.Rescale = math.NaN() }},
		{"rescale", func(s *models.ImageSpec) { s.Rescale = 1e38 }},
		{"mean[1]", func(s *models.ImageSpec) { s.Mean[1] = math.Inf(1) }},
		{"std[2]", func(s *models.ImageSpec) { s.Std[2] = 0 }},
		{"std[0]", func(s *models.ImageSpec) { s.Std[0] = 1e-60 }},
	} {
		s := plain()
		c.change(s)
		p, err := New(s, nil)
		if err == nil {
			t.Errorf("%s: %+v is accepted", c.field, *s)
			continue
		}
		if p != nil {
			t.Errorf("%s: a preprocessor beside an error", c.field)
		}
		if !strings.HasPrefix(err.Error(), "image: spec: "+c.field+": ") && !strings.HasPrefix(err.Error(), "image: spec: "+c.field+", ") {
			t.Errorf("%s: the error does not name the field: %v", c.field, err)
		}
	}
	if _, err := New(nil, nil); err == nil {
		t.Error("no contract is accepted")
	}
}

func TestSize(t *testing.T) {
	s := plain()
	s.Crop.Width = 200
	if w, h := mustNew(t, s).Size(); w != 200 || h != 224 {
		t.Errorf("size is %d×%d, want 200×224", w, h)
	}
	s.Resize.Mode, s.Resize.Height, s.Crop = "exact", 99, models.Crop{}
	if w, h := mustNew(t, s).Size(); w != 256 || h != 99 {
		t.Errorf("size is %d×%d, want 256×99", w, h)
	}
}

func TestToIsTheCropThroughTheTable(t *testing.T) {
	content := fixture(t, "rgb-301x203.png")
	s := plain()
	s.Crop.Height = 200
	s.Mean = [3]float64{0.1, 0.2, 0.3}
	s.Std = [3]float64{0.4, 0.5, 0.6}
	p := mustNew(t, s)
	crop, _ := cropOf(t, p, content)
	s.Layout = "nhwc"
	q := mustNew(t, s)
	nchw, nhwc := make([]float32, len(crop)), make([]float32, len(crop))
	if _, err := p.To(nchw, content); err != nil {
		t.Fatal(err)
	}
	if _, err := q.To(nhwc, content); err != nil {
		t.Fatal(err)
	}
	n := len(crop) / 3
	for i, level := range crop {
		c := i % 3
		want := (float64(level)*s.Rescale - s.Mean[c]) / s.Std[c]
		if got := nchw[c*n+i/3]; math.Abs(float64(got)-want) > 1e-6 {
			t.Fatalf("nchw: pixel %d, channel %d: %g, want %g", i/3, c, got, want)
		}
		if nhwc[i] != nchw[c*n+i/3] {
			t.Fatalf("nhwc: pixel %d, channel %d: %g, nchw has %g", i/3, c, nhwc[i], nchw[c*n+i/3])
		}
	}
}

func TestDestinationOfTheWrongLength(t *testing.T) {
	p := mustNew(t, plain())
	content := fixture(t, "rgb-40x30.png")
	if _, err := p.CropTo(make([]byte, 5), content); err == nil || !strings.Contains(err.Error(), "want 150528") {
		t.Errorf("CropTo: %v", err)
	}
	if _, err := p.To(make([]float32, 5), content); err == nil || !strings.Contains(err.Error(), "want 150528") {
		t.Errorf("To: %v", err)
	}
}

func TestNotes(t *testing.T) {
	for _, c := range []struct {
		file string
		want Notes
	}{
		{"rgb-40x30.png", Notes{}},
		{"rgba8.png", Notes{Alpha: true}},
		{"rgba16.png", Notes{Alpha: true}},
		{"rgba8-clear.png", Notes{Alpha: true}},
		{"rgba8-opaque.png", Notes{}},
		{"la8.png", Notes{Alpha: true}},
		{"rgb8-key.png", Notes{Alpha: true}},
		{"palette8-alpha.png", Notes{Alpha: true}},
		{"palette-unused-alpha.png", Notes{}},
		{"palette8.png", Notes{}},
		{"grey16.png", Notes{Grey16: true}},
		{"grey16-key.png", Notes{Grey16: true}},
		{"la16.png", Notes{Alpha: true}},
		{"turned6.png", Notes{Turned: true}},
		{"turned1.jpg", Notes{}},
		{"turned8.jpg", Notes{Turned: true}},
		{"cmyk.jpg", Notes{}},
	} {
		for _, alpha := range []string{"drop", "white"} {
			s := plain()
			s.Alpha = alpha
			if _, got := cropOf(t, mustNew(t, s), fixture(t, c.file)); got != c.want {
				t.Errorf("%s, %s: %+v, want %+v", c.file, alpha, got, c.want)
			}
		}
	}
	s := plain()
	s.EXIF = "ignore"
	if _, got := cropOf(t, mustNew(t, s), fixture(t, "turned6.png")); got.Turned {
		t.Error("turned although the orientation is to be ignored")
	}
}

func TestConcurrentUse(t *testing.T) {
	p := mustNew(t, plain())
	files := []string{"rgb-301x203.png", "rgba8.png", "turned6.jpg", "jpeg420-333x217-q75.jpg", "palette8-alpha.png", "rgb-3x2000.png", "grey.jpg"}
	want := make([][]byte, len(files))
	for i, f := range files {
		want[i], _ = cropOf(t, mustNew(t, plain()), fixture(t, f))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			dst := make([]byte, len(want[0]))
			for k := range 2 * len(files) {
				i := (g + k) % len(files)
				content, err := os.ReadFile("testdata/images/" + files[i])
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := p.CropTo(dst, content); err != nil {
					t.Errorf("%s: %v", files[i], err)
				}
				if !bytes.Equal(dst, want[i]) {
					t.Errorf("%s: the crop depends on what else is computed", files[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestPanicBecomesAnError(t *testing.T) {
	p := mustNew(t, plain())
	_, err := p.crop(nil, fixture(t, "rgb-40x30.png"), View{}, new(scratch)) // writes past the end
	if err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("error is %v", err)
	}
}

func BenchmarkPNG(b *testing.B) {
	content, err := os.ReadFile("../../testdata/emoji/images/1f004.png")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, content)
}

func BenchmarkJPEG(b *testing.B) { benchmark(b, photograph(b, 640, 480)) }

func benchmark(b *testing.B, content []byte) {
	p := mustNew(b, plain())
	dst := make([]float32, 3*224*224)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.To(dst, content); err != nil {
			b.Fatal(err)
		}
	}
}

// decoded returns a picture of an image that is decoded, so that what follows
// can be measured alone.
func decoded(t testing.TB, p *Preprocessor, content []byte) picture {
	t.Helper()
	hd, err := ReadHeader(content)
	if err != nil {
		t.Fatal(err)
	}
	img, err := hd.Format.decode(&hd)
	if err != nil {
		t.Fatal(err)
	}
	pic, err := p.rowsOf(img, new(scratch))
	if err != nil {
		t.Fatal(err)
	}
	pic.w, pic.h = hd.Width, hd.Height
	return pic
}

// BenchmarkFit is the resize and crop alone.
func BenchmarkFit(b *testing.B) {
	p := mustNew(b, plain())
	s := new(scratch)
	pic := decoded(b, p, photograph(b, 640, 480))
	dst := make([]byte, 3*224*224)
	for b.Loop() {
		if err := p.fit(dst, &pic, 341, 256, s); err != nil {
			b.Fatal(err)
		}
	}
}
