package text

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// A bpe cuts words by byte-pair encoding (Sennrich et al. 2016,
// https://arxiv.org/abs/1508.07909): a word is first its code points, then the
// two neighbours that the list of merges has first become one, again and again;
// of equals, the leftmost.
type bpe struct {
	vocabulary
	merges       mergeTable
	prefix       string // before every code point but the first
	suffix       string // behind the last code point
	unknown      string
	hasUnknown   bool        // if not, unknown code points leave nothing
	fuseUnknown  bool        // unknown code points in a row are one token
	byteFallback *[256]int32 // tokens of bytes that stand for unknown code points; nil: they do not
	ignoreMerges bool        // a word that is a token is that, whatever the merges say

	runes map[rune]int32       // tokens of one code point
	ascii [utf8.RuneSelf]int32 // the same below U+0080; −1: no token
	cache *wordCache
}

// readBPE is the entry of BPE.
func readBPE(o object) (model, error) {
	m := &bpe{}
	var dropout float32
	var byteFallback bool
	var vocabErr error
	m.vocabulary, vocabErr = readVocab(o)
	if err := errors.Join(
		o.readOr("unk_token", &m.unknown),
		o.readOr("continuing_subword_prefix", &m.prefix),
		o.readOr("end_of_word_suffix", &m.suffix),
		o.readOr("fuse_unk", &m.fuseUnknown),
		o.readOr("byte_fallback", &byteFallback),
		o.readOr("ignore_merges", &m.ignoreMerges),
		o.readOr("dropout", &dropout),
		vocabErr,
	); err != nil {
		return nil, err
	}
	if dropout != 0 {
		return nil, o.errorf("dropout %v makes merges at random, for training; tokens that are the same each time need 0 or null", dropout)
	}
	m.hasUnknown = o.has("unk_token")
	if byteFallback {
		m.byteFallback = m.bytes()
	}
	for c := range m.ascii {
		m.ascii[c] = -1
	}
	m.runes = map[rune]int32{}
	for token, id := range m.ids {
		if r, size := utf8.DecodeRuneInString(token); size == len(token) && size > 0 {
			m.runes[r] = id
			if r < utf8.RuneSelf {
				m.ascii[r] = id
			}
		}
	}
	m.cache = newWordCache(len(m.ids))
	return m, m.readMerges(o)
}

// readMerges reads the field merges: pairs of tokens, each as a list of two or
// as one string with a space between them.
func (m *bpe) readMerges(o object) error {
	if !o.has("merges") {
		return o.errorf("merges is missing")
	}
	pairs, err := readPairs(o)
	if err != nil {
		return err
	}
	if len(pairs) > maxMerges {
		return o.errorf("merges: %d pairs: the limit is %d", len(pairs), maxMerges)
	}
	m.merges = newMergeTable(len(pairs))
	var both []byte
	for rank, p := range pairs {
		left, okLeft := m.ids[p[0]]
		right, okRight := m.ids[p[1]]
		if len(p[1]) < len(m.prefix) {
			return o.errorf("merges: pair %d: %q does not begin with the prefix %q", rank, p[1], m.prefix)
		}
		both = append(append(both[:0], p[0]...), p[1][len(m.prefix):]...)
		id, ok := m.ids[string(both)]
		switch {
		case !okLeft:
			return o.errorf("merges: pair %d: %q is not in the vocabulary", rank, p[0])
		case !okRight:
			return o.errorf("merges: pair %d: %q is not in the vocabulary", rank, p[1])
		case !ok:
			return o.errorf("merges: pair %d: %q is not in the vocabulary", rank, both)
		}
		m.merges.put(left, right, merge{int32(rank), id})
	}
	return nil
}

// readPairs reads the field merges.
func readPairs(o object) ([][2]string, error) {
	s := jsonScanner{string(o.fields["merges"])}
	if !s.open('[') {
		return nil, o.errorf("merges is not a list of pairs")
	}
	var pairs [][2]string
	lists := false // each pair is a list
	for i := 0; s.more(']'); i++ {
		var p [2]string
		ok := false
		list := s.open('[')
		if i == 0 {
			lists = list
		}
		if list {
			ok = lists && s.more(']') && s.text(&p[0]) && s.more(']') && s.text(&p[1]) && !s.more(']')
		} else if !lists {
			var both string
			if ok = s.text(&both); strings.HasPrefix(both, "#version") {
				continue
			}
			if ok {
				p[0], p[1], ok = strings.Cut(both, " ")
				ok = ok && !strings.Contains(p[1], " ")
			}
		}
		if !ok {
			return nil, o.errorf("merges: pair %d is not two tokens", i)
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// A symbol is what a word consists of between merges.
type symbol struct {
	id     int32
	length int32 // bytes of the word; 0: it was merged into the one before
	rank   int32 // of the merge with the next symbol; noMerge
	merged int32 // the token that this makes
	prev   int32 // the symbol before; −1
	next   int32 // the symbol behind; −1
}

const noMerge = math.MaxInt32

func (m *bpe) fails() bool {
	_, ok := m.ids[m.unknown]
	return m.hasUnknown && !ok
}

func (m *bpe) appendTo(dst *tokens, word []byte) error {
	if m.ignoreMerges {
		if id, ok := m.ids[string(word)]; ok {
			dst.add(id, 0, len(word))
			return nil
		}
	}
	return m.cache.appendTo(dst, word, (*uncachedBPE)(m))
}

// uncachedBPE is a bpe that does not look into its cache.
type uncachedBPE bpe

func (u *uncachedBPE) appendTo(dst *tokens, word []byte) error {
	m := (*bpe)(u)
	symbols, err := m.symbols(dst, word)
	if err != nil {
		return err
	}
	const few = 32 // of so many the least is found faster by looking at all
	if len(symbols) <= few {
		symbols = m.mergeFew(symbols, &dst.work)
	} else {
		m.mergeMany(symbols, &dst.work)
	}
	at := 0
	for i := range symbols {
		if s := &symbols[i]; s.length > 0 {
			dst.add(s.id, at, at+int(s.length))
			at += int(s.length)
		}
	}
	return nil
}

// symbols returns the code points of a word.
func (m *bpe) symbols(dst *tokens, word []byte) ([]symbol, error) {
	s := dst.work.symbols[:0]
	unknown := symbol{id: -1}
	for i := 0; i < len(word); {
		r, size := rune(word[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(word[i:])
		}
		id := int32(-1)
		key := word[i : i+size]
		inner, last := i > 0 && m.prefix != "", i+size == len(word) && m.suffix != ""
		switch {
		case inner || last:
			whole := dst.work.key[:0]
			if inner {
				whole = append(whole, m.prefix...)
			}
			whole = append(whole, key...)
			if last {
				whole = append(whole, m.suffix...)
			}
			dst.work.key, key = whole, whole
			if known, ok := m.ids[string(key)]; ok {
				id = known
			}
		case r < utf8.RuneSelf:
			id = m.ascii[r]
		default:
			if known, ok := m.runes[r]; ok {
				id = known
			}
		}
		i += size
		if id >= 0 {
			if unknown.id >= 0 {
				s = append(s, unknown)
				unknown.id = -1
			}
			s = append(s, symbol{id: id, length: int32(size)})
			continue
		}
		if m.byteFallback != nil {
			n := len(s)
			for _, b := range key {
				if id = m.byteFallback[b]; id < 0 {
					break
				}
				s = append(s, symbol{id: id, length: 1})
			}
			if id >= 0 {
				continue // what is unknown before it comes after it, as in the reference
			}
			s = s[:n]
		}
		if !m.hasUnknown {
			continue
		}
		if unknown.id >= 0 && m.fuseUnknown {
			unknown.length += int32(size)
			continue
		}
		if unknown.id >= 0 {
			s = append(s, unknown)
		}
		var ok bool
		if unknown.id, ok = m.ids[m.unknown]; !ok {
			return nil, unknownMissing(m.unknown)
		}
		unknown.length = int32(size)
	}
	if unknown.id >= 0 {
		s = append(s, unknown)
	}
	dst.work.symbols = s
	return s, nil
}

// rank fills in what comes of symbol s and the next one.
func (m *bpe) rank(s *symbol, next int32, work *modelWork) {
	work.steps++
	if found, ok := m.merges.get(s.id, next); ok {
		s.rank, s.merged = found.rank, found.id
	} else {
		s.rank = noMerge
	}
}

// mergeFew merges until nothing is left to merge, and returns what remains.
func (m *bpe) mergeFew(s []symbol, work *modelWork) []symbol {
	if len(s) == 0 {
		return s
	}
	for i := range len(s) - 1 {
		m.rank(&s[i], s[i+1].id, work)
	}
	for len(s) > 1 {
		least, at := int32(noMerge), -1
		for i := range len(s) - 1 {
			if s[i].rank < least {
				least, at = s[i].rank, i
			}
		}
		if at < 0 {
			break
		}
		s[at].id = s[at].merged
		s[at].length += s[at+1].length
		copy(s[at+1:], s[at+2:])
		s = s[:len(s)-1]
		if at+1 < len(s) {
			m.rank(&s[at], s[at+1].id, work)
		}
		if at > 0 {
			m.rank(&s[at-1], s[at].id, work)
		}
	}
	return s
}

// mergeMany does the same with a queue of what can be merged, in which what has
// changed since is passed over, and leaves symbols of length 0.
func (m *bpe) mergeMany(s []symbol, work *modelWork) {
	queue := work.queue[:0]
	push := func(at int32) {
		if s[at].rank != noMerge {
			queue = pushLeast(queue, uint64(s[at].rank)<<32|uint64(at))
		}
	}
	for i := range s {
		s[i].prev, s[i].next = int32(i)-1, int32(i)+1
		s[i].rank = noMerge
		if i+1 < len(s) {
			m.rank(&s[i], s[i+1].id, work)
			push(int32(i))
		}
	}
	s[len(s)-1].next = -1
	for len(queue) > 0 {
		var least uint64
		least, queue = popLeast(queue)
		work.steps++
		at := int32(uint32(least))
		left := &s[at]
		if left.length == 0 || left.rank != int32(least>>32) {
			continue
		}
		right := &s[left.next]
		left.id = left.merged
		left.length += right.length
		left.next = right.next
		right.length = 0
		left.rank = noMerge
		if left.next >= 0 {
			s[left.next].prev = at
			m.rank(left, s[left.next].id, work)
			push(at)
		}
		if left.prev >= 0 {
			m.rank(&s[left.prev], left.id, work)
			push(left.prev)
		}
	}
	work.queue = queue
}

// pushLeast adds x to a heap.
func pushLeast(h []uint64, x uint64) []uint64 {
	h = append(h, x)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= x {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = x
	return h
}

// popLeast takes the least of a heap that is not empty.
func popLeast(h []uint64) (least uint64, rest []uint64) {
	least = h[0]
	x := h[len(h)-1]
	h = h[:len(h)-1]
	if len(h) == 0 {
		return least, h
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1] < h[down] {
			down++
		}
		if x <= h[down] {
			break
		}
		h[i] = h[down]
		i = down
	}
	h[i] = x
	return least, h
}

// A merge makes one token of two.
type merge struct {
	rank int32 // the lower, the earlier
	id   int32 // of what is made
}

// A mergeTable finds merges by the two tokens: a hash table with open
// addressing, at most half full.
type mergeTable struct {
	slots []mergeSlot // a power of two of them
	shift uint
}

type mergeSlot struct {
	pair uint64 // the tokens, plus 1; 0: the slot is free
	merge
}

func newMergeTable(pairs int) mergeTable {
	bits := uint(3)
	for 1<<bits < 2*pairs {
		bits++
	}
	return mergeTable{make([]mergeSlot, 1<<bits), 64 - bits}
}

// find returns the slot of two tokens, or the one where they belong.
func (t *mergeTable) find(left, right int32) *mergeSlot {
	pair := uint64(uint32(left))<<32 | uint64(uint32(right)) + 1
	i := pair * 0x9E3779B97F4A7C15 >> t.shift
	for t.slots[i].pair != pair && t.slots[i].pair != 0 {
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	return &t.slots[i]
}

func (t *mergeTable) get(left, right int32) (merge, bool) {
	s := t.find(left, right)
	return s.merge, s.pair != 0
}

// put adds a merge; the last one of two tokens counts.
func (t *mergeTable) put(left, right int32, m merge) {
	s := t.find(left, right)
	s.pair = uint64(uint32(left))<<32 | uint64(uint32(right)) + 1
	s.merge = m
}
