package draft

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Folder is the draft of a folder. The caller fills it, and brings the files
// in it to the disk.
type Folder struct {
	path string
	file *os.File // nil after Place and Discard
}

// CreateFolder begins the folder that Place puts at path, where nothing must
// be, or an empty folder. Drafts for path that a killed process has left are
// removed, and what it was replacing is mended.
func CreateFolder(path string) (*Folder, error) {
	if err := vacant(path, fs.FileMode.IsDir); err != nil {
		return nil, err
	}
	if err := Mend(path); err != nil {
		return nil, err
	}
	_ = Sweep(path) // what cannot be removed stands in nobody's way
	f, err := create(path, func(name string) (*os.File, error) {
		if err := os.Mkdir(name, 0o777); err != nil {
			return nil, err
		}
		f, err := os.Open(name)
		if err != nil {
			os.Remove(name)
		}
		return f, err
	})
	if err != nil {
		return nil, err
	}
	return &Folder{path, f}, nil
}

// Name is the path of the draft, below which the caller makes files.
func (f *Folder) Name() string { return f.file.Name() }

// Place gives the folder its name. Unless it returns nil, the caller discards
// the draft.
func (f *Folder) Place() error {
	if f.file == nil {
		return os.ErrClosed
	}
	if err := try("sync", f.file.Sync); err != nil {
		return err
	}
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it was empty
		return cause(err)
	}
	if err := try("rename", func() error { return os.Rename(f.file.Name(), f.path) }); err != nil {
		return err
	}
	file := f.file
	f.file = nil
	return errors.Join(try("close", file.Close), syncFolder(filepath.Dir(f.path)))
}

// Replace is Place where a folder with files in it may be, whose place it
// takes. On Linux, where the file system can swap names, one of the two is
// there at any time; elsewhere the old one has the hidden name
// .NAME.xxxxxxxx.old between two renames. What was in the old folder is
// removed. What a process that is killed meanwhile leaves, [Mend] mends.
func (f *Folder) Replace() error {
	if f.file == nil {
		return os.ErrClosed
	}
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return f.Place()
	}
	if err != nil {
		return cause(err)
	}
	if err := try("sync", f.file.Sync); err != nil {
		return err
	}
	name, old := f.file.Name(), f.file.Name() // of the draft, then of what was replaced
	err = try("exchange", func() error { return exchange(name, f.path) })
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		var held *os.File
		if old, held, err = f.aside(); err != nil {
			return err
		}
		defer held.Close()
		if err = try("rename", func() error { return os.Rename(name, f.path) }); err != nil {
			return errors.Join(err, cause(os.Rename(old, f.path)))
		}
	}
	if err != nil {
		return err
	}
	file := f.file
	f.file = nil
	return errors.Join(try("close", file.Close), syncFolder(filepath.Dir(f.path)), cause(os.RemoveAll(old)))
}

// Discard gives the draft up and removes all that is in it. After Place it
// does nothing, so that it can be deferred.
func (f *Folder) Discard() error {
	if f.file == nil {
		return nil
	}
	err := os.RemoveAll(f.file.Name()) // still locked, so that it is nobody else's
	f.file.Close()
	f.file = nil
	return err
}
