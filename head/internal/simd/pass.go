package simd

import "math"

//go:generate go run -C gen ./pass

// PassRows is the most rows that a block of a pass has. Logits and residuals of
// a block are stored class after class, PassRows apart, whatever the number of
// rows.
const PassRows = 128

// dotFeatures is the number of features whose products are summed up at a time:
// six classes' weights and four rows of them fit into a first-level cache.
const dotFeatures = 768

// copiedFrom is the number of classes from which on a block's rows are copied,
// two vectors wide, before a gradient's tiles go over them: rows that lie
// kilobytes apart take first-level cache lines from one another. With AVX-512
// a tile has twice as many products for a line, and copying brings nothing.
var copiedFrom = [...]int{AVX2: 96, AVX512: math.MaxInt}

// inOrder is 0, 1, 2 and so on: the rows of such a copy.
var inOrder = func() (rows [PassRows]int) {
	for i := range rows {
		rows[i] = i
	}
	return
}()

// Picked is rows of a matrix that a pass goes over, at most PassRows. Where
// Active is Portable, none of its methods may be called.
type Picked struct {
	X    []float32 // row r is at r·D
	D    int       // features of a row
	Rows []int     // numbers in X, in any order
}

// check panics unless all rows are in X.
func (p *Picked) check() {
	if n := len(p.Rows); n < 1 || n > PassRows || p.D < 1 {
		panic("simd: a block that does not fit")
	}
	most := uint(len(p.X) / p.D)
	for _, r := range p.Rows {
		if uint(r) >= most {
			panic("simd: a row out of range")
		}
	}
}

// LogitsTo writes the products of c classes' weights w (C×D) and the rows into
// z, C×PassRows. What follows the rows' own is zero up to the next 16.
func (p *Picked) LogitsTo(z, w []float32, c int) {
	p.check()
	d, n := p.D, len(p.Rows)
	if c < 1 || len(w) < c*d || len(z) < c*PassRows {
		panic("simd: weights that do not fit")
	}
	rows := p.Rows
	if n%4 != 0 { // they are taken in fours; the last one stands in for what lacks
		rows = make([]int, (n+3)/4*4)
		for i := copy(rows, p.Rows); i < len(rows); i++ {
			rows[i] = p.Rows[n-1]
		}
	}
	kernels := passes[Active()].dots
	most := len(kernels) - 1
	tiles := (c + most - 1) / most
	chunks := (d + dotFeatures - 1) / dotFeatures
	for k := range chunks {
		lo, hi := chunkAt(d, k, chunks), chunkAt(d, k+1, chunks)
		for t := range tiles {
			from, to := c*t/tiles, c*(t+1)/tiles
			kernels[to-from]((n+3)/4, hi-lo, &p.X[lo], &rows[0], 4*d, &w[from*d+lo], 4*d, &z[from*PassRows], k > 0)
		}
	}
	if n%16 != 0 {
		for k := range c {
			clear(z[k*PassRows+n : k*PassRows+(n+15)&^15])
		}
	}
}

// chunkAt returns where chunk k of d features begins, a multiple of 16 or d.
func chunkAt(d, k, chunks int) int {
	if k == chunks {
		return d
	}
	return d * k / chunks &^ 15
}

// AddOuter adds Σ r·x over the rows to the gradient g, C×D, of residuals r,
// C×PassRows. It fetches as many of the rows that are next.
func (p *Picked) AddOuter(g, r []float32, c int, next []int) {
	p.check()
	d, n := p.D, len(p.Rows)
	if c < 1 || len(g) < c*d || len(r) < c*PassRows {
		panic("simd: a gradient that does not fit")
	}
	var ahead *int
	if len(next) >= n {
		ahead = &next[0]
	}
	k := passes[Active()]
	kernels, tails, most, width := k.outers, k.tails, len(k.outers)-1, 2*k.lanes
	tiles := (c + most - 1) / most
	var columns []float32
	if c >= copiedFrom[Active()] {
		mem := rooms32.Get().(*room[float32])
		defer rooms32.Put(mem)
		mem.a = grown(mem.a, n*width)
		columns = mem.a
	}
	for j := 0; j < d; j += width {
		if columns != nil && d-j >= width {
			k.columns(n, &columns[0], &p.X[j], &p.Rows[0], 4*d, ahead)
		}
		for t := range tiles {
			from, to := c*t/tiles, c*(t+1)/tiles
			switch {
			case d-j < width:
				tails[to-from](n, &r[from*PassRows], &p.X[j], &p.Rows[0], 4*d, &g[from*d+j], 4*d, d-j)
			case columns != nil:
				kernels[to-from](n, &r[from*PassRows], &columns[0], &inOrder[0], 4*width, &g[from*d+j], 4*d, nil)
			case t == tiles-1:
				kernels[to-from](n, &r[from*PassRows], &p.X[j], &p.Rows[0], 4*d, &g[from*d+j], 4*d, ahead)
			default:
				kernels[to-from](n, &r[from*PassRows], &p.X[j], &p.Rows[0], 4*d, &g[from*d+j], 4*d, nil)
			}
		}
	}
}

// ShiftTo writes the rows times factor (D), center (D) subtracted, into dst,
// len(Rows)×D.
func (p *Picked) ShiftTo(dst, factor, center []float32) {
	n, d := len(p.Rows), p.D
	p.check()
	if len(dst) < n*d || len(factor) < d || len(center) < d {
		panic("simd: rows that do not fit")
	}
	passes[Active()].shift(n, d, &dst[0], &p.X[0], &p.Rows[0], 4*d, &factor[0], &center[0])
}

// Scaling is how rows are shifted and then standardised, D numbers each: x
// becomes (x·Factor − Center − Mean)·Inverse, each step rounded to float32.
type Scaling struct{ Factor, Center, Mean, Inverse []float32 }

// ScaleTo writes the rows, scaled, each times its number of by (len(Rows)),
// into dst, len(Rows)×D.
func (p *Picked) ScaleTo(dst []float32, s *Scaling, by []float32) {
	n, d := len(p.Rows), p.D
	p.check()
	if len(dst) < n*d || len(by) < n || len(s.Factor) < d || len(s.Center) < d || len(s.Mean) < d || len(s.Inverse) < d {
		panic("simd: rows that do not fit")
	}
	passes[Active()].scale(n, d, &dst[0], &p.X[0], &p.Rows[0], 4*d, &s.Factor[0], &s.Center[0], &s.Mean[0], &s.Inverse[0], &by[0])
}

// Softmax is what makes residuals of a block's logits.
type Softmax struct {
	// Bias is the intercept of each class.
	Bias []float32
	// Labels is the class of each row, Weights its weight. Both are 0 after the
	// rows.
	Labels  [PassRows]int32
	Weights [PassRows]float32
	// Probabilities, if it is not nil, is where those of the rows are written,
	// C×PassRows.
	Probabilities []float32

	of of
}

// of is what a softmax leaves of each row.
type of struct {
	top    [PassRows]float32 // the largest logit
	own    [PassRows]float32 // that of its class
	sum    [PassRows]float32 // Σ exp(z − top)
	others [PassRows]float32 // without its class
	curved [PassRows]float32 // Σ p(1−p)
}

// ResidualsTo turns logits without intercepts of n rows, C×PassRows, into
// residuals w·(p − onehot(y)). Exponentials are right to 2 units in the last
// place of float32; a probability below e⁻⁸⁷ of the largest counts as that. The
// residual of a row's class is −Σ of the other probabilities: nothing cancels
// where it is near 1.
func (s *Softmax) ResidualsTo(z []float32, n int) {
	c := len(s.Bias)
	if c < 1 || n < 1 || n > PassRows || len(z) < c*PassRows || s.Probabilities != nil && len(s.Probabilities) < c*PassRows {
		panic("simd: logits that do not fit")
	}
	var p *float32
	if s.Probabilities != nil {
		p = &s.Probabilities[0]
	}
	k := passes[Active()]
	k.softmax(c, (n+k.lanes-1)/k.lanes, &z[0], &s.Bias[0], &s.Labels[0], &s.Weights[0], &s.of.top[0], p)
}

// Row returns max − z_y, how far the logit of row i's class is below the
// largest, and Σ exp(z − max), and Σ p(1−p), of the last residuals. The loss is
// the first one plus the logarithm of the second.
func (s *Softmax) Row(i int) (below, sum, curved float64) {
	o := &s.of
	below, sum = float64(o.top[i]-o.own[i]), float64(o.sum[i])
	if below == 0 {
		sum = 1 + float64(o.others[i]) // to the digits of float64
	}
	return below, sum, float64(o.curved[i])
}

// AddSums adds the residuals of n rows, C×PassRows, to the sum of each class.
func AddSums(sums []float64, r []float32, n int) {
	if n < 1 || n > PassRows || len(sums) < 1 || len(r) < len(sums)*PassRows {
		panic("simd: residuals that do not fit")
	}
	k := passes[Active()]
	k.sum(len(sums), (n+k.lanes-1)/k.lanes, &r[0], &sums[0])
}

// Flush adds g to sums, of the same length, a multiple of 16, or writes it, and
// clears g.
func Flush(sums []float64, g []float32, add bool) {
	if len(g) == 0 || len(g)%16 != 0 || len(sums) != len(g) {
		panic("simd: sums that do not fit")
	}
	passes[Active()].flush(len(g), &sums[0], &g[0], add)
}

// Standard is how features are standardised: Mean is subtracted, and what is
// left multiplied by Inverse.
type Standard struct{ Mean, Inverse []float64 }

// WeightsTo writes the weights for rows as they are into dst, those of a class
// for standardised rows being w, and returns how much smaller its intercept is.
func (s *Standard) WeightsTo(dst []float32, w []float64) float64 {
	d := len(dst)
	w, mean, inverse := w[:d], s.Mean[:d], s.Inverse[:d]
	sum, whole := 0.0, d&^7
	if k := passes[Active()]; k != nil && whole > 0 {
		k.narrow(whole, &w[0], &inverse[0], &mean[0], &dst[0], &sum)
	} else {
		whole = 0
	}
	for j := whole; j < d; j++ {
		dst[j] = float32(w[j] * inverse[j])
		sum += float64(dst[j]) * mean[j]
	}
	return sum
}

// GradientTo writes what g, a class's Σ r·x over rows as they are, is as the
// gradient for standardised rows into dst, which may be g: of the mean loss,
// share being 1 over the number of rows and db the gradient of the intercept,
// and of λ/2·‖w‖². It returns ‖w‖².
func (s *Standard) GradientTo(dst, g, w []float64, share, db, lambda float64) float64 {
	d := len(dst)
	g, w, mean, inverse := g[:d], w[:d], s.Mean[:d], s.Inverse[:d]
	sum, whole := 0.0, d&^7
	if k := passes[Active()]; k != nil && whole > 0 {
		k.gradient(whole, &dst[0], &g[0], &w[0], &mean[0], &inverse[0], share, db, lambda, &sum)
	} else {
		whole = 0
	}
	for j := whole; j < d; j++ {
		dst[j] = (g[j]*share-db*mean[j])*inverse[j] + lambda*w[j]
		sum += w[j] * w[j]
	}
	return sum
}

// Moments are sums of rows' deviations from a pivot and of their squares, D
// each.
type Moments struct{ Pivot, Sum, Square []float64 }

// Add adds the rows, each times its weight. It may be called where Active is
// Portable as well.
func (m *Moments) Add(p *Picked, weights []float64) {
	p.check()
	d, n, whole := p.D, len(p.Rows), 0
	pivot, sum, square := m.Pivot[:d], m.Sum[:d], m.Square[:d]
	weights = weights[:n]
	if k := passes[Active()]; k != nil && d >= 16 {
		whole = d &^ 15
		k.moments(n, whole, &p.X[0], &p.Rows[0], 4*d, &weights[0], &pivot[0], &sum[0], &square[0])
	}
	for i, r := range p.Rows {
		w := weights[i]
		for j, v := range p.X[r*d+whole : (r+1)*d] {
			e := float64(v) - pivot[whole+j]
			sum[whole+j] += w * e
			square[whole+j] += w * e * e
		}
	}
}

// Finite tells whether all numbers are finite.
func Finite(x []float32) bool {
	whole := 0
	if k := passes[Active()]; k != nil && len(x) >= 16 {
		whole = len(x) &^ 15
		var of [16]float32
		k.finite(whole, &x[0], &of[0])
		for _, v := range of {
			if v != 0 {
				return false
			}
		}
	}
	for _, v := range x[whole:] {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// HalvesTo writes the numbers that IEEE 754 binary16 x are into dst, of the
// same length.
func HalvesTo(dst []float32, x []uint16) {
	n, whole := len(dst), 0
	x = x[:n]
	if k := passes[Active()]; k != nil && n >= 16 {
		whole = n &^ 15
		k.half(whole, &dst[0], &x[0])
	}
	for i, h := range x[whole:] {
		dst[whole+i] = fromHalf(h)
	}
}

// fromHalf returns the number that IEEE 754 binary16 bits are: a sign, 5 bits
// of exponent with bias 15 and 10 bits of fraction.
func fromHalf(h uint16) float32 {
	sign, rest := uint32(h&0x8000)<<16, uint32(h&0x7fff)
	switch {
	case rest >= 0x7c00: // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | rest&0x3ff<<13)
	case rest >= 0x400:
		return math.Float32frombits(sign | rest<<13 + (127-15)<<23)
	}
	return math.Float32frombits(sign | math.Float32bits(float32(rest)*0x1p-24))
}

// BlockRows returns how many rows of d features a block should have: they stay
// in a second-level cache.
func BlockRows(d int) int { return min(PassRows, max(48, 1<<16/d&^15)) }

type (
	dotKernels   []func(groups, d int, x *float32, rows *int, ldx int, w *float32, ldw int, z *float32, add bool)
	outerKernels []func(n int, r, x *float32, rows *int, ldx int, into *float32, ldg int, next *int)
	tailKernels  []func(n int, r, x *float32, rows *int, ldx int, into *float32, ldg int, d int)
)

// kernels are what a pass is made of, with one set of instructions.
type kernels struct {
	lanes   int          // float32 of a vector
	dots    dotKernels   // by the number of classes that they take
	outers  outerKernels // likewise, for two vectors of features
	tails   tailKernels  // likewise, for fewer features
	columns func(n int, dst, x *float32, rows *int, ldx int, next *int)
	softmax func(c, vectors int, z, bias *float32, y *int32, w, of, p *float32)
	sum     func(c, vectors int, r *float32, sums *float64)
	flush   func(n int, sums *float64, from *float32, add bool)
	shift   func(n, d int, dst, x *float32, rows *int, ldx int, factor, center *float32)
	scale   func(n, d int, dst, x *float32, rows *int, ldx int, factor, center, mean, inverse, by *float32)
	half    func(n int, dst *float32, x *uint16)

	narrow   func(n int, w, inverse, mean *float64, to *float32, sum *float64)
	adam     func(n int, values, gradient, first, second, by *float32)
	gradient func(n int, to, from, w, mean, inverse *float64, share, db, lambda float64, sum *float64)
	moments  func(n, d int, x *float32, rows *int, ldx int, w, pivot, sum, square *float64)
	finite   func(n int, x, of *float32)

	sparse  func(units int, r *float32, ldr int, x, into *float32, ldg int, add bool)
	panel   func(n int, dst, x *float32, ldx int)
	rectify func(n int, z *float32)
	cut     func(n int, slopes, units *float32)
	exp     func(n int, z *float64)
}
