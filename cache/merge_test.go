package cache

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// merge merges src into c and checks that the plan was right.
func merge(t testing.TB, c, src *Cache) *Merged {
	t.Helper()
	plan, err := c.Merge(t.Context(), src, true)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Merge(t.Context(), src, false)
	if err != nil {
		t.Fatal(err)
	}
	if m.Copied != plan.Copied || m.Present != plan.Present || m.Sealed != plan.Sealed || m.Rows != plan.Rows || m.Bytes != plan.Bytes || len(m.Problems) != len(plan.Problems) {
		t.Errorf("the plan was %+v, what was done %+v", plan, m)
	}
	return m
}

// Two caches with overlapping rows, merged and compacted, are byte for byte the
// cache that one run would have filled.
func TestMergeIsOneRun(t *testing.T) {
	for _, s := range []*Space{testSpace(t, 5), halfSpace(t, 5)} {
		a, b, one, into := newCache(t, nil), newCache(t, nil), newCache(t, nil), newCache(t, nil)
		write(t, a, s, 20, testKeys(0, 200))
		write(t, b, s, 30, testKeys(150, 300))
		write(t, one, s, 300, testKeys(0, 300))
		for _, src := range []*Cache{a, b} {
			ro, err := Open(src.Dir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if m := merge(t, into, ro); m.Copied != 1 || m.Spaces != 1 || len(m.Problems) > 0 {
				t.Errorf("%+v", m)
			}
			ro.Close()
		}
		checkRows(t, into, s, testKeys(0, 300))
		if n := compact(t, into, s); n.Duplicates != 50 {
			t.Errorf("%+v", n)
		}
		if !mapsEqual(segmentsOf(t, into, s), segmentsOf(t, one, s)) {
			t.Error("not the same bytes")
		}
		if m := merge(t, into, one); m.Present != 1 || m.Copied != 0 {
			t.Errorf("again: %+v", m)
		}
	}
}

// Nothing of the source changes, and nothing is written outside the
// destination, whatever the source contains.
func TestMergeOnlyReads(t *testing.T) {
	src, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, src, s, 10, testKeys(0, 10))
	seg := filepath.Join(src.Dir(), s.segDir())
	outside := filepath.Join(t.TempDir(), "outside")
	good, err := os.ReadFile(segments(t, src, s)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(outside, good, 0o666); err != nil {
		t.Fatal(err)
	}
	name := func(c string) string { return filepath.Join(seg, strings.Repeat(c, 64)+segmentSuffix) }
	if err := os.Symlink(outside, name("a")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(name("b"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name("c"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(src.Dir(), spacesDir, strings.Repeat("d", 64))); err != nil {
		t.Fatal(err)
	}
	before := tree(t, src.Dir())
	into := newCache(t, unsynced)
	m := merge(t, into, src)
	if m.Copied != 1 || len(m.Problems) != 4 {
		t.Errorf("%+v", m)
	}
	for _, p := range m.Problems {
		if p.Path == "" || p.Err == nil {
			t.Errorf("problem %v", p)
		}
	}
	if after := tree(t, src.Dir()); before != after {
		t.Errorf("the source was\n%s\nand is\n%s", before, after)
	}
	checkRows(t, into, s, testKeys(0, 10))
}

// Of a damaged segment the sound rows are taken over; the rest is named.
func TestMergeRepairs(t *testing.T) {
	src, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, src, s, 10, testKeys(0, 10))
	p := segments(t, src, s)[0]
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	b[pageSize+5*12] ^= 1
	os.Remove(p)
	if err := os.WriteFile(p, b, 0o444); err != nil {
		t.Fatal(err)
	}
	into := newCache(t, unsynced)
	m := merge(t, into, src)
	if m.Repaired != 1 || m.Rows != 9 || len(m.Problems) != 2 || m.Problems[1].Row != 5 {
		t.Errorf("%+v", m)
	}
	r, err := into.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := servesOnlyRight(t, r, testKeys(0, 10)); n != 9 {
		t.Errorf("%d rows", n)
	}
}

// Rows that the source has not sealed come along, of a writer at work and of
// one that died.
func TestMergeTakesWALs(t *testing.T) {
	src, into, s := newCache(t, unsynced), newCache(t, unsynced), testSpace(t, 3)
	dead, err := src.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	live, err := src.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range []*Writer{dead, live} {
		keys := testKeys(10*i, 10*i+10)
		if err := w.Append(keys, rowsIn(s, keys)); err != nil {
			t.Fatal(err)
		}
	}
	dead.Abandon()
	if m, err := (*Cache)(nil).Merge(t.Context(), src, true); err != nil || m.Rows != 20 {
		t.Errorf("into nothing: %+v, %v", m, err)
	}
	if m := merge(t, into, src); m.Sealed != 2 || m.Rows != 20 {
		t.Errorf("%+v", m)
	}
	checkRows(t, into, s, testKeys(0, 20))
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, src, s, 1, nil) // recovers
	checkRows(t, src, s, testKeys(0, 20))
}

func TestMergeRefuses(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(c.Dir(), link); err != nil {
		t.Fatal(err)
	}
	same, err := Open(link, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	if _, err := c.Merge(t.Context(), same, false); err == nil || !strings.Contains(err.Error(), "is the same cache") {
		t.Errorf("into itself: %v", err)
	}
}
