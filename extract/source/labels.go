package source

import (
	"bytes"
	"encoding/json"
	"slices"
)

// labelsOf returns the labels, in that column, of a sample that may have
// several: those of a list, of a JSON list of texts ("[…]"), or what stands
// between semicolons, each once, in the order in which they are there. Spaces
// around what stands between semicolons are dropped, and so is what is empty.
// It returns nil for an empty cell, which says nothing, and no labels for an
// empty list.
func (t *table) labelsOf(c *cell, column string) ([]string, error) {
	labels := []string{}
	add := func(label []byte) error {
		if err := t.nameable(label, column); err != nil {
			return err
		}
		if word := t.words.internBytes(label); !slices.Contains(labels, word) {
			labels = append(labels, word)
		}
		return nil
	}
	switch {
	case c.empty():
		return nil, nil
	case c.kind == listCell:
		for _, label := range c.list {
			if err := add([]byte(label)); err != nil {
				return nil, err
			}
		}
		return labels, nil
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
	return labels, nil
}
