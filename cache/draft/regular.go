package draft

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrIrregular is wrapped by the error for what is not a regular file.
var ErrIrregular = errors.New("not a regular file")

// OpenRegular opens a regular file for reading, through symbolic links too. It
// does not open anything else, so that it neither waits for somebody to write
// into a FIFO nor wakes a device. Its errors are *fs.PathError, as those of
// os.Open; for another kind of file they wrap ErrIrregular and name the kind.
func OpenRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	// Something else may have been put there since.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ReadRegular returns the content of a regular file, opened as OpenRegular
// does.
func ReadRegular(path string) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// One byte more than there are, so that the end is seen without growing.
	content := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return nil, err
		}
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
	}
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w but %s", ErrIrregular, Kind(info.Mode()))}
}

// OpenRoot is os.OpenRoot, but does not open what is no folder: it would wait
// at a FIFO. The error is then as os.OpenRoot has it, syscall.ENOTDIR.
func OpenRoot(dir string) (*os.Root, error) {
	if err := folder(dir); err != nil {
		return nil, err
	}
	return os.OpenRoot(dir)
}

// ReadDir is os.ReadDir, but does not open what is no folder, as OpenRoot.
func ReadDir(dir string) ([]fs.DirEntry, error) {
	if err := folder(dir); err != nil {
		return nil, err
	}
	return os.ReadDir(dir)
}

func folder(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	return err
}

// Kind says what a file with the mode is, with an article: "a FIFO".
func Kind(m fs.FileMode) string {
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

// FS is os.DirFS, but opens folders and regular files only, as OpenRegular
// does.
func FS(dir string) fs.FS { return folderFS{os.DirFS(dir), dir} }

type folderFS struct {
	all fs.FS
	dir string
}

var (
	_ fs.StatFS    = folderFS{}
	_ fs.ReadDirFS = folderFS{}
)

func (f folderFS) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(f.all, name) }
func (f folderFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.all, name) }

func (f folderFS) Open(name string) (fs.File, error) {
	if info, err := fs.Stat(f.all, name); err != nil || info.IsDir() {
		return f.all.Open(name)
	}
	file, err := OpenRegular(filepath.Join(f.dir, filepath.FromSlash(name)))
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = name
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}
