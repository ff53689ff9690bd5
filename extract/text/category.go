package text

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// A category is the general category of a code point as the regexes of the
// reference see it. Controls that are white space have one of their own, so
// that white space is a set of categories.
type category = uint8

const (
	cc category = iota
	cf
	cn
	co
	ll
	lm
	lo
	lt
	lu
	mc
	me
	mn
	nd
	nl
	no
	pc
	pd
	pe
	pf
	pi
	po
	ps
	sc
	sk
	sm
	so
	zl
	zp
	zs
	spaceControl
	categories // how many there are
)

// A categorySet is a set of categories, a bit each.
type categorySet uint32

// setOf returns the set of some categories.
func setOf(categories ...category) categorySet {
	var s categorySet
	for _, c := range categories {
		s |= 1 << c
	}
	return s
}

func (s categorySet) has(c category) bool { return s>>c&1 != 0 }

// The sets that regexes name.
var (
	anyLetter      = setOf(ll, lm, lo, lt, lu)
	anyNumber      = setOf(nd, nl, no)
	anyMark        = setOf(mc, me, mn)
	anyPunctuation = setOf(pc, pd, pe, pf, pi, po, ps)
	anySymbol      = setOf(sc, sk, sm, so)
	anySpace       = setOf(zl, zp, zs, spaceControl)
)

// A stretch says that the code points from lo up to the next stretch have a
// value.
type stretch struct {
	lo    rune
	value uint8
}

// A paged table has a value for each code point, 256 of them a page; pages
// that are the same are one.
type paged struct {
	index [(unicode.MaxRune + 1) >> pageBits]uint16
	pages [][1 << pageBits]uint8
}

// newPaged makes a table of what stretches, which begin at 0, say.
func newPaged(stretches []stretch) *paged {
	p := &paged{}
	known := map[[1 << pageBits]uint8]uint16{}
	uniform := map[uint8]uint16{} // pages of one value
	k := 0
	for i := range p.index {
		lo := rune(i << pageBits)
		for k+1 < len(stretches) && stretches[k+1].lo <= lo {
			k++
		}
		single := k+1 == len(stretches) || stretches[k+1].lo >= lo+1<<pageBits
		if at, ok := uniform[stretches[k].value]; ok && single {
			p.index[i] = at
			continue
		}
		var page [1 << pageBits]uint8
		for j := range page {
			for k+1 < len(stretches) && stretches[k+1].lo <= lo+rune(j) {
				k++
			}
			page[j] = stretches[k].value
		}
		at, ok := known[page]
		if !ok {
			at = uint16(len(p.pages))
			p.pages = append(p.pages, page)
			known[page] = at
		}
		p.index[i] = at
		if single {
			uniform[page[0]] = at
		}
	}
	return p
}

func (p *paged) at(r rune) uint8 { return p.pages[p.index[r>>pageBits]][r&(1<<pageBits-1)] }

// pagedSet makes a table that is 1 for the code points of a set, when it is
// first asked.
func pagedSet(t *unicode.RangeTable) func() *paged {
	return sync.OnceValue(func() *paged { return tableSet(t).paged() })
}

// byCategory is the table of regexCategories, with spaceControl.
var byCategory = sync.OnceValue(func() *paged {
	p := newPaged(regexCategories)
	page := p.pages[p.index[0]]
	for _, r := range "\t\n\v\f\r\u0085" {
		page[r] = uint8(spaceControl)
	}
	p.index[0] = uint16(len(p.pages))
	p.pages = append(p.pages, page)
	return p
})

// A reader reads the categories of a text.
type reader struct {
	text  string
	table *paged
	ascii *[1 << pageBits]uint8
}

func newReader(text string) reader {
	t := byCategory()
	return reader{text, t, &t.pages[t.index[0]]}
}

// at returns the category of the code point at byte i, and its size; size 0 is
// the end of the text.
func (r *reader) at(i int) (c category, size int) {
	if i >= len(r.text) {
		return cn, 0
	}
	if b := r.text[i]; b < utf8.RuneSelf {
		return category(r.ascii[b]), 1
	}
	c32, size := utf8.DecodeRuneInString(r.text[i:])
	return category(r.table.at(c32)), size
}

// run returns where the code points from byte i on that are in a set end.
func (r *reader) run(i int, set categorySet) int {
	for i < len(r.text) {
		if b := r.text[i]; b < utf8.RuneSelf {
			if !set.has(category(r.ascii[b])) {
				return i
			}
			i++
			continue
		}
		c, size := r.at(i)
		if !set.has(c) {
			return i
		}
		i += size
	}
	return i
}
