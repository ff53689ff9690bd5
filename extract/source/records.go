package source

import (
	"context"
	"encoding/json"
)

// records reads a table record by record: what a format of tables implements.
// openTable makes samples of them, the same way for all formats.
type records interface {
	// columns names the columns. Of a format without a header, as JSON lines,
	// they are the keys of the first records.
	columns() []string

	// choose says, once and before the first next, which columns are looked
	// at, by their indices in columns, each once. The others need not be read.
	choose(columns []int)

	// next returns the next record, valid until the next call, and io.EOF
	// after the last. An error ends the reading; what is wrong with one record
	// only is its bad.
	next() (*record, error)

	// count returns how many records there are in all, unknown if it would have
	// to read what next reads, or ctx ends. It may be called beside next.
	count(ctx context.Context) int

	close() error
}

// record is a row of a table.
type record struct {
	n     int    // its number, from 1
	line  int    // where it begins in the file, from 1; 0: the format has no lines
	bad   error  // why it cannot be read, nil if it can; it is a bad sample then, and cells are not looked at
	id    string // of a member of an archive: what its id is by default; else ""
	path  string // of such a member: where it stands
	cells []cell // those of the columns that choose named, in that order
}

// cell is a value of a record.
type cell struct {
	kind cellKind
	text []byte   // of a textCell: numbers and booleans as the file writes them; of an otherCell: JSON; of a fileCell: the content, nil if it is at path
	list []string // of a listCell
	path string   // of a fileCell: where it is or was, "" if that is not said

	bytes   bool    // of a textCell: bytes that are not said to be a text, so that they may be an image
	content content // of a fileCell in an archive: where its bytes are, instead of text
}

// picky is records that cannot read every column.
type picky interface {
	// readable says which of columns cannot be read, and why. It is asked
	// before choose.
	readable(columns []int) error
}

// arrays is records of arrays of numbers.
type arrays interface {
	// rows returns the column whose rows are the samples: at if it can be one,
	// or, if at is -1, the one that is meant where nobody says it.
	rows(at int) (int, error)
	// other returns the column that has a role under another name, as y has
	// that of label.
	other(role string) (int, error)
}

// cellKind says what a cell holds.
type cellKind uint8

const (
	nullCell  cellKind = iota // nothing; an empty text counts as nothing too
	textCell                  // a text, a number, a boolean
	listCell                  // texts: labels
	fileCell                  // a file: its content, or its path
	otherCell                 // an object, or a list of what is no text: no value of a sample
)

// empty says whether the cell holds nothing.
func (c *cell) empty() bool {
	return c.kind == nullCell || c.kind == textCell && len(c.text) == 0
}

// what names what the cell holds, for messages.
func (c *cell) what() string {
	switch c.kind {
	case listCell:
		return "a list"
	case fileCell:
		return "a file"
	case otherCell:
		return "an object"
	}
	return "a text"
}

// String returns what the cell holds as a text: "" for nothing, JSON for a
// list, the path of a file.
func (c *cell) String() string {
	switch c.kind {
	case textCell, otherCell:
		return string(c.text)
	case listCell:
		list, _ := json.Marshal(c.list) // which fails for no strings
		return string(list)
	case fileCell:
		return c.path
	}
	return ""
}
