package image

import (
	"encoding/binary"
	"image"
	"math"
	"math/rand/v2"
)

// View names one of the random views of an image. The same name is always the
// same view. The zero value is the image as the contract shows it.
//
// A view is drawn as by torchvision's RandomResizedCrop and
// RandomHorizontalFlip (torchvision/transforms/transforms.py): a rectangle of
// the upright image, of a share from 0.6 to 1 of its area and an aspect ratio
// from 4/5 to 5/4, uniform and log-uniform, at a random place, is resized to
// what the backbone gets, and mirrored with probability ½. It differs in two
// ways, of which neither matters for a square image and a square input:
//
//   - The ratio is that to a rectangle which the contract would not distort, or
//     not otherwise than it distorts every image.
//   - Where ten rectangles did not fit, which happens in long images, the largest
//     one of the last ratio is taken, at a random place too.
//
// The filter is that of the contract; one that never resizes has bilinear, as
// torchvision has.
type View struct {
	Key    [32]byte // of the content; only its first half counts
	Number int      // 0: the plain image
}

// The ranges that views are drawn from.
const (
	leastArea = 0.6 // of the image
	mostRatio = 1.25
	viewTries = 10
)

// frame is the part of an upright image that a view shows, in pixels.
type frame struct {
	x, y, w, h int
	flip       bool // mirrored, left to right
}

// frame draws the view of a w×h image. aspect is the width that one unit of
// height has in a rectangle that is not distorted, or not otherwise than
// others.
func (v View) frame(w, h int, aspect float64) frame {
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(v.Key[:8]), binary.LittleEndian.Uint64(v.Key[8:16])+uint64(v.Number)))
	var f frame
	ratio := 0.0
	for range viewTries {
		area := float64(w) * float64(h) * (1 - float64((1-leastArea)*rng.Float64()))
		ratio = aspect * math.Exp(math.Log(mostRatio)*(1-float64(2*rng.Float64())))
		f.w, f.h = int(math.Round(math.Sqrt(area*ratio))), int(math.Round(math.Sqrt(area/ratio)))
		if fits := f.w > 0 && f.w <= w && f.h > 0 && f.h <= h; fits {
			break
		}
		f.w = max(1, int(math.Round(math.Min(float64(w), float64(h)*ratio))))
		f.h = max(1, int(math.Round(math.Min(float64(h), float64(w)/ratio))))
	}
	f.x, f.y = rng.IntN(w-f.w+1), rng.IntN(h-f.h+1)
	f.flip = rng.IntN(2) == 1
	return f
}

// aspect returns that of a rectangle in a w×h image which the resize of the
// contract would make as wide and as high as the result.
func (p *Preprocessor) aspect(w, h int) float64 {
	rw, rh := p.resized(w, h)
	return float64(p.w) / float64(p.h) * (float64(w) / float64(rw)) / (float64(h) / float64(rh))
}

// ViewCropTo is CropTo for a view of the image. The crop is as large.
func (p *Preprocessor) ViewCropTo(dst []uint8, content []byte, v View) (Notes, error) {
	if err := p.checkLevels(dst); err != nil {
		return Notes{}, err
	}
	s := p.scratches.Get().(*scratch)
	defer p.scratches.Put(s)
	return p.crop(dst, content, v, s)
}

// ViewTo is To for a view of the image.
func (p *Preprocessor) ViewTo(dst []float32, content []byte, v View) (Notes, error) {
	if err := p.checkValues(dst); err != nil {
		return Notes{}, err
	}
	s := p.scratches.Get().(*scratch)
	defer p.scratches.Put(s)
	s.crop = grow(s.crop, 3*p.w*p.h)
	notes, err := p.crop(s.crop, content, v, s)
	if err != nil {
		return notes, err
	}
	if p.Levels() {
		p.valuesTo(dst, s.crop)
	} else {
		p.numbersTo(dst, s.numbers)
	}
	return notes, nil
}

// show writes what a frame shows of pic to dst, resized.
func (p *Preprocessor) show(dst []byte, pic *picture, f frame, s *scratch) error {
	s.whole = grow(s.whole, 3*pic.w)
	part := picture{w: f.w, h: f.h, outer: pic, at: image.Pt(f.x, f.y), row: func(dst []byte, y int) {
		pic.row(s.whole, f.y+y)
		copy(dst, s.whole[3*f.x:][:3*f.w])
	}}
	if err := p.fit(dst, &part, p.w, p.h, s); err != nil {
		return err
	}
	if f.flip {
		for ; len(dst) > 0; dst = dst[3*p.w:] {
			mirror(dst[:3*p.w])
		}
		if !p.Levels() {
			for n := s.numbers; len(n) > 0; n = n[3*p.w:] {
				mirror(n[:3*p.w])
			}
		}
	}
	return nil
}

// mirror reverses the pixels of a row.
func mirror[T any](row []T) {
	for i, k := 0, len(row)-3; i < k; i, k = i+3, k-3 {
		for c := range 3 {
			row[i+c], row[k+c] = row[k+c], row[i+c]
		}
	}
}
