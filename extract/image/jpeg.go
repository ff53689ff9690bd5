package image

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"iter"
)

// leastJPEG returns a lower bound of the size of a JPEG of w×h pixels: each
// block of 8×8 luma samples has a code of at least one bit (ITU-T T.81,
// F.1.2.1).
func leastJPEG(w, h int) int { return (w + 7) / 8 * ((h + 7) / 8) / 8 }

// Markers (ITU-T T.81, B.1.1.3).
const (
	markSOF2  = 0xc2 // frame header of a progressive image
	markEOI   = 0xd9
	markSOS   = 0xda // scan header
	markAPP1  = 0xe1
	markAPP14 = 0xee
)

// jpegSegments yields the marker segments of a JPEG, scan headers among them,
// up to the end of the image. What lies between them (the coded samples, fill
// bytes, stray bytes) is passed over.
func jpegSegments(content []byte) iter.Seq2[byte, []byte] {
	return func(yield func(marker byte, data []byte) bool) {
		for b := content[2:]; len(b) >= 4; {
			if b[0] != 0xff {
				next := bytes.IndexByte(b, 0xff)
				if next < 0 {
					return
				}
				b = b[next:]
				continue
			}
			marker := b[1]
			switch {
			case marker == 0xff: // a fill byte
				b = b[1:]
				continue
			case marker == 0 || marker == 0x01 || 0xd0 <= marker && marker <= 0xd8: // no segment follows
				b = b[2:]
				continue
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if marker == markEOI || n < 2 || 2+n > len(b) || !yield(marker, b[4:2+n]) {
				return
			}
			b = b[2+n:]
		}
	}
}

// jpegEXIF is JPEG's Format.exif. Several APP1 segments are joined.
func jpegEXIF(content []byte) []byte {
	var exif []byte
	for marker, data := range jpegSegments(content) {
		if marker == markSOS {
			break
		}
		if marker == markAPP1 && bytes.HasPrefix(data, []byte(exifPrefix)) {
			exif = append(exif, data[len(exifPrefix):]...)
		}
	}
	return exif
}

// hasAdobe says whether there is an Adobe segment.
func hasAdobe(content []byte) bool {
	for marker, data := range jpegSegments(content) {
		if marker == markSOS {
			break
		}
		if marker == markAPP14 && len(data) >= 12 && bytes.HasPrefix(data, []byte("Adobe")) {
			return true
		}
	}
	return false
}

// How often the scans of a progressive JPEG may come to its blocks. A scan of a
// few bytes can come to each block of the image, so a small file could hold a
// core for minutes. Encoders come to a block 6 times, in 10 scans of a colour
// image. Any file may do so blockVisits times and, besides, byteVisits times
// for each of its bytes, as a photograph in many scans does; mostVisits in all
// are 100 scans of each component of 64 MP, 4:2:0.
const (
	blockVisits = 16
	byteVisits  = 32
	mostVisits  = 150_000_000
)

// visits is the work that the scans of a progressive JPEG ask for.
type visits struct {
	scans  int
	blocks int // of 8×8 samples, all components
	all    int // blocks that the scans come to, added up
}

// countVisits returns the visits of a JPEG, none if it is not progressive.
func countVisits(content []byte) visits {
	var v visits
	var blocks map[byte]int // of each component
	for marker, data := range jpegSegments(content) {
		switch {
		case marker == markSOF2 && blocks == nil:
			if blocks = jpegBlocks(data); blocks == nil {
				return v // the decoder refuses it
			}
			for _, n := range blocks {
				v.blocks += n
			}
		case marker == markSOS && blocks == nil:
			return v
		case marker == markSOS && len(data) > 0:
			v.scans++
			for i := 1; i < len(data) && i < 1+2*int(data[0]); i += 2 {
				v.all += blocks[data[i]]
			}
		}
	}
	return v
}

// jpegBlocks returns the number of blocks of each component of a frame header
// (ITU-T T.81, B.2.2), by its identifier.
func jpegBlocks(frame []byte) map[byte]int {
	if len(frame) < 6 {
		return nil
	}
	h, w := int(binary.BigEndian.Uint16(frame[1:])), int(binary.BigEndian.Uint16(frame[3:]))
	factors := map[byte][2]int{}
	across, down := 1, 1 // the greatest factors
	for c := frame[6:]; len(c) >= 3; c = c[3:] {
		f := [2]int{int(c[1] >> 4), int(c[1] & 15)}
		factors[c[0]] = f
		across, down = max(across, f[0]), max(down, f[1])
	}
	units := (w + 8*across - 1) / (8 * across) * ((h + 8*down - 1) / (8 * down))
	blocks := map[byte]int{}
	for id, f := range factors {
		blocks[id] = units * f[0] * f[1]
	}
	return blocks
}

// tooMany says why a file of so many bytes is refused, if it is.
func (v *visits) tooMany(bytes int) error {
	if limit := min(blockVisits*v.blocks+byteVisits*bytes, mostVisits); v.all > limit {
		return refuse(KindDamaged, "jpeg: %d scans come to %d blocks; the limit for an image of %d blocks in %d bytes is %d; save it again with fewer scans",
			v.scans, v.all, v.blocks, bytes, limit)
	}
	return nil
}

// adobeCMYK is an APP14 segment that says "no transform" (Adobe Technical Note
// 5116). The decoder wants one in front of four components; libjpeg takes a
// file without one as CMYK, and Pillow takes all inks as inverted.
const adobeCMYK = "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"

// jpegHeader is JPEG's Format.header.
func jpegHeader(hd *Header) (least int, err error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(hd.content))
	if err != nil {
		return 0, decodeError("jpeg", err)
	}
	hd.Width, hd.Height = c.Width, c.Height
	hd.inks = c.ColorModel == color.CMYKModel
	v := countVisits(hd.content)
	return leastJPEG(c.Width, c.Height), v.tooMany(len(hd.content))
}

// decodeJPEG is JPEG's Format.decode.
func decodeJPEG(hd *Header) (image.Image, error) {
	content := hd.content
	var r io.Reader = bytes.NewReader(content)
	if hd.inks && !hasAdobe(content) {
		r = io.MultiReader(bytes.NewReader(content[:2]), bytes.NewReader([]byte(adobeCMYK)), bytes.NewReader(content[2:]))
	}
	img, err := jpeg.Decode(r)
	if err != nil {
		return nil, decodeError("jpeg", err)
	}
	return img, nil
}

// rowsOfJPEG is JPEG's Format.rows. The samples are the decoder's; chroma
// upsampling and colour conversion are libjpeg's.
func (p *Preprocessor) rowsOfJPEG(img image.Image, _ *Header, s *scratch) (picture, error) {
	var pic picture
	width := img.Bounds().Dx()
	switch img := img.(type) {
	case *image.Gray:
		pic.row = func(dst []byte, y int) { expandGrey(dst, img.Pix[y*img.Stride:][:width]) }
	case *image.RGBA: // stored as RGB
		pic.row = func(dst []byte, y int) { dropAlpha(dst, img.Pix[y*img.Stride:]) }
	case *image.CMYK:
		pic.row = func(dst []byte, y int) { cmykToRGB(dst, img.Pix[y*img.Stride:]) }
	case *image.YCbCr:
		cb, cr := grow(s.chroma[0], width), grow(s.chroma[1], width)
		s.chroma = [2][]byte{cb, cr}
		up := upsampler(img)
		pic.row = func(dst []byte, y int) {
			up(cb, img.Cb, y)
			up(cr, img.Cr, y)
			ycbcrToRGB(dst, img.Y[y*img.YStride:][:width], cb, cr)
		}
	default:
		return picture{}, refuse(KindDamaged, "jpeg: the decoder gave an unknown kind of image, %T", img)
	}
	return pic, nil
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

// level clips v to a level.
func level(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31)) // 0 below, 255 above
	}
	return uint8(v)
}
