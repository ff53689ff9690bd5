package report

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Width returns how many columns of a terminal s takes: two for East Asian
// characters and emoji, none for what is drawn on its neighbour, one or two for
// characters that are joined to one (a family of emoji, a flag).
func Width(s string) int {
	if isASCII(s) {
		return len(s)
	}
	return uniseg.StringWidth(s)
}

// Cut returns s if it takes at most so many columns, or else its beginning with
// an ellipsis, which together take at most so many. It cuts between what a
// person takes for characters.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	if columns < 1 {
		return ""
	}
	used, end, state := 0, 0, -1
	for rest := s; rest != ""; {
		var cluster string
		var width int
		cluster, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+width > columns-1 {
			break
		}
		used += width
		end += len(cluster)
	}
	return strings.TrimRight(s[:end], " ") + "…"
}

// isASCII says whether s has printable characters of ASCII only.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Wrap returns the words of s in lines of at most so many columns. A word that
// is longer has a line of its own; there is one line at least.
func Wrap(s string, columns int) []string {
	lines, used := []string{""}, 0
	for i, word := range strings.Fields(s) {
		n, last := Width(word), len(lines)-1
		switch {
		case i == 0:
			lines[0], used = word, n
		case used+1+n > columns:
			lines, used = append(lines, word), n
		default:
			lines[last] += " " + word
			used += 1 + n
		}
	}
	return lines
}
