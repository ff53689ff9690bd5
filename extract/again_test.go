package extract_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// TestAgain embeds the samples of a feature set at other taps: once, as far as
// the cache lacks them, and of samples that are not there any more it says so.
func TestAgain(t *testing.T) {
	folder := t.TempDir()
	table, named := filepath.Join(folder, "texts.txt"), filepath.Join(folder, "texts.features")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("one\ntwo\nthree\ntwo\n")
	spec, dir := textSpec(t), t.TempDir()
	c := store(t, dir)
	src := open(t, nil, table)
	record, err := newRecord(named, spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := extract.Run(t.Context(), spec, new(fake), c, src, record, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Close(); err != nil {
		t.Fatal(err)
	}
	set, err := features.Read(named)
	if err != nil {
		t.Fatal(err)
	}
	set.Meta.Source, set.Meta.Reading = []string{table}, src.Describe()

	backbone, runs := new(fake), 0
	again := func(c *cache.Cache) *extract.Again {
		return &extract.Again{Set: set, Name: "texts", Cache: c, Run: func(ctx context.Context, spec *models.Spec, src *source.Source) error {
			runs++
			return extract.Run(ctx, spec, backbone, c, src, nil, nil, nil)
		}}
	}
	more := tapped(spec, "a'")
	var joined [2][]float32
	for i := range joined {
		j, err := again(c).Joined(t.Context(), more)
		if err != nil {
			t.Fatal(err)
		}
		if n, d := j.Matrix.N(), j.Matrix.D(); n != 4 || d != 2*fakeDim {
			t.Fatalf("%d×%d", n, d)
		}
		joined[i] = make([]float32, 4*2*fakeDim)
		if err := j.Matrix.BlockTo(joined[i], 0, 4); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if runs != 1 {
			t.Errorf("%d runs for the %d. time", runs, i+1)
		}
	}
	if !slices.Equal(joined[0], joined[1]) || slices.Equal(joined[0][:fakeDim], joined[0][fakeDim:2*fakeDim]) {
		t.Error("the rows are not those of two taps")
	}
	rows, _ := tapRows(t, c, more, set.Keys)
	if !slices.Equal(rows[1][:fakeDim], joined[0][fakeDim:2*fakeDim]) {
		t.Error("the second tap's row is not what its space has")
	}

	reading, err := cache.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	if _, err := again(reading).Joined(t.Context(), tapped(spec, "b''")); !isUnwritable(err) || !extract.Unwritable(err) {
		t.Errorf("a cache for reading: %v", err)
	}
	put("one\nzwei\nthree\ntwo\n")
	_, err = again(c).Joined(t.Context(), tapped(spec, "b''"))
	if err != nil {
		t.Errorf("what is there at another place is there: %v", err)
	}
	put("one\nzwei\nthree\ndeux\n")
	_, err = again(c).Joined(t.Context(), tapped(spec, "c'''"))
	if gone, ok := errors.AsType[*extract.GoneError](err); !ok || *gone != (extract.GoneError{Set: "texts", Gone: 2, N: 4}) {
		t.Errorf("samples with another content: %v", err)
	}
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	err = again(c).Embed(t.Context(), tapped(spec, "d''''"))
	if moved, ok := errors.AsType[*extract.MovedError](err); !ok || !errors.Is(moved, fs.ErrNotExist) {
		t.Errorf("a source that is not there: %v", err)
	}
	set.Meta.Source = []string{"-"}
	if err := again(c).Embed(t.Context(), spec); !errors.Is(err, extract.ErrStandardInput) {
		t.Errorf("the standard input: %v", err)
	}
	if err := (&extract.Again{Set: set, Cache: c}).Embed(t.Context(), spec); err == nil {
		t.Error("nothing ran the backbone, and nothing is said")
	}
}

func isUnwritable(err error) bool {
	_, ok := errors.AsType[*extract.UnwritableError](err)
	return ok
}
