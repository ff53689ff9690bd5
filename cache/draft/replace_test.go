package draft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A folder with files in it is replaced by a complete new one, also where names
// cannot be swapped; whatever fails, the old one or the new one is there,
// whole.
func TestReplace(t *testing.T) {
	for _, failing := range []string{"", "create", "sync", "exchange", "close", "sync folder"} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSYS} {
			faults(t, "", 0)
			dir := t.TempDir()
			path := filepath.Join(dir, "folder")
			for _, name := range []string{"a", "b"} {
				if err := makeFolder(t, path, name); err != nil {
					t.Fatal(err)
				}
			}
			if names := in(t, path); !slices.Equal(names, []string{"b"}) {
				t.Fatalf("%q in place of b", names)
			}
			faults(t, failing, errno)
			err := makeFolder(t, path, "c")
			swapped := failing == "exchange" && errno == syscall.ENOSYS // there is another way
			if want := failing != "" && !swapped; (err != nil) != want || want && !errors.Is(err, errno) {
				t.Errorf("%s, %v: %v", failing, errno, err)
			}
			want := "c"
			if err != nil && failing != "close" && failing != "sync folder" {
				want = "b"
			}
			if names := in(t, path); !slices.Equal(names, []string{want}) {
				t.Errorf("%s, %v: %q, not %q", failing, errno, names, want)
			}
			if names := in(t, dir); !slices.Equal(names, []string{"folder"}) {
				t.Errorf("%s, %v: %q is left", failing, errno, names)
			}
		}
	}
}

// Where names cannot be swapped, the old folder comes back if the new one
// cannot take its place.
func TestReplaceComesBack(t *testing.T) {
	for at, want := range []string{"old", "old", "new"} { // the first rename fails, the second, none
		dir := t.TempDir()
		path := filepath.Join(dir, "folder")
		fault = func(string) error { return nil }
		if err := makeFolder(t, path, "old"); err != nil {
			t.Fatal(err)
		}
		renames := 0
		fault = func(operation string) error {
			switch operation {
			case "exchange":
				return syscall.ENOSYS
			case "rename":
				if renames++; renames == at+1 {
					return syscall.EIO
				}
			}
			return nil
		}
		t.Cleanup(func() { fault = func(string) error { return nil } })
		if err := makeFolder(t, path, "new"); (err == nil) != (want == "new") {
			t.Errorf("rename %d: %v", at+1, err)
		}
		if names := in(t, path); !slices.Equal(names, []string{want}) {
			t.Errorf("rename %d: %q, not %q", at+1, names, want)
		}
		if names := in(t, dir); !slices.Equal(names, []string{"folder"}) {
			t.Errorf("rename %d: %q is left", at+1, names)
		}
	}
}

// TestReplaceIsKilled starts itself: the child cannot swap names, and dies
// before or after a rename. The next one finds the old folder or the new one,
// and nothing else.
func TestReplaceIsKilled(t *testing.T) {
	if dir, at, ok := strings.Cut(os.Getenv("DRAFT_REPLACE"), " "); ok {
		renames := 0
		fault = func(operation string) error {
			switch operation {
			case "exchange":
				return syscall.ENOSYS
			case "rename", "close", "sync folder":
				if renames++; strconv.Itoa(renames) == at {
					syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
			}
			return nil
		}
		if err := makeFolder(t, filepath.Join(dir, "folder"), "new"); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[int]struct {
		found string // after the kill, "" for nothing
		after string
	}{1: {"old", "old"}, 2: {"", "old"}, 3: {"new", "new"}, 4: {"new", "new"}} {
		for _, again := range []string{"mend", "replace", "create"} {
			dir := t.TempDir()
			path := filepath.Join(dir, "folder")
			if err := makeFolder(t, path, "old"); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, "folder.old"), "the user's own")
			child := exec.Command(os.Args[0], "-test.run=^TestReplaceIsKilled$")
			child.Env = append(os.Environ(), fmt.Sprintf("DRAFT_REPLACE=%s %d", dir, at))
			said, err := child.CombinedOutput()
			if status, _ := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
				t.Fatalf("%d: %v: %s", at, err, said)
			}
			entries, err := os.ReadDir(path)
			if want.found == "" && !errors.Is(err, fs.ErrNotExist) || want.found != "" && (len(entries) != 1 || entries[0].Name() != want.found) {
				t.Errorf("%d: after the kill %v, %v", at, entries, err)
			}
			after := want.after
			switch again {
			case "mend":
				err = errors.Join(Mend(path), Sweep(path))
			case "replace":
				after, err = "newer", makeFolder(t, path, "newer")
			case "create":
				var f *Folder
				if f, err = CreateFolder(path); err == nil {
					err = f.Discard()
				}
			}
			if err != nil {
				t.Errorf("%d, %s: %v", at, again, err)
			}
			if names := in(t, path); !slices.Equal(names, []string{after}) {
				t.Errorf("%d, %s: %q, not %q", at, again, names, after)
			}
			if names := in(t, dir); !slices.Equal(names, []string{"folder", "folder.old"}) {
				t.Errorf("%d, %s: %q is left", at, again, names)
			}
		}
	}
}

// What another process is replacing is not mended.
func TestMendWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := makeFolder(t, path, "old"); err != nil {
		t.Fatal(err)
	}
	f, err := CreateFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	old, held, err := f.aside()
	if err != nil {
		t.Fatal(err)
	}
	if err := Mend(path); err != nil {
		t.Fatal(err)
	}
	if names := in(t, old); !slices.Equal(names, []string{"old"}) {
		t.Errorf("%q", names)
	}
	held.Close()
	if err := Mend(path); err != nil || !slices.Equal(in(t, path), []string{"old"}) {
		t.Error(err, in(t, dir))
	}
	if err := Mend(filepath.Join(dir, "none", "x")); err != nil {
		t.Error(err)
	}
}

// makeFolder replaces what is at path by a folder with one file.
func makeFolder(t *testing.T, path, name string) error {
	f, err := CreateFolder(path)
	if err != nil {
		return err
	}
	put(t, filepath.Join(f.Name(), name), "new")
	err = f.Replace()
	if e := f.Discard(); e != nil {
		t.Error(e)
	}
	return err
}
