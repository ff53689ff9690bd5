package jpeg

// component is one of the planes of a frame (ITU-T T.81, A.1.1).
type component struct {
	id   byte
	h, v int // sampling factors
	tq   int // its quantisation table
	rows int // of blocks in a row of MCUs, as the header has it

	width, height int // true samples
	across, down  int // blocks that hold them
	stride        int // blocks across, those that fill up the last MCU too

	kind  upsampling
	quant *[64]int16 // in the order of coefs; nil before its first scan
	table [64]int16  // what quant points to
}

// frame is what a frame header says (ITU-T T.81, B.2.2).
type frame struct {
	marker        byte
	width, height int // pixels
	n             int // components
	comps         [4]component
	maxH, maxV    int // the greatest sampling factors
	mcusX, mcusY  int // MCUs of interleaved scans
}

// progressive says whether there are scans of parts of coefficients.
func (f *frame) progressive() bool { return f.marker == markSOF2 || f.marker == markSOF10 }

// arithmetic says whether samples are arithmetic-coded.
func (f *frame) arithmetic() bool { return f.marker == markSOF9 || f.marker == markSOF10 }

// read reads a frame header and checks that such files are read.
func (f *frame) read(marker byte, b []byte) error {
	switch {
	case len(b) < 6:
		return damaged("a frame header of %d bytes", len(b))
	case marker == markSOF3 || marker == markSOF11:
		return unsupported("lossless JPEG (SOF%d) is not read; save it as a common JPEG or as PNG", marker&15)
	case marker > markSOF2 && marker != markSOF9 && marker != markSOF10:
		return unsupported("hierarchical JPEG (SOF%d) is not read; save it as a common JPEG", marker&15)
	case b[0] != 8:
		return unsupported("%d bits a sample are not read; save it with 8", b[0])
	}
	f.marker = marker
	f.height, f.width = int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4])
	f.n = int(b[5])
	switch {
	case f.width == 0:
		return damaged("the header claims %d×%d pixels", f.width, f.height)
	case f.height == 0:
		return unsupported("the header claims no height and leaves it to a segment at the end (DNL), which is not read; save it again")
	case f.width > maxSide || f.height > maxSide:
		return unsupported("the header claims %d×%d pixels; the limit of a side is %d", f.width, f.height, maxSide)
	case f.n != 1 && f.n != 3 && f.n != 4:
		return unsupported("%d components; grey has 1, colour 3 or 4", f.n)
	case len(b) != 6+3*f.n:
		return damaged("a frame header of %d bytes for %d components", len(b), f.n)
	}
	f.maxH, f.maxV = 1, 1
	for i := range f.n {
		s := b[6+3*i:]
		c := &f.comps[i]
		*c = component{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15), tq: int(s[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return damaged("component %d has the sampling factors %d×%d; they are 1 to 4", c.id, c.h, c.v)
		}
		if c.rows = c.v; f.n == 1 {
			c.h, c.v = 1, 1 // of no meaning but for rows
		}
		f.maxH, f.maxV = max(f.maxH, c.h), max(f.maxV, c.v)
	}
	f.mcusX, f.mcusY = ceil(f.width, 8*f.maxH), ceil(f.height, 8*f.maxV)
	for i := range f.n {
		c := &f.comps[i]
		if f.maxH%c.h != 0 || f.maxV%c.v != 0 {
			return unsupported("component %d is sampled %d×%d and the greatest factors are %d×%d, which are no multiples; save it again, 4:4:4 or 4:2:0", c.id, c.h, c.v, f.maxH, f.maxV)
		}
		c.width, c.height = ceil(f.width*c.h, f.maxH), ceil(f.height*c.v, f.maxV)
		c.across, c.down = ceil(c.width, 8), ceil(c.height, 8)
		c.stride = f.mcusX * c.h
		c.kind = f.upsampling(c)
	}
	return nil
}

// maxSide is libjpeg's limit of width and height, pixels.
const maxSide = 65500

// ceil returns ⌈a/b⌉.
func ceil(a, b int) int { return (a + b - 1) / b }

// blocks returns the number of blocks of all components.
func (f *frame) blocks() int {
	n := 0
	for i := range f.n {
		n += f.comps[i].across * f.comps[i].down
	}
	return n
}
