package text

import "unicode/utf8"

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
