package cache

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a version of this package with one mistake in it.
type mutant struct {
	name     string // what is left out or wrong
	file     string
	old, new string // old stands in the file exactly once
	killer   string // pattern of the test that must fail
	says     string // what its failure must say, or ""
}

const (
	powerSegments = "TestPowerFailure/segments_of_one_writer"
	powerDying    = "TestPowerFailure/writers_that_die"
)

// mutants are mistakes that the tests must find, one by one. If the old text
// of one is not there any more, the mutant has to be brought up to date.
// docs/cache-faults.md has them as a table.
var mutants = []mutant{
	// Syncs of files.
	{"header of a WAL not synced", "writer.go", `	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
`, `	_, err = f.WriteAt(head, 0)
`, powerDying, ""},
	{"append acknowledged without fdatasync", "writer.go", `	if err := w.file.SyncData(); err != nil {
		return buf, true, err
	}
`, ``, powerSegments, ""},
	{"segment not synced", "seal.go", `		if err := f.Sync(); err != nil {
			return "", err
		}
		final :=`, `		final :=`, powerSegments, ""},
	{"segment synced only after its rename", "seal.go", `		if err := f.Sync(); err != nil {
			return "", err
		}
		final := path.Join(dir, hex.EncodeToString(digest.Sum(nil))+segmentSuffix)
		if err := c.disk.Rename(tmp, final); err != nil {
			return "", err
		}
`, `		final := path.Join(dir, hex.EncodeToString(digest.Sum(nil))+segmentSuffix)
		if err := c.disk.Rename(tmp, final); err != nil {
			return "", err
		}
		if err := f.Sync(); err != nil {
			return "", err
		}
`, powerSegments, ""},
	{"FORMAT and space.json not synced", "temporary.go", `	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
`, `	_, err = f.WriteAt(data, 0)
`, powerSegments, ""},

	// Syncs of directories.
	{"wal/ not synced after a WAL got its name", "writer.go", `		err = c.disk.SyncDir(dir)
`, ``, powerDying, ""},
	{"seg/ not synced after a segment got its name", "seal.go", `	if err := c.disk.SyncDir(dir); err != nil {
		return "", fmt.Errorf("%s: %w", final, err)
	}
`, ``, powerSegments, ""},
	{"parent of a new directory not synced", "cache.go", `	return c.disk.SyncDir(path.Dir(name))
`, `	return nil
`, powerSegments, ""},
	{"directory of FORMAT and space.json not synced", "temporary.go", `	return c.disk.SyncDir(dir)
`, `	return nil
`, powerSegments, ""},
	{"wal/ not synced after a WAL was sealed", "writer.go", `	return w.c.disk.SyncDir(w.space.walDir())
`, `	return nil
`, "TestOrderOfOperations", ""},
	{"wal/ not synced after a recovery", "recovery.go", `	return c.disk.SyncDir(s.walDir())
`, `	return nil
`, "TestOrderOfRecovery", ""},
	{"quarantine/ not synced", "recovery.go", `	return c.disk.SyncDir(quarantineDir)
`, `	return nil
`, "TestOrderOfRecovery", ""},
	{"directory not synced before what was discarded is removed", "trash.go", `	if err := c.disk.SyncDir(path.Dir(names[0])); err != nil {
		return err
	}
`, ``, "TestOrderOfDeletion", ""},

	// Checksums and other checks of what is read.
	{"checksum of a WAL's header not checked", "wal.go", `	if crc32.ChecksumIEEE(b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, 0, malformedf("header: checksum mismatch")
	}
`, ``, "TestWALBitFlipsEverywhere", ""},
	{"checksum of a frame's header not checked", "wal.go", ` || w.header.seeded(rest[:20]) != binary.LittleEndian.Uint32(rest[20:])`, ``, "TestWALBitFlipsEverywhere", ""},
	{"checksum of a frame's payload not checked", "wal.go", `w.header.seeded(payload) != binary.LittleEndian.Uint32(rest[16:])`, `false`, "TestWALRearranged", ""},
	{"checksums not seeded with the id of the WAL", "wal.go", `	return crc32.Update(crc32.ChecksumIEEE(h.id[:]), crc32.IEEETable, b)
`, `	return crc32.ChecksumIEEE(b)
`, "TestWALRearranged", ""},
	{"number of a frame not checked", "wal.go", `seq != uint64(len(w.frames))`, `seq > 1<<40`, "TestWALRearranged", ""},
	{"checksums of a WAL's rows not checked", "wal.go", `rowCRC(w.key(r), w.values(r)) != binary.LittleEndian.Uint32(w.crc(r))`, `false`, "TestHostileFiles/frames_of_f32", ""},
	{"checksum of a segment's row not checked", "segment.go", `	return rowCRC(g.key(i), g.row(i)) == binary.LittleEndian.Uint32(g.crcs[4*i:])
`, `	return true
`, "TestDamagedRowHeals", ""},
	{"checksum of a row without its key", "segment.go", `	return crc32.Update(crc32.ChecksumIEEE(key), crc32.IEEETable, row)
`, `	return crc32.ChecksumIEEE(row)
`, "TestSegmentBitFlipsEverywhere/f32", ""},
	{"order of a segment's keys not checked", "segment.go", `	if err := guard(g.checkOrder); err != nil {
`, `	if err := error(nil); err != nil {
`, "TestHostileFiles/segments_of_f32", ""},
	{"size of a segment not checked", "segment.go", `want := int64(len(b)) + keys; size != want`, `want := int64(len(b)) + keys; size > 2*want`, "TestSegmentTruncatedEverywhere", ""},
	{"fingerprint of a segment not checked", "segment.go", `	if h.metadata["fp"] != s.Fingerprint() {
		return malformedf("header: __metadata__: fp %s: a segment of another space", text(h.metadata["fp"]))
	}
	if h.metadata["space"] != string(s.json) {
		return malformedf("header: __metadata__: space is not the identity that fp names")
	}
`, ``, "TestHostileFiles/segments_of_f32", ""},
	{"fingerprint of a WAL not checked", "wal.go", `	if h.digest != s.digest {
		return malformedf("header: fingerprint %x: a WAL of another space", h.digest)
	}
`, ``, "TestHostileFiles/WALs_of_f32", ""},
	{"space.json not compared by a writer", "cache.go", `	case err == nil && string(b) == string(s.json):
`, `	case err == nil && len(b) > 0:
`, "TestHostileFiles/space.json", ""},
	{"directory of a space not compared with its fingerprint", "cache.go", `	if s.Fingerprint() != fp {
`, `	if false {
`, "TestHostileFiles/space.json", ""},

	// The order of things.
	{"WAL created under its name, and then locked", "writer.go", `	f, tmp, err := c.createLocked(dir, "", newSuffix)
	if err != nil {
		return nil, err
	}
	w := &wal{walHeader: walHeader{digest: s.digest, dim: s.dim, dtype: s.dtype, provenance: provenance}, file: f}
	rand.Read(w.id[:])
	w.name = path.Join(dir, hex.EncodeToString(w.id[:])+walSuffix)
	head := w.encode()
	w.start, w.size = int64(len(head)), int64(len(head))
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	name := tmp
	if err == nil {
		err = c.disk.Rename(tmp, w.name)
	}
	if err == nil {
		name = w.name
		err = c.disk.SyncDir(dir)
	}
`, `	w := &wal{walHeader: walHeader{digest: s.digest, dim: s.dim, dtype: s.dtype, provenance: provenance}}
	rand.Read(w.id[:])
	w.name = path.Join(dir, hex.EncodeToString(w.id[:])+walSuffix)
	f, err := c.disk.Create(w.name)
	if err != nil {
		return nil, err
	}
	f.Lock(2) // LOCK_EX
	w.file = f
	head := w.encode()
	w.start, w.size = int64(len(head)), int64(len(head))
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	name := w.name
	if err == nil {
		err = c.disk.SyncDir(dir)
	}
`, "TestStartTogether", "acknowledged rows are lost"},
	{"WAL removed before its rows are sealed", "writer.go", `	if l.rows > 0 {
		n, _, err`, `	w.c.disk.Remove(l.name)
	if l.rows > 0 {
		n, _, err`, powerSegments, ""},
	{"WAL of a dead writer removed before its rows are sealed", "recovery.go", `	n, damage, err := c.seal(s, f, fi.Size())
`, `	c.disk.Remove(name)
	n, damage, err := c.seal(s, f, fi.Size())
`, powerDying, ""},
	{"old segments removed before what a compaction writes is durable", "compact.go", `	stays := map[string]bool{}
	u := union{segments: p.segments}
`, `	stays := map[string]bool{}
	u := union{segments: p.segments}
	for _, g := range p.segments {
		c.discard([]string{g.path})
	}
`, "TestPowerFailure/compaction", ""},
	{"old segments removed before what a collection keeps is durable", "gc.go", `	stays := map[string]bool{}
	for _, u := range p.partly {
`, `	stays := map[string]bool{}
	c.discard(p.whole)
	for _, u := range p.partly {
`, "TestPowerFailure/collection", ""},

	// Locks.
	{"WAL of a writer at work adopted", "temporary.go", `	ok, err := f.Lock(syscall.LOCK_EX | syscall.LOCK_NB)
	if ok && err == nil {
		ok, err = c.same(f, name)
	}
	if err != nil || !ok {
`, `	ok, err := c.same(f, name)
	if err != nil || !ok {
`, "TestStartTogether", ""},
	{"name of a WAL not checked after locking it", "temporary.go", `	if ok && err == nil {
		ok, err = c.same(f, name)
	}
	if err != nil || !ok {
`, `	if err != nil || !ok {
`, "TestWALAdoptedTwice", ""},
	{"name of a new file not checked after locking it", "temporary.go", `		if ok && err == nil {
			ok, err = c.same(f, name)
		}
		if err != nil {
`, `		if err != nil {
`, "TestSweptBeforeItsLock", ""},
	{"name of a space's lock not checked after locking it", "cache.go", `		if ok, err = c.same(f, name); ok {
`, `		if true {
`, "TestSpaceRemovedWhileWaitedFor", ""},
	{"no exclusive lock for compact and gc", "cache.go", `c.lock(s, syscall.LOCK_EX|syscall.LOCK_NB)`, `c.lock(s, syscall.LOCK_SH|syscall.LOCK_NB)`, "TestInUse", ""},
	{"what took the place of a malformed file quarantined", "recovery.go", `err != nil || !os.SameFile(fi, now)`, `err != nil || now == nil && os.SameFile(fi, now)`, "TestReplacedBeforeQuarantine", ""},

	// Errors.
	{"short write not undone", "writer.go", `		if e := w.file.Truncate(w.size); e != nil {
			return buf, true, fmt.Errorf("%w; and then %w", err, e)
		}
		return buf, false, err
`, `		return buf, false, err
`, "TestShortWriteIsUndone", ""},
	{"WAL written to after a failed sync", "writer.go", `	if err := w.file.SyncData(); err != nil {
		return buf, true, err
	}
`, `	if err := w.file.SyncData(); err != nil {
		return buf, false, err
	}
`, "TestFailedSyncEndsTheWriter", ""},
	{"failed lstat taken for another file", "temporary.go", `	return err == nil && os.SameFile(a, b), err
`, `	return err == nil && os.SameFile(a, b), nil
`, "TestFailedLookIsAnError", ""},
	{"cache removed in part refused", "cache.go", `	case spacesDir, statDir, quarantineDir, trashDir:
`, `	case spacesDir:
`, "TestRemovedInPart", ""},
	{"somebody's trash taken for a cache's", "cache.go", `	if name != trashDir {
`, `	if name != "" {
`, "TestSomebodysFolderIsNoRestOfACache", ""},
	{"unreadable page taken for damage", "recovery.go", `	if errors.Is(err, errFault) {
		now, e := c.disk.Lstat(name)
		return e == nil && now.Size() < fi.Size()
	}
`, ``, "TestUnreadableIsNotQuarantined", ""},

	// Rows.
	{"last row of a key wins in a WAL", "seal.go", `cmp.Compare(a.frame, b.frame), cmp.Compare(a.i, b.i))`, `cmp.Compare(b.frame, a.frame), cmp.Compare(b.i, a.i))`, "TestDuplicates", ""},
	{"duplicates not dropped", "seal.go", `		return a.prefix == b.prefix && bytes.Equal(w.key(a), w.key(b))
`, `		return false
`, "TestDuplicates", ""},
	{"damaged rows kept by a compaction", "union.go", `		if !g.valid(int(r.row)) {
`, `		if false {
`, "TestCompactLeavesDamageOut", ""},
	{"digest of a segment not compared with its name", "segment.go", `d+segmentSuffix != path.Base(g.path)`, `d == ""`, "TestMergeRepairs", ""},
	{"segments listed once", "reader.go", `errors.Is(err, fs.ErrNotExist) && !again`, `errors.Is(err, fs.ErrNotExist) && again`, "TestVanishedSegment", ""},
	{"page that cannot be read ends the process", "mapping.go", `	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
`, `	_ = debug.SetPanicOnFault
`, "TestTruncatedWhileMapped", ""},
}

// Each mutant is killed: with one mistake put into this package, the test that
// is named fails. It does not run beside others: until a process that it starts
// has begun, it holds the locks that are open here.
func TestMutants(t *testing.T) {
	if os.Getenv("CACHE_TEST_MUTANT") != "" {
		t.Skip("this is a mutant")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal("the go command is needed: ", err)
	}
	var tests strings.Builder
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(b)
	}
	names := map[string]bool{}
	for i, m := range mutants {
		if killer, _, _ := strings.Cut(m.killer, "/"); !strings.Contains(tests.String(), "func "+killer+"(") {
			t.Errorf("mutant %q: there is no test %s", m.name, killer)
		}
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("mutant %q: its old text stands %d times in %s, must be once: bring the mutant up to date", m.name, n, m.file)
			continue
		}
		if !fullScale && i%16 != 1 { // a handful of them
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			code := strings.Replace(string(source), m.old, m.new, 1)
			if kill(t, goTool, m, code); !t.Failed() {
				countMutants.n.Add(1)
			}
		})
	}
}

// docs/cache-faults.md has a row for each mutant, in the same order.
func TestMutantsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/cache-faults.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, m := range mutants {
		fmt.Fprintf(&want, "| %s | `%s` | `%s` |\n", m.name, m.file, m.killer)
	}
	if !strings.Contains(string(page), want.String()) {
		t.Errorf("docs/cache-faults.md must contain these rows:\n%s", &want)
	}
}

// kill builds the tests with code in place of the mutant's file, and fails
// unless a test does.
func kill(t *testing.T, goTool string, m mutant, code string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return p
	}
	here, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: write(m.file, []byte(code))}})
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutant.test")
	build := exec.Command(goTool, "test", "-c", "-vet=off", "-o", binary, "-overlay", write("overlay.json", overlay), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, out)
	}
	run := exec.Command(binary, "-test.run", "^"+m.killer, "-test.failfast", "-test.timeout", "120s", "-test.v")
	run.Env = append(os.Environ(), "HEADSTART_FAULTS=", "CACHE_TEST_MUTANT="+m.name)
	out, err := run.CombinedOutput()
	text := string(out)
	switch {
	case strings.Contains(text, "panic: test timed out"):
		t.Errorf("%s takes too long", m.killer)
	case err == nil && !strings.Contains(text, "=== RUN"):
		t.Errorf("there is no test %s", m.killer)
	case err == nil:
		t.Errorf("it survives %s", m.killer)
	case !strings.Contains(text, "--- FAIL") && !strings.Contains(text, "panic: ") && !strings.Contains(text, "unexpected fault address"):
		t.Errorf("it ends without a test failing: %v\n%s", err, text)
	case !strings.Contains(text, m.says):
		t.Errorf("%s fails, but not because %s:\n%s", m.killer, m.says, text)
	default:
		t.Logf("killed by %s: %s", m.killer, failure(text, m.says))
	}
}

// failure returns the first line that says why a test failed, and contains
// says.
func failure(out, says string) string {
	for line := range strings.Lines(out) {
		at := strings.Contains(line, "_test.go:") && !strings.Contains(line, " operations\n") && !strings.Contains(line, "HEADSTART_SEED")
		if (at || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "unexpected fault")) && strings.Contains(line, says) {
			return fmt.Sprintf("%.200s", anonymous(strings.TrimSpace(line)))
		}
	}
	return ""
}
