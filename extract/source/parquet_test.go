package source_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/extract/source"
)

// tables is where generate.py has written tables, and what other libraries
// read in them.
const tables = "testdata/tables"

// expectations decodes expected.json.
func expectations(t *testing.T, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(tables, "expected.json"))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What pandas, pyarrow, datasets and json write, as Parquet and as JSON, is
// read as they read it.
func TestTablesOfOtherLibraries(t *testing.T) {
	var want struct {
		Tables map[string]struct {
			Text, Label string
			Samples     []string
		}
	}
	expectations(t, &want)
	if len(want.Tables) < 14 {
		t.Fatalf("%d tables", len(want.Tables))
	}
	for name, table := range want.Tables {
		t.Run(name, func(t *testing.T) {
			samples, err := read(t, &source.Options{Text: table.Text, Label: table.Label}, filepath.Join(tables, name))
			if err != nil {
				t.Fatal(err)
			}
			check(t, samples, table.Samples...)
		})
	}
}

// Classes that are numbers have the names that the file's metadata give them,
// in objects and lists, too.
func TestParquetLabels(t *testing.T) {
	var want struct {
		Kinds   []string
		Several map[string][][]string
	}
	expectations(t, &want)
	path := filepath.Join(tables, "hf.parquet")
	samples, err := read(t, &source.Options{Label: "more.kind"}, path)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range samples {
		if s.Label != want.Kinds[i] {
			t.Errorf("%s: label %q, want %q", s.ID, s.Label, want.Kinds[i])
		}
	}
	for _, column := range []string{"labels", "classes", "numbers"} {
		samples, err := read(t, &source.Options{Label: column, MultiLabel: true}, path)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range samples {
			if got := fmt.Sprint(s.Labels); s.Labels == nil || got != fmt.Sprint(want.Several[column][i]) || len(s.Labels) != len(want.Several[column][i]) {
				t.Errorf("%s of %s: %q, want %q", column, s.ID, s.Labels, want.Several[column][i])
			}
		}
	}
	samples, err = read(t, &source.Options{Label: "labels", With: []string{"numbers", "more.kind"}}, path)
	if err != nil || len(samples) != 5 {
		t.Fatal(err)
	}
	if got := describe(samples[0]); got != `hf#1|||||BAD a list in column "labels", where one label is wanted` {
		t.Error(got)
	}
	if got := fmt.Sprintf("%q", samples[1].With); got != `["[\"1\",\"2\"]" "q"]` {
		t.Error(got)
	}
}

// Images are in the file, as Hugging Face's data sets have them or as bytes, or
// beside it.
func TestParquetImages(t *testing.T) {
	picture, err := os.ReadFile(filepath.Join(tables, "path.png"))
	if err != nil {
		t.Fatal(err)
	}
	samples, err := read(t, nil, filepath.Join(tables, "images.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ path, label, bad string }{
		{"was/0.png", "dark", ""}, {"images.parquet#2", "red", ""}, {"path.png", "red", ""}, {"", "dark", "its path is empty"},
	} {
		s := samples[i]
		content, err := s.Read(source.MaxContent)
		switch {
		case s.Label != want.label || s.Path != want.path || s.ID != fmt.Sprint("images#", i+1):
			t.Errorf("%+v, want %+v", s, want)
		case want.bad != "":
			if err == nil || err.Error() != want.bad {
				t.Errorf("%s: %v", s.ID, err)
			}
		case err != nil || !bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")) || bytes.Equal(content, picture) != (i == 2):
			t.Errorf("%s: %d bytes, %v", s.ID, len(content), err)
		}
	}
	if samples, err = read(t, nil, filepath.Join(tables, "binary.parquet")); err != nil {
		t.Fatal(err)
	}
	if content, err := samples[1].Read(1 << 20); err != nil || !bytes.HasPrefix(content, []byte("\x89PNG")) {
		t.Error(err)
	}
	check(t, samples[2:], "binary#3|c||||no picture", "binary#4|d||||BAD its path is empty")
	if samples, err = read(t, nil, filepath.Join(tables, "paths.parquet")); err != nil {
		t.Fatal(err)
	}
	if content, err := samples[0].Read(1 << 20); err != nil || !bytes.Equal(content, picture) {
		t.Error(err)
	}
	check(t, samples[1:], "paths#2|b||||BAD no such file in the folder "+tables)
}

// What cannot be read is said: sound, by whatever column it is asked for; a
// Parquet file that comes through a pipe; a feature set.
func TestParquetRefused(t *testing.T) {
	sound := filepath.Join(tables, "audio.parquet")
	for _, opts := range []*source.Options{nil, {Image: "audio"}, {Text: "audio"}} {
		_, err := read(t, opts, sound)
		fails(t, err, sound, `column "audio": it holds sound (Hugging Face's type Audio), which this version does not read`)
	}
	content, err := os.ReadFile(filepath.Join(tables, "pandas.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(t, &source.Options{Stdin: bytes.NewReader(content)}, "-")
	fails(t, err, "standard input: a Parquet file must be a file of its own")
	_, err = read(t, nil, file(t, "p.parquet.gz", zipped(string(content))))
	fails(t, err, "a Parquet file inside gzip", "decompress it")

	var b bytes.Buffer
	w := parquet.NewGenericWriter[struct {
		ID string `parquet:"id"`
	}](&b, parquet.KeyValueMetadata("headstart", "{}"))
	w.Close()
	set := file(t, "a.features", b.String())
	_, err = read(t, nil, set)
	if e, ok := errors.AsType[*source.FeatureSetError](err); !ok || e.Path != set {
		t.Error(err)
	}
	fails(t, err, set, "a feature set")

	type inner struct {
		Names []string `parquet:"names,list"`
	}
	type odd struct {
		Text string           `parquet:"text"`
		Maps map[string]int64 `parquet:"maps"`
		List []inner          `parquet:"list,list"`
	}
	b.Reset()
	if err := parquet.Write(&b, []odd{{"a", nil, nil}}); err != nil {
		t.Fatal(err)
	}
	path := file(t, "odd.parquet", b.String())
	if samples, err := read(t, nil, path); err != nil || len(samples) != 1 {
		t.Error(err)
	}
	_, err = read(t, &source.Options{Label: "list"}, path)
	fails(t, err, `column "list": it holds lists of groups or of lists`)
}

// A Parquet file that is not what it says is an error with its place, and
// memory is bounded.
func TestParquetDamaged(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(tables, "pandas_none.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{6, 20, len(content) / 2, len(content) - 1} {
		path := file(t, "cut.parquet", string(content[:n]))
		_, err := read(t, nil, path)
		fails(t, err, path, "damaged or cut off")
	}
	// A column whose pages are not there ends the run with the record.
	broken := bytes.Clone(content)
	footer := len(content) - 8 - int(binary.LittleEndian.Uint32(content[len(content)-8:]))
	for i := 4; i < footer; i++ {
		broken[i] = 0xff
	}
	path := file(t, "broken.parquet", string(broken))
	_, err = read(t, nil, path)
	fails(t, err, path+": record 1: column ", "damaged or cut off")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	lies := bytes.Clone(content)
	binary.LittleEndian.PutUint32(lies[len(lies)-8:], 0x7fffffff)
	_, err = read(t, nil, file(t, "lies.parquet", string(lies)))
	fails(t, err, "damaged or cut off")
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

// Of a column of images, which one row group holds, only pages are in memory.
func TestParquetStreams(t *testing.T) {
	type row struct {
		Image []byte `parquet:"image"`
	}
	path := filepath.Join(t.TempDir(), "big.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](f, parquet.PageBufferSize(1<<20))
	content := make([]byte, 100<<10)
	random := rand.NewChaCha8([32]byte{})
	const n = 600
	for range n {
		random.Read(content)
		if _, err := w.Write([]row{{content}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	w, content = nil, nil
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what is in a pool outlives one
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := memory()
	src, err := source.Open([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var most uint64
	for i := 0; ; i++ {
		s, err := src.Next()
		if err == io.EOF {
			if i != n {
				t.Errorf("%d samples", i)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err := s.Read(1 << 20); err != nil || len(b) != 100<<10 {
			t.Fatal(err)
		}
		if i%50 == 49 {
			most = max(most, memory())
		}
	}
	if most > before+8<<20 {
		t.Errorf("%d MiB in memory, before %d, of a column of %d", most>>20, before>>20, n*100>>10)
	}
}

// Whatever the bytes are, they are read or refused, and as many samples come as
// the file says.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"pandas_fast", "hf", "nested", "images", "binary", "audio"} {
		b, err := os.ReadFile(filepath.Join(tables, name+".parquet"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, name == "hf")
	}
	f.Fuzz(func(t *testing.T, content []byte, several bool) {
		path := file(t, "t.parquet", string(content))
		for _, opts := range []source.Options{{}, {Text: "text", Label: "labels"}, {Image: "image"}, {Text: "review.body", Label: "review.by.name"}} {
			opts.Format, opts.MultiLabel = "parquet", several
			src, err := source.Open([]string{path}, &opts)
			if err != nil {
				if !strings.Contains(err.Error(), "source: "+path) {
					t.Fatal(err)
				}
				continue
			}
			total, _ := src.Total(t.Context())
			n := 0
			for n < 2000 {
				s, err := src.Next()
				if err == io.EOF && n != total {
					t.Fatalf("%d samples of %d", n, total)
				}
				if err != nil {
					break
				}
				n++
				if _, err := s.Read(1 << 20); err != nil && strings.Contains(err.Error(), "\n") {
					t.Fatal(err)
				}
			}
			src.Close()
		}
	})
}

// Reading texts out of Parquet, beside the library that feature sets are read
// with.
func BenchmarkReadParquet(b *testing.B) {
	type row struct {
		ID    int64  `parquet:"id"`
		Text  string `parquet:"text"`
		Label string `parquet:"label,dict"`
		Stars int64  `parquet:"stars"`
	}
	var rows []row
	size := 0
	for i := range 200_000 {
		rows = append(rows, row{int64(i), strings.Repeat("some words of a review \"as quoted\", ", 3) + fmt.Sprint(i), fmt.Sprint("class ", i%10), int64(i % 5)})
		size += len(rows[i].Text) + len(rows[i].Label) + 8
	}
	for name, codec := range map[string]parquet.WriterOption{"plain": parquet.Compression(&parquet.Uncompressed), "snappy": parquet.Compression(&parquet.Snappy), "zstd": parquet.Compression(&parquet.Zstd)} {
		var content bytes.Buffer
		if err := parquet.Write(&content, rows, codec); err != nil {
			b.Fatal(err)
		}
		path := file(b, "t.parquet", content.String())
		b.Run(name+"/source", func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				drain(b, nil, path)
			}
		})
		b.Run(name+"/parquet-go", func(b *testing.B) {
			b.SetBytes(int64(size))
			type wanted struct {
				ID    int64  `parquet:"id"`
				Text  string `parquet:"text"`
				Label string `parquet:"label,dict"`
			}
			batch := make([]wanted, 256)
			for b.Loop() {
				f, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				r := parquet.NewGenericReader[wanted](f)
				for {
					if _, err := r.Read(batch); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
				f.Close()
			}
		})
	}
}
