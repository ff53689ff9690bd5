package text

import "unicode/utf8"

// A change is a code point of what a passage becomes, and how it got there, as
// the reference counts: 0 stands in the place of the next code point of the
// passage, 1 was put in behind it, −n stands in the place of the next one and
// of the n after it.
type change struct {
	r  rune
	by int32
}

// transform rewrites the whole passage. Where code points were moved, composed
// or dropped, this counting is not always where they come from, but it is what
// the reference's offsets tell.
func (p *passage) transform(changes []change) {
	p.rewrite()
	at := 0
	skip := func() {
		if at < len(p.bytes) {
			_, size := utf8.DecodeRune(p.bytes[at:])
			at += size
		}
	}
	for _, c := range changes {
		if c.by > 0 {
			p.put(c.r, at-1)
			continue
		}
		p.put(c.r, min(at, len(p.bytes)-1))
		for range 1 - c.by {
			skip()
		}
	}
	p.rewritten()
}

// mapped rewrites the passage code point by code point; −1 drops one.
func (p *passage) mapped(f func(rune) rune) {
	text := p.text()
	p.rewrite()
	for i, r := range text {
		switch to := f(r); {
		case to == r:
			p.keep(i, i+utf8.RuneLen(r))
		case to >= 0:
			p.put(to, i)
		}
	}
	p.rewritten()
}
