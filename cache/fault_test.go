package cache

import (
	"errors"
	"fmt"
	"io/fs"
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
	lock   string // what locking it is called
	before func(op, name string) error
}

// unordered are the operations of which it does not matter when they are done:
// those that change nothing.
var unordered = []string{"list", "lstat", "read-open", "read-lock", "stat", "read", "map", "chmod"}

func (d faultDisk) List(name string) ([]string, error) {
	if err := d.before("list", name); err != nil {
		return nil, err
	}
	return d.disk.List(name)
}

func (d faultDisk) Lstat(name string) (fs.FileInfo, error) {
	if err := d.before("lstat", name); err != nil {
		return nil, err
	}
	return d.disk.Lstat(name)
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
	return faultFile{f, name, "lock", d.before}, nil
}

func (d faultDisk) Open(name string, flag int) (file, error) {
	op, lock := "open", "lock"
	if flag == os.O_RDONLY {
		op, lock = "read-open", "read-lock"
	}
	if err := d.before(op, name); err != nil {
		return nil, err
	}
	f, err := d.disk.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return faultFile{f, name, lock, d.before}, nil
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

func (f faultFile) Stat() (fs.FileInfo, error) {
	if err := f.before("stat", f.name); err != nil {
		return nil, err
	}
	return f.file.Stat()
}

func (f faultFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.before("read", f.name); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, offset)
}

func (f faultFile) Map(size int64) ([]byte, error) {
	if err := f.before("map", f.name); err != nil {
		return nil, err
	}
	return f.file.Map(size)
}

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

func (f faultFile) Chmod(mode fs.FileMode) error {
	if err := f.before("chmod", f.name); err != nil {
		return err
	}
	return f.file.Chmod(mode)
}

func (f faultFile) Sync() error     { return f.before("sync", f.name) }
func (f faultFile) SyncData() error { return f.before("syncdata", f.name) }

func (f faultFile) Lock(how int) (bool, error) {
	if err := f.before(f.lock, f.name); err != nil {
		return false, err
	}
	return f.file.Lock(how)
}

// faulty returns options for a cache whose operations go through before, except
// those that are unordered.
func faulty(segmentBytes int64, before func(op, name string) error) *Options {
	return faultyAll(segmentBytes, func(op, name string) error {
		if slices.Contains(unordered, op) {
			return nil
		}
		return before(op, name)
	})
}

// faultyAll returns options for a cache whose operations all go through before.
func faultyAll(segmentBytes int64, before func(op, name string) error) *Options {
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

// What a recovery does is durable before the next writer begins.
func TestOrderOfRecovery(t *testing.T) {
	var ops []string
	c := newCache(t, faulty(0, func(op, name string) error {
		ops = append(ops, op+" "+anonymous(name))
		return nil
	}))
	s := testSpace(t, 2)
	keys := testKeys(0, 3)
	write(t, c, s, 1, keys)
	p := segments(t, c, s)[0]
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	patched(t, c, s, filepath.Base(p), b[:len(b)-1])
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	ops = nil
	if err := w.Append(keys, rowsIn(s, keys)); err != nil {
		t.Fatal(err)
	}
	w.Abandon()
	patched(t, c, s, filepath.Base(p), b[:len(b)-1])
	ops = nil
	write(t, c, s, 1, nil)
	want := []string{
		"syncdir .", "syncdir spaces", "syncdir spaces/X", "syncdir spaces/X", // they are there, but are they durable?
		"syncdir .", "rename spaces/X/seg/X.safetensors quarantine/X-X.safetensors", "syncdir quarantine",
		"open spaces/X/wal/X.wal", "lock spaces/X/wal/X.wal",
		"create spaces/X/seg/tmp-X", "lock spaces/X/seg/tmp-X", "write spaces/X/seg/tmp-X", "sync spaces/X/seg/tmp-X",
		"rename spaces/X/seg/tmp-X spaces/X/seg/X.safetensors", "syncdir spaces/X/seg",
		"remove spaces/X/wal/X.wal", "syncdir spaces/X/wal",
		"create spaces/X/wal/X.new",
	}
	if got := ops[:min(len(ops), len(want))]; !slices.Equal(got, want) {
		t.Errorf("recovery:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkRows(t, c, s, keys)
}

// The k-th operation fails, or it and all later ones do, for every k, reading
// ones too. That is an error of whatever was asked for, never a panic, and is
// taken neither for absence nor for damage. Whatever was acknowledged is there
// afterwards, nothing under its final name is unfinished, and the next run
// needs nothing but to be started.
func TestEveryOperationFails(t *testing.T) {
	t.Parallel()
	causes := []error{syscall.EIO, syscall.ENOSPC, syscall.EINTR}
	for i, p := range append(slices.Clone(plays), failing...) {
		base := scratch(t)
		first := p.stage(t, filepath.Join(base, "first"))
		image := imageOf(t, first.dir)
		for _, sticky := range []bool{false, true} {
			name := p.name + "/once"
			if sticky {
				name = p.name + "/from then on"
			}
			t.Run(name, func(t *testing.T) {
				all := failOperation(t, p, first, image, base, 0, nil, false)
				step := scaled(1, 1+all/12)
				for k := 1 + (i+all)%step; k <= all && !t.Failed(); k += step {
					failOperation(t, p, first, image, base, k, causes[(i+k)%3], sticky)
					countFailures.n.Add(1)
				}
				t.Logf("%d operations", all)
			})
		}
	}
}

// failing are scenarios that are for this test alone: nothing in them is worth
// a power failure.
var failing = []play{
	{"reading", []string{"f32", "f16"}, 24, nil, func(g *stage) {
		c := g.cache(0)
		for i := range g.spaces {
			w := g.writer(c, i)
			for j := range 2 {
				g.append(w, 4*j, 4*j+4)
			}
			g.close(w)
		}
		if g.err == nil {
			g.read(c)
		}
	}},
}

// elsewhere returns a stage as it was at first, in another directory.
func (g *stage) elsewhere(t testing.TB, dir string) *stage {
	h := *g
	h.t, h.dir, h.promises = t, dir, slices.Clone(g.promises)
	return &h
}

// failOperation plays p, which begins with image, with its k-th operation
// failing, and returns how many there were.
func failOperation(t *testing.T, p play, first *stage, image diskImage, base string, k int, cause error, sticky bool) int {
	t.Helper()
	n, op := 0, ""
	dir := filepath.Join(base, strconv.Itoa(k))
	g := first.elsewhere(t, dir)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := image.write(dir); err != nil {
		t.Fatal(err)
	}
	g.wrap = faultyAll(0, func(o, name string) error {
		if n++; n > k+100_000 {
			panic("endless: operation " + op + " failed, now at " + o + " " + name)
		}
		if cause != nil && (n == k || sticky && n > k) {
			if n == k {
				op = o + " " + anonymous(name)
			}
			return &os.PathError{Op: o, Path: name, Err: cause}
		}
		return nil
	}).wrap
	p.do(g)
	at := fmt.Sprintf("operation %d (%s) failed", k, op)
	if cause != nil && n >= k && g.err == nil {
		t.Errorf("%s: nobody noticed", at)
	}
	if g.err != nil && !errors.Is(g.err, cause) {
		t.Errorf("%s: the error is %v", at, g.err)
	}
	// What it left, before anyone has put it in order.
	c, err := Open(dir, nil)
	if err == nil {
		c.Close()
		checkClean(t, dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", at, err)
	}
	all := testKeys(0, p.keys)
	promised := func(s *Space) []Key { return g.promised(s, 0) }
	if err := recoverAndCheck(dir, g.spaces, promised, all, unsynced.wrap); err != nil {
		t.Errorf("%s: %v", at, err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, quarantineDir)); err == nil && len(names) > 0 {
		t.Errorf("%s: in quarantine: %v", at, names)
	}
	next := first.elsewhere(t, dir)
	if p.do(next); next.err != nil {
		t.Errorf("%s: the next run: %v", at, next.err)
	}
	promised = func(s *Space) []Key { return next.promised(s, 0) }
	if err := recoverAndCheck(dir, g.spaces, promised, all, unsynced.wrap); err != nil {
		t.Errorf("%s: after the next run: %v", at, err)
	}
	if t.Failed() {
		t.Error(at)
	} else if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
	return n
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

// What the file system does not tell is an error, not a no: a new file whose
// name cannot be looked at is not given up, and a WAL that cannot be is not
// somebody else's.
func TestFailedLookIsAnError(t *testing.T) {
	for _, at := range []string{newSuffix, walSuffix, "/" + lockName} {
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
		seen := 0
		bad, err := Create(c.Dir(), faultyAll(0, func(op, name string) error {
			if op != "lstat" || !strings.HasSuffix(name, at) {
				return nil
			}
			if seen++; seen == 1 && at == "/"+lockName {
				return nil // is there one? only then is it locked
			}
			return syscall.EIO
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer bad.Close()
		if _, err := bad.Writer(s, nil); !errors.Is(err, syscall.EIO) {
			t.Errorf("lstat of %s fails: Writer = %v", at, err)
		}
		write(t, c, s, 1, nil)
		checkRows(t, c, s, keys)
	}
}

// unreadable is a file whose pages cannot be read once they are mapped, as on a
// device that fails.
type unreadable struct{ file }

func (f unreadable) Map(size int64) ([]byte, error) {
	g, err := os.CreateTemp("", "empty")
	if err != nil {
		return nil, err
	}
	defer os.Remove(g.Name())
	defer g.Close()
	return mapFile(g, size) // beyond its end there is nothing
}

type unreadableDisk struct {
	disk
	suffix string
}

func (d unreadableDisk) Open(name string, flag int) (file, error) {
	f, err := d.disk.Open(name, flag)
	if err == nil && strings.HasSuffix(name, d.suffix) {
		f = unreadable{f}
	}
	return f, err
}

// What a device does not give back is not damaged: it stays where it is, and is
// there when the device works again.
func TestUnreadableIsNotQuarantined(t *testing.T) {
	for _, suffix := range []string{walSuffix, segmentSuffix} {
		t.Run(suffix, func(t *testing.T) {
			c, s := newCache(t, unsynced), testSpace(t, 3)
			keys := testKeys(0, 20)
			write(t, c, s, 5, keys[:10])
			w, err := c.Writer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Append(keys[10:], rowsIn(s, keys[10:])); err != nil {
				t.Fatal(err)
			}
			w.Abandon()
			bad, err := Create(c.Dir(), &Options{wrap: func(d disk) disk { return unreadableDisk{d, suffix} }})
			if err != nil {
				t.Fatal(err)
			}
			defer bad.Close()
			if _, err := bad.Writer(s, nil); !errors.Is(err, errFault) || !strings.Contains(err.Error(), suffix+": ") {
				t.Errorf("Writer = %v", err)
			}
			write(t, c, s, 1, nil)
			checkRows(t, c, s, keys)
			if st, err := c.Stat(); err != nil || st.Quarantined > 0 {
				t.Errorf("Stat = %+v, %v", st, err)
			}
		})
	}
}
