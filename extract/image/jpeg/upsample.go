package jpeg

// upsampling is how a component gets as many samples as the image has pixels.
type upsampling struct {
	across, down int  // the factors, 1 to 4
	fancy        bool // by a triangle filter, else by replication
}

// upsampling returns that of a component: the triangle filter for factors of 2
// in one or both directions, unless the component is 2 samples wide or less and
// the factor is across.
func (f *frame) upsampling(c *component) upsampling {
	u := upsampling{across: f.maxH / c.h, down: f.maxV / c.v}
	switch {
	case u.across == 2 && u.down <= 2:
		u.fancy = c.width > 2
	case u.across == 1 && u.down == 2:
		u.fancy = true
	}
	return u
}

// rows returns the rows of the component that row y of the image is made of:
// the nearest, and the next on the other side.
func (u *upsampling) rows(c *component, y int) (near, far int) {
	near = y / u.down
	if !u.fancy || u.down == 1 {
		return near, near
	}
	return near, min(max(near-1+y&1*2, 0), c.height-1)
}

// columns returns the first and the last but one column of the component that
// columns x0 to x1 of the image are made of.
func (u *upsampling) columns(c *component, x0, x1 int) (lo, hi int) {
	lo, hi = x0/u.across, ceil(x1, u.across)
	if u.fancy && u.across == 2 {
		lo, hi = max(lo-1, 0), min(hi+1, c.width)
	}
	return lo, hi
}

// upsample returns columns x0 to x1 of row y of the image in a component: where
// they are, or in dst, which has room for x1−x0+3 samples.
func (p *plane) upsample(dst []byte, c *component, y, x0, x1 int) []byte {
	u := &c.kind
	near, far := u.rows(c, y)
	a := p.samples(near)
	switch {
	case u.across == 1 && (u.down == 1 || !u.fancy):
		return a[x0:x1]
	case u.fancy && u.across == 1:
		between(dst[:x1-x0], a[x0:x1], p.samples(far)[x0:x1], 1+y&1)
		return dst[:x1-x0]
	case u.fancy:
		lo, hi := x0/2, (x1+1)/2
		if u.down == 1 {
			widen(dst, a[:c.width], lo, hi)
		} else {
			widenBetween(dst, a[:c.width], p.samples(far)[:c.width], lo, hi)
		}
		return dst[x0-2*lo:][:x1-x0]
	}
	dst = dst[:x1-x0]
	for i := range dst {
		dst[i] = a[(x0+i)/u.across]
	}
	return dst
}

// between writes samples between those of two rows, a quarter of the way from
// a to b.
func between(dst, a, b []byte, bias int) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = uint8((3*int(a[i]) + int(b[i]) + bias) >> 2)
	}
}

// widenGo writes, for each of the samples lo to hi of a row, two: a quarter of
// the way to each of its neighbours.
func widenGo(dst, a []byte, lo, hi int) {
	n := len(a)
	dst = dst[:2*(hi-lo)]
	for i := lo; i < hi && len(dst) >= 2; i++ {
		v := 3 * int(a[i])
		dst[0] = uint8((v + int(a[max(i-1, 0)]) + 1) >> 2)
		dst[1] = uint8((v + int(a[min(i+1, n-1)]) + 2) >> 2)
		dst = dst[2:]
	}
}

// widenBetweenGo is widenGo for a row that lies between two, a quarter of the
// way from a to b.
func widenBetweenGo(dst, a, b []byte, lo, hi int) {
	n := len(a)
	b = b[:n]
	if lo >= hi {
		return
	}
	sum := func(i int) int { return 3*int(a[i]) + int(b[i]) }
	last, this := sum(max(lo-1, 0)), sum(lo)
	dst = dst[:2*(hi-lo)]
	for i := lo; i < hi && len(dst) >= 2; i++ {
		next := sum(min(i+1, n-1))
		dst[0] = uint8((3*this + last + 8) >> 4)
		dst[1] = uint8((3*this + next + 7) >> 4)
		dst = dst[2:]
		last, this = this, next
	}
}
