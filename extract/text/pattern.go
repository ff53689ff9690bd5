package text

import (
	"strings"
	"unicode/utf8"
)

// A pattern finds its matches in a text. It is safe for concurrent use.
type pattern interface {
	// matches appends the bytes of each match to dst, in order. An error means
	// that it would take too much memory.
	matches(dst []extent, text string) ([]extent, error)
}

// readPattern reads the field pattern of a component: {"String": "x"} is found
// as it is, {"Regex": "x"} is a regular expression.
func readPattern(o object) (pattern, error) {
	in, err := o.object("pattern")
	if err != nil {
		return nil, err
	}
	var text string
	if len(in.fields) != 1 || !in.has("String") && !in.has("Regex") {
		return nil, in.errorf("neither a String nor a Regex")
	}
	if in.has("Regex") {
		if err := in.read("Regex", &text); err != nil {
			return nil, err
		}
		p, err := newPattern(text)
		if err != nil {
			return nil, in.errorf("%w", err)
		}
		return p, nil
	}
	if err := in.read("String", &text); err != nil {
		return nil, err
	}
	if text == "" {
		return newRegex("")
	}
	return literal(text), nil
}

// newPattern returns the pattern of a regular expression.
func newPattern(text string) (pattern, error) {
	if l, ok := lexers[text]; ok {
		return l, nil
	}
	return newRegex(text)
}

// A literal is a pattern that is not empty and stands for itself.
type literal string

func (l literal) matches(dst []extent, text string) ([]extent, error) {
	for at := 0; ; {
		k := strings.Index(text[at:], string(l))
		if k < 0 {
			return dst, nil
		}
		dst = append(dst, extent{int32(at + k), int32(at + k + len(l))})
		at += k + len(l)
	}
}

func (l lexer) matches(dst []extent, text string) ([]extent, error) {
	r := newReader(text)
	for i := 0; i < len(text); {
		if end := l(&r, i); end > i {
			dst = append(dst, extent{int32(i), int32(end)})
			i = end
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return dst, nil
}

// A oneRune is a pattern whose matches are single code points.
type oneRune func(rune) bool

func (is oneRune) matches(dst []extent, text string) ([]extent, error) {
	for i, r := range text {
		if is(r) {
			dst = append(dst, extent{int32(i), int32(i + utf8.RuneLen(r))})
		}
	}
	return dst, nil
}

// A behavior says what becomes of the matches at which a word is cut.
type behavior uint8

const (
	removed            behavior = iota // they are gone
	isolatedMatch                      // each is a word
	mergedWithPrevious                 // they go with the word before them
	mergedWithNext                     // they go with the word behind them
	contiguous                         // those in a row are a word
)

var behaviors = map[string]behavior{
	"Removed":            removed,
	"Isolated":           isolatedMatch,
	"MergedWithPrevious": mergedWithPrevious,
	"MergedWithNext":     mergedWithNext,
	"Contiguous":         contiguous,
}

// readBehavior reads the field behavior of a component.
func readBehavior(o object) (behavior, error) {
	var name string
	if err := o.read("behavior", &name); err != nil {
		return 0, err
	}
	b, ok := behaviors[name]
	if !ok {
		return 0, o.errorf("behavior %q is not known", name)
	}
	return b, nil
}

// A cut is a stretch of a word: a match or what lies between two.
type cut struct {
	extent
	match bool
}

// A cutter cuts words at the matches of a pattern.
type cutter struct {
	pattern
	behavior
	invert bool // what lies between matches is taken for them, and they for what lies between
}

func (c cutter) preTokenize(p *passage) {
	text := p.text()
	for _, w := range p.recut() {
		var err error
		if p.work.matches, err = c.matches(p.work.matches[:0], text[w.start:w.end]); err != nil {
			p.fail(err)
			return
		}
		c.cut(p, w)
	}
}

// cut says the words that a word, of which p.work.matches are the matches,
// becomes.
func (c cutter) cut(p *passage, w extent) {
	switch {
	case c.behavior == removed && c.invert:
		for _, m := range p.work.matches {
			p.word(w.start+m.start, w.start+m.end)
		}
		return
	case c.behavior == removed:
		done := w.start
		for _, m := range p.work.matches {
			p.word(done, w.start+m.start)
			done = w.start + m.end
		}
		p.word(done, w.end)
		return
	case c.behavior == isolatedMatch:
		done := w.start
		for _, m := range p.work.matches {
			p.word(done, w.start+m.start)
			done = w.start + m.end
			p.word(w.start+m.start, done)
		}
		p.word(done, w.end)
		return
	}
	cuts := p.work.cuts[:0]
	done := w.start
	for _, m := range p.work.matches {
		start, end := w.start+m.start, w.start+m.end
		if done != start {
			cuts = append(cuts, cut{extent{done, start}, c.invert})
		}
		cuts = append(cuts, cut{extent{start, end}, !c.invert})
		done = end
	}
	if done != w.end {
		cuts = append(cuts, cut{extent{done, w.end}, c.invert})
	}
	p.work.cuts = cuts
	switch c.behavior {
	case mergedWithNext:
		// From the back: a match that no match follows goes with what does.
		for i := range cuts {
			last := i == len(cuts)-1
			if !last && cuts[i].match && !cuts[i+1].match {
				cuts[i+1].start = cuts[i].start
				continue
			}
			p.word(cuts[i].start, cuts[i].end)
		}
	case mergedWithPrevious:
		for i := 0; i < len(cuts); i++ {
			start, end := cuts[i].start, cuts[i].end
			if i+1 < len(cuts) && !cuts[i].match && cuts[i+1].match {
				i++
				end = cuts[i].end
			}
			p.word(start, end)
		}
	case contiguous:
		for i := 0; i < len(cuts); {
			k := i + 1
			for k < len(cuts) && cuts[k].match == cuts[i].match {
				k++
			}
			p.word(cuts[i].start, cuts[k-1].end)
			i = k
		}
	}
}
