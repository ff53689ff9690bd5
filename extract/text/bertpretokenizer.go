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

func (bertPreTokenizer) appendTo(dst words, text string) words {
	open := false // the last word goes on
	end := func() {
		if open {
			dst.ends = append(dst.ends, len(dst.bytes))
		}
		open = false
	}
	for _, r := range text {
		k := kindOf(r)
		if k != inWord {
			end()
		}
		if k == space {
			continue
		}
		dst.bytes, open = utf8.AppendRune(dst.bytes, r), true
		if k == isolated {
			end()
		}
	}
	end()
	return dst
}
