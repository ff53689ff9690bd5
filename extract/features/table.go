package features

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/cache"
)

// Table is the rows of one or several feature sets of the same samples, joined
// by id. Row order, ids and keys are those of the first set. The slices are
// parallel; a column without a single value is nil.
type Table struct {
	IDs     []string
	Keys    []cache.Key
	Labels  []string  // "" is null
	Splits  []string  // "" is null
	Groups  []string  // "" is null
	Weights []float64 // NaN is null

	// LabelLists are the labels of sets whose samples have several, see
	// Set.LabelLists.
	LabelLists [][]string

	Spaces    []*cache.Space // of all columns, in column order
	Unmatched int            // ids that some set lacks; their rows are left out

	parts []part
}

// part is what a table has from one set.
type part struct {
	name   string
	meta   *Meta
	spaces []*cache.Space
	keys   []cache.Key // as many as the table has rows
}

// N returns the number of rows.
func (t *Table) N() int { return len(t.IDs) }

// Join joins sets by id and puts their features beside each other, in the
// order given. Names says what messages call each set: its path. A sample that
// some set lacks is left out and counted as unmatched; over 1 % is an error.
// Label, split, group and weight must agree between sets or be null in one.
// The table shares memory with the sets.
func Join(sets []*Set, names []string) (*Table, error) {
	if len(sets) == 0 || len(sets) != len(names) {
		return nil, fmt.Errorf("features: %d sets and %d names to join", len(sets), len(names))
	}
	t := &Table{}
	for i, s := range sets {
		spaces, err := s.Meta.spaces()
		if err == nil {
			err = s.check()
		}
		if err == nil && s.N() == 0 {
			err = errors.New("no rows")
		}
		if err == nil && s.Views != nil {
			err = errors.New("rows of augmented views, which this version does not read")
		}
		if err != nil {
			return nil, fmt.Errorf("features: %s: %w", names[i], err)
		}
		t.Spaces = append(t.Spaces, spaces...)
		t.parts = append(t.parts, part{name: names[i], meta: &s.Meta, spaces: spaces, keys: s.Keys})
	}
	first := sets[0]
	t.IDs, t.Keys = first.IDs, first.Keys
	t.Labels, t.Splits, t.Groups, t.Weights = first.Labels, first.Splits, first.Groups, first.Weights
	t.LabelLists = first.LabelLists
	if len(sets) == 1 {
		return t, nil
	}
	m, err := match(sets, names)
	if err != nil {
		return nil, err
	}
	if t.Unmatched = m.union - len(m.rows[0]); t.Unmatched*100 > m.union {
		return nil, t.unmatched(m, sets)
	}
	t.IDs = pick(first.IDs, m.rows[0])
	for i := range t.parts {
		t.parts[i].keys = pick(t.parts[i].keys, m.rows[i])
	}
	t.Keys = t.parts[0].keys
	for _, c := range []struct {
		name string
		of   func(*Set) []string
		to   *[]string
	}{
		{"label", func(s *Set) []string { return s.Labels }, &t.Labels},
		{"split", func(s *Set) []string { return s.Splits }, &t.Splits},
		{"group", func(s *Set) []string { return s.Groups }, &t.Groups},
	} {
		columns := make([][]string, len(sets))
		for i, s := range sets {
			columns[i] = c.of(s)
		}
		j := &agreement[string]{m, t.IDs, names, c.name, func(s string) bool { return s == "" }, func(a, b string) bool { return a == b }, strconv.Quote}
		if *c.to, err = j.agree(columns); err != nil {
			return nil, err
		}
	}
	lists, weights := make([][][]string, len(sets)), make([][]float64, len(sets))
	for i, s := range sets {
		lists[i], weights[i] = s.LabelLists, s.Weights
	}
	several := &agreement[[]string]{m, t.IDs, names, "label", func(l []string) bool { return l == nil }, sameLabels, func(l []string) string { return strconv.Quote(JoinLabels(l)) }}
	if t.LabelLists, err = several.agree(lists); err != nil {
		return nil, err
	}
	if t.Labels != nil && t.LabelLists != nil {
		one := slices.IndexFunc(sets, func(s *Set) bool { return s.Labels != nil })
		more := slices.IndexFunc(sets, func(s *Set) bool { return s.LabelLists != nil })
		return nil, fmt.Errorf("features: %s has one label a sample and %s several; they do not agree", names[one], names[more])
	}
	weight := &agreement[float64]{m, t.IDs, names, "weight", math.IsNaN, func(a, b float64) bool { return a == b }, func(w float64) string { return fmt.Sprint(w) }}
	t.Weights, err = weight.agree(weights)
	return t, err
}

// matching says which rows of several sets are of one sample.
type matching struct {
	rows  [][]int32 // by set, then by row of the table: the set's row
	union int       // distinct ids in all sets
	lone  string    // an id that not all sets have
}

// match finds the ids that all sets have, in the order of the first set.
func match(sets []*Set, names []string) (*matching, error) {
	first := sets[0]
	if first.N() > math.MaxInt32 {
		return nil, fmt.Errorf("features: %s: %d rows, over the limit of a join", names[0], first.N())
	}
	twice := func(set int, id string) error {
		return fmt.Errorf("features: %s: id %q is there twice", names[set], id)
	}
	index := make(map[string]int32, first.N())
	for i, id := range first.IDs {
		if _, ok := index[id]; ok {
			return nil, twice(0, id)
		}
		index[id] = int32(i)
	}
	// place[j][i] is the row of set j+1 that has the id of row i of the first
	// set, plus one; extra are the ids that the first set lacks, with the last
	// set that has them.
	place := make([][]int32, len(sets)-1)
	extra := make(map[string]int)
	m := &matching{rows: make([][]int32, len(sets))}
	for j, s := range sets[1:] {
		place[j] = make([]int32, first.N())
		for k, id := range s.IDs {
			if i, ok := index[id]; ok {
				if place[j][i] != 0 {
					return nil, twice(j+1, id)
				}
				place[j][i] = int32(k) + 1
				continue
			}
			if extra[id] == j+1 {
				return nil, twice(j+1, id)
			}
			extra[id] = j + 1
			if m.lone == "" {
				m.lone = id
			}
		}
	}
	m.union = first.N() + len(extra)
rows:
	for i, id := range first.IDs {
		for j := range place {
			if place[j][i] == 0 {
				if m.lone == "" {
					m.lone = id
				}
				continue rows
			}
		}
		m.rows[0] = append(m.rows[0], int32(i))
		for j := range place {
			m.rows[j+1] = append(m.rows[j+1], place[j][i]-1)
		}
	}
	return m, nil
}

// unmatched says that too many ids are not in all sets.
func (t *Table) unmatched(m *matching, sets []*Set) error {
	for j, b := range t.parts {
		for i, a := range t.parts[:j] {
			if sameSpace(a.spaces, b.spaces) && disjoint(sets[i], sets[j]) {
				both := *a.meta
				both.Source = slices.Concat(a.meta.Source, b.meta.Source)
				return fmt.Errorf("features: %s and %s: sets of one space without a common id; extract both sources into one set: %s",
					a.name, b.name, both.Command(""))
			}
		}
	}
	var counts []string
	for _, p := range t.parts {
		counts = append(counts, fmt.Sprintf("%s has %d", p.name, len(p.keys)))
	}
	return fmt.Errorf("features: %d of %d ids are not in all sets (%s), such as %q; over 1 %% is too many", m.union-len(m.rows[0]), m.union, strings.Join(counts, ", "), m.lone)
}

// sameSpace says whether two sets have a space in common.
func sameSpace(a, b []*cache.Space) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Fingerprint() == y.Fingerprint() {
				return true
			}
		}
	}
	return false
}

// disjoint says whether two sets have no id in common.
func disjoint(a, b *Set) bool {
	ids := make(map[string]struct{}, a.N())
	for _, id := range a.IDs {
		ids[id] = struct{}{}
	}
	for _, id := range b.IDs {
		if _, ok := ids[id]; ok {
			return false
		}
	}
	return true
}

// pick returns the given rows of a column, or the column itself if that is
// all of them.
func pick[T any](column []T, rows []int32) []T {
	if column == nil || inOrder(rows, len(column)) {
		return column
	}
	picked := make([]T, len(rows))
	for i, row := range rows {
		picked[i] = column[row]
	}
	return picked
}

func inOrder(rows []int32, n int) bool {
	for i, row := range rows {
		if int(row) != i {
			return false
		}
	}
	return len(rows) == n
}

// agreement is how a column of several sets becomes one.
type agreement[T any] struct {
	*matching
	ids, names []string // of rows, and of sets
	column     string
	null       func(T) bool
	same       func(a, b T) bool
	shown      func(T) string // in a message
}

// agree joins a column of several sets, any of which may lack it: it takes of
// each row the value that is not null. Columns are overwritten.
func (a *agreement[T]) agree(columns [][]T) ([]T, error) {
	var joined []T
	own := false // joined is no set's column
	for set := range columns {
		columns[set] = pick(columns[set], a.rows[set])
		if columns[set] == nil {
			continue
		}
		if joined == nil {
			joined = columns[set]
			continue
		}
		for i, v := range columns[set] {
			switch {
			case a.null(v) || a.same(v, joined[i]) && !a.null(joined[i]):
			case a.null(joined[i]):
				if !own {
					joined, own = slices.Clone(joined), true
				}
				joined[i] = v
			default:
				before := slices.IndexFunc(columns, func(c []T) bool { return c != nil && !a.null(c[i]) })
				return nil, fmt.Errorf("features: id %q: its %s is %s in %s and %s in %s", a.ids[i], a.column, a.shown(joined[i]), a.names[before], a.shown(v), a.names[set])
			}
		}
	}
	return joined, nil
}
