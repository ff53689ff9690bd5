package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/headstart-ml/headstart/cache/draft"
)

// dir is a folder that nothing leads out of: no "..", no absolute path and no
// symbolic link. One made for a single file (root nil) holds that file alone.
type dir struct {
	root *os.Root
	name string // as given, for messages
	abs  string
	near near
}

func openDir(name string) (*dir, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	root, err := draft.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &dir{root: root, name: name, abs: abs}, nil
}

// open opens the file at path, slash-separated. It never blocks, not even on a
// named pipe.
func (d *dir) open(path string) (*os.File, error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if d.root == nil {
		return os.OpenFile(d.absolute(path), flags, 0)
	}
	return d.root.OpenFile(filepath.FromSlash(path), flags, 0)
}

// openList opens the folder at path for listing. A file that an os.Root opened
// asks the file system about each entry while it lists, in case somebody calls
// Info, which takes ten times as long as the names and kinds do; this one does
// not.
func (d *dir) openList(path string) (*os.File, error) {
	f, err := d.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var dupErr error
	err = conn.Control(func(open uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, dupErr = syscall.Dup(int(open)); dupErr == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err = errors.Join(err, dupErr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.absolute(path)), nil
}

// stat follows symbolic links as open does.
func (d *dir) stat(path string) (fs.FileInfo, error) {
	if d.root == nil {
		return os.Stat(d.absolute(path))
	}
	if info, ok := d.near.stat(d.root, path); ok {
		return info, nil
	}
	return d.root.Stat(filepath.FromSlash(path))
}

func (d *dir) absolute(path string) string { return filepath.Join(d.abs, filepath.FromSlash(path)) }

// inside turns a path as a table gives it into one relative to d. An absolute
// path is taken if it lies in d.
func (d *dir) inside(path string) (string, error) {
	if filepath.IsAbs(path) {
		rel, err := filepath.Rel(d.abs, path)
		if err != nil || !filepath.IsLocal(rel) {
			return "", d.escapes()
		}
		return filepath.ToSlash(rel), nil
	}
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return "", d.escapes()
	}
	return path, nil
}

func (d *dir) escapes() error {
	return reasonOf(KindOutside, "leads out of the folder %s, and no path may", d.name)
}

// reason turns an error of the file system into the reason for a bad sample,
// or a *MachineError.
func (d *dir) reason(err error) error {
	if m := machine(err); m != nil {
		return m
	}
	cause := err
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		cause = path.Err
	}
	text, kind := cause.Error(), KindUnread
	switch {
	case strings.Contains(text, "escapes from parent"): // os.Root has no sentinel for it
		text, kind = d.escapes().Error(), KindOutside
	case errors.Is(err, fs.ErrNotExist):
		text, kind = "no such file in the folder "+d.name, KindMissing
		if d.root == nil {
			text = "no such file"
		}
	}
	return &badError{kind: kind, reason: text, cause: err}
}

func (d *dir) close() error {
	if d == nil || d.root == nil {
		return nil
	}
	d.near.close()
	return d.root.Close()
}
