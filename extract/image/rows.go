package image

import (
	"image"
	"image/color"
)

// rower is an image that gives its rows in RGB itself.
type rower interface {
	image.Image
	// rows makes a picture of the image, in memory of s. Size and orientation
	// are the caller's.
	rows(p *Preprocessor, s *scratch) picture
}

// rowsOf makes a picture, in RGB, of a decoded image. Colours under transparent
// pixels are kept as they are stored. The orientation is the caller's.
func (p *Preprocessor) rowsOf(img image.Image, s *scratch) (picture, error) {
	var pic picture
	width := img.Bounds().Dx()
	switch img := img.(type) {
	case rower:
		pic = img.rows(p, s)
	case *image.Gray:
		pic.row = func(dst []byte, y int) { expandGrey(dst, img.Pix[y*img.Stride:][:width]) }
	case *image.Gray16:
		pic.notes.Grey16 = true
		pic.row = func(dst []byte, y int) { p.expandGrey16(dst, img.Pix[y*img.Stride:], 2) }
	case *image.RGBA: // opaque
		pic.row = func(dst []byte, y int) { dropAlpha(dst, img.Pix[y*img.Stride:]) }
	case *image.RGBA64: // opaque
		pic.row = func(dst []byte, y int) { dropAlpha64(dst, img.Pix[y*img.Stride:]) }
	case *image.Paletted:
		palette := rgbaPalette(img)
		pic.notes.Alpha = paletteMatters(img, palette)
		table := p.backdrop.palette(palette)
		pic.row = func(dst []byte, y int) {
			for x, i := range img.Pix[y*img.Stride:][:width] {
				copy(dst[3*x:3*x+3], table[i][:])
			}
		}
	case *image.NRGBA:
		pic.notes.Alpha = someClear(img.Pix[3:], 4)
		if p.backdrop.lay && pic.notes.Alpha {
			pic.row = func(dst []byte, y int) { p.backdrop.layRow(dst, img.Pix[y*img.Stride:]) }
		} else {
			pic.row = func(dst []byte, y int) { dropAlpha(dst, img.Pix[y*img.Stride:]) }
		}
	case *image.NRGBA64:
		pic.notes.Alpha = someClear(img.Pix[6:], 8)
		if p.backdrop.lay && pic.notes.Alpha {
			pic.row = func(dst []byte, y int) { p.backdrop.layRow64(dst, img.Pix[y*img.Stride:]) }
		} else {
			pic.row = func(dst []byte, y int) { dropAlpha64(dst, img.Pix[y*img.Stride:]) }
		}
	default:
		return picture{}, refuse(KindDamaged, "the decoder gave an unknown kind of image, %T", img)
	}
	return pic, nil
}

// someClear tells whether one of the alphas that stand at the begin of every
// step bytes is not opaque.
func someClear(alphas []byte, step int) bool {
	for i := 0; i < len(alphas); i += step {
		if alphas[i] != 255 {
			return true
		}
	}
	return false
}

// expandGrey copies each level of src to the three channels of dst.
func expandGrey(dst, src []byte) {
	dst = dst[:3*len(src)]
	for x, v := range src {
		dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
	}
}

// expandGrey16 copies the 16-bit big-endian levels that stand at the begin of
// every step bytes of src to the channels of dst: their high byte if they are
// to be scaled, else clipped at 255 as Pillow's mode I;16 is when it becomes
// RGB.
func (p *Preprocessor) expandGrey16(dst, src []byte, step int) {
	for len(dst) >= 3 {
		v, low := src[0], src[1]
		if !p.scale16 {
			if v != 0 {
				v = 255
			} else {
				v = low
			}
		}
		dst[0], dst[1], dst[2] = v, v, v
		dst, src = dst[3:], src[step:]
	}
}

// dropAlpha copies the colours of RGBA pixels.
func dropAlpha(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		dst, src = dst[3:], src[4:]
	}
}

// dropAlpha64 copies the high bytes of the colours of 16-bit RGBA pixels.
func dropAlpha64(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 8 {
		dst[0], dst[1], dst[2] = src[0], src[2], src[4]
		dst, src = dst[3:], src[8:]
	}
}

// rgbaPalette returns the palette as it is stored, alpha not multiplied in.
// Entries past its end are opaque black, as in Pillow.
func rgbaPalette(img *image.Paletted) *[256][4]uint8 {
	var p [256][4]uint8
	for i := range p {
		p[i][3] = 255
	}
	for i, c := range img.Palette {
		switch c := c.(type) {
		case color.RGBA: // opaque
			p[i] = [4]uint8{c.R, c.G, c.B, 255}
		case color.RGBA64: // opaque
			p[i] = [4]uint8{uint8(c.R >> 8), uint8(c.G >> 8), uint8(c.B >> 8), 255}
		case color.NRGBA:
			p[i] = [4]uint8{c.R, c.G, c.B, c.A}
		}
	}
	return &p
}

// paletteMatters tells whether some pixel is not opaque.
func paletteMatters(img *image.Paletted, palette *[256][4]uint8) bool {
	clear := false
	for _, c := range palette {
		clear = clear || c[3] != 255
	}
	if !clear {
		return false
	}
	for _, i := range img.Pix {
		if palette[i][3] != 255 {
			return true
		}
	}
	return false
}

// level clips v to a level.
func level(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}
