package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Column reads the values of one column, in the order of the rows.
type Column struct {
	file *File
	node *Node
	wait wait

	groups []rowGroup // not yet begun
	left   int64      // rows of the present one that are not yet begun
	values int64      // of the present one that are not yet read
	begun  int64      // values of the row groups so far, of a column of lists
	pages  *io.SectionReader

	codec      codec
	dictionary dictionary
	raw, plain []byte // buffers

	inPage     int // values of the present page that are not yet read
	repetition hybrid
	definition hybrid
	decoder    decoder
	optional   bool // values may be absent
	repeated   bool
	row        int64 // begun so far
	err        error
}

// wait is a value that was read and not yet given.
type wait struct {
	Value
	there bool
}

// Value is one value of a column with its levels.
type Value struct {
	Bytes      []byte // as the type's PLAIN encoding has it, without a length, booleans as one byte; nil: absent. Valid until the next call
	Definition int    // Node.Definition where it is there, less where something on the way to it is absent
	Repetition int    // 0: it begins a row
}

// Column returns a reader of the column n, which must be one of f's. The caller
// closes it.
func (f *File) Column(n *Node) *Column {
	return &Column{
		file: f, node: n, groups: f.footer.RowGroups,
		optional: n.Definition > 0, repeated: n.Repetition > 0,
	}
}

// Close lets go of what the reader holds.
func (c *Column) Close() { c.codec.close() }

// Next returns the value of the next row of a column that is in no list, nil if
// it is null, and io.EOF after the last. It is valid until the next call.
func (c *Column) Next() ([]byte, error) {
	v, err := c.next()
	return v.Bytes, err
}

// Row calls visit with each value of the next row, and returns io.EOF after the
// last. A list without elements is one value, which is absent. What visit
// returns ends the reading.
func (c *Column) Row(visit func(Value) error) error {
	v, err := c.next()
	for {
		if err != nil {
			return err
		}
		if err := visit(v); err != nil {
			c.err = err
			return err
		}
		if !c.repeated {
			return nil
		}
		switch v, err = c.next(); {
		case err == io.EOF:
			return nil // the next call says so again
		case err == nil && v.Repetition == 0:
			c.wait = wait{v, true}
			return nil
		}
	}
}

// next returns the next value.
func (c *Column) next() (Value, error) {
	if c.wait.there {
		c.wait.there = false
		return c.wait.Value, nil
	}
	if c.err != nil {
		return Value{}, c.err
	}
	v, err := c.value()
	if err != nil {
		if err != io.EOF {
			err = fmt.Errorf("column %s: %w", c.node.dotted(), err)
		}
		c.err = err
	}
	return v, err
}

func (c *Column) value() (v Value, err error) {
	for c.inPage == 0 {
		if c.values == 0 {
			if c.left > 0 {
				return v, fmt.Errorf("%w: %d rows are missing", ErrDamaged, c.left)
			}
			if len(c.groups) == 0 {
				return v, io.EOF
			}
			if err := c.begin(); err != nil {
				return v, err
			}
			continue
		}
		if err := c.readPage(); err != nil {
			return v, err
		}
	}
	c.inPage--
	c.values--
	if c.repeated {
		level, err := c.repetition.next()
		if err != nil {
			return v, err
		}
		v.Repetition = int(level)
	}
	if v.Repetition == 0 {
		if c.left--; c.left < 0 {
			return v, fmt.Errorf("%w: more rows than it says", ErrDamaged)
		}
		c.row++
	} else if v.Repetition > c.node.Repetition || c.row == 0 {
		return v, ErrDamaged
	}
	v.Definition = c.node.Definition
	if c.optional {
		level, err := c.definition.next()
		if err != nil {
			return v, err
		}
		if v.Definition = int(level); v.Definition > c.node.Definition {
			return v, ErrDamaged
		}
	}
	if v.Definition == c.node.Definition {
		v.Bytes, err = c.decoder.next()
	}
	return v, err
}

// begin goes to the pages of the next row group.
func (c *Column) begin() error {
	g := &c.groups[0]
	c.groups = c.groups[1:]
	if g.NumRows == 0 {
		return nil
	}
	at := slices.IndexFunc(g.Columns, func(k columnChunk) bool { return slices.Equal(k.MetaData.PathInSchema, c.node.path) })
	if at < 0 || g.Columns[at].MetaData.Type != c.node.Type {
		return ErrDamaged
	}
	if g.Columns[at].FilePath != "" {
		return errors.New("it lies in another file, which this version does not read")
	}
	chunk := &g.Columns[at].MetaData
	c.left, c.values = g.NumRows, g.NumRows
	if c.repeated {
		// Lists have more values than rows, and each takes time.
		if c.values = chunk.NumValues; c.values < g.NumRows || c.values > c.file.limits.Values-c.begun {
			return fmt.Errorf("%w: %d values in %d rows", ErrDamaged, chunk.NumValues, g.NumRows)
		}
		c.begun += c.values
	}
	c.codec.kind, c.dictionary = chunk.Codec, dictionary{}
	from, size := chunk.DataPageOffset, c.file.size
	if d := chunk.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	if from < 4 || from > size || chunk.TotalCompressedSize < 0 || chunk.TotalCompressedSize > size-from {
		return ErrDamaged
	}
	c.pages = io.NewSectionReader(c.file.r, from, chunk.TotalCompressedSize)
	return nil
}

// readPage reads the next page.
func (c *Column) readPage() error {
	h, err := c.readHeader()
	if err != nil {
		return err
	}
	size, plain, most := int64(h.CompressedPageSize), int64(h.UncompressedPageSize), c.file.limits.Page
	at, _ := c.pages.Seek(0, io.SeekCurrent)
	if size < 0 || plain < 0 || size > c.pages.Size()-at {
		return ErrDamaged
	}
	if size > most || plain > most {
		return fmt.Errorf("a page of %d bytes, over the limit of %d", max(size, plain), most)
	}
	if c.file.left -= plain; c.file.left < 0 {
		return fmt.Errorf("%w: it would hold far more than its size", ErrDamaged)
	}
	c.raw = slices.Grow(c.raw[:0], int(size))[:size]
	if _, err := io.ReadFull(c.pages, c.raw); err != nil {
		return err
	}
	if h.CRC != 0 && uint32(h.CRC) != crc32.ChecksumIEEE(c.raw) {
		return fmt.Errorf("%w: a page's checksum is wrong", ErrDamaged)
	}
	switch h.Type {
	case format.DictionaryPage:
		return c.readDictionary(&h.DictionaryPageHeader.V, int(plain))
	case format.DataPage:
		return c.readData(&h.DataPageHeader.V, int(plain))
	case format.DataPageV2:
		return c.readData2(&h.DataPageHeaderV2.V, plain)
	}
	return nil // a page of no use to us
}

// maxHeader is how long a page's header may be: it may have statistics, which
// are as long as two values.
const maxHeader = 1 << 20

// readHeader reads a page's header.
func (c *Column) readHeader() (*format.PageHeader, error) {
	at, _ := c.pages.Seek(0, io.SeekCurrent)
	for window := int64(256); ; window *= 4 {
		b := make([]byte, min(window, c.pages.Size()-at))
		if _, err := c.pages.ReadAt(b, at); err != nil && err != io.EOF {
			return nil, err
		}
		h, n, err := parseHeader(b)
		if err == nil {
			_, err = c.pages.Seek(at+int64(n), io.SeekStart)
			return h, err
		}
		if int64(len(b)) < window || window >= maxHeader {
			return nil, fmt.Errorf("%w: a page's header: %w", ErrDamaged, err)
		}
	}
}

// parseHeader reads the header that b begins with, and says how long it is.
func parseHeader(b []byte) (h *format.PageHeader, n int, err error) {
	defer recovered(&err)
	const entries = 1 << 10
	protocol, left := new(thrift.CompactProtocol), entries
	if err := (limit{&left, entries}).walk(protocol.NewReaderFromBytes(b), thrift.STRUCT, 0); err != nil {
		return nil, 0, err
	}
	h = new(format.PageHeader)
	r := protocol.NewReaderFromBytes(b)
	err = thrift.NewDecoder(r).Decode(h)
	return h, r.BytesRead(), err
}

func (c *Column) readDictionary(d *format.DictionaryPageHeader, plain int) error {
	if c.dictionary.there {
		return ErrDamaged
	}
	if d.Encoding != format.Plain && d.Encoding != plainDictionary {
		return unknownEncoding(d.Encoding)
	}
	values, err := c.codec.decompress(nil, c.raw, plain)
	if err != nil {
		return err
	}
	return c.dictionary.fill(values, int(d.NumValues), c.width())
}

// width returns how many bytes a value of the column has; 0: each its own.
func (c *Column) width() int {
	switch c.node.Type {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return c.node.Length
	}
	return 0
}

// readData begins a page of version 1, in which levels are compressed with the
// values.
func (c *Column) readData(d *format.DataPageHeader, plain int) (err error) {
	if d.NumValues < 0 || int64(d.NumValues) > c.values {
		return ErrDamaged
	}
	if c.plain, err = c.codec.decompress(c.plain, c.raw, plain); err != nil {
		return err
	}
	values := c.plain
	levels := func(encoding format.Encoding, there bool) (b []byte, err error) {
		if !there {
			return nil, nil
		}
		if encoding != format.RLE {
			return nil, unknownEncoding(encoding)
		}
		if len(values) < 4 {
			return nil, ErrDamaged
		}
		n := int64(binary.LittleEndian.Uint32(values))
		if values = values[4:]; n > int64(len(values)) {
			return nil, ErrDamaged
		}
		b, values = values[:n], values[n:]
		return b, nil
	}
	repetition, err := levels(d.RepetitionLevelEncoding, c.repeated)
	if err != nil {
		return err
	}
	definition, err := levels(d.DefinitionLevelEncoding, c.optional)
	if err != nil {
		return err
	}
	return c.beginPage(int(d.NumValues), repetition, definition, values, d.Encoding)
}

// readData2 begins a page of version 2.
func (c *Column) readData2(d *format.DataPageHeaderV2, plain int64) (err error) {
	repetition, definition := int64(d.RepetitionLevelsByteLength), int64(d.DefinitionLevelsByteLength)
	if d.NumValues < 0 || int64(d.NumValues) > c.values || repetition < 0 || definition < 0 ||
		repetition+definition > min(int64(len(c.raw)), plain) {
		return ErrDamaged
	}
	values := c.raw[repetition+definition:]
	if !d.IsCompressed.Valid || d.IsCompressed.V {
		if c.plain, err = c.codec.decompress(c.plain, values, int(plain-repetition-definition)); err != nil {
			return err
		}
		values = c.plain
	}
	return c.beginPage(int(d.NumValues), c.raw[:repetition], c.raw[repetition:repetition+definition], values, d.Encoding)
}

func (c *Column) beginPage(n int, repetition, definition, values []byte, encoding format.Encoding) (err error) {
	c.inPage = n
	c.repetition = hybrid{in: repetition, width: bits.Len(uint(c.node.Repetition))}
	c.definition = hybrid{in: definition, width: bits.Len(uint(c.node.Definition))}
	c.decoder, err = c.newDecoder(values, encoding)
	return err
}

func unknownEncoding(e format.Encoding) error {
	return fmt.Errorf("encoded as %s, which this version does not read", e)
}
