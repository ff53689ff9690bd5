package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// testSpace returns a space of rows of dim values.
func testSpace(t testing.TB, dim int) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": dim, "dtype": "f32", "output": "test", "prep": map[string]any{"impl": "test/1"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testKey returns the i-th key.
func testKey(i int) Key { return KeyOf("test", fmt.Appendf(nil, "sample %d", i)) }

func testKeys(lo, hi int) []Key {
	ks := make([]Key, 0, hi-lo)
	for i := lo; i < hi; i++ {
		ks = append(ks, testKey(i))
	}
	return ks
}

// testRows returns the rows of keys: each a pseudo-random function of its key,
// so that a wrong row is found wherever it comes from.
func testRows(keys []Key, dim int) []float32 {
	rows := make([]float32, 0, len(keys)*dim)
	for _, k := range keys {
		r := rand.New(rand.NewChaCha8(k))
		for range dim {
			rows = append(rows, math.Float32frombits(r.Uint32()&^(1<<23))) // never an exponent of all ones
		}
	}
	return rows
}

// rowsIn returns the rows of keys in a space: those of testRows, and in a space
// of halves as many random halves, so that they come back as they are.
func rowsIn(s *Space, keys []Key) []float32 {
	rows := testRows(keys, s.Dim())
	if s.dtype == f16 {
		for i, v := range rows {
			rows[i] = fromHalf(uint16(math.Float32bits(v)) &^ (1 << 10)) // never an exponent of all ones
		}
	}
	return rows
}

// newCache makes a cache in a temporary directory. At the end of the test it
// is verified in full, unless damaged says that it was damaged on purpose.
func newCache(t testing.TB, o *Options) *Cache {
	t.Helper()
	return createAt(t, filepath.Join(t.TempDir(), "cache"), o)
}

func createAt(t testing.TB, dir string, o *Options) *Cache {
	t.Helper()
	c, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			checkClean(t, dir)
		}
		c.Close()
	})
	return c
}

// checkClean verifies the cache in dir in full.
func checkClean(t testing.TB, dir string) {
	t.Helper()
	for _, p := range problems(t, dir, Full) {
		t.Errorf("verify: %v", p)
	}
}

// problems returns what Verify reports.
func problems(t testing.TB, dir string, mode Mode) []Problem {
	t.Helper()
	c, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var ps []Problem
	v, err := c.Verify(context.Background(), mode, func(p Problem) { ps = append(ps, p) })
	if err != nil {
		t.Fatal(err)
	}
	if v.Problems != len(ps) {
		t.Errorf("Verified.Problems = %d, reported %d", v.Problems, len(ps))
	}
	return ps
}

// write appends the rows of keys in batches and closes the writer.
func write(t testing.TB, c *Cache, s *Space, batch int, keys []Key) {
	t.Helper()
	w, err := c.Writer(s, map[string]string{"runtime": "test"})
	if err != nil {
		t.Fatal(err)
	}
	for b := range slices.Chunk(keys, batch) {
		if err := w.Append(b, rowsIn(s, b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkRows checks that every key is there, bit for bit, through both doors of
// a Reader.
func checkRows(t testing.TB, c *Cache, s *Space, keys []Key) {
	t.Helper()
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, len(keys))
	if n := r.Locate(keys, refs); n != 0 {
		t.Fatalf("%d of %d keys are missing", n, len(keys))
	}
	got := make([]float32, len(keys)*s.Dim())
	if err := r.RowsTo(got, refs); err != nil {
		t.Fatal(err)
	}
	if want := rowsIn(s, keys); !sameBits(got, want) {
		t.Fatal("rows differ")
	}
	if m, err := r.Missing(keys); err != nil || len(m) != 0 {
		t.Fatalf("Missing = %v, %v", m, err)
	}
}

// servesOnlyRight checks that whatever is served of keys is right, and returns
// how many are.
func servesOnlyRight(t testing.TB, r *Reader, keys []Key) int {
	t.Helper()
	missing, err := r.Missing(keys)
	if err != nil {
		t.Fatal(err)
	}
	var have []Key
	for i, k := range keys {
		if !slices.Contains(missing, i) {
			have = append(have, k)
		}
	}
	refs := make([]Ref, len(have))
	if n := r.Locate(have, refs); n != 0 {
		t.Fatalf("Locate misses %d keys that Missing does not", n)
	}
	got := make([]float32, len(have)*r.space.dim)
	if err := r.RowsTo(got, refs); err != nil {
		t.Fatal(err)
	}
	if !sameBits(got, testRows(have, r.space.dim)) {
		t.Fatal("a wrong row is served")
	}
	return len(have)
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// segments returns the paths of a space's segments.
func segments(t testing.TB, c *Cache, s *Space) []string {
	t.Helper()
	m, err := filepath.Glob(filepath.Join(c.Dir(), filepath.FromSlash(s.segDir()), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wals(t testing.TB, c *Cache, s *Space) []string {
	t.Helper()
	m, err := filepath.Glob(filepath.Join(c.Dir(), filepath.FromSlash(s.walDir()), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	for _, dim := range []int{1, 7, 384} {
		for _, n := range []int{1, 600, 2000} { // on both sides of few
			t.Run(fmt.Sprintf("%dx%d", n, dim), func(t *testing.T) {
				c, s := newCache(t, nil), testSpace(t, dim)
				keys := testKeys(0, n)
				write(t, c, s, 97, keys)
				checkRows(t, c, s, keys)
				if w := wals(t, c, s); len(w) != 0 {
					t.Errorf("WALs left: %v", w)
				}
				p := segments(t, c, s)
				if len(p) != 1 {
					t.Fatalf("segments: %v", p)
				}
				b, err := os.ReadFile(p[0])
				if err != nil {
					t.Fatal(err)
				}
				if d := sha256.Sum256(b); filepath.Base(p[0]) != fmt.Sprintf("%x.safetensors", d) {
					t.Errorf("%s has SHA-256 %x", filepath.Base(p[0]), d)
				}
				if fi, _ := os.Stat(p[0]); fi.Mode().Perm()&0o222 != 0 {
					t.Errorf("segment has mode %v", fi.Mode())
				}
				missing := testKeys(n, n+700)
				r, err := c.Reader(s)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				for _, ks := range [][]Key{missing, missing[:3]} {
					if m, err := r.Missing(ks); err != nil || len(m) != len(ks) {
						t.Errorf("Missing finds %d of %d keys that were never written, %v", len(ks)-len(m), len(ks), err)
					}
				}
			})
		}
	}
}

func TestSameRowsSameBytes(t *testing.T) {
	s := testSpace(t, 16)
	keys := testKeys(0, 300)
	shuffled := slices.Clone(keys)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(keys), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	a, b := newCache(t, nil), newCache(t, nil)
	write(t, a, s, 300, keys)
	write(t, b, s, 17, append(shuffled, keys[:50]...))
	if x, y := filepath.Base(segments(t, a, s)[0]), filepath.Base(segments(t, b, s)[0]); x != y {
		t.Errorf("the same rows made %s and %s", x, y)
	}
}

func TestDuplicates(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 4)
	keys := testKeys(0, 100)
	// Within one batch and one WAL the first row of a key wins.
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	twice := append(slices.Clone(keys), keys...)
	rows := append(testRows(keys, 4), make([]float32, 400)...)
	if err := w.Append(twice, rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(keys[:10], make([]float32, 40)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, c, s, keys)
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows() != 100 {
		t.Errorf("%d rows of 100 keys", r.Rows())
	}
	r.Close()
	// Across segments the one with the smallest name wins, every time.
	w, err = c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(keys, make([]float32, 400)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	names := segments(t, c, s)
	slices.Sort(names)
	r, err = c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, 100)
	r.Locate(keys, refs)
	for _, ref := range refs {
		if ref.segment != 1 || filepath.Base(r.segments[0].path) != filepath.Base(names[0]) {
			t.Fatalf("ref %v is not in %s", ref, names[0])
		}
	}
	// A list that names a key twice finds it twice.
	many := slices.Concat(keys, keys, keys, keys, keys, keys)
	refs = make([]Ref, len(many))
	if n := r.Locate(many, refs); n != 0 {
		t.Errorf("%d missing in a list with doubles", n)
	}
}

func TestRotation(t *testing.T) {
	c, s := newCache(t, &Options{SegmentBytes: 10_000}), testSpace(t, 16)
	keys := testKeys(0, 1000)
	write(t, c, s, 20, keys)
	if n := len(segments(t, c, s)); n < 5 {
		t.Errorf("%d segments", n)
	}
	checkRows(t, c, s, keys)
}

// A batch that is larger than a frame may be is written as several.
func TestLargeBatch(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 100_000)
	keys := testKeys(0, 100)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]float32, 100*s.Dim())
	for i := range rows {
		rows[i] = float32(i / s.Dim())
	}
	if err := w.Append(keys, rows); err != nil {
		t.Fatal(err)
	}
	if w.wal.frames != 2 || cap(w.buf) > 2*maxFrame {
		t.Errorf("%d frames, %d bytes of buffer", w.wal.frames, cap(w.buf))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, 100)
	r.Locate(keys, refs)
	got := make([]float32, len(rows))
	if err := r.RowsTo(got, refs); err != nil || !sameBits(got, rows) {
		t.Errorf("rows differ: %v", err)
	}
}

func TestAppendRefuses(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := testKeys(0, 2)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, tc := range []struct {
		rows []float32
		want string
	}{
		{[]float32{1, 2, 3}, "3 values for 2 rows of 2"},
		{[]float32{1, 2, 3, nan}, "row 1, key " + keys[1].String() + ": value 1 is NaN"},
		{[]float32{inf, 2, 3, 4}, "value 0 is -Inf"},
	} {
		if err := w.Append(keys, tc.rows); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Append(%v) = %v, want …%s…", tc.rows, err, tc.want)
		}
	}
	if err := w.Append(nil, nil); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(keys, make([]float32, 4)); !errors.Is(err, errClosed) {
		t.Errorf("Append after Close = %v", err)
	}
	if n := len(segments(t, c, s)) + len(wals(t, c, s)); n != 0 {
		t.Errorf("%d files after no row was appended", n)
	}
}

func TestProvenance(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	for _, p := range []map[string]string{{"fp": "x"}, {"": "x"}, {"a": "\xff"}, {"a": strings.Repeat("x", maxProvenance)}} {
		if w, err := c.Writer(s, p); err == nil {
			w.Close()
			t.Errorf("provenance %.40q is accepted", p)
		}
	}
	w, err := c.Writer(s, map[string]string{"runtime": "onnxruntime \"1\""})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(testKeys(0, 1), []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, _, h, _, err := c.openSegmentHeader(s, s.segDir()+"/"+filepath.Base(segments(t, c, s)[0]))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	want := map[string]any{"format": segmentFormat, "fp": s.Fingerprint(), "space": string(s.JSON()), "runtime": "onnxruntime \"1\""}
	if fmt.Sprint(h.metadata) != fmt.Sprint(want) {
		t.Errorf("metadata %v, want %v", h.metadata, want)
	}
}

func TestEmptyReader(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if m, err := r.Missing(testKeys(0, 3)); err != nil || !slices.Equal(m, []int{0, 1, 2}) {
		t.Errorf("Missing = %v, %v", m, err)
	}
	if r.Rows() != 0 || r.Waiting() != 0 || len(r.Corrupt()) != 0 {
		t.Error("an empty reader has something")
	}
	if err := r.RowsTo(nil, nil); err != nil {
		t.Error(err)
	}
	if err := r.RowsTo(make([]float32, 2), make([]Ref, 1)); err == nil {
		t.Error("the zero Ref is a place")
	}
}

func TestWaiting(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting := func() int {
		r, err := c.Reader(s)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		return r.Waiting()
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d waiting before the first row", n)
	}
	if err := w.Append(testKeys(0, 1), []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if n := waiting(); n != 1 {
		t.Errorf("%d waiting, want 1", n)
	}
	if st, err := c.Stat(); err != nil || len(st.Spaces) != 1 || st.Spaces[0].Waiting != 1 {
		t.Errorf("Stat = %+v, %v", st, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := waiting(); n != 0 {
		t.Errorf("%d waiting after Close", n)
	}
}

func TestReaderClosed(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 2)
	keys := testKeys(0, 10)
	write(t, c, s, 10, keys)
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	refs := make([]Ref, 10)
	r.Locate(keys, refs)
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Missing(keys); !errors.Is(err, errClosed) {
		t.Errorf("Missing = %v", err)
	}
	if err := r.RowsTo(make([]float32, 20), refs); !errors.Is(err, errClosed) {
		t.Errorf("RowsTo = %v", err)
	}
	if n := r.Locate(keys, refs); n != 10 {
		t.Errorf("Locate = %d", n)
	}
}

func TestOpenWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if _, err := Open(dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of nothing = %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Open made the directory")
	}
	c, s := createAt(t, dir, nil), testSpace(t, 2)
	keys := testKeys(0, 10)
	write(t, c, s, 10, keys)
	before := tree(t, dir)
	ro, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	checkRows(t, ro, s, keys)
	checkRows(t, ro, testSpace(t, 3), nil)
	if _, err := ro.Writer(s, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Writer = %v", err)
	}
	sc := ro.StatCache("test")
	sc.added["x"] = statRecord{}
	if err := sc.Save(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Save = %v", err)
	}
	if _, err := ro.Stat(); err != nil {
		t.Error(err)
	}
	if after := tree(t, dir); before != after {
		t.Errorf("reading changed\n%s\ninto\n%s", before, after)
	}
}

// tree lists a directory with sizes, modes and times.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			fmt.Fprintln(&b, p, fi.Size(), fi.Mode(), fi.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormat(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct{ text, want string }{
		{"headstart cache 2\n", "version 2"},
		{"headstart cache 10\n", "version 10"},
		{"headstart cache 1", "no cache"},
		{"something else\n", "no cache"},
		{"", "no cache"},
		{strings.Repeat("x", 65), "65 bytes"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(string, *Options) (*Cache, error){"Open": Open, "Create": Create} {
			if _, err := open(dir, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s with FORMAT %.20q = %v, want …%s…", name, tc.text, err, tc.want)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("headstart cache 1.7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, nil)
	if err != nil {
		t.Fatalf("a newer minor version is refused: %v", err)
	}
	c.Close()
}

func TestCreateRefusesOtherDirectories(t *testing.T) {
	dir := t.TempDir()
	photo := filepath.Join(dir, "photo.new")
	if err := os.WriteFile(photo, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, nil); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "photo.new") {
		t.Errorf("Create = %v", err)
	}
	if es, _ := os.ReadDir(dir); len(es) != 1 {
		t.Errorf("a refused directory now has %v", es)
	}
}

// Hits depend on content alone: neither on times, nor on the directory's
// place, nor on which of two copies is opened.
func TestTimesAndPlacesDoNotMatter(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 8)
	keys := testKeys(0, 50)
	write(t, c, s, 10, keys)
	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(moved, os.DirFS(c.Dir())); err != nil {
		t.Fatal(err)
	}
	i := 0
	err := filepath.WalkDir(moved, func(p string, d fs.DirEntry, err error) error {
		i++
		at := testTime(i)
		return errors.Join(err, os.Chtimes(p, at, at))
	})
	if err != nil {
		t.Fatal(err)
	}
	m := createAt(t, moved, nil)
	checkRows(t, m, s, keys)
	write(t, m, s, 10, testKeys(50, 60))
	checkRows(t, m, s, testKeys(0, 60))
}

// Two caches are united by copying segments.
func TestUnionIsACopy(t *testing.T) {
	a, b, s := newCache(t, nil), newCache(t, nil), testSpace(t, 8)
	write(t, a, s, 10, testKeys(0, 60))
	write(t, b, s, 10, testKeys(40, 100))
	for _, p := range segments(t, b, s) {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(a.Dir(), s.segDir(), filepath.Base(p)), data, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	checkRows(t, a, s, testKeys(0, 100))
}

func TestSpacesAndStat(t *testing.T) {
	c := newCache(t, nil)
	a, b := testSpace(t, 3), testSpace(t, 5)
	write(t, c, a, 10, testKeys(0, 20))
	write(t, c, b, 10, testKeys(0, 30))
	write(t, c, b, 10, testKeys(0, 40))
	spaces, err := c.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{a.Fingerprint(), b.Fingerprint()}
	slices.Sort(want)
	var got []string
	for _, s := range spaces {
		got = append(got, s.Fingerprint())
	}
	if !slices.Equal(got, want) {
		t.Errorf("Spaces = %v, want %v", got, want)
	}
	st, err := c.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range st.Spaces {
		segs, rows := 1, int64(20)
		if one.Fingerprint == b.Fingerprint() {
			segs, rows = 2, 70
		}
		if one.Segments != segs || one.Rows != rows || one.Refused != 0 || one.Bytes < 4096 || one.Err != nil {
			t.Errorf("%+v, want %d segments and %d rows", one, segs, rows)
		}
	}
}

// testTime returns the i-th of some times, past and future.
func testTime(i int) time.Time {
	return time.Unix(int64(i%7)*1e9-1e8, 0)
}
