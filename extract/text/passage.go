package text

import (
	"fmt"
	"unicode/utf8"
	"unsafe"
)

// A passage is a stretch of a text on its way to tokens: what lies between two
// added tokens. Normalizers rewrite it as a whole; then it is one word, which
// pre-tokenizers cut into more, and may rewrite.
//
// Whoever rewrites a passage reads text from the front to the back and says
// for each byte that is kept and each code point that is put in where it comes
// from. That is written down only if the passage is aligned, that is, if
// somebody wants the offsets of tokens:
//
//	p.rewrite()
//	for i, r := range p.text() { // bytes are those before the rewriting
//		switch {
//		case keep(r):
//			p.keep(i, i+utf8.RuneLen(r)) // with where it comes from
//		case replace(r):
//			p.put(other(r), i) // comes from where byte i comes from
//		}
//	}
//	p.rewritten()
//
// A pre-tokenizer goes through the words that there are and says what becomes
// of each; words that it does not say again are gone, and so are empty ones:
//
//	for _, w := range p.recut() {
//		p.word(w.start, at) // bytes of the passage
//		p.word(at, w.end)
//	}
//
// It may do both: keep and put append to what the passage is going to be, and
// p.size() says where in that a word begins or ends.
//
// A passage is used again for one text after the other, so that its memory is
// allocated once.
type passage struct {
	bytes   []byte // valid UTF-8: what the passage is now
	spans   []span // by byte of bytes, if aligned: where in the text it comes from
	words   []extent
	base    int32 // the byte of the text at which the passage begins
	most    int   // how many bytes it may become
	full    bool  // it would have become more, or failed; what was to be put in is missing
	failed  error // why it failed
	aligned bool

	// What the passage is becoming, or was before.
	others     []byte
	otherSpans []span
	otherWords []extent

	work scratch
}

// A span is a range of bytes of the text that somebody gave.
type span struct{ start, end int32 }

// An extent is a range of bytes of a passage.
type extent struct{ start, end int32 }

// begin makes the passage a part of a text that begins at byte base of it.
func (p *passage) begin(text string, base int, aligned bool) {
	p.bytes = append(p.bytes[:0], text...)
	p.base, p.aligned = int32(base), aligned
	p.most, p.full, p.failed = mostGrowth*len(text)+1<<16, false, nil
	if !aligned {
		return
	}
	p.spans = p.spans[:0]
	for i := 0; i < len(text); {
		_, size := utf8.DecodeRuneInString(text[i:])
		at := p.base + int32(i)
		for range size {
			p.spans = append(p.spans, span{at, at + int32(size)})
		}
		i += size
	}
}

// part makes the passage bytes start to end of another one.
func (p *passage) part(of *passage, start, end int) {
	p.bytes = append(p.bytes[:0], of.bytes[start:end]...)
	p.aligned = of.aligned
	p.most, p.full, p.failed = mostGrowth*(end-start)+1<<16, false, nil
	if of.aligned && start < end {
		p.spans = append(p.spans[:0], of.spans[start:end]...)
		p.base = p.spans[0].start
	}
}

// text returns what the passage is now. It must not be used any more once the
// passage is rewritten.
func (p *passage) text() string {
	return unsafe.String(unsafe.SliceData(p.bytes), len(p.bytes))
}

// rewrite begins to rewrite the passage.
func (p *passage) rewrite() {
	p.others, p.otherSpans = p.others[:0], p.otherSpans[:0]
}

// mostGrowth is how many bytes a byte of a text may become, so that a file that
// replaces a letter by many, again and again, does not take all memory. A
// compatibility decomposition makes 11 of one.
const mostGrowth = 64

// fits tells whether n more bytes may be kept or put.
func (p *passage) fits(n int) bool {
	p.full = p.full || len(p.others)+n > p.most
	return !p.full
}

// fail says why the passage cannot become what it should. Nothing that comes
// after counts.
func (p *passage) fail(err error) { p.full, p.failed = true, err }

// err returns why the passage is not what it should have become.
func (p *passage) err() error {
	switch {
	case p.failed != nil:
		return fmt.Errorf("text: tokenizer.json: normalizer, pre_tokenizer: %w", p.failed)
	case p.full:
		return fmt.Errorf("text: tokenizer.json: normalizer, pre_tokenizer: they make more than %d bytes of a byte", mostGrowth)
	}
	return nil
}

// keep takes bytes start to end over as they are.
func (p *passage) keep(start, end int) {
	if !p.fits(end - start) {
		return
	}
	p.others = append(p.others, p.bytes[start:end]...)
	if p.aligned {
		p.otherSpans = append(p.otherSpans, p.spans[start:end]...)
	}
}

// put writes a code point that comes from where byte from of the passage, as
// it was before, does. From −1 says that it was put in before all others and
// comes from nowhere, which counts as the start of the passage.
func (p *passage) put(r rune, from int) {
	if !p.fits(utf8.UTFMax) {
		return
	}
	n := len(p.others)
	p.others = utf8.AppendRune(p.others, r)
	if p.aligned {
		p.otherSpans = p.appendSpans(p.otherSpans, len(p.others)-n, from)
	}
}

// putString is put for each code point of s.
func (p *passage) putString(s string, from int) {
	if !p.fits(len(s)) {
		return
	}
	p.others = append(p.others, s...)
	if p.aligned {
		p.otherSpans = p.appendSpans(p.otherSpans, len(s), from)
	}
}

// appendSpans appends n times where byte from of the passage comes from.
func (p *passage) appendSpans(dst []span, n, from int) []span {
	at := span{p.base, p.base}
	if from >= 0 {
		at = p.spans[from]
	}
	for range n {
		dst = append(dst, at)
	}
	return dst
}

// size returns how many bytes were kept and put since rewrite.
func (p *passage) size() int { return len(p.others) }

// rewritten ends a rewriting: the passage is what was kept and put.
func (p *passage) rewritten() {
	p.bytes, p.others = p.others, p.bytes
	if p.aligned {
		p.spans, p.otherSpans = p.otherSpans, p.spans
	}
}

// whole makes the passage one word.
func (p *passage) whole() {
	p.words = p.words[:0]
	p.word(0, int32(len(p.bytes)))
}

// recut begins to cut the passage anew. It returns the words that there were,
// which stay valid until the next recut.
func (p *passage) recut() []extent {
	p.words, p.otherWords = p.otherWords[:0], p.words
	return p.otherWords
}

// word says that bytes start to end of what the passage is, or is becoming,
// are a word. Nothing is none.
func (p *passage) word(start, end int32) {
	if start < end {
		p.words = append(p.words, extent{start, end})
	}
}

// origin returns where in the text bytes start to end come from.
func (p *passage) origin(start, end int32) span {
	return span{p.spans[start].start, p.spans[end-1].end}
}

// memory returns about how many bytes the passage holds on to.
func (p *passage) memory() int {
	const spans, pieces, cuts = 8, 8, 12
	return cap(p.bytes) + cap(p.others) + spans*(cap(p.spans)+cap(p.otherSpans)+cap(p.words)+cap(p.otherWords)) +
		pieces*(cap(p.work.scanner.queue)+cap(p.work.scanner.sorted)) + cap(p.work.word) +
		spans*(cap(p.work.matches)+cap(p.work.changes)+cap(p.work.more)) + cuts*cap(p.work.cuts)
}

// A scratch is what components work in; what one leaves there means nothing to
// another.
type scratch struct {
	scanner scanner
	word    []byte
	matches []extent
	cuts    []cut
	changes []change
	more    []change
}
