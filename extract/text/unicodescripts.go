package text

import (
	"sync"
	"unicode/utf8"
)

// unicodeScripts is the pre-tokenizer UnicodeScripts: words are of one script.
// What goes with every script and stands before all others is dropped, as the
// reference does.
type unicodeScripts struct{}

// readUnicodeScripts is the entry of UnicodeScripts.
func readUnicodeScripts(object) (preTokenizer, error) { return unicodeScripts{}, nil }

// byScript is the table of scripts.
var byScript = sync.OnceValue(func() *paged { return newPaged(scripts) })

func (unicodeScripts) preTokenize(p *passage) {
	text := p.text()
	table := byScript()
	for _, w := range p.recut() {
		start, last := int32(-1), uint8(0)
		for i, r := range text[w.start:w.end] {
			script := table.at(r)
			if script == 0 || script == last {
				continue
			}
			at := w.start + int32(i)
			if start >= 0 {
				p.word(start, at)
			}
			start, last = at, script
		}
		if start >= 0 {
			p.word(start, w.end)
		}
	}
}

// fixedLength is the pre-tokenizer FixedLength: words of so many code points.
type fixedLength struct{ length int }

// readFixedLength is the entry of FixedLength.
func readFixedLength(o object) (preTokenizer, error) {
	f := fixedLength{5}
	if o.present("length") {
		if err := o.read("length", &f.length); err != nil {
			return nil, err
		}
	}
	if f.length < 1 {
		return nil, o.errorf("length %d: it must be 1 or more", f.length)
	}
	return f, nil
}

func (f fixedLength) preTokenize(p *passage) {
	text := p.text()
	for _, w := range p.recut() {
		start, n := w.start, 0
		for i := w.start; i < w.end; {
			_, size := utf8.DecodeRuneInString(text[i:])
			i += int32(size)
			if n++; n == f.length {
				p.word(start, i)
				start, n = i, 0
			}
		}
		p.word(start, w.end)
	}
}
