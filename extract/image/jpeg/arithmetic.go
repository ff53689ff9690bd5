package jpeg

// Arithmetic coding (ITU-T T.81, annex D): a decision is a 0 or a 1 of a
// probability that its bin has learned from the decisions before.

// bin is what is known of a decision: bit 7 is the more probable one, the rest
// an index in estimates.
type bin byte

// always is the bin of decisions that are as probable as not, and stay so.
const always bin = 113

// estimate is a state of a bin (T.81, table D.3).
type estimate struct {
	qe       uint32 // the probability of the less probable decision, 0x8000: ¾
	less     bin    // the state after it; bit 7: the two change places
	probable bin    // the state after the other
}

var estimates = [128]estimate{
	{0x5a1d, 0x81, 1}, {0x2586, 14, 2}, {0x1114, 16, 3}, {0x080b, 18, 4}, {0x03d8, 20, 5}, {0x01da, 23, 6}, {0x00e5, 25, 7}, {0x006f, 28, 8},
	{0x0036, 30, 9}, {0x001a, 33, 10}, {0x000d, 35, 11}, {0x0006, 9, 12}, {0x0003, 10, 13}, {0x0001, 12, 13}, {0x5a7f, 0x8f, 15}, {0x3f25, 36, 16},
	{0x2cf2, 38, 17}, {0x207c, 39, 18}, {0x17b9, 40, 19}, {0x1182, 42, 20}, {0x0cef, 43, 21}, {0x09a1, 45, 22}, {0x072f, 46, 23}, {0x055c, 48, 24},
	{0x0406, 49, 25}, {0x0303, 51, 26}, {0x0240, 52, 27}, {0x01b1, 54, 28}, {0x0144, 56, 29}, {0x00f5, 57, 30}, {0x00b7, 59, 31}, {0x008a, 60, 32},
	{0x0068, 62, 33}, {0x004e, 63, 34}, {0x003b, 32, 35}, {0x002c, 33, 9}, {0x5ae1, 0xa5, 37}, {0x484c, 64, 38}, {0x3a0d, 65, 39}, {0x2ef1, 67, 40},
	{0x261f, 68, 41}, {0x1f33, 69, 42}, {0x19a8, 70, 43}, {0x1518, 72, 44}, {0x1177, 73, 45}, {0x0e74, 74, 46}, {0x0bfb, 75, 47}, {0x09f8, 77, 48},
	{0x0861, 78, 49}, {0x0706, 79, 50}, {0x05cd, 48, 51}, {0x04de, 50, 52}, {0x040f, 50, 53}, {0x0363, 51, 54}, {0x02d4, 52, 55}, {0x025c, 53, 56},
	{0x01f8, 54, 57}, {0x01a4, 55, 58}, {0x0160, 56, 59}, {0x0125, 57, 60}, {0x00f6, 58, 61}, {0x00cb, 59, 62}, {0x00ab, 61, 63}, {0x008f, 61, 32},
	{0x5b12, 0xc1, 65}, {0x4d04, 80, 66}, {0x412c, 81, 67}, {0x37d8, 82, 68}, {0x2fe8, 83, 69}, {0x293c, 84, 70}, {0x2379, 86, 71}, {0x1edf, 87, 72},
	{0x1aa9, 87, 73}, {0x174e, 72, 74}, {0x1424, 72, 75}, {0x119c, 74, 76}, {0x0f6b, 74, 77}, {0x0d51, 75, 78}, {0x0bb6, 77, 79}, {0x0a40, 77, 48},
	{0x5832, 0xd0, 81}, {0x4d1c, 88, 82}, {0x438e, 89, 83}, {0x3bdd, 90, 84}, {0x34ee, 91, 85}, {0x2eae, 92, 86}, {0x299a, 93, 87}, {0x2516, 86, 71},
	{0x5570, 0xd8, 89}, {0x4ca9, 95, 90}, {0x44d9, 96, 91}, {0x3e22, 97, 92}, {0x3824, 99, 93}, {0x32b4, 99, 94}, {0x2e17, 93, 86}, {0x56a8, 0xdf, 96},
	{0x4f46, 101, 97}, {0x47e5, 102, 98}, {0x41cf, 103, 99}, {0x3c3d, 104, 100}, {0x375e, 99, 93}, {0x5231, 105, 102}, {0x4c0f, 106, 103}, {0x4639, 107, 104},
	{0x415e, 103, 99}, {0x5627, 0xe9, 106}, {0x50e7, 108, 107}, {0x4b85, 109, 103}, {0x5597, 110, 109}, {0x504f, 111, 107}, {0x5a10, 0xee, 111}, {0x5522, 112, 109},
	{0x59eb, 0xf0, 111}, {0x5a1d, 113, 113},
}

// arithmetic decodes decisions from bytes.
type arithmetic struct {
	bits *bits

	c, a  uint32 // the code and the interval that it lies in (D.2)
	ct    int    // bits of c that were not shifted in yet
	fixed bin

	dc [4][64]bin
	ac [4][256]bin

	context  [4]int // of each component of the scan: where its next DC bin is
	lower    [4]int // conditioning (F.1.4.4.1.2), of each DC table
	upper    [4]int
	frontier [4]int // of each AC table: up to it coefficients count as low
}

// reset starts a scan or a restart interval.
func (d *arithmetic) reset() {
	d.c, d.a, d.ct, d.fixed = 0, 0, -16, always
	d.dc, d.ac, d.context = [4][64]bin{}, [4][256]bin{}, [4]int{}
}

// byte returns the next byte, zeros behind the last: encoders leave them out.
func (d *arithmetic) byte() uint32 {
	r := d.bits
	if r.pos >= r.end {
		if !r.ended {
			r.fill()
		}
		if r.pos >= r.end {
			return 0
		}
	}
	b := r.buf[r.pos]
	r.pos++
	return uint32(b)
}

// decide decodes a decision (D.2.4 and D.2.6).
func (d *arithmetic) decide(b *bin) bool {
	for d.a < 0x8000 {
		if d.ct--; d.ct < 0 {
			d.c = d.c<<8 | d.byte()
			if d.ct += 8; d.ct < 0 { // the first two bytes
				if d.ct++; d.ct == 0 {
					d.a = 0x8000
				}
			}
		}
		d.a <<= 1
	}
	was := *b
	e := &estimates[was&0x7f]
	d.a -= e.qe
	if at := d.a << (d.ct & 31); d.c >= at {
		d.c -= at
		exchanged := d.a < e.qe
		d.a = e.qe
		if exchanged {
			*b = was&0x80 ^ e.probable
		} else {
			*b = was&0x80 ^ e.less
			was ^= 0x80
		}
	} else if d.a < 0x8000 {
		if d.a < e.qe {
			*b = was&0x80 ^ e.less
			was ^= 0x80
		} else {
			*b = was&0x80 ^ e.probable
		}
	}
	return was&0x80 != 0
}

// magnitude decodes what a number that is not zero has more than 1, and its
// sign. m is the first bit of it, at the bin of the next.
func (d *arithmetic) magnitude(bins []bin, at, m int, negative bool) (v int32, ok bool) {
	if m != 0 {
		for ; d.decide(&bins[at]); at++ {
			if m <<= 1; m == 0x8000 {
				return 0, false
			}
		}
	}
	v = int32(m)
	for m >>= 1; m != 0; m >>= 1 {
		if d.decide(&bins[at+14]) {
			v |= int32(m)
		}
	}
	if v++; negative {
		v = -v
	}
	return v, true
}

// difference decodes a DC difference of the i-th component of the scan, whose
// table is t (F.1.4.4.1).
func (d *arithmetic) difference(i, t int) (v int32, ok bool) {
	bins := d.dc[t][:]
	at := d.context[i]
	if !d.decide(&bins[at]) {
		d.context[i] = 0
		return 0, true
	}
	negative := d.decide(&bins[at+1])
	at += 2
	if negative {
		at++
	}
	m := 0
	if d.decide(&bins[at]) {
		m, at = 1, 20
	}
	if v, ok = d.magnitude(bins, at, m, negative); !ok {
		return 0, false
	}
	size := v
	if negative {
		size = -v
	}
	// m of the figures is the highest bit of the magnitude less 1.
	for m = 0; int32(1)<<m <= size-1; m++ {
	}
	top := 0
	if m > 0 {
		top = 1 << (m - 1)
	}
	switch {
	case top < 1<<d.lower[t]>>1:
		d.context[i] = 0
	case top > 1<<d.upper[t]>>1:
		d.context[i] = 12
	default:
		d.context[i] = 4
	}
	if negative && d.context[i] != 0 {
		d.context[i] += 4
	}
	return v, true
}

// firstAC decodes coefficients ss to se, shifted by al (F.1.4.4.2). last is the
// index of the last that is not zero, ss−1 if there is none.
func (d *arithmetic) firstAC(coefs *[64]int16, t, ss, se, al int) (last int, ok bool) {
	bins := d.ac[t][:]
	last = ss - 1
	for k := ss; k <= se; k++ {
		at := 3 * (k - 1)
		if d.decide(&bins[at]) {
			break
		}
		for !d.decide(&bins[at+1]) {
			at += 3
			if k++; k > se {
				return 0, false
			}
		}
		negative := d.decide(&d.fixed)
		at += 2
		m := 0
		if d.decide(&bins[at]) {
			if m = 1; d.decide(&bins[at]) {
				m = 2
				if at = 217; k <= d.frontier[t] {
					at = 189
				}
				v, ok := d.magnitude(bins, at, m, negative)
				if !ok {
					return 0, false
				}
				coefs[place[k&127]&63] = int16(v << al)
				last = k
				continue
			}
		}
		v := int32(1 + m)
		if negative {
			v = -v
		}
		coefs[place[k&127]&63] = int16(v << al)
		last = k
	}
	return last, true
}

// refineAC decodes a bit more of coefficients ss to se (G.1.3.3).
func (d *arithmetic) refineAC(coefs *[64]int16, t int, s *scan) bool {
	bins := d.ac[t][:]
	one := int16(1) << (s.al & 15)
	end := s.se // of what earlier scans gave
	for end > 0 && coefs[place[end]&63] == 0 {
		end--
	}
	for k := s.ss; k <= s.se; k++ {
		at := 3 * (k - 1)
		if k > end && d.decide(&bins[at]) {
			break
		}
		for {
			c := &coefs[place[k]&63]
			if *c != 0 {
				if d.decide(&bins[at+2]) {
					if *c > 0 {
						*c += one
					} else {
						*c -= one
					}
				}
				break
			}
			if d.decide(&bins[at+1]) {
				if *c = one; d.decide(&d.fixed) {
					*c = -one
				}
				break
			}
			at += 3
			if k++; k > s.se {
				return false
			}
		}
	}
	return true
}

// block decodes a block of a sequential scan. It returns the index of the last
// coefficient that is not zero, or −1 if the code makes no sense.
func (d *arithmetic) block(coefs *[64]int16, i, dc, ac int, last *int32) int {
	v, ok := d.difference(i, dc)
	if !ok {
		return -1
	}
	*last = int32(int16(*last + v))
	coefs[0] = int16(*last)
	k, ok := d.firstAC(coefs, ac, 1, 63, 0)
	if !ok {
		return -1
	}
	return k
}

// progressive decodes what a progressive scan has of a block of its i-th
// component.
func (d *arithmetic) progressive(coefs *[64]int16, i int, s *scan, last *int32) bool {
	switch {
	case s.ss > 0 && s.ah == 0:
		_, ok := d.firstAC(coefs, s.ac[i], s.ss, s.se, s.al)
		return ok
	case s.ss > 0:
		return d.refineAC(coefs, s.ac[i], s)
	case s.ah == 0:
		v, ok := d.difference(i, s.dc[i])
		*last = int32(int16(*last + v))
		coefs[0] = int16(*last << s.al)
		return ok
	}
	if d.decide(&d.fixed) {
		coefs[0] |= 1 << s.al
	}
	return true
}
