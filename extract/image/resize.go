package image

import (
	"encoding/binary"
	"image"
	"math"
)

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
		short, long := p.resize.Width, 0
		if w <= h {
			long = int(float64(short*h) / float64(w))
		} else {
			long = int(float64(short*w) / float64(h))
		}
		if most := p.resize.Longest; most > 0 && long > most {
			short, long = int(float64(most*short)/float64(long)), most
		}
		if w <= h {
			return short, long
		}
		return long, short
	case "contain", "cover":
		// timm's ResizeKeepRatio with longest 1 and 0.
		x, y := float64(w)/float64(p.resize.Width), float64(h)/float64(p.resize.Height)
		ratio := max(x, y)
		if p.resize.Mode == "cover" {
			ratio = min(x, y)
		}
		return int(math.RoundToEven(float64(w) / ratio)), int(math.RoundToEven(float64(h) / ratio))
	case "max":
		// transformers' get_image_size_for_max_height_width.
		scale := min(float64(p.resize.Height)/float64(h), float64(p.resize.Width)/float64(w))
		return int(float64(w) * scale), int(float64(h) * scale)
	}
	return w, h
}

// downFirst says that the vertical pass is first, as Pillow 13 has it.
func (p *Preprocessor) downFirst(pic *picture, w, h int) bool {
	return p.resize.Order == "pillow13" && h < pic.h && pic.h-h > 2*(pic.w-w)
}

// fit resizes pic to w×h and crops that to dst, p.w·p.h·3 levels. It computes
// the rows and columns of the crop alone.
//
// The arithmetic is that of Pillow's Resample.c: a horizontal pass, rounded to
// 8 bits, then a vertical one, or the other way round; a pass that changes
// nothing is left out.
func (p *Preprocessor) fit(dst []byte, pic *picture, w, h int, s *scratch) error {
	if p.numbers.weight != nil {
		return p.fitNumbers(dst, pic, w, h, s)
	}
	newTaps := func(q pass) *taps { return newTaps(p.filter, q.in, q.out, q.lo, q.hi) }
	wx := place(w, p.w, p.halfEven)
	wy := place(h, p.h, p.halfEven)
	cols, rows := wx.hi-wx.lo, wy.hi-wy.lo
	if cols < p.w || rows < p.h {
		p.surround(dst)
	}

	var across, down *taps // nil: nothing changes
	lo, hi := wy.lo, wy.hi // source rows that are needed
	if w != pic.w {
		across = p.taps.of(pass{pic.w, w, wx.lo, wx.hi}, newTaps)
	}
	if h != pic.h {
		down = p.taps.of(pass{pic.h, h, wy.lo, wy.hi}, newTaps)
		lo, hi = down.span()
	}
	first, last := wx.lo, wx.hi // and columns
	if across != nil {
		first, last = across.span()
	}
	if err := pic.part(image.Rect(first, lo, last, hi)); err != nil {
		return err
	}
	out := func(i int) []byte { return dst[3*((wy.at+i)*p.w+wx.at):][:3*cols] }

	if across != nil && down != nil && p.downFirst(pic, w, h) {
		stride := lineBytes(last - first)
		s.narrow = grow(s.narrow, (hi-lo)*stride)
		s.narrowTo(pic, nil, lo, hi, window{first, last, 0}, stride)
		line := make([]byte, lineBytes(pic.w))
		for i := range rows {
			sumRows(line[3*first:][:3*(last-first)], s.narrow[(down.first[i]-lo)*stride:], stride, down.weights(i))
			across.sumRow(out(i), line, s)
		}
		return pic.done()
	}
	stride := lineBytes(cols)
	s.narrow = grow(s.narrow, (hi-lo)*stride)
	s.narrowTo(pic, across, lo, hi, wx, stride)
	for i := range rows {
		if down == nil {
			copy(out(i), s.narrow[i*stride:])
			continue
		}
		sumRows(out(i), s.narrow[(down.first[i]-lo)*stride:], stride, down.weights(i))
	}
	return pic.done()
}

// surround fills dst with what lies around an image.
func (p *Preprocessor) surround(dst []byte) {
	if p.fill == [3]uint8{} {
		clear(dst)
		return
	}
	for i := range dst {
		dst[i] = p.fill[i%3]
	}
}

// block is how many levels vectors compute at once.
const block = 32

// lineBytes returns the bytes that a row of n pixels has where vectors may read
// and write: whole blocks, and at least 5 more than the pixels take.
func lineBytes(n int) int { return (3*n + 5 + block - 1) &^ (block - 1) }

// narrowTo fills s.narrow with rows lo to hi of pic after the horizontal pass,
// the columns of wx alone. A row takes stride bytes.
func (s *scratch) narrowTo(pic *picture, across *taps, lo, hi int, wx window, stride int) {
	for i := range s.rows {
		s.rows[i] = grow(s.rows[i], lineBytes(pic.w))
	}
	a, b := s.rows[0], s.rows[1]
	n := 3 * pic.w
	for y := lo; y < hi; y++ {
		out := s.narrow[(y-lo)*stride:][:stride]
		pic.row(a[:n], y)
		switch {
		case across == nil:
			copy(out, a[3*wx.lo:3*wx.hi])
		case vectors || y+1 == hi:
			across.sumRow(out, a[:lineBytes(pic.w)], s)
		default:
			y++
			pic.row(b[:n], y)
			s.pack(a[:n], b[:n])
			sumColumns(out, s.narrow[(y-lo)*stride:][:stride], s.packed, across)
		}
	}
}

// sumRow computes the outputs of t of one row, which has lineBytes, and so has
// dst if there are vectors.
func (t *taps) sumRow(dst, row []byte, s *scratch) {
	if vectors && len(dst) >= 3*len(t.first)+1 {
		sumColumnsAVX2(&dst[0], &row[0], &t.first[0], &t.end[0], &t.k[0], len(t.first))
		return
	}
	s.pack(row, row)
	sumColumns(dst, dst, s.packed, t)
}

// pack puts a level of each of two rows into the lanes of s.packed.
func (s *scratch) pack(a, b []byte) {
	s.packed = grow(s.packed, len(a))
	packed, b := s.packed[:len(a)], b[:len(a)]
	for i, v := range a {
		packed[i] = uint64(v) | uint64(b[i])<<32
	}
}

// sumRows writes the weighted sum of rows that lie stride bytes apart to dst. A
// row has whole blocks.
func sumRows(dst, rows []byte, stride int, k []uint64) {
	if !vectors {
		sumLanes(dst, rows, stride, k)
		return
	}
	whole := len(dst) / block
	if whole > 0 {
		sumRowsAVX2(&dst[0], &rows[0], stride, &k[0], len(k), whole)
	}
	if rest := dst[whole*block:]; len(rest) > 0 {
		var last [block]byte
		sumRowsAVX2(&last[0], &rows[whole*block], stride, &k[0], len(k), 1)
		copy(rest, last[:])
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

// sumColumns computes the outputs of t for two rows at once, without vectors.
// packed has a level of row one in lane 0 and of row two in lane 1.
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

// sumLanes is sumRows without vectors. A row has at least 8·⌈len(dst)/8⌉ bytes.
func sumLanes(dst, rows []byte, stride int, k []uint64) {
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
