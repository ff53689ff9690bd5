package features

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Pages are decoded here, and not by the Parquet library, because the library
// allocates what a page claims to hold: a flipped bit can end the process for
// want of memory. Here nothing is allocated that is not bounded by maxPage, by
// the number of rows or by the size of the file.

const (
	maxPage   = 16 << 20 // bytes of a page, decompressed
	maxHeader = 64 << 10 // bytes of a page's header
)

// plainDictionary is what older writers call the encodings of a dictionary
// (PLAIN) and of a page that uses one (RLE_DICTIONARY).
const plainDictionary = format.Encoding(2)

// column reads one column of a file, page by page.
type column struct {
	r     io.ReaderAt
	size  int64  // of the file
	left  *int64 // bytes that may yet be decompressed, of all columns
	name  string
	kind  format.Type
	width int  // bytes of a value; 0: each has its own length
	null  bool // values may be null
	visit func(value []byte) error

	codec      format.CompressionCodec
	dictionary [][]byte
	raw, plain []byte // buffers
	zstd       *zstd.Decoder
	rows       int // visited so far
}

func (c *column) close() {
	if c.zstd != nil {
		c.zstd.Close()
	}
}

// readGroup visits the values of a row group; a null is nil.
func (c *column) readGroup(g *format.RowGroup) error {
	at := slices.IndexFunc(g.Columns, func(k format.ColumnChunk) bool {
		return len(k.MetaData.PathInSchema) == 1 && k.MetaData.PathInSchema[0] == c.name
	})
	if at < 0 || g.Columns[at].FilePath != "" || g.Columns[at].MetaData.Type != c.kind {
		return errDamaged
	}
	chunk := &g.Columns[at].MetaData
	c.codec, c.dictionary = chunk.Codec, nil
	from := chunk.DataPageOffset
	if d := chunk.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	if from < 4 || from > c.size || chunk.TotalCompressedSize < 0 || chunk.TotalCompressedSize > c.size-from {
		return errDamaged
	}
	pages := io.NewSectionReader(c.r, from, chunk.TotalCompressedSize)
	for left := g.NumRows; left > 0; {
		n, err := c.readPage(pages, left)
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}

// readPage reads the next page, which has values for at most left rows, and
// returns for how many.
func (c *column) readPage(pages *io.SectionReader, left int64) (int, error) {
	h, err := readHeader(pages)
	if err != nil {
		return 0, err
	}
	size, plain := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	at, _ := pages.Seek(0, io.SeekCurrent)
	if size < 0 || plain < 0 || size > pages.Size()-at {
		return 0, errDamaged
	}
	if size > maxPage || plain > maxPage {
		return 0, fmt.Errorf("a page of %d bytes, over the limit of %d", max(size, plain), maxPage)
	}
	if *c.left -= plain; *c.left < 0 {
		return 0, fmt.Errorf("%w: it would hold far more than its size", errDamaged)
	}
	c.raw = slices.Grow(c.raw[:0], int(size))[:size]
	if _, err := io.ReadFull(pages, c.raw); err != nil {
		return 0, err
	}
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(c.raw) {
		return 0, fmt.Errorf("%w: a page's checksum is wrong", errDamaged)
	}
	switch h.Type {
	case format.DictionaryPage:
		d := &h.DictionaryPageHeader.V
		if c.dictionary != nil || d.NumValues < 0 || int64(d.NumValues) > left {
			return 0, errDamaged
		}
		if d.Encoding != format.Plain && d.Encoding != plainDictionary {
			return 0, unknownEncoding(d.Encoding)
		}
		values, err := c.decompress(nil, c.raw, int(plain))
		if err != nil {
			return 0, err
		}
		c.dictionary = make([][]byte, d.NumValues)
		for i := range c.dictionary {
			if c.dictionary[i], values, err = c.cut(values); err != nil {
				return 0, err
			}
		}
		return 0, nil
	case format.DataPage:
		d := &h.DataPageHeader.V
		if d.NumValues < 0 || int64(d.NumValues) > left {
			return 0, errDamaged
		}
		if c.plain, err = c.decompress(c.plain, c.raw, int(plain)); err != nil {
			return 0, err
		}
		values, levels := c.plain, []byte(nil)
		if c.null {
			if d.DefinitionLevelEncoding != format.RLE {
				return 0, unknownEncoding(d.DefinitionLevelEncoding)
			}
			if len(values) < 4 {
				return 0, errDamaged
			}
			n := int64(binary.LittleEndian.Uint32(values))
			if values = values[4:]; n > int64(len(values)) {
				return 0, errDamaged
			}
			levels, values = values[:n], values[n:]
		}
		return int(d.NumValues), c.readValues(int(d.NumValues), levels, values, d.Encoding)
	case format.DataPageV2:
		d := &h.DataPageHeaderV2.V
		repetition, definition := int64(d.RepetitionLevelsByteLength), int64(d.DefinitionLevelsByteLength)
		if d.NumValues < 0 || int64(d.NumValues) > left || repetition < 0 || definition < 0 || repetition+definition > min(size, plain) {
			return 0, errDamaged
		}
		levels, values := c.raw[repetition:repetition+definition], c.raw[repetition+definition:]
		if !d.IsCompressed.Valid || d.IsCompressed.V {
			if c.plain, err = c.decompress(c.plain, values, int(plain-repetition-definition)); err != nil {
				return 0, err
			}
			values = c.plain
		}
		return int(d.NumValues), c.readValues(int(d.NumValues), levels, values, d.Encoding)
	}
	return 0, nil // a page of no use to us
}

// readHeader reads a page's header.
func readHeader(pages *io.SectionReader) (*format.PageHeader, error) {
	at, _ := pages.Seek(0, io.SeekCurrent)
	for window := int64(256); ; window *= 4 {
		b := make([]byte, min(window, pages.Size()-at))
		if _, err := pages.ReadAt(b, at); err != nil && err != io.EOF {
			return nil, err
		}
		protocol, h, left := new(thrift.CompactProtocol), new(format.PageHeader), maxEntries
		err := walk(protocol.NewReaderFromBytes(b), thrift.STRUCT, &left, 0)
		r := protocol.NewReaderFromBytes(b)
		if err == nil {
			err = thrift.NewDecoder(r).Decode(h)
		}
		if err == nil {
			_, err = pages.Seek(at+int64(r.BytesRead()), io.SeekStart)
			return h, err
		}
		if int64(len(b)) < window || window >= maxHeader {
			return nil, fmt.Errorf("%w: a page's header: %w", errDamaged, err)
		}
	}
}

// decompress returns the n bytes that src is compressed from, in dst if that
// is large enough.
func (c *column) decompress(dst, src []byte, n int) ([]byte, error) {
	dst = slices.Grow(dst[:0], n)[:n]
	var err error
	switch c.codec {
	case format.Uncompressed:
		if len(src) != n {
			return nil, errDamaged
		}
		copy(dst, src)
	case format.Snappy:
		if length, err := snappy.DecodedLen(src); err != nil || length != n {
			return nil, errDamaged
		}
		_, err = snappy.Decode(dst, src)
	case format.Gzip:
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(src)); err == nil {
			_, err = io.ReadFull(r, dst)
		}
		if err == nil { // the end, where gzip has its own checksum
			if more, e := r.Read(make([]byte, 1)); more > 0 {
				err = errors.New("a page is longer than it says")
			} else if e != io.EOF {
				err = e
			}
		}
	case format.Zstd:
		if c.zstd == nil {
			c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
			if err != nil {
				return nil, err
			}
		}
		var out []byte
		if out, err = c.zstd.DecodeAll(src, dst[:0:n]); err == nil && len(out) != n {
			err = io.ErrUnexpectedEOF
		}
	default:
		return nil, fmt.Errorf("compressed with %s, which this version does not read (SNAPPY, GZIP, ZSTD and none are)", c.codec)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return dst, nil
}

// readValues visits n values.
func (c *column) readValues(n int, levels, values []byte, encoding format.Encoding) error {
	defined := hybrid{in: levels, width: 1}
	var indices hybrid
	switch encoding {
	case format.Plain:
	case format.RLEDictionary, plainDictionary:
		if len(values) > 0 { // a page of nulls may have none
			indices = hybrid{in: values[1:], width: int(values[0])}
		}
		if indices.width > 32 {
			return errDamaged
		}
	default:
		return unknownEncoding(encoding)
	}
	for range n {
		var v []byte
		present := uint32(1)
		var err error
		if c.null {
			if present, err = defined.next(); err != nil {
				return err
			}
		}
		switch {
		case present == 0:
		case encoding == format.Plain:
			if v, values, err = c.cut(values); err != nil {
				return err
			}
		default:
			i, err := indices.next()
			if err != nil {
				return err
			}
			if int64(i) >= int64(len(c.dictionary)) {
				return errDamaged
			}
			v = c.dictionary[i]
		}
		c.rows++
		if err := c.visit(v); err != nil {
			return fmt.Errorf("row %d: %w", c.rows, err)
		}
	}
	return nil
}

// cut takes a value off the front of b. It is not nil.
func (c *column) cut(b []byte) (value, rest []byte, err error) {
	n := c.width
	if n == 0 {
		if len(b) < 4 {
			return nil, nil, errDamaged
		}
		n = int(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if n < 0 || n > len(b) {
		return nil, nil, errDamaged
	}
	return b[:n:n], b[n:], nil
}

// hybrid reads integers of width bits in runs of one value and in packs of
// eight (https://parquet.apache.org/docs/file-format/data-pages/encodings/,
// RLE/bit-packing hybrid).
type hybrid struct {
	in     []byte
	width  int
	left   uint64 // values of the present run
	value  uint32 // of all of them, if not packed
	packed bool
	bits   uint64 // of the pack that are read and not yet used
	have   int    // how many
}

func (h *hybrid) next() (uint32, error) {
	for h.left == 0 {
		if err := h.run(); err != nil {
			return 0, err
		}
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	for h.have < h.width {
		if len(h.in) == 0 {
			return 0, errDamaged
		}
		h.bits |= uint64(h.in[0]) << h.have
		h.in, h.have = h.in[1:], h.have+8
	}
	v := uint32(h.bits & (1<<h.width - 1))
	h.bits, h.have = h.bits>>h.width, h.have-h.width
	return v, nil
}

// run begins the next run.
func (h *hybrid) run() error {
	header, n := binary.Uvarint(h.in)
	if n <= 0 {
		return errDamaged
	}
	h.in = h.in[n:]
	if h.packed = header&1 == 1; h.packed {
		// The pack before ended at a whole byte.
		high, groups := bits.Mul64(header>>1, 8)
		if high != 0 {
			return errDamaged
		}
		h.left, h.bits, h.have = groups, 0, 0
		return nil
	}
	h.left, h.value = header>>1, 0
	size := (h.width + 7) / 8
	if len(h.in) < size {
		return errDamaged
	}
	for i, b := range h.in[:size] {
		h.value |= uint32(b) << (8 * i)
	}
	h.in = h.in[size:]
	return nil
}

func unknownEncoding(e format.Encoding) error {
	return fmt.Errorf("encoded as %s, which this version does not read (PLAIN and RLE_DICTIONARY are)", e)
}

var errNull = errors.New("a null")
