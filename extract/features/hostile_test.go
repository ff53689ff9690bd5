package features_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/extract/features"
)

// smallBytes is the file of the small set.
var (
	smallOnce  sync.Once
	smallBytes []byte
)

// forged is the small set with its footer edited, and with more bytes between
// its pages and the footer, which begin at the offset that edit gets.
func forged(t testing.TB, more []byte, edit func(m *format.FileMetaData, at int64)) []byte {
	t.Helper()
	smallOnce.Do(func() {
		var err error
		if smallBytes, err = os.ReadFile(write(t, small(t))); err != nil {
			t.Fatal(err)
		}
	})
	return forgedFrom(t, smallBytes, more, edit)
}

// forgedFrom is forged of the file b.
func forgedFrom(t testing.TB, b, more []byte, edit func(m *format.FileMetaData, at int64)) []byte {
	t.Helper()
	from := len(b) - 8 - int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	m := new(format.FileMetaData)
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), b[from:len(b)-8], m); err != nil {
		t.Fatal(err)
	}
	edit(m, int64(from))
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), m)
	if err != nil {
		t.Fatal(err)
	}
	b = slices.Concat(b[:from], more, footer)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), "PAR1"...)
}

// withPages is the small set with other pages of a column.
func withPages(t testing.TB, column string, codec format.CompressionCodec, pages []byte) []byte {
	return forged(t, pages, func(m *format.FileMetaData, at int64) {
		c := chunk(m, column)
		c.Codec, c.DataPageOffset, c.DictionaryPageOffset, c.TotalCompressedSize = codec, at, 0, int64(len(pages))
	})
}

// chunk is the column chunk of that name in the first row group.
func chunk(m *format.FileMetaData, column string) *format.ColumnMetaData {
	g := &m.RowGroups[0]
	for i := range g.Columns {
		if g.Columns[i].MetaData.PathInSchema[0] == column {
			return &g.Columns[i].MetaData
		}
	}
	panic("no column " + column)
}

// page is a page with a header that is edited last.
func page(t testing.TB, values int, body []byte, plain int, edit func(*format.PageHeader)) []byte {
	t.Helper()
	h := &format.PageHeader{
		Type: format.DataPage, UncompressedPageSize: int32(plain), CompressedPageSize: int32(len(body)),
		DataPageHeader: thrift.Null[format.DataPageHeader]{V: format.DataPageHeader{
			NumValues: int32(values), Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		}, Valid: true},
	}
	if edit != nil {
		edit(h)
	}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, body...)
}

// dictionaryPage turns a page's header into that of a dictionary.
func dictionaryPage(values int) func(*format.PageHeader) {
	return func(h *format.PageHeader) {
		h.Type, h.DataPageHeader.Valid = format.DictionaryPage, false
		h.DictionaryPageHeader = thrift.Null[format.DictionaryPageHeader]{V: format.DictionaryPageHeader{NumValues: int32(values)}, Valid: true}
	}
}

func zstdOf(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func gzipOf(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ids is a column of byte arrays, PLAIN.
func ids(texts ...string) (b []byte) {
	for _, s := range texts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// harm is a file that somebody made to do harm.
type harm struct {
	name, want string // want: part of the error
	file       []byte
}

// trial reads files that are refused, and keeps what the costliest one cost.
type trial struct {
	dir     string
	tried   int
	pages   int64  // of memory that a call touched first
	largest uint64 // bytes that a call allocated
}

// refuses checks that a file is refused with an error that names it and the
// cause, without much memory.
func (x *trial) refuses(t *testing.T, name, path, want string) {
	t.Helper()
	x.tried++
	var before, after runtime.MemStats
	var b, a syscall.Rusage
	runtime.ReadMemStats(&before)
	errs := syscall.Getrusage(syscall.RUSAGE_SELF, &b)
	_, err := features.Read(path)
	if errs == nil {
		errs = syscall.Getrusage(syscall.RUSAGE_SELF, &a)
	}
	if errs != nil {
		t.Fatal(errs)
	}
	runtime.ReadMemStats(&after)
	pages := a.Minflt + a.Majflt - b.Minflt - b.Majflt
	n := after.TotalAlloc - before.TotalAlloc
	x.pages, x.largest = max(x.pages, pages), max(x.largest, n)
	if err == nil || !strings.HasPrefix(err.Error(), "features: "+path+": ") ||
		!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want …%s…", name, err, want)
	}
	if pages > slowdown*int64(64<<20/os.Getpagesize()) || n > slowdown*16<<20 {
		t.Errorf("%s: touched %d pages of memory and allocated %d KiB", name, pages, n>>10)
	}
}

// all tries each file, at least as many as atLeast.
func (x *trial) all(t *testing.T, files []harm, atLeast int) {
	t.Helper()
	for _, h := range files {
		path := filepath.Join(x.dir, "x.features")
		if err := os.WriteFile(path, h.file, 0o644); err != nil {
			t.Fatal(err)
		}
		x.refuses(t, h.name, path, h.want)
	}
	t.Logf("%d hostile feature sets; the costliest touched %d pages, or allocated %d KiB", x.tried, x.pages, x.largest>>10)
	if x.tried < atLeast {
		t.Errorf("%d hostile feature sets", x.tried)
	}
}

// TestHostileFooters: a footer that claims what cannot be is an error that
// names the file and the cause.
func TestHostileFooters(t *testing.T) {
	footer := func(edit func(m *format.FileMetaData)) []byte {
		return forged(t, nil, func(m *format.FileMetaData, _ int64) { edit(m) })
	}
	id := func(edit func(c *format.ColumnMetaData)) []byte {
		return footer(func(m *format.FileMetaData) { edit(chunk(m, "id")) })
	}
	meta := func(text string) []byte {
		return footer(func(m *format.FileMetaData) { m.KeyValueMetadata[0].Value = text })
	}
	text := string(func() []byte {
		var kept string
		footer(func(m *format.FileMetaData) { kept = m.KeyValueMetadata[0].Value })
		return []byte(kept)
	}())
	good, err := os.ReadFile(write(t, small(t)))
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint32(long[len(long)-8:], 1<<31)

	x := &trial{dir: t.TempDir()}
	x.all(t, []harm{
		{"2^63-1 rows", "9223372036854775807 rows in ", footer(func(m *format.FileMetaData) { m.NumRows = math.MaxInt64 })},
		{"-1 rows", "-1 rows in ", footer(func(m *format.FileMetaData) { m.NumRows = -1 })},
		{"2^31 rows", "2147483648 rows in ", footer(func(m *format.FileMetaData) { m.NumRows, m.RowGroups[0].NumRows = 1<<31, 1<<31 })},
		{"more rows than pages", "", footer(func(m *format.FileMetaData) { m.NumRows, m.RowGroups[0].NumRows = 60000, 60000 })},
		{"a row group of 2^63-1", "a row group of 9223372036854775807 rows", footer(func(m *format.FileMetaData) { m.RowGroups[0].NumRows = math.MaxInt64 })},
		{"row groups that overflow", "a row group of", footer(func(m *format.FileMetaData) {
			g := m.RowGroups[0]
			g.NumRows = math.MinInt64
			m.RowGroups = append(m.RowGroups, g)
		})},
		{"no row groups", "0 in its row groups", footer(func(m *format.FileMetaData) { m.RowGroups = nil })},
		{"60,000 row groups without columns", "", footer(func(m *format.FileMetaData) { m.RowGroups = make([]format.RowGroup, 60000) })},
		{"100,000 columns", "over 65536 list entries", footer(func(m *format.FileMetaData) { m.Schema = append(m.Schema, make([]format.SchemaElement, 100_000)...) })},
		{"60,000 columns that have no name", "footer: a schema that holds more than its columns", footer(func(m *format.FileMetaData) { m.Schema = make([]format.SchemaElement, 60_000) })},
		{"2^31-1 children", "", footer(func(m *format.FileMetaData) {
			m.Schema[1].NumChildren = thrift.Null[int32]{V: math.MaxInt32, Valid: true}
		})},
		{"-1 children", "", footer(func(m *format.FileMetaData) { m.Schema[1].NumChildren = thrift.Null[int32]{V: -1, Valid: true} })},
		{"no schema", "column id: it is missing", footer(func(m *format.FileMetaData) { m.Schema = nil })},
		{"keys of 2^31-1 bytes", "column key: it is of type", footer(func(m *format.FileMetaData) {
			m.Schema[2].TypeLength = thrift.Null[int32]{V: math.MaxInt32, Valid: true}
		})},
		{"no columns in the row group", "column id", footer(func(m *format.FileMetaData) { m.RowGroups[0].Columns = nil })},
		{"pages in another file", "column id", footer(func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "../../etc/passwd" })},
		{"offset -1", "column id", id(func(c *format.ColumnMetaData) { c.DataPageOffset = -1 })},
		{"offset 2^63-1", "column id", id(func(c *format.ColumnMetaData) { c.DataPageOffset = math.MaxInt64 })},
		{"size 2^63-1", "column id", id(func(c *format.ColumnMetaData) { c.TotalCompressedSize = math.MaxInt64 })},
		{"size -1", "column id", id(func(c *format.ColumnMetaData) { c.TotalCompressedSize = -1 })},
		{"size 0", "column id", id(func(c *format.ColumnMetaData) { c.TotalCompressedSize = 0 })},
		{"LZO", "which this version does not read", id(func(c *format.ColumnMetaData) { c.Codec = format.LZO })},
		{"codec 99", "which this version does not read", id(func(c *format.ColumnMetaData) { c.Codec = 99 })},
		{"of another type", "column id", id(func(c *format.ColumnMetaData) { c.Type = format.Int96 })},
		{"long footer", "damaged or cut off", long},
		{"no metadata", "without headstart's metadata", footer(func(m *format.FileMetaData) { m.KeyValueMetadata = nil })},
		{"metadata no JSON", "metadata: ", meta("\x00")},
		{"metadata of another type", "metadata: ", meta(strings.Replace(text, `"counts":{`, `"counts":[{`, 1))},
		{"metadata deep", "metadata: ", meta(`{"reading":` + strings.Repeat("[", 1<<16))},
		{"version 2^31", "format version 2147483648", meta(strings.Replace(text, `"format_version":1`, `"format_version":2147483648`, 1))},
		{"version -1", "format version -1", meta(strings.Replace(text, `"format_version":1`, `"format_version":-1`, 1))},
		{"no spaces", "0 spaces", meta(`{"format_version":1,"spaces":[]}`)},
		{"257 spaces", "257 spaces", meta(`{"format_version":1,"spaces":[` + strings.Repeat("{},", 256) + `{}]}`)},
		{"a space deep", "space 1: ", meta(`{"format_version":1,"spaces":[` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `]}`)},
		{"a space's key twice", "stands twice", meta(strings.Replace(text, `"dim":3`, `"dim":3,"dim":3`, 1))},
		{"a space of 100 KiB", "the limit is", meta(`{"format_version":1,"spaces":[{"dim":1,"dtype":"f32","x":"` + strings.Repeat("x", 100<<10) + `"}]}`)},
	}, 30)
}

// TestHostilePages: pages that would grow far beyond their size, or are not
// what their headers say, are refused likewise.
func TestHostilePages(t *testing.T) {
	pages := func(codec format.CompressionCodec, pages ...[]byte) []byte {
		return withPages(t, "id", codec, slices.Concat(pages...))
	}
	five := ids("z", "a", "ä\n", "names#4", "5")
	bomb, huge := make([]byte, 15<<20), make([]byte, 100<<20)
	bombZstd, bombGzip, bombSnappy := zstdOf(t, bomb), gzipOf(t, bomb), snappy.Encode(nil, bomb[:4<<20])
	none := func(body []byte, plain int) []byte { return page(t, 0, body, plain, nil) }
	many := func(p []byte, n int) []byte { return bytes.Repeat(p, n) }
	rle := func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.RLEDictionary }
	v2 := func(repetition, definition int32) func(h *format.PageHeader) {
		return func(h *format.PageHeader) {
			h.Type, h.DataPageHeader.Valid = format.DataPageV2, false
			h.DataPageHeaderV2 = thrift.Null[format.DataPageHeaderV2]{V: format.DataPageHeaderV2{
				NumValues: 5, NumRows: 5, RepetitionLevelsByteLength: repetition, DefinitionLevelsByteLength: definition,
			}, Valid: true}
		}
	}
	x := &trial{dir: t.TempDir()}
	x.all(t, []harm{
		{"a page of 2^31-1 bytes", "over the limit of", pages(format.Zstd, none(bombZstd, math.MaxInt32))},
		{"a page of -1 bytes", "damaged", pages(format.Zstd, none(bombZstd, -1))},
		{"a page of -1 compressed bytes", "damaged", pages(format.Zstd, page(t, 0, nil, 0, func(h *format.PageHeader) { h.CompressedPageSize = -1 }))},
		{"a page longer than its chunk", "damaged", pages(format.Zstd, page(t, 0, nil, 0, func(h *format.PageHeader) { h.CompressedPageSize = 1 << 20 }))},
		{"2^31-1 values", "damaged", pages(format.Uncompressed, page(t, math.MaxInt32, five, len(five), nil))},
		{"-1 values", "damaged", pages(format.Uncompressed, page(t, -1, five, len(five), nil))},
		{"six values", "damaged", pages(format.Uncompressed, page(t, 6, five, len(five), nil))},
		{"a value of 2^31 bytes", "damaged", pages(format.Uncompressed, page(t, 5, []byte{0, 0, 0, 0x80}, 4, nil))},
		{"a value of 2^32-1 bytes", "damaged", pages(format.Uncompressed, page(t, 5, []byte{255, 255, 255, 255}, 4, nil))},
		{"a wrong checksum", "checksum is wrong", pages(format.Uncompressed, page(t, 5, five, len(five), func(h *format.PageHeader) { h.CRC = 1 }))},
		{"pages without values", "", pages(format.Uncompressed, many(none(nil, 0), 10_000))},
		{"pages of no use", "", pages(format.Uncompressed, many(page(t, 0, nil, 0, func(h *format.PageHeader) { h.Type = format.IndexPage }), 10_000))},
		{"a page header without an end", "a page's header", pages(format.Uncompressed, bytes.Repeat([]byte{0x19}, 1<<17))},
		{"a page header of a long list", "a page's header", pages(format.Uncompressed, []byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07})},
		{"a zstd bomb", "", pages(format.Zstd, page(t, 5, bombZstd, len(bomb), nil))},
		{"a gzip bomb", "", pages(format.Gzip, page(t, 5, bombGzip, len(bomb), nil))},
		{"zstd bombs", "", pages(format.Zstd, many(none(bombZstd, len(bomb)), 100))},
		{"gzip bombs", "", pages(format.Gzip, many(none(bombGzip, len(bomb)), 20))},
		{"snappy bombs", "", pages(format.Snappy, many(none(bombSnappy, 4<<20), 10))},
		{"a zstd bomb that is called small", "damaged", pages(format.Zstd, none(zstdOf(t, huge), 100))},
		{"a gzip bomb that is called small", "damaged", pages(format.Gzip, page(t, 5, gzipOf(t, huge), 20, nil))},
		{"a snappy bomb that is called small", "damaged", pages(format.Snappy, none(bombSnappy, 100))},
		{"snappy of 2^32-1 bytes", "damaged", pages(format.Snappy, none([]byte{255, 255, 255, 255, 15, 0}, 100))},
		{"zstd with a window of 2 GiB", "damaged", pages(format.Zstd, none([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0, 0}, 100))},
		{"a dictionary bomb", "", pages(format.Zstd, page(t, 0, bombZstd, len(bomb), dictionaryPage(5)))},
		{"a dictionary bomb and a bomb", "", pages(format.Zstd, page(t, 0, bombZstd, len(bomb), dictionaryPage(5)), page(t, 5, bombZstd, len(bomb), rle))},
		{"bombs of 4 MiB", "far more than its size", pages(format.Gzip, many(none(gzipOf(t, bomb[:4<<20]), 4<<20), 3))},
		{"60,000 rows in few bytes, and bombs", "column label: it is damaged or cut off: it would hold far more than its size", rowsAndBombs(t)},
		{"a dictionary of 2^31-1 values", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(math.MaxInt32)))},
		{"a dictionary of -1 values", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(-1)))},
		{"two dictionaries", "damaged", pages(format.Uncompressed, many(page(t, 0, five, len(five), dictionaryPage(5)), 2))},
		{"no dictionary", "damaged", pages(format.Uncompressed, page(t, 5, []byte{3, 0x0a, 0}, 3, rle))},
		{"an index beyond the dictionary", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(5)), page(t, 5, []byte{3, 0x0a, 5}, 3, rle))},
		{"indices of 255 bits", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(5)), page(t, 5, []byte{255, 0x0a, 0}, 3, rle))},
		{"a run without an end", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(5)), page(t, 5, append([]byte{3}, bytes.Repeat([]byte{0xff}, 20)...), 21, rle))},
		{"runs of nothing", "damaged", pages(format.Uncompressed, page(t, 0, five, len(five), dictionaryPage(5)), page(t, 5, append([]byte{3}, make([]byte, 1<<16)...), 1<<16+1, rle))},
		{"levels of 2^31-1 bytes", "damaged", pages(format.Uncompressed, page(t, 5, five, len(five), v2(math.MaxInt32, math.MaxInt32)))},
		{"levels of -1 bytes", "damaged", pages(format.Uncompressed, page(t, 5, five, len(five), v2(-1, 1)))},
		{"levels of nullable values", "damaged", withPages(t, "label", format.Uncompressed, page(t, 5, []byte{255, 255, 255, 255}, 4, nil))},
		{"the same pages for every column", "column key", forged(t, nil, func(m *format.FileMetaData, _ int64) {
			c := *chunk(m, "id")
			for _, name := range []string{"key", "label", "split", "group"} {
				k := chunk(m, name)
				k.DataPageOffset, k.DictionaryPageOffset, k.TotalCompressedSize = c.DataPageOffset, c.DictionaryPageOffset, c.TotalCompressedSize
			}
		})},
	}, 30)
}

// rowsAndBombs is a feature set with 60,000 times the same id and key, then
// labels that are bombs.
func rowsAndBombs(t *testing.T) []byte {
	bomb := make([]byte, 4<<20)
	const n = 60_000
	one := func(value []byte) []byte {
		indices := append(binary.AppendUvarint([]byte{1}, n<<1), 0)
		return slices.Concat(page(t, 0, value, len(value), dictionaryPage(1)), page(t, n, indices, len(indices), func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.RLEDictionary }))
	}
	idPages, keyPages := one(ids("x")), one(make([]byte, 32))
	labelPages := bytes.Repeat(page(t, 0, gzipOf(t, bomb), len(bomb), nil), 3)
	return forged(t, slices.Concat(idPages, keyPages, labelPages), func(m *format.FileMetaData, at int64) {
		m.NumRows, m.RowGroups[0].NumRows = n, n
		for _, p := range []struct {
			column string
			codec  format.CompressionCodec
			size   int
		}{{"id", format.Uncompressed, len(idPages)}, {"key", format.Uncompressed, len(keyPages)}, {"label", format.Gzip, len(labelPages)}} {
			c := chunk(m, p.column)
			c.Codec, c.DataPageOffset, c.DictionaryPageOffset, c.TotalCompressedSize = p.codec, at, 0, int64(p.size)
			at += int64(p.size)
		}
	})
}

// TestHostileKindsOfFile: what is no regular file, and what is mostly a hole,
// is refused likewise.
func TestHostileKindsOfFile(t *testing.T) {
	x := &trial{dir: t.TempDir()}
	sparse := filepath.Join(x.dir, "sparse.features")
	hole := func(b []byte, size int64) {
		if err := os.WriteFile(sparse, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(sparse, size); err != nil {
			t.Fatal(err)
		}
	}
	hole(nil, 4<<30)
	x.refuses(t, "a hole of 4 GiB", sparse, "no feature set")
	hole([]byte("PAR1"), 4<<30)
	x.refuses(t, "PAR1 and a hole", sparse, "damaged or cut off")
	for name, put := range map[string]func(p string) error{
		"a FIFO":             func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"a directory":        func(p string) error { return os.Mkdir(p, 0o755) },
		"a socket":           func(p string) error { return syscall.Mknod(p, syscall.S_IFSOCK|0o644, 0) },
		"a link to a device": func(p string) error { return os.Symlink("/dev/zero", p) },
		"a link to itself":   func(p string) error { return os.Symlink(filepath.Base(p), p) },
		"a link to a feature set that is a link to nothing": func(p string) error { return os.Symlink("nowhere", p) },
	} {
		p := filepath.Join(x.dir, strings.ReplaceAll(name, " ", "-"))
		if err := put(p); err != nil {
			t.Fatal(err)
		}
		if _, err := features.Read(p); err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
