package text

import (
	"hash/maphash"
	"sync/atomic"
)

// A wordCache keeps the tokens of words, since most of a text are words that
// were there before. Those that come first stay, up to a bound. It is safe for
// concurrent use, and no text's tokens depend on what is in it.
type wordCache struct {
	seed  maphash.Seed
	slots []atomic.Pointer[cachedWord] // a power of two of them
}

// A cachedWord is a word and what its model appends for it.
type cachedWord struct {
	word  string
	ids   []int32
	parts []part
}

const (
	maxCachedWord = 64 // bytes of a word that is worth a place
	cacheProbes   = 4  // places at which a word may be
)

// newWordCache returns a cache of at most 4 words a token of the vocabulary,
// and 2¹⁶.
func newWordCache(vocabulary int) *wordCache {
	n := 1 << 6
	for n < 4*vocabulary && n < 1<<16 {
		n *= 2
	}
	return &wordCache{maphash.MakeSeed(), make([]atomic.Pointer[cachedWord], n)}
}

// appendTo appends the tokens of a word to dst as m does, which it asks only
// about words that are not there.
func (c *wordCache) appendTo(dst *tokens, word []byte, m interface {
	appendTo(dst *tokens, word []byte) error
}) error {
	if len(word) > maxCachedWord {
		return m.appendTo(dst, word)
	}
	h := int(maphash.Bytes(c.seed, word))
	var free *atomic.Pointer[cachedWord]
	for i := range cacheProbes {
		slot := &c.slots[(h+i)&(len(c.slots)-1)]
		known := slot.Load()
		if known == nil {
			free = slot
			break
		}
		if known.word == string(word) {
			dst.ids = append(dst.ids, known.ids...)
			if dst.whole {
				dst.parts = append(dst.parts, known.parts...)
			}
			return nil
		}
	}
	n, parts, whole := len(dst.ids), len(dst.parts), dst.whole
	dst.whole = whole || free != nil
	err := m.appendTo(dst, word)
	dst.whole = whole
	if err == nil && free != nil {
		free.CompareAndSwap(nil, &cachedWord{
			string(word), append([]int32(nil), dst.ids[n:]...), append([]part(nil), dst.parts[parts:]...),
		})
	}
	if !whole {
		dst.parts = dst.parts[:parts]
	}
	return err
}
