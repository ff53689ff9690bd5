package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models"
)

// rivalTokens is how many tokens a text is taken to have where the work of
// backbones is compared.
const rivalTokens = 32

// Rival is one of several ways to turn samples into features: one feature set,
// or several beside each other.
type Rival struct {
	Name string
	// Sets are the places of its sets among those that were joined.
	Sets []int
	// Specs are the backbones of the sets, see contract.Recall, whose work is
	// what the rival costs. nil: it is not known.
	Specs []*models.Spec
}

// SameSpacesError says that two rivals have the same features.
type SameSpacesError struct{ One, Other string }

func (e *SameSpacesError) Error() string {
	return fmt.Sprintf("transfer: %s and %s are in the same space, so that their features are the same", e.One, e.Other)
}

// CompareSets compares feature sets of the same samples as study.CompareAgainst
// does. j has all of them, joined by id. Samples are in one fold that have
// equal content in any set. Errors: a *SameSpacesError, a
// *features.SeveralError, and those of study.CompareAgainst.
func CompareSets(ctx context.Context, j *features.Joined, rivals []Rival, s *study.AgainstSettings) (*study.Against, error) {
	if err := j.Table.OneLabel(); err != nil {
		return nil, err
	}
	var candidates []study.Candidate
	for k, r := range rivals {
		for _, other := range rivals[:k] {
			if slices.EqualFunc(spacesOf(j, r.Sets), spacesOf(j, other.Sets), func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
				return nil, &SameSpacesError{other.Name, r.Name}
			}
		}
		c := study.Candidate{Name: r.Name, Rows: j.Part(r.Sets...)}
		known := len(r.Specs) > 0
		for _, spec := range r.Specs {
			w, err := spec.Work(rivalTokens)
			if err != nil {
				return nil, err
			}
			c.MultiplyAdds += w.MultiplyAdds
			c.Parameters += w.Parameters
			known = known && w.MultiplyAdds > 0
		}
		if !known {
			c.MultiplyAdds = 0
		}
		candidates = append(candidates, c)
	}
	d := DataOf(j)
	d.Keys = together(j)
	return study.CompareAgainst(ctx, d, candidates, s)
}

// spacesOf lists the spaces of sets, in an order that does not depend on
// theirs.
func spacesOf(j *features.Joined, sets []int) []json.RawMessage {
	var all []json.RawMessage
	for _, set := range sets {
		all = append(all, j.Sets[set].Meta.Spaces...)
	}
	slices.SortFunc(all, func(a, b json.RawMessage) int { return bytes.Compare(a, b) })
	return all
}

// together returns keys that are equal where rows are connected by equal
// content in any of the sets: the digest of the first of these rows' keys in
// all sets.
func together(j *features.Joined) [][32]byte {
	n := j.Table.N()
	parent := make([]int, n)
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	digests := make([][]byte, n)
	for set := range j.Sets {
		first := make(map[[32]byte]int, n)
		for i, k := range j.KeysOf(set) {
			digests[i] = append(digests[i], k[:]...)
			if before, ok := first[k]; ok {
				a, b := find(before), find(i)
				parent[max(a, b)] = min(a, b)
			} else {
				first[k] = i
			}
		}
	}
	keys := make([][32]byte, n)
	for i := range keys {
		keys[i] = sha256.Sum256(digests[find(i)])
	}
	return keys
}
