package source

import "crypto/sha256"

// idSet remembers which ids were there, and each one's number in their order:
// 16 bytes an id. 96 bits of its SHA-256 stand for the id, so that two of 10⁷
// different ids are taken for one with a probability of 10⁻¹⁵.
type idSet struct {
	seen map[[12]byte]uint32
}

// add remembers the n-th id (from 0), or says which one it was before.
func (s *idSet) add(id string, n int) (before int, twice bool) {
	digest := sha256.Sum256([]byte(id))
	key := [12]byte(digest[:])
	if before, twice := s.seen[key]; twice {
		return int(before), true
	}
	if s.seen == nil {
		s.seen = make(map[[12]byte]uint32)
	}
	s.seen[key] = uint32(n)
	return 0, false
}
