package image

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
)

// pnm is the header of a grey (P5) or colour (P6) image of Netpbm (pgm(5),
// ppm(5)).
type pnm struct {
	w, h     int // pixels
	channels int // 1 or 3
	most     int // the level that is white, 1 to 65535
	at       int // of the first level, in the file
}

// isPNM looks at the numbers of the header too, as far as they are there: "P5"
// may be the begin of a text.
func isPNM(kinds string) func(b []byte) bool {
	return func(b []byte) bool {
		if len(b) < 4 || b[0] != 'P' || !isOneOf(b[1], kinds) || !isSpace(b[2]) {
			return false
		}
		rest := b[2:]
		for numbers := 0; numbers < 2; numbers++ {
			for len(rest) > 0 && isSpace(rest[0]) {
				rest = rest[1:]
			}
			if len(rest) == 0 || rest[0] == '#' { // the rest of a line is a comment
				return true
			}
			if !isDigit(rest[0]) {
				return false
			}
			for len(rest) > 0 && isDigit(rest[0]) {
				rest = rest[1:]
			}
			if len(rest) > 0 && !isSpace(rest[0]) {
				return false
			}
		}
		return true
	}
}

func isOneOf(c byte, set string) bool {
	for i := range len(set) {
		if set[i] == c {
			return true
		}
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// readPNM reads the header of a file that begins with P5 or P6. What is missing
// of it is no error but leaves zeros.
func readPNM(content []byte) (pnm, error) {
	p := pnm{channels: 1, at: 2}
	if content[1] == '6' {
		p.channels = 3
	}
	for _, number := range []*int{&p.w, &p.h, &p.most} {
		for p.at < len(content) && (isSpace(content[p.at]) || content[p.at] == '#') {
			if content[p.at] == '#' {
				for p.at < len(content) && content[p.at] != '\n' && content[p.at] != '\r' {
					p.at++
				}
				continue
			}
			p.at++
		}
		begin := p.at
		for p.at < len(content) && isDigit(content[p.at]) && *number < 1<<24 {
			*number = 10**number + int(content[p.at]-'0')
			p.at++
		}
		switch {
		case p.at == len(content):
			return p, refuse(KindTruncated, "pnm: truncated: it ends in its header")
		case p.at == begin || !isSpace(content[p.at]) && !(content[p.at] == '#' && number != &p.most):
			return p, refuse(KindDamaged, "pnm: no number where its header has one")
		}
	}
	p.at++ // one byte of white space
	if p.most < 1 || p.most > 65535 {
		return p, refuse(KindDamaged, "pnm: the header claims levels up to %d; they go to 65535 at most", p.most)
	}
	return p, nil
}

// bytes returns how many bytes a level takes.
func (p *pnm) bytes() int {
	if p.most > 255 {
		return 2
	}
	return 1
}

// pnmHeader is PNM's Format.header.
func pnmHeader(hd *Header) (least int, err error) {
	p, err := readPNM(hd.content)
	if err != nil {
		return 0, err
	}
	hd.Width, hd.Height = p.w, p.h
	if p.w > MaxSide || p.h > MaxSide {
		return 0, nil // refused for that; the product below must not overflow
	}
	return p.at + p.w*p.h*p.channels*p.bytes(), nil
}

// scale returns what makes levels of p levels up to most, as Pillow does:
// rounded to the nearest, halves to the even one.
func (p *pnm) scale(most int) func(v int) int {
	if p.most == most {
		return func(v int) int { return v }
	}
	return func(v int) int {
		return min(most, int(math.RoundToEven(float64(v)/float64(p.most)*float64(most))))
	}
}

// decodePNM is PNM's Format.decode.
func decodePNM(hd *Header) (image.Image, error) {
	p, err := readPNM(hd.content)
	if err != nil {
		return nil, err
	}
	levels, rect := hd.content[p.at:], image.Rect(0, 0, p.w, p.h)
	at := func(i int) int { return int(levels[i]) }
	if p.bytes() == 2 {
		at = func(i int) int { return int(binary.BigEndian.Uint16(levels[2*i:])) }
	}
	n := p.w * p.h
	switch {
	case p.channels == 1 && p.most == 255:
		return &image.Gray{Pix: levels[:n:n], Stride: p.w, Rect: rect}, nil
	case p.channels == 3 && p.most == 255:
		return &rgb{levels[: 3*n : 3*n], rect}, nil
	case p.channels == 1 && p.bytes() == 1:
		img, scale := image.NewGray(rect), p.scale(255)
		for i := range n {
			img.Pix[i] = uint8(scale(at(i)))
		}
		return img, nil
	case p.channels == 1:
		img, scale := image.NewGray16(rect), p.scale(65535)
		for i := range n {
			binary.BigEndian.PutUint16(img.Pix[2*i:], uint16(scale(at(i))))
		}
		return img, nil
	}
	img, scale := &rgb{make([]uint8, 3*n), rect}, p.scale(255)
	for i := range img.pix {
		img.pix[i] = uint8(scale(at(i)))
	}
	return img, nil
}

// rgb is an image of three levels a pixel.
type rgb struct {
	pix  []uint8
	rect image.Rectangle
}

func (m *rgb) ColorModel() color.Model { return color.RGBAModel }
func (m *rgb) Bounds() image.Rectangle { return m.rect }
func (m *rgb) At(x, y int) color.Color {
	i := 3 * (y*m.rect.Dx() + x)
	return color.RGBA{m.pix[i], m.pix[i+1], m.pix[i+2], 255}
}

var _ rower = (*rgb)(nil)

func (m *rgb) rows(*Preprocessor, *scratch) picture {
	n := 3 * m.rect.Dx()
	return picture{row: func(dst []byte, y int) { copy(dst, m.pix[n*y:n*(y+1)]) }}
}
