package text

import "unicode/utf8"

// What is asked of most code points of a text.
var (
	wordChars    = pagedSet(wordChar)
	numerics     = pagedSet(numeric)
	punctuations = pagedSet(punctuation)
)

// readWhitespaceSplit is the entry of WhitespaceSplit.
func readWhitespaceSplit(object) (preTokenizer, error) {
	return cutter{oneRune(isSpace), removed, false}, nil
}

// whitespaceWords is the pre-tokenizer Whitespace: runs of word characters, and
// runs of what is neither those nor white space.
type whitespaceWords struct{}

// readWhitespace is the entry of Whitespace.
func readWhitespace(object) (preTokenizer, error) { return whitespaceWords{}, nil }

func (whitespaceWords) preTokenize(p *passage) {
	const (
		nothing = iota
		word
		sign
	)
	text, wordChars := p.text(), wordChars()
	for _, w := range p.recut() {
		start, kind := w.start, nothing
		for i, r := range text[w.start:w.end] {
			now := sign
			switch {
			case wordChars.at(r) != 0:
				now = word
			case isSpace(r):
				now = nothing
			}
			if now != kind {
				at := w.start + int32(i)
				if kind != nothing {
					p.word(start, at)
				}
				start, kind = at, now
			}
		}
		if kind != nothing {
			p.word(start, w.end)
		}
	}
}

// readDigits is the entry of Digits.
func readDigits(o object) (preTokenizer, error) {
	var each bool
	if err := o.read("individual_digits", &each); err != nil {
		return nil, err
	}
	table := numerics()
	c := cutter{oneRune(func(r rune) bool { return table.at(r) != 0 }), contiguous, false}
	if each {
		c.behavior = isolatedMatch
	}
	return c, nil
}

// readPunctuation is the entry of Punctuation.
func readPunctuation(o object) (preTokenizer, error) {
	table := punctuations()
	c := cutter{oneRune(func(r rune) bool { return table.at(r) != 0 }), isolatedMatch, false}
	var err error
	if o.present("behavior") {
		c.behavior, err = readBehavior(o)
	}
	return c, err
}

// readCharDelimiterSplit is the entry of CharDelimiterSplit.
func readCharDelimiterSplit(o object) (preTokenizer, error) {
	var delimiter string
	if err := o.read("delimiter", &delimiter); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(delimiter) != 1 {
		return nil, o.errorf("delimiter %q is not one character", delimiter)
	}
	return cutter{literal(delimiter), removed, false}, nil
}
