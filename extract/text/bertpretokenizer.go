package text

import (
	"unicode"
	"unicode/utf8"
)

// bertPreTokenizer is the pre-tokenizer BertPreTokenizer: white space is
// removed, each punctuation is a word by itself.
type bertPreTokenizer struct{}

// readBertPreTokenizer is the entry of BertPreTokenizer.
func readBertPreTokenizer(object) (preTokenizer, error) { return bertPreTokenizer{}, nil }

// kindOf says how a code point of a normalised text separates words.
func kindOf(r rune) kind {
	switch {
	case unicode.Is(whitespace, r):
		return space
	case unicode.Is(punctuation, r):
		return isolated
	}
	return inWord
}

func (bertPreTokenizer) preTokenize(p *passage) {
	text := p.text()
	for _, w := range p.recut() {
		start := w.start // of the word that goes on
		for i, r := range text[w.start:w.end] {
			at := w.start + int32(i)
			switch k := kindOf(r); k {
			case space, isolated:
				p.word(start, at)
				start = at + int32(utf8.RuneLen(r))
				if k == isolated {
					p.word(at, start)
				}
			}
		}
		p.word(start, w.end)
	}
}
