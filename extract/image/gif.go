package image

import (
	"compress/lzw"
	"encoding/binary"
	"image"
	"image/color"
	"io"
)

// gif is the first frame of a GIF (GIF89a specification) and what is said of it
// up to its pixels.
type gif struct {
	screen    image.Rectangle // grown to hold the frame, as Pillow does
	frame     image.Rectangle
	palette   []byte // RGB; nil: levels of grey
	clear     int    // the transparent entry, -1 if there is none
	interlace bool
	width     int // bits of a code, at first without the one that is added
	at        int // of the blocks of codes
}

// gifPalette returns a table of n colours, nil if each is its number, which
// Pillow takes for grey.
func gifPalette(table []byte) []byte {
	for i, v := range table {
		if int(v) != i/3 {
			return table
		}
	}
	return nil
}

// readGIF reads what stands in front of the first frame's codes.
func readGIF(content []byte) (*gif, error) {
	cut := refuse(KindTruncated, "gif: truncated: it ends before its first frame")
	if len(content) < 13 {
		return nil, cut
	}
	u16 := func(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
	g := &gif{screen: image.Rect(0, 0, u16(content[6:]), u16(content[8:])), clear: -1}
	b := content[13:]
	// table takes a table of colours if the flags say that there is one.
	table := func(flags byte) (ok bool) {
		if flags&0x80 == 0 {
			return true
		}
		n := 3 << (flags&7 + 1)
		if len(b) < n {
			return false
		}
		// A table of grey in front of the frame leaves the screen's in force,
		// as in Pillow.
		if p := gifPalette(b[:n]); p != nil {
			g.palette = p
		}
		b = b[n:]
		return true
	}
	if !table(content[10]) {
		return nil, cut
	}
	for {
		if len(b) == 0 {
			return nil, cut
		}
		kind := b[0]
		b = b[1:]
		switch kind {
		case ';':
			return nil, refuse(KindDamaged, "gif: it has no frame")
		case '!':
			if len(b) == 0 {
				return nil, cut
			}
			label := b[0]
			b = b[1:]
			for first := true; ; first = false {
				if len(b) == 0 || len(b) < 1+int(b[0]) {
					return nil, cut
				}
				block := b[1 : 1+int(b[0])]
				b = b[1+len(block):]
				if len(block) == 0 {
					break
				}
				if first && label == 0xf9 && len(block) >= 4 && block[0]&1 == 1 {
					g.clear = int(block[3])
				}
			}
		case ',':
			if len(b) < 9 {
				return nil, cut
			}
			x, y := u16(b), u16(b[2:])
			g.frame = image.Rect(x, y, x+u16(b[4:]), y+u16(b[6:]))
			flags := b[8]
			b = b[9:]
			g.interlace = flags&0x40 != 0
			if !table(flags) || len(b) == 0 {
				return nil, cut
			}
			g.width = int(b[0])
			g.at = len(content) - len(b) + 1
			if g.frame.Empty() {
				return nil, refuse(KindDamaged, "gif: its first frame has %d×%d pixels", g.frame.Dx(), g.frame.Dy())
			}
			g.screen.Max.X, g.screen.Max.Y = max(g.screen.Max.X, g.frame.Max.X), max(g.screen.Max.Y, g.frame.Max.Y)
			return g, nil
		}
		// Other bytes between blocks are passed over, as Pillow does.
	}
}

// gifRatio is how many pixels a byte of codes stands for at most: a code of 12
// bits for a run of 4096.
const gifRatio = 4096 * 8 / 12

// gifHeader is GIF's Format.header.
func gifHeader(hd *Header) (least int, err error) {
	g, err := readGIF(hd.content)
	if err != nil {
		return 0, err
	}
	hd.Width, hd.Height = g.screen.Dx(), g.screen.Dy()
	least = g.frame.Dx() * g.frame.Dy() / gifRatio
	if n := hd.Width * hd.Height; n > idlePixels {
		least = max(least, n/gifRatio) // what no frame covers counts too
	}
	return least, nil
}

// idlePixels is how many pixels an image may have of which nothing stands in
// the file. A file with more must have the bytes for them.
const idlePixels = 12 << 20

// gifBlocks reads the data of a chain of blocks, each behind its length.
type gifBlocks struct{ rest, block []byte }

// ReadByte makes the blocks what lzw reads without a buffer.
func (r *gifBlocks) ReadByte() (byte, error) {
	for len(r.block) == 0 {
		if len(r.rest) == 0 || len(r.rest) < 1+int(r.rest[0]) {
			return 0, io.ErrUnexpectedEOF
		}
		n := 1 + int(r.rest[0])
		if n == 1 {
			return 0, io.EOF
		}
		r.block, r.rest = r.rest[1:n], r.rest[n:]
	}
	c := r.block[0]
	r.block = r.block[1:]
	return c, nil
}

func (r *gifBlocks) Read(p []byte) (n int, err error) {
	for ; n < len(p); n++ {
		if p[n], err = r.ReadByte(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// decodeGIF is GIF's Format.decode: the first frame on its screen. What the
// frame leaves free has the transparent entry's colour, or else the first
// one's.
func decodeGIF(hd *Header) (image.Image, error) {
	g, err := readGIF(hd.content)
	if err != nil {
		return nil, err
	}
	if g.width < 2 || g.width > 8 {
		return nil, refuse(KindDamaged, "gif: its codes begin with %d bits; they have 2 to 8", g.width)
	}
	img := image.NewPaletted(g.screen, g.colours())
	if g.clear > 0 && g.frame != g.screen {
		for i := range img.Pix {
			img.Pix[i] = uint8(g.clear)
		}
	}
	codes := lzw.NewReader(&gifBlocks{rest: hd.content[g.at:]}, lzw.LSB, g.width)
	defer codes.Close()
	for _, y := range g.order() {
		row := img.Pix[img.PixOffset(g.frame.Min.X, g.frame.Min.Y+y):][:g.frame.Dx()]
		switch _, err := io.ReadFull(codes, row); {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil, refuse(KindTruncated, "gif: truncated: it ends in row %d of the %d of its first frame", y+1, g.frame.Dy())
		case err != nil:
			return nil, refuse(KindDamaged, "gif: %w", err)
		}
	}
	return img, nil
}

// order returns the rows of the frame in the order in which they are stored.
func (g *gif) order() []int {
	passes := [][2]int{{0, 1}}
	if g.interlace {
		passes = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	var rows []int
	for _, p := range passes {
		for y := p[0]; y < g.frame.Dy(); y += p[1] {
			rows = append(rows, y)
		}
	}
	return rows
}

// colours returns the palette. The transparent entry keeps its colour.
func (g *gif) colours() color.Palette {
	p := make(color.Palette, 256)
	for i := range p {
		c := color.NRGBA{A: 255}
		switch {
		case g.palette == nil:
			c.R, c.G, c.B = uint8(i), uint8(i), uint8(i)
		case 3*i < len(g.palette):
			c.R, c.G, c.B = g.palette[3*i], g.palette[3*i+1], g.palette[3*i+2]
		}
		if i == g.clear {
			c.A = 0
		}
		p[i] = c
	}
	return p
}
