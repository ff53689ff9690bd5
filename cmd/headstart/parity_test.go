package main

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
)

// goldenEmbeddings reads rows of float32, little-endian.
func goldenEmbeddings(t *testing.T, name string, n int) [][]float32 {
	t.Helper()
	raw, err := os.ReadFile("testdata/parity/" + name)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]float32, len(raw)/4)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, all); err != nil {
		t.Fatal(err)
	}
	if n == 0 || len(all)%n != 0 {
		t.Fatalf("%s: %d values for %d rows", name, len(all), n)
	}
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = all[i*len(all)/n : (i+1)*len(all)/n]
	}
	return rows
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// gathered keeps the embeddings of a run.
type gathered struct {
	t    *testing.T
	rows [][]float32
}

func (g *gathered) Take(rows []extract.Row) error {
	for _, r := range rows {
		if r.Bad != "" {
			g.t.Errorf("%s: %s", r.Sample.Path, r.Bad)
		}
		g.rows = append(g.rows, append([]float32(nil), r.Embedding...))
	}
	return nil
}

// embedTable writes a table and embeds it with a built-in backbone.
func embedTable(t *testing.T, column string, cells []string) [][]float32 {
	t.Helper()
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	w.Write([]string{"n", column})
	for i, c := range cells {
		w.Write([]string{fmt.Sprint(i), c})
	}
	w.Flush()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, table.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open([]string{path}, &source.Options{Root: "../.."})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	spec, err := new(sampling).resolve(src.Modality())
	if err != nil {
		t.Fatal(err)
	}
	backbone := newSession(spec, &common{runtime: testRuntime(t), provider: "cpu"})
	defer backbone.Close()
	store, err := cache.Create(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	g := &gathered{t: t}
	if err := extract.Run(t.Context(), spec, backbone, store, src, g, nil, &extract.Settings{Embeddings: true}); err != nil {
		t.Fatal(err)
	}
	if len(g.rows) != len(cells) {
		t.Fatalf("%d of %d samples", len(g.rows), len(cells))
	}
	return g.rows
}

// testRuntime is the library that make runtime fetches.
func testRuntime(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	return found[0]
}

func TestEmbeddingsEqualTheReference(t *testing.T) {
	raw, err := os.ReadFile("testdata/parity/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Texts, Images []string }
	if err := json.Unmarshal(raw, &manifest); err != nil {
		t.Fatal(err)
	}
	// Cosine to the reference, the least and on average, by kind of sample.
	type tally struct {
		least, sum float64
		n          int
		worst      string
	}
	kinds := map[string]*tally{}
	add := func(kind, name string, got, want []float32) {
		k := kinds[kind]
		if k == nil {
			k = &tally{least: 2}
			kinds[kind] = k
		}
		c := cosine(got, want)
		k.n++
		k.sum += c
		if !(c >= k.least) {
			k.least, k.worst = c, name
		}
	}
	texts := embedTable(t, "text", manifest.Texts)
	for i, want := range goldenEmbeddings(t, "texts.f32", len(manifest.Texts)) {
		add("text", manifest.Texts[i], texts[i], want)
	}
	images := embedTable(t, "image", manifest.Images)
	for i, want := range goldenEmbeddings(t, "images.f32", len(manifest.Images)) {
		add(strings.TrimPrefix(filepath.Ext(manifest.Images[i]), "."), manifest.Images[i], images[i], want)
	}
	for kind, limit := range map[string]struct {
		least, mean float64
		n           int
	}{"text": {0.9999, 0.9999, 100}, "png": {0.9999, 0.9999, 80}, "jpg": {0.995, 0.999, 40}} {
		k := kinds[kind]
		mean := k.sum / float64(k.n)
		t.Logf("%d %s: cosine %.7f on average, %.7f at worst (%s)", k.n, kind, mean, k.least, k.worst)
		if k.n < limit.n || !(k.least >= limit.least) || !(mean >= limit.mean) {
			t.Errorf("%s: want at least %d samples, %g at worst, %g on average", kind, limit.n, limit.least, limit.mean)
		}
	}
}
