package source

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxRecord is how long a record of a table, or a line, may be, in bytes.
const maxRecord = 1 << 20

// csvRecords reads the records of a CSV or TSV file.
type csvRecords struct {
	in    *stream
	guard *guard
	csv   *csv.Reader
	end   int64 // of the last record, in bytes

	header []string
	chosen []int
	record record
}

// guard is a reader that gives at most left bytes, so that an open quote does
// not take the rest of a file into memory.
type guard struct {
	r    io.Reader
	left int64
}

var errLong = errors.New("longer than 1 MiB; is a quote missing?")

func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errLong
	}
	n, err := g.r.Read(p[:min(int64(len(p)), g.left)])
	g.left -= int64(n)
	return n, err
}

// readBuffer is how far the CSV reader reads ahead: its buffer's size.
const readBuffer = 4096

// openCSV is the open of the format csv.
func openCSV(in *input) (*opened, error) { return openSeparated(in, ',') }

// openTSV is the open of the format tsv.
func openTSV(in *input) (*opened, error) { return openSeparated(in, '\t') }

// openSeparated opens a table whose fields are separated by comma.
func openSeparated(in *input, comma rune) (*opened, error) {
	stream, err := in.take()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	r := newCSVRecords(stream, comma)
	if err := r.readHeader(); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return openTable(in, r)
}

func newCSVRecords(in *stream, comma rune) *csvRecords {
	in.dropBOM()
	r := &csvRecords{in: in, guard: &guard{r: in.Reader}}
	r.csv = csv.NewReader(r.guard)
	r.csv.Comma, r.csv.ReuseRecord = comma, true
	return r
}

func (r *csvRecords) readHeader() error {
	header, err := r.read()
	if err == io.EOF {
		return errors.New("an empty table: it has no header")
	}
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	r.header = slices.Clone(header)
	return nil
}

// read returns the fields of the next record, valid until the next call.
func (r *csvRecords) read() ([]string, error) {
	r.guard.left = maxRecord + readBuffer
	fields, err := r.csv.Read()
	if err == nil && r.csv.InputOffset()-r.end > maxRecord {
		err = errLong
	}
	r.end = r.csv.InputOffset()
	return fields, err
}

func (r *csvRecords) columns() []string { return r.header }

func (r *csvRecords) choose(columns []int) {
	r.chosen, r.record.cells = columns, make([]cell, len(columns))
}

func (r *csvRecords) next() (*record, error) {
	fields, err := r.read()
	if err == io.EOF {
		return nil, err
	}
	r.record.n++
	if err != nil {
		return nil, r.wrong(fields, err)
	}
	r.record.line, _ = r.csv.FieldPos(0)
	for i, at := range r.chosen {
		c := &r.record.cells[i]
		c.kind, c.text = textCell, append(c.text[:0], fields[at]...)
	}
	return &r.record, nil
}

// wrong says what is wrong with a record that cannot be read.
func (r *csvRecords) wrong(fields []string, err error) error {
	parse, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return fmt.Errorf("record %d: %w", r.record.n, err)
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("record %d (line %d): number of fields is %d, the header's is %d", r.record.n, parse.StartLine, len(fields), len(r.header))
	default:
		return fmt.Errorf("record %d (line %d, column %d): %w; a field that holds a quote stands in quotes, its own quotes doubled",
			r.record.n, parse.Line, parse.Column, parse.Err)
	}
}

func (r *csvRecords) count(context.Context) int { return unknown }

func (r *csvRecords) close() error { return r.in.close() }
