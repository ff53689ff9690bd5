package text

import (
	"errors"
	"unicode/utf8"
)

// metaspace is the pre-tokenizer Metaspace: spaces become a sign that is seen,
// and each begins a word.
type metaspace struct {
	sign    string
	prepend prependScheme
	cuts    bool
}

// A prependScheme says which words get the sign in front.
type prependScheme string

const (
	always prependScheme = "always"
	first  prependScheme = "first" // that at the start of the text
	never  prependScheme = "never"
)

// readMetaspace is the entry of Metaspace.
func readMetaspace(o object) (preTokenizer, error) {
	m := metaspace{prepend: always, cuts: true}
	prefix := true
	err := o.read("replacement", &m.sign)
	if o.has("add_prefix_space") {
		err = errors.Join(err, o.read("add_prefix_space", &prefix))
	}
	if o.present("prepend_scheme") {
		err = errors.Join(err, o.read("prepend_scheme", &m.prepend))
	}
	if o.has("split") {
		err = errors.Join(err, o.read("split", &m.cuts))
	}
	switch {
	case err != nil:
		return nil, err
	case utf8.RuneCountInString(m.sign) != 1:
		return nil, o.errorf("replacement %q is not one character", m.sign)
	case m.prepend != always && m.prepend != first && m.prepend != never:
		return nil, o.errorf("prepend_scheme %q is not known", m.prepend)
	case !prefix && m.prepend != never:
		return nil, o.errorf("add_prefix_space is false, but prepend_scheme is %q", m.prepend)
	}
	return m, nil
}

// aligns is true where it counts that a word stands at the start of the text.
func (m metaspace) aligns() bool { return m.prepend == first }

func (m metaspace) preTokenize(p *passage) {
	text := p.text()
	sign, _ := utf8.DecodeRuneInString(m.sign)
	words := p.recut()
	p.rewrite()
	for _, w := range words {
		start := int32(p.size()) // of the word that goes on
		r, _ := utf8.DecodeRuneInString(text[w.start:])
		if r != sign && r != ' ' {
			if m.prepend == always || m.prepend == first && p.spans[w.start].start == 0 {
				p.putString(m.sign, int(w.start))
			}
		}
		kept := w.start // up to here it is written
		for i, r := range text[w.start:w.end] {
			if r != ' ' && r != sign {
				continue
			}
			at := w.start + int32(i)
			p.keep(int(kept), int(at))
			if m.cuts {
				p.word(start, int32(p.size()))
				start = int32(p.size())
			}
			kept = at
			if r == ' ' {
				p.putString(m.sign, int(at))
				kept++
			}
		}
		p.keep(int(kept), int(w.end))
		p.word(start, int32(p.size()))
	}
	p.rewritten()
}
