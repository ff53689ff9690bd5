package text

import (
	"errors"
	"unicode/utf8"
)

// byteRunes are the visible code points that stand for bytes: those that are
// visible themselves, and U+0100 on for the others, in order.
var byteRunes = func() (runes [256]rune) {
	n := rune(0x100)
	for b := range rune(256) {
		switch {
		case '!' <= b && b <= '~', 0xA1 <= b && b <= 0xAC, 0xAE <= b:
			runes[b] = b
		default:
			runes[b] = n
			n++
		}
	}
	return runes
}()

// putBytes puts the code points that stand for the bytes of a text. It comes
// from byte at on, if the passage is aligned.
func (p *passage) putBytes(text string, at int) {
	if !p.aligned {
		if !p.fits(2 * len(text)) {
			return
		}
		dst := p.others
		for i := range len(text) {
			switch b := text[i]; {
			case '!' <= b && b <= '~':
				dst = append(dst, b)
			default:
				dst = utf8.AppendRune(dst, byteRunes[b])
			}
		}
		p.others = dst
		return
	}
	for i := range len(text) {
		p.put(byteRunes[text[i]], at+i)
	}
}

// byteLevelNormalizer is the normalizer ByteLevel: bytes become code points
// that are visible.
type byteLevelNormalizer struct{}

// readByteLevelNormalizer is the entry of the normalizer ByteLevel.
func readByteLevelNormalizer(object) (normalizer, error) { return byteLevelNormalizer{}, nil }

func (byteLevelNormalizer) normalize(p *passage) {
	text := p.text()
	p.rewrite()
	p.putBytes(text, 0)
	p.rewritten()
}

// byteLevel is the pre-tokenizer ByteLevel: words by the regex of GPT-2, bytes
// as code points that are visible.
type byteLevel struct {
	prefix bool // a space before a word that has none
	cuts   bool // by the regex
}

// readByteLevel is the entry of the pre-tokenizer ByteLevel. Whether offsets
// are trimmed is asked of the post-processor.
func readByteLevel(o object) (preTokenizer, error) {
	var trim bool
	b := byteLevel{cuts: true}
	err := errors.Join(o.read("add_prefix_space", &b.prefix), o.read("trim_offsets", &trim))
	if err == nil && o.present("use_regex") {
		err = o.read("use_regex", &b.cuts)
	}
	return b, err
}

func (b byteLevel) preTokenize(p *passage) {
	text := p.text()
	words := p.recut()
	p.rewrite()
	for _, w := range words {
		word := text[w.start:w.end]
		shift := 0 // of what comes before the word's own bytes
		if b.prefix && word[0] != ' ' {
			p.work.word = append(append(p.work.word[:0], ' '), word...)
			word, shift = string(p.work.word), 1
		}
		if !b.cuts {
			b.put(p, w, word, 0, len(word), shift)
			continue
		}
		r := newReader(word)
		for at := 0; at < len(word); {
			end := scanGPT2(&r, at)
			b.put(p, w, word, at, end, shift)
			at = end
		}
	}
	p.rewritten()
}

// put puts bytes start to end of a word as a word of its own. Before its own
// bytes stands a space that comes from where they begin.
func (b byteLevel) put(p *passage, w extent, word string, start, end, shift int) {
	from := p.size()
	if !p.aligned {
		p.putBytes(word[start:end], 0)
		p.word(int32(from), int32(p.size()))
		return
	}
	for i := start; i < end; i++ {
		p.put(byteRunes[word[i]], int(w.start)+max(i-shift, 0))
	}
	if first, last := int(w.start)+max(start-shift, 0), int(w.start)+max(end-1-shift, 0); b.cuts && p.spans[first].start == p.spans[last].end {
		// The reference puts the bytes before a word that comes from nowhere,
		// not in place of it.
		p.putString(word[start:end], first)
	}
	p.word(int32(from), int32(p.size()))
}
