package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stage is what a scenario plays on: caches on a disk that something is wrong
// with, and a list of what was promised at which operation. After an error the
// scenario goes on with what it can still do.
type stage struct {
	t        testing.TB
	dir      string
	source   string // where the cache lies that is merged into the one in dir
	wrap     func(disk) disk
	now      func() int // number of operations so far
	spaces   []*Space
	promises []promise
	keys     int // the scenario's keys are 0…keys, in every space
	err      error
}

// promise says that from an operation on keys of a space must be there, or, if
// released, that they need not be any more.
type promise struct {
	at       int
	space    *Space
	keys     []Key
	released bool
}

// failed takes an error down.
func (g *stage) failed(err error) bool {
	g.err = errors.Join(g.err, err)
	return err != nil
}

// cache opens the stage's cache. It is nil after an error.
func (g *stage) cache(segmentBytes int64) *Cache {
	c, err := Create(g.dir, &Options{SegmentBytes: segmentBytes, wrap: g.wrap})
	if g.failed(err) {
		return nil
	}
	g.t.Cleanup(func() { c.Close() })
	return c
}

// writer takes a writer of space i. It is nil after an error.
func (g *stage) writer(c *Cache, i int) *Writer {
	if c == nil {
		return nil
	}
	w, err := c.Writer(g.spaces[i], map[string]string{"runtime": "test"})
	if g.failed(err) {
		return nil
	}
	if q := w.Recovery().Quarantined; len(q) > 0 {
		g.t.Errorf("in quarantine: %v", q)
	}
	return w
}

// append appends the keys lo…hi and takes it down as promised.
func (g *stage) append(w *Writer, lo, hi int) {
	if w != nil {
		keys := testKeys(lo, hi)
		g.appendRows(w, keys, rowsOf(w.space, keys))
	}
}

func (g *stage) appendRows(w *Writer, keys []Key, rows []float32) {
	if !g.failed(w.Append(keys, rows)) {
		g.promises = append(g.promises, promise{at: g.now(), space: w.space, keys: keys})
	}
}

// release says that keys may be removed from now on.
func (g *stage) release(s *Space, keys []Key) {
	g.promises = append(g.promises, promise{at: g.now(), space: s, keys: keys, released: true})
}

// compact compacts space i.
func (g *stage) compact(c *Cache, i int) {
	if c == nil {
		return
	}
	n, err := c.Compact(g.t.Context(), g.spaces[i], false)
	if !g.failed(err) && (len(n.Damaged) > 0 || len(n.Recovery.Quarantined) > 0) {
		g.t.Errorf("compact takes something for damaged: %+v", n)
	}
}

// gc keeps the keys lo…hi of space i and nothing else.
func (g *stage) gc(c *Cache, i, lo, hi int) {
	if c == nil {
		return
	}
	for j, s := range g.spaces {
		keys := testKeys(0, g.keys)
		if j == i {
			keys = slices.Concat(testKeys(0, lo), testKeys(hi, g.keys))
		}
		g.release(s, keys)
	}
	f, err := c.GC(g.t.Context(), []Keep{{g.spaces[i], testKeys(lo, hi)}}, false)
	if !g.failed(err) && len(f.Refused) > 0 {
		g.t.Errorf("gc takes something for damaged: %+v", f)
	}
}

// merge merges the source, which has the keys lo…hi of every space.
func (g *stage) merge(c *Cache, lo, hi int) {
	if c == nil {
		return
	}
	src, err := Open(g.source, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer src.Close()
	m, err := c.Merge(g.t.Context(), src, false)
	if g.failed(err) {
		return
	}
	if len(m.Problems) > 0 {
		g.t.Errorf("merge takes something for damaged: %+v", m)
	}
	for _, s := range g.spaces {
		g.promises = append(g.promises, promise{at: g.now(), space: s, keys: testKeys(lo, hi)})
	}
}

func (g *stage) close(w *Writer) {
	if w != nil {
		g.failed(w.Close())
	}
}

func (g *stage) abandon(w *Writer) {
	if w != nil {
		w.Abandon()
	}
}

// read does everything that only reads, when all rows promised so far are
// sealed: what it answers must be right, unless it is an error.
func (g *stage) read(c *Cache) {
	if c == nil {
		return
	}
	for _, s := range g.spaces {
		r, err := c.Reader(s)
		if g.failed(err) {
			continue
		}
		if m, err := r.Missing(g.promised(s, g.now())); err != nil || len(m) > 0 {
			g.t.Errorf("the reader misses %d rows, %v", len(m), err)
		}
		if n := r.Waiting(); n > 0 {
			g.t.Errorf("%d WALs are waiting", n)
		}
		r.Close()
	}
	v, err := c.Verify(context.Background(), Full, func(p Problem) { g.t.Errorf("verify: %v", p) })
	if !g.failed(err) && v.Spaces != len(g.spaces) {
		g.t.Errorf("verify saw %d spaces of %d", v.Spaces, len(g.spaces))
	}
	st, err := c.Stat()
	if !g.failed(err) {
		if len(st.Spaces) != len(g.spaces) || st.Quarantined > 0 {
			g.t.Errorf("Stat = %+v", st)
		}
		rows := int64(0)
		for _, one := range st.Spaces {
			if rows += one.Rows; one.Err != nil || one.Refused > 0 {
				g.t.Errorf("Stat = %+v", one)
			}
		}
		if g.err == nil && rows != v.Rows {
			g.t.Errorf("Stat counts %d rows, Verify %d", rows, v.Rows)
		}
	}
	spaces, err := c.Spaces()
	if !g.failed(err) && len(spaces) != len(g.spaces) {
		g.t.Errorf("%d spaces of %d", len(spaces), len(g.spaces))
	}
}

// promised returns what must be there of a space after the first k operations.
func (g *stage) promised(s *Space, k int) []Key {
	var keys []Key
	for _, p := range g.promises {
		switch {
		case p.space != s:
		case p.released: // even if the operation that would remove them has not begun
			if p.at <= k {
				keys = slices.DeleteFunc(keys, func(k Key) bool { return slices.Contains(p.keys, k) })
			}
		case p.at <= k:
			keys = append(keys, p.keys...)
		}
	}
	return keys
}

// play is a scenario: what is done to a cache while the power may fail.
type play struct {
	name   string
	dtypes []string // of the spaces
	keys   int
	before func(g *stage) // what has been done, durably, when it begins; may be nil
	do     func(g *stage)
}

// The scenarios. Each works in at least one space; what it appends is promised.
var plays = []play{
	{"writers one after the other", []string{"f32"}, 96, nil, func(g *stage) {
		for i := range 4 {
			w := g.writer(g.cache(0), 0)
			for j := range 6 {
				g.append(w, 24*i+4*j, 24*i+4*j+4)
			}
			g.close(w)
		}
	}},
	{"segments of one writer", []string{"f32"}, 80, nil, func(g *stage) {
		w := g.writer(g.cache(700), 0)
		for i := range 20 {
			g.append(w, 4*i, 4*i+4)
		}
		g.close(w)
	}},
	{"segments of float16", []string{"f16"}, 80, nil, func(g *stage) {
		w := g.writer(g.cache(600), 0)
		for i := range 20 {
			g.append(w, 4*i, 4*i+4)
		}
		g.close(w)
	}},
	{"two writers take turns", []string{"f32"}, 96, nil, func(g *stage) {
		c := g.cache(900)
		a, b := g.writer(c, 0), g.writer(c, 0)
		for i := range 14 {
			g.append(a, 4*i, 4*i+6) // overlapping
			g.append(b, 40+4*i, 40+4*i+4)
		}
		g.close(b)
		g.close(a)
	}},
	{"two spaces", []string{"f32", "f16"}, 70, nil, func(g *stage) {
		c := g.cache(800)
		a, b := g.writer(c, 0), g.writer(c, 1)
		for i := range 14 {
			g.append(a, 5*i, 5*i+5)
			g.append(b, 5*i, 5*i+5)
		}
		g.close(a)
		g.close(b)
	}},
	{"writers that die", []string{"f32"}, 90, nil, func(g *stage) {
		for i := range 5 {
			c := g.cache(2000)
			a, b := g.writer(c, 0), g.writer(c, 0)
			for j := range 3 {
				g.append(a, 18*i+6*j, 18*i+6*j+4)
				g.append(b, 18*i+6*j+3, 18*i+6*j+6)
			}
			g.abandon(a)
			if i%2 == 0 {
				g.abandon(b)
			} else {
				g.close(b)
			}
		}
		g.close(g.writer(g.cache(0), 0))
	}},
	{"appends larger than a sector", []string{"f32"}, 240, nil, func(g *stage) {
		w := g.writer(g.cache(6000), 0)
		for i := range 12 {
			g.append(w, 20*i, 20*i+20)
		}
		g.abandon(w)
		g.close(g.writer(g.cache(0), 0))
	}},
	{"first rows of a key", []string{"f32"}, 40, nil, func(g *stage) {
		w := g.writer(g.cache(0), 0)
		for i := range 10 {
			keys := testKeys(0, 4*i+4) // all that were before, with other rows
			rows := rowsOf(g.spaces[0], keys)
			clear(rows[:4*i*g.spaces[0].Dim()])
			if w != nil && g.err == nil {
				g.appendRows(w, keys, rows)
			}
		}
		g.close(w)
	}},
	{"compaction", []string{"f32"}, 90, func(g *stage) {
		for i := range 4 { // overlapping
			w := g.writer(g.cache(0), 0)
			g.append(w, 16*i, 16*i+20)
			g.close(w)
		}
	}, func(g *stage) {
		c := g.cache(1500)
		g.compact(c, 0)
		w := g.writer(c, 0)
		g.append(w, 70, 80)
		g.append(w, 75, 85)
		g.abandon(w)
		g.compact(c, 0)
		c = g.cache(500)
		w = g.writer(c, 0)
		g.append(w, 0, 90)
		g.close(w)
		g.compact(c, 0)
	}},
	{"compaction by a writer", []string{"f16"}, 45, func(g *stage) {
		w := g.writer(g.cache(1), 0)
		for i := range manySmall + 2 {
			g.append(w, i, i+1)
		}
		g.close(w)
	}, func(g *stage) {
		w := g.writer(g.cache(0), 0)
		g.append(w, 40, 45)
		g.close(w)
	}},
	{"collection", []string{"f32", "f16"}, 60, func(g *stage) {
		for i := range g.spaces {
			w := g.writer(g.cache(700), i)
			for j := range 12 {
				g.append(w, 5*j, 5*j+5)
			}
			g.close(w)
		}
	}, func(g *stage) {
		c := g.cache(700)
		g.gc(c, 0, 13, 44)
		w := g.writer(c, 0)
		g.append(w, 0, 10)
		g.close(w)
		g.gc(c, 1, 0, 0)
		w = g.writer(c, 0)
		g.append(w, 50, 60)
		g.close(w)
	}},
	{"merge", []string{"f32", "f16"}, 60, func(g *stage) {
		here := g.dir
		g.dir = g.source
		for i := range g.spaces {
			c := g.cache(900)
			w := g.writer(c, i)
			for j := range 6 {
				g.append(w, 20+5*j, 20+5*j+5)
			}
			g.close(w)
			w = g.writer(c, i)
			g.append(w, 50, 60) // what is not sealed comes too
			g.abandon(w)
		}
		g.dir, g.promises = here, nil
	}, func(g *stage) {
		c := g.cache(0)
		w := g.writer(c, 0)
		g.append(w, 0, 30)
		g.close(w)
		g.merge(c, 20, 60)
		g.merge(c, 20, 60)
		w = g.writer(c, 1)
		g.append(w, 0, 30)
		g.close(w)
	}},
}

// stage makes the stage of a play in dir, which does not exist yet.
func (p play) stage(t testing.TB, dir string) *stage {
	t.Helper()
	g := &stage{t: t, dir: dir, source: dir + "-source", wrap: unsynced.wrap, keys: p.keys, now: func() int { return 0 }}
	for i, d := range p.dtypes {
		g.spaces = append(g.spaces, spaceOf(t, d, 4, fmt.Sprint("space ", i)))
	}
	if p.before != nil {
		if p.before(g); g.err != nil {
			t.Fatal(g.err)
		}
	}
	return g
}

// imageOf reads a directory, which may not exist.
func imageOf(t testing.TB, dir string) diskImage {
	t.Helper()
	image := diskImage{files: map[string][]byte{}}
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) && p == dir {
			return nil
		}
		name := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(p, dir), "/"))
		switch {
		case err != nil || name == "":
			return err
		case d.IsDir():
			image.dirs = append(image.dirs, name)
			return nil
		}
		image.files[name], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// spaceOf returns a space of a type.
func spaceOf(t testing.TB, dtype string, dim int, output string) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": dim, "dtype": dtype, "output": output})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tornTail tells whether a problem is that of a WAL that ends in something else
// than frames: an append that nobody had promised. A power failure leaves no
// other damage.
func tornTail(p Problem) bool {
	return path.Ext(p.Path) == walSuffix && strings.Contains(p.Err.Error(), ": frame ")
}

// checkUnrecovered looks at a directory that a power failure has left, before
// anyone has put it in order: there is no cache yet, or one without damage.
func checkUnrecovered(dir string) error {
	c, err := Open(dir, nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	var first error
	_, err = c.Verify(context.Background(), Fast, func(p Problem) {
		if first == nil && !tornTail(p) {
			first = fmt.Errorf("before the recovery: %v", p)
		}
	})
	return errors.Join(err, first)
}

// recoverAndCheck does what the next run does in a directory that a power
// failure has left, with a writer for each space, and then checks that every
// row of promised is there, that no row of all is wrong, that Verify has
// nothing to say and that nothing is left over.
func recoverAndCheck(dir string, spaces []*Space, promised func(*Space) []Key, all []Key, wrap func(disk) disk) error {
	c, err := Create(dir, &Options{wrap: wrap})
	if err != nil {
		return err
	}
	defer c.Close()
	var moved []Problem
	for _, s := range spaces {
		w, err := c.Writer(s, map[string]string{"runtime": "test"})
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		moved = append(moved, w.Recovery().Quarantined...)
	}
	for _, s := range spaces {
		if err := checkServed(c, s, promised(s), all); err != nil {
			return err
		}
	}
	for _, p := range moved {
		if !tornTail(p) {
			return fmt.Errorf("in quarantine: %v", p)
		}
	}
	var first error
	if _, err := c.Verify(context.Background(), Full, func(p Problem) {
		if first == nil {
			first = fmt.Errorf("verify: %v", p)
		}
	}); err != nil {
		return err
	}
	if first != nil {
		return first
	}
	return leftover(dir)
}

// checkServed checks that c serves every row of promised and no wrong row of
// all, and counts those that it does not.
func checkServed(c *Cache, s *Space, promised, all []Key) error {
	r, err := c.Reader(s)
	if err != nil {
		return err
	}
	defer r.Close()
	missing, err := r.Missing(promised)
	if err != nil {
		return err
	}
	countChecked.n.Add(int64(len(promised)))
	if len(missing) > 0 {
		countLost.n.Add(int64(len(missing)))
		return fmt.Errorf("space %s: %d of %d acknowledged rows are lost", s, len(missing), len(promised))
	}
	refs := make([]Ref, len(all))
	r.Locate(all, refs)
	var have []Key
	for i, k := range all {
		if refs[i].Found() {
			have = append(have, k)
		}
	}
	refs = slices.DeleteFunc(refs, func(r Ref) bool { return !r.Found() })
	got := make([]float32, len(have)*s.Dim())
	if err := r.RowsTo(got, refs); err != nil {
		return fmt.Errorf("space %s: %w", s, err)
	}
	want := rowsOf(s, have)
	wrong := 0
	err = r.Each(refs, func(i int, rows []float32) {
		for ; len(rows) > 0; rows, i = rows[s.Dim():], i+1 {
			at := i * s.Dim()
			if row := rows[:s.Dim()]; !sameBits(row, want[at:at+s.Dim()]) || !sameBits(row, got[at:at+s.Dim()]) {
				wrong++
			}
		}
	})
	if err != nil {
		return fmt.Errorf("space %s: %w", s, err)
	}
	err = r.EachStored(refs, func(i int, wide []float32, half []uint16) {
		if (s.dtype == f16) != (wide == nil) || (s.dtype == f16) == (half == nil) {
			wrong++
		}
		for k := range half {
			wide = append(wide, fromHalf(half[k]))
		}
		if !sameBits(wide, got[i*s.Dim():i*s.Dim()+len(wide)]) {
			wrong++
		}
	})
	if err != nil {
		return fmt.Errorf("space %s: %w", s, err)
	}
	if wrong > 0 {
		countWrong.n.Add(int64(wrong))
		return fmt.Errorf("space %s: %d wrong rows are served", s, wrong)
	}
	return nil
}

// leftover returns an error if a temporary file or a WAL is left in a cache
// that nobody is using.
func leftover(dir string) error {
	return filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == quarantineDir || d.Name() == trashDir) { // the next gc empties that
			return filepath.SkipDir
		}
		if isTemporary(d.Name()) || filepath.Ext(p) == walSuffix {
			return fmt.Errorf("left behind: %s", p)
		}
		return nil
	})
}

// rowsOf is rowsIn with a memory: the same rows are wanted thousands of times.
func rowsOf(s *Space, keys []Key) []float32 {
	rows := make([]float32, 0, len(keys)*s.Dim())
	for _, k := range keys {
		id := rowID{s.dim, s.dtype, k}
		row, ok := rememberedRows.Load(id)
		if !ok {
			row, _ = rememberedRows.LoadOrStore(id, rowsIn(s, []Key{k}))
		}
		rows = append(rows, row.([]float32)...)
	}
	return rows
}

type rowID struct {
	dim   int
	dtype dtype
	key   Key
}

var rememberedRows sync.Map // of rowID to []float32

// The power fails after each operation, and in the middle of each write, and
// leaves any of the states that it may leave. The next run finds every row that
// was acknowledged, and no wrong one.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	seeds := scaled(10, 1)
	base := scratch(t)
	n := 0
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			g := p.stage(t, filepath.Join(scratch(t), "cache"))
			r := newRecorder(imageOf(t, g.dir))
			g.wrap, g.now = r.wrap, r.now
			if p.do(g); g.err != nil {
				t.Fatal(g.err)
			}
			all := testKeys(0, g.keys)
			rnd := rand.New(rand.NewPCG(1, 2))
			for k := range r.now() + 1 {
				countPoints.n.Add(1)
				for seed := range uint64(seeds) {
					n++
					dir := filepath.Join(base, strconv.Itoa(n))
					left := r.crash(k, seed)
					promised := func(s *Space) []Key { return g.promised(s, k) }
					nested := rnd.IntN(8) == 0
					var second *recorder
					var wrap func(disk) disk
					if nested {
						second = newRecorder(left)
						wrap = second.wrap
					}
					at := fmt.Sprintf("power failure after operation %d of %d, seed %d", k, r.now(), seed)
					if err := restart(dir, left, g.spaces, promised, all, wrap); err != nil {
						t.Fatalf("%s: %v\n%s", at, err, left)
					}
					countStates.n.Add(1)
					if nested {
						k2 := rnd.IntN(second.now() + 1)
						again := second.crash(k2, seed)
						if err := restart(dir, again, g.spaces, promised, all, nil); err != nil {
							t.Fatalf("%s, and after operation %d of %d of the recovery: %v\n%s", at, k2, second.now(), err, again)
						}
						countNested.n.Add(1)
					}
				}
			}
			t.Logf("%d operations", r.now())
		})
	}
}

// restart makes the files in dir, checks what the next run makes of it, and
// removes it.
func restart(dir string, left diskImage, spaces []*Space, promised func(*Space) []Key, all []Key, wrap func(disk) disk) error {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	if err := left.write(dir); err != nil {
		return err
	}
	if err := checkUnrecovered(dir); err != nil {
		return err
	}
	if err := recoverAndCheck(dir, spaces, promised, all, wrap); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
