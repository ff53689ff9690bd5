package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
)

// Constants of the stat cache's files; doc.go has the table of offsets.
const (
	statMagic  = "hsstat/1"
	statHeader = len(statMagic) + 8
	statKey    = 4 * 8                 // bytes of an entry before its key
	statPath   = statKey + KeySize + 2 // and before its path
	maxStat    = 1 << 30               // bytes a file
	maxPath    = 1<<16 - 1             // bytes a path
	tooRecent  = 2 * time.Second       // file systems tick this coarsely
)

// StatCache remembers the keys of files by what the file system says about
// them, so that a file which did not change need not be read again. It is a
// hint: what is missing or damaged only costs time. It is safe for concurrent
// use.
type StatCache struct {
	c      *Cache
	name   string // of its file, relative to the cache
	latest int64  // ns since 1970: files that changed later are not remembered

	mu    sync.Mutex
	saved *statTable
	added map[string]statRecord // not saved yet

	near atomic.Int64 // the entry of saved that was found last
}

// statRecord is what is remembered of a file.
type statRecord struct {
	size  int64 // bytes
	mtime int64 // ns since 1970, last change of the content
	ctime int64 // ns since 1970, last change of content or metadata
	inode uint64
	key   Key
}

// recordOf returns what the file system says about a file, without its key.
func recordOf(fi os.FileInfo) (statRecord, bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() {
		return statRecord{}, false
	}
	return statRecord{size: fi.Size(), mtime: fi.ModTime().UnixNano(), ctime: changed(st), inode: st.Ino}, true
}

// StatCache returns the stat cache for samples of a kind, such as "image".
// One that is missing or damaged is empty.
func (c *Cache) StatCache(kind string) *StatCache {
	s := &StatCache{
		c: c, name: path.Join(statDir, kind),
		latest: time.Now().Add(-tooRecent).UnixNano(),
		added:  map[string]statRecord{},
	}
	s.saved = s.load()
	return s
}

// Lookup returns the key of the file at path, which should be absolute, if
// its size, times and inode are what they were. fi must describe the file
// itself, not a symbolic link to it.
func (s *StatCache) Lookup(path string, fi os.FileInfo) (Key, bool) {
	now, ok := recordOf(fi)
	if !ok {
		return Key{}, false
	}
	s.mu.Lock()
	was, ok := s.added[path]
	saved := s.saved
	s.mu.Unlock()
	if !ok {
		i, found := saved.find(path, int(s.near.Load()))
		if !found {
			return Key{}, false
		}
		s.near.Store(int64(i))
		was = saved.record(i)
	}
	now.key = was.key
	return was.key, now == was
}

// Put remembers the key of a file. fi must have been taken after StatCache
// was called and before the content was read. A file that had changed less
// than two seconds before StatCache was called, or changed later, is not
// remembered: it could change again without its times showing it.
func (s *StatCache) Put(path string, fi os.FileInfo, k Key) {
	r, ok := recordOf(fi)
	if !ok || r.mtime > s.latest || r.ctime > s.latest || len(path) > maxPath {
		return
	}
	r.key = k
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added[path] = r
}

// Save merges what was put into the stored file, which is replaced whole or
// not at all. When two processes save at once, what one of them added may be
// lost.
func (s *StatCache) Save() error {
	if err := s.save(); err != nil {
		return fmt.Errorf("cache: %s: %s: %w", s.c.dir, s.name, err)
	}
	return nil
}

func (s *StatCache) save() error {
	if s.c.readOnly {
		return ErrReadOnly
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.added) == 0 {
		return nil
	}
	if fi, err := s.c.disk.Lstat(statDir); err == nil && !fi.IsDir() {
		return fmt.Errorf("%s is %s where a directory should be; remove it", statDir, draft.Kind(fi.Mode()))
	}
	if fi, err := s.c.disk.Lstat(s.name); err == nil && fi.IsDir() {
		return errors.New("a directory where a file should be; remove it")
	}
	if err := s.c.mkdir(statDir); err != nil {
		return err
	}
	if err := s.c.sweep(statDir); err != nil {
		return err
	}
	file, saved := mergeStat(s.load(), s.added, maxStat)
	if err := s.c.writeWhole(statDir, path.Base(s.name), file); err != nil {
		return err
	}
	s.saved = saved
	clear(s.added)
	return nil
}

// load reads the stored file. Whatever keeps it from being read, the stat cache
// is empty then.
func (s *StatCache) load() *statTable {
	t, err := s.c.readStat(s.name)
	if err != nil {
		return new(statTable)
	}
	return t
}

// readStat reads a file that mergeStat made. It is mapped first, so that one
// that is damaged takes no memory.
func (c *Cache) readStat(name string) (t *statTable, err error) {
	f, err := c.disk.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() < 1 || fi.Size() > maxStat {
		return nil, errStat
	}
	b, err := f.Map(fi.Size())
	if err != nil {
		return nil, err
	}
	defer unmap(b)
	err = guard(func() error {
		if t, err = parseStat(b); err == nil {
			t.data = bytes.Clone(t.data)
		}
		return err
	})
	return t, err
}

// statTable is what stands in a stat cache's file: entries in the order of
// their paths, each path once. Its zero value has none.
type statTable struct {
	data []byte   // entries, one after the other
	ends []uint32 // where each of them ends
}

func (t *statTable) entry(i int) []byte {
	if i == 0 {
		return t.data[:t.ends[0]]
	}
	return t.data[t.ends[i-1]:t.ends[i]]
}

func (t *statTable) path(i int) []byte { return t.entry(i)[statPath:] }

func (t *statTable) record(i int) statRecord {
	e := t.entry(i)
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(e[8*i:]) }
	return statRecord{int64(u(0)), int64(u(1)), int64(u(2)), u(3), Key(e[statKey:])}
}

// find returns the number of the entry of path. Files are looked for in the
// order of their paths, or nearly so by several goroutines, so it begins a
// little before the entry near.
func (t *statTable) find(path string, near int) (int, bool) {
	n := len(t.ends)
	before := func(i int) bool { return string(t.path(i)) < path }
	i := min(max(near-8, 0), n)
	if i < n && before(i) {
		i = gallop(i, n, before)
	} else {
		i = sort.Search(i, func(i int) bool { return !before(i) })
	}
	return i, i < n && string(t.path(i)) == path
}

// mergeStat returns t with records added, as a file and as a table of its
// own. What would make a file of more than limit bytes is left out.
func mergeStat(t *statTable, added map[string]statRecord, limit int) ([]byte, *statTable) {
	b := append([]byte(statMagic), make([]byte, 8)...)
	m := new(statTable)
	put := func(e []byte) {
		if len(b)+len(e)+4 <= limit {
			b = append(b, e...)
			m.ends = append(m.ends, uint32(len(b)-statHeader))
		}
	}
	i := 0
	for _, p := range slices.Sorted(maps.Keys(added)) {
		for ; i < len(t.ends) && string(t.path(i)) < p; i++ {
			put(t.entry(i))
		}
		if i < len(t.ends) && string(t.path(i)) == p {
			i++
		}
		r := added[p]
		put(r.entry(p))
	}
	for ; i < len(t.ends); i++ {
		put(t.entry(i))
	}
	binary.LittleEndian.PutUint64(b[len(statMagic):], uint64(len(m.ends)))
	m.data = b[statHeader:]
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), m
}

// entry returns the bytes that stand for the record of the file at path.
func (r *statRecord) entry(path string) []byte {
	e := make([]byte, 0, statPath+len(path))
	for _, x := range []uint64{uint64(r.size), uint64(r.mtime), uint64(r.ctime), r.inode} {
		e = binary.LittleEndian.AppendUint64(e, x)
	}
	e = append(e, r.key[:]...)
	e = binary.LittleEndian.AppendUint16(e, uint16(len(path)))
	return append(e, path...)
}

var errStat = errors.New("damaged")

// parseStat reads what mergeStat makes. The table is a view of b. The checksum
// is computed, and memory taken, only for a file whose entries are in order:
// one that is mostly a hole is not read any further than to there.
func parseStat(b []byte) (*statTable, error) {
	if len(b) < statHeader+4 || string(b[:len(statMagic)]) != statMagic {
		return nil, errStat
	}
	n := binary.LittleEndian.Uint64(b[len(statMagic):])
	body, sum := b[statHeader:len(b)-4], b[len(b)-4:]
	if size := uint64(len(body)); n > size/statPath || size > n*(statPath+maxPath) {
		return nil, errStat
	}
	var last []byte
	at := 0
	for i := range n {
		end := endOfEntry(body, at)
		if end > len(body) {
			return nil, errStat
		}
		path := body[at+statPath : end]
		if i > 0 && bytes.Compare(last, path) >= 0 {
			return nil, errStat
		}
		last, at = path, end
	}
	if at < len(body) || crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(sum) {
		return nil, errStat
	}
	t := &statTable{data: body, ends: make([]uint32, n)}
	at = 0
	for i := range t.ends {
		at = endOfEntry(body, at)
		t.ends[i] = uint32(at)
	}
	return t, nil
}

// endOfEntry returns where the entry at an offset ends: behind b if b is too
// short for it.
func endOfEntry(b []byte, at int) int {
	if len(b)-at < statPath {
		return len(b) + 1
	}
	return at + statPath + int(binary.LittleEndian.Uint16(b[at+statPath-2:]))
}
