package image

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

// webp is the first frame of a WebP file and what is said of it up to its
// pixels (WebP Container Specification).
type webp struct {
	canvas   image.Point     // size of the picture
	frame    image.Rectangle // on the canvas
	alpha    bool            // transparency counts
	lossy    []byte          // a VP8 frame, or nil
	lossless []byte          // a VP8L frame, or nil
	plane    []byte          // the alpha of a lossy frame, packed; nil: there is none
}

// webpChunks yields the chunks of a RIFF file's or a frame's data: their names
// and contents. It says with a nil content that one is cut off.
func webpChunks(b []byte, yield func(name string, data []byte) bool) {
	for len(b) >= 8 {
		n := uint64(binary.LittleEndian.Uint32(b[4:]))
		if n > uint64(len(b)-8) {
			yield(string(b[:4]), nil)
			return
		}
		if !yield(string(b[:4]), b[8:8+n:8+n]) {
			return
		}
		b = b[min(8+n+n&1, uint64(len(b))):]
	}
}

// webpBody returns what stands in the RIFF file, and whether all of it is
// there.
func webpBody(content []byte) (body []byte, whole bool) {
	if len(content) < 12 {
		return nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(content[4:]))
	whole = n >= 4 && n <= uint64(len(content)-8)
	return content[12:min(max(n, 4)+8, uint64(len(content)))], whole
}

func u24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// readWebP finds the first frame.
func readWebP(content []byte) (*webp, error) {
	cut := refuse(KindTruncated, "webp: truncated: it ends before its first frame")
	damaged := func(format string, a ...any) error { return refuse(KindDamaged, "webp: "+format, a...) }
	body, whole := webpBody(content)
	if !whole {
		return nil, cut
	}
	w := new(webp)
	extended := false
	var err error
	// one takes a chunk of the file or of an animated frame.
	var one func(name string, data []byte) bool
	first := true
	one = func(name string, data []byte) bool {
		begins := first
		first = false
		switch {
		case begins && name != "VP8X" && name != "VP8 " && name != "VP8L":
			err = damaged("it begins with a chunk %q", name)
		case data == nil && name != "":
			err = cut
		case name == "VP8X" && !extended && w.canvas == image.Point{}:
			if len(data) < 10 {
				err = damaged("a header of %d bytes", len(data))
				break
			}
			extended, w.alpha = true, data[0]&0x10 != 0
			w.canvas = image.Pt(u24(data[4:])+1, u24(data[7:])+1)
		case name == "ANMF" && extended && w.frame.Empty():
			if len(data) < 16 {
				err = damaged("a frame of %d bytes", len(data))
				break
			}
			at := image.Pt(2*u24(data), 2*u24(data[3:]))
			w.frame = image.Rectangle{at, at.Add(image.Pt(u24(data[6:])+1, u24(data[9:])+1))}
			webpChunks(data[16:], one)
			if err == nil && w.lossy == nil && w.lossless == nil {
				err = damaged("its first frame has no pixels")
			}
		case name == "ALPH":
			w.plane = data
		case name == "VP8 ":
			w.lossy = data
		case name == "VP8L":
			w.lossless = data
		}
		return err == nil && w.lossy == nil && w.lossless == nil
	}
	webpChunks(body, one)
	if err != nil {
		return nil, err
	}
	var size image.Point
	switch {
	case w.lossy != nil:
		d := vp8.NewDecoder()
		d.Init(bytes.NewReader(w.lossy), len(w.lossy))
		fh, err := d.DecodeFrameHeader()
		if err != nil {
			return nil, decodeError("webp", err)
		}
		if !fh.KeyFrame || !fh.ShowFrame {
			return nil, damaged("its first frame is not a picture of its own")
		}
		size = image.Pt(fh.Width, fh.Height)
		if !w.alpha {
			w.plane = nil // libwebp heeds the file's header
		}
	case w.lossless != nil:
		c, err := vp8l.DecodeConfig(bytes.NewReader(w.lossless))
		if err != nil {
			return nil, decodeError("webp", err)
		}
		size = image.Pt(c.Width, c.Height)
		if !extended {
			w.alpha = w.lossless[4]&0x10 != 0
		}
	default:
		return nil, cut
	}
	if !extended {
		w.canvas = size
	}
	if w.frame.Empty() {
		w.frame.Max = w.canvas
	}
	if w.frame.Size() != size || !w.frame.In(image.Rectangle{Max: w.canvas}) {
		return nil, damaged("a frame of %d×%d pixels at %v does not fit %v in %d×%d", size.X, size.Y, w.frame.Min, w.frame.Size(), w.canvas.X, w.canvas.Y)
	}
	return w, nil
}

// webpHeader is WebP's Format.header. A macroblock of 16×16 pixels of a lossy
// frame takes at least 3 bits.
func webpHeader(hd *Header) (least int, err error) {
	w, err := readWebP(hd.content)
	if err != nil {
		return 0, err
	}
	hd.Width, hd.Height = w.canvas.X, w.canvas.Y
	if hd.Width > MaxSide || hd.Height > MaxSide {
		return 0, nil // refused for that; the product below must not overflow
	}
	if w.lossy != nil {
		least = (w.frame.Dx() + 15) / 16 * ((w.frame.Dy() + 15) / 16) * 3 / 8
	}
	if n := hd.Width * hd.Height; n > idlePixels {
		least = max(least, n/gifRatio) // one colour takes no bytes in lossless frames
	}
	return least, nil
}

// webpNotices is WebP's Format.notices.
func webpNotices(content []byte) (exif, xmp []byte) {
	body, _ := webpBody(content)
	webpChunks(body, func(name string, data []byte) bool {
		switch {
		case name == "EXIF" && exif == nil:
			exif = data
		case name == "XMP " && xmp == nil:
			xmp = data
		}
		return true
	})
	return exif, xmp
}

// decodeWebP is WebP's Format.decode: the first frame on its canvas, of which
// the rest is transparent black.
func decodeWebP(hd *Header) (image.Image, error) {
	w, err := readWebP(hd.content)
	if err != nil {
		return nil, err
	}
	var img image.Image
	if w.lossy != nil {
		img, err = w.decodeLossy()
	} else {
		img, err = w.decodeLossless()
	}
	if err != nil {
		return nil, decodeError("webp", err)
	}
	if w.frame.Size() == w.canvas {
		return img, nil
	}
	canvas := image.NewNRGBA(image.Rectangle{Max: w.canvas})
	if !w.alpha {
		opaque(canvas)
	}
	for y := range w.frame.Dy() {
		dst := canvas.Pix[canvas.PixOffset(w.frame.Min.X, w.frame.Min.Y+y):][:4*w.frame.Dx()]
		switch img := img.(type) {
		case *lossyWebP:
			img.rgba(dst, y)
		case *image.NRGBA:
			copy(dst, img.Pix[y*img.Stride:])
		}
	}
	return canvas, nil
}

// opaque makes all pixels opaque.
func opaque(img *image.NRGBA) {
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
}

func (w *webp) decodeLossless() (image.Image, error) {
	img, err := vp8l.Decode(bytes.NewReader(w.lossless))
	if err != nil {
		return nil, err
	}
	pixels, ok := img.(*image.NRGBA)
	if !ok {
		return nil, refuse(KindDamaged, "webp: the decoder gave an unknown kind of image, %T", img)
	}
	if !w.alpha {
		opaque(pixels)
	}
	return pixels, nil
}

func (w *webp) decodeLossy() (image.Image, error) {
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(w.lossy), len(w.lossy))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return nil, err
	}
	img, err := d.DecodeFrame()
	if err != nil {
		return nil, err
	}
	m := &lossyWebP{YCbCr: img}
	if w.plane != nil {
		if m.alpha, err = w.unpackAlpha(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// unpackAlpha returns the alpha of a lossy frame.
func (w *webp) unpackAlpha() ([]byte, error) {
	if len(w.plane) == 0 {
		return nil, refuse(KindTruncated, "webp: truncated: its alpha is empty")
	}
	width, height := w.frame.Dx(), w.frame.Dy()
	how, data := w.plane[0], w.plane[1:]
	var alpha []byte
	switch how & 3 {
	case 0:
		if len(data) < width*height {
			return nil, refuse(KindTruncated, "webp: truncated: %d bytes of alpha for %d×%d pixels", len(data), width, height)
		}
		alpha = bytes.Clone(data[:width*height])
	case 1: // the greens of a lossless frame without its header
		head := binary.LittleEndian.AppendUint32([]byte{0x2f}, uint32(width-1)|uint32(height-1)<<14)
		img, err := vp8l.Decode(bytes.NewReader(append(head, data...)))
		if err != nil {
			return nil, err
		}
		pix := img.(*image.NRGBA).Pix
		alpha = make([]byte, width*height)
		for i := range alpha {
			alpha[i] = pix[4*i+1]
		}
	default:
		return nil, refuse(KindDamaged, "webp: alpha that is packed in an unknown way, %d", how&3)
	}
	unfilter(alpha, width, how>>2&3)
	return alpha, nil
}

// The ways in which a row of alpha is predicted.
const (
	fromLeft  = 1
	fromAbove = 2
	fromBoth  = 3 // left + above − above left, clipped
)

// unfilter adds to each alpha what it was predicted from: in the first row its
// left neighbour, in the first column the one above.
func unfilter(alpha []byte, width int, filter byte) {
	if filter == 0 {
		return
	}
	for i := range alpha {
		x := i % width
		switch {
		case i == 0:
		case i < width, filter == fromLeft && x > 0:
			alpha[i] += alpha[i-1]
		case filter == fromBoth && x > 0:
			alpha[i] += level(int32(alpha[i-1]) + int32(alpha[i-width]) - int32(alpha[i-width-1]))
		default:
			alpha[i] += alpha[i-width]
		}
	}
}

// lossyWebP is a lossy frame: luma and chroma of video's range, chroma of half
// the size, and alpha in full size, nil if all is opaque.
type lossyWebP struct {
	*image.YCbCr
	alpha []byte
}

var _ rower = (*lossyWebP)(nil)

// rows makes a picture with libwebp's upsampling and colours.
func (m *lossyWebP) rows(p *Preprocessor, s *scratch) picture {
	if m.alpha == nil || !someClear(m.alpha, 1) || !p.backdrop.lay {
		return picture{notes: Notes{Alpha: m.alpha != nil && someClear(m.alpha, 1)}, row: func(dst []byte, y int) { m.row(dst, y, 3) }}
	}
	s.rgba = grow(s.rgba, 4*m.Rect.Dx())
	whole := s.rgba
	return picture{notes: Notes{Alpha: true}, row: func(dst []byte, y int) {
		m.rgba(whole, y)
		p.backdrop.layRow(dst, whole)
	}}
}

// rgba writes row y with its alpha.
func (m *lossyWebP) rgba(dst []byte, y int) {
	m.row(dst, y, 4)
	w := m.Rect.Dx()
	for x := range w {
		dst[4*x+3] = 255
		if m.alpha != nil {
			dst[4*x+3] = m.alpha[y*w+x]
		}
	}
}

// row writes the colours of row y to dst, step bytes a pixel. Chroma is
// upsampled in two steps that round, as libwebp's upsampling.c does.
func (m *lossyWebP) row(dst []byte, y, step int) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	luma := m.Y[y*m.YStride:][:w]
	nearU, farU := chromaRows(m.Cb, m.CStride, (w+1)/2, (h+1)/2, y)
	nearV, farV := chromaRows(m.Cr, m.CStride, (w+1)/2, (h+1)/2, y)
	put := func(x int, u, v uint32) { videoToRGB(dst[step*x:step*x+3:step*x+3], luma[x], u, v) }
	edge := func(near, far []byte, i int) uint32 { return (3*uint32(near[i]) + uint32(far[i]) + 2) >> 2 }
	put(0, edge(nearU, farU, 0), edge(nearV, farV, 0))
	for i := 1; 2*i-1 < w; i++ {
		if i == len(nearU) { // the last column of an even width
			put(2*i-1, edge(nearU, farU, i-1), edge(nearV, farV, i-1))
			break
		}
		u0, u1 := between(uint32(nearU[i-1]), uint32(nearU[i]), uint32(farU[i-1]), uint32(farU[i]))
		v0, v1 := between(uint32(nearV[i-1]), uint32(nearV[i]), uint32(farV[i-1]), uint32(farV[i]))
		put(2*i-1, u0, v0)
		if 2*i < w {
			put(2*i, u1, v1)
		}
	}
}

// between returns the two samples that lie between four of chroma: the first
// nearest to a, the second to b, which are in the nearer row; c and d are in
// the other.
func between(a, b, c, d uint32) (first, second uint32) {
	all := a + b + c + d + 8
	return ((all+2*(b+c))>>3 + a) >> 1, ((all+2*(a+d))>>3 + b) >> 1
}

// videoToRGB converts BT.601 in video's range with 14 bits, as libwebp's yuv.h
// does.
func videoToRGB(dst []byte, luma byte, u, v uint32) {
	mul := func(v, k uint32) int32 { return int32(v * k >> 8) }
	y := mul(uint32(luma), 19077)
	dst[0] = level((y + mul(v, 26149) - 14234) >> 6)
	dst[1] = level((y - mul(u, 6419) - mul(v, 13320) + 8708) >> 6)
	dst[2] = level((y + mul(u, 33050) - 17685) >> 6)
}

func (m *lossyWebP) ColorModel() color.Model { return color.NRGBAModel }

// At converts one pixel, for showing; chroma is not upsampled.
func (m *lossyWebP) At(x, y int) color.Color {
	c := color.NRGBA{A: 255}
	var rgb [3]byte
	at := m.COffset(x, y)
	videoToRGB(rgb[:], m.Y[m.YOffset(x, y)], uint32(m.Cb[at]), uint32(m.Cr[at]))
	c.R, c.G, c.B = rgb[0], rgb[1], rgb[2]
	if m.alpha != nil {
		c.A = m.alpha[y*m.Rect.Dx()+x]
	}
	return c
}
