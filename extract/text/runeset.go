package text

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A runeSet is a set of code points: ranges in order that do not touch.
type runeSet []runeRange

type runeRange struct{ lo, hi rune }

// ranges returns the set of what lies in some ranges.
func ranges(rs ...runeRange) runeSet {
	slices.SortFunc(rs, func(a, b runeRange) int { return int(a.lo) - int(b.lo) })
	s := make(runeSet, 0, len(rs))
	for _, r := range rs {
		if n := len(s); n > 0 && r.lo <= s[n-1].hi+1 {
			s[n-1].hi = max(s[n-1].hi, r.hi)
		} else {
			s = append(s, r)
		}
	}
	return s
}

// runesOf returns the set of the code points of a string.
func runesOf(text string) runeSet {
	var rs []runeRange
	for _, r := range text {
		rs = append(rs, runeRange{r, r})
	}
	return ranges(rs...)
}

// tableSet returns the set of a table's code points.
func tableSet(t *unicode.RangeTable) runeSet {
	var rs []runeRange
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			rs = append(rs, runeRange{lo, hi})
			return
		}
		for r := lo; r <= hi; r += stride {
			rs = append(rs, runeRange{r, r})
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return ranges(rs...)
}

// stretchSet returns the set of the code points whose value is wanted.
func stretchSet(stretches []stretch, wanted func(uint8) bool) runeSet {
	var rs []runeRange
	for i, s := range stretches {
		if !wanted(s.value) {
			continue
		}
		hi := rune(unicode.MaxRune)
		if i+1 < len(stretches) {
			hi = stretches[i+1].lo - 1
		}
		rs = append(rs, runeRange{s.lo, hi})
	}
	return ranges(rs...)
}

// categoriesSet returns the set of the code points of some categories.
func categoriesSet(set categorySet) runeSet {
	return stretchSet(regexCategories, func(v uint8) bool { return set.has(category(v)) })
}

func (s runeSet) union(other runeSet) runeSet {
	return ranges(slices.Concat(s, other)...)
}

func (s runeSet) negate() runeSet {
	var out runeSet
	next := rune(0)
	for _, r := range s {
		if next < r.lo {
			out = append(out, runeRange{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, runeRange{next, unicode.MaxRune})
	}
	return out
}

func (s runeSet) intersect(other runeSet) runeSet {
	return s.negate().union(other.negate()).negate()
}

func (s runeSet) has(r rune) bool {
	i := sort.Search(len(s), func(i int) bool { return r <= s[i].hi })
	return i < len(s) && s[i].lo <= r
}

// fold returns the set with all that stands for one of it where case is
// ignored.
func (s runeSet) fold() runeSet {
	more := slices.Clone(s)
	if len(s) == 1 && s[0].lo == s[0].hi {
		if orbit, ok := orbits()[s[0].lo]; ok {
			more = append(more, runesOf(orbit)...)
		}
		return ranges(more...)
	}
	for _, orbit := range regexOrbits {
		for _, r := range orbit {
			if s.has(r) {
				more = append(more, runesOf(orbit)...)
				break
			}
		}
	}
	return ranges(more...)
}

// orbits are the orbits by each of their code points.
var orbits = sync.OnceValue(func() map[rune]string {
	all := map[rune]string{}
	for _, orbit := range regexOrbits {
		for _, r := range orbit {
			all[r] = orbit
		}
	}
	return all
})

// paged makes a table that is 1 for the code points of the set.
func (s runeSet) paged() *paged {
	stretches := []stretch{{0, 0}}
	for _, r := range s {
		if r.lo == 0 {
			stretches = stretches[:0]
		}
		stretches = append(stretches, stretch{r.lo, 1}, stretch{r.hi + 1, 0})
	}
	return newPaged(stretches)
}

// A matchSet is a runeSet that is asked often.
type matchSet struct {
	ascii [utf8.RuneSelf]bool
	set   runeSet
	pages *paged // instead of set, where that is long
}

func newMatchSet(s runeSet) *matchSet {
	m := &matchSet{set: s}
	for r := range rune(utf8.RuneSelf) {
		m.ascii[r] = s.has(r)
	}
	const long = 16
	if len(s) < long {
		return m
	}
	m.pages = s.paged()
	return m
}

func (m *matchSet) has(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return m.ascii[r]
	case m.pages != nil:
		return m.pages.at(r) != 0
	}
	return m.set.has(r)
}

// The sets that have a name in regexes: what stands for letters, digits and
// the like.
var (
	spaceSet  = sync.OnceValue(func() runeSet { return categoriesSet(setOf(zl, zp, zs)).union(runesOf("\t\n\v\f\r\u0085")) })
	digitSet  = sync.OnceValue(func() runeSet { return categoriesSet(setOf(nd)) })
	hexSet    = sync.OnceValue(func() runeSet { return ranges(runeRange{'0', '9'}, runeRange{'A', 'F'}, runeRange{'a', 'f'}) })
	alphaSet  = sync.OnceValue(func() runeSet { return tableSet(regexAlpha) })
	memberSet = sync.OnceValue(func() runeSet { // \w within a class
		return alphaSet().union(categoriesSet(anyMark | setOf(nd, pc)))
	})
	wordSet = sync.OnceValue(func() runeSet { // \w by itself
		return memberSet().union(runesOf("²³¹¼½¾"))
	})
)

// posixSet returns the set that is called so in [[:name:]]; nil: none is.
func posixSet(name string) runeSet {
	graph := func() runeSet {
		return spaceSet().union(categoriesSet(setOf(cc, cn))).negate()
	}
	switch name {
	case "alnum":
		return alphaSet().union(digitSet())
	case "alpha":
		return alphaSet()
	case "ascii":
		return ranges(runeRange{0, 0x7f})
	case "blank":
		return categoriesSet(setOf(zs)).union(runesOf("\t"))
	case "cntrl":
		return categoriesSet(setOf(cc))
	case "digit":
		return digitSet()
	case "graph":
		return graph()
	case "lower":
		return tableSet(regexLower)
	case "print":
		return graph().union(categoriesSet(setOf(zs)))
	case "punct":
		return categoriesSet(anyPunctuation | anySymbol)
	case "space":
		return spaceSet()
	case "upper":
		return tableSet(regexUpper)
	case "word":
		return memberSet()
	case "xdigit":
		return hexSet()
	}
	return nil
}

// categoryNames are the sets of categories that \p{name} knows.
var categoryNames = map[string]categorySet{
	"c": setOf(cc, cf, cn, co), "cc": setOf(cc), "cf": setOf(cf), "cn": setOf(cn), "co": setOf(co),
	"l": anyLetter, "ll": setOf(ll), "lm": setOf(lm), "lo": setOf(lo), "lt": setOf(lt), "lu": setOf(lu), "lc": setOf(ll, lt, lu),
	"m": anyMark, "mc": setOf(mc), "me": setOf(me), "mn": setOf(mn),
	"n": anyNumber, "nd": setOf(nd), "nl": setOf(nl), "no": setOf(no),
	"p": anyPunctuation, "pc": setOf(pc), "pd": setOf(pd), "pe": setOf(pe), "pf": setOf(pf), "pi": setOf(pi), "po": setOf(po), "ps": setOf(ps),
	"s": anySymbol, "sc": setOf(sc), "sk": setOf(sk), "sm": setOf(sm), "so": setOf(so),
	"z": setOf(zl, zp, zs), "zl": setOf(zl), "zp": setOf(zp), "zs": setOf(zs),

	"other": setOf(cc, cf, cn, co), "control": setOf(cc), "format": setOf(cf), "unassigned": setOf(cn), "privateuse": setOf(co),
	"letter": anyLetter, "lowercaseletter": setOf(ll), "modifierletter": setOf(lm), "otherletter": setOf(lo),
	"titlecaseletter": setOf(lt), "uppercaseletter": setOf(lu), "casedletter": setOf(ll, lt, lu),
	"mark": anyMark, "combiningmark": anyMark, "spacingmark": setOf(mc), "enclosingmark": setOf(me), "nonspacingmark": setOf(mn),
	"number": anyNumber, "decimalnumber": setOf(nd), "letternumber": setOf(nl), "othernumber": setOf(no),
	"punctuation": anyPunctuation, "punct": anyPunctuation, "connectorpunctuation": setOf(pc), "dashpunctuation": setOf(pd),
	"closepunctuation": setOf(pe), "finalpunctuation": setOf(pf), "initialpunctuation": setOf(pi),
	"otherpunctuation": setOf(po), "openpunctuation": setOf(ps),
	"symbol": anySymbol, "currencysymbol": setOf(sc), "modifiersymbol": setOf(sk), "mathsymbol": setOf(sm), "othersymbol": setOf(so),
	"separator": setOf(zl, zp, zs), "lineseparator": setOf(zl), "paragraphseparator": setOf(zp), "spaceseparator": setOf(zs),
}

// propertySet returns the set of \p{name}; nil: it is not known. Within a class
// a word is something else than by itself.
func propertySet(name string, class bool) runeSet {
	name = strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))
	if s, ok := categoryNames[name]; ok {
		return categoriesSet(s)
	}
	switch name {
	case "any":
		return ranges(runeRange{0, unicode.MaxRune})
	case "assigned":
		return categoriesSet(setOf(cn)).negate()
	case "alphabetic":
		return alphaSet()
	case "lowercase":
		return tableSet(regexLower)
	case "uppercase":
		return tableSet(regexUpper)
	case "whitespace":
		return spaceSet()
	case "posixpunct":
		return posixSet("punct")
	case "word":
		if !class {
			return wordSet()
		}
	case "emoji":
		return tableSet(regexEmoji)
	case "emojipresentation":
		return tableSet(regexEmojiPresentation)
	case "extendedpictographic":
		return tableSet(regexExtendedPictographic)
	case "ideographic":
		return tableSet(regexIdeographic)
	case "unknown", "zzzz":
		return stretchSet(regexScripts, func(v uint8) bool { return v == 0 })
	}
	if s := posixSet(name); s != nil {
		return s
	}
	switch name {
	case "qaac":
		name = "coptic"
	case "qaai":
		name = "inherited"
	}
	for i, script := range regexScriptNames {
		if i > 0 && (strings.ToLower(strings.ReplaceAll(script, "_", "")) == name || strings.ToLower(regexScriptShort[i]) == name) {
			return stretchSet(regexScripts, func(v uint8) bool { return int(v) == i })
		}
	}
	return nil
}
