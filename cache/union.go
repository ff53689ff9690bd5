package cache

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// union is rows of several segments of one space as one list.
type union struct {
	segments []*segment // in the order of their names
	order    []unionRow
}

// unionRow is a row of a union: the prefix of its key, and its place.
type unionRow struct {
	prefix       uint64
	segment, row uint32
}

var _ rowList = union{}

func (u union) len() int { return len(u.order) }

func (u union) at(i int) (*segment, int) {
	return u.segments[u.order[i].segment], int(u.order[i].row)
}

func (u union) key(i int) []byte {
	g, row := u.at(i)
	return g.key(row)
}

func (u union) crc(i int) []byte {
	g, row := u.at(i)
	return g.crcs[4*row : 4*row+4]
}

func (u union) values(i int) []byte {
	g, row := u.at(i)
	return g.row(row)
}

// part sets u to the rows of part p of 2^k: those whose keys begin with the k
// bits of p. Of each key it keeps the row that a Reader serves, the first whose
// checksum is right, and counts the others.
func (u *union) part(p uint64, k int) (duplicates int64, damaged []Problem) {
	u.order = u.order[:0]
	for i, g := range u.segments {
		from, to := 0, g.rows
		if k > 0 {
			lo := p << (64 - k)
			from = g.search(lo)
			if hi := lo + 1<<(64-k); hi != 0 { // else it is the last part
				to = g.search(hi)
			}
		}
		for row := from; row < to; row++ {
			u.order = append(u.order, unionRow{g.prefix(row), uint32(i), uint32(row)})
		}
	}
	slices.SortFunc(u.order, func(a, b unionRow) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Or(bytes.Compare(u.segments[a.segment].key(int(a.row)), u.segments[b.segment].key(int(b.row))),
			cmp.Compare(a.segment, b.segment))
	})
	kept := u.order[:0]
	for _, r := range u.order {
		g := u.segments[r.segment]
		if n := len(kept); n > 0 && kept[n-1].prefix == r.prefix {
			last := u.segments[kept[n-1].segment]
			if bytes.Equal(last.key(int(kept[n-1].row)), g.key(int(r.row))) {
				duplicates++
				continue
			}
		}
		if !g.valid(int(r.row)) {
			damaged = append(damaged, g.problem(int(r.row)))
			continue
		}
		kept = append(kept, r)
	}
	u.order = kept
	return duplicates, damaged
}

// search returns the first row whose key's prefix is at least prefix.
func (g *segment) search(prefix uint64) int {
	return sort.Search(g.rows, func(i int) bool { return g.prefix(i) >= prefix })
}
