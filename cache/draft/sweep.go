package draft

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// create makes a draft for path with a random name and locks it. Before the
// lock is taken another process may take the draft for one that was left, and
// remove it; then the next name is tried.
func create(path string, make func(name string) (*os.File, error)) (*os.File, error) {
	dir, base := filepath.Split(path)
	for range 1000 {
		var f *os.File
		err := try("create", func() (err error) {
			f, err = make(dir + "." + base + "." + strings.ToLower(rand.Text()[:8]) + ".tmp")
			return err
		})
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("in the folder %s: %w", filepath.Dir(path), err)
		}
		if locked, err := lock(f); err != nil || locked && same(f) {
			return f, nil // err: this file system does not lock
		}
		f.Close()
	}
	return nil, fmt.Errorf("in the folder %s: every new file is removed at once", filepath.Dir(path))
}

// isDraft tells whether create makes such names for a base.
func isDraft(name, base string) bool { return isHidden(name, base, ".tmp") }

// isHidden tells whether a name is a hidden one for a base, with eight random
// letters and digits and an ending.
func isHidden(name, base, ending string) bool {
	id, ok := strings.CutPrefix(name, "."+base+".")
	id, ended := strings.CutSuffix(id, ending)
	return ok && ended && len(id) == 8 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// draftOf returns the base that create makes such a name for, "" for none.
func draftOf(name string) string {
	const around = len("..12345678.tmp")
	if len(name) <= around {
		return ""
	}
	base := name[1 : len(name)-around+1]
	if !isDraft(name, base) {
		return ""
	}
	return base
}

// Sweep removes the drafts for path that nobody holds.
func Sweep(path string) error { return each(path, ".tmp", remove) }

// each does something with what has a hidden name for path with that ending.
func each(path, ending string, do func(name string) error) error {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir) // "" becomes "."
	if err := folder(dir); err != nil {
		return cause(err)
	}
	list, err := os.Open(dir)
	if err != nil {
		return cause(err)
	}
	defer list.Close()
	var failed error
	for {
		names, err := list.Readdirnames(1024)
		for _, name := range names {
			if isHidden(name, base, ending) {
				failed = errors.Join(failed, do(filepath.Join(dir, name)))
			}
		}
		if err == io.EOF {
			return failed
		}
		if err != nil {
			return errors.Join(failed, cause(err))
		}
	}
}

// remove removes a draft unless somebody holds it.
func remove(name string) error {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return nil // gone, or not ours
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil // gone, or another user's
	}
	defer f.Close()
	if locked, err := lock(f); err != nil || !locked || !same(f) {
		return nil
	}
	return cause(os.RemoveAll(name))
}

// same tells whether the name of f is still that of f.
func same(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(a, b)
}

// lock takes the lock of an open file, and reports false if someone else has
// it. An error means that the file system does not lock.
func lock(f *os.File) (bool, error) {
	if err := fault("lock"); err != nil {
		return false, err
	}
	c, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var locked error
	err = c.Control(func(fd uintptr) {
		for {
			if locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB); locked != syscall.EINTR {
				return
			}
		}
	})
	if err == nil {
		err = locked
	}
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}
