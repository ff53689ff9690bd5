package features_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/numpy"
)

// hard are float32 that a detour through text or arithmetic could change.
var hard = []float32{
	0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
	math.Float32frombits(0x007fffff), math.Float32frombits(0x00800000), math.MaxFloat32, -math.MaxFloat32,
	1, -1, 0.1, 1.0 / 3, 16777216, 16777217, 1e-6, 999999, 1e21, 123456.7,
	math.Float32frombits(0x3f7fffff), math.Float32frombits(0x3f800001), math.Float32frombits(0x15ae43fd), // 7e-26
}

// hardRow is a row of hard values that differs from key to key.
func hardRow(s *cache.Space, k cache.Key) []float32 {
	r := make([]float32, s.Dim())
	for i := range r {
		r[i] = hard[(int(k[0])+int(k[1])*7+i*5+len(s.JSON()))%len(hard)]
	}
	return r
}

// fillHard writes hard rows of all keys in all spaces of a set to dir.
func fillHard(t testing.TB, dir string, set *features.Set) {
	t.Helper()
	c, err := cache.Create(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range set.Meta.Spaces {
		s, err := cache.ParseSpace(text)
		if err != nil {
			t.Fatal(err)
		}
		w, err := c.Writer(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(set.Keys, 1000) {
			var rows []float32
			for _, k := range part {
				rows = append(rows, hardRow(s, k)...)
			}
			if err := w.Append(part, rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// want is the matrix that an export of a set has to have.
func want(t testing.TB, set *features.Set) (x []float32, d int) {
	t.Helper()
	var spaces []*cache.Space
	for _, text := range set.Meta.Spaces {
		s, err := cache.ParseSpace(text)
		if err != nil {
			t.Fatal(err)
		}
		spaces, d = append(spaces, s), d+s.Dim()
	}
	for _, k := range set.Keys {
		for _, s := range spaces {
			x = append(x, hardRow(s, k)...)
		}
	}
	return x, d
}

// exported opens an export of a set from the cache in dir.
func exported(t testing.TB, dir string, set *features.Set) *features.Export {
	t.Helper()
	x, err := features.NewExport(set, "x.features", open(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// decoded is what a test reads back from an exported file.
type decoded struct {
	n, d   int
	x      []float32
	labels [][]string // with the header
}

// parquetRow is a row of an exported Parquet file, read on its own terms.
type parquetRow struct {
	ID        string    `parquet:"id"`
	Key       [32]byte  `parquet:"key"`
	Label     *string   `parquet:"label,optional"`
	Split     *string   `parquet:"split,optional"`
	Group     *string   `parquet:"group,optional"`
	Weight    *float64  `parquet:"weight,optional"`
	View      int32     `parquet:"view"`
	Embedding []float32 `parquet:"embedding,list"`
}

var npyText = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\), \} *\n$`)

func decodeNPY(t *testing.T, b []byte) (out decoded) {
	t.Helper()
	if len(b) < 10 || string(b[:8]) != "\x93NUMPY\x01\x00" {
		t.Fatalf("not NumPy's: %q", b[:min(len(b), 10)])
	}
	start := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	m := npyText.FindSubmatch(b[10:start])
	if m == nil || start%64 != 0 {
		t.Fatalf("header %q, data from %d", b[10:start], start)
	}
	out.n, _ = strconv.Atoi(string(m[1]))
	out.d, _ = strconv.Atoi(string(m[2]))
	out.x = values(b[start:])
	return out
}

// decodeNPZ reads the arrays with what reads those of others; labels are as a
// CSV file would have them.
func decodeNPZ(t *testing.T, b []byte) (out decoded) {
	t.Helper()
	arrays, err := numpy.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range arrays {
		rows, err := a.Rows()
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if a.Name == "X" {
			out.n, out.d = int(a.Shape[0]), int(a.Shape[1])
			out.labels = make([][]string, out.n+1)
		}
		name := map[string]string{"ids": "id", "y": "label"}[a.Name]
		if name == "" {
			name = a.Name
		}
		if name != "X" {
			out.labels[0] = append(out.labels[0], name)
		}
		for i := range out.n {
			row, err := rows.Next()
			if err != nil {
				t.Fatal(err)
			}
			cell := ""
			switch name {
			case "X":
				out.x = append(out.x, values(row)...)
				continue
			case "weight":
				if w := math.Float64frombits(binary.LittleEndian.Uint64(row)); !math.IsNaN(w) {
					cell = strconv.FormatFloat(w, 'g', -1, 64)
				}
			case "view":
				cell = strconv.Itoa(int(int32(binary.LittleEndian.Uint32(row))))
			default:
				for ; len(row) > 0 && binary.LittleEndian.Uint32(row) > 0; row = row[4:] {
					cell += string(rune(binary.LittleEndian.Uint32(row)))
				}
			}
			out.labels[i+1] = append(out.labels[i+1], cell)
		}
	}
	return out
}

func values(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

func decodeSafetensors(t *testing.T, b []byte, set *features.Set) (out decoded) {
	t.Helper()
	start := 8 + int(binary.LittleEndian.Uint64(b))
	type tensor struct {
		Dtype string
		Shape []int
		At    []int `json:"data_offsets"`
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(b[8:start], &header); err != nil || start%64 != 0 || b[8] != '{' {
		t.Fatalf("header %q: %v", b[8:start], err)
	}
	var embeddings, keys tensor
	var metadata map[string]string
	for name, to := range map[string]any{"embeddings": &embeddings, "keys": &keys, "__metadata__": &metadata} {
		if err := json.Unmarshal(header[name], to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	n, d := embeddings.Shape[0], embeddings.Shape[1]
	if want := (tensor{"F32", []int{n, d}, []int{0, 4 * n * d}}); !reflect.DeepEqual(embeddings, want) {
		t.Errorf("embeddings %+v, want %+v", embeddings, want)
	}
	if want := (tensor{"U8", []int{n, 32}, []int{4 * n * d, 4*n*d + 32*n}}); !reflect.DeepEqual(keys, want) {
		t.Errorf("keys %+v, want %+v", keys, want)
	}
	data := b[start:]
	if len(header) != 3 || len(data) != 4*n*d+32*n {
		t.Fatalf("%d entries, %d bytes", len(header), len(data))
	}
	var spaces []json.RawMessage
	var source []string
	if err := errors.Join(json.Unmarshal([]byte(metadata["spaces"]), &spaces), json.Unmarshal([]byte(metadata["source"]), &source)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(spaces, set.Meta.Spaces) || !slices.Equal(source, set.Meta.Source) || metadata["backbone"] != set.Meta.Backbone || metadata["format_version"] != "1" {
		t.Errorf("metadata %q", metadata)
	}
	for i, k := range set.Keys {
		if !bytes.Equal(data[4*n*d+32*i:][:32], k[:]) {
			t.Errorf("key %d differs", i)
		}
	}
	return decoded{n: n, d: d, x: values(data[:4*n*d])}
}

func decodeCSV(t *testing.T, b []byte) (out decoded) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	first := slices.Index(all[0], "f0")
	out.n, out.d = len(all)-1, len(all[0])-first
	for i, row := range all {
		out.labels = append(out.labels, row[:first])
		for j, cell := range row[first:] {
			if i == 0 {
				if cell != fmt.Sprint("f", j) {
					t.Errorf("column %d is %s", first+j, cell)
				}
				continue
			}
			v, err := strconv.ParseFloat(cell, 32)
			if err != nil {
				t.Fatal(err)
			}
			out.x = append(out.x, float32(v))
			// By way of a float64 too, as other programs read it.
			if w, err := strconv.ParseFloat(cell, 64); err != nil || float32(w) != float32(v) {
				t.Errorf("%s is %v, and by way of a float64 %v", cell, float32(v), float32(w))
			}
		}
	}
	return out
}

func decodeParquet(t *testing.T, path string, set *features.Set) (out decoded) {
	t.Helper()
	rows, err := parquet.ReadFile[parquetRow](path)
	if err != nil {
		t.Fatal(err)
	}
	out.n = len(rows)
	cell := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	out.labels = [][]string{{"id", "label", "split", "group", "weight", "view"}}
	for i, r := range rows {
		weight := ""
		if r.Weight != nil {
			weight = fmt.Sprint(*r.Weight)
		}
		out.labels = append(out.labels, []string{r.ID, cell(r.Label), cell(r.Split), cell(r.Group), weight, fmt.Sprint(r.View)})
		out.d = len(r.Embedding)
		out.x = append(out.x, r.Embedding...)
		if r.Key != set.Keys[i] {
			t.Errorf("key %d differs", i)
		}
	}
	again, err := features.Read(path)
	if err != nil {
		t.Fatalf("as a feature set: %v", err)
	}
	if !same(again, set) {
		t.Errorf("as a feature set it is\n%+v\nwant\n%+v", again, set)
	}
	return out
}

// decode reads an exported file with its labels.
func decode(t *testing.T, path, labels string, set *features.Set) (out decoded) {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	switch filepath.Ext(path) {
	case ".npy":
		out = decodeNPY(t, read(path))
	case ".npz":
		out = decodeNPZ(t, read(path))
	case ".safetensors":
		out = decodeSafetensors(t, read(path), set)
	case ".csv":
		out = decodeCSV(t, read(path))
	case ".parquet":
		out = decodeParquet(t, path, set)
	}
	if labels != "" {
		all, err := csv.NewReader(bytes.NewReader(read(labels))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		out.labels = all
	}
	return out
}

// sameBits says whether two slices have the same bits.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(v, w float32) bool { return math.Float32bits(v) == math.Float32bits(w) })
}

// listing lists the files in a folder, hidden ones too, with their contents.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every format has every bit of every row, in the set's order, and what the
// set knows of the samples; the cache stays as it is.
func TestExport(t *testing.T) {
	full := small(t)
	full.IDs[1] = `a, "quoted"`
	full.Keys[4] = full.Keys[0] // two samples of one content, besides rows 1 and 2
	bare := plainSet(t, "c", 2*len(hard), numbered(0, 9)...)
	bare.Meta.FormatVersion, bare.Meta.Counts.Samples, bare.Meta.Created = 1, 9, "2020-02-03T04:05:06Z"
	labelled := plainSet(t, "d", 1, "2", "1")
	labelled.Meta.FormatVersion, labelled.Meta.Counts.Samples, labelled.Meta.Created = 1, 2, "2020-02-03T04:05:06Z"
	labelled.Labels = []string{"", "x"}
	none := plainSet(t, "e", 3)
	none.IDs, none.Keys = []string{}, []cache.Key{}
	none.Meta.FormatVersion, none.Meta.Created = 1, "2020-02-03T04:05:06Z"
	for name, test := range map[string]struct {
		set    *features.Set
		labels [][]string
	}{
		"two spaces, all columns": {full, [][]string{
			{"id", "label", "split", "group", "weight", "view"},
			{"z", "cat", "train", "", "0", "0"}, {`a, "quoted"`, "", "validation", "", "1", "1"}, {"ä\n", "dog", "test", "g", "", "2"},
			{"names#4", "cat", "", "h", "0.25", "0"}, {"5", " ", "train", "g", "1e+300", "2147483647"},
		}},
		"ids only":          {bare, nil},
		"one value, labels": {labelled, [][]string{{"id", "label"}, {"2", ""}, {"1", "x"}}},
		"no rows":           {none, nil},
	} {
		if test.labels == nil {
			test.labels = [][]string{{"id"}}
			for _, id := range test.set.IDs {
				test.labels = append(test.labels, []string{id})
			}
		}
		dir, to := filepath.Join(t.TempDir(), "cache"), t.TempDir()
		fillHard(t, dir, test.set)
		before := listing(t, dir)
		x := exported(t, dir, test.set)
		matrix, d := want(t, test.set)
		for _, format := range features.ExportFormats {
			t.Run(name+" "+format, func(t *testing.T) {
				path := filepath.Join(to, "x."+format)
				planned, err := x.Plan(t.Context(), path, format)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(path); err == nil {
					t.Fatal("a plan has left a file")
				}
				out, err := x.Write(t.Context(), path, format)
				if err != nil {
					t.Fatal(err)
				}
				labels := ""
				if format == "npy" || format == "safetensors" {
					labels = filepath.Join(to, "x.labels.csv")
				}
				info, err := os.Stat(path)
				if err != nil || *planned != *out || out.Labels != labels || out.Bytes != info.Size() {
					t.Errorf("planned %+v, written %+v, %v", planned, out, err)
				}
				got := decode(t, path, out.Labels, test.set)
				if len(matrix) > 0 && got.d != d || got.n != test.set.N() || !sameBits(got.x, matrix) {
					t.Errorf("%d×%d %v, want %d×%d %v", got.n, got.d, got.x, test.set.N(), d, matrix)
				}
				columns := test.labels
				if format == "parquet" { // which has all columns always
					columns = [][]string{{"id", "label", "split", "group", "weight", "view"}}
					for _, row := range test.labels[1:] {
						all := []string{"", "", "", "", "", "0"}
						for i, cell := range row {
							all[slices.Index(columns[0], test.labels[0][i])] = cell
						}
						columns = append(columns, all)
					}
				}
				if !reflect.DeepEqual(got.labels, columns) {
					t.Errorf("labels %q, want %q", got.labels, columns)
				}
				// The same again, in place of what is there.
				once := listing(t, to)
				if _, err := x.Write(t.Context(), path, format); err != nil || !reflect.DeepEqual(listing(t, to), once) {
					t.Errorf("written again it is other files than %q: %v", slices.Collect(keysOf(once)), err)
				}
			})
		}
		if n := len(listing(t, to)); n != 6 { // five and one of labels
			t.Errorf("%s: %d files, want 6", name, n)
		}
		if !reflect.DeepEqual(listing(t, dir), before) {
			t.Errorf("%s: the cache has changed", name)
		}
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// More rows than a block and a row group hold, in two spaces. The heap that
// is in use meanwhile is far smaller than the files.
func TestExportInBlocks(t *testing.T) {
	const n = 20_000
	set := plainSet(t, "a", 600, numbered(0, n)...)
	set.Meta.FormatVersion, set.Meta.Counts.Samples, set.Meta.Created = 1, n, "2020-02-03T04:05:06Z"
	set.Meta.Spaces = append(set.Meta.Spaces, space(t, "bb", 300).JSON())
	for i := range set.Keys { // 500 contents, each many times
		set.Keys[i] = set.Keys[i%500]
	}
	dir, to := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	contents := *set
	contents.Keys = set.Keys[:500]
	fillHard(t, dir, &contents)
	matrix, d := want(t, &contents)
	x := exported(t, dir, set)
	for _, format := range features.ExportFormats {
		path := filepath.Join(to, "x."+format)
		var first, most uint64
		last, calls := 0, 0
		x.Progress = func(done, total int) {
			if done <= last || total != n {
				t.Errorf("%s: progress from %d to %d of %d", format, last, done, total)
			}
			last, calls = done, calls+1
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if first == 0 {
				first = m.HeapAlloc
			}
			most = max(most, m.HeapAlloc)
		}
		out, err := x.Write(t.Context(), path, format)
		if err != nil {
			t.Fatal(err)
		}
		if last != n || calls < 5 {
			t.Errorf("%s: %d blocks, the last to %d", format, calls, last)
		}
		t.Logf("%s: %d bytes, heap from %d to %d", format, out.Bytes, first, most)
		if most > first+40<<20 {
			t.Errorf("%s: the heap grows from %d to %d", format, first, most)
		}
		if format == "csv" { // the lines are compared, and the first ones read
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(b), "\n")
			if got := decodeCSV(t, []byte(strings.Join(lines[:501], ""))); got.d != d || !sameBits(got.x, matrix) || len(lines) != n+2 {
				t.Errorf("csv: %d columns, %d lines", got.d, len(lines))
			}
			for i, line := range lines[1 : n+1] {
				id, cells, _ := strings.Cut(line, ",")
				if _, like, _ := strings.Cut(lines[1+i%500], ","); id != set.IDs[i] || cells != like {
					t.Fatalf("csv: row %d differs", i)
				}
			}
			continue
		}
		got := decode(t, path, out.Labels, set)
		if got.n != n || got.d != d {
			t.Fatalf("%s: %d×%d", format, got.n, got.d)
		}
		for i := range n {
			if !sameBits(got.x[i*d:(i+1)*d], matrix[i%500*d:(i%500+1)*d]) || got.labels[i+1][0] != set.IDs[i] {
				t.Fatalf("%s: row %d differs", format, i)
			}
		}
	}
}

func TestExportMissing(t *testing.T) {
	dir, to := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	a := plainSet(t, "a", 3, numbered(0, 10)...)
	some := *a
	some.Keys = a.Keys[:6]
	fillHard(t, dir, &some)
	_, err := features.NewExport(a, "x.features", open(t, dir))
	missing, ok := errors.AsType[*features.MissingError](err)
	if !ok || missing.Missing != 4 || missing.Total != 10 || missing.Command != "headstart extract --backbone a --out x.features a.csv" {
		t.Errorf("%v", err)
	}
	if left := listing(t, to); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
}

// A damaged row is an error, in a plan too; what was there stays, and nothing
// else is left.
func TestExportDamaged(t *testing.T) {
	const n, d = 5000, 500 // more than a block
	dir, to := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	a := plainSet(t, "a", d, numbered(0, n)...)
	fillHard(t, dir, a)
	last := slices.MaxFunc(a.Keys, func(a, b cache.Key) int { return bytes.Compare(a[:], b[:]) })
	at := slices.Index(a.Keys, last) // the last row of the segment becomes the last of the set
	a.Keys[at], a.Keys[n-1] = a.Keys[n-1], a.Keys[at]
	segments, err := filepath.Glob(filepath.Join(dir, "spaces", "*", "seg", "*.safetensors"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	if err := os.Chmod(segments[0], 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff, 0x55}, 4096+4*(n*d-2)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, format := range features.ExportFormats {
		put(t, filepath.Join(to, "x."+format), "old")
	}
	put(t, filepath.Join(to, "x.labels.csv"), "old labels")
	before := listing(t, to)
	for _, format := range features.ExportFormats {
		x := exported(t, dir, a)
		for name, do := range map[string]func(context.Context, string, string) (*features.Exported, error){"plan": x.Plan, "write": x.Write} {
			_, err := do(t.Context(), filepath.Join(to, "x."+format), format)
			if _, ok := errors.AsType[*cache.CorruptError](err); !ok {
				t.Errorf("%s, %s: %v", format, name, err)
				continue
			}
			fails(t, err, "x."+format)
		}
		if !reflect.DeepEqual(listing(t, to), before) {
			t.Errorf("%s: the folder has changed", format)
		}
	}
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// An export that is given up half-way leaves nothing.
func TestExportInterrupted(t *testing.T) {
	dir, to := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	a := plainSet(t, "a", 3, numbered(0, 10)...)
	fillHard(t, dir, a)
	for _, format := range features.ExportFormats {
		ctx, cancel := context.WithCancel(t.Context())
		x := exported(t, dir, a)
		x.Progress = func(int, int) {
			if len(listing(t, to)) == 0 {
				t.Errorf("%s: there is no temporary file", format)
			}
			cancel()
		}
		if _, err := x.Write(ctx, filepath.Join(to, "x."+format), format); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", format, err)
		}
		if left := listing(t, to); len(left) > 0 {
			t.Errorf("%s: files are left: %q", format, slices.Collect(keysOf(left)))
		}
	}
}

// A process that is killed while it writes leaves the files that were there;
// one that the disk takes no more from leaves nothing else either.
func TestExportInProcesses(t *testing.T) {
	if to := os.Getenv("EXPORT_TO"); to != "" {
		exportChild(t, os.Getenv("EXPORT_FROM"), to, os.Getenv("EXPORT_FORMAT"), os.Getenv("EXPORT_UNTIL"))
		return
	}
	dir := filepath.Join(t.TempDir(), "cache")
	fillHard(t, dir, childSet(t))
	for _, format := range features.ExportFormats {
		for _, until := range []string{"killed", "full"} {
			to := t.TempDir()
			put(t, filepath.Join(to, "x."+format), "old")
			if format != "csv" && format != "parquet" {
				put(t, filepath.Join(to, "x.labels.csv"), "old labels")
			}
			before := listing(t, to)
			child := exec.Command(os.Args[0], "-test.run=^TestExportInProcesses$")
			child.Env = append(os.Environ(), "EXPORT_FROM="+dir, "EXPORT_TO="+filepath.Join(to, "x."+format), "EXPORT_FORMAT="+format, "EXPORT_UNTIL="+until)
			said, err := child.CombinedOutput()
			status, _ := child.ProcessState.Sys().(syscall.WaitStatus)
			if until == "killed" && (!status.Signaled() || status.Signal() != syscall.SIGKILL) || until == "full" && err != nil {
				t.Errorf("%s, %s: %v: %s", format, until, err, said)
			}
			after := listing(t, to)
			if until == "killed" { // its temporary files, which no name leads to
				for path := range after {
					if base := filepath.Base(path); strings.HasPrefix(base, ".x.") && strings.HasSuffix(base, ".tmp") {
						delete(after, path)
					}
				}
			}
			if !reflect.DeepEqual(after, before) {
				t.Errorf("%s, %s: the folder has changed: %q", format, until, slices.Collect(keysOf(after)))
			}
		}
	}
}

func childSet(t testing.TB) *features.Set { return plainSet(t, "a", 64, numbered(0, 1000)...) }

func exportChild(t *testing.T, dir, path, format, until string) {
	x := exported(t, dir, childSet(t))
	if until == "killed" {
		x.Progress = func(int, int) { syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	} else {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Write(t.Context(), path, format); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("%s: %v", format, err)
	}
}

// What cannot be written is said before anything is.
func TestExportRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	t.Chdir(t.TempDir())
	a := plainSet(t, "a", 3, numbered(0, 10)...) // from a.csv
	fillHard(t, dir, a)
	put(t, "a.csv", "a person's table")
	put(t, "x.features", "the set")
	for name, make := range map[string]func() error{
		"set.parquet":       func() error { return os.Symlink("x.features", "set.parquet") },
		"held.labels.csv":   func() error { return os.Link("a.csv", "held.labels.csv") },
		"folder.npy":        func() error { return os.Mkdir("folder.npy", 0o755) },
		"beside.labels.csv": func() error { return os.Mkdir("beside.labels.csv", 0o755) },
	} {
		if err := make(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	before := listing(t, ".")
	x := exported(t, dir, a)
	for _, test := range []struct {
		path, format string
		says         []string
	}{
		{"a.csv", "csv", []string{"a.csv: it is what the export is made from", "another name"}},
		{"./a.csv", "csv", []string{"is what the export is made from"}},
		{"set.parquet", "parquet", []string{"set.parquet: it is what the export is made from"}},
		{"held.npy", "npy", []string{"held.labels.csv is what the export is made from"}},
		{"folder.npy", "npy", []string{"folder.npy: it is there already and is no file"}},
		{"beside.safetensors", "safetensors", []string{"beside.labels.csv is there already and is no file"}},
		{"nowhere/x.npy", "npy", []string{"nowhere/x.npy", "no such file"}},
		{"a.csv/x.npy", "npy", []string{"a.csv is no folder"}},
		{"x.npz", "hdf5", []string{`format "hdf5"`, "npy, npz, safetensors, csv, parquet"}},
	} {
		for _, do := range []func(context.Context, string, string) (*features.Exported, error){x.Plan, x.Write} {
			_, err := do(t.Context(), test.path, test.format)
			fails(t, err, test.says...)
		}
	}
	if !reflect.DeepEqual(listing(t, "."), before) {
		t.Error("the folder has changed")
	}
	if _, err := features.NewExport(&features.Set{}, "x.features", open(t, dir)); err == nil {
		t.Error("a set without spaces is taken")
	}
}
