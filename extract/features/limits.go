package features

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits for files that come from anywhere. The Parquet library believes the
// sizes that a file claims and allocates them, so they are checked first.
const (
	maxFooter  = 16 << 20 // bytes of a file's footer
	maxEntries = 1 << 16  // in all lists of a footer: row groups, columns, …
	maxPage    = 16 << 20 // bytes of a page, decompressed
	maxHeader  = 64 << 10 // bytes of a page's header
	freeRows   = 1 << 16  // rows that a file of any size may have
	rowBytes   = 32       // of the file, at least, for each further row: its key
)

var (
	errNoParquet = errors.New("no feature set (which are Parquet files)")
	errCut       = errors.New("it is damaged or cut off")
)

// checkFooter checks the file's end, before anything else is read: what lists
// there claim to hold may not be more than a feature set needs.
// https://parquet.apache.org/docs/file-format/ has the layout.
func checkFooter(r io.ReaderAt, size int64) error {
	const magic = "PAR1"
	var end [8]byte
	if size < 4 {
		return errNoParquet
	}
	if _, err := r.ReadAt(end[:4], 0); err != nil {
		return err
	}
	if string(end[:4]) != magic {
		return errNoParquet
	}
	if size < 12 {
		return errCut
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if string(end[4:]) != magic || length > size-12 {
		return errCut
	}
	if length > maxFooter {
		return fmt.Errorf("a footer of %d bytes, over the limit of %d", length, maxFooter)
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-8-length); err != nil {
		return err
	}
	left := maxEntries
	if err := walk(new(thrift.CompactProtocol).NewReaderFromBytes(footer), thrift.STRUCT, &left, 0); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	return nil
}

// walk reads one value of type t and takes the entries of its lists from left.
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

// checkRows checks the number of rows, in all and of each row group.
func checkRows(f *parquet.File) error {
	n, size := f.NumRows(), f.Size()
	if n < 0 || n > max(freeRows, size/rowBytes) {
		return fmt.Errorf("%d rows in %d bytes", n, size)
	}
	sum := int64(0)
	for _, g := range f.Metadata().RowGroups {
		if g.NumRows < 0 || g.NumRows > n {
			return fmt.Errorf("a row group of %d rows in a file of %d", g.NumRows, n)
		}
		sum += g.NumRows
	}
	if sum != n {
		return fmt.Errorf("%d rows in all and %d in its row groups", n, sum)
	}
	return nil
}

// checkPages walks the headers of the pages of one column in one row group.
func checkPages(f *parquet.File, r io.ReaderAt, group, column int) error {
	g := &f.Metadata().RowGroups[group]
	if column >= len(g.Columns) {
		return errCut
	}
	chunk := &g.Columns[column].MetaData
	at, size := chunk.DataPageOffset, chunk.TotalCompressedSize
	if chunk.DictionaryPageOffset != 0 {
		at = chunk.DictionaryPageOffset
	}
	if at < 4 || size < 0 || at > f.Size() || size > f.Size()-at || chunk.DataPageOffset < at || chunk.DataPageOffset-at > size {
		return errCut
	}
	end, values := at+size, int64(0)
	window := make([]byte, 512)
	for at < end && values < g.NumRows {
		header, length, err := pageHeader(r, at, end, &window)
		if err != nil {
			return err
		}
		at += int64(length)
		if n := header.CompressedPageSize; n < 0 || int64(n) > end-at {
			return errCut
		}
		if n := header.UncompressedPageSize; n < 0 || n > maxPage {
			return fmt.Errorf("a page of %d bytes, over the limit of %d", n, maxPage)
		}
		n := int64(0)
		switch header.Type {
		case format.DataPage:
			n = int64(header.DataPageHeader.V.NumValues)
		case format.DataPageV2:
			n = int64(header.DataPageHeaderV2.V.NumValues)
			if v := &header.DataPageHeaderV2.V; v.NumNulls < 0 || int64(v.NumNulls) > n || int64(v.NumRows) != n {
				return errCut
			}
		case format.DictionaryPage:
			if n := header.DictionaryPageHeader.V.NumValues; n < 0 || n > header.UncompressedPageSize {
				return errCut
			}
		}
		if n < 0 || n > g.NumRows-values {
			return errCut
		}
		values += n
		at += int64(header.CompressedPageSize)
	}
	if values != g.NumRows {
		return fmt.Errorf("%d values for %d rows", values, g.NumRows)
	}
	return nil
}

// pageHeader decodes the page header at offset at, which ends before end, and
// returns its length. The window is a buffer that is reused and grows.
func pageHeader(r io.ReaderAt, at, end int64, window *[]byte) (*format.PageHeader, int, error) {
	for {
		b := (*window)[:min(int64(len(*window)), end-at)]
		if _, err := r.ReadAt(b, at); err != nil {
			return nil, 0, err
		}
		reader := new(thrift.CompactProtocol).NewReaderFromBytes(b)
		header := new(format.PageHeader)
		err := thrift.NewDecoder(reader).Decode(header)
		if err == nil {
			return header, reader.BytesRead(), nil
		}
		if len(b) < len(*window) || len(b) >= maxHeader {
			return nil, 0, fmt.Errorf("a page's header: %w", err)
		}
		*window = make([]byte, 2*len(*window))
	}
}
