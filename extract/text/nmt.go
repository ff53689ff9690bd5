package text

// nmt is the normalizer Nmt: controls are dropped, what is or was white space
// to someone becomes a space.
type nmt struct{}

// readNmt is the entry of Nmt.
func readNmt(object) (normalizer, error) { return nmt{}, nil }

func (nmt) normalize(p *passage) {
	p.mapped(func(r rune) rune {
		switch {
		case 0x1 <= r && r <= 0x8, r == 0xB, 0xE <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return -1
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	})
}
