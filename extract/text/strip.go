package text

import (
	"errors"
	"strings"
	"unicode"
)

// strip is the normalizer Strip: no white space at the ends.
type strip struct{ left, right bool }

// readStrip is the entry of Strip.
func readStrip(o object) (normalizer, error) {
	var n strip
	err := errors.Join(o.read("strip_left", &n.left), o.read("strip_right", &n.right))
	return n, err
}

func (n strip) normalize(p *passage) {
	text := p.text()
	start, end := 0, len(text)
	if n.left {
		start = end - len(strings.TrimLeftFunc(text, isSpace))
	}
	if n.right {
		end = start + len(strings.TrimRightFunc(text[start:], isSpace))
	}
	if start > 0 || end < len(text) {
		p.rewrite()
		p.keep(start, end)
		p.rewritten()
	}
}

// stripAccents is the normalizer StripAccents: marks are dropped. It does not
// decompose.
type stripAccents struct{}

// readStripAccents is the entry of StripAccents.
func readStripAccents(object) (normalizer, error) { return stripAccents{}, nil }

func (stripAccents) normalize(p *passage) {
	if isASCII(p.text()) {
		return
	}
	p.mapped(func(r rune) rune {
		if unicode.Is(mark, r) {
			return -1
		}
		return r
	})
}
