package cache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// house is where a cache lives while its behaviour is tested: what reopen does
// to it makes no difference to whoever uses it.
type house struct {
	t     *testing.T
	dtype string
	dir   string
	n     int // directories so far
	c     *Cache
	open  func(h *house) // opens dir
	move  func(h *house) // what happens between closing and opening
	r     *recorder      // of what is done in dir, or nil
}

// houses are the ways in which a cache is reopened.
var houses = []struct {
	name       string
	open, move func(h *house)
}{
	{"real disk", openPlain, func(h *house) {}},
	{"power failure", func(h *house) {
		h.r = newRecorder(imageOf(h.t, h.dir))
		h.create(&Options{SegmentBytes: 2000, wrap: h.r.wrap})
	}, func(h *house) {
		seed := uint64(h.n)
		left := h.r.crash(h.r.now(), seed)
		h.next()
		if err := errors.Join(os.Mkdir(h.dir, 0o777), left.write(h.dir)); err != nil {
			h.t.Fatal(err)
		}
	}},
	{"merge", openPlain, func(h *house) {
		src, err := Open(h.dir, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		defer src.Close()
		h.next()
		c, err := Create(h.dir, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Merge(h.t.Context(), src, false); err != nil {
			h.t.Fatal(err)
		}
	}},
}

func openPlain(h *house) { h.create(&Options{SegmentBytes: 2000, wrap: unsynced.wrap}) }

// next takes another directory, which does not exist yet.
func (h *house) next() {
	h.n++
	h.dir = filepath.Join(filepath.Dir(h.dir), strconv.Itoa(h.n))
}

func (h *house) create(o *Options) {
	h.t.Helper()
	c, err := Create(h.dir, o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.c = c
}

// reopen closes the cache and opens it again, after what may happen between.
func (h *house) reopen() {
	h.t.Helper()
	if err := h.c.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.move(h)
	h.open(h)
}

// damage changes the only segment of s behind everybody's back.
func (h *house) damage(s *Space, do func(b []byte)) {
	h.t.Helper()
	ps := segments(h.t, h.c, s)
	if len(ps) != 1 {
		h.t.Fatalf("%d segments", len(ps))
	}
	b, err := os.ReadFile(ps[0])
	if err != nil {
		h.t.Fatal(err)
	}
	do(b)
	patched(h.t, h.c, s, filepath.Base(ps[0]), b)
	h.c.Close()
	h.open(h) // whoever records must see it
}

// space returns a space of rows of dim values.
func (h *house) space(dim int) *Space { return spaceOf(h.t, h.dtype, dim, "conformance") }

// write appends the keys lo…hi.
func (h *house) write(s *Space, lo, hi int) {
	h.t.Helper()
	write(h.t, h.c, s, 7, testKeys(lo, hi))
}

// has checks that of the keys 0…n exactly those that want tells are there, and
// right.
func (h *house) has(s *Space, n int, want func(i int) bool) {
	h.t.Helper()
	keys := testKeys(0, n)
	r, err := h.c.Reader(s)
	if err != nil {
		h.t.Fatal(err)
	}
	m, err := r.Missing(keys)
	if err != nil {
		h.t.Fatal(err)
	}
	refs := make([]Ref, n)
	if missing := r.Locate(keys, refs); missing != len(m) {
		h.t.Errorf("Locate misses %d rows, Missing %d", missing, len(m))
	}
	r.Close()
	for i := range n {
		if _, absent := slices.BinarySearch(m, i); absent == want(i) {
			h.t.Fatalf("key %d of %d: absent: %v", i, n, absent)
		}
	}
	if err := checkServed(h.c, s, keysWithout(keys, m), keysWithout(keys, m)); err != nil {
		h.t.Fatal(err)
	}
}

func everyKey(int) bool { return true }

// behaviours are what every cache must show, however it is reopened.
var behaviours = []struct {
	name string
	do   func(h *house)
}{
	{"rows come back", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 50)
		h.has(s, 50, everyKey)
		h.reopen()
		h.has(s, 60, func(i int) bool { return i < 50 })
	}},
	{"rows that were acknowledged come back", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 10)
		w, err := h.c.Writer(s, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := w.Append(testKeys(10, 20), rowsIn(s, testKeys(10, 20))); err != nil {
			h.t.Fatal(err)
		}
		w.Abandon()
		h.reopen()
		h.write(s, 20, 21)
		h.has(s, 30, func(i int) bool { return i < 21 })
	}},
	{"the first row of a key stays", func(h *house) {
		s := h.space(3)
		w, err := h.c.Writer(s, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		keys := testKeys(0, 10)
		for i := range 3 {
			rows := rowsIn(s, keys)
			if i > 0 {
				clear(rows)
			}
			if err := w.Append(keys, rows); err != nil {
				h.t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			h.t.Fatal(err)
		}
		for range 3 {
			h.has(s, 11, func(i int) bool { return i < 10 })
			h.reopen()
		}
	}},
	{"several writers at once", func(h *house) {
		s := h.space(3)
		var ws []*Writer
		for range 3 {
			w, err := h.c.Writer(s, nil)
			if err != nil {
				h.t.Fatal(err)
			}
			ws = append(ws, w)
		}
		for i := range 12 {
			keys := testKeys(10*i, 10*i+15)
			if err := ws[i%3].Append(keys, rowsIn(s, keys)); err != nil {
				h.t.Fatal(err)
			}
		}
		if err := ws[1].Close(); err != nil {
			h.t.Fatal(err)
		}
		ws[0].Abandon()
		if err := ws[2].Close(); err != nil {
			h.t.Fatal(err)
		}
		h.reopen()
		h.write(s, 0, 1)
		h.has(s, 125, everyKey)
	}},
	{"opened again and again", func(h *house) {
		s := h.space(3)
		for i := range 6 {
			h.write(s, 5*i, 5*i+8)
			h.reopen()
			h.has(s, 60, func(k int) bool { return k < 5*i+8 })
		}
	}},
	{"wide rows, and rows of one value", func(h *house) {
		wide, narrow := h.space(5000), h.space(1)
		h.write(wide, 0, 5)
		h.write(narrow, 0, 700)
		h.reopen()
		h.has(wide, 6, func(i int) bool { return i < 5 })
		h.has(narrow, 701, func(i int) bool { return i < 700 })
	}},
	{"spaces do not mix", func(h *house) {
		a, b := h.space(3), spaceOf(h.t, h.dtype, 3, "another")
		h.write(a, 0, 20)
		h.write(b, 10, 30)
		h.reopen()
		h.has(a, 30, func(i int) bool { return i < 20 })
		h.has(b, 30, func(i int) bool { return i >= 10 })
		spaces, err := h.c.Spaces()
		if err != nil || len(spaces) != 2 {
			h.t.Errorf("Spaces = %v, %v", spaces, err)
		}
	}},
	{"nothing is nothing", func(h *house) {
		s := h.space(3)
		h.has(s, 5, func(int) bool { return false })
		h.write(s, 0, 0)
		h.reopen()
		h.has(s, 5, func(int) bool { return false })
		if n := len(segments(h.t, h.c, s)) + len(wals(h.t, h.c, s)); n > 0 {
			h.t.Errorf("%d files of no rows", n)
		}
	}},
	{"figures", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 20)
		h.reopen()
		st, err := h.c.Stat()
		if err != nil || len(st.Spaces) != 1 || st.Spaces[0].Rows != 20 || st.Spaces[0].Waiting != 0 || st.Quarantined != 0 {
			h.t.Errorf("Stat = %+v, %v", st, err)
		}
	}},
	{"damage is absent, not wrong, and heals", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 20)
		sorted := testKeys(0, 20)
		slices.SortFunc(sorted, Key.Compare)
		bad := slices.Index(testKeys(0, 20), sorted[7])
		h.damage(s, func(b []byte) { b[pageSize+7*s.rowSize()+1] ^= 0x10 })
		h.has(s, 20, func(i int) bool { return i != bad })
		h.reopen()
		h.has(s, 20, func(i int) bool { return i != bad })
		h.write(s, bad, bad+1)
		h.has(s, 20, everyKey)
		h.reopen()
		h.has(s, 20, everyKey)
		if _, err := h.c.Compact(h.t.Context(), s, false); err != nil {
			h.t.Fatal(err)
		}
		h.reopen()
		h.has(s, 20, everyKey)
	}},
	{"a segment that is damaged as a whole is absent, and heals", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 20)
		h.damage(s, func(b []byte) { b[9] ^= 0x10 })
		h.has(s, 20, func(int) bool { return false })
		h.reopen()
		h.has(s, 20, func(int) bool { return false })
		h.write(s, 0, 20)
		h.reopen()
		h.has(s, 20, everyKey)
	}},
	{"compaction keeps every row", func(h *house) {
		s := h.space(3)
		for i := range 5 {
			h.write(s, 8*i, 8*i+12)
		}
		h.reopen()
		n, err := h.c.Compact(h.t.Context(), s, false)
		if err != nil || n.Rows != 44 {
			h.t.Fatalf("Compact = %+v, %v", n, err)
		}
		h.has(s, 50, func(i int) bool { return i < 44 })
		h.reopen()
		h.has(s, 50, func(i int) bool { return i < 44 })
		if n, err := h.c.Compact(h.t.Context(), s, false); err != nil || n.Written != 0 {
			h.t.Errorf("compacted again: %+v, %v", n, err)
		}
	}},
	{"gc keeps what is named", func(h *house) {
		s, other := h.space(3), spaceOf(h.t, h.dtype, 3, "another")
		h.write(s, 0, 40)
		h.write(other, 0, 10)
		if _, err := h.c.GC(h.t.Context(), []Keep{{s, testKeys(5, 25)}}, false); err != nil {
			h.t.Fatal(err)
		}
		for range 2 {
			h.has(s, 40, func(i int) bool { return 5 <= i && i < 25 })
			h.has(other, 10, func(int) bool { return false })
			h.reopen()
		}
		if left, err := os.ReadDir(filepath.Join(h.dir, trashDir)); err == nil && len(left) > 0 && h.r == nil {
			h.t.Errorf("left in trash/: %v", left)
		}
	}},
	{"what is read is not deleted", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 20)
		h.write(s, 10, 30)
		h.reopen()
		r, err := h.c.Reader(s)
		if err != nil {
			h.t.Fatal(err)
		}
		if _, err := h.c.Compact(h.t.Context(), s, false); !errors.Is(err, ErrInUse) {
			h.t.Errorf("Compact under a reader = %v", err)
		}
		if _, err := h.c.GC(h.t.Context(), nil, false); !errors.Is(err, ErrInUse) {
			h.t.Errorf("GC under a reader = %v", err)
		}
		if m, err := r.Missing(testKeys(0, 30)); err != nil || len(m) > 0 {
			h.t.Errorf("the reader misses %d rows, %v", len(m), err)
		}
		r.Close()
		if _, err := h.c.Compact(h.t.Context(), s, false); err != nil {
			h.t.Error(err)
		}
		h.reopen()
		h.has(s, 30, everyKey)
	}},
	{"another cache is taken over", func(h *house) {
		s := h.space(3)
		from := newCache(h.t, unsynced)
		write(h.t, from, s, 5, testKeys(10, 40))
		h.write(s, 0, 20)
		for range 2 {
			if _, err := h.c.Merge(h.t.Context(), from, false); err != nil {
				h.t.Fatal(err)
			}
			h.has(s, 50, func(i int) bool { return i < 40 })
			h.reopen()
		}
		h.has(s, 50, func(i int) bool { return i < 40 })
	}},
	{"the space is made again after it was removed", func(h *house) {
		s := h.space(3)
		h.write(s, 0, 10)
		if _, err := h.c.GC(h.t.Context(), nil, false); err != nil {
			h.t.Fatal(err)
		}
		h.write(s, 5, 8)
		h.reopen()
		h.has(s, 10, func(i int) bool { return 5 <= i && i < 8 })
	}},
}

// Every cache behaves alike: on the real disk, on one where each reopening is a
// power failure and a recovery, and as one that is merged at each reopening.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, way := range houses {
		seeds := 1
		if way.name == "power failure" {
			seeds = scaled(24, 6)
		}
		for _, dtype := range []string{"f32", "f16"} {
			for _, b := range behaviours {
				t.Run(way.name+"/"+dtype+"/"+b.name, func(t *testing.T) {
					for seed := range seeds {
						h := &house{t: t, dtype: dtype, n: 1000 * seed, open: way.open, move: way.move}
						h.n += seed
						h.dir = filepath.Join(scratch(t), "first")
						h.open(h)
						b.do(h)
						h.reopen()
						h.putInOrder()
						if t.Failed() {
							t.Fatalf("seed %d", seed)
						}
					}
				})
			}
		}
	}
}

// putInOrder takes a writer of every space, after which Verify must find
// nothing.
func (h *house) putInOrder() {
	h.t.Helper()
	defer func() { h.c.Close() }()
	spaces, err := h.c.Spaces()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range spaces {
		write(h.t, h.c, s, 1, nil)
	}
	checkClean(h.t, h.dir)
	if err := leftover(h.dir); err != nil {
		h.t.Error(err)
	}
}
