package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// csvRecords reads the records of a table of text.
type csvRecords struct {
	in *stream
	*splitter

	header []string
	first  bool // taken is the first record already: there is no header
	begin  int  // the line that it begins in
	chosen []int
	record record
}

// openCSV is the open of the format csv.
func openCSV(in *input) (*opened, error) { return openSeparated(in, ",") }

// openTSV is the open of the format tsv.
func openTSV(in *input) (*opened, error) { return openSeparated(in, "\t") }

// openSeparated opens a table whose fields are separated by what the options
// say, or else its content, or else by what is usual.
func openSeparated(in *input, usual string) (*opened, error) {
	stream, err := in.text()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	r := &csvRecords{in: stream}
	if err := r.open(in.opts, usual); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	o, err := openTable(in, r)
	if err == nil {
		o.separated = true
	}
	return o, err
}

// open reads the header, or of a table without one the first record.
func (r *csvRecords) open(o *Options, usual string) error {
	l, err := layoutOf(r.in, o, usual)
	if err != nil {
		return cause(err)
	}
	r.splitter = newSplitter(r.in, l.delimiter, l.lone)
	if l.marked > 0 {
		r.line++
	}
	line, bad, err := r.splitter.next()
	what := "header"
	if o.NoHeader {
		what = "first record"
	}
	switch {
	case err == io.EOF && o.NoHeader:
		return errors.New("an empty table: it has no records")
	case err == io.EOF:
		return errors.New("an empty table: it has no header")
	case err != nil:
		return fmt.Errorf("%s: %w", what, cause(err))
	case bad != nil:
		return fmt.Errorf("%s (line %d): %w", what, line, bad)
	}
	r.header, r.whose = make([]string, len(r.taken)), "the header's"
	for i, name := range r.taken {
		if r.header[i] = string(name); o.NoHeader {
			r.header[i] = strconv.Itoa(i + 1)
		}
	}
	if o.NoHeader {
		r.first, r.begin, r.whose = true, line, "the first record's"
	}
	return nil
}

func (r *csvRecords) columns() []string { return r.header }

func (r *csvRecords) choose(columns []int) {
	r.chosen, r.record.cells = columns, make([]cell, len(columns))
	for i := range r.record.cells {
		r.record.cells[i].kind = textCell
	}
	if r.first {
		for i, at := range columns {
			r.record.cells[i].text = r.taken[at]
		}
	}
	r.take(len(r.header), columns)
}

func (r *csvRecords) next() (*record, error) {
	r.record.n++
	if r.first {
		r.first, r.record.line = false, r.begin
		return &r.record, nil
	}
	line, bad, err := r.splitter.next()
	if err == io.EOF {
		return nil, err
	}
	r.in.ahead = len(r.buf) - r.at
	if err != nil {
		return nil, fmt.Errorf("record %d (line %d): %w", r.record.n, line, cause(err))
	}
	if r.record.line, r.record.bad = line, bad; bad != nil {
		return &r.record, nil
	}
	for i, text := range r.taken {
		r.record.cells[i].text = text
	}
	return &r.record, nil
}

func (r *csvRecords) count(context.Context) int { return unknown }

func (r *csvRecords) close() error { return r.in.close() }
