package image

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// PNG's colour types (PNG specification, 11.2.1).
const (
	greyType      = 0
	rgbType       = 2
	paletteType   = 3
	greyAlphaType = 4
	rgbaType      = 6
)

// pngIHDR returns the bit depth and the colour type. content has a header that
// the decoder accepts.
func pngIHDR(content []byte) (depth, colourType int) {
	return int(content[24]), int(content[25])
}

// leastPNG returns a lower bound of the size of a PNG of w×h pixels: deflate
// packs at most 1032 bytes into one (zlib technical details, "Maximum
// compression factor").
func leastPNG(content []byte, w, h int) int {
	depth, colourType := pngIHDR(content)
	channels := map[int]int{greyType: 1, rgbType: 3, paletteType: 1, greyAlphaType: 2, rgbaType: 4}[colourType]
	if w > MaxSide || h > MaxSide {
		return 0 // refused for that; the product below must not overflow
	}
	return w * h * depth * channels / 8 / 1032
}

// pngChunks returns the data of the first tRNS and the first eXIf chunk, nil
// where there is none.
func pngChunks(content []byte) (transparency, exif []byte) {
	for b := content[len(pngSignature):]; len(b) >= 12; {
		n := int64(binary.BigEndian.Uint32(b))
		if n > int64(len(b)-12) {
			break
		}
		data := b[8 : 8+n]
		switch string(b[4:8]) {
		case "tRNS":
			if transparency == nil {
				transparency = data
			}
		case "eXIf":
			if exif == nil {
				exif = data
			}
		case "IEND":
			return transparency, exif
		}
		b = b[12+n:]
	}
	return transparency, exif
}

// pngHeader is PNG's Format.header.
func pngHeader(hd *Header) (least int, err error) {
	c, err := png.DecodeConfig(bytes.NewReader(hd.content))
	if err != nil {
		return 0, decodeError("png", err)
	}
	hd.Width, hd.Height = c.Width, c.Height
	return leastPNG(hd.content, c.Width, c.Height), nil
}

// pngEXIF is PNG's Format.exif.
func pngEXIF(content []byte) []byte {
	_, exif := pngChunks(content)
	return exif
}

// decodePNG is PNG's Format.decode.
func decodePNG(hd *Header) (image.Image, error) {
	img, err := png.Decode(bytes.NewReader(hd.content))
	if err != nil {
		return nil, decodeError("png", err)
	}
	return img, nil
}

// rowsOfPNG is PNG's Format.rows. Colours under transparent pixels are kept as
// they are stored.
func (p *Preprocessor) rowsOfPNG(img image.Image, hd *Header, _ *scratch) (picture, error) {
	var pic picture
	width := img.Bounds().Dx()
	transparency, _ := pngChunks(hd.content)
	depth, colourType := pngIHDR(hd.content)

	switch img := img.(type) {
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
		if colourType == greyType && (depth == 2 || depth == 4) && len(transparency) == 2 {
			keyGrey(img, transparency[1])
		}
		for i := 3; i < len(img.Pix); i += 4 {
			if img.Pix[i] != 255 {
				pic.notes.Alpha = true
				break
			}
		}
		if p.backdrop.lay && pic.notes.Alpha {
			pic.row = func(dst []byte, y int) { p.backdrop.layRow(dst, img.Pix[y*img.Stride:]) }
		} else {
			pic.row = func(dst []byte, y int) { dropAlpha(dst, img.Pix[y*img.Stride:]) }
		}
	case *image.NRGBA64:
		if colourType == greyType { // 16-bit grey with a transparent level
			pic.notes.Grey16 = true
			pic.row = func(dst []byte, y int) { p.expandGrey16(dst, img.Pix[y*img.Stride:], 8) }
			break
		}
		if colourType == rgbType && len(transparency) == 6 {
			keyRGB64(img, [3]uint8{transparency[1], transparency[3], transparency[5]})
		}
		for i := 6; i < len(img.Pix); i += 8 {
			if img.Pix[i] != 255 {
				pic.notes.Alpha = true
				break
			}
		}
		if p.backdrop.lay && pic.notes.Alpha {
			pic.row = func(dst []byte, y int) { p.backdrop.layRow64(dst, img.Pix[y*img.Stride:]) }
		} else {
			pic.row = func(dst []byte, y int) { dropAlpha64(dst, img.Pix[y*img.Stride:]) }
		}
	default:
		return picture{}, refuse(KindDamaged, "png: the decoder gave an unknown kind of image, %T", img)
	}
	return pic, nil
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

// keyGrey makes the pixels of level key transparent and all others opaque.
// This is for images of 2 and 4 bits: Pillow compares the stored key with
// levels that are already scaled to 8 bits.
func keyGrey(img *image.NRGBA, key uint8) {
	for i := 0; i+3 < len(img.Pix); i += 4 {
		img.Pix[i+3] = 255
		if img.Pix[i] == key {
			img.Pix[i+3] = 0
		}
	}
}

// keyRGB64 makes the pixels of colour key transparent and all others opaque.
// This is for images of 16 bits: Pillow compares the low bytes of the stored
// key with the high bytes of the levels.
func keyRGB64(img *image.NRGBA64, key [3]uint8) {
	for i := 0; i+7 < len(img.Pix); i += 8 {
		a := uint8(255)
		if img.Pix[i] == key[0] && img.Pix[i+2] == key[1] && img.Pix[i+4] == key[2] {
			a = 0
		}
		img.Pix[i+6], img.Pix[i+7] = a, a
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
