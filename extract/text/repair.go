package text

import (
	"strings"
	"unicode/utf8"
)

// repair returns s with U+FFFD for each maximal part of a code point that is
// not valid UTF-8 (Unicode Standard, section 3.9, "U+FFFD Substitution of
// Maximal Subparts"; Python's errors="replace"). A byte order mark stays.
func repair(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/2)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			size = badPart(s[i:])
		}
		b.WriteRune(r)
		i += size
	}
	return b.String()
}

// repaired returns, by byte of repair(s) and at its end, at which byte of s it
// was.
func repaired(s string) []int {
	var at []int
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		n := size
		if r == utf8.RuneError && size == 1 {
			n, size = utf8.RuneLen(r), badPart(s[i:])
		}
		for k := range n {
			at = append(at, i+min(k, size-1))
		}
		i += size
	}
	return append(at, len(s))
}

// badPart returns the length of the part at the start of s, which is not a
// code point, that one U+FFFD stands for: as many bytes as can begin a code
// point, or one.
func badPart(s string) int {
	// The second byte's range (Unicode Standard, table 3-7) and how many
	// bytes the code point would have.
	lo, hi, n := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case 0xC2 <= c && c <= 0xDF:
		n = 2
	case 0xE0 <= c && c <= 0xEF:
		n = 3
		if c == 0xE0 {
			lo = 0xA0
		} else if c == 0xED {
			hi = 0x9F
		}
	case 0xF0 <= c && c <= 0xF4:
		n = 4
		if c == 0xF0 {
			lo = 0x90
		} else if c == 0xF4 {
			hi = 0x8F
		}
	}
	size := 1
	for size < n && size < len(s) && lo <= s[size] && s[size] <= hi {
		lo, hi = 0x80, 0xBF
		size++
	}
	return size
}
