package source

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// words keeps one copy of strings that come again and again, as labels do.
type words struct {
	seen map[string]string
}

// maxWords bounds what words keeps: a column of more distinct strings than
// this is none of classes, and its strings are copied one by one.
const maxWords = 1 << 16

// intern returns a copy of s that is shared with earlier calls.
func (w *words) intern(s string) string {
	if s == "" {
		return ""
	}
	if word, ok := w.seen[s]; ok {
		return word
	}
	word := strings.Clone(s)
	if w.seen == nil {
		w.seen = make(map[string]string)
	}
	if len(w.seen) < maxWords {
		w.seen[word] = word
	}
	return word
}

// internBytes is intern for bytes, of which it copies those that are new.
func (w *words) internBytes(s []byte) string {
	if word, ok := w.seen[string(s)]; ok { // without a copy
		return word
	}
	return w.intern(string(s))
}

// splitOf returns the split that word stands for.
func splitOf(word string) (split string, ok bool) {
	switch word {
	case "train", "test":
		return word, true
	case "val", "valid", "validation", "dev":
		return "validation", true
	}
	return "", false
}

// printable writes bytes that are not UTF-8 as \xNN, so that different names
// stay different.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// nearest returns the candidate with the fewest edits to word, if they are few
// enough for a slip of the hand.
func nearest(word string, candidates []string) (string, bool) {
	best, at := len(word)/3+2, -1
	for i, c := range candidates {
		if len(c) > 100 {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < best && d < len(c) {
			best, at = d, i
		}
	}
	if at < 0 {
		return "", false
	}
	return candidates[at], true
}

// distance is the number of bytes to insert, delete, replace or swap with
// their neighbour to get from a to b (optimal string alignment: Damerau 1964,
// doi:10.1145/363958.363994).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
