// Package curvefile reads learning curves from tables: a line a measurement,
// with columns n (training samples), error (0 to 1) and, where the same n was
// measured again, seed.
//
//	n,error,seed
//	100,0.31,0
//	100,0.29,1
//	200,0.24,0
package curvefile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/head/study"
)

// LineError says what is wrong with a line of a curve file.
type LineError struct {
	Line   int // counted from 1, the header included
	Reason string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// largest is how many bytes a curve file may have: a line takes about 20.
const largest = 64 << 20

// reader is a curve file that is read.
type reader struct {
	csv            *csv.Reader
	n, wrong, seed int // columns; seed may be -1
	lines          map[place]int
	last           map[uint64]int // n of the line before, by seed
	points         []study.Measured
}

// place is what no two lines have in common.
type place struct {
	n    int
	seed uint64
}

// Read reads a learning curve, in the order of its lines. Columns are told by
// their names, in any order; fields are separated by commas, semicolons or
// tabs, as the header says. What cannot be a curve is a *LineError: another
// column, a field that is no number, an error outside 0 to 1, the same n twice
// (with the same seed, if there are seeds), an n that is not more than that of
// the line before (of that seed). Nothing is left out.
func Read(r io.Reader) ([]study.Measured, error) {
	in := bufio.NewReader(&limited{r, largest})
	if start, _ := in.Peek(3); bytes.Equal(start, []byte("\ufeff")) {
		in.Discard(3)
	} else if len(start) >= 2 && (start[0] == 0xfe && start[1] == 0xff || start[0] == 0xff && start[1] == 0xfe) {
		return nil, &LineError{1, "the file is UTF-16; save it as CSV in UTF-8"}
	}
	// All that Peek returns: it is less if the file is short.
	first, _ := in.Peek(256)
	first, _, _ = bytes.Cut(first, []byte("\n"))
	f := &reader{csv: csv.NewReader(in), seed: -1, lines: map[place]int{}, last: map[uint64]int{}}
	f.csv.ReuseRecord = true
	for _, c := range ";\t" {
		if bytes.ContainsRune(first, c) && !bytes.ContainsRune(first, ',') {
			f.csv.Comma = c
		}
	}
	if err := f.header(); err != nil {
		return nil, err
	}
	for {
		row, err := f.csv.Read()
		if err == io.EOF {
			return f.points, nil
		}
		if err != nil {
			return nil, f.cause(err)
		}
		if err := f.point(row); err != nil {
			line, _ := f.csv.FieldPos(0)
			return nil, &LineError{line, err.Error()}
		}
	}
}

// header finds the columns.
func (f *reader) header() error {
	names, err := f.csv.Read()
	if err == io.EOF {
		return &LineError{1, "the file is empty; its first line is n,error or n,error,seed"}
	}
	if err != nil {
		return f.cause(err)
	}
	names = slices.Clone(names)
	at := map[string]int{}
	for i, name := range names {
		key := strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[key]; twice {
			return &LineError{1, fmt.Sprintf("there are two columns %q", key)}
		}
		at[key] = i
	}
	for _, want := range []string{"n", "error"} {
		if _, found := at[want]; found {
			continue
		}
		why := fmt.Sprintf("there is no column %q", want)
		if _, err := strconv.ParseFloat(names[0], 64); err == nil {
			why += ", and no header"
		}
		if _, found := at["accuracy"]; found && want == "error" {
			why += "; it is 1 − accuracy"
		}
		return &LineError{1, why + fmt.Sprintf(" (it has %s); the first line is n,error or n,error,seed", quoted(names))}
	}
	f.n, f.wrong = at["n"], at["error"]
	if i, found := at["seed"]; found {
		f.seed = i
	}
	for _, name := range names {
		if key := strings.ToLower(strings.TrimSpace(name)); key != "n" && key != "error" && key != "seed" {
			return &LineError{1, fmt.Sprintf("the column %q is none of n, error and seed; a file has one curve, without other columns", shortened(name))}
		}
	}
	return nil
}

// point adds a line.
func (f *reader) point(row []string) error {
	var m study.Measured
	n, err := whole("n", row[f.n], math.MaxInt32)
	if err != nil {
		return err
	}
	if n < 1 {
		return errors.New("n is 0; it counts training samples, at least 1")
	}
	m.N = int(n)
	text := strings.TrimSpace(row[f.wrong])
	m.Error, err = strconv.ParseFloat(text, 64)
	switch {
	case text == "":
		return errors.New("the error is empty")
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("the error %q is no number such as 0.125", shortened(text))
	case math.IsNaN(m.Error):
		return errors.New("the error is NaN; leave out what was not measured")
	case m.Error > 1 && m.Error <= 100:
		return fmt.Errorf("the error %s is not within 0 and 1; divide percentages by 100", shortened(text))
	case m.Error < 0 || m.Error > 1:
		return fmt.Errorf("the error %s is not within 0 and 1", shortened(text))
	}
	of := ""
	if f.seed >= 0 {
		if m.Seed, err = whole("seed", row[f.seed], math.MaxUint64); err != nil {
			return err
		}
		of = fmt.Sprintf(" with seed %d", m.Seed)
	}
	line, _ := f.csv.FieldPos(0)
	if before, twice := f.lines[place{m.N, m.Seed}]; twice {
		why := fmt.Sprintf("n %d%s was in line %d already", m.N, of, before)
		if f.seed < 0 {
			why += "; what was measured again has another seed, in a column seed"
		}
		return errors.New(why)
	}
	if before, some := f.last[m.Seed]; some && m.N < before {
		return fmt.Errorf("n is out of order: %d%s comes after %d", m.N, of, before)
	}
	f.lines[place{m.N, m.Seed}] = line
	f.last[m.Seed] = m.N
	f.points = append(f.points, m)
	return nil
}

// whole reads a whole number, at most most; "100.0" is one, as programs write
// it whose columns may have gaps.
func whole(column, text string, most uint64) (uint64, error) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && strings.HasSuffix(strings.TrimRight(text, "0"), ".") {
		n, err = strconv.ParseUint(strings.TrimRight(strings.TrimRight(text, "0"), "."), 10, 64)
	}
	switch {
	case text == "":
		return 0, fmt.Errorf("%s is empty", column)
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s %q is no whole number", column, shortened(text))
	case err != nil || n > most:
		return 0, fmt.Errorf("%s %s is too large; at most %d is read", column, shortened(text), most)
	}
	return n, nil
}

// cause is what encoding/csv complains about, with its line.
func (f *reader) cause(err error) error {
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad) && errors.Is(err, csv.ErrFieldCount):
		return &LineError{bad.Line, fmt.Sprintf("it does not have the %d fields that the header has", f.csv.FieldsPerRecord)}
	case errors.As(err, &bad) && errors.Is(err, csv.ErrQuote):
		return &LineError{bad.StartLine, "a quote is not closed, or followed by more text"}
	case errors.As(err, &bad) && errors.Is(err, csv.ErrBareQuote):
		return &LineError{bad.Line, "there is a quote inside a field"}
	}
	return err
}

// quoted lists what columns are called.
func quoted(names []string) string {
	var all []string
	for i, name := range names {
		if i == 8 {
			all = append(all, fmt.Sprintf("%d more", len(names)-i))
			break
		}
		all = append(all, strconv.Quote(shortened(name)))
	}
	return strings.Join(all, ", ")
}

// shortened is a text of a file as far as it is shown.
func shortened(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}

// limited is a file that is too large if it has more than left bytes.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the file has more than %d MiB, which is no learning curve", largest>>20)
	}
	return n, err
}
