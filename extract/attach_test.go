package extract_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
)

func TestWhatCannotBeKeptIsComputedAllTheSame(t *testing.T) {
	var lines []string
	for i := range 500 {
		lines = append(lines, fmt.Sprintf("text %d", i))
	}
	half := write(t, "texts.txt", strings.Join(lines[:250], "\n"))
	all := write(t, "texts.txt", strings.Join(append(lines, lines[400:]...), "\n"))
	spec, dir := textSpec(t), t.TempDir()
	if _, _, err := runOver(t, dir, spec, new(fake), nil, nil, half); err != nil {
		t.Fatal(err)
	}
	want, _, err := runOver(t, t.TempDir(), spec, new(fake), &extract.Settings{Embeddings: true}, nil, all)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	for _, tc := range []struct {
		name             string
		cache            *cache.Cache
		cached, computed int64
		asked            int
	}{{"a cache for reading", c, 250, 250, 1}, {"no cache", nil, 0, 500, 0}} {
		for range 2 { // the second time finds no more than the first
			asked := 0
			out, stats := new(sink), new(extract.Stats)
			err := extract.Run(t.Context(), spec, new(fake), tc.cache, open(t, nil, all), out, stats, &extract.Settings{
				Embeddings: true,
				Unwritable: func(reason error) error {
					if !errors.Is(reason, cache.ErrReadOnly) || !extract.Unwritable(reason) {
						t.Errorf("%s: the reason is %v", tc.name, reason)
					}
					asked++
					return nil
				},
				Acknowledged: func([]cache.Key) { t.Errorf("%s: rows are called durable", tc.name) },
			})
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			if asked != tc.asked {
				t.Errorf("%s: asked %d times whether to go on, want %d", tc.name, asked, tc.asked)
			}
			if a, b, d := stats.Cached.Load(), stats.Computed.Load(), stats.Duplicates.Load(); a != tc.cached || b != tc.computed || d != 100 {
				t.Errorf("%s: %d cached, %d computed, %d duplicates; want %d, %d, 100", tc.name, a, b, d, tc.cached, tc.computed)
			}
			for i := range want.embeddings {
				if !slices.Equal(out.embeddings[i], want.embeddings[i]) {
					t.Fatalf("%s: sample %d has another vector than with a cache", tc.name, i)
				}
			}
		}
	}
}

func TestRunEndsBeforeTheBackboneIfNothingCanBeKept(t *testing.T) {
	path := write(t, "texts.txt", "a\nb\n")
	dir := t.TempDir()
	store(t, dir)
	c, err := cache.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	refused := errors.New("refused")
	for want, settings := range map[error]*extract.Settings{
		cache.ErrReadOnly: nil,
		refused:           {Unwritable: func(error) error { return refused }},
	} {
		backbone, out := new(fake), new(sink)
		err := extract.Run(t.Context(), textSpec(t), backbone, c, open(t, nil, path), out, nil, settings)
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if n := backbone.calls.Load(); n != 0 || len(out.rows) != 0 {
			t.Errorf("%d calls of the backbone, %d samples finished", n, len(out.rows))
		}
	}
}

func TestUnwritable(t *testing.T) {
	for err, want := range map[error]bool{
		nil: false, fs.ErrNotExist: false, fs.ErrPermission: true, cache.ErrReadOnly: true,
		&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EACCES}: true,
		&fs.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS}:  true,
		&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}: false,
		&fs.PathError{Op: "write", Path: "x", Err: syscall.EIO}:    false,
	} {
		if got := extract.Unwritable(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
