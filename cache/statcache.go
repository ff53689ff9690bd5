package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Constants of the stat cache's files; doc.go has the table of offsets.
const (
	statMagic = "hsstat/1"
	statEntry = 4 * 8           // bytes of the numbers of an entry
	maxStat   = 1 << 30         // bytes a file
	maxPath   = 1<<16 - 1       // bytes a path
	tooRecent = 2 * time.Second // file systems tick this coarsely
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
	files map[string]statRecord
	added map[string]statRecord // not saved yet
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
	s.files = s.load()
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
	defer s.mu.Unlock()
	was, ok := s.files[path]
	now.key = was.key
	return was.key, ok && now == was
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
	s.files[path] = r
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
	if s.c.disk == nil {
		return ErrReadOnly
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.added) == 0 {
		return nil
	}
	if fi, err := s.c.root.Lstat(statDir); err == nil && !fi.IsDir() {
		return fmt.Errorf("%s is %s where a directory should be; remove it", statDir, kindOf(fi.Mode()))
	}
	if fi, err := s.c.root.Lstat(s.name); err == nil && fi.IsDir() {
		return errors.New("a directory where a file should be; remove it")
	}
	all := s.load()
	maps.Copy(all, s.added)
	if err := s.c.mkdir(statDir); err != nil {
		return err
	}
	if err := s.c.sweep(statDir); err != nil {
		return err
	}
	if err := s.c.writeWhole(statDir, path.Base(s.name), encodeStat(all, maxStat)); err != nil {
		return err
	}
	clear(s.added)
	return nil
}

// load reads the stored file. Whatever keeps it from being read, the stat cache
// is empty then.
func (s *StatCache) load() map[string]statRecord {
	m, err := readStat(s.c.root, s.name)
	if err != nil {
		return map[string]statRecord{}
	}
	return m
}

// readStat reads a file that encodeStat wrote. It is mapped, so that one that
// is damaged takes no memory.
func readStat(root *os.Root, name string) (m map[string]statRecord, err error) {
	f, fi, err := openRegular(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi.Size() < 1 || fi.Size() > maxStat {
		return nil, errStat
	}
	b, err := mapFile(f, fi.Size())
	if err != nil {
		return nil, err
	}
	defer unmap(b)
	err = guard(func() error {
		m, err = parseStat(b)
		return err
	})
	return m, err
}

// encodeStat writes records in the order of their paths. What would make more
// than limit bytes is left out.
func encodeStat(m map[string]statRecord, limit int) []byte {
	b := append([]byte(nil), statMagic...)
	b = binary.LittleEndian.AppendUint64(b, 0)
	n := uint64(0)
	for _, p := range slices.Sorted(maps.Keys(m)) {
		if len(b)+statEntry+KeySize+2+len(p)+4 > limit {
			break
		}
		n++
		r := m[p]
		b = binary.LittleEndian.AppendUint64(b, uint64(r.size))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.mtime))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.ctime))
		b = binary.LittleEndian.AppendUint64(b, r.inode)
		b = append(b, r.key[:]...)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	binary.LittleEndian.PutUint64(b[len(statMagic):], n)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

var errStat = errors.New("damaged")

// parseStat reads what encodeStat writes.
func parseStat(b []byte) (map[string]statRecord, error) {
	const head, least = len(statMagic) + 8, statEntry + KeySize + 2
	if len(b) < head+4 || string(b[:len(statMagic)]) != statMagic {
		return nil, errStat
	}
	n := binary.LittleEndian.Uint64(b[len(statMagic):])
	body, sum := b[head:len(b)-4], b[len(b)-4:]
	if size := uint64(len(body)); n > size/uint64(least) || size > n*uint64(least+maxPath) {
		return nil, errStat
	}
	if crc32.ChecksumIEEE(b[:len(b)-4]) != binary.LittleEndian.Uint32(sum) {
		return nil, errStat
	}
	m := make(map[string]statRecord, n)
	for range n {
		if len(body) < least {
			return nil, errStat
		}
		u := func(i int) uint64 { return binary.LittleEndian.Uint64(body[8*i:]) }
		r := statRecord{int64(u(0)), int64(u(1)), int64(u(2)), u(3), Key(body[statEntry:])}
		size := int(binary.LittleEndian.Uint16(body[statEntry+KeySize:]))
		body = body[least:]
		if len(body) < size {
			return nil, errStat
		}
		m[string(body[:size])] = r
		body = body[size:]
	}
	if len(body) > 0 {
		return nil, errStat
	}
	return m, nil
}
