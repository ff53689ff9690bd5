package source

import "crypto/sha256"

// idSet remembers which ids were there and where, in 24 bytes an id: half a
// SHA-256 stands for the id. Two of 10⁷ different ids have the same half with
// a probability of 10⁻²⁵.
type idSet struct {
	seen map[[16]byte]place
}

// place is where a sample came from: the source's index and, in a table, the
// record.
type place uint64

const recordBits = 40

func placeOf(part, record int) place { return place(part)<<recordBits | place(record) }

func (p place) part() int   { return int(p >> recordBits) }
func (p place) record() int { return int(p & (1<<recordBits - 1)) }

// add remembers id, or says where it was before.
func (s *idSet) add(id string, at place) (before place, twice bool) {
	digest := sha256.Sum256([]byte(id))
	key := [16]byte(digest[:16])
	if before, twice = s.seen[key]; twice {
		return before, true
	}
	if s.seen == nil {
		s.seen = make(map[[16]byte]place)
	}
	s.seen[key] = at
	return 0, false
}
