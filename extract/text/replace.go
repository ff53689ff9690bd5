package text

import "errors"

// replace is the normalizer Replace: each match of a pattern becomes content.
type replace struct {
	pattern
	content string
}

// readReplace is the entry of Replace.
func readReplace(o object) (normalizer, error) {
	pattern, err := readPattern(o)
	var content string
	if err = errors.Join(err, o.read("content", &content)); err != nil {
		return nil, err
	}
	return replace{pattern, content}, nil
}

// aligns is true where something may be put before all that the text has, which
// comes from nowhere in it and is handled by ByteLevel in a way of its own.
func (n replace) aligns() bool {
	re, ok := n.pattern.(*regex)
	return ok && re.empty
}

func (n replace) normalize(p *passage) {
	if len(p.bytes) == 0 {
		return // what may be empty matches nothing there
	}
	var err error
	if p.work.matches, err = n.matches(p.work.matches[:0], p.text()); err != nil {
		p.fail(err)
		return
	}
	if len(p.work.matches) == 0 {
		return
	}
	p.rewrite()
	done := 0
	for _, m := range p.work.matches {
		p.keep(done, int(m.start))
		p.putString(n.content, int(m.end)-1)
		done = int(m.end)
	}
	p.keep(done, len(p.bytes))
	p.rewritten()
}
