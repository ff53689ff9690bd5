package jpeg

import (
	"fmt"
	"image"
)

// Header is what a file says before its first scan, and what its scans ask for.
type Header struct {
	Width, Height int // pixels, as stored
	Components    int // 1, 3 or 4
	Progressive   bool

	Blocks int // of 8×8 samples, of all components
	Scans  int
	Visits int // blocks that the scans come to, added up
	Least  int // bytes that the coded samples take at least
}

// ReadHeader reads the header of a file and counts its scans. It allocates next
// to nothing. It fails for files that are not read, and for those whose scans
// come to their blocks too often; errors are of type *Error.
func ReadHeader(content []byte) (Header, error) {
	var p parser
	if err := p.begin(content); err != nil {
		return Header{}, err
	}
	return p.header()
}

// header reads up to the first scan.
func (p *parser) header() (Header, error) {
	more, err := p.untilScan()
	switch {
	case err != nil:
		return Header{}, err
	case !more && !p.framed:
		return Header{}, damaged("the image ends (EOI) before its header")
	case !more:
		return Header{}, truncated("the image ends (EOI) before its first scan")
	}
	f := &p.frame
	h := Header{Width: f.width, Height: f.height, Components: f.n, Progressive: f.progressive(), Blocks: f.blocks()}
	switch {
	case f.arithmetic():
		h.Least = h.Blocks / 64 // no bound, but an eighth of a bit a block is little
	case f.progressive():
		h.Least = h.Blocks / 8 // a code for DC
	default:
		h.Least = h.Blocks / 4 // one for AC besides
	}
	h.Scans, h.Visits = 1, h.Blocks
	if f.progressive() || p.scan.n < f.n {
		h.Scans, h.Visits = p.visits()
	}
	return h, h.tooMany(len(p.data))
}

// How often the scans of a file may come to its blocks. A scan of a few bytes
// can come to each block of a progressive image, so a small file could hold a
// core for minutes. Encoders come to a block 6 times, in 10 scans of a colour
// image. Any file may do so blockVisits times and, besides, byteVisits times
// for each of its bytes, as a photograph in many scans does; mostVisits in all
// are 100 scans of each component of 64 MP, 4:2:0.
const (
	blockVisits = 16
	byteVisits  = 32
	mostVisits  = 150_000_000
)

// tooMany says why a file of so many bytes is refused, if it is.
func (h *Header) tooMany(bytes int) error {
	if limit := min(blockVisits*h.Blocks+byteVisits*bytes, mostVisits); h.Visits > limit && h.Scans > h.Components {
		return &Error{TooManyScans, fmt.Sprintf("%d scans come to %d blocks; the limit for an image of %d blocks in %d bytes is %d; save it again with fewer scans",
			h.Scans, h.Visits, h.Blocks, bytes, limit)}
	}
	return nil
}

// visits counts the scans and the blocks that they come to, from the scan whose
// header was read to the end of the image.
func (p *parser) visits() (scans, blocks int) {
	q := parser{data: p.data, pos: p.pos}
	s := p.data[p.pos-3-2*p.scan.n : p.pos]
	for {
		scans++
		for i := 0; i+1 < len(s)-3; i += 2 {
			for k := range p.frame.n {
				if c := &p.frame.comps[k]; c.id == s[i] {
					blocks += c.across * c.down
					break
				}
			}
		}
		for {
			m, err := q.next()
			if err != nil || m == markEOI {
				return scans, blocks
			}
			if m == markTEM || markRST0 <= m && m <= markSOI {
				continue
			}
			b, err := q.segment(m)
			if err != nil {
				return scans, blocks
			}
			if m == markSOS && len(b) > 0 {
				s = b[1:min(len(b), 4+2*int(b[0]))]
				break
			}
		}
	}
}

// Decoder decodes one file after another and uses its memory again. Its zero
// value is ready. It is not safe for concurrent use.
type Decoder struct {
	p       parser
	colours colours
	region  image.Rectangle
	y       int // the next row that Row writes

	bits       bits
	tables     [2][4]*table // of DC and AC
	arithmetic *arithmetic  // nil before the first file that is so coded
	walk       walk
	block      [64]int16 // clear between blocks
	guess      [64]int16

	planes   [4]plane
	coefs    [4]coefficients
	progress progress
	smoothed bool // coefficients are guessed

	// source says how rows of MCUs become samples.
	source source
	mcus   int // rows of MCUs that have become samples
	up     [4][]byte
}

// source is where samples come from.
type source int

const (
	fromScan  source = iota // the only scan, row by row
	fromCoefs               // coefficients of all scans, row by row
	fromWhole               // planes, which are complete
)

// Open begins with a file, of which Row will return the pixels in region, or
// all if it is empty. The region must lie in the image, whose size ReadHeader
// returns. content must not change before Close. Errors are of type *Error.
func (d *Decoder) Open(content []byte, region image.Rectangle) (Header, error) {
	if err := d.p.begin(content); err != nil {
		return Header{}, err
	}
	h, err := d.p.header()
	if err != nil {
		return h, err
	}
	if h.Least > len(content) {
		return h, truncated("%d bytes cannot hold the %d×%d pixels that the header claims", len(content), h.Width, h.Height)
	}
	f := &d.p.frame
	if region.Empty() {
		region = image.Rect(0, 0, f.width, f.height)
	}
	if !region.In(image.Rect(0, 0, f.width, f.height)) {
		return h, damaged("rows and columns %v of an image of %d×%d pixels are asked for", region, f.width, f.height)
	}
	d.region, d.y, d.mcus = region, region.Min.Y, 0
	d.colours = d.p.colours()
	switch {
	case f.progressive():
		d.source = fromCoefs
	case d.p.scan.n < f.n:
		d.source = fromWhole
	default:
		d.source = fromScan
	}
	d.place()
	if d.source == fromScan {
		err = d.beginScan()
	} else {
		err = d.allScans()
	}
	if err != nil {
		d.letGo()
	}
	return h, err
}

// maxKept is how many bytes of memory a Decoder keeps for the next file.
const maxKept = 32 << 20

// letGo lets go of the file, and of memory for uncommonly large ones.
func (d *Decoder) letGo() {
	d.p.data, d.bits.src = nil, nil
	kept := 0
	for k := range d.planes {
		for _, row := range d.planes[k].rows[:cap(d.planes[k].rows)] {
			kept += cap(row)
		}
		for _, row := range d.coefs[k].rows[:cap(d.coefs[k].rows)] {
			kept += 136 * cap(row)
		}
	}
	if kept > maxKept {
		d.planes, d.coefs = [4]plane{}, [4]coefficients{}
	}
}

// place makes room for samples and coefficients.
func (d *Decoder) place() {
	f, r := &d.p.frame, d.region
	for k := range f.n {
		c, p := &f.comps[k], &d.planes[k]
		near, far := c.kind.rows(c, r.Min.Y)
		top := min(near, far)
		near, far = c.kind.rows(c, r.Max.Y-1)
		bottom := max(near, far)
		left, right := c.kind.columns(c, r.Min.X, r.Max.X)
		p.blocks = image.Rect(left/8, top/8, ceil(right, 8), bottom/8+1)
		p.stride = 8 * c.stride
		rows := 2 * c.v // two rows of MCUs
		if d.source == fromWhole {
			rows = f.mcusY * c.v
		}
		p.reset(rows)
		d.coefs[k].reset(0, 0)
		if d.source == fromCoefs {
			d.coefs[k].reset(f.mcusY*c.v, c.stride)
		}
		d.up[k] = grow(d.up[k], r.Dx()+4)
	}
}

// grow returns a slice of length n that uses b's memory if it is large enough.
// The elements are undefined.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}

// allScans decodes every scan of a file of several.
func (d *Decoder) allScans() error {
	f := &d.p.frame
	for k := range d.progress {
		for i := range d.progress[k] {
			d.progress[k][i] = -1
		}
	}
	for more := true; more; {
		if f.progressive() {
			if err := d.beginProgressive(); err != nil {
				return err
			}
		}
		if err := d.beginScan(); err != nil {
			return err
		}
		var err error
		if f.progressive() {
			err = d.progressiveScan()
		} else {
			for err == nil && d.walk.row < d.walk.down {
				err = d.sequentialRow()
			}
		}
		if err == nil {
			err = d.endScan()
		}
		if err == nil {
			more, err = d.p.untilScan()
		}
		if err != nil {
			return err
		}
	}
	if f.progressive() {
		return d.complete()
	}
	for k := range f.n {
		if c := &f.comps[k]; c.quant == nil {
			return truncated("no scan has component %d", c.id)
		}
	}
	d.mcus = f.mcusY
	return nil
}

// Row writes the next row of the region to dst: 3 levels a pixel, RGB. There
// are as many rows as the region has.
func (d *Decoder) Row(dst []byte) error {
	f, r := &d.p.frame, d.region
	if d.y >= r.Max.Y || len(dst) < 3*r.Dx() {
		return damaged("row %d of %v is asked for, in %d levels", d.y, r, len(dst))
	}
	// All rows of MCUs that this row needs.
	for k := range f.n {
		c := &f.comps[k]
		near, far := c.kind.rows(c, d.y)
		for last := max(near, far) / (8 * c.v); d.mcus <= last; d.mcus++ {
			if err := d.mcuRow(); err != nil {
				return err
			}
		}
	}
	var rows [4][]byte
	for k := range f.n {
		rows[k] = d.planes[k].upsample(d.up[k], &f.comps[k], d.y, r.Min.X, r.Max.X)
	}
	d.y++
	dst = dst[:3*r.Dx()]
	switch d.colours {
	case grey:
		expand(dst, rows[0])
	case rgb, cmyk:
		weave(dst, rows[0], rows[1], rows[2])
	case ycc, ycck:
		ycbcr(dst, rows[0], rows[1], rows[2])
	}
	switch d.colours {
	case cmyk:
		ink(dst, rows[3])
	case ycck: // its colours are those of inks that are inverted
		for i, v := range dst {
			dst[i] = 255 - v
		}
		ink(dst, rows[3])
	}
	return nil
}

// mcuRow makes samples of the next row of MCUs.
func (d *Decoder) mcuRow() error {
	if d.source == fromScan {
		return d.sequentialRow()
	}
	f := &d.p.frame
	for k := range f.n {
		c, p := &f.comps[k], &d.planes[k]
		for v := range c.v {
			row := d.mcus*c.v + v
			if row < p.blocks.Min.Y || row >= p.blocks.Max.Y {
				continue
			}
			p.make(row)
			blocks := d.coefs[k].row(row)
			for x := p.blocks.Min.X; x < p.blocks.Max.X; x++ {
				coefs := &blocks[x].coefs
				if d.smoothed {
					d.smooth(&d.guess, k, row, x)
					coefs = &d.guess
				}
				idct(p.at(row, x), p.stride, coefs, c.quant)
			}
		}
	}
	return nil
}

// Close reads what the file has behind the region. It returns an error if the
// file is damaged there or ends early, so the rows are to be used only if there
// is none. It lets go of the file.
func (d *Decoder) Close() error {
	f := &d.p.frame
	defer d.letGo()
	if d.source == fromScan {
		for ; d.mcus < f.mcusY; d.mcus++ {
			if err := d.sequentialRow(); err != nil {
				return err
			}
		}
		if err := d.endScan(); err != nil {
			return err
		}
		more, err := d.p.untilScan()
		if err != nil {
			return err
		}
		if more {
			return damaged("a second scan (SOS) of an image of one")
		}
	}
	return nil
}

// RGB is an image: rows from the top, 3 levels a pixel.
type RGB struct {
	Width, Height int
	Pix           []byte
}

// Decode decodes a file.
func Decode(content []byte) (*RGB, error) {
	var d Decoder
	h, err := d.Open(content, image.Rectangle{})
	if err != nil {
		return nil, err
	}
	m := &RGB{h.Width, h.Height, make([]byte, 3*h.Width*h.Height)}
	for y := range h.Height {
		if err := d.Row(m.Pix[3*h.Width*y:]); err != nil {
			return nil, err
		}
	}
	return m, d.Close()
}
