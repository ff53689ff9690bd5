package cache

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultDisk is a disk that calls before ahead of each operation and does not
// do it if that returns an error. A write that fails writes half. It leaves
// out the syncs, which cost time and which no test here can see the effect of.
type faultDisk struct {
	disk
	before func(op, name string) error
}

type faultFile struct {
	file
	name   string
	before func(op, name string) error
}

func (d faultDisk) Mkdir(name string) error {
	if err := d.before("mkdir", name); err != nil {
		return err
	}
	return d.disk.Mkdir(name)
}

func (d faultDisk) Create(name string) (file, error) {
	if err := d.before("create", name); err != nil {
		return nil, err
	}
	f, err := d.disk.Create(name)
	if err != nil {
		return nil, err
	}
	return faultFile{f, name, d.before}, nil
}

func (d faultDisk) Open(name string, flag int) (file, error) {
	if flag == os.O_RDONLY {
		return d.disk.Open(name, flag)
	}
	if err := d.before("open", name); err != nil {
		return nil, err
	}
	f, err := d.disk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return faultFile{f, name, d.before}, nil
}

func (d faultDisk) Rename(from, to string) error {
	if err := d.before("rename", from+" "+to); err != nil {
		return err
	}
	return d.disk.Rename(from, to)
}

func (d faultDisk) Remove(name string) error {
	if err := d.before("remove", name); err != nil {
		return err
	}
	return d.disk.Remove(name)
}

func (d faultDisk) SyncDir(name string) error { return d.before("syncdir", name) }

func (f faultFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.before("write", f.name); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], offset)
		return n, err
	}
	return f.file.WriteAt(p, offset)
}

func (f faultFile) Truncate(size int64) error {
	if err := f.before("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f faultFile) Sync() error     { return f.before("sync", f.name) }
func (f faultFile) SyncData() error { return f.before("syncdata", f.name) }

func (f faultFile) Lock(how int) (bool, error) {
	if err := f.before("lock", f.name); err != nil {
		return false, err
	}
	return f.file.Lock(how)
}

// faulty returns options for a cache whose operations go through before.
func faulty(segmentBytes int64, before func(op, name string) error) *Options {
	return &Options{SegmentBytes: segmentBytes, wrap: func(d disk) disk { return faultDisk{d, before} }}
}

var digits = regexp.MustCompile(`[0-9a-f]{32,64}`)

func anonymous(s string) string { return digits.ReplaceAllString(s, "X") }

// The order of operations is part of the format: each line must be durable
// before the next may be relied on. See docs/cache-format.md.
func TestOrderOfOperations(t *testing.T) {
	var ops []string
	dir := filepath.Join(t.TempDir(), "cache")
	c := createAt(t, dir, faulty(0, func(op, name string) error {
		ops = append(ops, op+" "+anonymous(name))
		if from, _, ok := strings.Cut(name, " "); ok && op == "rename" {
			// Whoever dies here leaves a file that must be adopted.
			if fi, err := os.Stat(filepath.Join(dir, from)); err != nil || fi.Mode()&0o200 == 0 {
				t.Errorf("%s cannot be opened for locking: %v, %v", anonymous(from), fi.Mode(), err)
			}
		}
		return nil
	}))
	s := testSpace(t, 2)
	phase := func(name string, want ...string) {
		t.Helper()
		if !slices.Equal(ops, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(ops, "\n"), strings.Join(want, "\n"))
		}
		ops = nil
	}
	phase("Create",
		"create tmp-X", "lock tmp-X", "write tmp-X", "sync tmp-X", "rename tmp-X FORMAT", "syncdir .",
		"mkdir spaces", "syncdir .")
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	phase("Writer",
		"syncdir .", "mkdir spaces/X", "syncdir spaces",
		"mkdir spaces/X/wal", "syncdir spaces/X", "mkdir spaces/X/seg", "syncdir spaces/X",
		"create spaces/X/lock",
		"create spaces/X/tmp-X", "lock spaces/X/tmp-X", "write spaces/X/tmp-X", "sync spaces/X/tmp-X",
		"rename spaces/X/tmp-X spaces/X/space.json", "syncdir spaces/X",
		"create spaces/X/wal/X.new", "lock spaces/X/wal/X.new", "write spaces/X/wal/X.new", "sync spaces/X/wal/X.new",
		"rename spaces/X/wal/X.new spaces/X/wal/X.wal", "syncdir spaces/X/wal")
	for range 2 {
		if err := w.Append(testKeys(0, 3), testRows(testKeys(0, 3), 2)); err != nil {
			t.Fatal(err)
		}
		phase("Append", "write spaces/X/wal/X.new", "syncdata spaces/X/wal/X.new")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	phase("Close",
		"create spaces/X/seg/tmp-X", "lock spaces/X/seg/tmp-X", "write spaces/X/seg/tmp-X", "sync spaces/X/seg/tmp-X",
		"rename spaces/X/seg/tmp-X spaces/X/seg/X.safetensors", "syncdir spaces/X/seg",
		"remove spaces/X/wal/X.wal", "syncdir spaces/X/wal")
}

// scenario writes batches of four keys and returns those that were
// acknowledged, and the first error.
func scenario(c *Cache, s *Space, batches int) (acked []Key, err error) {
	w, err := c.Writer(s, nil)
	if err != nil {
		return nil, err
	}
	for i := range batches {
		keys := testKeys(4*i, 4*i+4)
		if e := w.Append(keys, rowsIn(s, keys)); e != nil {
			err = errors.Join(err, e)
			continue // the writer may still be used after some errors
		}
		acked = append(acked, keys...)
	}
	return acked, errors.Join(err, w.Close())
}

// The k-th operation fails, or it and all later ones do, for every k.
// Whatever was acknowledged is there afterwards, and the next run needs
// nothing but to be started.
func TestEveryOperationFails(t *testing.T) {
	const batches = 5
	s := testSpace(t, 3)
	for _, tc := range []struct {
		name   string
		cause  error
		sticky bool
	}{{"once", syscall.EIO, false}, {"from then on", syscall.ENOSPC, true}} {
		t.Run(tc.name, func(t *testing.T) {
			base := t.TempDir()
			for k := 1; ; k++ {
				dir := filepath.Join(base, strconv.Itoa(k))
				if err := os.Mkdir(dir, 0o777); err != nil {
					t.Fatal(err)
				}
				n, failed := 0, ""
				before := func(op, name string) error {
					n++
					if n == k || tc.sticky && n > k {
						failed = op + " " + anonymous(name)
						return &os.PathError{Op: op, Path: name, Err: tc.cause}
					}
					return nil
				}
				var acked []Key
				c, err := Create(dir, faulty(300, before))
				if err == nil {
					acked, err = scenario(c, s, batches)
					c.Close()
				}
				at := fmt.Sprintf("operation %d (%s)", k, failed)
				if n >= k && err == nil {
					t.Fatalf("%s: nobody noticed", at)
				}
				if err != nil && !errors.Is(err, tc.cause) {
					t.Fatalf("%s: the error is %v", at, err)
				}
				c, err = Create(dir, faulty(300, func(string, string) error { return nil }))
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				w, err := c.Writer(s, nil)
				if err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				if q := w.Recovery().Quarantined; len(q) > 0 {
					t.Fatalf("%s: %v is in quarantine", at, q)
				}
				if err := w.Close(); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
				checkRows(t, c, s, acked)
				if all, err := scenario(c, s, batches); err != nil || len(all) != 4*batches {
					t.Fatalf("%s: the next run: %v", at, err)
				}
				checkRows(t, c, s, testKeys(0, 4*batches))
				checkClean(t, dir)
				if left := append(wals(t, c, s), tmps(t, dir)...); len(left) > 0 {
					t.Fatalf("%s: left behind: %v", at, left)
				}
				c.Close()
				if t.Failed() {
					t.Fatal(at)
				}
				if n < k {
					t.Logf("%d operations", n)
					break
				}
			}
		})
	}
}

// unsynced leaves the syncs out, for tests of something else.
var unsynced = faulty(0, func(string, string) error { return nil })

// tmps returns the temporary files in a cache.
func tmps(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && isTemporary(d.Name()) {
			found = append(found, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// After a sync that failed nothing is written any more, and what was
// acknowledged before is recovered.
func TestFailedSyncEndsTheWriter(t *testing.T) {
	fail := false
	c := newCache(t, faulty(0, func(op, name string) error {
		if fail && op == "syncdata" {
			return syscall.EIO
		}
		return nil
	}))
	s := testSpace(t, 2)
	keys := testKeys(0, 3)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(keys[:1], testRows(keys[:1], 2)); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := w.Append(keys[1:2], testRows(keys[1:2], 2)); !errors.Is(err, syscall.EIO) {
		t.Fatalf("Append = %v", err)
	}
	fail = false
	if err := w.Append(keys[2:], testRows(keys[2:], 2)); !errors.Is(err, syscall.EIO) {
		t.Errorf("Append after a failed sync = %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close after a failed sync = %v", err)
	}
	if n := len(segments(t, c, s)); n != 0 {
		t.Errorf("%d segments were sealed after a failed sync", n)
	}
	write(t, c, s, 1, nil) // recovers
	checkRows(t, c, s, keys[:1])
}

// A short write is undone, and the writer goes on.
func TestShortWriteIsUndone(t *testing.T) {
	fail := false
	c := newCache(t, faulty(0, func(op, name string) error {
		if fail && op == "write" {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := testSpace(t, 2)
	keys := testKeys(0, 9)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		ks := keys[3*i : 3*i+3]
		fail = i == 1
		if err := w.Append(ks, testRows(ks, 2)); (err != nil) != fail {
			t.Fatalf("Append %d = %v", i, err)
		}
		if fi, err := w.wal.file.Stat(); err != nil || fi.Size() != w.wal.size {
			t.Errorf("after Append %d the WAL has %d bytes, want %d (%v)", i, fi.Size(), w.wal.size, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, c, s, slices.Concat(keys[:3], keys[6:]))
}

// Many writers start at the same instant, slowly, while others recover.
// Whoever is still at work loses nothing to them.
func TestWritersStartTogether(t *testing.T) {
	slow := func(op, name string) error {
		if op == "create" || op == "lock" || op == "rename" {
			time.Sleep(time.Duration(len(name)%5) * 300 * time.Microsecond)
		}
		return nil
	}
	c, s := newCache(t, faulty(2000, slow)), testSpace(t, 4)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 4 {
				w, err := c.Writer(s, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for k := range 5 { // overlapping with the neighbours
					keys := testKeys(20*i+10*k, 20*i+10*k+10)
					if err := w.Append(keys, testRows(keys, 4)); err != nil {
						t.Error(err)
					}
				}
				if (i+j)%3 == 0 { // dies
					w.wal.file.Close()
					w.lock.Close()
				} else if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 20 {
				r, err := c.Reader(s)
				if err != nil {
					t.Error(err)
					return
				}
				servesOnlyRight(t, r, testKeys(0, 190))
				r.Close()
			}
		})
	}
	wg.Wait()
	write(t, c, s, 1, nil) // recovers the dead
	checkRows(t, c, s, testKeys(0, 190))
	if left := wals(t, c, s); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A segment that goes between listing and opening makes the reader list
// again, once.
func TestVanishedSegment(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	keys := testKeys(0, 5)
	write(t, c, s, 5, keys)
	gone := strings.Repeat("0", 64) + segmentSuffix
	for _, times := range []int{1, 2} {
		calls := 0
		r := &Reader{space: s}
		err := r.open(c, func(dir string) ([]string, error) {
			names, err := c.list(dir)
			if calls++; calls <= times {
				names = append(names, gone)
			}
			return names, err
		})
		if times == 1 && (err != nil || len(r.segments) != 1 || calls != 2) {
			t.Errorf("gone once: %v, %d segments, %d listings", err, len(r.segments), calls)
		}
		if times == 2 && (!errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path.Join(s.segDir(), gone))) {
			t.Errorf("gone twice: %v", err)
		}
		r.release()
	}
}
