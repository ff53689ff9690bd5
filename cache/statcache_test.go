package cache

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// oldFile makes a file and a stat cache that is opened long after it changed.
func oldFile(t *testing.T, c *Cache, name, content string) (string, os.FileInfo, *StatCache) {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return p, stat(t, p), later(c)
}

func stat(t *testing.T, p string) os.FileInfo {
	t.Helper()
	fi, err := os.Stat(p)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}

// later opens the stat cache as if an hour had gone by.
func later(c *Cache) *StatCache {
	s := c.StatCache("test")
	s.latest += time.Hour.Nanoseconds()
	return s
}

func TestStatCache(t *testing.T) {
	c := newCache(t, nil)
	p, fi, s := oldFile(t, c, "a", "hello")
	k := KeyOf("test", []byte("hello"))
	if _, ok := s.Lookup(p, fi); ok {
		t.Error("found before it was put")
	}
	s.Put(p, fi, k)
	if got, ok := s.Lookup(p, fi); !ok || got != k {
		t.Error("not found after it was put")
	}
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	s = c.StatCache("test")
	if got, ok := s.Lookup(p, stat(t, p)); !ok || got != k {
		t.Error("not found after it was saved")
	}
	if _, ok := c.StatCache("other").Lookup(p, fi); ok {
		t.Error("found under another kind")
	}
	if _, ok := s.Lookup(p+"x", fi); ok {
		t.Error("found under another path")
	}
	if _, ok := s.Lookup(p, stat(t, filepath.Dir(p))); ok {
		t.Error("a directory is found")
	}
	for name, change := range map[string]func() error{
		"appended to":                 func() error { return os.WriteFile(p, []byte("hello!"), 0o644) },
		"touched":                     func() error { return os.Chtimes(p, testTime(1), testTime(1)) },
		"replaced":                    func() error { return os.Rename(filepath.Join(filepath.Dir(p), "b"), p) },
		"rewritten with its old time": func() error { return os.Chtimes(p, fi.ModTime(), fi.ModTime()) },
	} {
		if err := os.WriteFile(p, []byte("hello"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(p), "b"), []byte("hello"), 0o644); err != nil {
			t.Fatal(err)
		}
		before := stat(t, p)
		s := later(c)
		s.Put(p, before, k)
		time.Sleep(20 * time.Millisecond) // the tick of the file system's clock
		if name == "rewritten with its old time" {
			if err := os.WriteFile(p, []byte("HELLO"), 0o644); err != nil {
				t.Fatal(err)
			}
			fi = before
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Lookup(p, stat(t, p)); ok {
			t.Errorf("found after it was %s", name)
		}
	}
}

// A file that has just changed is not remembered, nor is one of the future.
func TestStatCacheDistrustsRecentFiles(t *testing.T) {
	c := newCache(t, nil)
	p, fi, _ := oldFile(t, c, "a", "hello")
	for age, want := range map[time.Duration]bool{-time.Hour: false, 0: false, 1900 * time.Millisecond: false, 2 * time.Second: true, time.Hour: true} {
		s := c.StatCache("test")
		s.latest = fi.ModTime().Add(age - tooRecent).UnixNano()
		if r, _ := recordOf(fi); r.ctime > fi.ModTime().UnixNano() {
			s.latest += r.ctime - fi.ModTime().UnixNano()
		}
		s.Put(p, fi, Key{1})
		if _, ok := s.Lookup(p, fi); ok != want {
			t.Errorf("a file of age %v is remembered: %v", age, ok)
		}
	}
	s := c.StatCache("test")
	s.Put(p, fi, Key{1})
	if _, ok := s.Lookup(p, fi); ok {
		t.Error("a file of this very moment is remembered")
	}
}

// Saving adds to what others saved meanwhile.
func TestStatCacheMerges(t *testing.T) {
	c := newCache(t, nil)
	a, fa, s := oldFile(t, c, "a", "a")
	b, fb, u := oldFile(t, c, "b", "b")
	s.Put(a, fa, Key{1})
	u.Put(b, fb, Key{2})
	for _, x := range []*StatCache{s, u} {
		if err := x.Save(); err != nil {
			t.Fatal(err)
		}
	}
	v := c.StatCache("test")
	if k, ok := v.Lookup(a, fa); !ok || k != (Key{1}) {
		t.Error("what was saved first is gone")
	}
	if k, ok := v.Lookup(b, fb); !ok || k != (Key{2}) {
		t.Error("what was saved last is gone")
	}
	if n := len(tmps(t, c.Dir())); n != 0 {
		t.Errorf("%d temporary files", n)
	}
}

// Every damage of the file makes the stat cache empty, never wrong, and the
// next Save makes it whole.
func TestStatCacheDamaged(t *testing.T) {
	m := map[string]statRecord{"/a/b": {1, 2, 3, 4, Key{5}}, "/ü": {-1, -2, 1 << 62, 1<<64 - 1, Key{6}}, "": {}}
	full, table := mergeStat(new(statTable), m, maxStat)
	if got, err := parseStat(full); err != nil || !reflect.DeepEqual(got, table) || !reflect.DeepEqual(records(got), m) {
		t.Fatalf("read back %v, %v", got, err)
	}
	for cut := range full {
		if _, err := parseStat(full[:cut]); err == nil {
			t.Errorf("cut at %d: read", cut)
		}
	}
	for bit := range 8 * len(full) {
		full[bit/8] ^= 1 << (bit % 8)
		if _, err := parseStat(full); err == nil {
			t.Errorf("bit %d flipped: read", bit)
		}
		full[bit/8] ^= 1 << (bit % 8)
	}
	c := newCache(t, nil)
	p, fi, s := oldFile(t, c, "a", "hello")
	s.Put(p, fi, Key{1})
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(c.Dir(), statDir, "test")
	if err := os.WriteFile(at, []byte(strings.Repeat("x", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	s = later(c)
	if _, ok := s.Lookup(p, fi); ok {
		t.Error("found in a damaged file")
	}
	s.Put(p, fi, Key{2})
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	if k, ok := c.StatCache("test").Lookup(p, fi); !ok || k != (Key{2}) {
		t.Error("not found after the damage was saved over")
	}
}

// What does not fit into the file is forgotten, and what fits is not.
func TestStatCacheIsBounded(t *testing.T) {
	m := map[string]statRecord{}
	for i := range 100 {
		m[fmt.Sprintf("/photos/%02d", i)] = statRecord{size: int64(i)}
	}
	whole, _ := mergeStat(new(statTable), m, maxStat)
	each := (len(whole) - statHeader - 4) / 100
	for _, limit := range []int{len(whole), len(whole) - 1, len(whole) - each, 7*each - 1} {
		b, _ := mergeStat(new(statTable), m, limit)
		got, err := parseStat(b)
		if err != nil || len(b) > limit || len(b)+each <= min(limit, len(whole)) {
			t.Fatalf("limit %d: %d bytes, %v", limit, len(b), err)
		}
		for path, r := range records(got) {
			if m[path] != r {
				t.Errorf("limit %d: %s is %v", limit, path, r)
			}
		}
	}
}

// records returns the entries of a table.
func records(t *statTable) map[string]statRecord {
	m := map[string]statRecord{}
	for i := range t.ends {
		m[string(t.path(i))] = t.record(i)
	}
	return m
}

// Tables that are merged hold what a map would hold, and find says so wherever
// it begins.
func TestStatTables(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table, want := new(statTable), map[string]statRecord{}
	for round := range 30 {
		added := map[string]statRecord{}
		for range random.IntN(20) {
			path := strings.Repeat("/a", random.IntN(3)) + fmt.Sprint(random.IntN(60))
			added[path] = statRecord{random.Int64(), random.Int64(), -random.Int64(), random.Uint64(), Key{byte(round)}}
		}
		maps.Copy(want, added)
		var file []byte
		file, table = mergeStat(table, added, maxStat)
		if read, err := parseStat(file); err != nil || !reflect.DeepEqual(records(read), want) || !reflect.DeepEqual(records(table), want) {
			t.Fatalf("round %d: another table, %v", round, err)
		}
		for path := range want {
			for _, other := range []string{path, path + "x", path[:len(path)-1]} {
				for near := -1; near <= len(table.ends)+9; near += 3 {
					i, ok := table.find(other, near)
					if _, is := want[other]; ok != is || ok && string(table.path(i)) != other {
						t.Fatalf("round %d: find %q from %d: %d, %v", round, other, near, i, ok)
					}
				}
			}
		}
	}
}

// Paths that stand twice or out of order are damage.
func TestStatCacheOrder(t *testing.T) {
	r := statRecord{size: 1}
	for _, test := range []struct {
		paths string
		ok    bool
	}{{"abc", true}, {"a", true}, {"", true}, {"acb", false}, {"aab", false}, {"abb", false}, {"ba", false}} {
		b := binary.LittleEndian.AppendUint64([]byte(statMagic), uint64(len(test.paths)))
		for _, p := range test.paths {
			b = append(b, r.entry(string(p))...)
		}
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		if _, err := parseStat(b); (err == nil) != test.ok {
			t.Errorf("%q: %v", test.paths, err)
		}
	}
}

// A crafted file is refused at once and takes no memory, however large it is
// or says that it is.
func TestStatCacheHostile(t *testing.T) {
	c := newCache(t, nil)
	p, fi, s := oldFile(t, c, "a", "hello")
	s.Put(p, fi, Key{1})
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(c.Dir(), statDir, "test")
	good, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	entries := func(n uint64) []byte {
		b := binary.LittleEndian.AppendUint64([]byte(statMagic), n)
		b = append(b, good[len(b):len(good)-4]...)
		return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	for name, f := range map[string]struct {
		content []byte
		size    int64 // with the hole after content
	}{
		"no entry counted":         {entries(0), 0},
		"two counted":              {entries(2), 0},
		"2^62 counted":             {entries(1 << 62), 0},
		"2^64-1 counted":           {entries(1<<64 - 1), 0},
		"one counted in 1 GiB":     {entries(1), maxStat},
		"more counted than 1 GiB":  {entries(1 << 30), maxStat},
		"more bytes than may be":   {good, maxStat + 1},
		"far more bytes":           {good, 1 << 40},
		"1 GiB of zeros":           {nil, maxStat},
		"the magic alone in 1 GiB": {[]byte(statMagic), maxStat},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(at, f.content, 0o644); err != nil {
				t.Fatal(err)
			}
			if f.size > 0 {
				if err := os.Truncate(at, f.size); err != nil {
					t.Fatal(err)
				}
			}
			cheap(t, func() {
				if _, ok := later(c).Lookup(p, fi); ok {
					t.Error("found")
				}
			})
		})
	}
}

func TestStatCacheConcurrently(t *testing.T) {
	c := newCache(t, nil)
	p, fi, s := oldFile(t, c, "a", "hello")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				q := fmt.Sprintf("%s%d-%d", p, i, j)
				s.Put(q, fi, Key{byte(i), byte(j)})
				if k, ok := s.Lookup(q, fi); !ok || k != (Key{byte(i), byte(j)}) {
					t.Errorf("%s: %v", q, k)
				}
				if j%25 == 0 {
					if err := s.Save(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestStatCacheOfOlderVersions reads the stat caches that earlier versions
// wrote of testdata/older/samples.
func TestStatCacheOfOlderVersions(t *testing.T) {
	const folder = "../testdata/older"
	files, err := filepath.Glob(folder + "/*/cache/stat/image")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		table, err := parseStat(content)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if n := len(table.ends); n != 30 {
			t.Errorf("%s: %d entries", path, n)
		}
		for i := range table.ends {
			_, sample, _ := strings.Cut(string(table.path(i)), "/headstart-older/")
			content, err := os.ReadFile(filepath.Join(folder, sample))
			if err != nil {
				t.Fatal(err)
			}
			if r := table.record(i); r.key != KeyOf("image", content) || r.size != int64(len(content)) {
				t.Errorf("%s: the entry of %s has key %v and size %d", path, sample, r.key, r.size)
			}
		}
	}
}
