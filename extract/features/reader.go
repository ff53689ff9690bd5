package features

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/parquet"
)

var (
	errNoParquet = errors.New("no feature set (which are Parquet files)")
	errNull      = errors.New("a null")
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
	size    int64
	parquet *parquet.File
	meta    Meta
}

// with opens the feature set at path for the length of a call.
func with(path string, do func(*file) error) error {
	r, err := draft.OpenRegular(path)
	if errors.Is(err, draft.ErrIrregular) {
		return fmt.Errorf("features: %s: %w", path, errNoParquet)
	}
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	defer r.Close()
	info, err := r.Stat()
	if err == nil {
		err = read(r, info.Size(), do)
	}
	if err != nil {
		return fmt.Errorf("features: %s: %w", path, err)
	}
	return nil
}

// limitsOf returns what a feature set of size bytes may hold: for each row it
// has a key, which is not compressed, and then a row takes 64 bytes at most.
func limitsOf(size int64) *parquet.Limits {
	const (
		freeRows = 1 << 16          // rows that a file of any size may have
		rowBytes = len(cache.Key{}) // of the file, at least, for each further row
	)
	return &parquet.Limits{
		Footer: 16 << 20, Entries: 1 << 16, Page: 16 << 20,
		Rows:     max(freeRows, size/int64(rowBytes)),
		Values:   freeRows + MaxLabels*(size/int64(rowBytes)),
		Unpacked: 8<<20 + 64*size,
	}
}

func read(r io.ReaderAt, size int64, do func(*file) error) error {
	p, err := parquet.Open(r, size, limitsOf(size))
	if errors.Is(err, parquet.ErrNoParquet) {
		return errNoParquet
	}
	if err != nil {
		return err
	}
	text, ok := p.Metadata(metaKey)
	if !ok {
		return errors.New("a Parquet file without headstart's metadata, so no feature set")
	}
	meta, err := decodeMeta(text)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return do(&file{size, p, meta})
}

// set reads all columns.
func (f *file) set() (*Set, error) {
	n := f.parquet.Rows()
	s := &Set{Meta: f.meta, IDs: make([]string, 0, n), Keys: make([]cache.Key, 0, n)}
	kept := keeper{left: 1<<20 + 256*f.size}
	err := f.column("id", format.ByteArray, 0, func(v []byte) error {
		id, err := kept.add(v)
		if err != nil {
			return err
		}
		s.IDs = append(s.IDs, id)
		return checkID(id)
	})
	if err != nil {
		return nil, err
	}
	err = f.column("key", format.FixedLenByteArray, len(cache.Key{}), func(v []byte) error {
		if v == nil {
			return errNull
		}
		s.Keys = append(s.Keys, cache.Key(v))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Meta.MultiLabel {
		if s.LabelLists, err = f.labelLists(&kept); err != nil {
			return nil, err
		}
	}
	for _, t := range []struct {
		name  string
		to    *[]string
		check func(string) error
	}{
		{"label", &s.Labels, func(s string) error { return checkString("label", s) }},
		{"split", &s.Splits, checkSplit},
		{"group", &s.Groups, func(s string) error { return checkString("group", s) }},
	} {
		if t.name == "label" && s.Meta.MultiLabel {
			continue
		}
		column, values := make([]string, 0, n), false
		kept.seen = nil // each column has its own check
		err := f.column(t.name, format.ByteArray, 0, func(v []byte) error {
			word, fresh, err := kept.intern(v)
			if err == nil && fresh {
				err = t.check(word)
			}
			column, values = append(column, word), values || word != ""
			return err
		})
		if err != nil {
			return nil, err
		}
		if values {
			*t.to = column
		}
	}
	if s.Weights, err = f.weights(); err != nil {
		return nil, err
	}
	s.Views, err = f.views()
	return s, err
}

func (f *file) weights() ([]float64, error) {
	column, values := make([]float64, 0, f.parquet.Rows()), false
	err := f.column("weight", format.Double, 0, func(v []byte) error {
		w := math.NaN()
		if v != nil {
			w, values = math.Float64frombits(binary.LittleEndian.Uint64(v)), true
			if err := checkWeight(w); err != nil {
				return err
			}
		}
		column = append(column, w)
		return nil
	})
	if err != nil || !values {
		return nil, err
	}
	return column, nil
}

func (f *file) views() ([]int32, error) {
	column, values := make([]int32, 0, f.parquet.Rows()), false
	err := f.column("view", format.Int32, 0, func(v []byte) error {
		if v == nil {
			return errNull
		}
		view := int32(binary.LittleEndian.Uint32(v))
		column, values = append(column, view), values || view != 0
		return checkView(view)
	})
	if err != nil || !values {
		return nil, err
	}
	return column, nil
}

// column calls visit with the values of a column in the order of its rows,
// where a null is nil. The bytes are valid during the call. The column must
// have that kind of values (of that length, if it is not 0), one a row.
func (f *file) column(name string, kind format.Type, length int, visit func([]byte) error) error {
	n, err := f.find(name)
	if err == nil && n.Group() {
		err = errors.New("it holds lists or groups, which this version does not read")
	}
	if err == nil && (n.Repeated || n.Type != kind || length > 0 && n.Length != length) {
		err = fmt.Errorf("it is of type %s, where %s is needed", n.TypeName(), parquet.TypeName(kind, length))
	}
	if err != nil {
		return fmt.Errorf("column %s: %w", name, err)
	}
	c := f.parquet.Column(n)
	defer c.Close()
	for row := 1; ; row++ {
		v, err := c.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(v); err != nil {
			return fmt.Errorf("column %s: row %d: %w", name, row, err)
		}
	}
}

// find returns the column or group of that name at the top level.
func (f *file) find(name string) (*parquet.Node, error) {
	for _, n := range f.parquet.Columns() {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, errors.New("it is missing")
}

// keeper keeps copies of many strings in few allocations.
type keeper struct {
	left  int64 // bytes that may yet be kept
	block strings.Builder
	seen  map[string]string
}

var errMuch = fmt.Errorf("%w: its strings are longer in all than its size allows for", parquet.ErrDamaged)

// add keeps v.
func (k *keeper) add(v []byte) (string, error) {
	if k.left -= int64(len(v)); k.left < 0 {
		return "", errMuch
	}
	if k.block.Cap()-k.block.Len() < len(v) {
		k.block = strings.Builder{}
		k.block.Grow(max(len(v), 64<<10))
	}
	from := k.block.Len()
	k.block.Write(v)
	return k.block.String()[from:], nil
}

// intern keeps v once, as long as there are few different ones, and says if it
// was not there before.
func (k *keeper) intern(v []byte) (s string, fresh bool, err error) {
	const most = 1 << 16
	if s, ok := k.seen[string(v)]; ok {
		return s, false, nil
	}
	if s, err = k.add(v); err != nil {
		return "", false, err
	}
	if k.seen == nil {
		k.seen = make(map[string]string)
	}
	if len(k.seen) < most {
		k.seen[s] = s
	}
	return s, true, nil
}
