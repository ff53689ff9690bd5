package image

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

func TestViewsDiffer(t *testing.T) {
	for _, s := range []*models.ImageSpec{plain(), stretched(), unsized()} {
		p := mustNew(t, s)
		for _, file := range []string{"rgb-301x203.png", "rgb-97x101.png", "turned6.png", "rgba8.png"} {
			content := fixture(t, file)
			key := sha256.Sum256(content)
			seen := map[string]int{}
			for number := range 6 {
				v := View{key, number}
				crop := shown(t, p, content, v)
				if !bytes.Equal(crop, shown(t, p, content, v)) {
					t.Errorf("%s, view %d: it differs from call to call", file, number)
				}
				if other, twice := seen[string(crop)]; twice {
					t.Errorf("%s: views %d and %d are equal", file, other, number)
				}
				seen[string(crop)] = number
				values := make([]float32, len(crop))
				want := make([]float32, len(crop))
				if _, err := p.ViewTo(values, content, v); err != nil {
					t.Fatal(err)
				}
				if err := p.ValuesTo(want, crop); err != nil {
					t.Fatal(err)
				}
				for i := range want {
					if values[i] != want[i] {
						t.Fatalf("%s, view %d: value %d is not that of the crop", file, number, i)
					}
				}
			}
			if plain, _ := cropOf(t, p, content); seen[string(plain)] != 0 || !bytes.Equal(plain, shown(t, p, content, View{Key: key})) {
				t.Errorf("%s: view 0 is not the plain image", file)
			}
			key[0] ^= 1
			if _, same := seen[string(shown(t, p, content, View{key, 1}))]; same {
				t.Errorf("%s: another key has the same view", file)
			}
		}
	}
	if _, err := mustNew(t, plain()).ViewCropTo(make([]byte, 5), fixture(t, "rgb-40x30.png"), View{Number: 1}); err == nil {
		t.Error("5 levels are taken")
	}
	if _, err := mustNew(t, plain()).ViewTo(make([]float32, 5), fixture(t, "rgb-40x30.png"), View{Number: 1}); err == nil {
		t.Error("5 values are taken")
	}
}

// TestFrames looks at what is drawn: it lies inside, and the numbers are spread
// as they should be.
func TestFrames(t *testing.T) {
	for _, c := range []struct {
		w, h   int
		aspect float64
		least  float64 // share of the area
	}{
		{400, 400, 1, 0.59}, {640, 480, 4. / 3, 0.59}, {640, 480, 1, 0.55}, {500, 500, 2, 0.3},
		{1600, 400, 1, 0.19}, {400, 1600, 1, 0.19}, {1, 1, 1, 1}, {2, 1, 1, 0.5}, {32768, 1, 1, 0}, {1, 32768, 1, 0}, {3, 2, 40, 0.3},
	} {
		const n = 2000
		var flips, mean, across, logs float64
		places := map[[2]int]bool{}
		for i := range n {
			f := View{sha256.Sum256([]byte{byte(i), byte(i >> 8)}), 1 + i%3}.frame(c.w, c.h, c.aspect)
			if f.x < 0 || f.y < 0 || f.w < 1 || f.h < 1 || f.x+f.w > c.w || f.y+f.h > c.h {
				t.Fatalf("%d×%d: %+v is not inside", c.w, c.h, f)
			}
			share := float64(f.w*f.h) / float64(c.w*c.h)
			ratio := float64(f.w) / float64(f.h) / c.aspect
			if share < c.least {
				t.Errorf("%d×%d: %+v is %.2f of the area", c.w, c.h, f, share)
			}
			if c.w >= 400 && c.h >= 400 && (ratio < 0.79 || ratio > 1.26) {
				t.Errorf("%d×%d: the ratio of %+v is %.2f", c.w, c.h, f, ratio)
			}
			mean, logs = mean+share/n, logs+math.Log(ratio)/n
			if f.flip {
				flips++
			}
			if c.w > f.w {
				across += float64(f.x) / float64(c.w-f.w) / n
			}
			places[[2]int{f.x, f.y}] = true
		}
		if flips < 0.45*n || flips > 0.55*n {
			t.Errorf("%d×%d: %v of %d are mirrored", c.w, c.h, flips, n)
		}
		if c.w == 400 && c.h == 400 {
			// Large ones of extreme ratios do not fit, so that the mean is
			// below 0.8.
			if mean < 0.75 || mean > 0.8 || math.Abs(logs) > 0.02 || math.Abs(across-0.5) > 0.03 || len(places) < n/2 {
				t.Errorf("mean area %.3f, ratio %.3f, place %.3f, %d places", mean, logs, across, len(places))
			}
		}
	}
}

// TestAViewIsAResizedPart: cutting out and resizing with the contract's filter
// gives the same levels, and a mirrored view is the mirrored one.
func TestAViewIsAResizedPart(t *testing.T) {
	white := stretched()
	white.Alpha = "white"
	for _, c := range []struct {
		file string
		spec *models.ImageSpec
	}{
		{"rgb-301x203.png", plain()}, {"rgb-301x203.png", stretched()}, {"rgb-40x30.png", plain()}, {"rgba8.png", white},
		{"turned6.png", stretched()}, {"turned8.jpg", plain()},
	} {
		p := mustNew(t, c.spec)
		w, h := p.Size()
		content := fixture(t, c.file)
		key := sha256.Sum256([]byte(c.file))
		// The upright image in RGB, by a contract that changes nothing else.
		fw, fh, err := p.Pixels(content)
		if err != nil {
			t.Fatal(err)
		}
		if c.file == "turned6.png" || c.file == "turned8.jpg" {
			fw, fh = fh, fw
		}
		as := *c.spec
		as.Resize, as.Crop = models.Resize{Mode: "none"}, models.Crop{Width: fw, Height: fh, Offset: "floor"}
		whole, _ := cropOf(t, mustNew(t, &as), content)
		flips := 0
		for number := 1; number < 9; number++ {
			v := View{key, number}
			f := v.frame(fw, fh, p.aspect(fw, fh))
			part := image.NewRGBA(image.Rect(0, 0, f.w, f.h))
			for y := range f.h {
				for x := range f.w {
					from := whole[3*((f.y+y)*fw+f.x+x):]
					part.SetRGBA(x, y, color.RGBA{from[0], from[1], from[2], 255})
				}
			}
			var file bytes.Buffer
			if err := png.Encode(&file, part); err != nil {
				t.Fatal(err)
			}
			resized := *c.spec
			resized.Resize.Mode, resized.Resize.Width, resized.Resize.Height, resized.Crop = "exact", w, h, models.Crop{}
			want, _ := cropOf(t, mustNew(t, &resized), file.Bytes())
			if f.flip {
				flips++
				for y := range h {
					for x := range w / 2 {
						a, b := want[3*(y*w+x):][:3], want[3*(y*w+w-1-x):][:3]
						for k := range 3 {
							a[k], b[k] = b[k], a[k]
						}
					}
				}
			}
			if !bytes.Equal(shown(t, p, content, v), want) {
				t.Errorf("%s, view %d: it is not %+v of the image, resized", c.file, number, f)
			}
		}
		if flips == 0 || flips == 8 {
			t.Errorf("%s: %d of 8 views are mirrored, so that one kind is not tested", c.file, flips)
		}
	}
}
