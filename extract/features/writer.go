package features

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
)

// record is a row as the Parquet library sees it; "" and nil are null. Keys
// are stored as they are, so that a file has at least 32 bytes a row.
type record struct {
	ID     string    `parquet:"id,plain,zstd"`
	Key    cache.Key `parquet:"key,plain"`
	Label  string    `parquet:"label,optional,dict,zstd"`
	Split  string    `parquet:"split,optional,dict,zstd"`
	Group  string    `parquet:"group,optional,dict,zstd"`
	Weight *float64  `parquet:"weight,optional,dict,zstd"`
	View   int32     `parquet:"view,dict,zstd"`
}

// newRecord takes a row over, which lives as long as the record.
func newRecord(r *Row) record {
	c := record{ID: r.ID, Key: r.Key, Label: r.Label, Split: r.Split, Group: r.Group, View: r.View}
	if r.Weighted {
		c.Weight = &r.Weight
	}
	return c
}

// listRecord is a record of a set with several labels a sample: a nil list is
// null.
type listRecord struct {
	ID     string    `parquet:"id,plain,zstd"`
	Key    cache.Key `parquet:"key,plain"`
	Labels []string  `parquet:"label,optional,list" parquet-element:",dict,zstd"`
	Split  string    `parquet:"split,optional,dict,zstd"`
	Group  string    `parquet:"group,optional,dict,zstd"`
	Weight *float64  `parquet:"weight,optional,dict,zstd"`
	View   int32     `parquet:"view,dict,zstd"`
}

// newListRecord takes a row over, which lives as long as the record.
func newListRecord(r *Row) listRecord {
	c := newRecord(r)
	return listRecord{c.ID, c.Key, r.Labels, c.Split, c.Group, c.Weight, c.View}
}

// rowWriter writes rows as records of some type.
type rowWriter interface {
	write(rows []Row) error
	SetKeyValueMetadata(key, value string)
	Close() error
}

// recordWriter is the rowWriter of a type of records.
type recordWriter[T any] struct {
	*parquet.GenericWriter[T]
	record func(*Row) T
	batch  []T
}

func newRecordWriter[T any](w io.Writer, record func(*Row) T) *recordWriter[T] {
	return &recordWriter[T]{parquet.NewGenericWriter[T](w, settings(rowGroup)...), record, nil}
}

func (w *recordWriter[T]) write(rows []Row) error {
	w.batch = w.batch[:0]
	for i := range rows {
		w.batch = append(w.batch, w.record(&rows[i]))
	}
	_, err := w.Write(w.batch)
	return err
}

// settings are those of a file with groups of so many rows.
func settings(group int64) []parquet.WriterOption {
	return []parquet.WriterOption{
		parquet.MaxRowsPerRowGroup(group),
		parquet.DictionaryMaxBytes(dictionaryMost),
		parquet.DataPageStatistics(false),
		parquet.CreatedBy("headstart", "1", "parquet-go"),
	}
}

const (
	rowGroup       = 1 << 18 // rows; what a Writer holds in memory
	dictionaryMost = 1 << 20 // bytes; a column with more distinct values goes without
)

// Writer writes a feature set row by row, in bounded memory.
type Writer struct {
	path    string
	meta    *Meta
	draft   *draft.File // nil once closed
	parquet rowWriter
	several bool // labels a sample
	n       int  // rows so far
	err     error
}

// NewWriter begins a feature set at path. The file appears there when Close
// returns nil, and not before. Meta is read by Close, so that counts may be
// filled in meanwhile; MultiLabel is read now.
func NewWriter(path string, meta *Meta) (*Writer, error) {
	w := &Writer{path: path, meta: meta, several: meta.MultiLabel}
	var err error
	if w.draft, err = draft.Create(path); err != nil {
		return nil, fmt.Errorf("features: %s: %w", path, err)
	}
	if w.several {
		w.parquet = newRecordWriter(w.draft, newListRecord)
	} else {
		w.parquet = newRecordWriter(w.draft, newRecord)
	}
	return w, nil
}

// Append adds rows. An error names the row and ends the writing.
func (w *Writer) Append(rows ...Row) error {
	if w.err != nil {
		return w.err
	}
	for i := range rows {
		if err := rows[i].check(w.several); err != nil {
			return w.fail(fmt.Errorf("row %d: %w", w.n+i+1, err))
		}
	}
	if err := w.parquet.write(rows); err != nil {
		return w.fail(err)
	}
	w.n += len(rows)
	return nil
}

// N returns the number of rows so far.
func (w *Writer) N() int { return w.n }

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("features: %s: %w", w.path, err)
	return w.err
}

// Close finishes the file and puts it in its place. After an error of Append
// it does what Abort does and returns that error.
func (w *Writer) Close() error {
	if w.draft == nil {
		return fmt.Errorf("features: %s: %w", w.path, os.ErrClosed)
	}
	defer w.Abort()
	if w.err != nil {
		return w.err
	}
	if err := w.finish(); err != nil {
		return w.fail(err)
	}
	return nil
}

func (w *Writer) finish() error {
	if w.meta.MultiLabel != w.several {
		return errors.New("whether samples have several labels was changed after the set was begun")
	}
	text, err := w.meta.encode(w.n)
	if err != nil {
		return err
	}
	w.parquet.SetKeyValueMetadata(metaKey, text)
	if err := w.parquet.Close(); err != nil {
		return err
	}
	return w.draft.Place()
}

// Abort gives the file up and leaves nothing behind. After Close it does
// nothing, so that it can be deferred.
func (w *Writer) Abort() {
	if w.draft == nil {
		return
	}
	w.draft.Discard()
	w.draft = nil
	if w.err == nil {
		w.fail(os.ErrClosed)
	}
}

// Write writes s to path, whole or not at all: into a temporary file beside it
// that takes its place once it is on the disk.
func Write(path string, s *Set) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("features: %s: %w", path, err)
	}
	w, err := NewWriter(path, &s.Meta)
	if err != nil {
		return err
	}
	defer w.Abort()
	rows := make([]Row, 0, 1024)
	for i := range s.N() {
		if rows = append(rows, s.row(i)); len(rows) == cap(rows) || i == s.N()-1 {
			if err := w.Append(rows...); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return w.Close()
}
