package features

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
)

// labels are the columns of a feature set that go to CSV: id and, of label,
// split, group, weight and view, those that it has.
type labels struct {
	set   *Set
	cells []string // of one row
}

// header returns the columns' names, valid until the next call.
func (l *labels) header() []string {
	s := l.set
	l.cells = append(l.cells[:0], "id")
	for _, c := range []struct {
		name  string
		there bool
	}{
		{"label", s.Labels != nil || s.LabelLists != nil}, {"split", s.Splits != nil}, {"group", s.Groups != nil},
		{"weight", s.Weights != nil}, {"view", s.Views != nil},
	} {
		if c.there {
			l.cells = append(l.cells, c.name)
		}
	}
	return l.cells
}

// row returns the cells of row i, valid until the next call. A null is empty;
// several labels are as JoinLabels writes them.
func (l *labels) row(i int) []string {
	s := l.set
	l.cells = append(l.cells[:0], s.IDs[i])
	if s.LabelLists != nil {
		l.cells = append(l.cells, JoinLabels(s.LabelLists[i]))
	}
	for _, column := range [][]string{s.Labels, s.Splits, s.Groups} {
		if column != nil {
			l.cells = append(l.cells, column[i])
		}
	}
	if s.Weights != nil {
		weight := ""
		if w := s.Weights[i]; !math.IsNaN(w) {
			weight = strconv.FormatFloat(w, 'g', -1, 64)
		}
		l.cells = append(l.cells, weight)
	}
	if s.Views != nil {
		l.cells = append(l.cells, strconv.Itoa(int(s.Views[i])))
	}
	return l.cells
}

// writeLabels writes the labels of a set, a line a row, as CSV.
func writeLabels(w io.Writer, s *Set) error {
	l := labels{set: s}
	c := csv.NewWriter(w)
	if err := c.Write(l.header()); err != nil {
		return err
	}
	for i := range s.N() {
		if err := c.Write(l.row(i)); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// csvEncoder writes labels and embeddings as CSV: the labels' columns, then f0,
// f1, ….
type csvEncoder struct {
	w      io.Writer
	labels labels
	d      int
	lines  bytes.Buffer // not yet written
	csv    *csv.Writer  // to lines
}

func newCSV(w io.Writer, s *Set, d int) (*csvEncoder, error) {
	e := &csvEncoder{w: w, labels: labels{set: s}, d: d}
	e.csv = csv.NewWriter(&e.lines)
	if err := e.begin(e.labels.header()); err != nil {
		return nil, err
	}
	for j := range d {
		fmt.Fprintf(&e.lines, ",f%d", j)
	}
	return e, e.end()
}

// begin writes the first cells of a line.
func (e *csvEncoder) begin(cells []string) error {
	if err := e.csv.Write(cells); err != nil {
		return err
	}
	e.csv.Flush()
	e.lines.Truncate(e.lines.Len() - 1) // the line goes on
	return e.csv.Error()
}

// end ends a line, and passes lines on when they are many.
func (e *csvEncoder) end() error {
	e.lines.WriteByte('\n')
	if e.lines.Len() < 1<<16 {
		return nil
	}
	return e.close()
}

func (e *csvEncoder) rows(lo int, x []float32) error {
	for i := 0; len(x) > 0; i, x = i+1, x[e.d:] {
		if err := e.begin(e.labels.row(lo + i)); err != nil {
			return err
		}
		line := e.lines.AvailableBuffer()
		for _, v := range x[:e.d] {
			line = appendValue(append(line, ','), v)
		}
		e.lines.Write(line)
		if err := e.end(); err != nil {
			return err
		}
	}
	return nil
}

// appendValue writes v in the fewest digits that make the same float32 again.
// Programs that read a float64 and round that, as NumPy and pandas do, get
// another one from the fewest digits of very few values, 7.038531e-26 for one:
// what such a value is as a float64 has more.
func appendValue(line []byte, v float32) []byte {
	from := len(line)
	line = strconv.AppendFloat(line, float64(v), 'g', -1, 32)
	if x, err := strconv.ParseFloat(string(line[from:]), 64); err != nil || float32(x) != v {
		line = strconv.AppendFloat(line[:from], float64(v), 'g', -1, 64)
	}
	return line
}

func (e *csvEncoder) close() error {
	_, err := e.lines.WriteTo(e.w)
	return err
}
