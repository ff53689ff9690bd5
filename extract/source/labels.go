package source

import (
	"bytes"
	"encoding/json"
	"slices"
)

// MaxLabels is how many labels a sample may have.
const MaxLabels = 1024

// labelSet is the labels of a sample, each once, in the order in which they
// came.
type labelSet struct {
	labels []string
	seen   map[string]struct{} // nil as long as there are few
}

// add adds a label, unless it is there.
func (s *labelSet) add(label string) {
	const few = 16 // as fast to look through as a map
	if s.seen == nil && len(s.labels) < few {
		if !slices.Contains(s.labels, label) {
			s.labels = append(s.labels, label)
		}
		return
	}
	if s.seen == nil {
		s.seen = make(map[string]struct{})
		for _, l := range s.labels {
			s.seen[l] = struct{}{}
		}
	}
	if _, there := s.seen[label]; !there {
		s.labels = append(s.labels, label)
		s.seen[label] = struct{}{}
	}
}

// labelsOf returns the labels, in that column, of a sample that may have
// several: those of a list, of a JSON list of texts ("[…]"), or what stands
// between semicolons, each once, in the order in which they are there. Spaces
// around what stands between semicolons are dropped, and so is what is empty.
// It returns nil for an empty cell, which says nothing, and no labels for an
// empty list.
func (t *table) labelsOf(c *cell, column string) ([]string, error) {
	set := labelSet{labels: []string{}}
	add := func(label []byte) error {
		if err := t.nameable(label, column); err != nil {
			return err
		}
		if set.add(t.words.internBytes(label)); len(set.labels) > MaxLabels {
			return reasonOf(KindValue, "more than %d labels in column %q, the limit", MaxLabels, column)
		}
		return nil
	}
	switch {
	case c.empty():
		return nil, nil
	case c.kind == listCell:
		for _, label := range c.list {
			if label == "" {
				return nil, reasonOf(KindValue, "an empty label in the list in column %q", column)
			}
			if err := add([]byte(label)); err != nil {
				return nil, err
			}
		}
		return set.labels, nil
	case c.kind != textCell:
		return nil, reasonOf(KindValue, "%s in column %q, where labels are wanted", c.what(), column)
	}
	if text := bytes.TrimSpace(c.text); len(text) > 0 && text[0] == '[' {
		var list []string
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, reasonOf(KindValue, "%.60q in column %q begins like a JSON list of labels and is none: %v", text, column, err)
		}
		return t.labelsOf(&cell{kind: listCell, list: list}, column)
	}
	for label := range bytes.SplitSeq(c.text, []byte(";")) {
		if label = bytes.TrimSpace(label); len(label) == 0 {
			continue
		}
		if err := add(label); err != nil {
			return nil, err
		}
	}
	return set.labels, nil
}
