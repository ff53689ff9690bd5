package report

import (
	"io"
	"slices"
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
	// Width is how many columns a line may take. The default 0 means 80; fewer
	// than 40 are taken for 40.
	Width int
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

// title writes a heading, in as many lines as it needs.
func (s *Style) title(b *strings.Builder, text string) {
	for i, line := range Wrap(plain(text), s.width()-len(gap)) {
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(s.heading(line) + "\n")
	}
}

// width returns how many columns a line may take.
func (s *Style) width() int {
	switch {
	case s == nil || s.Width <= 0:
		return 80
	case s.Width < 40:
		return 40
	}
	return s.Width
}

// Widths of cells in columns.
const (
	longest = 60 // at which the text of a cell is cut however much room there is
	spared  = 24 // up to which it is never cut, so that no number is
)

// gap is what is between two columns.
const gap = "  "

// Column is a column of a Table.
type Column struct {
	Name  string
	Right bool // aligned to the right, for numbers
	Whole bool // never cut, as what is there to be typed again
}

// Table is a table of text with aligned columns.
type Table struct {
	Columns []Column
	Rows    [][]string // cells; what a row lacks is empty
}

// TableTo writes t to w, with a line of column names if a column has one. No
// line is wider than s allows: texts of more than 24 columns are cut, the
// widest first, and if that is not enough, the columns that do not fit stand
// below in a table of their own, beside the first column again. A cell of more
// than 60 columns is cut unless its column is to be whole; characters that
// control a terminal are spelled out.
func TableTo(w io.Writer, t *Table, s *Style) error {
	var b strings.Builder
	t.print(&b, "", s)
	_, err := io.WriteString(w, b.String())
	return err
}

// ParagraphTo writes text to w in lines of which none is wider than s allows.
func ParagraphTo(w io.Writer, text string, s *Style) error {
	_, err := io.WriteString(w, strings.Join(Wrap(plain(text), s.width()), "\n")+"\n")
	return err
}

// print writes t with an indent before each line.
func (t *Table) print(b *strings.Builder, indent string, s *Style) {
	if len(t.Columns) == 0 {
		return
	}
	width, blocks := t.fit(s.width() - len(indent))
	for i, columns := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.printColumns(b, indent, columns, width, s)
	}
}

// cell returns what is printed of a cell that may take so many columns.
func (t *Table) cell(row []string, k, columns int) string {
	if k >= len(row) {
		return ""
	}
	if t.Columns[k].Whole {
		return plain(row[k])
	}
	return Cut(plain(row[k]), columns)
}

// widths returns how wide the columns of t are where nothing bounds them.
func (t *Table) widths() []int {
	width := make([]int, len(t.Columns))
	for k, c := range t.Columns {
		width[k] = Width(Cut(plain(c.Name), longest))
		for _, row := range t.Rows {
			width[k] = max(width[k], Width(t.cell(row, k, longest)))
		}
	}
	return width
}

// fit returns how wide the columns are where a line has so much room, and which
// of them stand beside each other.
func (t *Table) fit(room int) (width []int, blocks [][]int) {
	natural := t.widths()
	width = slices.Clone(natural)
	if t.shrink(width, room) {
		all := make([]int, len(width))
		for k := range all {
			all[k] = k
		}
		return width, [][]int{all}
	}
	keys, taken := t.keys(), 0
	for k := range natural {
		if k < keys {
			natural[k] = min(natural[k], max(spared/2, room/3))
			taken += natural[k] + len(gap)
		} else if !t.Columns[k].Whole {
			natural[k] = min(natural[k], max(spared, room-taken))
		}
	}
	return natural, t.blocks(natural, room)
}

// keys returns how many leading columns stand in each block: those up to the
// first that has a name.
func (t *Table) keys() int {
	return 1 + max(0, slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name != "" }))
}

// shrink takes from the widest texts what is too much for so many columns, and
// says whether all fit then.
func (t *Table) shrink(width []int, room int) bool {
	over := (len(width)-1)*len(gap) - room
	for _, w := range width {
		over += w
	}
	for ; over > 0; over-- {
		widest := -1
		for k, c := range t.Columns {
			if !c.Right && !c.Whole && width[k] > max(spared, Width(c.Name)) && (widest < 0 || width[k] > width[widest]) {
				widest = k
			}
		}
		if widest < 0 {
			return false
		}
		width[widest]--
	}
	return true
}

// blocks deals the columns to as many tables as are needed for each to take at
// most so many columns of the terminal; the keys stand in each.
func (t *Table) blocks(width []int, room int) (all [][]int) {
	keys, taken := []int(nil), 0
	for k := range t.keys() {
		keys = append(keys, k)
		taken += width[k] + len(gap)
	}
	block, used := keys, taken
	for k := len(keys); k < len(t.Columns); k++ {
		if len(block) > len(keys) && used+width[k] > room {
			all = append(all, block)
			block, used = keys, taken
		}
		block = append(block[:len(block):len(block)], k)
		used += width[k] + len(gap)
	}
	return append(all, block)
}

// printColumns writes some of the columns of t.
func (t *Table) printColumns(b *strings.Builder, indent string, columns, width []int, s *Style) {
	names, named := make([]string, len(t.Columns)), false
	for k, c := range t.Columns {
		names[k] = c.Name
		named = named || c.Name != ""
	}
	line := func(row []string, mark func(string) string) {
		var out strings.Builder
		for i, k := range columns {
			text := t.cell(row, k, width[k])
			pad := strings.Repeat(" ", width[k]-Width(text))
			if i > 0 {
				out.WriteString(gap)
			}
			if t.Columns[k].Right {
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

// FactsTo writes facts to w, one under the other, the names in a column of
// their own. A value that does not fit into the line goes on in the next one.
func FactsTo(w io.Writer, facts []Fact, s *Style) error {
	var b strings.Builder
	printFacts(&b, facts, "", s)
	_, err := io.WriteString(w, b.String())
	return err
}

// printFacts writes facts with an indent before each line.
func printFacts(b *strings.Builder, facts []Fact, indent string, s *Style) {
	width := 0
	for _, f := range facts {
		width = max(width, Width(f.Name))
	}
	room := s.width() - len(indent) - width - len(gap)
	for _, f := range facts {
		name := f.Name
		for _, line := range Wrap(plain(f.Value), max(room, 20)) {
			b.WriteString(strings.TrimRight(indent+name+strings.Repeat(" ", width-Width(name))+gap+line, " ") + "\n")
			name = ""
		}
	}
}
