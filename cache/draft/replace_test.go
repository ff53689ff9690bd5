package draft

import (
	"errors"
	"path/filepath"
	"slices"
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
