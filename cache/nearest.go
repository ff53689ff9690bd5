package cache

import "strings"

// Nearest returns the index of the space among others that tells most about
// why keys have no row in s, or -1 if there is none but s itself. held[i] is
// how many of those keys others[i] has a row for.
//
// Spaces that hold about as many of the keys as the one that holds most, at
// least half as many, are equally good; of those the one that differs from s
// in the fewest fields is the nearest. Another model is farther away than any
// number of other fields, since much else differs with it. Where that is
// equal, more keys win, then the lesser fingerprint. It panics if len(held) is
// not len(others).
func (s *Space) Nearest(others []*Space, held []int) int {
	if len(held) != len(others) {
		panic("cache: Nearest: len(held) != len(others)")
	}
	most := 0
	for i, o := range others {
		if o.digest != s.digest {
			most = max(most, held[i])
		}
	}
	best, least := -1, 0
	for i, o := range others {
		if o.digest == s.digest || 2*held[i] < most {
			continue
		}
		d := s.distance(o)
		if best < 0 || d < least || d == least &&
			(held[i] > held[best] || held[i] == held[best] && o.Fingerprint() < others[best].Fingerprint()) {
			best, least = i, d
		}
	}
	return best
}

// distance is how many fields of the identities differ, those of the model
// together counting as more than all others can.
func (s *Space) distance(o *Space) int {
	const model = maxSpaceJSON // no identity has as many fields as bytes
	d, sameModel := 0, true
	for _, f := range s.Diff(o) {
		if strings.HasPrefix(f.Field, "model.") {
			sameModel = false
		} else {
			d++
		}
	}
	if !sameModel {
		d += model
	}
	return d
}
