package report

import (
	"io"
	"strings"
)

// Style says how tables are printed. nil means the defaults.
type Style struct {
	// Heading returns a heading as it is printed, such as with the escape
	// sequences of a terminal. The default nil is as it is.
	Heading func(text string) string
	// Classes is the greatest number of classes of which each is printed. Of
	// more, those with the lowest F1 are, and it is said. The default 0 means
	// 50.
	Classes int
}

// heading returns s as a heading.
func (s *Style) heading(text string) string {
	if s == nil || s.Heading == nil || text == "" {
		return text
	}
	return s.Heading(text)
}

// classes returns how many classes are printed.
func (s *Style) classes() int {
	if s == nil || s.Classes <= 0 {
		return 50
	}
	return s.Classes
}

// longest is the number of runes at which the text of a cell is cut.
const longest = 60

// Column is a column of a Table.
type Column struct {
	Name  string
	Right bool // aligned to the right, for numbers
}

// Table is a table of text with aligned columns.
type Table struct {
	Columns []Column
	Rows    [][]string // cells; what a row lacks is empty
}

// TableTo writes t to w, with a line of column names if a column has one. A
// cell of more than 60 characters is cut; characters that control a terminal
// are spelled out.
func TableTo(w io.Writer, t *Table, s *Style) error {
	var b strings.Builder
	t.print(&b, "", s)
	_, err := io.WriteString(w, b.String())
	return err
}

// print writes t with an indent before each line.
func (t *Table) print(b *strings.Builder, indent string, s *Style) {
	cell := func(row []string, k int) string {
		if k >= len(row) {
			return ""
		}
		return cut(plain(row[k]), longest)
	}
	names, named := make([]string, len(t.Columns)), false
	width := make([]int, len(t.Columns))
	for k, c := range t.Columns {
		names[k] = c.Name
		named = named || c.Name != ""
		width[k] = columns(cell(names, k))
		for _, row := range t.Rows {
			width[k] = max(width[k], columns(cell(row, k)))
		}
	}
	line := func(row []string, mark func(string) string) {
		var out strings.Builder
		for k, c := range t.Columns {
			text := cell(row, k)
			pad := strings.Repeat(" ", width[k]-columns(text))
			if k > 0 {
				out.WriteString("  ")
			}
			if c.Right {
				out.WriteString(pad + mark(text))
			} else {
				out.WriteString(mark(text) + pad)
			}
		}
		b.WriteString(strings.TrimRight(indent+out.String(), " ") + "\n")
	}
	if named {
		line(names, s.heading)
	}
	for _, row := range t.Rows {
		line(row, func(text string) string { return text })
	}
}
