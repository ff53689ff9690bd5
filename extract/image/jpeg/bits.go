package jpeg

import (
	"bytes"
	"encoding/binary"
)

// bits reads the coded samples of a scan: bytes up to the next marker, without
// the zeros that are stuffed behind ff (ITU-T T.81, B.1.1.5).
//
// The bytes pass through a window, behind which stand zeros when a marker has
// come. So no read of a bit asks whether there is one: what is read between
// two calls of more is less than margin bytes, and more says whether all of it
// was there.
type bits struct {
	acc uint64 // the next bits, the first of them the highest
	n   int    // of which so many are there
	pos int    // in buf, of the byte behind them

	buf    []byte
	end    int  // of the bytes in buf
	ended  bool // a marker or the end of the file has come
	safe   int  // more has something to do behind it
	margin int

	src []byte
	in  int // in src, of the next byte
}

// window is how many bytes of coded samples are unstuffed at once.
const window = 16 << 10

// blockBytes is more than the bytes that a block's bits can take: 64 codes of
// 16 bits with 15 bits behind them, or with a bit for each other coefficient.
const blockBytes = 64*31/8 + 8

// begin starts at src[in:], for MCUs of so many blocks.
func (r *bits) begin(src []byte, in, blocks int) {
	r.margin = blocks*blockBytes + 16
	if n := window + 2*r.margin; len(r.buf) < n {
		r.buf = make([]byte, n)
	}
	r.src, r.in = src, in
	r.reset()
}

// reset starts a restart interval at the byte that comes next.
func (r *bits) reset() {
	r.acc, r.n, r.pos, r.end, r.ended = 0, 0, 0, 0, false
	r.fill()
}

// fill unstuffs more bytes.
func (r *bits) fill() {
	r.end = copy(r.buf, r.buf[r.pos:r.end])
	r.pos = 0
	for r.end < window {
		from := r.src[r.in:min(len(r.src), r.in+window-r.end)]
		i := bytes.IndexByte(from, 0xff)
		if i < 0 {
			r.end += copy(r.buf[r.end:], from)
			if r.in += len(from); r.in == len(r.src) {
				r.stop()
				break
			}
			continue
		}
		r.end += copy(r.buf[r.end:], from[:i])
		r.in += i
		next := r.in + 1
		for next < len(r.src) && r.src[next] == 0xff { // fill bytes
			next++
		}
		if next == len(r.src) || r.src[next] != 0 {
			r.stop()
			break
		}
		r.buf[r.end] = 0xff
		r.end++
		r.in = next + 1
	}
	r.safe = r.end - r.margin
}

// stop notes that no more bytes come.
func (r *bits) stop() {
	r.ended = true
	clear(r.buf[r.end:][:2*r.margin])
}

// more prepares for the bits of one more MCU. It returns false if bits were
// read that are not there.
func (r *bits) more() bool {
	if r.pos <= r.safe {
		return true
	}
	if !r.ended {
		r.fill()
	}
	return r.whole()
}

// whole says whether all bits that were read were there.
func (r *bits) whole() bool { return 8*r.pos-r.n <= 8*r.end }

// atEnd says whether the file ends, or its image does, where the bits do.
func (r *bits) atEnd() bool {
	return r.ended && (r.in >= len(r.src)-1 || r.src[r.in+1] == markEOI)
}

// block reads a block of a sequential scan into coefs, which is clear (ITU-T
// T.81, F.2.2). It returns the index of the last coefficient that is not zero,
// or −1 if there is a code that no table has.
func (r *bits) block(coefs *[64]int16, dc, ac *table, last *int32) int {
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	if n < 32 {
		acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
		pos += (63 - n) >> 3
		n |= 56
	}
	size, length := dc.next(acc)
	if length == 0 {
		return -1
	}
	acc <<= length & 63
	*last += number(acc, size)
	acc <<= size & 63
	n -= length + size
	coefs[0] = int16(*last)

	k := 0
	for k < 63 {
		if n < 32 {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			pos += (63 - n) >> 3
			n |= 56
		}
		if e := ac.numbers[acc>>(64-lookBits)]; e != 0 {
			k += int(e >> 8 & 31)
			coefs[place[k&127]&63] = int16(e >> 16)
			acc <<= e & 63
			n -= int(e & 63)
			continue
		}
		symbol, length := ac.next(acc)
		if length == 0 {
			return -1
		}
		acc <<= length & 63
		n -= length
		size := symbol & 15
		if size == 0 {
			if symbol != 0xf0 {
				break
			}
			k += 16
			continue
		}
		k += symbol>>4 + 1
		coefs[place[k&127]&63] = int16(number(acc, size))
		acc <<= size & 63
		n -= size
	}
	r.acc, r.n, r.pos = acc, n, pos
	return k
}
