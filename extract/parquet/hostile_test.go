package parquet_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	library "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/headstart-ml/headstart/extract/parquet"
)

// row is a row of the file that is forged.
type row struct {
	Text string   `parquet:"text,optional"`
	N    int64    `parquet:"n"`
	List []string `parquet:"list,list"`
}

// forged is a small file with its footer edited, and with pages between its own
// and the footer, which begin at the offset that edit gets.
func forged(t testing.TB, pages []byte, edit func(m *format.FileMetaData, at int64)) []byte {
	t.Helper()
	var out bytes.Buffer
	w := library.NewGenericWriter[row](&out, library.Compression(&library.Uncompressed))
	if _, err := w.Write([]row{{"a", 1, nil}, {"", 2, []string{"x"}}, {"c", 3, []string{"x", "y"}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
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
	b = slices.Concat(b[:from], pages, footer)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), "PAR1"...)
}

// chunk is the chunk of a column in the first row group.
func chunk(m *format.FileMetaData, column string) *format.ColumnMetaData {
	for i := range m.RowGroups[0].Columns {
		if c := &m.RowGroups[0].Columns[i].MetaData; c.PathInSchema[0] == column {
			return c
		}
	}
	panic("no column " + column)
}

// page is a page of version 1 with its header.
// plain, if it is not 0, is the size that it claims.
func page(t testing.TB, values int, body []byte, plain int, encoding format.Encoding) []byte {
	t.Helper()
	plain = cmp.Or(plain, len(body))
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &format.PageHeader{
		Type: format.DataPage, UncompressedPageSize: int32(plain), CompressedPageSize: int32(len(body)),
		DataPageHeader: thrift.New(format.DataPageHeader{
			NumValues: int32(values), Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, body...)
}

// withPages is the small file with other pages of a column, which has values
// values in rows rows.
func withPages(t testing.TB, column string, codec format.CompressionCodec, rows, values int64, pages []byte) []byte {
	return forged(t, pages, func(m *format.FileMetaData, at int64) {
		m.NumRows, m.RowGroups[0].NumRows = rows, rows
		c := chunk(m, column)
		c.NumValues, c.Codec, c.DataPageOffset, c.DictionaryPageOffset, c.TotalCompressedSize = values, codec, at, 0, int64(len(pages))
	})
}

// readColumn reads all values of a column, and returns how many.
func readColumn(file []byte, column string, limits *parquet.Limits) (n int, err error) {
	f, err := parquet.Open(bytes.NewReader(file), int64(len(file)), limits)
	if err != nil {
		return 0, err
	}
	leaves(f.Columns(), "", func(name string, node, _ *parquet.Node) {
		if name != column {
			return
		}
		c := f.Column(node)
		defer c.Close()
		for err == nil {
			err = c.Row(func(parquet.Value) error { n++; return nil })
		}
	})
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// Whatever a file claims, the error says what is wrong with it, and memory is
// bounded.
func TestHostileFiles(t *testing.T) {
	footer := func(edit func(m *format.FileMetaData)) []byte {
		return forged(t, nil, func(m *format.FileMetaData, _ int64) { edit(m) })
	}
	good := footer(func(*format.FileMetaData) {})
	if n, err := readColumn(good, "list", nil); n != 4 || err != nil {
		t.Fatalf("%d values, %v", n, err)
	}
	run := func(count int, value byte) []byte { return append(binary.AppendUvarint(nil, uint64(count)<<1), value) }
	levels := func(b []byte) []byte { return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...) }
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 200<<20))
	z.Close()
	const many = 1 << 20
	uvarints := func(vs ...uint64) (b []byte) {
		for _, v := range vs {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	manyDeltas := uvarints(128, 4, 1<<62, 0)
	longer := bytes.Clone(good)
	binary.LittleEndian.PutUint32(longer[len(longer)-8:], 1<<30)
	for _, c := range []struct {
		name, want, column string
		file               []byte
	}{
		{"10^9 rows", "footer: 1000000000 rows in ", "n", footer(func(m *format.FileMetaData) { m.NumRows, m.RowGroups[0].NumRows = 1e9, 1e9 })},
		{"2^63-1 rows", "footer: 9223372036854775807 rows in ", "n", footer(func(m *format.FileMetaData) { m.NumRows = math.MaxInt64 })},
		{"rows that are not there", "column n: it is damaged or cut off", "n", footer(func(m *format.FileMetaData) { m.NumRows, m.RowGroups[0].NumRows = many, many })},
		{"10^6 columns", "columns, over the limit of 65536", "n", footer(func(m *format.FileMetaData) {
			for range 1_000_000 {
				m.Schema = append(m.Schema, format.SchemaElement{Name: "x", Type: thrift.New(format.Int32)})
			}
		})},
		{"columns in columns", "nested deeper than 64", "n", footer(func(m *format.FileMetaData) {
			m.Schema = slices.Repeat([]format.SchemaElement{{Name: "x", NumChildren: thrift.New(int32(1))}}, 60_000)
		})},
		{"a footer longer than the file", "damaged or cut off", "n", longer},
		{"cut off", "damaged or cut off", "n", good[:len(good)-20]},
		{"its first half", "damaged or cut off", "n", good[:len(good)/2]},
		{"another file", "no Parquet file", "n", []byte("text,label\na,b\n")},
		{"encrypted", "an encrypted Parquet file", "n", append([]byte("PARE"), good[4:]...)},
		{"in another file", "it lies in another file", "n", footer(func(m *format.FileMetaData) { m.RowGroups[0].Columns[1].FilePath = "x" })},
		{"a list of 2^40 values", "1099511627776 values in 3 rows", "list", footer(func(m *format.FileMetaData) { chunk(m, "list").NumValues = 1 << 40 })},
		{"fewer values than rows", "2 values in 3 rows", "list", footer(func(m *format.FileMetaData) { chunk(m, "list").NumValues = 2 })},
		{"more rows than it says", "more rows than it says", "list", withPages(t, "list", 0, 1, 2, page(t, 2, slices.Concat(levels(run(2, 0)), levels(run(2, 0))), 0, format.Plain))},
		{"a value before any row", "damaged", "list", withPages(t, "list", 0, 1, 2, page(t, 2, slices.Concat(levels(run(2, 1)), levels(run(2, 0))), 0, format.Plain))},
		{"a level over the column's", "damaged", "text", withPages(t, "text", 0, 1, 1, page(t, 1, levels([]byte{3, 255}), 0, format.Plain))},
		{"a page over the limit", "a page of 314572800 bytes, over the limit of 268435456", "n", withPages(t, "n", 0, 3, 3, page(t, 3, nil, 300<<20, format.Plain))},
		{"a page that is not there", "damaged", "n", withPages(t, "n", 0, 3, 3, page(t, 3, nil, 200<<20, format.Plain))},
		{"snappy that is not there", "damaged", "n", withPages(t, "n", format.Snappy, 3, 3, page(t, 3, []byte{1, 2, 3}, 200<<20, format.Plain))},
		{"2^62 differences", "damaged", "n", withPages(t, "n", 0, 3, 3, page(t, 3, manyDeltas, 0, format.DeltaBinaryPacked))},
		{"2^62 lengths", "damaged", "text", withPages(t, "text", 0, 3, 3, page(t, 3, append(levels(run(3, 1)), manyDeltas...), 0, format.DeltaLengthByteArray))},
		{"no block", "damaged", "n", withPages(t, "n", 0, 3, 3, page(t, 3, uvarints(0, 0, 3, 0), 0, format.DeltaBinaryPacked))},
		{"blocks of nothing", "damaged", "n", withPages(t, "n", 0, 3, 3, page(t, 3, uvarints(128, 0, 3, 0), 0, format.DeltaBinaryPacked))},
		{"packs of 255 bits", "damaged", "n", withPages(t, "n", 0, 3, 3, page(t, 3, append(uvarints(128, 1, 3, 0, 0), 255, 1, 2, 3), 0, format.DeltaBinaryPacked))},
		{"LZO", "compressed with LZO, which this version does not read", "n", withPages(t, "n", format.LZO, 3, 3, page(t, 3, make([]byte, 24), 0, format.Plain))},
		{"LZ4 of Hadoop", "compressed with LZ4, which this version does not read", "n", withPages(t, "n", format.Lz4, 3, 3, page(t, 3, make([]byte, 24), 0, format.Plain))},
		{"levels in bits", "encoded as", "n", withPages(t, "n", 0, 3, 3, page(t, 3, nil, 0, format.BitPacked))},
		{"bombs", "far more than its size", "n", withPages(t, "n", format.Gzip, 3, 3, bytes.Repeat(page(t, 0, bomb.Bytes(), 200<<20, format.Plain), 12))},
		// What is true of few bytes is read, in their time.
		{"many nulls", "", "text", withPages(t, "text", 0, many, many, page(t, many, levels(run(many, 0)), 0, format.Plain))},
		{"one long list", "", "list", withPages(t, "list", 0, 1, many, page(t, many, slices.Concat(levels(append(run(1, 0), run(many-1, 1)...)), levels(run(many, 0))), 0, format.Plain))},
	} {
		began := time.Now()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readColumn(c.file, c.column, &parquet.Limits{Unpacked: 1 << 30})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 400<<20 {
			t.Errorf("%s: %d MiB were allocated", c.name, n>>20)
		}
		t.Logf("%s: %v, %d KiB", c.name, time.Since(began).Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>10)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want …%s…", c.name, err, c.want)
		}
	}
}

// What a reader's visitor returns ends the reading.
func TestVisitorEndsReading(t *testing.T) {
	file := forged(t, nil, func(*format.FileMetaData, int64) {})
	f, err := parquet.Open(bytes.NewReader(file), int64(len(file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Column(f.Columns()[0])
	defer c.Close()
	mine := errors.New("mine")
	if err := c.Row(func(parquet.Value) error { return mine }); err != mine {
		t.Error(err)
	}
	if _, err := c.Next(); err != mine {
		t.Error(err)
	}
}

// Whatever a file holds, all its columns are read without a panic, in memory
// that its limits bound.
func FuzzFile(f *testing.F) {
	files, _ := filepath.Glob("testdata/pyarrow_*.parquet")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(forged(f, nil, func(*format.FileMetaData, int64) {}))
	f.Fuzz(func(t *testing.T, b []byte) {
		limits := &parquet.Limits{Page: 1 << 20, Rows: 1 << 14, Unpacked: 1 << 22, Entries: 1 << 14}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := parquet.Open(bytes.NewReader(b), int64(len(b)), limits)
		if err != nil {
			return
		}
		columns := 0
		leaves(file.Columns(), "", func(_ string, n, _ *parquet.Node) {
			if columns++; columns > 50 {
				return
			}
			text, err := n.Text()
			c := file.Column(n)
			defer c.Close()
			for row := int64(0); ; row++ {
				stop := c.Row(func(v parquet.Value) error {
					if (v.Bytes != nil) != (v.Definition == n.Definition) {
						t.Fatalf("level %d of %d, %v", v.Definition, n.Definition, v.Bytes)
					}
					if err == nil && v.Bytes != nil {
						text(nil, v.Bytes)
					}
					return nil
				})
				if stop == io.EOF && row != file.Rows() {
					t.Fatalf("%d rows of %d", row, file.Rows())
				}
				if stop != nil {
					return
				}
			}
		})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 512<<20 {
			t.Errorf("%d MiB were allocated", n>>20)
		}
	})
}
