package text

import (
	"errors"
	"slices"
	"strings"
)

// ctcDecoder is the decoder CTC: of equal tokens in a row one is left, and the
// padding between others goes.
type ctcDecoder struct {
	padding string
	space   string // what stands between words
	cleanup bool
}

// readCTCDecoder is the entry of the decoder CTC.
func readCTCDecoder(o object) (decoder, error) {
	var d ctcDecoder
	err := errors.Join(
		o.read("pad_token", &d.padding),
		o.read("word_delimiter_token", &d.space),
		o.read("cleanup", &d.cleanup),
	)
	return d, err
}

func (d ctcDecoder) decode(tokens []string) []string {
	tokens = slices.Compact(tokens)
	for i, token := range tokens {
		token = strings.ReplaceAll(token, d.padding, "")
		if d.cleanup {
			token = strings.ReplaceAll(cleanUp(token), d.space, " ")
		}
		tokens[i] = token
	}
	return slices.DeleteFunc(tokens, func(s string) bool { return s == "" })
}
