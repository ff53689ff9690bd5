package jpeg

// colours is what the components mean.
type colours int

const (
	grey colours = iota
	rgb
	ycc // YCbCr
	cmyk
	ycck
)

// colours decides it from what the segments before the first scan say, as
// libjpeg does (ITU-T T.872, 6.5.3).
func (p *parser) colours() colours {
	f := &p.frame
	switch f.n {
	case 1:
		return grey
	case 3:
		switch {
		case p.jfif:
			return ycc
		case p.adobe && p.transform == 0:
			return rgb
		case p.adobe:
			return ycc
		case f.comps[0].id == 'R' && f.comps[1].id == 'G' && f.comps[2].id == 'B':
			return rgb
		}
		return ycc
	}
	if p.adobe && p.transform != 0 {
		return ycck
	}
	return cmyk
}

// shares holds, for each chroma sample, its share of red, green and blue, with
// 16 bits behind the point: JFIF's 1.402, 1.772, 0.714136 and 0.344136.
var shares = func() (t struct{ redCr, blueCb, greenCr, greenCb [256]int32 }) {
	for i := range int32(256) {
		x := i - 128
		t.redCr[i] = (91881*x + 32768) >> 16
		t.blueCb[i] = (116130*x + 32768) >> 16
		t.greenCr[i] = -46802*x + 32768
		t.greenCb[i] = -22554 * x
	}
	return t
}()

// yccGo converts a row of YCbCr.
func yccGo(dst, luma, cb, cr []byte) {
	cb, cr = cb[:len(luma)], cr[:len(luma)]
	dst = dst[:3*len(luma)]
	for i, l := range luma {
		y, b, r := int32(l), cb[i], cr[i]
		d := dst[3*i : 3*i+3 : 3*i+3]
		d[0] = level(y + shares.redCr[r])
		d[1] = level(y + (shares.greenCb[b]+shares.greenCr[r])>>16)
		d[2] = level(y + shares.blueCb[b])
	}
}

// expand copies a row of grey to three channels.
func expand(dst, src []byte) {
	dst = dst[:3*len(src)]
	for i, v := range src {
		d := dst[3*i : 3*i+3 : 3*i+3]
		d[0], d[1], d[2] = v, v, v
	}
}

// weave makes pixels of three rows.
func weave(dst, r, g, b []byte) {
	g, b = g[:len(r)], b[:len(r)]
	dst = dst[:3*len(r)]
	for i, v := range r {
		d := dst[3*i : 3*i+3 : 3*i+3]
		d[0], d[1], d[2] = v, g[i], b[i]
	}
}

// ink takes black off a row of pixels. Samples of inks are stored inverted:
// paper is 255. Pillow takes all files so, whatever they say, and converts inks
// to RGB with products rounded as here.
func ink(dst, black []byte) {
	dst = dst[:3*len(black)]
	for i, v := range black {
		k := uint32(v)
		d := dst[3*i : 3*i+3 : 3*i+3]
		for c, p := range d {
			t := uint32(255-p)*k + 128
			d[c] = uint8(k - (t>>8+t)>>8)
		}
	}
}
