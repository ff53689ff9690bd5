package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// between opens the cache of c again, such that do is called once, ahead of
// the first operation op on a name that contains part: what another process
// does between two operations of ours.
func between(t *testing.T, c *Cache, op, part string, do func(name string)) (_ *Cache, done *bool) {
	t.Helper()
	done = new(bool)
	a, err := Create(c.Dir(), faultyAll(0, func(o, name string) error {
		if o == op && strings.Contains(name, part) && !*done {
			*done = true
			do(name)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, done
}

// A space that is removed while a writer waits for its lock is made again, and
// the lock that the writer has is one that others see.
func TestSpaceRemovedWhileWaitedFor(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	keys := testKeys(0, 10)
	write(t, c, s, 5, keys)
	gc := func(string) {
		if _, err := c.GC(t.Context(), nil, false); err != nil {
			t.Error(err)
		}
	}
	a, done := between(t, c, "read-lock", lockName, gc)
	w, err := a.Writer(s, nil)
	if err != nil || !*done {
		t.Fatalf("Writer: %v (space removed: %v)", err, *done)
	}
	if err := w.Append(keys, rowsIn(s, keys)); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"gc":      func() error { _, err := c.GC(t.Context(), nil, false); return err },
		"compact": func() error { _, err := c.Compact(t.Context(), s, false); return err },
	} {
		if err := do(); !errors.Is(err, ErrInUse) {
			t.Errorf("%s while a writer is at work: %v", what, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, c, s, keys)

	a, done = between(t, c, "read-lock", lockName, gc)
	r, err := a.Reader(s)
	if err != nil || !*done {
		t.Fatalf("Reader: %v (space removed: %v)", err, *done)
	}
	defer r.Close()
	if m, err := r.Missing(keys); err != nil || len(m) != 10 {
		t.Errorf("%d of 10 rows are missing from a space that was removed, %v", len(m), err)
	}
}

// Two writers come upon the same WAL of a dead one: whoever is second lets it
// be.
func TestWALAdoptedTwice(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	keys := testKeys(0, 10)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(keys, rowsIn(s, keys)); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	for _, op := range []string{"open", "lock"} {
		a, done := between(t, c, op, walSuffix, func(string) { write(t, c, s, 1, nil) })
		w, err = a.Writer(s, nil)
		if err != nil {
			t.Fatalf("adopted by another before %s: %v", op, err)
		}
		if n := w.Recovery().Rows; *done && n != 0 {
			t.Errorf("%d rows were recovered twice", n)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		checkRows(t, c, s, keys)
		if w, err = c.Writer(s, nil); err != nil { // the next one to die
			t.Fatal(err)
		}
		if err := w.Append(keys, rowsIn(s, keys)); err != nil {
			t.Fatal(err)
		}
		w.Abandon()
	}
	write(t, c, s, 1, nil)
	if n := len(segments(t, c, s)); n != 1 {
		t.Errorf("%d segments of the same rows", n)
	}
}

// A file that is swept between its creation and its lock is made again.
func TestSweptBeforeItsLock(t *testing.T) {
	s := testSpace(t, 3)
	keys := testKeys(0, 10)
	for _, part := range []string{newSuffix, "/" + segName + "/" + tmpPrefix} {
		c := newCache(t, unsynced)
		write(t, c, s, 1, nil)
		a, done := between(t, c, "lock", part, func(name string) {
			write(t, c, s, 1, nil)
			if _, err := os.Stat(filepath.Join(c.Dir(), name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is not locked and was not swept: %v", name, err)
			}
		})
		write(t, a, s, 3, keys)
		if !*done {
			t.Fatalf("nothing like %s was locked", part)
		}
		checkRows(t, c, s, keys)
	}
}

// A malformed segment that is replaced by a good one before it is moved away
// stays where it is.
func TestReplacedBeforeQuarantine(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	keys := testKeys(0, 10)
	write(t, c, s, 5, keys)
	p := segments(t, c, s)[0]
	good, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	patched(t, c, s, filepath.Base(p), good[:len(good)-1])
	a, done := between(t, c, "rename", quarantineDir, func(string) {
		patched(t, c, s, "good", good)
		if err := os.Rename(filepath.Join(filepath.Dir(p), "good"), p); err != nil {
			t.Error(err)
		}
	})
	write(t, a, s, 1, nil)
	if !*done {
		t.Fatal("nothing was moved")
	}
	checkRows(t, c, s, keys)
	if st, err := c.Stat(); err != nil || st.Quarantined != 0 {
		t.Errorf("%d files in quarantine, %v", st.Quarantined, err)
	}
}

// A compaction that comes after another finds nothing to do.
func TestCompactedBetween(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	keys := testKeys(0, 30)
	for i := range 3 {
		write(t, c, s, 10, keys[10*i:10*i+10])
	}
	a, done := between(t, c, "read-lock", lockName, func(string) {
		if _, err := c.Compact(t.Context(), s, false); err != nil {
			t.Error(err)
		}
	})
	n, err := a.Compact(t.Context(), s, false)
	if err != nil || !*done || n.Written != 0 || n.Before != 1 {
		t.Errorf("compacted after another: %+v, %v", n, err)
	}
	checkRows(t, c, s, keys)
}
