package text

import "errors"

// byteLevelDecoder is the decoder ByteLevel: code points that stand for bytes
// become these, and what is not UTF-8 then becomes U+FFFD.
type byteLevelDecoder struct{}

// readByteLevelDecoder is the entry of the decoder ByteLevel.
func readByteLevelDecoder(o object) (decoder, error) {
	var prefix, trim bool
	regex := true
	return byteLevelDecoder{}, errors.Join(
		o.read("add_prefix_space", &prefix),
		o.read("trim_offsets", &trim),
		o.readOr("use_regex", &regex),
	)
}

// runeBytes are the bytes for which code points stand.
var runeBytes = func() map[rune]byte {
	m := make(map[rune]byte, len(byteRunes))
	for b, r := range byteRunes {
		m[r] = byte(b)
	}
	return m
}()

func (byteLevelDecoder) decode(tokens []string) []string {
	var all []byte
	for _, token := range tokens {
		n := len(all)
		for _, r := range token {
			b, ok := runeBytes[r]
			if !ok { // a token that is spelled as it is
				all = append(all[:n], token...)
				break
			}
			all = append(all, b)
		}
	}
	return []string{repair(string(all))}
}
