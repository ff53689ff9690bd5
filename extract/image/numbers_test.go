package image

import (
	"math"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// numbers is a contract whose processor resizes numbers.
func numbers(w, h int, filter string) *models.ImageSpec {
	s := plain()
	s.Resize = models.Resize{Engine: "torch/1", Order: "hv", Mode: "exact", Width: w, Height: h, Filter: filter}
	s.Crop = models.Crop{}
	return s
}

// Where numbers are resized the crop is a picture of them, and not what the
// backbone gets: they lie between levels, and bicubic goes beyond black and
// white.
func TestNumbersAreResized(t *testing.T) {
	content := photograph(t, 97, 61)
	for _, filter := range []string{"bilinear", "bicubic"} {
		for _, size := range [][2]int{{40, 30}, {97, 30}, {40, 61}, {97, 61}, {130, 90}} {
			s := numbers(size[0], size[1], filter)
			s.Mean, s.Std = [3]float64{}, [3]float64{1, 1, 1}
			p, err := New(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := 3 * size[0] * size[1]
			crop, values := make([]uint8, n), make([]float32, n)
			for _, view := range []View{{}, {Number: 1}, {Number: 2}} {
				if _, err := p.ViewCropTo(crop, content, view); err != nil {
					t.Fatal(err)
				}
				if _, err := p.ViewTo(values, content, view); err != nil {
					t.Fatal(err)
				}
				between := 0
				for i, level := range crop {
					x := 255 * float64(values[i%3*n/3+i/3])
					if d := math.Abs(max(0, min(255, x)) - float64(level)); d > 0.5001 {
						t.Fatalf("%s %v, view %d: value %d is %v levels, in the picture %d", filter, size, view.Number, i, x, level)
					} else if d > 0.01 {
						between++
					}
				}
				if same := view.Number == 0 && size == [2]int{97, 61}; same != (between == 0) {
					t.Errorf("%s %v, view %d: %d of %d values lie between levels", filter, size, view.Number, between, n)
				}
			}
			if p.Levels() || p.ValuesTo(values, crop) == nil {
				t.Errorf("%s: a picture is taken for what the backbone gets", filter)
			}
		}
	}
}

// Where nothing is resized numbers are levels times the factor, in every
// layout and order of channels.
func TestNumbersAreLaidOut(t *testing.T) {
	content := photograph(t, 20, 10)
	levels := plain()
	levels.Resize, levels.Crop = models.Resize{Engine: "pillow/1", Order: "hv", Mode: "exact", Width: 20, Height: 10, Filter: "bilinear"}, models.Crop{}
	for _, layout := range []string{"nchw", "nhwc"} {
		for _, channels := range []string{"", "bgr"} {
			of := func(s *models.ImageSpec) []float32 {
				s.Layout, s.Channels, s.Mean, s.Std = layout, channels, [3]float64{0.1, 0.2, 0.3}, [3]float64{0.4, 0.5, 0.6}
				p, err := New(s, nil)
				if err != nil {
					t.Fatal(err)
				}
				out := make([]float32, 600)
				if _, err := p.To(out, content); err != nil {
					t.Fatal(err)
				}
				return out
			}
			want := of(levels)
			for i, x := range of(numbers(20, 10, "bicubic")) {
				if math.Abs(float64(x-want[i])) > 1e-6 {
					t.Fatalf("%s %s: value %d is %v, want %v", layout, channels, i, x, want[i])
				}
			}
		}
	}
}

// Filters and orders that PyTorch does not have for numbers are refused.
func TestNumbersThatAreNotResized(t *testing.T) {
	for _, change := range []func(s *models.ImageSpec){
		func(s *models.ImageSpec) { s.Resize.Filter = "lanczos" },
		func(s *models.ImageSpec) { s.Resize.Order = "pillow13" },
	} {
		s := numbers(8, 8, "bilinear")
		change(s)
		if _, err := New(s, nil); err == nil {
			t.Errorf("%+v is taken", s.Resize)
		}
	}
}

func BenchmarkFitNumbers(b *testing.B) {
	p, err := New(numbers(224, 224, "bilinear"), nil)
	if err != nil {
		b.Fatal(err)
	}
	content, out := photograph(b, 640, 480), make([]float32, 3*224*224)
	for b.Loop() {
		if _, err := p.To(out, content); err != nil {
			b.Fatal(err)
		}
	}
}
