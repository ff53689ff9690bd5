package text

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	// BagColumns is the default of Bag.Columns.
	BagColumns = 1 << 20
	// BagRun is the default of Bag.Run.
	BagRun = 2
)

// Bag counts the terms of texts, their words and pairs of neighbouring words,
// whatever their order. A hash says in which column of a matrix a term is
// counted, so that no vocabulary is kept, nor read from texts that are there to
// test: terms may share a column, of a million terms in 2²⁰ columns about 6 in
// 10 do. The zero value means the defaults.
//
// The column of a term is ⌊h·D/2⁶⁴⌋, where h is FNV-1a with 64 bits of the
// term's UTF-8, with a space between words, mixed by fmix64 of MurmurHash3.
type Bag struct {
	// Columns is the number of columns. The default 0, and less, means 2²⁰;
	// more than 2³⁰ means 2³⁰.
	Columns int
	// Run is the number of neighbouring words up to which they are a term: with
	// 1 only words count. The default 0, and less, means 2.
	Run int
}

// Term is how often the terms of a column are in a text.
type Term struct {
	Column int32   // from 0 to D()-1
	Count  float32 // 1 or more
}

// D returns the number of columns, at least 1.
func (b Bag) D() int {
	if b.Columns <= 0 {
		return BagColumns
	}
	return min(b.Columns, 1<<30)
}

// AppendTerms appends the terms of a text to dst, each column once and in
// ascending order, and returns dst. Which words a text has, AppendWords says.
func (b Bag) AppendTerms(dst []Term, text string) []Term {
	run := b.Run
	if run <= 0 {
		run = BagRun
	}
	first, d := len(dst), uint64(b.D())
	words := AppendWords(nil, text)
	for i := range words {
		h := uint64(fnvOffset)
		for j, w := range words[i:min(i+run, len(words))] {
			if j > 0 {
				h = (h ^ ' ') * fnvPrime
			}
			for k := range len(w) {
				h = (h ^ uint64(w[k])) * fnvPrime
			}
			column, _ := bits.Mul64(mixed(h), d)
			dst = append(dst, Term{int32(column), 1})
		}
	}
	terms := dst[first:]
	slices.SortFunc(terms, func(a, b Term) int { return cmp.Compare(a.Column, b.Column) })
	n := 0
	for _, t := range terms {
		if n > 0 && terms[n-1].Column == t.Column {
			terms[n-1].Count++
			continue
		}
		terms[n] = t
		n++
	}
	return dst[:first+n]
}

// The constants of FNV-1a with 64 bits.
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// mixed spreads a hash over its bits, as MurmurHash3's fmix64 does: the upper
// ones, which choose the column, change little with the last letters else.
func mixed(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
