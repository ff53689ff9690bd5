package text

import (
	"unicode"
	"unicode/utf8"
)

// unspaced are the letters of scripts that put no spaces between words: Thai,
// Lao, Myanmar, Khmer, Hiragana, Katakana and Han.
var unspaced = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x0e01, 0x0e30, 1}, {0x0e32, 0x0e33, 1}, {0x0e40, 0x0e46, 1},
		{0x0e81, 0x0eb0, 1}, {0x0eb2, 0x0eb3, 1}, {0x0ebd, 0x0ec6, 1}, {0x0edc, 0x0edf, 1},
		{0x1000, 0x102a, 1}, {0x103f, 0x103f, 1}, {0x1050, 0x1055, 1}, {0x105a, 0x105d, 1}, {0x1061, 0x1061, 1}, {0x1065, 0x1066, 1}, {0x106e, 0x1070, 1}, {0x1075, 0x1081, 1}, {0x108e, 0x108e, 1},
		{0x1780, 0x17b3, 1}, {0x17d7, 0x17d7, 1}, {0x17dc, 0x17dc, 1},
		{0x3005, 0x3007, 1}, {0x3021, 0x3029, 1}, {0x3038, 0x303c, 1}, {0x3041, 0x3096, 1}, {0x309d, 0x309f, 1}, {0x30a1, 0x30fa, 1}, {0x30fc, 0x30ff, 1}, {0x31f0, 0x31ff, 1},
		{0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1}, {0xaa60, 0xaa76, 1}, {0xa9e0, 0xa9e4, 1}, {0xf900, 0xfaff, 1}, {0xff66, 0xff9d, 1},
	},
	R32: []unicode.Range32{{0x1aff0, 0x1b16f, 1}, {0x20000, 0x3ffff, 1}},
}

// unspacedSet is the table of unspaced.
var unspacedSet = pagedSet(unspaced)

var (
	ofWords = anyLetter | anyNumber
	cased   = setOf(ll, lt, lu)
	// between are the categories of what may stand between a capital sigma and
	// the letters that tell whether it is a final one.
	between = setOf(cf, lm, me, mn, sk)
)

// AppendWords appends the words of a text in lower case and returns dst. A word
// is a longest run of at least two letters, numbers (categories L and N) and
// underscores, as in scikit-learn's CountVectorizer and TfidfVectorizer with
// their default token_pattern, (?u)\b\w\w+\b. It differs from them for scripts
// that put no spaces between words (Han, Hiragana, Katakana, Khmer, Lao,
// Myanmar, Thai), where that pattern finds whole clauses: each of their letters
// is a word of its own. Bytes that are not UTF-8 are between words.
func AppendWords(dst []string, text string) []string {
	text = inLower(text)
	start, length := 0, 0 // of the run that ends at i, in bytes and code points
	r, alone := newReader(text), unspacedSet()
	end := func(i int) {
		if length > 1 {
			dst = append(dst, text[start:i])
		}
		length = 0
	}
	for i := 0; i < len(text); {
		c, size := r.at(i)
		switch {
		case !ofWords.has(c) && text[i] != '_':
			end(i)
		case size > 1 && alone.at(firstRune(text[i:])) != 0:
			end(i)
			dst = append(dst, text[i:i+size])
		default:
			if length == 0 {
				start = i
			}
			length++
		}
		i += size
	}
	end(len(text))
	return dst
}

// firstRune is the first code point of a text that is not empty.
func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// inLower returns a text in lower case as Python does: by the full mappings of
// Unicode, with a sigma that is final where it ends a word (The Unicode
// Standard, table 3-17).
func inLower(text string) string {
	out := make([]byte, 0, len(text)+8)
	var buf [2]rune
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			if 'A' <= b && b <= 'Z' {
				b += 'a' - 'A'
			}
			out = append(out, b)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == 'Σ' && finalSigma(text, i, i+size) {
			r = 'ς'
		}
		for _, to := range appendLower(buf[:0], r) {
			out = utf8.AppendRune(out, to)
		}
		i += size
	}
	return string(out)
}

// finalSigma tells whether the capital sigma from byte lo to hi ends a word: a
// letter that has a case stands before it, and none behind it.
func finalSigma(text string, lo, hi int) bool {
	return casedAt(func() (rune, int) {
		r, size := utf8.DecodeLastRuneInString(text[:lo])
		lo -= size
		return r, size
	}) && !casedAt(func() (rune, int) {
		r, size := utf8.DecodeRuneInString(text[hi:])
		hi += size
		return r, size
	})
}

// casedAt tells whether the first code point of next that is not ignored has a
// case.
func casedAt(next func() (rune, int)) bool {
	table := byCategory()
	for {
		r, size := next()
		if size == 0 {
			return false
		}
		c := category(table.at(r))
		switch {
		case cased.has(c):
			return true
		case between.has(c):
		case r == '\'' || r == '.' || r == ':' || r == '^' || r == '`' || r == '·' || r == '’' || r == '‘' || r == '․' || r == '‧':
		default:
			return false
		}
	}
}
