package image

import (
	"image"
	"image/color"
	"image/draw"
)

// Thumbnail decodes an image file and returns it upright, scaled down to edge
// pixels on its longer side; an image that is not longer keeps its size.
// Transparency is kept. It is for showing: pixels for a backbone are a
// Preprocessor's. It fails as CropTo does.
func Thumbnail(content []byte, edge int) (small *image.NRGBA, err error) {
	defer func() {
		if r := recover(); r != nil {
			small, err = nil, refuse(KindDamaged, "the decoder panicked: %v", r)
		}
	}()
	hd, err := ReadHeader(content)
	if err != nil {
		return nil, err
	}
	img, err := hd.Format.decode(&hd)
	if err != nil {
		return nil, err
	}
	return turned(shrink(img, edge), hd.Orientation()), nil
}

// shrink scales src down to edge pixels on its longer side, each the mean of
// the pixels of src whose centres lie in it. An image that is not longer stays
// as it is.
func shrink(src image.Image, edge int) *image.NRGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > edge {
		w, h = max(1, (w*edge+long/2)/long), max(1, (h*edge+long/2)/long)
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	// A strip of src, as many rows as make one row of out; alpha is
	// premultiplied.
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), (b.Dy()+h-1)/h))
	for y := range h {
		top, bottom := y*b.Dy()/h, (y+1)*b.Dy()/h
		draw.Draw(strip, image.Rect(0, 0, b.Dx(), bottom-top), src, image.Pt(b.Min.X, b.Min.Y+top), draw.Src)
		for x := range w {
			left, right := x*b.Dx()/w, (x+1)*b.Dx()/w
			var sum [4]int
			for r := range bottom - top {
				row := strip.Pix[r*strip.Stride:]
				for i := 4 * left; i < 4*right; i += 4 {
					sum[0] += int(row[i])
					sum[1] += int(row[i+1])
					sum[2] += int(row[i+2])
					sum[3] += int(row[i+3])
				}
			}
			n := (bottom - top) * (right - left)
			mean := func(k int) uint8 { return uint8((sum[k] + n/2) / n) }
			out.Set(x, y, color.RGBA{mean(0), mean(1), mean(2), mean(3)})
		}
	}
	return out
}

// turned returns src, whose pixels begin at the origin, as the EXIF orientation
// says that it is seen.
func turned(src *image.NRGBA, orientation int) *image.NRGBA {
	if orientation == asStored {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	base, dx, dy := upright(orientation, w, h)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if sideways(orientation) {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			copy(out.Pix[4*(base+x*dx+y*dy):][:4], src.Pix[y*src.Stride+4*x:])
		}
	}
	return out
}
