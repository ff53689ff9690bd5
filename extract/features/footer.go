package features

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits for files that come from anywhere.
const (
	maxFooter  = 16 << 20 // bytes of a file's footer
	maxEntries = 1 << 16  // in all lists of a footer: row groups, columns, …
	freeRows   = 1 << 16  // rows that a file of any size may have
	rowBytes   = 32       // of the file, at least, for each further row: its key
)

var (
	errNoParquet = errors.New("no feature set (which are Parquet files)")
	errDamaged   = errors.New("it is damaged or cut off")
)

// readFooter reads a Parquet file's metadata, which stands at its end
// (https://parquet.apache.org/docs/file-format/).
func readFooter(r io.ReaderAt, size int64) (*format.FileMetaData, error) {
	const magic = "PAR1"
	var b [8]byte
	if size < 4 {
		return nil, errNoParquet
	}
	if _, err := r.ReadAt(b[:4], 0); err != nil {
		return nil, err
	}
	if string(b[:4]) != magic {
		return nil, errNoParquet
	}
	if size < 12 {
		return nil, errDamaged
	}
	if _, err := r.ReadAt(b[:], size-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(b[:]))
	if string(b[4:]) != magic || length > size-12 {
		return nil, errDamaged
	}
	if length > maxFooter {
		return nil, fmt.Errorf("a footer of %d bytes, over the limit of %d", length, maxFooter)
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-8-length); err != nil {
		return nil, err
	}
	protocol, left := new(thrift.CompactProtocol), maxEntries
	err := walk(protocol.NewReaderFromBytes(footer), thrift.STRUCT, &left, 0)
	meta := new(format.FileMetaData)
	if err == nil {
		err = thrift.Unmarshal(protocol, footer, meta)
	}
	if err == nil {
		err = checkRows(meta, size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: footer: %w", errDamaged, err)
	}
	return meta, nil
}

// walk reads one value of type t and takes the entries of its lists from left.
// Thrift's decoder believes what lists claim to hold and allocates it.
func walk(r thrift.Reader, t thrift.Type, left *int, depth int) (err error) {
	const maxDepth = 32
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch t {
	case thrift.TRUE, thrift.FALSE, thrift.I8: // of a list; a field's bool is in its type
		_, err = r.ReadInt8()
	case thrift.I16, thrift.I32, thrift.I64:
		_, err = r.ReadInt64()
	case thrift.DOUBLE:
		_, err = r.ReadFloat64()
	case thrift.BINARY:
		_, err = r.ReadBytes()
	case thrift.LIST, thrift.SET:
		var l thrift.List
		if l, err = r.ReadList(); err != nil {
			return err
		}
		if *left -= int(l.Size); *left < 0 {
			return fmt.Errorf("over %d list entries", maxEntries)
		}
		for range l.Size {
			if err := walk(r, l.Type, left, depth+1); err != nil {
				return err
			}
		}
	case thrift.STRUCT:
		for {
			f, err := r.ReadField()
			if err != nil || f.Type == thrift.STOP {
				return err
			}
			if f.Type == thrift.TRUE || f.Type == thrift.FALSE {
				continue
			}
			if err := walk(r, f.Type, left, depth+1); err != nil {
				return err
			}
		}
	default: // Parquet's metadata has no maps
		return fmt.Errorf("a value of type %s", t)
	}
	return err
}

// checkRows checks the number of rows, in all and in each row group.
func checkRows(meta *format.FileMetaData, size int64) error {
	n, sum := meta.NumRows, int64(0)
	if n < 0 || n > max(freeRows, size/rowBytes) {
		return fmt.Errorf("%d rows in %d bytes", n, size)
	}
	for _, g := range meta.RowGroups {
		if g.NumRows < 0 || g.NumRows > n-sum {
			return fmt.Errorf("a row group of %d rows in a file of %d", g.NumRows, n)
		}
		sum += g.NumRows
	}
	if sum != n {
		return fmt.Errorf("%d rows in all and %d in its row groups", n, sum)
	}
	return nil
}

// findColumn returns the schema of a column at the top level, which holds
// values of one kind (of that length, if it is not 0), at most one a row.
func findColumn(meta *format.FileMetaData, name string, kind format.Type, length int32) (*format.SchemaElement, error) {
	children := func(e *format.SchemaElement) int { return max(0, int(e.NumChildren.V)) }
	for i := 1; i < len(meta.Schema); {
		e := &meta.Schema[i]
		if e.Name == name {
			if e.NumChildren.Valid {
				return nil, errors.New("it holds lists or groups, which this version does not read")
			}
			if e.RepetitionType.V == format.Repeated || e.Type.V != kind || length > 0 && e.TypeLength.V != length {
				return nil, fmt.Errorf("it is of type %s %s, where %s is needed", e.RepetitionType.V, typeName(e.Type.V, e.TypeLength.V), typeName(kind, length))
			}
			return e, nil
		}
		// Past e and all that is below it.
		for below := 1; below > 0 && i < len(meta.Schema); i++ {
			below += children(&meta.Schema[i]) - 1
		}
	}
	return nil, errors.New("it is missing")
}

func typeName(t format.Type, length int32) string {
	if t == format.FixedLenByteArray {
		return fmt.Sprintf("%s(%d)", t, length)
	}
	return t.String()
}
