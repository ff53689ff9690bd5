package text

import (
	"sort"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The reference mixes the Unicode versions of several libraries, so each
// table of tables.go is named for the one question that it answers. Go's own
// tables, which change with the version that compiles, are asked nothing.
// Canonical decompositions and combining classes never change once a code
// point has them (https://www.unicode.org/policies/stability_policy.html), so
// golang.org/x/text is asked for those, but only about the code points that
// have them in the reference.

// A shift says that every stride-th code point from lo to hi lies delta away
// from its lower-case letter.
type shift struct{ lo, hi, stride, delta rune }

// appendLower appends the lower case of r by itself: no final sigma, and
// U+0130 becomes two code points.
func appendLower(dst []rune, r rune) []rune {
	if r == 0x130 {
		return append(dst, 'i', 0x307)
	}
	i := sort.Search(len(lowercase), func(i int) bool { return r <= lowercase[i].hi })
	if i < len(lowercase) {
		if s := lowercase[i]; r >= s.lo && (r-s.lo)%s.stride == 0 {
			return append(dst, r+s.delta)
		}
	}
	return append(dst, r)
}

// appendDecomposed appends the full canonical decomposition of r by itself.
func appendDecomposed(dst []rune, r rune) []rune {
	if !unicode.Is(composed, r) {
		return append(dst, r)
	}
	return append(dst, []rune(norm.NFD.String(string(r)))...)
}

// byClass is the table of canonical combining classes.
var byClass = sync.OnceValue(func() *paged {
	stretches := []stretch{{0, 0}}
	for _, rs := range tableSet(combining) {
		for r := rs.lo; r <= rs.hi; r++ {
			stretches = append(stretches, stretch{r, norm.NFD.PropertiesString(string(r)).CCC()})
		}
		stretches = append(stretches, stretch{rs.hi + 1, 0})
	}
	return newPaged(stretches)
})

// combiningClass returns the canonical combining class of r; 0 makes it a
// starter.
func combiningClass(r rune) uint8 { return byClass().at(r) }
