package features

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
)

// Matrix is the n×d matrix of a table's features, gathered from a cache block
// by block. It is safe for concurrent use.
type Matrix struct {
	n, d    int
	columns []columns
	readers map[string]*cache.Reader // by the space's fingerprint
}

// columns are those of one space.
type columns struct {
	reader   *cache.Reader
	refs     []cache.Ref // of each row
	from, to int
	set      int // that they are of, by its place
}

// Matrix finds the rows of t in c. If c lacks some, the error is or joins a
// *MissingError for each space. The caller closes the matrix before c.
func (t *Table) Matrix(c *cache.Cache) (*Matrix, error) {
	return newMatrix(c, t.N(), t.parts)
}

// newMatrix finds the n rows of parts in c.
func newMatrix(c *cache.Cache, n int, parts []part) (*Matrix, error) {
	m := &Matrix{n: n, readers: make(map[string]*cache.Reader)}
	var missing []error
	for i, p := range parts {
		for _, s := range p.spaces {
			r, ok := m.readers[s.Fingerprint()]
			if !ok {
				var err error
				if r, err = c.Reader(s); err != nil {
					m.Close()
					return nil, fmt.Errorf("features: %s: %w", p.name, err)
				}
				m.readers[s.Fingerprint()] = r
			}
			refs := make([]cache.Ref, m.n)
			if n := r.Locate(p.keys, refs); n > 0 {
				missing = append(missing, &MissingError{
					Set: p.name, Space: s.Fingerprint(), Backbone: p.meta.Backbone, Missing: n, Total: m.n,
					Waiting: r.Waiting(), Corrupt: len(r.Corrupt()), Command: p.meta.Command(p.name),
				})
			}
			m.columns = append(m.columns, columns{r, refs, m.d, m.d + s.Dim(), i})
			m.d += s.Dim()
		}
	}
	if len(missing) > 0 {
		m.Close()
		return nil, errors.Join(missing...)
	}
	return m, nil
}

// N returns the number of rows.
func (m *Matrix) N() int { return m.n }

// D returns the number of columns: the sum of the spaces' dimensions.
func (m *Matrix) D() int { return m.d }

// BlockTo stores rows lo ≤ i < hi in dst, (hi-lo)×D row-major. Rows are read
// in the order in which they lie in the cache, so that larger blocks are
// faster. A row that turns out to be damaged is a *cache.CorruptError.
func (m *Matrix) BlockTo(dst []float32, lo, hi int) error {
	if lo < 0 || hi < lo || hi > m.n || len(dst) != (hi-lo)*m.d {
		return fmt.Errorf("features: block of rows %d to %d: %d×%d values do not fit %d×%d", lo, hi, hi-lo, m.d, len(dst), m.n)
	}
	if err := m.blockTo(dst, lo, hi); err != nil {
		return fmt.Errorf("features: %w", err)
	}
	return nil
}

// blockTo is BlockTo of a block that fits.
func (m *Matrix) blockTo(dst []float32, lo, hi int) error {
	for _, c := range m.columns {
		if err := c.blockTo(dst, lo, hi, m.d); err != nil {
			return fmt.Errorf("rows %d to %d: %w", lo, hi, err)
		}
	}
	return nil
}

// blockTo stores the columns' part of rows lo ≤ i < hi in dst, (hi-lo)×d.
func (c *columns) blockTo(dst []float32, lo, hi, d int) error {
	dim := c.to - c.from
	return c.reader.Each(c.refs[lo:hi], func(i int, rows []float32) {
		if dim == d {
			copy(dst[i*d:], rows)
			return
		}
		for ; len(rows) > 0; rows, i = rows[dim:], i+1 {
			copy(dst[i*d+c.from:i*d+c.to], rows)
		}
	})
}

// Order returns the numbers of the rows in the order in which those of the
// first space lie in the cache. Rows of one place stay in their order.
func (m *Matrix) Order() []int {
	type place struct {
		ref cache.Ref
		row int
	}
	places := make([]place, m.n)
	for i := range places {
		places[i] = place{m.columns[0].refs[i], i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := a.ref.Compare(b.ref); c != 0 {
			return c
		}
		return a.row - b.row
	})
	order := make([]int, m.n)
	for i, p := range places {
		order[i] = p.row
	}
	return order
}

// Each calls f with the values of these rows as they are stored: with the place
// i in rows of the first one of neighbours there, and width columns of each
// from column on, row after row, as float32 in wide or as IEEE 754 binary16 in
// half; the other one is nil. They are the cache's own memory: f must not write
// to them, and nobody may use them after f has returned. Errors are those of
// BlockTo.
func (m *Matrix) Each(rows []int, f func(i, column, width int, wide []float32, half []uint16)) error {
	for _, r := range rows {
		if r < 0 || r >= m.n {
			return fmt.Errorf("features: row %d of %d", r, m.n)
		}
	}
	refs := make([]cache.Ref, len(rows))
	for _, c := range m.columns {
		for i, r := range rows {
			refs[i] = c.refs[r]
		}
		width := c.to - c.from
		err := c.reader.EachStored(refs, func(i int, wide []float32, half []uint16) { f(i, c.from, width, wide, half) })
		if err != nil {
			return fmt.Errorf("features: %w", err)
		}
	}
	return nil
}

// AllTo stores all rows in dst, N×D row-major, as BlockTo does. It reads them
// in the order in which they lie in the cache, and gives the memory of what it
// has read back as it goes.
func (m *Matrix) AllTo(ctx context.Context, dst []float32) error {
	if len(dst) != m.n*m.d {
		return fmt.Errorf("features: %d values do not fit %d×%d", len(dst), m.n, m.d)
	}
	const most = 16 << 20 // bytes that are read before memory is given back
	rows := max(1, most/(4*m.d))
	refs := make([]cache.Ref, min(rows, m.n))
	for order := m.Order(); len(order) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		these := order[:min(rows, len(order))]
		order = order[len(these):]
		for _, c := range m.columns {
			for i, r := range these {
				refs[i] = c.refs[r]
			}
			dim := c.to - c.from
			err := c.reader.Each(refs[:len(these)], func(i int, values []float32) {
				for ; len(values) > 0; values, i = values[dim:], i+1 {
					at := these[i] * m.d
					copy(dst[at+c.from:at+c.to], values)
				}
			})
			if err != nil {
				return fmt.Errorf("features: %w", err)
			}
		}
		if err := m.Release(); err != nil {
			return err
		}
	}
	return nil
}

// Release gives back the memory of rows that were read, which are the cache's
// own; they can still be read.
func (m *Matrix) Release() error {
	for _, r := range m.readers {
		if err := r.Release(); err != nil {
			return fmt.Errorf("features: %w", err)
		}
	}
	return nil
}

// Close closes the cache's readers.
func (m *Matrix) Close() error {
	var errs []error
	for _, r := range m.readers {
		errs = append(errs, r.Close())
	}
	m.readers = nil
	return errors.Join(errs...)
}

// MissingError says that a cache lacks rows of one space.
type MissingError struct {
	Set      string // the feature set, by its name
	Space    string // fingerprint
	Backbone string
	Missing  int
	Total    int
	Waiting  int    // journals of writers with rows that are not sealed yet
	Corrupt  int    // damaged segments and rows that were left out
	Command  string // fills the cache
}

func (e *MissingError) Error() string {
	s := fmt.Sprintf("features: %s: the cache lacks %d of %d rows of %s (space %.12s)", e.Set, e.Missing, e.Total, e.Backbone, e.Space)
	if e.Corrupt > 0 {
		s += fmt.Sprintf("; %d damaged segments or rows in it are left out (headstart cache verify lists them)", e.Corrupt)
	}
	if e.Waiting > 0 {
		s += fmt.Sprintf("; %d writers' rows are not sealed yet: wait for their extract to end", e.Waiting)
	}
	return s + "; what is missing is computed by: " + e.Command
}

// Command returns the command line that makes the feature set anew, and with
// it the rows that a cache lacks. An empty out is the default output.
func (m *Meta) Command(out string) string {
	words := []string{"headstart extract"}
	if m.Backbone != "" {
		words = append(words, "--backbone", Quoted(m.Backbone))
	}
	flags := make([]string, 0, len(m.Reading))
	for flag := range m.Reading {
		flags = append(flags, flag)
	}
	slices.Sort(flags)
	for _, flag := range flags {
		values := []string{m.Reading[flag]}
		if flag == "tap" { // of which there may be several
			values = strings.Split(values[0], "\n")
		}
		for _, value := range values {
			if value == "true" { // of a flag that takes no word, perhaps
				words = append(words, "--"+flag+"=true")
			} else {
				words = append(words, "--"+flag, Quoted(value))
			}
		}
	}
	if out != "" {
		words = append(words, "--out", Quoted(out))
	}
	for _, path := range m.Source {
		words = append(words, Quoted(path))
	}
	return strings.Join(words, " ")
}

// Quoted writes a word as a shell reads it.
func Quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./,:=+@%#", r) || r > 0x7f
	}
	if word != "" && word[0] != '#' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
