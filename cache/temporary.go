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
		ok, err := f.Lock(syscall.LOCK_EX | syscall.LOCK_NB)
		if ok && err == nil {
			ok, err = c.same(f, name)
		}
		if err != nil {
			f.Close()
			c.disk.Remove(name) // what failed before says more
			return nil, "", err
		}
		if ok {
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
func (c *Cache) same(f file, name string) (bool, error) {
	a, err := f.Stat()
	if err != nil {
		return false, err
	}
	b, err := c.disk.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(a, b), err
}

// adopt opens and locks a file that nobody holds. It returns nil if someone
// does, if the file is gone, or if this user may not open it.
func (c *Cache) adopt(name string) (file, error) {
	f, err := c.disk.Open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := f.Lock(syscall.LOCK_EX | syscall.LOCK_NB)
	if ok && err == nil {
		ok, err = c.same(f, name)
	}
	if err != nil || !ok {
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
