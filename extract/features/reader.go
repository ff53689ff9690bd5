package features

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
)

// Read reads the feature set at path. Whatever the file holds, the memory that
// it takes is in proportion to the file's size, and a file that is no feature
// set is an error.
func Read(path string) (*Set, error) {
	var s *Set
	err := with(path, func(f *file) (err error) {
		s, err = f.set()
		return err
	})
	return s, err
}

// ReadMeta reads the metadata of the feature set at path, and no rows.
func ReadMeta(path string) (*Meta, error) {
	var m *Meta
	err := with(path, func(f *file) error {
		m = &f.meta
		return nil
	})
	return m, err
}

// file is an open feature set.
type file struct {
	r       io.ReaderAt
	parquet *parquet.File
	meta    Meta
}

// with opens the feature set at path for the length of a call.
func with(path string, do func(*file) error) error {
	// Not blocking: path could be a named pipe.
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	defer r.Close()
	info, err := r.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoParquet
	}
	if err == nil {
		err = read(r, info.Size(), do)
	}
	if err != nil {
		return fmt.Errorf("features: %s: %w", path, err)
	}
	return nil
}

func read(r io.ReaderAt, size int64, do func(*file) error) (err error) {
	// The library panics on some damaged files.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCut, p)
		}
	}()
	if err := checkFooter(r, size); err != nil {
		return err
	}
	p, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	if err := checkRows(p); err != nil {
		return err
	}
	text, ok := p.Lookup(metaKey)
	if !ok {
		return errors.New("a Parquet file without headstart's metadata, so no feature set")
	}
	f := &file{r: r, parquet: p}
	if f.meta, err = decodeMeta(text); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return do(f)
}

// set reads all columns.
func (f *file) set() (*Set, error) {
	n := int(f.parquet.NumRows())
	s := &Set{Meta: f.meta, IDs: make([]string, 0, n), Keys: make([]cache.Key, 0, n)}
	size := 1<<20 + 256*f.parquet.Size() // that ids may have
	err := f.column("id", parquet.ByteArray, 0, func(values []parquet.Value) error {
		length := 0
		for _, v := range values {
			length += len(v.ByteArray())
		}
		if size -= int64(length); size < 0 {
			return errors.New("longer in all than the file allows for")
		}
		// One allocation for all ids of a batch.
		all := make([]byte, 0, length)
		for _, v := range values {
			all = append(all, v.ByteArray()...)
		}
		rest := string(all)
		for _, v := range values {
			id := rest[:len(v.ByteArray())]
			rest = rest[len(id):]
			if err := checkID(id); err != nil {
				return err
			}
			s.IDs = append(s.IDs, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = f.column("key", parquet.FixedLenByteArray, len(cache.Key{}), func(values []parquet.Value) error {
		for _, v := range values {
			if v.IsNull() {
				return errors.New("a null")
			}
			s.Keys = append(s.Keys, cache.Key(v.ByteArray()))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	label := func(s string) error { return checkString("label", s) }
	group := func(s string) error { return checkString("group", s) }
	if s.Labels, err = f.strings("label", label); err != nil {
		return nil, err
	}
	if s.Splits, err = f.strings("split", checkSplit); err != nil {
		return nil, err
	}
	if s.Groups, err = f.strings("group", group); err != nil {
		return nil, err
	}
	if s.Weights, err = f.weights(); err != nil {
		return nil, err
	}
	s.Views, err = f.views()
	return s, err
}

// strings reads a column of few distinct strings, of which it keeps one each.
func (f *file) strings(name string, check func(string) error) ([]string, error) {
	column := make([]string, 0, f.parquet.NumRows())
	seen := make(map[string]string)
	const most = 1 << 16 // distinct strings that are worth remembering
	size := 1<<20 + 256*f.parquet.Size()
	values := false
	err := f.column(name, parquet.ByteArray, 0, func(batch []parquet.Value) error {
		for _, v := range batch {
			s, ok := seen[string(v.ByteArray())]
			if !ok {
				s = string(v.ByteArray())
				if err := check(s); err != nil {
					return err
				}
				if size -= int64(len(s)); size < 0 {
					return errors.New("longer in all than the file allows for")
				}
				if len(seen) < most {
					seen[s] = s
				}
			}
			values = values || s != ""
			column = append(column, s)
		}
		return nil
	})
	if err != nil || !values {
		return nil, err
	}
	return column, nil
}

func (f *file) weights() ([]float64, error) {
	column := make([]float64, 0, f.parquet.NumRows())
	values := false
	err := f.column("weight", parquet.Double, 0, func(batch []parquet.Value) error {
		for _, v := range batch {
			w := math.NaN()
			if !v.IsNull() {
				if w = v.Double(); checkWeight(w) != nil {
					return checkWeight(w)
				}
				values = true
			}
			column = append(column, w)
		}
		return nil
	})
	if err != nil || !values {
		return nil, err
	}
	return column, nil
}

func (f *file) views() ([]int32, error) {
	column := make([]int32, 0, f.parquet.NumRows())
	values := false
	err := f.column("view", parquet.Int32, 0, func(batch []parquet.Value) error {
		for _, v := range batch {
			if v.IsNull() {
				return errors.New("a null")
			}
			view := v.Int32()
			if err := checkView(view); err != nil {
				return err
			}
			values = values || view != 0
			column = append(column, view)
		}
		return nil
	})
	if err != nil || !values {
		return nil, err
	}
	return column, nil
}

// column calls visit with the values of a column, in the order of its rows, a
// batch at a time. The column must have that kind of values (of that length,
// if it is not 0), one a row.
func (f *file) column(name string, kind parquet.Kind, length int, visit func([]parquet.Value) error) error {
	if err := f.visit(name, kind, length, visit); err != nil {
		return fmt.Errorf("column %s: %w", name, err)
	}
	return nil
}

func (f *file) visit(name string, kind parquet.Kind, length int, visit func([]parquet.Value) error) error {
	leaf, ok := f.parquet.Schema().Lookup(name)
	if !ok {
		return errors.New("it is missing")
	}
	t := leaf.Node.Type()
	if leaf.Node.Repeated() || t.Kind() != kind || length > 0 && t.Length() != length {
		return fmt.Errorf("it is of type %s, which this version does not read", leaf.Node)
	}
	batch := make([]parquet.Value, 1024)
	for i, group := range f.parquet.RowGroups() {
		if err := checkPages(f.parquet, f.r, i, leaf.ColumnIndex); err != nil {
			return err
		}
		left := group.NumRows()
		pages := group.ColumnChunks()[leaf.ColumnIndex].Pages()
		for left > 0 {
			page, err := pages.ReadPage()
			if err == nil {
				left, err = visitPage(page, batch, left, visit)
				parquet.Release(page)
			} else if err == io.EOF {
				err = errCut
			}
			if err != nil {
				pages.Close()
				return err
			}
		}
		if err := pages.Close(); err != nil {
			return err
		}
	}
	return nil
}

// visitPage passes the values of a page on and returns how many of the left
// ones are still to come.
func visitPage(page parquet.Page, batch []parquet.Value, left int64, visit func([]parquet.Value) error) (int64, error) {
	values := page.Values()
	for {
		n, err := values.ReadValues(batch)
		if left -= int64(n); left < 0 {
			return 0, errCut
		}
		if n > 0 {
			if err := visit(batch[:n]); err != nil {
				return 0, err
			}
		}
		if err == io.EOF {
			return left, nil
		}
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, errCut
		}
	}
}
