package features_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// Other programs write Parquet in other ways: other codecs, encodings, page
// versions, every column nullable, columns in another order and more of them.
func TestReadsPyarrow(t *testing.T) {
	want := &features.Set{}
	for i := range 300 {
		want.IDs = append(want.IDs, fmt.Sprint("names#", i+1))
		want.Keys = append(want.Keys, cache.Key(sha256.Sum256(fmt.Append(nil, i))))
		label, weight := fmt.Sprint("class ", i%3), float64(i)/8
		if i%10 == 0 {
			label = ""
		}
		if i%2 == 1 {
			weight = math.NaN()
		}
		want.Labels, want.Weights = append(want.Labels, label), append(want.Weights, weight)
		want.Splits = append(want.Splits, []string{"train", "validation", "test", ""}[i%4])
	}
	for _, name := range []string{"pyarrow_snappy_v1", "pyarrow_zstd_v2", "pyarrow_gzip_plain", "pyarrow_none", "pyarrow_delta"} {
		got, err := features.Read("testdata/" + name + ".features")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Meta.Counts.Samples != 300 || got.Meta.Tool != "pyarrow" || len(got.Meta.Spaces) != 1 {
			t.Errorf("%s: metadata %+v", name, got.Meta)
		}
		want.Meta = got.Meta
		if !same(got, want) {
			t.Errorf("%s: read\n%.300v\nwant\n%.300v", name, got, want)
		}
	}
	want.Labels = nil
	for i := range want.IDs {
		want.LabelLists = append(want.LabelLists, [][]string{nil, {}, {"a"}, {"b", "a"}, {"a", "a;b", "ä"}}[i%5])
	}
	for _, name := range []string{"pyarrow_lists_v1", "pyarrow_lists_v2"} {
		got, err := features.Read("testdata/" + name + ".features")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.Meta = got.Meta
		if !got.Meta.MultiLabel || !same(got, want) {
			t.Errorf("%s: read\n%.300v\nwant\n%.300v", name, got, want)
		}
	}
	_, err := features.Read("testdata/pyarrow_no_view.features")
	fails(t, err, "column group: it is missing")
}

// parquetFile writes rows of any type as Parquet, with metadata if it is not
// "".
func parquetFile[T any](t testing.TB, meta string, rows []T, options ...parquet.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	if meta != "" {
		options = append(options, parquet.KeyValueMetadata("headstart", meta))
	}
	options = append(options, parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain))
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return save(t, b.Bytes())
}

func save(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.features")
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodMeta = `{"format_version":1,"spaces":[{"dim":1,"dtype":"f32"}],"backbone":"b","modality":"text","source":["s"],"counts":{},"tool":"","created":""}`

func TestForeignParquet(t *testing.T) {
	type good struct {
		ID     string   `parquet:"id"`
		Key    [32]byte `parquet:"key"`
		Label  string   `parquet:"label,optional"`
		Split  string   `parquet:"split,optional"`
		Group  string   `parquet:"group,optional"`
		Weight *float64 `parquet:"weight,optional"`
		View   int32    `parquet:"view"`
	}
	type labels struct {
		ID    string   `parquet:"id"`
		Key   [32]byte `parquet:"key"`
		Label []string `parquet:"label,list"`
	}
	type numbers struct {
		ID    string   `parquet:"id"`
		Key   [32]byte `parquet:"key"`
		Label float64  `parquet:"label"`
	}
	type shortKey struct {
		ID  string   `parquet:"id"`
		Key [31]byte `parquet:"key"`
	}
	type nullKey struct {
		ID  string    `parquet:"id"`
		Key *[32]byte `parquet:"key,optional"`
	}
	type onlyID struct {
		ID string `parquet:"id"`
	}
	type other struct {
		X int64
	}
	negative, many := -1.0, make([]good, 70_000)
	for i := range many {
		many[i].ID = "x"
	}
	for name, test := range map[string]struct{ path, says string }{
		"good":        {parquetFile(t, goodMeta, []good{{ID: "a"}}), ""},
		"no metadata": {parquetFile(t, "", []good{{ID: "a"}}), "without headstart's metadata"},
		"no JSON":     {parquetFile(t, "{", []good{{ID: "a"}}), "metadata: "},
		"newer":       {parquetFile(t, strings.Replace(goodMeta, ":1", ":3", 1), []good{{ID: "a"}}), "format version 3, written by a newer headstart"},
		"no version":  {parquetFile(t, "{}", []good{{ID: "a"}}), "format version 0"},
		"bad space":   {parquetFile(t, strings.Replace(goodMeta, "f32", "f99", 1), []good{{ID: "a"}}), "space 1"},
		"no columns":  {parquetFile(t, goodMeta, []other{{1}}), "column id: it is missing"},
		"no key":      {parquetFile(t, goodMeta, []onlyID{{"a"}}), "column key: it is missing"},
		"short key":   {parquetFile(t, goodMeta, []shortKey{{ID: "a"}}), "column key: it is of type REQUIRED FIXED_LEN_BYTE_ARRAY(31), where FIXED_LEN_BYTE_ARRAY(32) is needed"},
		"null key":    {parquetFile(t, goodMeta, []nullKey{{ID: "a"}}), "column key: row 1: a null"},
		"lists":       {parquetFile(t, goodMeta, []labels{{ID: "a"}}), "column label: it holds lists"},
		"numbers":     {parquetFile(t, goodMeta, []numbers{{ID: "a"}}), "column label: it is of type REQUIRED DOUBLE"},
		"empty id":    {parquetFile(t, goodMeta, []good{{ID: "a"}, {}}), "column id: row 2: an empty id"},
		"long id":     {parquetFile(t, goodMeta, []good{{ID: strings.Repeat("x", 5000)}}), "column id: row 1: id \"xxx"},
		"bad label":   {parquetFile(t, goodMeta, []good{{ID: "a", Label: "\xff"}}), `column label: row 1: label "\xff": not UTF-8`},
		"bad group":   {parquetFile(t, goodMeta, []good{{ID: "a", Group: "\xff"}}), `column group: row 1: group "\xff": not UTF-8`},
		"bad split":   {parquetFile(t, goodMeta, []good{{ID: "a", Split: "dev"}}), `column split: row 1: split "dev"`},
		"bad weight":  {parquetFile(t, goodMeta, []good{{ID: "a", Weight: &negative}}), "column weight: row 1: weight -1"},
		"bad view":    {parquetFile(t, goodMeta, []good{{ID: "a", View: -1}}), "column view: row 1: view -1"},
		"many rows in few bytes": {parquetFile(t, goodMeta, many, parquet.Compression(&parquet.Zstd)),
			"70000 rows in "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := features.Read(test.path)
			if test.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			fails(t, err, test.path, test.says)
		})
	}
}

func TestNoFeatureSets(t *testing.T) {
	content, err := os.ReadFile(write(t, small(t)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	long := bytes.Clone(content)
	binary.LittleEndian.PutUint32(long[len(long)-8:], math.MaxUint32)
	for path, says := range map[string]string{
		filepath.Join(dir, "none"):               "no such file",
		dir:                                      "no feature set",
		pipe:                                     "no feature set",
		save(t, nil):                             "no feature set",
		save(t, []byte("id,label\n")):            "no feature set",
		save(t, content[:4]):                     "damaged or cut off",
		save(t, content[:len(content)-1]):        "damaged or cut off",
		save(t, content[:len(content)/2]):        "damaged or cut off",
		save(t, append([]byte("x"), content...)): "no feature set",
		save(t, long):                            "damaged or cut off",
		save(t, []byte("PAR1\x00\x00\x00\x00PAR1")): "damaged or cut off",
	} {
		_, err := features.Read(path)
		fails(t, err, path, says)
		_, err = features.ReadMeta(path)
		fails(t, err, path, says)
	}
}

// A file that is damaged at any place is an error, or what is damaged matters
// to no row, but it is neither a panic nor much memory or time.
func TestDamage(t *testing.T) {
	want := small(t)
	content, err := os.ReadFile(write(t, want))
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		for _, b := range []byte{content[i] ^ 1<<(i%8), 0, 0xff} {
			damaged := bytes.Clone(content)
			damaged[i] = b
			var got *features.Set
			what := fmt.Sprintf("byte %d is %#x", i, b)
			bounded(t, what, func() { got = readAll(t, damaged) })
			if got == nil {
				continue
			}
			if got.Meta = want.Meta; !same(got, want) {
				t.Errorf("%s: read\n%v\nwant\n%v", what, got, want)
			}
		}
		if s := readAll(t, content[:i]); s != nil {
			t.Errorf("cut off at %d it is read", i)
		}
	}
}

// readAll reads a set and checks that what comes without an error is one that
// could be written.
func readAll(t testing.TB, content []byte) *features.Set {
	t.Helper()
	s, err := features.ReadFrom(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil
	}
	if err := features.Check(s); err != nil {
		t.Errorf("what was read is no set: %v", err)
	}
	return s
}

// bounded asserts that f does not allocate much.
func bounded(t testing.TB, what string, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%s: %d MiB were allocated", what, n>>20)
	}
}

// Sizes that a file claims are not believed.
func TestHostileSizes(t *testing.T) {
	// A footer whose schema is a list of 2³¹−1 structs, in 20 bytes.
	footer := []byte{0x15, 0x02, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0}
	file := append([]byte("PAR1"), footer...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(footer)))
	file = append(file, "PAR1"...)
	path := save(t, file)
	bounded(t, "a long list", func() {
		_, err := features.Read(path)
		fails(t, err, "footer: over 65536 list entries")
	})
	// Lists in lists, deeper than a stack should be.
	footer = bytes.Repeat([]byte{0x19, 0x19}, 1<<16)
	file = append([]byte("PAR1"), footer...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(footer)))
	path = save(t, append(file, "PAR1"...))
	bounded(t, "deep lists", func() {
		_, err := features.Read(path)
		fails(t, err, "footer: nested deeper than 32")
	})
	// A few compressed bytes that are a page of 100 MB.
	type row struct {
		ID  string   `parquet:"id"`
		Key [32]byte `parquet:"key"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.Compression(&parquet.Zstd), parquet.KeyValueMetadata("headstart", goodMeta),
		parquet.PageBufferSize(1<<30), parquet.DataPageStatistics(false), parquet.SkipPageBounds("id"))
	long := strings.Repeat("x", 100<<20)
	if _, err := w.Write([]row{{ID: long}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, long = nil, ""
	if b.Len() > 1<<20 {
		t.Fatalf("the page takes %d bytes", b.Len())
	}
	path = save(t, b.Bytes())
	bounded(t, "a page of 100 MB", func() {
		_, err := features.Read(path)
		fails(t, err, "column id: a page of 104857", "over the limit of 16777216")
	})
}
