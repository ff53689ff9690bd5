package image

// backdrop is the opaque colour on which transparent pixels are laid. Its zero
// value drops the alpha channel instead, which keeps hidden colours.
type backdrop struct {
	lay    bool
	colour [3]uint8
}

// over returns level v with the given alpha on an opaque level: the rounding of
// Pillow's alpha_composite (AlphaComposite.c) with 7 bits of precision, for an
// opaque destination.
func over(v, alpha, under uint8) uint8 {
	const precision = 7
	if alpha == 0 {
		return under
	}
	a := uint32(alpha)
	x := (uint32(v)*a+uint32(under)*(255-a))<<precision + 0x80<<precision
	return uint8(((x>>8 + x) >> 8) >> precision)
}

// layRow writes a row of RGBA pixels on the backdrop.
func (b *backdrop) layRow(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		b.layPixel(dst, src[0], src[1], src[2], src[3])
		dst, src = dst[3:], src[4:]
	}
}

// layRow64 writes the high bytes of a row of 16-bit RGBA pixels on the
// backdrop.
func (b *backdrop) layRow64(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 8 {
		b.layPixel(dst, src[0], src[2], src[4], src[6])
		dst, src = dst[3:], src[8:]
	}
}

func (b *backdrop) layPixel(dst []byte, red, green, blue, alpha uint8) {
	dst[0] = over(red, alpha, b.colour[0])
	dst[1] = over(green, alpha, b.colour[1])
	dst[2] = over(blue, alpha, b.colour[2])
}

// palette returns the RGB colours that the entries of an RGBA palette become.
func (b *backdrop) palette(rgba *[256][4]uint8) *[256][3]uint8 {
	var rgb [256][3]uint8
	for i, c := range rgba {
		if b.lay {
			b.layPixel(rgb[i][:], c[0], c[1], c[2], c[3])
		} else {
			copy(rgb[i][:], c[:3])
		}
	}
	return &rgb
}
