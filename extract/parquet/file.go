package parquet

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

var (
	// ErrNoParquet says that a file is none of Parquet.
	ErrNoParquet = errors.New("no Parquet file")
	// ErrDamaged says that a file holds what no writer leaves.
	ErrDamaged = errors.New("it is damaged or cut off")
)

// Limits bound what a file that comes from anywhere may ask for. A zero is the
// default, which a data set of honest origin does not reach.
type Limits struct {
	Footer   int64 // bytes of the footer; 0: 32 MiB
	Entries  int   // in all lists of the footer: row groups, columns, …; 0: 2^20
	Columns  int   // of the schema, with groups; 0: 2^16
	Page     int64 // bytes of a page, decompressed; 0: 256 MiB
	Rows     int64 // 0: 2^20, or 64 a byte of the file if that is more
	Values   int64 // of one column of lists, their nulls too; 0: Rows
	Unpacked int64 // bytes of all pages that are read, decompressed; 0: 1 GiB and 1,024 a byte of the file
}

// withDefaults returns l with its zeros replaced, for a file of size bytes.
func (l *Limits) withDefaults(size int64) Limits {
	if l == nil {
		l = new(Limits)
	}
	rows := cmp.Or(l.Rows, max(1<<20, 64*size))
	return Limits{
		Footer:   cmp.Or(l.Footer, 32<<20),
		Entries:  cmp.Or(l.Entries, 1<<20),
		Columns:  cmp.Or(l.Columns, 1<<16),
		Page:     cmp.Or(l.Page, 256<<20),
		Rows:     rows,
		Values:   cmp.Or(l.Values, rows),
		Unpacked: cmp.Or(l.Unpacked, 1<<30+1024*size),
	}
}

// footer is what is read of a file's metadata
// (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift);
// format.FileMetaData has more than is needed, and takes memory for it.
type footer struct {
	Schema    thrift.Slice[format.SchemaElement] `thrift:"2,required"`
	NumRows   int64                              `thrift:"3,required"`
	RowGroups thrift.Slice[rowGroup]             `thrift:"4,required"`
	KeyValues thrift.Slice[format.KeyValue]      `thrift:"5,optional"`
	CreatedBy string                             `thrift:"6,optional"`
}

type rowGroup struct {
	Columns thrift.Slice[columnChunk] `thrift:"1,required"`
	NumRows int64                     `thrift:"3,required"`
}

type columnChunk struct {
	FilePath string    `thrift:"1,optional"`
	MetaData chunkMeta `thrift:"3,optional"`
}

type chunkMeta struct {
	Type                 format.Type             `thrift:"1,required"`
	PathInSchema         thrift.Slice[string]    `thrift:"3,required"`
	Codec                format.CompressionCodec `thrift:"4,required"`
	NumValues            int64                   `thrift:"5,required"`
	TotalCompressedSize  int64                   `thrift:"7,required"`
	DataPageOffset       int64                   `thrift:"9,required"`
	DictionaryPageOffset int64                   `thrift:"11,optional"`
}

// File is an open Parquet file.
type File struct {
	r      io.ReaderAt
	size   int64
	limits Limits
	footer *footer
	root   *Node
	left   int64 // bytes that may yet be unpacked
}

// Open reads the footer of a file of size bytes. A nil limits are the defaults.
// The error is ErrNoParquet, or an ErrDamaged, or says which limit is passed,
// and does not name the file.
func Open(r io.ReaderAt, size int64, limits *Limits) (*File, error) {
	f := &File{r: r, size: size, limits: limits.withDefaults(size)}
	f.left = f.limits.Unpacked
	text, err := f.readFooter()
	if err != nil {
		return nil, err
	}
	if err := f.parse(text); err != nil {
		return nil, fmt.Errorf("%w: footer: %w", ErrDamaged, err)
	}
	return f, nil
}

// readFooter returns the bytes of the footer, which stands at the end of the
// file (https://parquet.apache.org/docs/file-format/).
func (f *File) readFooter() ([]byte, error) {
	const magic, encrypted = "PAR1", "PARE"
	var b [8]byte
	if f.size < 4 {
		return nil, ErrNoParquet
	}
	if _, err := f.r.ReadAt(b[:4], 0); err != nil {
		return nil, err
	}
	if string(b[:4]) == encrypted {
		return nil, errors.New("an encrypted Parquet file, which this version does not read")
	}
	if string(b[:4]) != magic {
		return nil, ErrNoParquet
	}
	if f.size < 12 {
		return nil, ErrDamaged
	}
	if _, err := f.r.ReadAt(b[:], f.size-8); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(b[:]))
	if string(b[4:]) != magic || length > f.size-12 {
		return nil, ErrDamaged
	}
	if length > f.limits.Footer {
		return nil, fmt.Errorf("a footer of %d bytes, over the limit of %d", length, f.limits.Footer)
	}
	text := make([]byte, length)
	_, err := f.r.ReadAt(text, f.size-8-length)
	return text, err
}

// parse reads the footer's text.
func (f *File) parse(text []byte) (err error) {
	defer recovered(&err)
	protocol, left := new(thrift.CompactProtocol), f.limits.Entries
	limit := limit{&left, f.limits.Entries}
	if err := limit.walk(protocol.NewReaderFromBytes(text), thrift.STRUCT, 0); err != nil {
		return err
	}
	f.footer = new(footer)
	if err := thrift.Unmarshal(protocol, text, f.footer); err != nil {
		return err
	}
	if n := len(f.footer.Schema); n > f.limits.Columns {
		return fmt.Errorf("%d columns, over the limit of %d", n, f.limits.Columns)
	}
	if err := f.checkRows(); err != nil {
		return err
	}
	f.root, err = newSchema(f.footer.Schema)
	return err
}

// recovered makes an error of a panic of the library's decoder, should it meet
// what it did not expect.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

// checkRows checks the number of rows, in all and in each row group.
func (f *File) checkRows() error {
	n, sum := f.footer.NumRows, int64(0)
	if n < 0 || n > f.limits.Rows {
		return fmt.Errorf("%d rows in %d bytes", n, f.size)
	}
	for i := range f.footer.RowGroups {
		g := &f.footer.RowGroups[i]
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

// Rows returns the number of rows.
func (f *File) Rows() int64 { return f.footer.NumRows }

// Columns returns the nodes at the top level, in the order of the file.
func (f *File) Columns() []*Node { return f.root.Children }

// Metadata returns the value of a key of the file's metadata.
func (f *File) Metadata(key string) (string, bool) {
	for _, kv := range f.footer.KeyValues {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}
