package jpeg

import (
	"encoding/binary"
	bits64 "math/bits"
)

// walk goes through the MCUs of the scan, row by row.
type walk struct {
	row     int // of the next MCU row
	across  int // MCUs
	down    int
	left    int  // MCUs before the next restart marker
	number  byte // of that marker
	skipped int  // EOB run: blocks that hold nothing more in this band
	last    [4]int32
}

// beginScan prepares for a scan whose header was read.
func (d *Decoder) beginScan() error {
	p, s := &d.p, &d.p.scan
	if err := p.quantise(); err != nil {
		return err
	}
	if err := d.makeTables(); err != nil {
		return err
	}
	d.walk = walk{across: p.frame.mcusX, down: p.frame.mcusY, left: p.restart}
	blocks := 0
	for _, k := range s.comps[:s.n] {
		c := &p.frame.comps[k]
		blocks += c.h * c.v
		if s.n == 1 { // an MCU is a block
			d.walk.across, d.walk.down = c.across, c.down
			blocks = 1
		}
	}
	d.bits.begin(p.data, p.pos, blocks)
	d.block = [64]int16{} // an error may have left something
	if p.frame.arithmetic() {
		d.beginArithmetic()
	}
	return nil
}

// beginArithmetic begins an arithmetic-coded scan.
func (d *Decoder) beginArithmetic() {
	if d.arithmetic == nil {
		d.arithmetic = new(arithmetic)
	}
	a := d.arithmetic
	a.bits = &d.bits
	for t := range 4 {
		a.lower[t], a.upper[t] = int(d.p.conds[0][t]&15), int(d.p.conds[0][t]>>4)
		a.frontier[t] = int(d.p.conds[1][t])
	}
	a.reset()
}

// makeTables makes the decoding tables that the scan needs.
func (d *Decoder) makeTables() error {
	p, s := &d.p, &d.p.scan
	for i := range s.n {
		for class, t := range [2]int{s.dc[i], s.ac[i]} {
			if p.frame.progressive() && (class == 1) != (s.ss > 0) || p.frame.progressive() && class == 0 && s.ah > 0 {
				continue // this scan has no such codes
			}
			if t > 3 {
				return damaged("a scan (SOS) with the table %d", t)
			}
			if p.frame.arithmetic() {
				continue
			}
			c := &p.codes[class][t]
			if !c.set {
				if p.frame.progressive() || t > 1 {
					return damaged("a scan (SOS) with the Huffman table %d, which is not defined", t)
				}
				*c = usual(class == 0, t == 1)
			}
			if d.tables[class][t] == nil {
				d.tables[class][t] = new(table)
				c.changed = true
			}
			if c.changed {
				if err := d.tables[class][t].set(c, class == 0); err != nil {
					return err
				}
				c.changed = false
			}
		}
	}
	return nil
}

// short is the error of coded samples that end early.
func (d *Decoder) short() error {
	if d.bits.atEnd() {
		return truncated("the coded samples end in row %d of %d of the MCUs", d.walk.row+1, d.walk.down)
	}
	return damaged("the coded samples in row %d of %d of the MCUs end early, at a marker", d.walk.row+1, d.walk.down)
}

// badCode is the error of a code that no table has.
func (d *Decoder) badCode() error {
	if !d.bits.whole() {
		return d.short()
	}
	if d.p.frame.arithmetic() {
		return damaged("a code of too large a number or of too many zeros, in row %d of %d of the MCUs", d.walk.row+1, d.walk.down)
	}
	return damaged("a code that no Huffman table has, in row %d of %d of the MCUs", d.walk.row+1, d.walk.down)
}

// nextMCU prepares for an MCU: at a restart marker if one is due.
func (d *Decoder) nextMCU() error {
	if d.p.restart > 0 {
		if d.walk.left == 0 {
			if err := d.restart(); err != nil {
				return err
			}
		}
		d.walk.left--
	}
	if !d.bits.more() {
		return d.short()
	}
	return nil
}

// restart reads a restart marker (ITU-T T.81, E.2.4).
func (d *Decoder) restart() error {
	if !d.bits.whole() {
		return d.short()
	}
	d.p.pos = d.bits.in
	m, err := d.p.next()
	if err != nil {
		return err
	}
	if want := markRST0 + d.walk.number; m != want {
		d.bits.in, d.bits.ended = d.p.pos-2, true
		if m == markEOI {
			return d.short()
		}
		return damaged("in row %d of %d of the MCUs: the marker ff %02x where a restart marker ff %02x belongs", d.walk.row+1, d.walk.down, m, want)
	}
	d.walk.number = (d.walk.number + 1) & 7
	d.walk.left = d.p.restart
	d.walk.last = [4]int32{}
	d.walk.skipped = 0
	d.bits.in = d.p.pos
	d.bits.reset()
	if d.p.frame.arithmetic() {
		d.arithmetic.reset()
	}
	return nil
}

// endScan checks that all bits were there and returns to the markers.
func (d *Decoder) endScan() error {
	if !d.bits.whole() {
		return d.short()
	}
	d.p.pos = d.bits.in
	return nil
}

// sequentialRow decodes a row of MCUs of a sequential scan, and transforms the
// blocks that the region needs.
func (d *Decoder) sequentialRow() error {
	f, s := &d.p.frame, &d.p.scan
	type part struct {
		c      *component
		p      *plane
		dc, ac *table
		last   *int32
		across int
		down   int
	}
	var parts [4]part
	for i := range s.n {
		k := s.comps[i]
		c := &f.comps[k]
		parts[i] = part{c, &d.planes[k], d.tables[0][s.dc[i]], d.tables[1][s.ac[i]], &d.walk.last[i], c.h, c.v}
		if s.n == 1 {
			parts[i].across, parts[i].down = 1, 1
		}
		for v := range parts[i].down {
			parts[i].p.make(d.walk.row*parts[i].down + v)
		}
	}
	coefs, arithmetic := &d.block, f.arithmetic()
	for mx := range d.walk.across {
		if d.p.restart > 0 || d.bits.pos > d.bits.safe {
			if err := d.nextMCU(); err != nil {
				return err
			}
		}
		for i := range parts[:s.n] {
			pt := &parts[i]
			for v := range pt.down {
				row := d.walk.row*pt.down + v
				for h := range pt.across {
					k := 0
					if arithmetic {
						k = d.arithmetic.block(coefs, i, s.dc[i], s.ac[i], pt.last)
					} else {
						k = d.bits.block(coefs, pt.dc, pt.ac, pt.last)
					}
					if k < 0 {
						return d.badCode()
					}
					if x := mx*pt.across + h; pt.p.needs(row, x) {
						dst := pt.p.at(row, x)
						if k == 0 {
							idctDC(dst, pt.p.stride, coefs, pt.c.quant)
						} else {
							idct(dst, pt.p.stride, coefs, pt.c.quant)
						}
					}
					if k > 0 {
						*coefs = [64]int16{}
					}
				}
			}
		}
	}
	d.walk.row++
	return nil
}

// progress notes how exact each coefficient of each component is: −1: there was
// no scan, else the number of its low bits that are not known.
type progress [4][64]int8

// beginProgressive checks the header of a progressive scan (ITU-T T.81,
// G.1.1.1.1) and notes what it adds.
func (d *Decoder) beginProgressive() error {
	s := &d.p.scan
	bad := s.se > 63 || s.ss > s.se || s.al > 13 || s.ah > 0 && s.al != s.ah-1
	if s.ss == 0 {
		bad = bad || s.se != 0
	} else {
		bad = bad || s.n != 1
	}
	if bad {
		return damaged("a scan (SOS) of coefficients %d to %d, bits %d and %d, of %d components", s.ss, s.se, s.ah, s.al, s.n)
	}
	for _, k := range s.comps[:s.n] {
		for i := s.ss; i <= s.se; i++ {
			d.progress[k][i] = int8(s.al)
		}
	}
	return nil
}

// complete checks that the scans gave every component something.
func (d *Decoder) complete() error {
	for k := range d.p.frame.n {
		if d.progress[k][0] < 0 {
			return truncated("no scan has the DC coefficients of component %d", d.p.frame.comps[k].id)
		}
	}
	if d.smoothed = d.smooths(); d.smoothed && d.p.frame.arithmetic() {
		return truncated("its scans do not complete the lower coefficients")
	}
	return nil
}

// progressiveScan decodes all of a progressive scan.
func (d *Decoder) progressiveScan() error {
	f, s := &d.p.frame, &d.p.scan
	for ; d.walk.row < d.walk.down; d.walk.row++ {
		if s.n == 1 {
			k := s.comps[0]
			blocks := d.coefs[k].row(d.walk.row)
			for x := range d.walk.across {
				if d.p.restart > 0 || d.bits.pos > d.bits.safe {
					if err := d.nextMCU(); err != nil {
						return err
					}
				}
				if !d.progressiveBlock(0, &blocks[x]) {
					return d.badCode()
				}
			}
			continue
		}
		for mx := range d.walk.across {
			if d.p.restart > 0 || d.bits.pos > d.bits.safe {
				if err := d.nextMCU(); err != nil {
					return err
				}
			}
			for i, k := range s.comps[:s.n] {
				c := &f.comps[k]
				for v := range c.v {
					blocks := d.coefs[k].row(d.walk.row*c.v + v)[mx*c.h:][:c.h]
					for h := range blocks {
						if !d.progressiveBlock(i, &blocks[h]) {
							return d.badCode()
						}
					}
				}
			}
		}
	}
	return nil
}

// progressiveBlock decodes what the scan has of a block of its i-th component.
func (d *Decoder) progressiveBlock(i int, b *block) bool {
	s, r := &d.p.scan, &d.bits
	switch {
	case d.p.frame.arithmetic():
		return d.arithmetic.progressive(&b.coefs, i, s, &d.walk.last[i])
	case s.ss > 0 && s.ah == 0:
		return r.firstAC(b, d.tables[1][s.ac[i]], s, &d.walk.skipped)
	case s.ss > 0:
		return r.refineAC(b, d.tables[1][s.ac[i]], s, &d.walk.skipped)
	case s.ah == 0:
		return r.firstDC(b, d.tables[0][s.dc[i]], s, &d.walk.last[i])
	}
	r.refill()
	if r.acc>>63 != 0 {
		b.coefs[0] |= 1 << s.al
	}
	r.acc <<= 1
	r.n--
	return true
}

// refill fills the accumulator with at least 32 bits.
func (r *bits) refill() {
	if r.n < 32 {
		r.acc |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> (r.n & 63)
		r.pos += (63 - r.n) >> 3
		r.n |= 56
	}
}

// firstDC decodes the first scan of a DC coefficient (T.81, G.1.2.1).
func (r *bits) firstDC(b *block, t *table, s *scan, last *int32) bool {
	r.refill()
	size, length := t.next(r.acc)
	if length == 0 {
		return false
	}
	r.acc <<= length & 63
	*last += number(r.acc, size)
	r.acc <<= size & 63
	r.n -= length + size
	b.coefs[0] = int16(*last << s.al)
	return true
}

// firstAC decodes the first scan of a band of AC coefficients (G.1.2.2).
func (r *bits) firstAC(b *block, t *table, s *scan, skipped *int) bool {
	if *skipped > 0 {
		*skipped--
		return true
	}
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	al := s.al & 15
	for k := s.ss - 1; k < s.se; {
		if n < 32 {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			pos += (63 - n) >> 3
			n |= 56
		}
		if e := t.numbers[acc>>(64-lookBits)]; e != 0 {
			k += int(e >> 8 & 31)
			b.put(k, int16(e>>16)<<al)
			acc <<= e & 63
			n -= int(e & 63)
			continue
		}
		symbol, length := t.next(acc)
		if length == 0 {
			return false
		}
		acc <<= length & 63
		n -= length
		run, size := symbol>>4, symbol&15
		if size == 0 {
			if run == 15 {
				k += 16
				continue
			}
			*skipped = 1<<run - 1
			if run > 0 {
				*skipped += int(acc >> (64 - run&63))
				acc <<= run & 63
				n -= run
			}
			break
		}
		k += run + 1
		b.put(k, int16(number(acc, size)<<al))
		acc <<= size & 63
		n -= size
	}
	r.acc, r.n, r.pos = acc, n, pos
	return true
}

// refineAC decodes a later scan of a band of AC coefficients (G.1.2.3): one bit
// more of each.
func (r *bits) refineAC(b *block, t *table, s *scan, skipped *int) bool {
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	al := s.al & 15
	one := int16(1) << al
	k, se := s.ss, s.se
	for *skipped == 0 && k <= se {
		if n < 32 {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			pos += (63 - n) >> 3
			n |= 56
		}
		symbol, length := t.next(acc)
		if length == 0 {
			return false
		}
		acc <<= length & 63
		n -= length
		run, value := symbol>>4, int16(0)
		switch symbol & 15 {
		case 0:
			if run == 15 {
				break
			}
			*skipped = 1 << run
			if run > 0 {
				*skipped += int(acc >> (64 - run&63))
				acc <<= run & 63
				n -= run
			}
			continue
		case 1:
			value = one - 2*one&(int16(acc>>63)-1)
			acc <<= 1
			n--
		default:
			return false // T.81 has no such symbol here
		}
		// The new one stands behind run coefficients that are still zero. Those
		// between that are not are refined.
		band := ^uint64(0) << k & (^uint64(0) >> (63 - se))
		zeros := band &^ b.set
		for ; run > 0; run-- {
			zeros &= zeros - 1
		}
		to := se + 1
		if zeros != 0 {
			to = bits64.TrailingZeros64(zeros)
			band &= zeros&-zeros - 1
		}
		for m := b.set & band; m != 0; m &= m - 1 {
			if n < 1 {
				acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
				pos += (63 - n) >> 3
				n |= 56
			}
			c := &b.coefs[place[bits64.TrailingZeros64(m)]&63]
			*c += refinement(*c, acc, al)
			acc <<= 1
			n--
		}
		if k = to; value != 0 {
			b.coefs[place[k&127]&63] = value
			b.set |= 1 << min(k, 63)
		}
		k++
	}
	if *skipped > 0 {
		*skipped--
		if k <= se {
			for m := b.set & (^uint64(0) << k) & (^uint64(0) >> (63 - se)); m != 0; m &= m - 1 {
				if n < 1 {
					acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
					pos += (63 - n) >> 3
					n |= 56
				}
				c := &b.coefs[place[bits64.TrailingZeros64(m)]&63]
				*c += refinement(*c, acc, al)
				acc <<= 1
				n--
			}
		}
	}
	r.acc, r.n, r.pos = acc, n, pos
	return true
}

// refinement is what the first bit of acc adds to a coefficient: 1 in bit al of
// its magnitude, unless it has that.
func refinement(c int16, acc uint64, al int) int16 {
	one := int16(acc>>63) << (al & 15)
	one &^= c
	negative := c >> 15
	return one ^ negative - negative
}
