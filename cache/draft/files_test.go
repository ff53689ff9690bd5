package draft

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Many files are written below a folder that is made for them, from many
// goroutines, and what killed processes have left of the same ones goes.
func TestFiles(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "b")
	f := NewFiles(root)
	if _, err := os.Stat(root); err == nil {
		t.Error("there is a folder before anything is in it")
	}
	if err := f.Write("x", []byte("old")); err != nil {
		t.Fatal(err)
	}
	left := []string{".x.abcdefgh.tmp", ".y.abcdefgh.tmp"}
	for _, name := range left {
		put(t, filepath.Join(root, name), "")
	}
	f = NewFiles(root)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for _, name := range []string{fmt.Sprintf("c/%d/z", i), fmt.Sprint("c/", i, "z"), "x"} {
				if err := f.Write(name, []byte(name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	if names := in(t, root); !slices.Equal(names, []string{left[1], "c", "x"}) || !holds(t, f.Path("c/7/z"), "c/7/z") || !holds(t, f.Path("x"), "x") {
		t.Errorf("%q", names)
	}
	if names := in(t, filepath.Join(root, "c")); len(names) != 100 {
		t.Errorf("%q", names)
	}
}

// No file is written outside, nor where something else is, and none is left
// half.
func TestFilesThatAreNotWritten(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "file"), "")
	f := NewFiles(root)
	for name, reason := range map[string]string{
		"../x": "no name", "/x": "no name", "a//b": "no name", "": "no name", ".": "a directory", "a/../../x": "no name",
		"link/x": "not a directory", "file/x": "not a directory", "link": "a directory",
	} {
		err := f.Write(name, nil)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if names := in(t, elsewhere); len(names) > 0 {
		t.Errorf("elsewhere there are %q", names)
	}
	faults(t, "rename", syscall.EIO)
	if err := f.Write("y", nil); err == nil {
		t.Error("no error")
	}
	faults(t, "sync folder", syscall.EIO)
	if err := f.Sync(); err == nil {
		t.Error("no error of Sync")
	}
	if err := NewFiles(filepath.Join(root, "file")).Make(); err == nil {
		t.Error("a file is a folder")
	}
	if names := in(t, root); !slices.Equal(names, []string{"file", "link"}) {
		t.Errorf("%q", names)
	}
}
