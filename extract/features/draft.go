package features

import (
	"bufio"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// draft is a file that is written whole or not at all: under a temporary name
// beside its own, which it gets once it is on the disk.
type draft struct {
	path   string
	file   *os.File // nil once it is in its place or given up
	buffer *bufio.Writer
}

// newDraft begins the file that place will put at path.
func newDraft(path string) (*draft, error) {
	// The temporary file lies beside the final one, or the two could be on
	// different file systems.
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strings.ToLower(rand.Text()[:8])+".tmp")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &draft{path, f, bufio.NewWriterSize(f, 1<<20)}, nil
}

func (d *draft) Write(b []byte) (int, error) { return d.buffer.Write(b) }

// finish brings what was written to the disk. The file has its temporary name
// still.
func (d *draft) finish() error {
	if err := d.buffer.Flush(); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	return d.file.Close()
}

// place gives the file its name, after finish.
func (d *draft) place() error {
	if err := os.Rename(d.file.Name(), d.path); err != nil {
		return err
	}
	d.file = nil // the temporary file is gone
	return syncDir(filepath.Dir(d.path))
}

// abort gives the file up and leaves nothing behind. After place it does
// nothing, so that it can be deferred.
func (d *draft) abort() {
	if d.file == nil {
		return
	}
	d.file.Close()
	os.Remove(d.file.Name())
	d.file = nil
}

// syncDir makes a rename in the folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
