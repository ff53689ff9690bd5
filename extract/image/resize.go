package image

import "encoding/binary"

// window is the part of one side of the resized image that the crop shows:
// its pixels lo to hi, from position at of the result on. All else is zero.
type window struct{ lo, hi, at int }

// place returns the window of a centre crop of c pixels from n.
//
// Of an odd margin, floor puts less in front (transformers' numpy center_crop);
// half-even rounds half the margin to even (torchvision's center_crop). Where
// the image is smaller than the crop, floor puts the larger part of the
// missing pixels in front and half-even the smaller, as these two do.
func place(n, c int, halfEven bool) window {
	if n < c {
		at := (c - n + 1) / 2
		if halfEven {
			at = (c - n) / 2
		}
		return window{0, n, at}
	}
	lo := (n - c) / 2
	if halfEven && (n-c)&1 == 1 {
		lo += lo & 1
	}
	return window{lo, lo + c, 0}
}

// resized returns the size of a w×h image after the resize, in pixels.
func (p *Preprocessor) resized(w, h int) (int, int) {
	switch p.resize.Mode {
	case "exact":
		return p.resize.Width, p.resize.Height
	case "short":
		// The longer side is truncated: transformers'
		// get_resize_output_image_size and torchvision's
		// _compute_resized_output_size.
		s := p.resize.Width
		if w <= h {
			return s, int(float64(s*h) / float64(w))
		}
		return int(float64(s*w) / float64(h)), s
	}
	return w, h
}

// fit resizes pic to w×h and crops that to dst, p.w·p.h·3 levels. It computes
// the rows and columns of the crop alone.
//
// The arithmetic is that of Pillow's Resample.c: a horizontal pass, rounded to
// 8 bits, then a vertical one; a pass that changes nothing is left out.
func (p *Preprocessor) fit(dst []byte, pic *picture, w, h int, s *scratch) {
	wx := place(w, p.w, p.halfEven)
	wy := place(h, p.h, p.halfEven)
	cols, rows := wx.hi-wx.lo, wy.hi-wy.lo
	if cols < p.w || rows < p.h {
		clear(dst)
	}

	var across, down *taps // nil: nothing changes
	lo, hi := wy.lo, wy.hi // source rows that are needed
	if w != pic.w {
		across = p.taps.of(p.filter, pass{pic.w, w, wx.lo, wx.hi})
	}
	if h != pic.h {
		down = p.taps.of(p.filter, pass{pic.h, h, wy.lo, wy.hi})
		lo, hi = down.span()
	}

	stride := (3*cols + 7) &^ 7
	s.narrow = grow(s.narrow, (hi-lo)*stride)
	s.narrowTo(pic, across, lo, hi, wx, stride)
	for i := range rows {
		out := dst[3*((wy.at+i)*p.w+wx.at):][:3*cols]
		if down == nil {
			copy(out, s.narrow[i*stride:])
			continue
		}
		begin := 0
		if i > 0 {
			begin = down.end[i-1]
		}
		sumRows(out, s.narrow[(down.first[i]-lo)*stride:], stride, down.k[begin:down.end[i]])
	}
}

// narrowTo fills s.narrow with rows lo to hi of pic after the horizontal pass,
// the columns of wx alone. A row takes stride bytes.
func (s *scratch) narrowTo(pic *picture, across *taps, lo, hi int, wx window, stride int) {
	for i := range s.rows {
		s.rows[i] = grow(s.rows[i], 3*pic.w)
	}
	if across == nil {
		for y := lo; y < hi; y++ {
			pic.row(s.rows[0], y)
			copy(s.narrow[(y-lo)*stride:][:stride], s.rows[0][3*wx.lo:3*wx.hi])
		}
		return
	}
	s.packed = grow(s.packed, 3*pic.w)
	for y := lo; y < hi; y += 2 {
		a := s.rows[0]
		pic.row(a, y)
		b := a
		if y+1 < hi {
			b = s.rows[1]
			pic.row(b, y+1)
		}
		packed, b := s.packed[:len(a)], b[:len(a)]
		for i, v := range a {
			packed[i] = uint64(v) | uint64(b[i])<<32
		}
		at := (y - lo) * stride
		one := s.narrow[at:][:stride]
		two := one
		if y+1 < hi {
			two = s.narrow[at+stride:][:stride]
		}
		sumColumns(one, two, packed, across)
	}
}

// Two levels share a 64-bit word and are multiplied together: lane 0 is the
// low half, lane 1 the high one. A sum of products is a signed 32-bit number
// in either lane, lane 0's sign having been borrowed from lane 1; since
// arithmetic is modulo 2⁶⁴, lane 1 is had back by taking lane 0 off.

// half rounds both lanes of a sum.
const half uint64 = 1<<(fractionBits-1) | 1<<(fractionBits-1)<<32

// lanes splits a sum into two levels.
func lanes(sum uint64) (lane0, lane1 uint8) {
	low := int32(sum)
	high := int32((sum - uint64(int64(low))) >> 32)
	return level(low >> fractionBits), level(high >> fractionBits)
}

// sumColumns computes the outputs of t for two rows at once. packed has a
// level of row one in lane 0 and of row two in lane 1.
func sumColumns(one, two []byte, packed []uint64, t *taps) {
	begin := 0
	for i, end := range t.end {
		in := packed[3*t.first[i]:]
		r, g, b := half, half, half
		for _, k := range t.k[begin:end] {
			if len(in) < 3 {
				break // does not happen; spares three checks of bounds
			}
			r += k * in[0]
			g += k * in[1]
			b += k * in[2]
			in = in[3:]
		}
		begin = end
		// Lane by lane; where there is one row, two is one and both lanes
		// agree.
		o, q := one[3*i:3*i+3:3*i+3], two[3*i:3*i+3:3*i+3]
		o[0], q[0] = lanes(r)
		o[1], q[1] = lanes(g)
		o[2], q[2] = lanes(b)
	}
}

// sumRows writes the weighted sum of rows that lie stride bytes apart to dst.
// A row has at least 8·⌈len(dst)/8⌉ bytes.
func sumRows(dst, rows []byte, stride int, k []uint64) {
	const even uint64 = 0x000000ff_000000ff
	for x := 0; x < len(dst); x += 8 {
		a, b, c, d := half, half, half, half
		at := x
		for _, w := range k {
			v := binary.LittleEndian.Uint64(rows[at:])
			a += w * (v & even)       // bytes 0 and 4
			b += w * (v >> 8 & even)  // 1 and 5
			c += w * (v >> 16 & even) // 2 and 6
			d += w * (v >> 24 & even) // 3 and 7
			at += stride
		}
		var out [8]byte
		out[0], out[4] = lanes(a)
		out[1], out[5] = lanes(b)
		out[2], out[6] = lanes(c)
		out[3], out[7] = lanes(d)
		if x+8 <= len(dst) {
			*(*[8]byte)(dst[x:]) = out
		} else {
			copy(dst[x:], out[:])
		}
	}
}
