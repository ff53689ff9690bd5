package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/headstart-ml/headstart/cache/draft"
)

// disk is everything that a cache does with the file system, one method an
// operation, so that tests can let each of them fail. Names are
// slash-separated and relative to the cache.
type disk interface {
	List(name string) ([]string, error)       // the names in a directory, sorted
	Lstat(name string) (fs.FileInfo, error)   // follows no symbolic link
	Open(name string, flag int) (file, error) // an existing regular file, else errIrregular
	Mkdir(name string) error                  // an existing directory is no error
	Create(name string) (file, error)         // a new file; fs.ErrExist if there is one
	Rename(from, to string) error             // replaces to
	Remove(name string) error                 // a file or an empty directory
	SyncDir(name string) error                // makes the entries of a directory durable
}

// file is an open file of a disk.
type file interface {
	Stat() (fs.FileInfo, error)
	ReadAt(p []byte, offset int64) (int, error)
	Map(size int64) ([]byte, error) // for reading; unmap releases it
	WriteAt(p []byte, offset int64) (int, error)
	Truncate(size int64) error
	Chmod(mode fs.FileMode) error
	Sync() error                // data and metadata are durable
	SyncData() error            // data is durable, and what is needed to read it
	Lock(how int) (bool, error) // flock; false: with LOCK_NB, someone else has it
	Close() error               // releases the lock
}

// rootDisk is the real disk, confined to a directory.
type rootDisk struct{ root *os.Root }

var _ disk = rootDisk{}

func (d rootDisk) List(name string) ([]string, error) {
	f, err := d.openDir(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// openDir opens a directory. Like Open it follows no symbolic link in the last
// element, and does not block on a FIFO.
func (d rootDisk) openDir(name string) (*os.File, error) {
	fi, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, noDirectory(name, fi)
	}
	return d.root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
}

// noDirectory is the error for what stands in the place of a directory.
func noDirectory(name string, fi fs.FileInfo) error {
	return fmt.Errorf("%s: not a directory but %s", name, draft.Kind(fi.Mode()))
}

func (d rootDisk) Lstat(name string) (fs.FileInfo, error) { return d.root.Lstat(name) }

// Open follows no symbolic link in the last element, leaves the root in none,
// and does not block on a FIFO.
func (d rootDisk) Open(name string, flag int) (file, error) {
	li, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !li.Mode().IsRegular() {
		return nil, fmt.Errorf("%w but %s", errIrregular, draft.Kind(li.Mode()))
	}
	// os.Root resolves a symbolic link itself, within the root, even under
	// O_NOFOLLOW; comparing the file opened with the one seen finds what was
	// put into its place in between.
	f, err := d.root.OpenFile(name, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if !os.SameFile(li, fi) {
		f.Close()
		return nil, fmt.Errorf("%s: replaced while it was opened: %w", name, fs.ErrNotExist)
	}
	return rootFile{f}, nil
}

func (d rootDisk) Mkdir(name string) error {
	err := d.root.Mkdir(name, 0o777)
	if errors.Is(err, fs.ErrExist) {
		fi, e := d.root.Lstat(name)
		if e != nil {
			return err
		}
		if !fi.IsDir() {
			return noDirectory(name, fi)
		}
		return nil
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

func (d rootDisk) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d rootDisk) Remove(name string) error     { return d.root.Remove(name) }

func (d rootDisk) SyncDir(name string) error {
	f, err := d.openDir(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// rootFile is a file of a rootDisk.
type rootFile struct{ *os.File }

var _ file = rootFile{}

func (f rootFile) SyncData() error                { return syncData(f.File) }
func (f rootFile) Lock(how int) (bool, error)     { return flock(f.File, how) }
func (f rootFile) Map(size int64) ([]byte, error) { return mapFile(f.File, size) }

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

// readSmall reads a regular file of at most limit bytes.
func (c *Cache) readSmall(name string, limit int64) ([]byte, error) {
	f, err := c.disk.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() > limit {
		return nil, malformedf("%d bytes, the limit is %d", fi.Size(), limit)
	}
	b := make([]byte, fi.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return b, nil
}

// list returns the names in a directory, sorted; a directory that does not
// exist has none.
func (c *Cache) list(dir string) ([]string, error) {
	names, err := c.disk.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}
