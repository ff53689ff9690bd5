package image

import (
	"image"
	"math"
)

// numbersEngine resizes numbers in place of levels: each level is multiplied by
// the factor first, and nothing is rounded or clipped to a level.
//
// The arithmetic is that of PyTorch's interpolate with antialias on float32
// (ATen/native/cpu/UpSampleKernel.cpp, separable_upsample_generic_Nd_kernel):
// the weights are computed in float32, the horizontal pass is first, sums are
// added up in the order of pixels, and a product and the sum that it goes to
// are rounded once. The last is what PyTorch does where the machine can fuse
// them, as all but the oldest can; elsewhere it differs by the last bits.
const numbersEngine = "torch/1"

// numberFilters are the filters that PyTorch resizes numbers with.
var numberFilters = map[string]numberFilter{
	"bilinear": {1, func(x float32) float32 { return max(0, 1-x) }},
	"bicubic": {2, func(x float32) float32 {
		const a = -0.5
		switch {
		case x < 1:
			return fused(fused(a+2, x, -(a+3))*x, x, 1)
		case x < 2:
			return fused(fused(fused(a, x, -5*a), x, 8*a), x, -4*a)
		}
		return 0
	}},
}

// numberFilter is a symmetric kernel; x is not negative.
type numberFilter struct {
	support float64
	weight  func(x float32) float32
}

// numberTaps are the weights of one pass over numbers.
type numberTaps struct {
	first []int
	end   []int // per output: where its weights end in k; they begin where the previous end
	k     []float32
}

// weights returns those of output i.
func (t *numberTaps) weights(i int) []float32 {
	begin := 0
	if i > 0 {
		begin = t.end[i-1]
	}
	return t.k[begin:t.end[i]]
}

// span returns the range of inputs that the outputs need.
func (t *numberTaps) span() (lo, hi int) {
	last := len(t.first) - 1
	return t.first[0], t.first[last] + len(t.weights(last))
}

// newNumberTaps returns the weights of a pass.
func newNumberTaps(f numberFilter, p pass) *numberTaps {
	scale := float32(p.in) / float32(p.out)
	support, shrink := float32(f.support), float32(1)
	if scale >= 1 {
		support, shrink = float32(f.support*float64(scale)), float32(1/float64(scale))
	}
	most := 2*int(math.Ceil(float64(support))) + 1
	t := &numberTaps{first: make([]int, p.hi-p.lo), end: make([]int, p.hi-p.lo)}
	for i := p.lo; i < p.hi; i++ {
		center := float32(float64(scale) * (float64(i) + 0.5))
		first := max(int(float64(center-support)+0.5), 0)
		n := min(int(float64(center+support)+0.5), p.in) - first
		n = max(0, min(n, most))
		at, sum := len(t.k), float32(0)
		for x := first; x < first+n; x++ {
			d := float64(float32(x)-center) + 0.5
			w := f.weight(float32(math.Abs(float64(d * float64(shrink)))))
			t.k = append(t.k, w)
			sum += w
		}
		for k := at; k < len(t.k) && sum != 0; k++ {
			t.k[k] /= sum
		}
		t.first[i-p.lo], t.end[i-p.lo] = first, len(t.k)
	}
	return t
}

// fitNumbers is fit for numbers, which it leaves in s.numbers. What dst gets is
// a picture of them: they are rounded to levels, and clipped.
func (p *Preprocessor) fitNumbers(dst []byte, pic *picture, w, h int, s *scratch) error {
	wx, wy := place(w, p.w, p.halfEven), place(h, p.h, p.halfEven)
	cols, rows := wx.hi-wx.lo, wy.hi-wy.lo
	s.numbers = grow(s.numbers, 3*p.w*p.h)
	for i := range s.numbers {
		s.numbers[i] = p.number[p.fill[i%3]]
	}
	var across, down *numberTaps // nil: nothing changes
	make := func(q pass) *numberTaps { return newNumberTaps(p.numbers, q) }
	lo, hi := wy.lo, wy.hi
	if w != pic.w {
		across = p.numberTaps.of(pass{pic.w, w, wx.lo, wx.hi}, make)
	}
	if h != pic.h {
		down = p.numberTaps.of(pass{pic.h, h, wy.lo, wy.hi}, make)
		lo, hi = down.span()
	}
	first, last := wx.lo, wx.hi
	if across != nil {
		first, last = across.span()
	}
	if err := pic.part(image.Rect(first, lo, last, hi)); err != nil {
		return err
	}
	stride := 3 * cols
	s.between = grow(s.between, (hi-lo)*stride)
	s.rows[0] = grow(s.rows[0], lineBytes(pic.w))
	for y := lo; y < hi; y++ {
		row := s.rows[0][:3*pic.w]
		pic.row(row, y)
		out := s.between[(y-lo)*stride:][:stride]
		if across == nil {
			for i, level := range row[3*wx.lo : 3*wx.hi] {
				out[i] = p.number[level]
			}
			continue
		}
		p.sumNumbers(out, row, across)
	}
	for i := range rows {
		out := s.numbers[3*((wy.at+i)*p.w+wx.at):][:stride]
		if down == nil {
			copy(out, s.between[i*stride:])
			continue
		}
		addRows(out, s.between[(down.first[i]-lo)*stride:], down.weights(i))
	}
	if err := pic.done(); err != nil {
		return err
	}
	for i, x := range s.numbers {
		dst[i] = uint8(max(0, min(255, math.RoundToEven(float64(x)/float64(p.number[1])))))
	}
	return nil
}

// sumNumbers computes the outputs of t of one row of levels.
func (p *Preprocessor) sumNumbers(dst []float32, row []byte, t *numberTaps) {
	begin := 0
	for i, end := range t.end {
		in := row[3*t.first[i]:]
		var r, g, b float64 // each a float32
		for _, w := range t.k[begin:end] {
			if len(in) < 3 {
				break // does not happen; spares three checks of bounds
			}
			k := float64(w)
			r = float64(float32(p.wide[in[0]]*k + r))
			g = float64(float32(p.wide[in[1]]*k + g))
			b = float64(float32(p.wide[in[2]]*k + b))
			in = in[3:]
		}
		begin = end
		o := dst[3*i : 3*i+3 : 3*i+3]
		o[0], o[1], o[2] = float32(r), float32(g), float32(b)
	}
}

// fused returns x·y + z with one rounding, but for the rarest of cases: the
// product is exact in float64.
func fused(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

// addRows writes the weighted sum of rows, which are as long as dst, to dst.
func addRows(dst, rows []float32, k []float32) {
	clear(dst)
	for _, w := range k {
		wide, row := float64(w), rows[:len(dst)]
		rows = rows[len(dst):]
		for i, x := range row {
			dst[i] = float32(float64(x)*wide + float64(dst[i]))
		}
	}
}

// numbersTo writes to dst what the backbone gets of numbers.
func (p *Preprocessor) numbersTo(dst, numbers []float32) {
	step, plane := 1, p.w*p.h
	if p.nhwc {
		step, plane = 3, 1
	}
	for c := range 3 {
		from := c
		if p.bgr {
			from = 2 - c
		}
		out := dst[c*plane:]
		for i := from; i < len(numbers); i += 3 {
			out[i/3*step] = p.normal(c, numbers[i])
		}
	}
}
