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

func (n replace) normalize(p *passage) {
	p.work.matches = n.matches(p.work.matches[:0], p.text())
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
