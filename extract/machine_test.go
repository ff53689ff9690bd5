package extract_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/source"
)

// withoutFiles calls do in a process that may open no file.
func withoutFiles(t *testing.T, do func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}()
	do()
}

// An image that cannot be opened because the process may open no more files is
// not a bad one: the run ends.
func TestAFailureOfTheMachineEndsTheRun(t *testing.T) {
	folder := t.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(folder, "a.png")
	if err := os.WriteFile(picture, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	src, out, stats := open(t, nil, folder), new(sink), new(extract.Stats)
	var err error
	withoutFiles(t, func() {
		err = extract.Run(t.Context(), imageSpec(), new(fake), nil, src, out, stats, &extract.Settings{Embeddings: true})
	})
	m, ok := errors.AsType[*source.MachineError](err)
	if !ok || m.Errno != syscall.EMFILE || !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "a.png: ") {
		t.Errorf("%v", err)
	}
	if len(out.rows) > 0 || stats.Bad.Load() > 0 {
		t.Errorf("%d rows reached the sink, %d are bad", len(out.rows), stats.Bad.Load())
	}

	// So for what is computed again, or once more with a stat cache.
	c := store(t, t.TempDir())
	settings := &extract.Settings{Embeddings: true, StatCache: c.StatCache("image")}
	first := new(sink)
	if err := extract.Run(t.Context(), imageSpec(), new(fake), c, open(t, nil, folder), first, nil, settings); err != nil {
		t.Fatal(err)
	}
	src = open(t, nil, folder)
	wanted := map[string]cache.Key{first.rows[0].Sample.ID: first.rows[0].Key}
	space, err := contract.SpaceOf(imageSpec(), imageSpec().Taps[0])
	if err != nil {
		t.Fatal(err)
	}
	reader, err := c.Reader(space)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	withoutFiles(t, func() {
		err = extract.Recompute(t.Context(), imageSpec(), new(fake), reader, src, wanted, nil, func(r extract.Recomputed) { t.Errorf("%+v", r) })
	})
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("computed again: %v", err)
	}
}
