package image

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
)

// How the pixels of a BMP are stored.
const (
	bmpPlain = 0
	bmpRLE8  = 1
	bmpRLE4  = 2
	bmpMasks = 3
)

// bmp is the header of a Windows or OS/2 bitmap.
type bmp struct {
	w, h     int // pixels
	topDown  bool
	bits     int
	kind     int       // bmpPlain and so on
	masks    [4]uint32 // of red, green, blue, alpha
	palette  []byte
	entry    int // bytes of an entry of the palette
	declared int // entries that it ought to have
	at       int // of the pixels
}

// stride returns the bytes of a row that is not packed.
func (m *bmp) stride() int { return (m.w*m.bits + 31) / 32 * 4 }

// readBMP reads the headers as Pillow does (BmpImagePlugin.py).
func readBMP(content []byte) (*bmp, error) {
	cut := refuse(KindTruncated, "bmp: truncated: it ends in its header")
	if len(content) < 26 {
		return nil, cut
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(content[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(content[at:]) }
	size := int(min(u32(14), 1<<16))
	if len(content) < 14+size {
		return nil, cut
	}
	m := &bmp{at: int(u32(10)), entry: 4}
	end := 14 + size // of the headers
	var colours uint32
	switch size {
	case 12:
		m.w, m.h, m.bits, m.entry = u16(18), u16(20), u16(24), 3
	case 40, 52, 56, 64, 108, 124:
		m.w, m.h, m.bits, m.kind = int(u32(18)), int(u32(22)), u16(28), int(u32(30))
		colours = u32(46)
		if int32(u32(22)) < 0 {
			m.h, m.topDown = int(-int64(int32(u32(22)))), true
		}
		if m.kind != bmpMasks {
			break
		}
		n := 3
		switch {
		case size == 40 && len(content) < end+12:
			return nil, cut
		case size == 40:
			end += 12
		case size >= 56:
			n = 4
		}
		for i := range n {
			m.masks[i] = u32(54 + 4*i)
		}
	default:
		return nil, refuse(KindDamaged, "bmp: a header of %d bytes is of no known version", size)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.bits <= 8 {
		if colours == 0 {
			colours = 1 << m.bits
		}
		if colours > 1<<16 {
			return nil, refuse(KindDamaged, "bmp: a palette of %d colours", colours)
		}
		m.declared = int(colours)
		m.palette = content[min(end, len(content)):min(end+m.entry*m.declared, len(content))]
		if m.at == 14+size {
			m.at += m.entry * m.declared
		}
	}
	if m.at == 0 {
		m.at = end + len(m.palette)
	}
	return m, nil
}

// check says what of the header is not read.
func (m *bmp) check() error {
	is := func(kind int, bits ...int) bool {
		for _, b := range bits {
			if m.kind == kind && m.bits == b {
				return true
			}
		}
		return false
	}
	switch {
	case is(bmpPlain, 1, 4, 8, 16, 24, 32), is(bmpRLE8, 8), is(bmpRLE4, 4):
		return nil
	case is(bmpMasks, 16, 24, 32):
		if m.channels() == nil {
			return unread("BMP (bits of colours in an unknown order)")
		}
		return nil
	case m.kind == 4:
		return unread("JPEG-in-BMP")
	case m.kind == 5:
		return unread("PNG-in-BMP")
	}
	return unread(fmt.Sprintf("BMP (%d bits a pixel, compression %d)", m.bits, m.kind))
}

// bmpLayouts are the masks that Pillow knows, with the byte of each channel in
// a pixel of 24 and 32 bits; −1 for an alpha that there is not.
var bmpLayouts = []struct {
	bits  int
	masks [4]uint32
	at    [4]int
}{
	{32, [4]uint32{0xff0000, 0xff00, 0xff, 0}, [4]int{2, 1, 0, -1}},
	{32, [4]uint32{0xff000000, 0xff0000, 0xff00, 0}, [4]int{3, 2, 1, -1}},
	{32, [4]uint32{0xff000000, 0xff00, 0xff, 0}, [4]int{3, 1, 0, -1}},
	{32, [4]uint32{0xff000000, 0xff0000, 0xff00, 0xff}, [4]int{3, 2, 1, 0}},
	{32, [4]uint32{0xff, 0xff00, 0xff0000, 0xff000000}, [4]int{0, 1, 2, 3}},
	{32, [4]uint32{0xff0000, 0xff00, 0xff, 0xff000000}, [4]int{2, 1, 0, 3}},
	{32, [4]uint32{0xff000000, 0xff00, 0xff, 0xff0000}, [4]int{3, 1, 0, 2}},
	{32, [4]uint32{}, [4]int{2, 1, 0, 3}},
	{24, [4]uint32{0xff0000, 0xff00, 0xff, 0}, [4]int{2, 1, 0, -1}},
	{16, [4]uint32{0xf800, 0x7e0, 0x1f, 0}, [4]int{}},
	{16, [4]uint32{0x7c00, 0x3e0, 0x1f, 0}, [4]int{}},
}

// channels returns where the channels of a pixel stand, nil if that is not
// known.
func (m *bmp) channels() *[4]int {
	masks := m.masks
	switch {
	case m.kind != bmpMasks && m.bits >= 24:
		return &[4]int{2, 1, 0, -1}
	case m.bits != 32:
		masks[3] = 0
	}
	for i := range bmpLayouts {
		if l := &bmpLayouts[i]; l.bits == m.bits && l.masks == masks {
			return &l.at
		}
	}
	return nil
}

// bmpHeader is BMP's Format.header.
func bmpHeader(hd *Header) (least int, err error) {
	m, err := readBMP(hd.content)
	if err != nil {
		return 0, err
	}
	hd.Width, hd.Height = m.w, m.h
	switch {
	case m.w > MaxSide || m.h > MaxSide:
		return 0, nil // refused for that; the product below must not overflow
	case m.kind == bmpRLE8 || m.kind == bmpRLE4:
		if m.w*m.h > idlePixels { // a jump over pixels takes no bytes
			return m.at + m.w*m.h/128, nil
		}
		return m.at, nil
	}
	return m.at + m.stride()*(m.h-1) + (m.w*m.bits+7)/8, nil
}

// decodeBMP is BMP's Format.decode.
func decodeBMP(hd *Header) (image.Image, error) {
	m, err := readBMP(hd.content)
	if err != nil {
		return nil, err
	}
	data := hd.content[m.at:]
	switch {
	case m.kind == bmpRLE8 || m.kind == bmpRLE4:
		return m.unpack(data)
	case m.bits <= 8:
		img := image.NewPaletted(image.Rect(0, 0, m.w, m.h), m.colours())
		for y := range m.h {
			m.indices(img.Pix[m.row(y)*m.w:][:m.w], data[y*m.stride():])
		}
		return img, nil
	case m.bits == 16:
		img := &rgb{make([]uint8, 3*m.w*m.h), image.Rect(0, 0, m.w, m.h)}
		for y := range m.h {
			m.rgb16(img.pix[3*m.w*m.row(y):][:3*m.w], data[y*m.stride():])
		}
		return img, nil
	}
	at, step := m.channels(), m.bits/8
	if at[3] < 0 {
		img := &rgb{make([]uint8, 3*m.w*m.h), image.Rect(0, 0, m.w, m.h)}
		for y := range m.h {
			dst, src := img.pix[3*m.w*m.row(y):][:3*m.w], data[y*m.stride():]
			for ; len(dst) > 0; dst, src = dst[3:], src[min(step, len(src)):] {
				dst[0], dst[1], dst[2] = src[at[0]], src[at[1]], src[at[2]]
			}
		}
		return img, nil
	}
	img := image.NewNRGBA(image.Rect(0, 0, m.w, m.h))
	for y := range m.h {
		dst, src := img.Pix[img.Stride*m.row(y):][:img.Stride], data[y*m.stride():]
		for ; len(dst) > 0; dst, src = dst[4:], src[4:] {
			dst[0], dst[1], dst[2], dst[3] = src[at[0]], src[at[1]], src[at[2]], src[at[3]]
		}
	}
	return img, nil
}

// row returns which row of the image is stored as number y.
func (m *bmp) row(y int) int {
	if m.topDown {
		return y
	}
	return m.h - 1 - y
}

// indices unpacks a row of 1, 4 or 8 bits a pixel.
func (m *bmp) indices(dst, src []byte) {
	per := 8 / m.bits
	for x := range dst {
		dst[x] = src[x/per] >> (8 - m.bits - x%per*m.bits) & (1<<m.bits - 1)
	}
}

// rgb16 unpacks a row of 5, 5 or 6, and 5 bits (Unpack.c, ImagingUnpackBGR15
// and BGR16).
func (m *bmp) rgb16(dst, src []byte) {
	green, red := uint16(31), 10
	if m.masks[0] == 0xf800 {
		green, red = 63, 11
	}
	for x := range len(dst) / 3 {
		v := binary.LittleEndian.Uint16(src[2*x:])
		dst[3*x] = uint8(v >> red & 31 * 255 / 31)
		dst[3*x+1] = uint8(v >> 5 & green * 255 / green)
		dst[3*x+2] = uint8(v & 31 * 255 / 31)
	}
}

// colours returns the palette. One whose colours are their numbers is grey, and
// goes on so.
func (m *bmp) colours() color.Palette {
	p := make(color.Palette, 256)
	grey := m.declared > 2
	for i := range p {
		c := color.NRGBA{A: 255}
		if b := m.palette[min(i*m.entry, len(m.palette)):]; len(b) >= 3 && i < m.declared {
			c.R, c.G, c.B = b[2], b[1], b[0]
		}
		p[i] = c
		grey = grey && (i >= m.declared || c == color.NRGBA{uint8(i), uint8(i), uint8(i), 255})
	}
	if grey {
		for i := range p {
			p[i] = color.NRGBA{uint8(i), uint8(i), uint8(i), 255}
		}
	}
	return p
}

// unpack decodes runs as Pillow does (BmpImagePlugin.py, BmpRleDecoder).
func (m *bmp) unpack(data []byte) (image.Image, error) {
	n := m.w * m.h
	pix := make([]byte, 0, n)
	// put appends a pixel; what is beyond the end is dropped.
	put := func(v byte) {
		if len(pix) < n {
			pix = append(pix, v)
		}
	}
	skip := func(count int) { pix = pix[:min(n, len(pix)+count)] } // zeros, which pix has
	four := m.kind == bmpRLE4
	x, b := 0, data
	for len(pix) < n && len(b) >= 2 {
		count, value := int(b[0]), b[1]
		b = b[2:]
		switch {
		case count > 0:
			count = max(0, min(count, m.w-x))
			for i := range count {
				switch {
				case !four:
					put(value)
				case i%2 == 0:
					put(value >> 4)
				default:
					put(value & 15)
				}
			}
			x += count
			continue
		case value == 0: // end of the row
			skip((m.w - len(pix)%m.w) % m.w)
			x = 0
			continue
		case value == 1: // end of the image
			b = nil
			continue
		case value == 2: // a jump
			if len(b) < 2 {
				b = nil
				continue
			}
			skip(int(b[0]) + int(b[1])*m.w)
			x, b = len(pix)%m.w, b[2:]
			continue
		}
		bytes := int(value)
		if four {
			bytes /= 2
		}
		if len(b) < bytes {
			b = nil
			continue
		}
		for _, v := range b[:bytes] {
			if four {
				put(v >> 4)
				v &= 15
			}
			put(v)
		}
		x, b = x+int(value), b[bytes:]
		if (len(data)-len(b)+m.at)%2 == 1 && len(b) > 0 {
			b = b[1:]
		}
	}
	if len(pix) < n {
		return nil, refuse(KindTruncated, "bmp: truncated: its runs give %d of %d pixels", len(pix), n)
	}
	img := image.NewPaletted(image.Rect(0, 0, m.w, m.h), m.colours())
	for y := range m.h {
		copy(img.Pix[m.row(y)*m.w:][:m.w], pix[y*m.w:])
	}
	return img, nil
}
