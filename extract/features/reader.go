package features

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
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
	size    int64
	parquet *format.FileMetaData
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

func read(r io.ReaderAt, size int64, do func(*file) error) (err error) {
	defer func() {
		if p := recover(); p != nil { // of the library's decoder, should it meet what it did not expect
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	parquet, err := readFooter(r, size)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(parquet.KeyValueMetadata, func(kv format.KeyValue) bool { return kv.Key == metaKey })
	if at < 0 {
		return errors.New("a Parquet file without headstart's metadata, so no feature set")
	}
	meta, err := decodeMeta(parquet.KeyValueMetadata[at].Value)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return do(&file{r, size, parquet, meta})
}

// set reads all columns.
func (f *file) set() (*Set, error) {
	n := f.parquet.NumRows
	s := &Set{Meta: f.meta, IDs: make([]string, 0, n), Keys: make([]cache.Key, 0, n)}
	kept := keeper{left: 1<<20 + 256*f.size}
	left := 8<<20 + 64*f.size // bytes to decompress, of which keys alone need 1/2 of a file
	c := column{r: f.r, size: f.size, left: &left}
	err := f.column(c, "id", format.ByteArray, 0, func(v []byte) error {
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
	err = f.column(c, "key", format.FixedLenByteArray, len(cache.Key{}), func(v []byte) error {
		if v == nil {
			return errNull
		}
		s.Keys = append(s.Keys, cache.Key(v))
		return nil
	})
	if err != nil {
		return nil, err
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
		column, values := make([]string, 0, n), false
		kept.seen = nil // each column has its own check
		err := f.column(c, t.name, format.ByteArray, 0, func(v []byte) error {
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
	if s.Weights, err = f.weights(c); err != nil {
		return nil, err
	}
	s.Views, err = f.views(c)
	return s, err
}

func (f *file) weights(c column) ([]float64, error) {
	column, values := make([]float64, 0, f.parquet.NumRows), false
	err := f.column(c, "weight", format.Double, 0, func(v []byte) error {
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

func (f *file) views(c column) ([]int32, error) {
	column, values := make([]int32, 0, f.parquet.NumRows), false
	err := f.column(c, "view", format.Int32, 0, func(v []byte) error {
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
func (f *file) column(c column, name string, kind format.Type, length int, visit func([]byte) error) error {
	e, err := findColumn(f.parquet, name, kind, int32(length))
	if err != nil {
		return fmt.Errorf("column %s: %w", name, err)
	}
	c.name, c.kind, c.visit = name, kind, visit
	c.null = e.RepetitionType.V == format.Optional
	switch kind {
	case format.Int32:
		c.width = 4
	case format.Double:
		c.width = 8
	case format.FixedLenByteArray:
		c.width = length
	}
	defer c.close()
	for i := range f.parquet.RowGroups {
		if err := c.readGroup(&f.parquet.RowGroups[i]); err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
	return nil
}

// keeper keeps copies of many strings in few allocations.
type keeper struct {
	left  int64 // bytes that may yet be kept
	block strings.Builder
	seen  map[string]string
}

var errMuch = fmt.Errorf("%w: its strings are longer in all than its size allows for", errDamaged)

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
