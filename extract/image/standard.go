package image

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"

	ours "github.com/headstart-ml/headstart/extract/image/jpeg"
)

// What earlier versions of this program decoded JPEGs with: samples by the
// standard library, chroma upsampling and colours as libjpeg does. Heads and
// feature sets of theirs are read with it.

// hasAdobe says whether there is an Adobe segment.
func hasAdobe(content []byte) bool {
	for marker, data := range ours.Segments(content) {
		if marker == markSOS {
			break
		}
		if marker == markAPP14 && len(data) >= 12 && bytes.HasPrefix(data, []byte("Adobe")) {
			return true
		}
	}
	return false
}

// adobeCMYK is an APP14 segment that says "no transform" (Adobe Technical Note
// 5116). The decoder wants one in front of four components; libjpeg takes a
// file without one as CMYK, and Pillow takes all inks as inverted.
const adobeCMYK = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"

// standardBytes is the most that a pixel of three components takes: of a
// progressive JPEG.
const standardBytes = 15

// decodeStandard decodes a JPEG as earlier versions did.
func decodeStandard(hd *Header) (image.Image, error) {
	content := hd.content
	var r io.Reader = bytes.NewReader(content)
	if hd.inks && !hasAdobe(content) {
		r = io.MultiReader(bytes.NewReader(content[:2]), bytes.NewReader([]byte(adobeCMYK)), bytes.NewReader(content[2:]))
	}
	img, err := jpeg.Decode(r)
	if err != nil {
		return nil, decodeError("jpeg", err)
	}
	switch img := img.(type) {
	case *image.CMYK:
		return inks{img}, nil
	case *image.YCbCr:
		return planes{img}, nil
	}
	return img, nil
}

// inks is an image of four components.
type inks struct{ *image.CMYK }

var _ rower = inks{}

func (m inks) rows(*Preprocessor, *scratch) picture {
	return picture{row: func(dst []byte, y int) { cmykToRGB(dst, m.Pix[y*m.Stride:]) }}
}

// planes is an image of luma and chroma. The samples are the decoder's; chroma
// upsampling and colour conversion are libjpeg's.
type planes struct{ *image.YCbCr }

var _ rower = planes{}

func (m planes) rows(_ *Preprocessor, s *scratch) picture {
	width := m.Rect.Dx()
	cb, cr := grow(s.chroma[0], width), grow(s.chroma[1], width)
	s.chroma = [2][]byte{cb, cr}
	up := upsampler(m.YCbCr)
	return picture{row: func(dst []byte, y int) {
		up(cb, m.Cb, y)
		up(cr, m.Cr, y)
		ycbcrToRGB(dst, m.Y[y*m.YStride:][:width], cb, cr)
	}}
}

// cmykToRGB converts a row of inks, 255 being full ink, as Pillow does
// (Convert.c, cmyk2rgb).
func cmykToRGB(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		k := 255 - uint32(src[3])
		for c := range 3 {
			t := uint32(src[c])*k + 128
			dst[c] = uint8(k - (t>>8+t)>>8)
		}
		dst, src = dst[3:], src[4:]
	}
}

// upsampler returns a function that writes row y of a chroma plane of img at
// luma's width: with libjpeg-turbo's triangle filter ("fancy upsampling",
// jdsample.c) where that has one, else by replication.
func upsampler(img *image.YCbCr) func(dst, plane []byte, y int) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	stride := img.CStride
	switch img.SubsampleRatio {
	case image.YCbCrSubsampleRatio444:
		return func(dst, plane []byte, y int) { copy(dst, plane[y*stride:][:w]) }
	case image.YCbCrSubsampleRatio440: // half the rows
		return func(dst, plane []byte, y int) {
			near, far := chromaRows(plane, stride, w, (h+1)/2, y)
			bias := uint32(1 + y&1)
			for i := range dst {
				dst[i] = uint8((3*uint32(near[i]) + uint32(far[i]) + bias) >> 2)
			}
		}
	case image.YCbCrSubsampleRatio422: // half the columns
		if n := (w + 1) / 2; n > 2 {
			return func(dst, plane []byte, y int) { widen(dst, plane[y*stride:][:n]) }
		}
	case image.YCbCrSubsampleRatio420: // half of both
		if n := (w + 1) / 2; n > 2 {
			return func(dst, plane []byte, y int) {
				near, far := chromaRows(plane, stride, n, (h+1)/2, y)
				widenBetween(dst, near, far)
			}
		}
	}
	return func(dst, plane []byte, y int) {
		for x := range dst {
			dst[x] = plane[img.COffset(x, y)]
		}
	}
}

// chromaRows returns, of a plane with n true columns and m true rows, of which
// there is one for two rows of luma, the nearest row to luma's row y and the
// next on the other side of it. At the edges both are the same.
func chromaRows(plane []byte, stride, n, m, y int) (near, far []byte) {
	i := y / 2
	j := i - 1 + y&1*2
	j = min(max(j, 0), m-1)
	return plane[i*stride:][:n], plane[j*stride:][:n]
}

// widen doubles a row of more than 2 samples (jdsample.c, h2v1_fancy_upsample).
// dst has one sample less if the width is odd.
func widen(dst, src []byte) {
	n := len(src)
	for i := range dst {
		c := src[i/2]
		v := 3 * uint32(c)
		switch {
		case i == 0 || i == 2*n-1:
			dst[i] = c
		case i&1 == 0:
			dst[i] = uint8((v + uint32(src[i/2-1]) + 1) >> 2)
		default:
			dst[i] = uint8((v + uint32(src[i/2+1]) + 2) >> 2)
		}
	}
}

// widenBetween doubles a row of more than 2 samples that lies between two rows,
// nearer to the first (jdsample.c, h2v2_fancy_upsample).
func widenBetween(dst, near, far []byte) {
	n := len(near)
	far = far[:n]
	sum := func(i int) uint32 { return 3*uint32(near[i]) + uint32(far[i]) }
	last, this := sum(0), sum(0)
	for i := 0; i < n; i++ {
		next := this
		if i+1 < n {
			next = sum(i + 1)
		}
		// At the ends last and next are this: (4s+8)>>4 and (4s+7)>>4.
		dst[2*i] = uint8((3*this + last + 8) >> 4)
		if 2*i+1 < len(dst) {
			dst[2*i+1] = uint8((3*this + next + 7) >> 4)
		}
		last, this = this, next
	}
}

// colour holds, for each chroma sample, its share of red, green and blue:
// libjpeg's fixed point with 16 bits (jdcolor.c, build_ycc_rgb_table).
var colour = func() (t struct{ redCr, blueCb, greenCr, greenCb [256]int32 }) {
	for i := range int32(256) {
		x := i - 128
		t.redCr[i] = (91881*x + 32768) >> 16
		t.blueCb[i] = (116130*x + 32768) >> 16
		t.greenCr[i] = -46802*x + 32768
		t.greenCb[i] = -22554 * x
	}
	return t
}()

// ycbcrToRGB converts a row.
func ycbcrToRGB(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	dst = dst[:3*len(luma)]
	for i, l := range luma {
		y, b, r := int32(l), cb[i], cr[i]
		d := dst[3*i : 3*i+3 : 3*i+3]
		d[0] = level(y + colour.redCr[r])
		d[1] = level(y + (colour.greenCb[b]+colour.greenCr[r])>>16)
		d[2] = level(y + colour.blueCb[b])
	}
}
