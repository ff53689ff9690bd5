package text

import "unicode/utf8"

// lower is the normalizer Lowercase: each code point by itself.
type lower struct{}

// readLowercase is the entry of Lowercase.
func readLowercase(object) (normalizer, error) { return lower{}, nil }

func (lower) normalize(p *passage) {
	text := p.text()
	p.rewrite()
	var buf [2]rune
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			if 'A' <= b && b <= 'Z' {
				p.put(rune(b)+'a'-'A', i)
			} else {
				p.keep(i, i+1)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		for _, to := range appendLower(buf[:0], r) {
			p.put(to, i)
		}
		i += size
	}
	p.rewritten()
}
