package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// filled makes files and puts them into an archive.
func filled(t *testing.T, mode os.FileMode, backwards bool) *archive {
	t.Helper()
	dir := t.TempDir()
	program, text := filepath.Join(dir, "p"), filepath.Join(dir, "t")
	for path, m := range map[string]os.FileMode{program: mode | 0o100, text: mode} {
		if err := os.WriteFile(path, []byte("content"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
	}
	a := &archive{top: "top", modified: time.Unix(1580702706, 0)}
	steps := []func(){
		func() {
			if err := a.file("bin/p", program); err != nil {
				t.Error(err)
			}
		},
		func() {
			if err := a.file("share/doc/t", text); err != nil {
				t.Error(err)
			}
		},
		func() { a.link("lib/l", "l.1") },
		func() { a.text("share/made", "made") },
	}
	for i := range steps {
		if backwards {
			i = len(steps) - 1 - i
		}
		steps[i]()
	}
	return a
}

// TestArchiveIsReproducible packs the same files, of other modes, times and
// order.
func TestArchiveIsReproducible(t *testing.T) {
	one, err := filled(t, 0o644, false).pack()
	if err != nil {
		t.Fatal(err)
	}
	two, err := filled(t, 0o600, true).pack()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("other bytes")
	}
	z, err := gzip.NewReader(bytes.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("the gzip header has %v %q", z.ModTime, z.Name)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname+h.Gname != "" || h.ModTime.Unix() != 1580702706 {
			t.Errorf("%s: %d %d %q %q %v", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name+" "+h.Linkname+string(content))
	}
	want := "drwxr-xr-x top/ |drwxr-xr-x top/bin/ |-rwxr-xr-x top/bin/p content|drwxr-xr-x top/lib/ |Lrwxrwxrwx top/lib/l l.1|" +
		"drwxr-xr-x top/share/ |drwxr-xr-x top/share/doc/ |-rw-r--r-- top/share/doc/t content|-rw-r--r-- top/share/made made"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestArchiveRefuses(t *testing.T) {
	a := filled(t, 0o644, false)
	a.text("bin/p", "another")
	if _, err := a.pack(); err == nil || !strings.Contains(err.Error(), "two files are bin/p") {
		t.Errorf("a name twice: %v", err)
	}
	if err := a.file("x", filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := a.licencesOf(module{"example.com/m", dir}, []string{dir}); err == nil || !strings.Contains(err.Error(), "example.com/m: no file in it is its licence") {
		t.Errorf("a module without a licence: %v", err)
	}
	if _, err := a.library(dir); err == nil || !strings.Contains(err.Error(), "make runtime") {
		t.Errorf("no library: %v", err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if _, err := release(t.Context(), ".", dir); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH is not set") {
		t.Errorf("no date: %v", err)
	}
}

// TestLicencesOfPackages takes those of folders above a package, not of its
// neighbours.
func TestLicencesOfPackages(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"LICENSE", "a/NOTICE", "a/b/LICENSE-MIT", "a/b/code.go", "c/LICENSE"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	a := &archive{top: "top"}
	if err := a.licencesOf(module{"example.com/m", dir}, []string{filepath.Join(dir, "a/b"), dir}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range a.entries {
		got = append(got, strings.TrimPrefix(e.name, "share/doc/headstart/licences/example.com/m/"))
	}
	slices.Sort(got)
	if want := []string{"LICENSE", "a/NOTICE", "a/b/LICENSE-MIT"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := a.licencesOf(module{"example.com/m", filepath.Join(dir, "a")}, []string{filepath.Join(dir, "c")}); err == nil || !strings.Contains(err.Error(), "does not lie in") {
		t.Errorf("a package elsewhere: %v", err)
	}
}

func TestIsLicence(t *testing.T) {
	for name, want := range map[string]bool{
		"LICENSE": true, "LICENSE.md": true, "Licence.txt": true, "COPYING": true, "NOTICE": true, "PATENTS": true, "LICENSE-MIT": true, "AUTHORS": true,
		"README.md": false, "licenses_test.go": false, "go.mod": false,
	} {
		if got := isLicence(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLater(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"2.28", "", true}, {"2.34", "2.28", true}, {"2.4", "2.28", false}, {"2.2.5", "2.2", true},
		{"2.2", "2.2.5", false}, {"2.28", "2.28", false}, {"PRIVATE", "", false},
	} {
		if got := later(test.a, test.b); got != test.want {
			t.Errorf("%s after %s: %v", test.a, test.b, got)
		}
	}
}
