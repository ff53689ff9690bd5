package draft

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// aside gives the folder that f is to replace a hidden name, under which it is
// locked.
func (f *Folder) aside() (name string, held *os.File, err error) {
	if held, err = os.Open(f.path); err != nil {
		return "", nil, cause(err)
	}
	dir, base := filepath.Split(f.path)
	name = dir + "." + base + "." + strings.ToLower(rand.Text()[:8]) + ".old"
	_, _ = lock(held) // so that nobody mends what is not broken; some file systems do not lock
	if err = try("rename", func() error { return os.Rename(f.path, name) }); err != nil {
		held.Close()
		return "", nil, err
	}
	return name, held, nil
}

// Mend mends what a process has left that was killed inside [Folder.Replace]
// for path: an old folder whose place is empty gets it back, and one whose
// place a new folder has is removed.
func Mend(path string) error {
	if _, err := os.Lstat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return each(path, ".old", func(name string) error {
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return nil // gone, or not ours
		}
		defer f.Close()
		locked, err := lock(f)
		if err == nil && !locked || !same(f) {
			return nil // somebody is replacing it
		}
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return cause(os.Rename(name, path))
		}
		if err != nil {
			return nil // nobody knows whether it is held
		}
		return cause(os.RemoveAll(name))
	})
}
