package extract_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// million is the number of rows of the tables below.
const million = 1_000_000

// Tables of a million texts: the most memory. Each text is another one.
func BenchmarkMillionTexts(b *testing.B) {
	for name, make := range map[string]func(f *os.File) error{
		"texts.jsonl": func(f *os.File) error {
			w := bufio.NewWriter(f)
			for i := range million {
				fmt.Fprintf(w, `{"text":"a review of the thing with number %d","label":"class %d"}`+"\n", i, i%10)
			}
			return w.Flush()
		},
		"texts.parquet": func(f *os.File) error {
			type row struct {
				Text  string `parquet:"text"`
				Label string `parquet:"label,dict"`
			}
			w := parquet.NewGenericWriter[row](f)
			for i := range million {
				if _, err := w.Write([]row{{fmt.Sprintf("a review of the thing with number %d", i), fmt.Sprintf("class %d", i%10)}}); err != nil {
					return err
				}
			}
			return w.Close()
		},
	} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), name)
			f, err := os.Create(path)
			if err == nil {
				err = errors.Join(make(f), f.Close())
			}
			if err != nil {
				b.Fatal(err)
			}
			var worst int64
			for b.Loop() {
				rows, maxrss := most(b, childCommand(filepath.Join(b.TempDir(), "cache"), path, 0))
				if rows != million {
					b.Fatalf("%d rows of %d texts", rows, million)
				}
				worst = max(worst, maxrss)
			}
			b.ReportMetric(float64(worst)/(1<<20), "MiB")
		})
	}
}
