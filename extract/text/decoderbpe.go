package text

import "strings"

// bpeDecoder is the decoder BPEDecoder: the suffix of words becomes a space, at
// the end of the text nothing.
type bpeDecoder struct{ suffix string }

// readBPEDecoder is the entry of the decoder BPEDecoder.
func readBPEDecoder(o object) (decoder, error) {
	var d bpeDecoder
	err := o.read("suffix", &d.suffix)
	return d, err
}

func (d bpeDecoder) decode(tokens []string) []string {
	for i, token := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(token, d.suffix, space)
	}
	return tokens
}
