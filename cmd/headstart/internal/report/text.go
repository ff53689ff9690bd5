package report

import (
	"io"
	"time"

	"github.com/headstart-ml/headstart/head"
)

// Style says how tables are printed. nil means the defaults.
type Style struct {
	// Color marks headings and what counts most with escape sequences of a terminal.
	Color bool
	// Classes is the greatest number of classes of which each is printed. Of more,
	// those with the lowest F1 are, and it is said. The default 0 means 50.
	Classes int
}

// Column is a column of a Table.
type Column struct {
	Name  string
	Right bool // aligned to the right, for numbers
}

// Table is a table of text with aligned columns.
type Table struct {
	Columns []Column
	Rows    [][]string // each as long as Columns
}

// TableTo writes t to w.
func TableTo(w io.Writer, t *Table, s *Style) error { return nil }

// SummaryTo writes all that is known of a head: sizes, choice, metrics with their
// intervals beside the majority class, calibration, a line a class. took is how
// long training took; 0: not said.
func SummaryTo(w io.Writer, h *Head, took time.Duration, s *Style) error { return nil }

// MetricsTo writes metrics under a heading, with a line a class.
func MetricsTo(w io.Writer, heading string, m *head.Metrics, s *Style) error { return nil }

// ComparisonTo writes one table with a line a head.
func ComparisonTo(w io.Writer, heads []*Head, s *Style) error { return nil }
