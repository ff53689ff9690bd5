package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// segmentsOf returns the names of the segments of a space and their bytes.
func segmentsOf(t testing.TB, c *Cache, s *Space) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, p := range segments(t, c, s) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		m[filepath.Base(p)] = string(b)
	}
	return m
}

// compact compacts s and returns what it did.
func compact(t testing.TB, c *Cache, s *Space) *Compacted {
	t.Helper()
	plan, err := c.Compact(context.Background(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Compact(context.Background(), s, false)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Waiting == 0 && (plan.After != n.After || plan.Rows != n.Rows || plan.BytesAfter != n.BytesAfter || plan.Written != n.Written || plan.Duplicates != n.Duplicates) {
		t.Errorf("the plan was %+v, what was done %+v", plan, n)
	}
	var size int64
	for _, b := range segmentsOf(t, c, s) {
		size += int64(len(b))
	}
	if got := len(segments(t, c, s)); got != n.After || size != n.BytesAfter {
		t.Errorf("%d segments of %d bytes, Compact says %d of %d", got, size, n.After, n.BytesAfter)
	}
	return n
}

// However rows came into a space, compacted it has the same bytes.
func TestCompactIsCanonical(t *testing.T) {
	for _, s := range []*Space{testSpace(t, 5), halfSpace(t, 5)} {
		for _, size := range []int64{0, 2000} { // one part, and several
			keys := testKeys(0, 300)
			a := newCache(t, faulty(size, func(string, string) error { return nil }))
			write(t, a, s, 300, keys)
			n := compact(t, a, s)
			if size > 0 && (n.After < 8 || n.After&(n.After-1) != 0) {
				t.Errorf("%s: %d segments, want a power of two", s.DType(), n.After)
			}
			if size == 0 && (n.After != 1 || n.Written != 0) {
				t.Errorf("%s: one segment that is as it should be: %+v", s.DType(), n)
			}

			b := newCache(t, faulty(size, func(string, string) error { return nil }))
			slices.Reverse(keys)
			for i := 0; i < 300; i += 20 { // overlapping
				write(t, b, s, 7, keys[i:min(300, i+35)])
			}
			n = compact(t, b, s)
			if n.Rows != 300 || n.Duplicates == 0 {
				t.Errorf("%s: %+v", s.DType(), n)
			}
			if x, y := segmentsOf(t, a, s), segmentsOf(t, b, s); !mapsEqual(x, y) {
				t.Errorf("%s, segment size %d: %d and %d segments, not the same bytes", s.DType(), size, len(x), len(y))
			}
			checkRows(t, b, s, keys)
			if n := compact(t, b, s); n.Written != 0 {
				t.Errorf("%s: compacted again: %+v", s.DType(), n)
			}
		}
	}
}

func mapsEqual(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// Rows keep the provenance that they were written with.
func TestCompactKeepsProvenance(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	for i, p := range []map[string]string{{"runtime": "old"}, {"runtime": "new"}, {"runtime": "old"}} {
		w, err := c.Writer(s, p)
		if err != nil {
			t.Fatal(err)
		}
		keys := testKeys(10*i, 10*i+10)
		if err := w.Append(keys, rowsIn(s, keys)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := compact(t, c, s); n.After != 2 || n.Rows != 30 {
		t.Errorf("%+v", n)
	}
	checkRows(t, c, s, testKeys(0, 30))
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	of := map[any]int{}
	for _, g := range r.segments {
		of[g.provenance["runtime"]] += g.rows
	}
	if of["old"] != 20 || of["new"] != 10 {
		t.Errorf("rows by runtime: %v", of)
	}
}

// A damaged row is left out, its sound copy is not, and the segment that had it
// is kept in quarantine.
func TestCompactLeavesDamageOut(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	p := segments(t, c, s)[0]
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	lost, copied := Key(r.segments[0].key(2)), Key(r.segments[0].key(7))
	r.Close()
	b[pageSize+2*12] ^= 1
	b[pageSize+7*12+5] ^= 1
	os.Remove(p)
	if err := os.WriteFile(p, b, 0o444); err != nil {
		t.Fatal(err)
	}
	write(t, c, s, 1, []Key{copied})
	n := compact(t, c, s)
	if n.Rows != 9 || len(n.Damaged) == 0 {
		t.Errorf("%+v", n)
	}
	var rest []Key
	for _, k := range testKeys(0, 10) {
		if k != lost {
			rest = append(rest, k)
		}
	}
	checkRows(t, c, s, rest)
	st, err := c.Stat()
	if err != nil || st.Quarantined != 1 {
		t.Errorf("%d files in quarantine, %v", st.Quarantined, err)
	}
}

// Whoever reads or writes a space keeps it from being compacted or collected.
func TestInUse(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	try := func(want bool) {
		t.Helper()
		for what, do := range map[string]func(dryRun bool) error{
			"compact": func(d bool) error { _, err := c.Compact(t.Context(), s, d); return err },
			"gc": func(d bool) error {
				_, err := c.GC(t.Context(), []Keep{{s, testKeys(0, 9)}}, d)
				return err
			},
			"gc all": func(d bool) error { _, err := c.GC(t.Context(), nil, d); return err },
		} {
			if err := do(true); err != nil {
				t.Errorf("%s, dry run: %v", what, err)
			}
			if !want {
				continue
			}
			if err := do(false); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), s.String()) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	try(true)
	servesOnlyRight(t, r, testKeys(0, 10))
	r.Close()
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	try(true)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, c, s, testKeys(0, 10))
	try(false)
	compact(t, c, s)
}

func TestReadOnlyIsNotChanged(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	ro, err := Open(c.Dir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	for what, do := range map[string]func(dryRun bool) error{
		"compact": func(d bool) error { _, err := ro.Compact(t.Context(), s, d); return err },
		"gc":      func(d bool) error { _, err := ro.GC(t.Context(), nil, d); return err },
		"merge":   func(d bool) error { _, err := ro.Merge(t.Context(), newCache(t, nil), d); return err },
	} {
		if err := do(true); err != nil {
			t.Errorf("%s, dry run: %v", what, err)
		}
		if err := do(false); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: %v", what, err)
		}
	}
	checkRows(t, c, s, testKeys(0, 10))
}

// A space that has grown by many small runs is compacted by the next writer,
// unless somebody is reading.
func TestManySmallSegmentsAreCompacted(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	for i := range manySmall + 1 {
		write(t, c, s, 1, testKeys(i, i+1))
	}
	if n := len(segments(t, c, s)); n != manySmall+1 {
		t.Fatalf("%d segments", n)
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, s, 1, testKeys(100, 101))
	if n := len(segments(t, c, s)); n != manySmall+2 {
		t.Fatalf("%d segments while one reads", n)
	}
	r.Close()
	write(t, c, s, 1, testKeys(200, 201))
	if n := len(segments(t, c, s)); n != 2 {
		t.Errorf("%d segments", n)
	}

	// What a dead writer left behind is told of all the same.
	for i := range manySmall - 2 {
		write(t, c, s, 1, testKeys(300+i, 301+i))
	}
	var dead, other *Writer
	for _, w := range []**Writer{&dead, &other} {
		if *w, err = c.Writer(s, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := dead.Append(testKeys(400, 402), rowsIn(s, testKeys(400, 402))); err != nil {
		t.Fatal(err)
	}
	dead.Abandon()
	if err := other.Append(testKeys(500, 501), rowsIn(s, testKeys(500, 501))); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Recovery().Rows; n != 2 {
		t.Errorf("%d rows recovered, want 2", n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(segments(t, c, s)); n != 2 { // of two provenances
		t.Errorf("%d segments", n)
	}
	checkRows(t, c, s, slices.Concat(testKeys(0, manySmall+1), testKeys(100, 101), testKeys(200, 201), testKeys(300, 298+manySmall), testKeys(400, 402), testKeys(500, 501)))
}

// The order in which a compaction and a collection make things durable is part
// of the format.
func TestOrderOfDeletion(t *testing.T) {
	var ops []string
	c := newCache(t, faulty(0, func(op, name string) error {
		ops = append(ops, op+" "+anonymous(name))
		return nil
	}))
	s := testSpace(t, 2)
	write(t, c, s, 2, testKeys(0, 4))
	write(t, c, s, 2, testKeys(2, 6))
	phase := func(name string, do func() error, want ...string) {
		t.Helper()
		ops = nil
		if err := do(); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(ops, func(op string) bool {
			return strings.HasPrefix(op, "mkdir") || op == "syncdir ." || op == "syncdir spaces"
		})
		if i := slices.IndexFunc(got, func(op string) bool { return strings.HasPrefix(op, "create ") || strings.HasPrefix(op, "rename ") }); i > 0 {
			got = got[i:] // after the space was put in order
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	phase("Compact", func() error { _, err := c.Compact(t.Context(), s, false); return err },
		"create spaces/X/seg/tmp-X", "lock spaces/X/seg/tmp-X", "write spaces/X/seg/tmp-X", "sync spaces/X/seg/tmp-X",
		"rename spaces/X/seg/tmp-X spaces/X/seg/X.safetensors", "syncdir spaces/X/seg",
		"rename spaces/X/seg/X.safetensors trash/X-X.safetensors", "rename spaces/X/seg/X.safetensors trash/X-X.safetensors",
		"syncdir spaces/X/seg", "remove trash/X-X.safetensors", "remove trash/X-X.safetensors")
	phase("GC", func() error { _, err := c.GC(t.Context(), []Keep{{s, testKeys(0, 3)}}, false); return err },
		"create spaces/X/seg/tmp-X", "lock spaces/X/seg/tmp-X", "write spaces/X/seg/tmp-X", "sync spaces/X/seg/tmp-X",
		"rename spaces/X/seg/tmp-X spaces/X/seg/X.safetensors", "syncdir spaces/X/seg",
		"rename spaces/X/seg/X.safetensors trash/X-X.safetensors", "syncdir spaces/X/seg", "remove trash/X-X.safetensors")
	checkRows(t, c, s, testKeys(0, 3))
	phase("GC of a space", func() error { _, err := c.GC(t.Context(), nil, false); return err },
		"rename spaces/X trash/X-X", "remove trash/X-X/lock", "remove trash/X-X/seg/X.safetensors", "remove trash/X-X/seg",
		"remove trash/X-X/space.json", "remove trash/X-X/wal", "remove trash/X-X")
}

// A segment whose header is damaged where it does not matter, in the
// provenance, is written anew under its right name.
func TestCompactMendsNames(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 10, testKeys(0, 10))
	p := segments(t, c, s)[0]
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), `"runtime":"test"`) + len(`"runtime":"`)
	b[at] = 'r'
	os.Remove(p)
	if err := os.WriteFile(p, b, 0o444); err != nil {
		t.Fatal(err)
	}
	if ps := problems(t, c.Dir(), Full); len(ps) != 1 || !strings.Contains(ps[0].Err.Error(), "SHA-256") {
		t.Fatalf("verify: %v", ps)
	}
	if n := compact(t, c, s); n.Written != 1 || n.After != 1 {
		t.Errorf("%+v", n)
	}
	checkRows(t, c, s, testKeys(0, 10))
}
