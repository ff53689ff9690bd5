package source

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/models"
)

// maxRecord is how long a record of a table, or a line, may be, in bytes.
const maxRecord = 1 << 20

// maxName is how long an id, a label or a group may be, in bytes: as long as a
// path.
const maxName = 4096

// table reads the records of a CSV or TSV file.
type table struct {
	path  string // as given
	name  string // the same, for messages
	file  string // its last element
	base  string
	comma rune
	words *words
	in    *stream
	guard *guard
	csv   *csv.Reader
	end   int64 // of the last record, in bytes
	n     int   // records so far, the header apart

	header   []string
	modality models.Modality
	images   *dir // what image paths are relative to
	// The columns' indices; -1: there is none.
	sample, label, split, group, id, weight int
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
func openCSV(in *input) (*opened, error) { return openTable(in, ',') }

// openTSV is the open of the format tsv.
func openTSV(in *input) (*opened, error) { return openTable(in, '\t') }

// openTable reads the header of a table.
func openTable(in *input, comma rune) (*opened, error) {
	stream, err := in.take()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	t := newTable(stream, comma)
	t.path, t.name, t.file, t.base, t.words = in.path, in.name, filepath.Base(in.path), in.base, in.words
	if in.path == "-" {
		t.file = "stdin"
	}
	if err := t.open(in.path, in.opts); err != nil {
		t.close()
		if e, ok := errors.AsType[*UnsettledError](err); ok {
			e.Source = in.name
			return nil, e
		}
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return &opened{
		reader: t, modality: t.modality, column: t.header[t.sample], ids: t.id >= 0,
		empty: "an empty table: it has no records, only a header",
		place: func(_ string, n int) string { return fmt.Sprintf("%s record %d", t.name, n+1) },
	}, nil
}

func newTable(in *stream, comma rune) *table {
	in.dropBOM()
	t := &table{comma: comma, in: in, guard: &guard{r: in.Reader}}
	t.csv = csv.NewReader(t.guard)
	t.csv.Comma, t.csv.ReuseRecord = comma, true
	return t
}

func (t *table) open(path string, o *Options) error {
	header, err := t.read()
	if err == io.EOF {
		return errors.New("an empty table: it has no header")
	}
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	t.header = slices.Clone(header)
	if err := t.choose(o); err != nil {
		return err
	}
	if t.modality != models.Image {
		return nil
	}
	root := o.Root
	if root == "" {
		root = filepath.Dir(path) // "." for "-"
	}
	if t.images, err = openDir(root); err != nil {
		return fmt.Errorf("the folder of its images: %s: %w", root, cause(err))
	}
	return nil
}

// read returns the next record, valid until the next call.
func (t *table) read() ([]string, error) {
	t.guard.left = maxRecord + readBuffer
	record, err := t.csv.Read()
	if err == nil && t.csv.InputOffset()-t.end > maxRecord {
		err = errLong
	}
	t.end = t.csv.InputOffset()
	return record, err
}

// choose finds the columns that o names, and the default ones.
func (t *table) choose(o *Options) (err error) {
	t.label, t.split, t.group, t.id, t.weight = -1, -1, -1, -1, -1
	_, hasImage := t.find("image")
	_, hasText := t.find("text")
	switch {
	case o.Image != "":
		t.modality, t.sample = models.Image, -1
		err = t.named(&t.sample, o.Image)
	case o.Text != "":
		t.modality, t.sample = models.Text, -1
		err = t.named(&t.sample, o.Text)
	case hasImage == nil && hasText == nil:
		return &UnsettledError{Reason: "it has a column image and a column text, and which of them is the sample is not said", Columns: []string{"image", "text"}}
	case hasImage == nil:
		t.modality = models.Image
		t.sample, err = t.find("image")
	case hasText == nil:
		t.modality = models.Text
		t.sample, err = t.find("text")
	default:
		return &UnsettledError{Reason: "which column is the sample? " + listColumns(t.header), Columns: t.header}
	}
	if err != nil {
		return err
	}
	roles := []struct {
		at           *int
		name, option string
	}{
		{&t.label, "label", o.Label}, {&t.split, "split", o.Split}, {&t.group, "group", o.Group},
		{&t.id, "id", o.ID}, {&t.weight, "weight", o.Weight},
	}
	taken := map[int]bool{t.sample: true}
	for _, r := range roles {
		if r.option == "" {
			continue
		}
		if err := t.named(r.at, r.option); err != nil {
			return err
		}
		taken[*r.at] = true
	}
	for _, r := range roles {
		if r.option != "" {
			continue
		}
		at, err := t.find(r.name)
		if errors.Is(err, errTwice) {
			return err
		}
		if err == nil && !taken[at] {
			*r.at = at
		}
	}
	return nil
}

var (
	errTwice = errors.New("is there twice")
	errNone  = errors.New("no such column")
)

// find returns the index of the one column of that name.
func (t *table) find(name string) (int, error) {
	at := slices.Index(t.header, name)
	if at < 0 {
		return -1, errNone
	}
	if slices.Contains(t.header[at+1:], name) {
		return -1, fmt.Errorf("column %q %w", name, errTwice)
	}
	return at, nil
}

// named sets at to the column that an option names.
func (t *table) named(at *int, name string) (err error) {
	*at, err = t.find(name)
	if err != errNone {
		return err
	}
	if near, ok := nearest(name, t.header); ok {
		return fmt.Errorf("no column %q; is it %q? %s", name, near, listColumns(t.header))
	}
	return fmt.Errorf("no column %q; %s", name, listColumns(t.header))
}

func (t *table) next() (*Sample, error) {
	record, err := t.read()
	if err == io.EOF {
		return nil, err
	}
	t.n++
	if err != nil {
		return nil, t.wrong(record, err)
	}
	line, _ := t.csv.FieldPos(0)
	s := &Sample{Weight: 1}
	if err := t.fill(s, record, line); err != nil {
		return nil, fmt.Errorf("source: %s: record %d (line %d): %w", t.name, t.n, line, err)
	}
	return s, nil
}

func (t *table) fill(s *Sample, record []string, line int) error {
	field := func(at int) string {
		if at < 0 {
			return ""
		}
		return record[at]
	}
	for _, at := range [...]int{t.id, t.label, t.group} {
		v := field(at)
		if len(v) > maxName {
			return fmt.Errorf("%q… in column %q has %d bytes, over the limit of %d", v[:40], t.header[at], len(v), maxName)
		}
		if !utf8.ValidString(v) {
			return fmt.Errorf("%q in column %q is not UTF-8; save the table as UTF-8", v, t.header[at])
		}
	}
	s.Label, s.Group = t.words.intern(field(t.label)), t.words.intern(field(t.group))
	if t.id < 0 {
		s.ID = t.base + "#" + strconv.Itoa(t.n)
	} else if s.ID = strings.Clone(field(t.id)); s.ID == "" {
		return fmt.Errorf("an empty id in column %q", t.header[t.id])
	}
	if word := field(t.split); word != "" {
		split, ok := splitOf(word)
		if !ok {
			return fmt.Errorf("split %q in column %q; splits are train · val, valid, validation, dev · test", word, t.header[t.split])
		}
		s.Split = split
	}
	if number := field(t.weight); number != "" {
		w, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(w) || math.IsInf(w, 0) || w < 0 {
			return fmt.Errorf("weight %q in column %q; a weight is a finite number and not negative", number, t.header[t.weight])
		}
		s.Weight, s.Weighted = w, true
	}
	if t.modality == models.Text {
		s.content, s.Path = inText(record[t.sample]), t.file+":"+strconv.Itoa(line)
		return nil
	}
	path := strings.Clone(record[t.sample])
	s.Path = printable(path)
	if path == "" {
		s.content = &nowhere{errors.New("its path is empty")}
	} else if inside, err := t.images.inside(path); err != nil {
		s.content = &nowhere{err}
	} else {
		s.content = &inFile{t.images, inside}
	}
	return nil
}

// wrong says what is wrong with a record that cannot be read.
func (t *table) wrong(record []string, err error) error {
	place := fmt.Sprintf("source: %s: record %d", t.name, t.n)
	parse, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", place, err)
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("%s (line %d): number of fields is %d, the header's is %d", place, parse.StartLine, len(record), len(t.header))
	default:
		return fmt.Errorf("%s (line %d, column %d): %w; a field that holds a quote stands in quotes, its own quotes doubled",
			place, parse.Line, parse.Column, parse.Err)
	}
}

func (t *table) count(ctx context.Context) int {
	return max(counted(ctx, t.path, countRecords)-1, -1) // the header is no sample
}

func (t *table) close() error {
	return errors.Join(t.in.close(), t.images.close())
}
