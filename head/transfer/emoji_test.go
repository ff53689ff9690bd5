package transfer

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/runtime"
)

const emojiFolder = "../../testdata/emoji"

// TestMain lets examples find the runtime library that make fetches.
func TestMain(m *testing.M) {
	if found, _ := filepath.Glob("../../lib/libonnxruntime.*"); len(found) > 0 {
		os.Setenv("HEADSTART_RUNTIME", found[0])
	}
	os.Exit(m.Run())
}

// library is the runtime library that make fetches.
func library(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	return found[0]
}

// small resolves one of the small backbones that cmd's tests have.
func small(t testing.TB, name string) *models.Spec {
	t.Helper()
	spec, err := folder.Resolve(filepath.Join("../../cmd/headstart/testdata/backbones", name), nil)
	if err != nil {
		t.Fatal(err)
	}
	if spec.Modality == models.Image {
		c := contract.Choice{Image: models.Policies{Alpha: "white"}}
		if err := c.Apply(spec); err != nil {
			t.Fatal(err)
		}
	}
	return spec
}

// table writes a table of n emoji of each class; the last one is there a second
// time, with another id.
func table(t testing.TB, n int, classes ...string) string {
	t.Helper()
	in, err := os.Open(filepath.Join(emojiFolder, "emoji.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all, err := csv.NewReader(in).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"id", "image", "name", "label"}}
	for _, class := range classes {
		taken := 0
		for _, r := range all[1:] {
			if r[2] == class && taken < n {
				rows, taken = append(rows, []string{r[0], r[0], r[1], r[2]}), taken+1
			}
		}
	}
	last := rows[len(rows)-1]
	rows = append(rows, []string{"again", last[1], last[2], last[3]})
	path := filepath.Join(t.TempDir(), "emoji.csv")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := csv.NewWriter(out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

var classes = []string{"symbols", "food-and-drink", "flags", "objects", "smileys-and-emotion"}

// extracted embeds 30 emoji of each of the classes with a small backbone.
func extracted(t testing.TB, name string) *Data {
	t.Helper()
	spec := small(t, name)
	return embedded(t, spec, table(t, 30, classes...))
}

// embedded embeds the samples of a table.
func embedded(t testing.TB, spec *models.Spec, path string) *Data {
	t.Helper()
	c, err := cache.Create(filepath.Join(t.TempDir(), "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	j, err := features.Open([]string{recorded(t, c, spec, path)}, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &Data{Features: j, Spec: spec, Cache: c}
}

// recorded embeds the samples of a table, and returns the file of the feature
// set.
func recorded(t testing.TB, c *cache.Cache, spec *models.Spec, path string) string {
	t.Helper()
	read := &source.Options{Text: "name"}
	if spec.Modality == models.Image {
		read = &source.Options{Image: "image", Root: emojiFolder}
	}
	src, err := source.Open([]string{path}, read)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	set := filepath.Join(t.TempDir(), "emoji.features")
	meta := &features.Meta{
		Backbone: spec.Name, Modality: string(spec.Modality), Source: []string{path}, Reading: src.Describe(), Tool: "test",
	}
	for _, s := range spaces {
		meta.Spaces = append(meta.Spaces, s.JSON())
	}
	record, err := extract.NewRecord(set, meta)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Abort()
	location, err := runtime.Find(library(t))
	if err != nil {
		t.Fatal(err)
	}
	backbone := (&Learner{settings: &Settings{}, location: location}).session(spec)
	defer backbone.Close()
	if err := extract.Run(t.Context(), spec, backbone, c, src, record, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Close(); err != nil {
		t.Fatal(err)
	}
	return set
}
