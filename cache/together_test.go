package cache

import (
	"errors"
	goparser "go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Two writers, one that compacts, one that collects, one that merges, and
// readers, for a while, each with the cache opened for itself: no reader meets
// an error or a wrong row, what is acknowledged and sealed is never missing,
// and nothing is deleted while somebody reads.
func TestTogether(t *testing.T) {
	d := time.Duration(scaled(60, 3)) * time.Second
	s := testSpace(t, 8)
	dir := filepath.Join(scratch(t), "cache")
	const keys = 4000
	all := testKeys(0, keys)
	rows := rowsOf(s, all)
	o := &Options{SegmentBytes: 20_000}
	main := createAt(t, dir, o)
	write(t, main, s, 100, all[:100])
	src := newCache(t, o)
	write(t, src, s, 100, all[:500])
	source, err := Open(src.Dir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()

	var sealed atomic.Int64 // the keys 0…sealed have been sealed by a writer that closed
	sealed.Store(100)
	var reads, compactions, collections, refusals, merges atomic.Int64
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	// What deletes needs a moment without anybody else, which chance alone may
	// never give it: the others pause for one now and then.
	var pause sync.RWMutex
	wg.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			time.Sleep(50 * time.Millisecond)
			pause.Lock()
			time.Sleep(5 * time.Millisecond)
			pause.Unlock()
		}
	})
	run := func(do func(c *Cache, r *rand.Rand) error) {
		seed := uint64(time.Now().UnixNano())
		wg.Go(func() {
			c, err := Create(dir, o)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := rand.New(rand.NewPCG(seed, 1))
			for time.Now().Before(end) && !t.Failed() {
				if err := do(c, r); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	add := func(c *Cache, from, to int) error {
		pause.RLock()
		defer pause.RUnlock()
		w, err := c.Writer(s, nil)
		if err != nil {
			return err
		}
		for i := from; i < to; i += 10 {
			j := min(to, i+10)
			if err := w.Append(all[i:j], rows[8*i:8*j]); err != nil {
				return errors.Join(err, w.Close())
			}
		}
		return w.Close()
	}
	run(func(c *Cache, r *rand.Rand) error { // the one that goes on
		from := int(sealed.Load())
		if from >= keys {
			time.Sleep(time.Millisecond)
			return add(c, 0, 10)
		}
		to := min(keys, from+1+r.IntN(60))
		if err := add(c, from, to); err != nil {
			return err
		}
		sealed.Store(int64(to))
		return nil
	})
	run(func(c *Cache, r *rand.Rand) error { // the one that writes what is there
		from := r.IntN(keys)
		time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
		return add(c, from, min(keys, from+30))
	})
	busy := func(err error, n *atomic.Int64) error {
		switch {
		case errors.Is(err, ErrInUse):
			refusals.Add(1)
			time.Sleep(100 * time.Microsecond)
			return nil
		case err == nil:
			n.Add(1)
		}
		return err
	}
	run(func(c *Cache, r *rand.Rand) error {
		_, err := c.Compact(t.Context(), s, false)
		return busy(err, &compactions)
	})
	run(func(c *Cache, r *rand.Rand) error {
		_, err := c.GC(t.Context(), []Keep{{s, all}}, false)
		return busy(err, &collections)
	})
	run(func(c *Cache, r *rand.Rand) error {
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		pause.RLock()
		defer pause.RUnlock()
		_, err := c.Merge(t.Context(), source, false)
		return busy(err, &merges)
	})
	for range 2 {
		run(func(c *Cache, r *rand.Rand) error {
			pause.RLock()
			defer pause.RUnlock()
			n := int(sealed.Load())
			reader, err := c.Reader(s)
			if err != nil {
				return err
			}
			defer reader.Close()
			if m, err := reader.Missing(all[:n]); err != nil || len(m) > 0 {
				return errors.Join(err, errors.New(strconv.Itoa(len(m))+" of "+strconv.Itoa(n)+" sealed rows are missing"))
			}
			if ps := reader.Corrupt(); len(ps) > 0 {
				return errors.New(ps[0].String())
			}
			refs := make([]Ref, n)
			reader.Locate(all[:n], refs)
			got := make([]float32, 8*n)
			if err := reader.RowsTo(got, refs); err != nil {
				return err
			}
			if !sameBits(got, rows[:8*n]) {
				return errors.New("wrong rows")
			}
			// While it is open nobody may delete.
			if _, err := c.GC(t.Context(), nil, false); !errors.Is(err, ErrInUse) {
				return errors.New("gc under a reader was not refused")
			}
			if _, err := c.Compact(t.Context(), s, false); !errors.Is(err, ErrInUse) {
				return errors.New("compact under a reader was not refused")
			}
			reads.Add(1)
			reader.Close()
			time.Sleep(time.Duration(r.IntN(5)) * time.Millisecond)
			return nil
		})
	}
	wg.Wait()
	t.Logf("%d keys written, %d reads, %d compactions, %d collections, %d merges, %d refused", sealed.Load(), reads.Load(), compactions.Load(), collections.Load(), merges.Load(), refusals.Load())
	checkRows(t, main, s, all[:sealed.Load()])
	if reads.Load() == 0 || compactions.Load()+collections.Load() == 0 || refusals.Load() == 0 {
		t.Errorf("%d reads, %d compactions, %d collections, %d refused: not all of it was tried", reads.Load(), compactions.Load(), collections.Load(), refusals.Load())
	}
}

// What a cache does depends neither on times nor on places: with the times of
// all files at random, in the past and the future, and in another place, the
// same rows are found, sealed and healed.
func TestTimesDoNotMatter(t *testing.T) {
	for i := range scaled(20, 4) {
		c, s := newCache(t, &Options{SegmentBytes: 1000, wrap: unsynced.wrap}), testSpace(t, 8)
		keys := testKeys(0, 60)
		write(t, c, s, 10, keys[:40])
		w, err := c.Writer(s, nil) // it dies
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(keys[40:], rowsIn(s, keys[40:])); err != nil {
			t.Fatal(err)
		}
		w.Abandon()
		for _, d := range []string{".", s.dir(), s.segDir(), s.walDir()} {
			p := filepath.Join(c.Dir(), d, tmpPrefix+strings.Repeat("a", 32))
			if err := os.WriteFile(p, []byte("left behind"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		image := imageOf(t, c.Dir())
		moved := filepath.Join(t.TempDir(), strconv.Itoa(i), "elsewhere")
		if err := errors.Join(os.MkdirAll(moved, 0o777), image.write(moved)); err != nil {
			t.Fatal(err)
		}
		n := i
		err = filepath.WalkDir(moved, func(p string, d os.DirEntry, err error) error {
			n++
			at := time.Unix(rand.Int64N(1<<32)-1<<31, int64(n))
			return errors.Join(err, os.Chtimes(p, at, at))
		})
		if err != nil {
			t.Fatal(err)
		}
		m := createAt(t, moved, &Options{SegmentBytes: 1000, wrap: unsynced.wrap})
		write(t, m, s, 1, nil)
		checkRows(t, m, s, keys)
		compact(t, m, s)
		checkRows(t, m, s, keys)
		if err := leftover(moved); err != nil {
			t.Error(err)
		}
		write(t, c, s, 1, nil) // where it was before
		compact(t, c, s)
		if !mapsEqual(segmentsOf(t, c, s), segmentsOf(t, m, s)) {
			t.Error("the copy has other bytes")
		}
	}
}

// Nothing but the stat cache, which is a hint, looks at a clock.
func TestNoClock(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range files {
		if strings.HasSuffix(p, "_test.go") || p == "statcache.go" {
			continue
		}
		f, err := goparser.ParseFile(token.NewFileSet(), p, nil, goparser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if i.Path.Value == `"time"` {
				t.Errorf("%s imports time", p)
			}
		}
	}
}
