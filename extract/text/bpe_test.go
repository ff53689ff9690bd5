package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// randomBPE returns a model that merges some pairs of few letters.
func randomBPE(r *rand.Rand) *bpe {
	ids := map[string]int32{"a": 0, "b": 1, "c": 2, "d": 3}
	names := []string{"a", "b", "c", "d"}
	m := &bpe{vocabulary: newVocabulary(ids), runes: map[rune]int32{}}
	for i := range m.ascii {
		m.ascii[i] = -1
	}
	copy(m.ascii['a':], []int32{0, 1, 2, 3})
	const pairs = 40
	m.merges = newMergeTable(pairs)
	for rank := range pairs {
		left, right := r.IntN(len(names)), r.IntN(len(names))
		both := names[left] + names[right]
		if _, ok := ids[both]; !ok {
			ids[both] = int32(len(names))
			names = append(names, both)
		}
		m.merges.put(int32(left), int32(right), merge{int32(rank), ids[both]})
	}
	return m
}

// A queue of merges gives what looking at all of them does.
func TestMergesByQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		m := randomBPE(r)
		var dst tokens
		word := make([]byte, 1+r.IntN(100))
		for i := range word {
			word[i] = 'a' + byte(r.IntN(4))
		}
		symbols, err := m.symbols(&dst, word)
		if err != nil {
			t.Fatal(err)
		}
		few := m.mergeFew(slices.Clone(symbols), &dst.work)
		m.mergeMany(symbols, &dst.work)
		many := slices.DeleteFunc(symbols, func(s symbol) bool { return s.length == 0 })
		if !slices.EqualFunc(few, many, func(a, b symbol) bool { return a.id == b.id && a.length == b.length }) {
			t.Fatalf("%s: %v by the queue, want %v", word, many, few)
		}
	}
}

// Words of any length are cut in about the time that it takes to read them.
func BenchmarkMerges(b *testing.B) {
	m := randomBPE(rand.New(rand.NewPCG(1, 2)))
	for _, n := range []int{1 << 10, 1 << 20} {
		word := []byte(strings.Repeat("abcd", n/4))
		b.Run("", func(b *testing.B) {
			b.SetBytes(int64(n))
			var dst tokens
			for b.Loop() {
				dst.ids = dst.ids[:0]
				if err := (*uncachedBPE)(m).appendTo(&dst, word); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
