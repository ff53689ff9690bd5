package text

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// stripDecoder is the decoder Strip: each token loses up to so many of a code
// point at its start and its end.
type stripDecoder struct {
	content    string
	start, end int
}

// readStripDecoder is the entry of the decoder Strip.
func readStripDecoder(o object) (decoder, error) {
	var d stripDecoder
	var start, end uint64
	if err := errors.Join(o.read("content", &d.content), o.read("start", &start), o.read("stop", &end)); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(d.content) != 1 {
		return nil, o.errorf("content %q is not one code point", d.content)
	}
	d.start, d.end = int(min(start, math.MaxInt32)), int(min(end, math.MaxInt32))
	return d, nil
}

func (d stripDecoder) decode(tokens []string) []string {
	for i, token := range tokens {
		ok := true
		for n := 0; n < d.start && ok; n++ {
			token, ok = strings.CutPrefix(token, d.content)
		}
		ok = true
		for n := 0; n < d.end && ok; n++ {
			token, ok = strings.CutSuffix(token, d.content)
		}
		tokens[i] = token
	}
	return tokens
}
