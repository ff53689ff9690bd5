package features

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/cache"
)

// CheckSpaces compares the spaces that a head was fitted on with those of the
// sets it is to be used on, in column order. A *SpaceError names the field
// that differs.
func CheckSpaces(want []json.RawMessage, got ...*Set) error {
	var all []json.RawMessage
	for _, s := range got {
		all = append(all, s.Meta.Spaces...)
	}
	return compareSpaces(want, all)
}

// SpaceError says that features live in another space than they should.
type SpaceError struct {
	Index int    // which space, from 0, in column order
	Field string // of its identity, "prep.alpha"; or "number", "order" of the spaces
	Want  string
	Got   string
	More  int // further fields of this space that differ
}

func (e *SpaceError) Error() string {
	switch e.Field {
	case "number":
		return fmt.Sprintf("features: they have %s spaces, where %s are needed", e.Got, e.Want)
	case "order":
		return "features: their spaces are the right ones in another order; give the feature sets in the order in which the head was trained on them"
	}
	more := ""
	if e.More > 0 {
		more = fmt.Sprintf(" (and %d more fields differ)", e.More)
	}
	return fmt.Sprintf("features: they live in another space: %s is %s, where %s is needed%s", e.Field, shown(e.Got), shown(e.Want), more)
}

// compareSpaces returns nil if the spaces are the same, and else a
// *SpaceError.
func compareSpaces(want, got []json.RawMessage) error {
	parse := func(texts []json.RawMessage) ([]*cache.Space, []string, error) {
		spaces, err := (&Meta{Spaces: texts}).spaces()
		fingerprints := make([]string, len(spaces))
		for i, s := range spaces {
			fingerprints[i] = s.Fingerprint()
		}
		return spaces, fingerprints, err
	}
	ws, wf, err := parse(want)
	if err != nil {
		return fmt.Errorf("features: the spaces that are needed: %w", err)
	}
	gs, gf, err := parse(got)
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	if len(ws) != len(gs) {
		return &SpaceError{Field: "number", Want: strconv.Itoa(len(ws)), Got: strconv.Itoa(len(gs))}
	}
	if slices.Equal(wf, gf) {
		return nil
	}
	if slices.Equal(slices.Sorted(slices.Values(wf)), slices.Sorted(slices.Values(gf))) {
		return &SpaceError{Field: "order", Want: fmt.Sprint(ws), Got: fmt.Sprint(gs)}
	}
	for i, w := range ws {
		differences := w.Diff(gs[i])
		if len(differences) == 0 {
			continue
		}
		// Another model differs in much else; that it is another says it all.
		d := differences[0]
		if at := slices.IndexFunc(differences, func(d cache.Difference) bool { return strings.HasPrefix(d.Field, "model.") }); at >= 0 {
			d = differences[at]
		}
		return &SpaceError{Index: i, Field: d.Field, Want: d.A, Got: d.B, More: len(differences) - 1}
	}
	return nil
}

// words joins paths for a message.
func words(paths []string) string { return strings.Join(paths, " ") }
