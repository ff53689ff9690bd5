package draft

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is the draft of a file. It is not safe for concurrent use.
type File struct {
	path   string
	file   *os.File // nil after Place and Discard
	buffer *bufio.Writer
}

// Create begins the file that Place puts at path. What is at path now must be
// a regular file, or nothing; its folder must exist. Drafts for path that a
// killed process has left are removed.
func Create(path string) (*File, error) {
	if err := vacant(path, fs.FileMode.IsRegular); err != nil {
		return nil, err
	}
	_ = Sweep(path) // what cannot be removed stands in nobody's way
	return begin(path)
}

// begin is Create for a path that is vacant and swept.
func begin(path string) (*File, error) {
	f, err := create(path, func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	})
	if err != nil {
		return nil, err
	}
	return &File{path, f, bufio.NewWriterSize(f, 1<<20)}, nil
}

// Write adds to the content, through a buffer. Its error comes back from
// every later call and from Place.
func (f *File) Write(b []byte) (int, error) {
	if f.file == nil {
		return 0, os.ErrClosed
	}
	n, err := f.buffer.Write(b)
	return n, cause(err)
}

// Sync brings the content to the disk. It is still a draft. Of several files
// that belong together, all are synced before the first is placed.
func (f *File) Sync() error {
	if f.file == nil {
		return os.ErrClosed
	}
	if err := f.buffer.Flush(); err != nil {
		return cause(err)
	}
	return try("sync", f.file.Sync)
}

// Place brings the content to the disk and gives it its name. Unless it
// returns nil, the caller discards the draft.
func (f *File) Place() error {
	if err := f.name(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(f.path))
}

// name is Place, but for the name itself, which is not yet on the disk.
func (f *File) name() error {
	if err := f.Sync(); err != nil {
		return err
	}
	// The lock is held until the draft has its name.
	if err := try("rename", func() error { return os.Rename(f.file.Name(), f.path) }); err != nil {
		return err
	}
	file := f.file
	f.file = nil
	return try("close", file.Close)
}

// Discard gives the draft up and leaves nothing of it. After Place it does
// nothing, so that it can be deferred.
func (f *File) Discard() {
	if f.file == nil {
		return
	}
	os.Remove(f.file.Name()) // still locked, so that it is nobody else's
	f.file.Close()
	f.file = nil
}

// Write puts a file with that content at path, whole or not at all.
func Write(path string, content []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Place()
}

// vacant checks that something of a kind can be put at path.
func vacant(path string, kind func(fs.FileMode) bool) error {
	switch filepath.Base(path) {
	case ".", "..", string(filepath.Separator):
		return errors.New("not the name of a file")
	}
	if os.IsPathSeparator(path[len(path)-1]) {
		return errors.New("not the name of a file")
	}
	if err := folder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("in the folder %s: %w", filepath.Dir(path), cause(err))
	}
	info, err := os.Stat(path)
	if err == nil && !kind(info.Mode()) {
		return fmt.Errorf("there is %s already, which is not replaced; give another name", Kind(info.Mode()))
	}
	return nil
}

// syncFolder makes names that were given in a folder durable, where the file
// system has a way to do that for folders.
func syncFolder(path string) error {
	err := try("sync folder", func() error {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// try does one operation with the file system, unless a test lets it fail. The
// error names no temporary file.
func try(operation string, do func() error) error {
	if err := fault(operation); err != nil {
		return err
	}
	return cause(do())
}

// fault is replaced by tests, which record operations or let them fail.
var fault = func(operation string) error { return nil }

// cause strips the names of files from an error of the file system.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
