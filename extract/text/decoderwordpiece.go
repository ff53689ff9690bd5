package text

import (
	"errors"
	"strings"
)

// wordPieceDecoder is the decoder WordPiece: spaces between words, none before
// what goes on with one.
type wordPieceDecoder struct {
	prefix  string // of what goes on with a word
	cleanup bool   // no spaces before punctuation and in contractions
}

// readWordPieceDecoder is the entry of the decoder WordPiece.
func readWordPieceDecoder(o object) (decoder, error) {
	var d wordPieceDecoder
	err := errors.Join(o.read("prefix", &d.prefix), o.read("cleanup", &d.cleanup))
	return d, err
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	for i, token := range tokens {
		if i > 0 {
			inner, ok := strings.CutPrefix(token, d.prefix)
			if token = inner; !ok {
				token = " " + token
			}
		}
		if d.cleanup {
			token = cleanUp(token)
		}
		tokens[i] = token
	}
	return tokens
}

// cleanups are what cleanUp replaces, in order.
var cleanups = [][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
	{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

// cleanUp takes out spaces that a writer of English would not put.
func cleanUp(s string) string {
	for _, c := range cleanups {
		s = strings.ReplaceAll(s, c[0], c[1])
	}
	return s
}
