package features

import (
	"encoding/json"

	"github.com/headstart-ml/headstart/cache"
)

// Table is the rows of one or several feature sets of the same samples, joined
// by id. Row order, ids and keys are those of the first set.
type Table struct {
	IDs     []string
	Keys    []cache.Key
	Labels  []string // as in Set
	Splits  []string
	Groups  []string
	Weights []float64

	Spaces    []*cache.Space // of all columns, in column order
	Unmatched int            // ids that some set lacks; their rows are left out
}

// Join joins sets by id and puts their features beside each other, in the
// order given. Names says what messages call each set: its path. A sample that
// some set lacks is left out and counted as unmatched; over 1 % is an error.
// Label, split, group and weight must agree between sets or be null in one.
func Join(sets []*Set, names []string) (*Table, error) { panic("features: Join") }

// N returns the number of rows.
func (t *Table) N() int { return len(t.IDs) }

// Matrix finds the rows of t in c. A *MissingError says that c lacks some.
func (t *Table) Matrix(c *cache.Cache) (*Matrix, error) { panic("features: Matrix") }

// CheckSpaces compares the spaces that a head was fitted on with those of the
// sets it is to be used on, in column order. A *SpaceError names the field
// that differs.
func CheckSpaces(want []json.RawMessage, got ...*Set) error { panic("features: CheckSpaces") }

// SpaceError says that features live in another space than they should.
type SpaceError struct {
	Index int    // which space, from 0, in column order
	Field string // "prep.alpha"; "" if the number of spaces differs
	Want  string
	Got   string
}

func (e *SpaceError) Error() string { panic("features: SpaceError") }

// MissingError says that a cache lacks rows.
type MissingError struct {
	Space    string // fingerprint
	Backbone string
	Missing  int
	Total    int
	Waiting  int    // journals of writers with rows that are not sealed yet
	Command  string // what fills the cache
}

func (e *MissingError) Error() string { panic("features: MissingError") }
