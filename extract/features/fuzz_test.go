package features_test

import (
	"os"
	"path/filepath"
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
