package draft

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrHeld is the error of a part that another process writes.
var ErrHeld = errors.New("another process writes to it")

// Part is a file that grows until it is whole, written by several processes one
// after the other if need be: what a process has written stays when it ends. It
// is neither placed nor swept; whoever has read it whole removes it. It is not
// safe for concurrent use, except that ReadAt may be called while nothing is
// written.
type Part struct {
	file *os.File
	size int64
}

// OpenPart opens the part at path for writing behind what is there, or makes an
// empty one in a folder that exists. The part is locked until Close or Remove:
// the error is ErrHeld if another process has it.
func OpenPart(path string) (*Part, error) {
	if err := vacant(path, fs.FileMode.IsRegular); err != nil {
		return nil, err
	}
	for {
		var f *os.File
		err := try("create", func() (err error) {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NONBLOCK, 0o666)
			return err
		})
		if err != nil {
			return nil, err
		}
		locked, err := lock(f)
		if err == nil && !locked {
			f.Close()
			return nil, ErrHeld
		}
		// Before the lock was taken another process may have removed the file.
		if err == nil && !same(f) {
			f.Close()
			continue
		}
		info, err := f.Stat()
		if err == nil {
			err = regular(path, info)
		}
		if err != nil {
			f.Close()
			return nil, cause(err)
		}
		return &Part{f, info.Size()}, nil
	}
}

// Size returns the number of bytes that are there.
func (p *Part) Size() int64 { return p.size }

// Write adds to the end. Unlike that of a draft it has no buffer.
func (p *Part) Write(b []byte) (int, error) {
	n, err := p.file.WriteAt(b, p.size)
	p.size += int64(n)
	return n, cause(err)
}

// ReadAt reads what is there, as io.ReaderAt.
func (p *Part) ReadAt(b []byte, at int64) (int, error) {
	n, err := p.file.ReadAt(b, at)
	if err == io.EOF {
		return n, err
	}
	return n, cause(err)
}

// Empty takes away all that was written.
func (p *Part) Empty() error {
	p.size = 0
	return try("truncate", func() error { return p.file.Truncate(0) })
}

// Sync brings what was written to the disk.
func (p *Part) Sync() error { return try("sync", p.file.Sync) }

// Close leaves the part for a later process.
func (p *Part) Close() error { return try("close", p.file.Close) }

// Remove removes the part, which is still locked, so that it is nobody else's.
func (p *Part) Remove() error {
	err := try("remove", func() error { return os.Remove(p.file.Name()) })
	return errors.Join(err, p.Close())
}

// Link puts a symbolic link to target at path, in the place of a link or a file
// that is there.
func Link(target, path string) error {
	if err := vacant(path, fs.FileMode.IsRegular); err != nil {
		return err
	}
	// The link gets its name in a folder that nobody else writes to.
	f, err := CreateFolder(path + ".link")
	if err != nil {
		return err
	}
	defer f.Discard()
	made := filepath.Join(f.Name(), filepath.Base(path))
	if err := try("link", func() error { return os.Symlink(target, made) }); err != nil {
		return err
	}
	if err := try("rename", func() error { return os.Rename(made, path) }); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
