package draft

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// What one process has written to a part is there for the next one, which no
// other joins.
func TestPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.part")
	for _, piece := range []string{"one ", "two ", "three"} {
		p, err := OpenPart(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenPart(path); !errors.Is(err, ErrHeld) {
			t.Errorf("a second writer: %v", err)
		}
		if n, err := p.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
		if err := errors.Join(p.Sync(), p.Close()); err != nil {
			t.Fatal(err)
		}
	}
	p, err := OpenPart(path)
	if err != nil || p.Size() != 13 {
		t.Fatal(err)
	}
	all, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil || string(all) != "one two three" {
		t.Errorf("%q, %v", all, err)
	}
	if err := p.Empty(); err != nil || p.Size() != 0 {
		t.Error(err)
	}
	if _, err := p.Write([]byte("new")); err != nil || !holds(t, path, "new") {
		t.Error(err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestPartOfAnotherKind(t *testing.T) {
	all := irregular(t)
	within(t, func() {
		for path, kind := range all {
			if p, err := OpenPart(path); err == nil {
				t.Errorf("%s is a part: %v", kind, p.Close())
			}
			if err := Link("x", path); err == nil {
				t.Errorf("%s became a link", kind)
			}
		}
	})
	faults(t, "create", syscall.EACCES)
	if _, err := OpenPart(filepath.Join(t.TempDir(), "x")); !errors.Is(err, syscall.EACCES) {
		t.Error(err)
	}
}

// A link takes the place of what was there, or of nothing, at once.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for _, target := range []string{"a", "b"} {
		put(t, filepath.Join(dir, target), target)
		if err := Link(target, path); err != nil || !holds(t, path, target) {
			t.Errorf("%s: %v", target, err)
		}
	}
	put(t, filepath.Join(dir, "file"), "a file")
	if err := Link("a", filepath.Join(dir, "file")); err != nil || !holds(t, filepath.Join(dir, "file"), "a") {
		t.Error(err)
	}
	for _, operation := range []string{"create", "link", "rename"} {
		faults(t, operation, syscall.EIO)
		if err := Link("a", path); !errors.Is(err, syscall.EIO) || !holds(t, path, "b") {
			t.Errorf("%s: %v", operation, err)
		}
	}
	if names := in(t, dir); !slices.Equal(names, []string{"a", "b", "file", "x"}) {
		t.Errorf("left: %q", names)
	}
}
