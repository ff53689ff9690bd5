package text

import (
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A form is one of the normalizers NFC, NFD, NFKC and NFKD. The reference knows
// fewer code points than golang.org/x/text; what those that it lacks become is
// left as it is.
type form struct {
	quick      norm.Form // says of most texts that nothing is to be done
	compatible bool
	composes   bool
}

// readForm returns the entry of a form.
func readForm(f form) func(object) (normalizer, error) {
	return func(object) (normalizer, error) { return f, nil }
}

var (
	nfc  = form{norm.NFC, false, true}
	nfd  = form{norm.NFD, false, false}
	nfkc = form{norm.NFKC, true, true}
	nfkd = form{norm.NFKD, true, false}
)

func (f form) normalize(p *passage) {
	// What is normal by more code points is normal by fewer.
	if f.quick.IsNormal(p.bytes) {
		return
	}
	p.work.changes = f.decompose(p.work.changes[:0], p.text())
	if f.composes {
		p.work.more = compose(p.work.more[:0], p.work.changes)
		p.transform(p.work.more)
		return
	}
	p.transform(p.work.changes)
}

// decompose appends the decomposition of a text, marks in canonical order.
func (f form) decompose(dst []change, text string) []change {
	table, classes := decompositions(f.compatible), byClass()
	marks := len(dst) // where the marks in a row begin
	add := func(r rune, by int32) {
		if r < firstMark || classes.at(r) == 0 {
			if marks < len(dst)-1 {
				orderMarks(dst[marks:])
			}
			dst = append(dst, change{r, by})
			marks = len(dst)
			return
		}
		dst = append(dst, change{r, by})
	}
	var syllable [3]rune
	for _, r := range text {
		var parts []rune
		switch {
		case r < firstDecomposed:
		case hangul <= r && r < hangul+11172:
			parts = appendHangul(syllable[:0], r)
		default:
			parts = table[r]
		}
		if len(parts) == 0 {
			add(r, 0)
			continue
		}
		for i, part := range parts {
			add(part, int32(min(i, 1)))
		}
	}
	if marks < len(dst) {
		orderMarks(dst[marks:])
	}
	return dst
}

const (
	firstMark       = 0x300
	firstDecomposed = 0xA0
	hangul          = 0xAC00 // the first of the syllables
)

// orderMarks sorts marks by class, stably and in linear time.
func orderMarks(marks []change) {
	classes := byClass()
	sorted := true
	for i := 1; i < len(marks) && sorted; i++ {
		sorted = classes.at(marks[i-1].r) <= classes.at(marks[i].r)
	}
	if sorted {
		return
	}
	var at [256]int // first the number of marks of a class, then where its next one goes
	for _, m := range marks {
		at[classes.at(m.r)]++
	}
	n := 0
	for c, k := range at {
		at[c] = n
		n += k
	}
	for _, m := range slices.Clone(marks) {
		c := classes.at(m.r)
		marks[at[c]] = m
		at[c]++
	}
}

// appendHangul appends the decomposition of a syllable (Unicode Standard,
// section 3.12).
func appendHangul(dst []rune, r rune) []rune {
	s := r - hangul
	dst = append(dst, 0x1100+s/588, 0x1161+s%588/28)
	if t := s % 28; t > 0 {
		dst = append(dst, 0x11A7+t)
	}
	return dst
}

// decompositions returns the full decompositions of all code points but
// syllables of Hangul.
func decompositions(compatible bool) map[rune][]rune {
	if compatible {
		return compatibleDecompositions()
	}
	return canonicalDecompositions()
}

var (
	canonicalDecompositions  = sync.OnceValue(func() map[rune][]rune { return decompositionsOf(composed, norm.NFD) })
	compatibleDecompositions = sync.OnceValue(func() map[rune][]rune { return decompositionsOf(compatible, norm.NFKD) })
)

func decompositionsOf(t *unicode.RangeTable, f norm.Form) map[rune][]rune {
	all := map[rune][]rune{}
	for _, rs := range tableSet(t) {
		for r := rs.lo; r <= rs.hi; r++ {
			if r < hangul || r >= hangul+11172 {
				all[r] = []rune(f.String(string(r)))
			}
		}
	}
	return all
}

// compositions are the code points that two compose to.
var compositions = sync.OnceValue(func() map[[2]rune]rune {
	all := map[[2]rune]rune{}
	for r, parts := range canonicalDecompositions() {
		if len(parts) < 2 || norm.NFC.String(string(r)) != string(r) {
			continue // not one that is composed
		}
		last := parts[len(parts)-1]
		first, size := utf8.DecodeRuneInString(norm.NFC.String(string(parts[:len(parts)-1])))
		if size > 0 {
			all[[2]rune{first, last}] = r
		}
	}
	return all
})

func composeTwo(table map[[2]rune]rune, a, b rune) (rune, bool) {
	switch {
	case 0x1100 <= a && a < 0x1100+19 && 0x1161 <= b && b < 0x1161+21:
		return hangul + ((a-0x1100)*21+b-0x1161)*28, true
	case hangul <= a && a < hangul+11172 && (a-hangul)%28 == 0 && 0x11A7 < b && b < 0x11A7+28:
		return a + b - 0x11A7, true
	}
	r, ok := table[[2]rune{a, b}]
	return r, ok
}

// compose appends what a decomposition composes to (Unicode Standard, section
// 3.11, D117).
func compose(dst, from []change) []change {
	table := compositions()
	starter := -1 // index in dst of what the next may compose with
	last := -1    // class of what stands behind it; −1: nothing
	classes := byClass()
	for _, c := range from {
		class := int(classes.at(c.r))
		if starter >= 0 && (last < 0 || last < class) {
			if r, ok := composeTwo(table, dst[starter].r, c.r); ok {
				dst[starter] = change{r, dst[starter].by + c.by - 1}
				continue
			}
		}
		if class == 0 {
			starter, last = len(dst), -1
		} else if starter >= 0 {
			last = class
		}
		dst = append(dst, c)
	}
	return dst
}
