package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// furnished makes a cache that has one of everything: two spaces, a WAL that a
// killed writer left, a stat cache, something in quarantine and in the trash.
func furnished(t *testing.T) *Cache {
	t.Helper()
	c := newCache(t, unsynced)
	a, b := testSpace(t, 3), halfSpace(t, 4)
	write(t, c, a, 10, testKeys(0, 20))
	write(t, c, b, 10, testKeys(0, 10))
	w, err := c.Writer(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(testKeys(20, 25), rowsIn(a, testKeys(20, 25))); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	p, fi, s := oldFile(t, c, "a", "hello")
	s.Put(p, fi, KeyOf("test", []byte("hello")))
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{quarantineDir, trashDir} {
		if err := c.mkdir(name); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(c.Dir(), name, randomID()+"-x"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A cache that somebody has removed in part, as rm -rf does that is stopped or
// that a writer races with, takes rows again: whatever is left, in whatever
// order it was removed.
func TestRemovedInPart(t *testing.T) {
	s, keys := testSpace(t, 3), testKeys(0, 30)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := furnished(t)
		var removed []string
		left := rng.IntN(20)
		var remove func(dir string)
		remove = func(dir string) { // as rm -rf, entries in any order
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			rng.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
			for _, e := range entries {
				if e.IsDir() {
					remove(filepath.Join(dir, e.Name()))
				}
				if left--; left < 0 {
					return
				}
				name := filepath.Join(dir, e.Name())
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				removed = append(removed, strings.TrimPrefix(name, c.Dir()+"/"))
			}
		}
		remove(c.Dir())
		again, err := Create(c.Dir(), unsynced)
		if err != nil {
			t.Errorf("seed %d, without %q: %v", seed, removed, err)
			continue
		}
		write(t, again, s, 10, keys)
		checkRows(t, again, s, keys)
		write(t, again, halfSpace(t, 4), 10, testKeys(0, 1))
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A writer whose cache is removed says so, and the next one begins anew.
func TestRemovedUnderAWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := Create(dir, unsynced)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, keys := testSpace(t, 3), testKeys(0, 10)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_ = w.Append(keys, rowsIn(s, keys)) // into a file without a name
	if err := w.Close(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "the cache was removed while it was written to") {
		t.Errorf("%v", err)
	}
	again := createAt(t, dir, unsynced)
	write(t, again, s, 10, keys)
	checkRows(t, again, s, keys)
}

// A folder of somebody's, which has names that caches have too, is not taken
// for a cache: what is in its trash would be removed.
func TestSomebodysFolderIsNoRestOfACache(t *testing.T) {
	for _, name := range []string{"trash/letter.txt", "trash/0123456789abcdef-letter.txt", "stat", "quarantine", "trash", "spaces"} {
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Create(dir, nil)
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), strings.Split(name, "/")[0]) {
			t.Errorf("%s: %v", name, err)
		}
		var left []string
		err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				left = append(left, strings.TrimPrefix(p, dir+"/"))
			}
			return err
		})
		if err != nil || !slices.Equal(left, []string{name}) {
			t.Error(fmt.Errorf("%s: left %q, %w", name, left, err))
		}
	}
}
