package text

import (
	"errors"
	"strings"
)

// replaceDecoder is the decoder Replace: each match of a pattern in a token
// becomes content. A token on which a regex would take too much memory stays as
// it is, which ids are not made of.
type replaceDecoder struct {
	pattern pattern
	content string
}

// readReplaceDecoder is the entry of the decoder Replace.
func readReplaceDecoder(o object) (decoder, error) {
	var d replaceDecoder
	var err error
	d.pattern, err = readPattern(o)
	return d, errors.Join(err, o.read("content", &d.content))
}

func (d replaceDecoder) decode(tokens []string) []string {
	var matches []extent
	for i, token := range tokens {
		var err error
		if matches, err = d.pattern.matches(matches[:0], token); err != nil || len(matches) == 0 {
			continue
		}
		var b strings.Builder
		done := int32(0)
		for _, m := range matches {
			b.WriteString(token[done:m.start])
			b.WriteString(d.content)
			done = m.end
		}
		b.WriteString(token[done:])
		tokens[i] = b.String()
	}
	return tokens
}
