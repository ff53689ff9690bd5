package cache

import (
	"bytes"
	"cmp"
	"slices"
)

// find returns the row of a key. Keys are digests, evenly spread, so the
// first guesses interpolate; against keys that were chosen to be uneven it
// goes on by bisection.
func (g *segment) find(k *Key) (int, bool) {
	want := k.prefix()
	lo, hi := 0, g.rows-1
	below, above := uint64(0), ^uint64(0) // bounds of the prefixes in lo…hi
	for step := 0; lo <= hi; step++ {
		i := int(uint(lo+hi) / 2)
		if step < 8 && hi-lo > 16 && below < above {
			i = lo + int(float64(want-below)/float64(above-below)*float64(hi-lo))
			i = min(max(i, lo), hi)
		}
		p := g.prefix(i)
		c := cmp.Compare(p, want)
		if c == 0 {
			c = bytes.Compare(g.key(i), k[:])
		}
		switch {
		case c == 0:
			return i, true
		case c < 0:
			lo, below = i+1, p
		default:
			hi, above = i-1, p
		}
	}
	return 0, false
}

// wanted is a key that is looked for: its prefix and its index.
type wanted struct {
	prefix uint64
	index  int
}

// sortWanted returns the keys in their order.
func sortWanted(keys []Key) []wanted {
	ws := make([]wanted, len(keys))
	for i := range keys {
		ws[i] = wanted{keys[i].prefix(), i}
	}
	slices.SortFunc(ws, func(a, b wanted) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return keys[a.index].Compare(keys[b.index])
	})
	return ws
}

// join calls found for every key of ws, which is sorted, that the segment
// has, with the key's index and row, rows ascending. It gallops through
// whichever of the two is ahead, so its time is that of the shorter list
// times the logarithm of the ratio.
func (g *segment) join(keys []Key, ws []wanted, found func(index, row int)) {
	w, i := 0, 0
	for w < len(ws) && i < g.rows {
		a, b := ws[w].prefix, g.prefix(i)
		switch {
		case a < b:
			w = gallop(w, len(ws), func(j int) bool { return ws[j].prefix < b })
		case a > b:
			i = gallop(i, g.rows, func(j int) bool { return g.prefix(j) < a })
		default:
			switch c := bytes.Compare(keys[ws[w].index][:], g.key(i)); {
			case c < 0:
				w++
			case c > 0:
				i++
			default:
				found(ws[w].index, i)
				w++ // the same key may be wanted again
			}
		}
	}
}

// gallop returns the first of lo+1…n for which less is false, given that it
// holds for lo and for a prefix of the rest (Bentley and Yao, An almost
// optimal algorithm for unbounded searching, 1976).
func gallop(lo, n int, less func(int) bool) int {
	step := 1
	for lo+step < n && less(lo+step) {
		lo += step
		step *= 2
	}
	hi := min(lo+step, n) // less(lo), and not less(hi) or hi == n
	for lo+1 < hi {
		if m := int(uint(lo+hi) / 2); less(m) {
			lo = m
		} else {
			hi = m
		}
	}
	return hi
}
