package cache

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// absent checks that none of the keys is there.
func absent(t testing.TB, c *Cache, s *Space, keys []Key) {
	t.Helper()
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := r.Locate(keys, make([]Ref, len(keys))); n != len(keys) {
		t.Errorf("%d of %d keys are still there", len(keys)-n, len(keys))
	}
}

// GC keeps what is named, in every space, and nothing else; a dry run says the
// same and changes nothing.
func TestGC(t *testing.T) {
	c := newCache(t, unsynced)
	a, b, gone := testSpace(t, 3), halfSpace(t, 4), testSpace(t, 5)
	write(t, c, a, 10, testKeys(0, 10))  // partly kept
	write(t, c, a, 10, testKeys(10, 20)) // not kept
	write(t, c, a, 10, testKeys(20, 30)) // wholly kept
	write(t, c, b, 10, testKeys(0, 10))
	write(t, c, gone, 10, testKeys(0, 10))
	keep := []Keep{
		{a, testKeys(5, 10)}, {a, slices.Concat(testKeys(7, 8), testKeys(20, 30), testKeys(500, 505))}, {b, testKeys(3, 4)},
	}
	before := []map[string]string{segmentsOf(t, c, a), segmentsOf(t, c, b), segmentsOf(t, c, gone)}
	size := func() (n int64) {
		st, err := c.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range st.Spaces {
			n += s.Bytes
		}
		return n
	}
	full := size()

	plan, err := c.GC(context.Background(), keep, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []*Space{a, b, gone} {
		if !mapsEqual(before[i], segmentsOf(t, c, s)) {
			t.Fatal("a dry run has changed something")
		}
	}
	done, err := c.GC(context.Background(), keep, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Spaces) != 3 || !slices.EqualFunc(plan.Spaces, done.Spaces, func(x, y FreedSpace) bool {
		x.Recovery, y.Recovery = Recovery{}, Recovery{}
		return x.Space.Fingerprint() == y.Space.Fingerprint() && x.Rows == y.Rows && x.Dropped == y.Dropped &&
			x.Freed == y.Freed && x.Gone == y.Gone && x.Removed == y.Removed && x.Written == y.Written
	}) {
		t.Errorf("the plan was %+v, what was done %+v", plan, done)
	}
	var freed int64
	for _, s := range done.Spaces {
		freed += s.Freed
		switch s.Space.Fingerprint() {
		case a.Fingerprint():
			if s.Rows != 15 || s.Dropped != 15 || s.Removed != 2 || s.Written != 1 || s.Gone {
				t.Errorf("a: %+v", s)
			}
		case b.Fingerprint():
			if s.Rows != 1 || s.Dropped != 9 {
				t.Errorf("b: %+v", s)
			}
		case gone.Fingerprint():
			if !s.Gone || s.Dropped != 10 {
				t.Errorf("gone: %+v", s)
			}
		}
	}
	if now := size(); full-now != freed {
		t.Errorf("%d bytes became %d, GC says %d freed", full, now, freed)
	}
	checkRows(t, c, a, slices.Concat(testKeys(5, 10), testKeys(20, 30)))
	checkRows(t, c, b, testKeys(3, 4))
	absent(t, c, a, slices.Concat(testKeys(0, 5), testKeys(10, 20)))
	absent(t, c, b, testKeys(0, 3))
	absent(t, c, gone, testKeys(0, 10))
	if _, err := os.Stat(filepath.Join(c.Dir(), gone.dir())); !os.IsNotExist(err) {
		t.Errorf("the space is still there: %v", err)
	}
	if names, err := c.list(trashDir); err != nil || len(names) > 0 {
		t.Errorf("trash/ has %v, %v", names, err)
	}
	write(t, c, gone, 10, testKeys(0, 10)) // and can be made anew
	checkRows(t, c, gone, testKeys(0, 10))
}

// Rows of a writer that died are sealed before anything is decided; what an
// earlier, killed collection left in trash/ goes.
func TestGCAfterCrashes(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(testKeys(0, 10), rowsIn(s, testKeys(0, 10))); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	if err := os.MkdirAll(filepath.Join(c.Dir(), trashDir, "x", "seg"), 0o777); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(c.Dir(), trashDir, "x", "seg", "link")); err != nil {
		t.Fatal(err)
	}
	plan, err := c.GC(t.Context(), []Keep{{s, testKeys(0, 4)}}, true)
	if err != nil || plan.Spaces[0].Waiting != 1 || plan.Spaces[0].Gone {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	f, err := c.GC(t.Context(), []Keep{{s, testKeys(0, 4)}}, false)
	if err != nil || f.Spaces[0].Recovery.Rows != 10 || f.Spaces[0].Rows != 4 || f.Spaces[0].Dropped != 6 {
		t.Errorf("%+v, %v", f, err)
	}
	checkRows(t, c, s, testKeys(0, 4))
	absent(t, c, s, testKeys(4, 10))
	if names, err := c.list(trashDir); err != nil || len(names) > 0 {
		t.Errorf("trash/ has %v, %v", names, err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// A space whose identity was edited is not touched, and named.
func TestGCRefusesEditedSpace(t *testing.T) {
	c, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	p := filepath.Join(c.Dir(), s.dir(), spaceName)
	if err := os.WriteFile(p, []byte(`{"dim":4,"dtype":"f32"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := c.GC(t.Context(), nil, false)
	if err != nil || len(f.Spaces) != 0 || len(f.Refused) != 1 || !strings.Contains(f.Refused[0].String(), s.dir()) {
		t.Errorf("%+v, %v", f, err)
	}
	if n := len(segments(t, c, s)); n != 1 {
		t.Errorf("%d segments", n)
	}
}

// What an interrupted deletion left in trash/ goes when the cache is next
// opened for writing.
func TestTrashIsEmptied(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	if err := os.MkdirAll(filepath.Join(c.Dir(), trashDir, "x", "seg"), 0o777); err != nil {
		t.Fatal(err)
	}
	again, err := Create(c.Dir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if names, err := c.list(trashDir); err != nil || len(names) > 0 {
		t.Errorf("trash/ has %v, %v", names, err)
	}
	checkRows(t, c, s, testKeys(0, 10))
}
