package text

import "unicode/utf8"

// byteFallbackDecoder is the decoder ByteFallback: tokens like <0x61> in a row
// become the bytes that they stand for, or, if these are not UTF-8, U+FFFD
// each.
type byteFallbackDecoder struct{}

// readByteFallbackDecoder is the entry of the decoder ByteFallback.
func readByteFallbackDecoder(object) (decoder, error) { return byteFallbackDecoder{}, nil }

func (byteFallbackDecoder) decode(tokens []string) []string {
	var out []string
	var bytes []byte
	flush := func() {
		switch {
		case len(bytes) == 0:
		case utf8.Valid(bytes):
			out = append(out, string(bytes))
		default:
			for range bytes {
				out = append(out, "\ufffd")
			}
		}
		bytes = bytes[:0]
	}
	for _, token := range tokens {
		if b, ok := byteToken(token); ok {
			bytes = append(bytes, b)
			continue
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// byteToken returns the byte for which a token like <0x61> stands. As in the
// reference, <0x+1> is one.
func byteToken(token string) (b byte, ok bool) {
	if len(token) != 6 || token[:3] != "<0x" || token[5] != '>' {
		return 0, false
	}
	high, low := hexDigit(token[3]), hexDigit(token[4])
	if token[3] == '+' {
		high = 0
	}
	return byte(high<<4 | low), high >= 0 && low >= 0
}

// hexDigit returns the value of a digit, −1 if it is none.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
