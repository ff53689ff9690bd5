package jpeg

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// Markers (ITU-T T.81, B.1.1.3).
const (
	markTEM   = 0x01
	markSOF0  = 0xc0 // frame headers: baseline,
	markSOF2  = 0xc2 // progressive,
	markSOF3  = 0xc3 // lossless,
	markSOF9  = 0xc9 // arithmetic,
	markSOF10 = 0xca // arithmetic and progressive,
	markSOF11 = 0xcb // arithmetic and lossless
	markSOF15 = 0xcf
	markDHT   = 0xc4
	markJPG   = 0xc8
	markDAC   = 0xcc
	markRST0  = 0xd0
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markDQT   = 0xdb
	markDNL   = 0xdc
	markDRI   = 0xdd
	markAPP0  = 0xe0
	markAPP14 = 0xee
	markAPP15 = 0xef
	markCOM   = 0xfe
)

// parser reads marker segments.
type parser struct {
	data []byte
	pos  int // of the next byte

	frame  frame
	framed bool // there was a frame header

	quants   [4][64]uint16 // in the order of zigzag
	quantSet [4]bool
	codes    [2][4]codes // of DC and AC
	conds    [2][4]byte  // conditioning of arithmetic coding, of DC and AC
	restart  int         // MCUs between restart markers, 0: there are none

	jfif, adobe bool
	transform   byte // Adobe's

	scan scan
}

// scan is a scan header (ITU-T T.81, B.2.3).
type scan struct {
	n              int
	comps          [4]int // their indices in the frame
	dc, ac         [4]int // their tables
	ss, se, ah, al int
}

// begin starts on a file.
func (p *parser) begin(content []byte) error {
	*p = parser{data: content}
	p.conds = [2][4]byte{{0x10, 0x10, 0x10, 0x10}, {5, 5, 5, 5}}
	if len(content) < 2 || content[0] != 0xff || content[1] != markSOI {
		return damaged("the file does not begin with ff d8")
	}
	p.pos = 2
	return nil
}

// next passes over stray bytes and fill bytes and returns the next marker.
func (p *parser) next() (byte, error) {
	for {
		i := bytes.IndexByte(p.data[min(p.pos, len(p.data)):], 0xff)
		if i < 0 {
			break
		}
		p.pos += i
		for p.pos < len(p.data) && p.data[p.pos] == 0xff {
			p.pos++
		}
		if p.pos == len(p.data) {
			break
		}
		m := p.data[p.pos]
		p.pos++
		if m != 0 {
			return m, nil
		}
	}
	return 0, truncated("the file ends before its image does (no EOI)")
}

// segment returns what a segment holds whose marker was read.
func (p *parser) segment(marker byte) ([]byte, error) {
	b := p.data[p.pos:]
	if len(b) < 2 {
		return nil, truncated("the file ends in a segment (ff %02x)", marker)
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n < 2:
		return nil, damaged("a segment (ff %02x) claims a length of %d bytes", marker, n)
	case n > len(b):
		return nil, truncated("the file ends in a segment (ff %02x)", marker)
	}
	p.pos += n
	return b[2:n], nil
}

// Segments yields the marker segments of a file, each its marker and what it
// holds, scan headers among them, up to the end of the image or to what is
// damaged. What lies between them (coded samples, fill bytes, stray bytes) is
// passed over.
func Segments(content []byte) iter.Seq2[byte, []byte] {
	return func(yield func(marker byte, data []byte) bool) {
		var p parser
		if p.begin(content) != nil {
			return
		}
		for {
			m, err := p.next()
			switch {
			case err != nil || m == markEOI:
				return
			case m == markTEM || markRST0 <= m && m <= markSOI:
				continue // no segment follows
			}
			data, err := p.segment(m)
			if err != nil || !yield(m, data) {
				return
			}
		}
	}
}

// untilScan reads segments up to and including the next scan header, or up to
// the end of the image, in which case more is false.
func (p *parser) untilScan() (more bool, err error) {
	for {
		m, err := p.next()
		if err != nil {
			return false, err
		}
		switch {
		case m == markEOI:
			return false, nil
		case m == markTEM || markRST0 <= m && m <= markRST7:
			continue // no segment follows
		case m == markSOI:
			return false, damaged("a second image begins (SOI) before the first has ended")
		case m == markJPG || m < markSOF0 || m > markAPP15 && m != markCOM || m == 0xde || m == 0xdf:
			return false, damaged("an unknown marker, ff %02x", m)
		}
		b, err := p.segment(m)
		if err != nil {
			return false, err
		}
		switch m {
		case markDHT:
			err = p.readCodes(b)
		case markDQT:
			err = p.readQuants(b)
		case markDAC:
			err = p.readConditioning(b)
		case markDRI:
			if len(b) != 2 {
				return false, damaged("a restart interval (DRI) of %d bytes", len(b))
			}
			p.restart = int(binary.BigEndian.Uint16(b))
		case markAPP0:
			p.jfif = p.jfif || len(b) >= 14 && bytes.HasPrefix(b, []byte("JFIF\x00"))
		case markAPP14:
			if len(b) >= 12 && bytes.HasPrefix(b, []byte("Adobe")) {
				p.adobe, p.transform = true, b[11]
			}
		case markSOS:
			return true, p.readScan(b)
		default:
			if m > markSOF15 {
				break // of no meaning for the samples
			}
			if p.framed {
				return false, damaged("a second frame header (SOF%d)", m&15)
			}
			p.framed = true
			err = p.frame.read(m, b)
		}
		if err != nil {
			return false, err
		}
	}
}

// readQuants reads quantisation tables (ITU-T T.81, B.2.4.1).
func (p *parser) readQuants(b []byte) error {
	for len(b) > 0 {
		wide, t := b[0]>>4 != 0, b[0]&15
		n := 64
		if wide {
			n = 128
		}
		if t > 3 || len(b) < 1+n {
			return damaged("a quantisation table (DQT) with number %d and %d bytes", t, len(b)-1)
		}
		for i := range 64 {
			if wide {
				p.quants[t][i] = binary.BigEndian.Uint16(b[1+2*i:])
			} else {
				p.quants[t][i] = uint16(b[1+i])
			}
		}
		p.quantSet[t] = true
		b = b[1+n:]
	}
	return nil
}

// readCodes reads Huffman tables (ITU-T T.81, B.2.4.2).
func (p *parser) readCodes(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return damaged("a Huffman table (DHT) of %d bytes", len(b))
		}
		class, t := b[0]>>4, b[0]&15
		n := 0
		for _, v := range b[1:17] {
			n += int(v)
		}
		if class > 1 || t > 3 || n > 256 || len(b) < 17+n {
			return damaged("a Huffman table (DHT) of class %d with number %d and %d codes in %d bytes", class, t, n, len(b)-17)
		}
		c := &p.codes[class][t]
		*c = codes{set: true, changed: true}
		copy(c.counts[1:], b[1:17])
		copy(c.values[:], b[17:17+n])
		b = b[17+n:]
	}
	return nil
}

// readConditioning reads that of arithmetic coding (ITU-T T.81, B.2.4.3).
func (p *parser) readConditioning(b []byte) error {
	for ; len(b) >= 2; b = b[2:] {
		class, t, v := b[0]>>4, b[0]&15, b[1]
		if class > 1 || t > 3 || class == 0 && v&15 > v>>4 {
			return damaged("a conditioning (DAC) of class %d with number %d and value %#02x", class, t, v)
		}
		p.conds[class][t] = v
	}
	if len(b) > 0 {
		return damaged("a conditioning (DAC) of half a value")
	}
	return nil
}

// readScan reads a scan header.
func (p *parser) readScan(b []byte) error {
	if !p.framed {
		return damaged("a scan (SOS) before the frame header")
	}
	s := &p.scan
	*s = scan{}
	if len(b) > 0 {
		s.n = int(b[0])
	}
	if s.n < 1 || s.n > 4 || len(b) != 4+2*s.n {
		return damaged("a scan header (SOS) of %d bytes for %d components", len(b), s.n)
	}
	var taken [4]bool
	for i := range s.n {
		id, t := b[1+2*i], b[2+2*i]
		// Where components share an identifier, each is taken once.
		at := -1
		for k := range p.frame.n {
			if p.frame.comps[k].id == id && !taken[k] {
				at = k
				break
			}
		}
		if at < 0 {
			return damaged("a scan (SOS) of component %d, which the frame has not or which it names twice", id)
		}
		taken[at] = true
		s.comps[i], s.dc[i], s.ac[i] = at, int(t>>4), int(t&15)
	}
	e := b[1+2*s.n:]
	s.ss, s.se, s.ah, s.al = int(e[0]), int(e[1]), int(e[2]>>4), int(e[2]&15)
	if s.n > 1 {
		blocks := 0
		for _, k := range s.comps[:s.n] {
			blocks += p.frame.comps[k].h * p.frame.comps[k].v
		}
		if blocks > 10 {
			return damaged("a scan (SOS) of %d blocks an MCU; the limit is 10", blocks)
		}
	}
	return nil
}

// quantise gives the components of the scan their quantisation tables: those
// that are in force at their first scan.
func (p *parser) quantise() error {
	for _, k := range p.scan.comps[:p.scan.n] {
		c := &p.frame.comps[k]
		if c.quant != nil {
			continue
		}
		if c.tq > 3 || !p.quantSet[c.tq] {
			return damaged("component %d has the quantisation table %d, which is not defined", c.id, c.tq)
		}
		for i, q := range p.quants[c.tq] {
			c.table[place[i]] = int16(q)
		}
		c.quant = &c.table
	}
	return nil
}
