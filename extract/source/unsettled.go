package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UnsettledError says that a source can be read in more than one way, so that
// Options have to say in which.
type UnsettledError struct {
	Source  string   // as it was given
	Reason  string   // why it is not known
	Formats []string // the formats that it may have; nil: that is known
	Columns []string // the columns that may hold the samples; nil: that is known

	NoHeader bool // the columns are numbers, since the table has no header
	Arrays   bool // the columns are arrays of numbers
}

// OptionError says that an option cannot be what it is.
type OptionError struct {
	Option string // "encoding", "delimiter"
	Value  string // what was given
	Reason string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("source: %s %q: %s", e.Option, e.Value, e.Reason)
}

func (e *UnsettledError) Error() string {
	s := e.Reason
	if e.Source != "" {
		s = fmt.Sprintf("source: %s: %s", e.Source, s)
	}
	return s
}

// listRecord lists the first record of a table without a header, for messages:
// number and content of its columns.
func listRecord(fields [][]byte) string {
	const most = 20
	shown := make([]string, 0, most)
	for i, f := range fields[:min(len(fields), most)] {
		if len(f) > 60 {
			f = append(slices.Clone(f[:60]), "…"...)
		}
		shown = append(shown, fmt.Sprintf("%d %q", i+1, f))
	}
	s := "its first record is " + strings.Join(shown, ", ")
	if more := len(fields) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// listColumns lists columns, for messages.
func listColumns(header []string) string {
	const most = 20
	shown := make([]string, 0, most)
	for _, c := range header[:min(len(header), most)] {
		if len(c) > 60 {
			c = c[:60] + "…"
		}
		shown = append(shown, strconv.Quote(c))
	}
	s := "its columns are " + strings.Join(shown, ", ")
	if len(header) == 1 {
		s = "its one column is " + shown[0]
		if strings.ContainsAny(header[0], ";|\t") {
			s += ", so commas do not seem to be what separates columns"
		}
	}
	if more := len(header) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
