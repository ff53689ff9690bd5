package text

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// precompiled is the normalizer Precompiled: what SentencePiece replaces, by a
// trie that its models bring along. As in the reference, a grapheme cluster of
// fewer than 6 bytes is replaced as a whole by what stands for the shortest
// beginning of it that is in the trie; of a longer one, and of one that does
// not begin so, each code point is replaced by itself.
type precompiled struct {
	units  []uint32 // a double-array trie of bytes
	values string   // what keys become, each up to a zero
	ascii  [utf8.RuneSelf]string
	has    [utf8.RuneSelf]bool // ascii is to be used
}

// readPrecompiled is the entry of Precompiled.
func readPrecompiled(o object) (normalizer, error) {
	var text string
	if err := o.read("precompiled_charsmap", &text); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, o.errorf("precompiled_charsmap: %w", err)
	}
	const head = 4
	if len(data) < head {
		return nil, o.errorf("precompiled_charsmap: %d bytes", len(data))
	}
	n := int(binary.LittleEndian.Uint32(data)) / 4
	if n == 0 || n > (len(data)-head)/4 {
		return nil, o.errorf("precompiled_charsmap: a trie of %d units in %d bytes", n, len(data))
	}
	p := &precompiled{units: make([]uint32, n), values: string(data[head+4*n:])}
	for i := range p.units {
		p.units[i] = binary.LittleEndian.Uint32(data[head+4*i:])
	}
	if !utf8.ValidString(p.values) {
		return nil, o.errorf("precompiled_charsmap: the replacements are not valid UTF-8")
	}
	for r := range rune(utf8.RuneSelf) {
		p.ascii[r], p.has[r] = p.lookup(string(r))
	}
	return p, nil
}

// lookup returns what stands for the shortest beginning of s that is in the
// trie. A trie that leads nowhere has nothing.
func (n *precompiled) lookup(s string) (to string, ok bool) {
	at := offset(n.units[0])
	for i := 0; i < len(s) && s[i] != 0; i++ {
		at ^= uint64(s[i])
		if at >= uint64(len(n.units)) {
			return "", false
		}
		unit := n.units[at]
		if unit&(1<<31|0xFF) != uint32(s[i]) {
			return "", false
		}
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if at >= uint64(len(n.units)) {
			return "", false
		}
		value := int(n.units[at] & (1<<31 - 1))
		if value > len(n.values) || value < len(n.values) && !utf8.RuneStart(n.values[value]) {
			return "", false
		}
		to, _, _ = strings.Cut(n.values[value:], "\x00")
		return to, true
	}
	return "", false
}

func offset(unit uint32) uint64 {
	return uint64(unit>>10) << (unit & (1 << 9) >> 6)
}

func (n *precompiled) normalize(p *passage) {
	text := p.text()
	done := 0 // up to here it is rewritten
	if !p.aligned {
		p.rewrite()
		n.each(p, func(start, end int, to string) {
			p.keep(done, start)
			p.putString(to, 0)
			done = end
		})
		if done > 0 {
			p.keep(done, len(text))
			p.rewritten()
		}
		return
	}
	changes := p.work.changes[:0]
	keep := func(start, end int) {
		for _, r := range text[start:end] {
			changes = append(changes, change{r, 0})
		}
	}
	n.each(p, func(start, end int, to string) {
		keep(done, start)
		if p.full = p.full || len(changes)+len(to) > p.most; !p.full {
			changes = appendReplacement(changes, utf8.RuneCountInString(text[start:end]), to)
		}
		done = end
	})
	if done > 0 {
		keep(done, len(text))
		p.transform(changes)
	}
	p.work.changes = changes
}

// each calls f for each stretch of a passage that is replaced, in order, until
// the passage is full.
func (n *precompiled) each(p *passage, f func(start, end int, to string)) {
	text := p.text()
	c := clusters{text: text}
	for i := 0; i < len(text) && !p.full; {
		if b := text[i]; b < utf8.RuneSelf && (i+1 == len(text) || text[i+1] < utf8.RuneSelf && b != '\r') {
			if n.has[b] {
				f(i, i+1, n.ascii[b])
			}
			i++
			continue
		}
		end := c.end(i)
		const long = 6
		if end-i < long {
			if to, ok := n.lookup(text[i:end]); ok {
				f(i, end, to)
				i = end
				continue
			}
		}
		for i < end {
			_, size := utf8.DecodeRuneInString(text[i:])
			if to, ok := n.lookup(text[i : i+size]); ok {
				f(i, i+size, to)
			}
			i += size
		}
	}
}

// appendReplacement appends what stands in the place of so many code points.
func appendReplacement(changes []change, old int, to string) []change {
	n := 0
	for _, r := range to {
		by := int32(0)
		if n >= old {
			by = 1
		}
		changes = append(changes, change{r, by})
		n++
	}
	if n < old && len(changes) > 0 {
		changes[len(changes)-1].by -= int32(old - n)
	}
	return changes
}

// clusters are the grapheme clusters of a text (Unicode Standard Annex #29) by
// the Unicode version of the reference, which is newer than uniseg's.
type clusters struct {
	text  string
	older string // with code points that uniseg knows in place of newer ones; "": not needed up to here
}

// end returns where the cluster that begins at byte i ends.
func (c *clusters) end(i int) int {
	r, size := utf8.DecodeRuneInString(c.text[i:])
	if i+size == len(c.text) {
		return len(c.text)
	}
	if next, _ := utf8.DecodeRuneInString(c.text[i+size:]); standsAlone(r) && standsAlone(next) {
		return i + size
	}
	if c.older != "" {
		first, _, _, _ := uniseg.FirstGraphemeClusterInString(c.older[i:], -1)
		return i + len(first)
	}
	first, rest, _, _ := uniseg.FirstGraphemeClusterInString(c.text[i:], -1)
	newer := clusterTwins()
	next, _ := utf8.DecodeRuneInString(rest)
	_, needed := newer[next]
	for _, r := range first {
		_, one := newer[r]
		needed = needed || one
	}
	if !needed {
		return i + len(first)
	}
	c.older = strings.Map(func(r rune) rune {
		if twin, ok := newer[r]; ok {
			return twin
		}
		return r
	}, c.text)
	return c.end(i)
}

// clusterTwins are code points of the same length that uniseg treats as the
// reference treats those that uniseg does not know.
var clusterTwins = sync.OnceValue(func() map[rune]rune {
	twins := map[rune]rune{0x11A3A: 0x11A0B} // no longer one that joins what is behind it
	add := func(t *unicode.RangeTable, known func(string) string, byLength map[int]rune) {
		for _, rs := range tableSet(t) {
			for r := rs.lo; r <= rs.hi; r++ {
				if uniseg.GraphemeClusterCount(known(string(r))) > 1 {
					twins[r] = byLength[utf8.RuneLen(r)]
				}
			}
		}
	}
	add(joinsBefore, func(s string) string { return "a" + s }, map[int]rune{2: 0x301, 3: 0x20D0, 4: 0x1D165})
	add(joinsBehind, func(s string) string { return s + "a" }, map[int]rune{2: 0x600, 3: 0x8E2, 4: 0x110BD})
	return twins
})

// standsAlone tells of most code points that are no part of a cluster with
// another such one.
func standsAlone(r rune) bool {
	switch {
	case r < 0x300:
		return r >= 0x20 && r != 0xAD
	case 0x370 <= r && r < 0x483, 0x48A <= r && r < 0x590, // Greek, Cyrillic, Armenian
		0x5D0 <= r && r < 0x5EB, 0x620 <= r && r < 0x64B, // Hebrew, Arabic
		0x904 <= r && r < 0x93A, 0xE01 <= r && r < 0xE31, // Devanagari, Thai
		0x10A0 <= r && r < 0x1100, 0x1200 <= r && r < 0x135B, // Georgian, Ethiopic
		0x1E00 <= r && r < 0x2000, 0x2010 <= r && r < 0x2028,
		0x3000 <= r && r < 0x302A, 0x3041 <= r && r < 0x3097, 0x30A0 <= r && r < 0x3100, // kana
		0x3400 <= r && r < 0xA000, // ideographs
		0xAC00 <= r && r < 0xD7A4, // syllables
		0xFF01 <= r && r < 0xFF9E: // full and half width
		return true
	}
	return false
}
