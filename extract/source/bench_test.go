package source_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

func drain(b *testing.B, opts *source.Options, path string) {
	src, err := source.Open([]string{path}, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	for {
		if _, err := src.Next(); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// A million records with an id column: time and memory a record.
func BenchmarkTable(b *testing.B) {
	const n = 1_000_000
	path := filepath.Join(b.TempDir(), "t.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(f, "id,text,label,group")
	for i := range n {
		fmt.Fprintf(f, "sample-%08d,some short text of a few words %d,class %d,group %d\n", i, i, i%10, i/20)
	}
	f.Close()
	b.ReportAllocs()
	for b.Loop() {
		drain(b, nil, path)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}

// 20,000 files in 100 folders, listed.
func BenchmarkFolder(b *testing.B) {
	root := b.TempDir()
	for i := range 100 {
		class := filepath.Join(root, fmt.Sprint("class", i))
		if err := os.Mkdir(class, 0o777); err != nil {
			b.Fatal(err)
		}
		for j := range 200 {
			if err := os.WriteFile(filepath.Join(class, fmt.Sprint(j, ".png")), nil, 0o666); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		drain(b, nil, root)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/file")
}
