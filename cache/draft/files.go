package draft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
)

// Files puts many files below a folder, each whole or not at all. It may be
// used from several goroutines. A name is durable after [Files.Sync]; until
// then a crash of the machine may leave what was there before. Unlike [Create],
// which looks through the folder each time for what a killed process has left,
// it does so once a folder.
type Files struct {
	root string

	mu sync.Mutex
	// folders are those that are there, slash-separated, with the names in each
	// that killed processes have left drafts of.
	folders map[string]map[string]bool
}

// NewFiles returns what puts files below root, which is made with the first
// one, together with the folders above it.
func NewFiles(root string) *Files {
	return &Files{root: root, folders: make(map[string]map[string]bool)}
}

// Path returns where the file of a name is.
func (f *Files) Path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

// Write puts a file with that content at a name, slash-separated and local
// (see [filepath.IsLocal]). Folders on the way are made; one that is a symbolic
// link below the root is an error, since it may lead elsewhere.
func (f *Files) Write(name string, content []byte) error {
	if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%q is no name below a folder", name)
	}
	left, err := f.folder(path.Dir(name))
	if err != nil {
		return err
	}
	at := f.Path(name)
	if err := vacant(at, fs.FileMode.IsRegular); err != nil {
		return err
	}
	if left[path.Base(name)] {
		_ = Sweep(at) // what cannot be removed stands in nobody's way
	}
	file, err := begin(at)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := file.Write(content); err != nil {
		return err
	}
	return file.name()
}

// Sync makes the names durable of what was written, where the file system has a
// way to do that.
func (f *Files) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.folders {
		if err := syncFolder(f.Path(name)); err != nil {
			return err
		}
	}
	return nil
}

// Make makes the root, with the folders above it, unless it is there.
func (f *Files) Make() error {
	_, err := f.folder(".")
	return err
}

// folder makes a folder below the root, unless it is there, and returns the
// names in it that killed processes have left drafts of.
func (f *Files) folder(name string) (map[string]bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made(name)
}

func (f *Files) made(name string) (map[string]bool, error) {
	if left, ok := f.folders[name]; ok {
		return left, nil
	}
	at := f.Path(name)
	if name == "." {
		if err := os.MkdirAll(at, 0o777); err != nil {
			return nil, cause(err)
		}
	} else {
		if _, err := f.made(path.Dir(name)); err != nil {
			return nil, err
		}
		if err := os.Mkdir(at, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, cause(err)
		}
		info, err := os.Lstat(at)
		if err != nil {
			return nil, cause(err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("in the folder %s: %w", at, syscall.ENOTDIR)
		}
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil, cause(err)
	}
	left := make(map[string]bool)
	for _, e := range entries {
		if base := draftOf(e.Name()); base != "" {
			left[base] = true
		}
	}
	f.folders[name] = left
	return left, nil
}
