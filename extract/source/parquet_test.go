package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/extract/source"
)

const tablesDir = "testdata/tables/"

// expected is what testdata/tables/generate.py notes of the tables that it
// writes.
type expected struct {
	Tables map[string]struct {
		Text, Label string
		Samples     []string
	}
	Kinds   []string              // of the column more.kind of hf.parquet
	Several map[string][][]string // of its columns of lists
}

func readExpected(t *testing.T) *expected {
	t.Helper()
	text, err := os.ReadFile(tablesDir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	e := new(expected)
	if err := json.Unmarshal(text, e); err != nil {
		t.Fatal(err)
	}
	return e
}

// Tables that pandas, pyarrow and datasets wrote are the samples that those
// read back.
func TestTablesOfOtherLibraries(t *testing.T) {
	e := readExpected(t)
	if len(e.Tables) < 12 {
		t.Fatalf("%d tables", len(e.Tables))
	}
	for name, want := range e.Tables {
		t.Run(name, func(t *testing.T) {
			opts := &source.Options{Text: want.Text}
			if want.Label != "label" {
				opts.Label = want.Label
			}
			samples, err := read(t, opts, tablesDir+name)
			if err != nil {
				t.Fatal(err)
			}
			check(t, samples, want.Samples...)
		})
	}
}

// Columns of classes are named as their data set names them, in structs and in
// lists too.
func TestParquetLabels(t *testing.T) {
	e := readExpected(t)
	samples, err := read(t, &source.Options{Label: "more.kind"}, tablesDir+"hf.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range samples {
		if s.Label != e.Kinds[i] {
			t.Errorf("%d: %q, want %q", i, s.Label, e.Kinds[i])
		}
	}
	for column, want := range e.Several {
		samples, err := read(t, &source.Options{Label: column, MultiLabel: true}, tablesDir+"hf.parquet")
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range samples {
			var once []string // of a label that is there twice one counts
			for _, label := range want[i] {
				if !slices.Contains(once, label) {
					once = append(once, label)
				}
			}
			if !slices.Equal(s.Labels, once) {
				t.Errorf("%s, %d: %q, want %q", column, i, s.Labels, once)
			}
		}
	}
}

// Images are the bytes in a column, those of Hugging Face's structs, or files
// whose paths stand there.
func TestParquetImages(t *testing.T) {
	png, err := os.ReadFile(tablesDir + "path.png")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ labels, ok string }{
		"images.parquet": {"dark red red dark", "1110"},
		"binary.parquet": {"a b c d", "1110"},
		"paths.parquet":  {"a b", "10"},
	} {
		samples, err := read(t, &source.Options{Image: "image"}, tablesDir+name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var labels []string
		for i, s := range samples {
			labels = append(labels, s.Label)
			content, err := s.Read(1 << 20)
			if (err == nil) != (want.ok[i] == '1') {
				t.Errorf("%s, %d: %v", name, i, err)
			}
			if name == "images.parquet" && i == 2 && !bytes.Equal(content, png) {
				t.Error("another picture than the one at the path")
			}
		}
		if strings.Join(labels, " ") != want.labels {
			t.Errorf("%s: labels %q", name, labels)
		}
	}
}

// What cannot be read is refused by name.
func TestParquetRefuses(t *testing.T) {
	_, err := read(t, &source.Options{Image: "audio"}, tablesDir+"audio.parquet")
	fails(t, err, "audio.parquet", `column "audio"`, "sound")
	whole, err := os.ReadFile(tablesDir + "pandas.parquet")
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(t, &source.Options{Stdin: bytes.NewReader(whole)}, "-")
	fails(t, err, "standard input", "a file of its own")
	_, err = read(t, nil, file(t, "t.parquet.gz", zipped(string(whole))))
	fails(t, err, "t.parquet.gz", "decompress it")
	_, err = read(t, nil, "../../testdata/older/none.features")
	if err == nil {
		t.Error("a file that is not there was read")
	}
	sets, _ := filepath.Glob("../../testdata/older/*/*.features")
	more, _ := filepath.Glob("../../testdata/older/*.features")
	if sets = append(sets, more...); len(sets) == 0 {
		t.Fatal("no feature set")
	}
	_, err = read(t, nil, sets[0])
	if set, ok := errors.AsType[*source.FeatureSetError](err); !ok || set.Path != sets[0] {
		t.Errorf("%s: %v", sets[0], err)
	}
	_, err = read(t, nil, tablesDir+"nested.parquet")
	fails(t, err, "nested.parquet", "review.body")
}

// Files that claim more than they hold, and torn ones, are an error or bad
// samples, in memory that does not depend on the claim.
func TestHostileParquet(t *testing.T) {
	for _, name := range []string{"pandas.parquet", "hf.parquet", "pandas_none.parquet"} {
		whole, err := os.ReadFile(tablesDir + name)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tries := 0
		try := func(content []byte) {
			tries++
			read(t, &source.Options{Text: "text"}, file(t, "t.parquet", string(content)))
		}
		for n := 0; n < len(whole); n += 1 + len(whole)/60 {
			try(whole[:n])
			changed := bytes.Clone(whole)
			changed[n] ^= 0xff
			try(changed)
		}
		for n := len(whole) - 8; n < len(whole); n++ { // the footer's length
			changed := bytes.Clone(whole)
			changed[n] = 0x7f
			try(changed)
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / uint64(tries); each > 8<<20 {
			t.Errorf("%s: %d bytes allocated a try", name, each)
		}
	}
}

func FuzzParquet(f *testing.F) {
	names, err := filepath.Glob(tablesDir + "*.parquet")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "t.parquet")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []*source.Options{{Format: "parquet"}, {Format: "parquet", Text: "text", Label: "labels", MultiLabel: true}, {Format: "parquet", Image: "image"}} {
			src, err := source.Open([]string{path}, opts)
			if err != nil {
				continue
			}
			for range 1000 {
				s, err := src.Next()
				if err != nil {
					break
				}
				s.Read(1 << 20)
			}
			src.Close()
		}
	})
}

// parquetRow is a row of what the benchmark reads.
type parquetRow struct {
	Text  string `parquet:"text,zstd"`
	Label string `parquet:"label,dict,zstd"`
}

// 200,000 texts of about 100 bytes, read as samples and by the Parquet library
// alone, in turns.
func BenchmarkReadParquet(b *testing.B) {
	const n = 200_000
	rows := make([]parquetRow, n)
	size := 0
	for i := range rows {
		rows[i] = parquetRow{fmt.Sprintf("text %d of some words that a person may have written about number %d, %s", i, i*7919%n, strings.Repeat("and on ", i%7)), fmt.Sprint("class ", i%10)}
		size += len(rows[i].Text)
	}
	path := filepath.Join(b.TempDir(), "t.parquet")
	if err := parquet.WriteFile(path, rows); err != nil {
		b.Fatal(err)
	}
	b.Run("samples", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			drain(b, nil, path)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			if got, err := parquet.ReadFile[parquetRow](path); err != nil || len(got) != n {
				b.Fatal(len(got), err)
			}
		}
	})
}
