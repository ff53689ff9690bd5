package features

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/cache"
)

// Set is a feature set of n rows. The slices are parallel and of length n; a
// column without a single value is nil.
type Set struct {
	Meta    Meta
	IDs     []string
	Keys    []cache.Key
	Labels  []string  // "" is null
	Splits  []string  // "" is null, else "train", "validation" or "test"
	Groups  []string  // "" is null
	Weights []float64 // NaN is null, else finite and ≥ 0
	Views   []int32   // nil: all 0

	// LabelLists are the labels of a set with Meta.MultiLabel, which has no
	// Labels: nil is null, an empty list is a sample that has none. Rows may
	// share a list.
	LabelLists [][]string
}

// N returns the number of rows.
func (s *Set) N() int { return len(s.IDs) }

// Row is one row of a feature set.
type Row struct {
	ID       string
	Key      cache.Key
	Label    string   // "" is null
	Labels   []string // of a set with Meta.MultiLabel, each once; nil is null
	Split    string   // "" is null, else "train", "validation" or "test"
	Group    string   // "" is null
	Weight   float64
	Weighted bool // else the weight is null
	View     int32
}

// row returns row i.
func (s *Set) row(i int) Row {
	at := func(column []string) string {
		if column == nil {
			return ""
		}
		return column[i]
	}
	r := Row{ID: s.IDs[i], Key: s.Keys[i], Label: at(s.Labels), Split: at(s.Splits), Group: at(s.Groups)}
	if s.LabelLists != nil {
		r.Labels = s.LabelLists[i]
	}
	if s.Weights != nil && !math.IsNaN(s.Weights[i]) {
		r.Weight, r.Weighted = s.Weights[i], true
	}
	if s.Views != nil {
		r.View = s.Views[i]
	}
	return r
}

// check says if a column has another length than n.
func (s *Set) check() error {
	n := s.N()
	for _, c := range []struct {
		name   string
		length int
		absent bool
	}{
		{"key", len(s.Keys), false}, {"label", len(s.Labels), s.Labels == nil}, {"label", len(s.LabelLists), s.LabelLists == nil}, {"split", len(s.Splits), s.Splits == nil},
		{"group", len(s.Groups), s.Groups == nil}, {"weight", len(s.Weights), s.Weights == nil}, {"view", len(s.Views), s.Views == nil},
	} {
		if !c.absent && c.length != n {
			return fmt.Errorf("%d ids and %d values in column %s", n, c.length, c.name)
		}
	}
	switch several := s.Meta.MultiLabel; {
	case several && s.Labels != nil:
		return errors.New("one label a sample in a set of several")
	case !several && s.LabelLists != nil:
		return errors.New("several labels a sample in a set of one")
	}
	return nil
}

// maxString is how long an id, a label or a group may be, in bytes: as long as
// a path.
const maxString = 4096

func checkString(column, s string) error {
	if len(s) > maxString {
		return fmt.Errorf("%s %q…: %d bytes, over the limit of %d", column, s[:40], len(s), maxString)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s %q: not UTF-8", column, s)
	}
	return nil
}

func checkID(id string) error {
	if id == "" {
		return fmt.Errorf("an empty id")
	}
	return checkString("id", id)
}

func checkSplit(split string) error {
	switch split {
	case "", "train", "validation", "test":
		return nil
	}
	return fmt.Errorf("split %q: it must be train, validation or test", split)
}

func checkWeight(w float64) error {
	if w >= 0 && !math.IsInf(w, 1) {
		return nil
	}
	return fmt.Errorf("weight %v: it must be finite and not negative", w)
}

func checkView(view int32) error {
	if view < 0 {
		return fmt.Errorf("view %d: it must not be negative", view)
	}
	return nil
}

// check says what is wrong with a row of a set whose samples have several
// labels or one.
func (r *Row) check(several bool) error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if err := checkString("label", r.Label); err != nil {
		return err
	}
	switch {
	case several && r.Label != "":
		return fmt.Errorf("label %q alone, in a set of several labels a sample", r.Label)
	case !several && r.Labels != nil:
		return fmt.Errorf("labels %q, in a set of one label a sample", JoinLabels(r.Labels))
	}
	if err := checkLabels(r.Labels); err != nil {
		return err
	}
	if err := checkSplit(r.Split); err != nil {
		return err
	}
	if err := checkString("group", r.Group); err != nil {
		return err
	}
	if r.Weighted {
		if err := checkWeight(r.Weight); err != nil {
			return err
		}
	}
	return checkView(r.View)
}
