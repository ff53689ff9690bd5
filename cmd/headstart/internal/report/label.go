package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes foreign text harmless where it stands on one line: what is not
// UTF-8 becomes U+FFFD, a line break a space, and characters that control a
// terminal or the direction of text are spelled out.
func plain(s string) string {
	ok := true
	for _, r := range s {
		if r == utf8.RuneError || Controls(r) || r == '\n' || r == '\t' {
			ok = false
			break
		}
	}
	if ok {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case Controls(r) && r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case Controls(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r) // RuneError, for what is not UTF-8
		}
	}
	return b.String()
}

// Controls says whether r is a control character, a line or paragraph
// separator, or one of the explicit formatting characters of Unicode's
// bidirectional algorithm (UAX #9, 2.1 to 2.6).
func Controls(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
		return true
	}
	return unicode.IsControl(r)
}
