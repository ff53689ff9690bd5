package features_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

// Whatever a file holds, reading it ends without a panic and without much
// memory, and what is read is a set.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.features")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range append(files, write(f, small(f))) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		bounded(t, "the input", func() { readAll(t, content) })
	})
}

// FuzzLists is FuzzPages of the labels of a set with several a sample.
func FuzzLists(f *testing.F) {
	content, err := os.ReadFile("testdata/lists.features")
	if err != nil {
		f.Fatal(err)
	}
	rle := func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.RLEDictionary }
	// Levels of six values in five rows: b a · null · none · a;b · b, the
	// second label of the first row among them.
	levels := []byte{2, 0, 0, 0, 3, 0b000010, 4, 0, 0, 0, 5, 0b00_00_10_10, 0b10_10_01_00, 0}
	six := append(slices.Clone(levels), ids("b", "a", "a;b", "b")...)
	f.Add(int64(6), byte(0), page(f, 6, six, len(six), nil))
	f.Add(int64(6), byte(6), page(f, 6, zstdOf(f, six), len(six), nil))
	indices := append(slices.Clone(levels), 2, 3, 0b01_10_01_00, 0)
	words := ids("b", "a", "a;b")
	f.Add(int64(6), byte(0), append(page(f, 0, words, len(words), dictionaryPage(3)), page(f, 6, indices, len(indices), rle)...))
	f.Add(int64(5), byte(0), page(f, 5, []byte{2, 0, 0, 0, 10, 0, 2, 0, 0, 0, 10, 0}, 12, nil))
	f.Add(int64(1)<<40, byte(0), page(f, 1<<30, []byte{6, 0, 0, 0, 254, 255, 255, 255, 15, 1, 2, 0, 0, 0, 10, 0}, 16, nil))
	f.Fuzz(func(t *testing.T, values int64, codec byte, pages []byte) {
		file := forgedFrom(t, content, pages, func(m *format.FileMetaData, at int64) {
			c := chunk(m, "label")
			c.Codec, c.DataPageOffset, c.DictionaryPageOffset = format.CompressionCodec(codec), at, 0
			c.TotalCompressedSize, c.NumValues = int64(len(pages)), values
		})
		bounded(t, "the input", func() { readAll(t, file) })
	})
}

// FuzzPages puts pages, compressed with a codec, in the place of a column's:
// no checksum and no footer stands before what reads them.
func FuzzPages(f *testing.F) {
	columns := []string{"id", "key", "label", "split", "group", "weight", "view"}
	five := ids("z", "a", "b", "c", "d")
	rle := func(h *format.PageHeader) { h.DataPageHeader.V.Encoding = format.RLEDictionary }
	indices := []byte{3, 3, 0b10_001_000, 0b1_100_011, 0} // eight of three bits: 0 to 4
	f.Add(byte(0), byte(0), page(f, 5, five, len(five), nil))
	f.Add(byte(0), byte(0), append(page(f, 0, five, len(five), dictionaryPage(5)), page(f, 5, indices, len(indices), rle)...))
	f.Add(byte(1), byte(0), page(f, 5, make([]byte, 5*32), 5*32, nil))
	labels := append([]byte{2, 0, 0, 0, 3, 0b10101}, ids("z", "a", "b")...) // three of five, the others null
	f.Add(byte(2), byte(0), page(f, 5, labels, len(labels), nil))
	f.Add(byte(2), byte(2), page(f, 5, gzipOf(f, labels), len(labels), nil))
	f.Add(byte(2), byte(6), page(f, 5, zstdOf(f, labels), len(labels), nil))
	f.Add(byte(6), byte(0), page(f, 5, make([]byte, 5*4), 5*4, nil))
	f.Fuzz(func(t *testing.T, column, codec byte, pages []byte) {
		content := withPages(t, columns[int(column)%len(columns)], format.CompressionCodec(codec), pages)
		bounded(t, "the input", func() { readAll(t, content) })
	})
}
