package cache

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// disk is everything that changes a cache, one method an operation, so that
// tests can let each of them fail. Names are slash-separated and relative to
// the cache. Reading does not go through it.
type disk interface {
	Mkdir(name string) error          // an existing directory is no error
	Create(name string) (file, error) // a new file; fs.ErrExist if there is one
	Open(name string) (file, error)   // an existing regular file, to be locked
	Rename(from, to string) error     // replaces to
	Remove(name string) error         // a file
	SyncDir(name string) error        // makes the entries of a directory durable
}

// file is an open file of a disk.
type file interface {
	WriteAt(p []byte, offset int64) (int, error)
	Truncate(size int64) error
	Sync() error         // data and metadata are durable
	SyncData() error     // data is durable, and what is needed to read it
	Lock() (bool, error) // exclusive; false: someone else has it
	OS() *os.File        // to look at and to map, not to change
	Close() error        // releases the lock
}

// rootDisk is the real disk, confined to a directory.
type rootDisk struct{ root *os.Root }

var _ disk = rootDisk{}

func (d rootDisk) Mkdir(name string) error {
	err := d.root.Mkdir(name, 0o777)
	if errors.Is(err, fs.ErrExist) {
		fi, e := d.root.Lstat(name)
		if e == nil && fi.IsDir() {
			return nil
		}
	}
	return err
}

func (d rootDisk) Create(name string) (file, error) {
	f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
}

func (d rootDisk) Open(name string) (file, error) {
	f, _, err := openRegular(d.root, name, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
}

func (d rootDisk) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d rootDisk) Remove(name string) error     { return d.root.Remove(name) }

func (d rootDisk) SyncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// rootFile is a file of a rootDisk.
type rootFile struct{ *os.File }

var _ file = rootFile{}

func (f rootFile) SyncData() error     { return syncData(f.File) }
func (f rootFile) Lock() (bool, error) { return flock(f.File, syscall.LOCK_EX|syscall.LOCK_NB) }
func (f rootFile) OS() *os.File        { return f.File }

// flock takes an advisory lock on an open file. It reports false when how has
// LOCK_NB and someone else holds the lock.
func flock(f *os.File, how int) (bool, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var lockErr error
	err = c.Control(func(fd uintptr) {
		for {
			if lockErr = syscall.Flock(int(fd), how); lockErr != syscall.EINTR {
				return
			}
		}
	})
	switch {
	case err != nil:
		return false, err
	case lockErr == syscall.EWOULDBLOCK:
		return false, nil
	case lockErr != nil:
		return false, fmt.Errorf("%s: this file system cannot lock files, put the cache on another: %w", f.Name(), lockErr)
	}
	return true, nil
}

// errIrregular is the error for what is not a regular file.
var errIrregular = errors.New("not a regular file")

// openRegular opens a regular file. It follows no symbolic link in the last
// element, leaves the root in none, and does not block on a FIFO.
func openRegular(root *os.Root, name string, flag int) (*os.File, fs.FileInfo, error) {
	li, err := root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !li.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w but %s", errIrregular, kindOf(li.Mode()))
	}
	// os.Root resolves a symbolic link itself, within the root, even under
	// O_NOFOLLOW; comparing the file opened with the one seen finds what was
	// put into its place in between.
	f, err := root.OpenFile(name, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	if !os.SameFile(li, fi) {
		f.Close()
		return nil, nil, fmt.Errorf("%s: replaced while it was opened: %w", name, fs.ErrNotExist)
	}
	return f, fi, nil
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m.IsRegular():
		return "a file"
	}
	return "a device"
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(root *os.Root, name string, limit int64) ([]byte, error) {
	f, fi, err := openRegular(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if fi.Size() > limit {
		return nil, malformedf("%d bytes, the limit is %d", fi.Size(), limit)
	}
	b := make([]byte, fi.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// Temporary files: whoever makes one holds its lock until it has its final
// name, so one that can be locked belongs to nobody.
const (
	tmpPrefix = "tmp-"
	newSuffix = ".new"
)

// createLocked makes a file with a random name in dir and locks it. Before
// the lock is taken another process may take the file for an orphan and
// remove it; then the next name is tried.
func (c *Cache) createLocked(dir, prefix, suffix string) (f file, name string, err error) {
	for range 1000 {
		name = path.Join(dir, prefix+randomID()+suffix)
		f, err = c.disk.Create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		ok, err := f.Lock()
		if err != nil {
			f.Close()
			c.disk.Remove(name) // the lock's error says more
			return nil, "", err
		}
		if ok && c.same(f, name) {
			return f, name, nil
		}
		f.Close()
	}
	return nil, "", fmt.Errorf("%s: every new file is removed at once", dir)
}

// randomID returns 128 random bits in hexadecimal.
func randomID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// same tells whether name is still the name of f.
func (c *Cache) same(f file, name string) bool {
	a, err := f.OS().Stat()
	if err != nil {
		return false
	}
	b, err := c.root.Lstat(name)
	return err == nil && os.SameFile(a, b)
}

// adopt opens and locks a file that nobody holds. It returns nil if someone
// does, if the file is gone, or if this user may not open it.
func (c *Cache) adopt(name string) (file, error) {
	f, err := c.disk.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := f.Lock()
	if err != nil || !ok || !c.same(f, name) {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the temporary files in dir that nobody holds.
func (c *Cache) sweep(dir string) error {
	names, err := c.list(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !isTemporary(n) {
			continue
		}
		name := path.Join(dir, n)
		f, err := c.adopt(name)
		if errors.Is(err, errIrregular) {
			continue
		}
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		err = c.disk.Remove(name)
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// isTemporary tells whether createLocked makes such names.
func isTemporary(name string) bool {
	if id, ok := strings.CutPrefix(name, tmpPrefix); ok {
		return isHex(id, 32)
	}
	id, ok := strings.CutSuffix(name, newSuffix)
	return ok && isHex(id, 32)
}

// list returns the names in a directory, sorted; a directory that does not
// exist has none.
func (c *Cache) list(dir string) ([]string, error) {
	es, err := fs.ReadDir(c.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(es))
	for i, e := range es {
		names[i] = e.Name()
	}
	return names, nil
}

// writeWhole puts a file into dir, replacing it whole or not at all. When it
// returns nil the file is durable.
func (c *Cache) writeWhole(dir, name string, data []byte) error {
	f, tmp, err := c.createLocked(dir, tmpPrefix, "")
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = c.disk.Rename(tmp, path.Join(dir, name))
	}
	if err != nil {
		c.disk.Remove(tmp) // what failed before says more
		return err
	}
	return c.disk.SyncDir(dir)
}
