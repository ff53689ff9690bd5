package cache

import (
	"errors"
	"io/fs"
	"path"
)

// discard removes files and directories by way of trash/: with one rename each
// is out of everybody's sight, whole. The caller has the exclusive lock of
// their space.
func (c *Cache) discard(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := c.mkdir(trashDir); err != nil {
		return err
	}
	for _, name := range names {
		err := c.disk.Rename(name, path.Join(trashDir, randomID()+"-"+path.Base(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// All of them lie in one directory.
	if err := c.disk.SyncDir(path.Dir(names[0])); err != nil {
		return err
	}
	return c.emptyTrash()
}

// emptyTrash removes what lies in trash/, of earlier runs too, except what
// another user left there. Another process may be at it.
func (c *Cache) emptyTrash() error {
	names, err := c.list(trashDir)
	if err != nil {
		return err
	}
	for _, n := range names {
		err := c.removeAll(path.Join(trashDir, n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// removeAll removes a file, or a directory with all that is in it.
func (c *Cache) removeAll(name string) error {
	fi, err := c.disk.Lstat(name)
	if err != nil {
		return err
	}
	if fi.IsDir() {
		names, err := c.list(name)
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := c.removeAll(path.Join(name, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return c.disk.Remove(name)
}
