package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// maxJSON is how long a record of JSON may be, in bytes: it may hold an
	// image.
	maxJSON = 16 << 20
	// aheadJSON is how far the columns are looked for: so many bytes, but at
	// least one record.
	aheadJSON = 1 << 20
)

// jsonRecords reads records of JSON: an object a line, or one list of objects.
type jsonRecords struct {
	in      *stream
	list    *jsonList // nil: a record a line
	at      spot      // what is read next; without a list the line before it
	from    spot      // the last record
	buf     []byte    // a record that does not fit into the stream's buffer
	scanner jsonScanner
	root    *jsonNode
	record  record

	header []string
	whole  bool     // header is what all records have
	late   []string // columns that are asked for and were not among the first records
	chosen []string // the columns of cells
	unseen []int    // those of late, in cells, that no record had so far
	roles  []string // columns that would be taken by their names
	role   string   // one of them that comes too late; "": none
}

// openJSONL is the open of the format jsonl.
func openJSONL(in *input) (*opened, error) {
	stream, err := in.text()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	r := &jsonRecords{in: stream}
	if err := r.readColumns(in.opts); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return openTable(in, r)
}

// readColumns finds the columns in the first records.
func (r *jsonRecords) readColumns(o *Options) error {
	head, whole, err := r.ahead(aheadJSON)
	if err == nil && !whole && !hasRecord(head) {
		head, whole, err = r.ahead(maxJSON + aheadJSON)
	}
	if err != nil {
		return cause(err)
	}
	if first := bytes.TrimLeft(head, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		r.list = new(jsonList)
	}
	keys := &jsonKeys{seen: make(map[string]bool)}
	first := newJSONRecords(head, r.list != nil)
	first.scanner.keys = keys
	var bad error
	for {
		record, err := first.next()
		if err != nil { // of a list that the head cuts off, too
			if err != io.EOF && whole && bad == nil && len(keys.names) == 0 {
				return err
			}
			break
		}
		if record.bad != nil && bad == nil {
			bad = fmt.Errorf("record %d: %w", record.n, record.bad)
		}
		if len(keys.names) > maxColumns {
			return fmt.Errorf("more than %d columns", maxColumns)
		}
	}
	switch {
	case len(keys.names) > 0:
	case bad != nil:
		return fmt.Errorf("none of its first records is an object of columns; %w", bad)
	case first.record.n > 0:
		return errors.New("its first records have no columns")
	default:
		return errors.New("an empty table: it has no records")
	}
	r.header, r.whole = keys.names, whole
	if !whole {
		r.expect(o)
	}
	return nil
}

// newJSONRecords returns a reader of what is in memory.
func newJSONRecords(b []byte, list bool) *jsonRecords {
	r := &jsonRecords{in: &stream{Reader: bufio.NewReader(bytes.NewReader(b))}, whole: true}
	if list {
		r.list = new(jsonList)
	}
	return r
}

// ahead returns the next n bytes and leaves them to be read; whole says that
// they are the last ones, too.
func (r *jsonRecords) ahead(n int) (head []byte, whole bool, err error) {
	r.in.widen(n)
	head, err = r.in.Peek(n)
	if err == io.EOF {
		return head, true, nil
	}
	return head, false, err
}

// hasRecord says whether head holds the end of a record.
func hasRecord(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) > 0 && head[0] == '[' {
		r := newJSONRecords(head, true)
		_, _, err := r.list.read(r)
		return err == nil
	}
	return bytes.IndexByte(head, '\n') >= 0
}

// expect says what later records may have that the first ones do not: columns
// that an option names. A column that would be taken by its name must be there
// at the beginning, so that it is not silently left out.
func (r *jsonRecords) expect(o *Options) {
	for _, c := range []struct{ role, column string }{
		{"label", o.Label}, {"group", o.Group}, {"split", o.Split}, {"id", o.ID}, {"weight", o.Weight},
	} {
		switch {
		case c.column == "" && !slices.Contains(r.header, c.role):
			r.roles = append(r.roles, c.role)
		case c.column != "":
			r.expectColumn(c.column)
		}
	}
	for _, column := range o.With {
		r.expectColumn(column)
	}
	r.scanner.strange = func(key []byte) {
		if i := slices.Index(r.roles, string(key)); i >= 0 {
			r.role = r.roles[i]
		}
	}
}

// expectColumn adds a column, unless another one is meant by it.
func (r *jsonRecords) expectColumn(name string) {
	if slices.Contains(r.header, name) || len(r.header) > maxColumns {
		return
	}
	if _, ok := nearest(name, r.header); ok {
		return
	}
	r.header, r.late = append(r.header, name), append(r.late, name)
}

func (r *jsonRecords) columns() []string { return r.header }

func (r *jsonRecords) choose(columns []int) {
	names := make([]string, len(columns))
	for i, at := range columns {
		if names[i] = r.header[at]; slices.Contains(r.late, names[i]) {
			r.unseen = append(r.unseen, i)
		}
		r.roles = slices.DeleteFunc(r.roles, func(role string) bool { return role == names[i] })
	}
	r.chosen, r.root = names, jsonTree(names)
	r.record.cells = make([]cell, len(columns))
	r.scanner.cells, r.scanner.room = r.record.cells, make([][]byte, len(columns))
}

func (r *jsonRecords) next() (*record, error) {
	b, length, err := r.read()
	if err == io.EOF && len(r.unseen) > 0 {
		return nil, fmt.Errorf("no record has a value in column %q", r.chosen[r.unseen[0]])
	}
	if err != nil {
		return nil, err
	}
	r.record.n++
	r.record.line, r.record.bad = r.from.line, nil
	if length > maxJSON {
		r.record.bad = tooLarge(int64(length), maxJSON)
		return &r.record, nil
	}
	if err := r.scanner.scan(b, r.root); err != nil {
		r.record.bad = r.located(b, err.(*jsonError))
		return &r.record, nil
	}
	if r.role != "" {
		return nil, &LateColumnError{Column: r.role, Record: r.record.n, Line: r.record.line}
	}
	r.unseen = slices.DeleteFunc(r.unseen, func(i int) bool { return r.record.cells[i].kind != nullCell })
	return &r.record, nil
}

// located says where in the file what is wrong with the record b stands.
func (r *jsonRecords) located(b []byte, e *jsonError) error {
	p := r.from
	p.pass(b[:min(e.at, len(b))])
	line, column := p.line, p.column
	if e == r.scanner.odd {
		return reasonOf(KindRecord, "%s (line %d, column %d)", e.what, line, column)
	}
	return reasonOf(KindRecord, "no valid JSON: %s (line %d, column %d)", e.what, line, column)
}

// read returns the next record, valid until the next call, and how long it is;
// of one longer than maxJSON only the beginning.
func (r *jsonRecords) read() (b []byte, length int, err error) {
	if r.list != nil {
		return r.list.read(r)
	}
	for {
		if b, length, err = r.readLine(); err != nil {
			return nil, 0, err
		}
		r.at.line++
		if length > maxJSON || len(bytes.TrimLeft(b, " \t\r\n")) > 0 {
			r.from = spot{r.at.line, 1}
			return bytes.TrimRight(b, "\r\n"), length, nil
		}
	}
}

// readLine returns the next line.
func (r *jsonRecords) readLine() (line []byte, length int, err error) {
	line, err = r.in.ReadSlice('\n')
	if err == nil || err == io.EOF && len(line) > 0 {
		return line, len(line), nil
	}
	if err != bufio.ErrBufferFull {
		return nil, 0, err
	}
	r.buf = append(r.buf[:0], line...)
	length = len(line)
	for err == bufio.ErrBufferFull {
		line, err = r.in.ReadSlice('\n')
		if length += len(line); length > maxSkipped {
			return nil, 0, fmt.Errorf("record %d (line %d): %w", r.record.n+1, r.at.line+1, errEndless)
		}
		if length <= maxJSON {
			r.buf = append(r.buf, line...)
		}
	}
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	return r.buf, length, nil
}

func (r *jsonRecords) count(context.Context) int { return unknown }

func (r *jsonRecords) close() error { return r.in.close() }

// LateColumnError says that a column which is taken by its name begins behind
// the records among which columns are looked for, so that the records before
// it were read without.
type LateColumnError struct {
	Column       string
	Record, Line int // where it begins, from 1
}

func (e *LateColumnError) Error() string {
	return fmt.Sprintf("record %d (line %d): the first one with a column %q, after more than %d MiB of records without", e.Record, e.Line, e.Column, aheadJSON>>20)
}
