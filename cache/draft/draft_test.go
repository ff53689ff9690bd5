package draft

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

// in returns the names in a folder.
func in(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

// holds tells whether a file has that content.
func holds(t *testing.T, path, content string) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) == content
}

// faults lets operations fail with errno: all those of a name, "" for none. It
// returns the list of those that were begun.
func faults(t *testing.T, name string, errno syscall.Errno) *[]string {
	t.Helper()
	var begun []string
	fault = func(operation string) error {
		begun = append(begun, operation)
		if operation == name {
			return errno
		}
		return nil
	}
	t.Cleanup(func() { fault = func(string) error { return nil } })
	return &begun
}

// The content is on the disk before it has its name, the lock is held until
// then, and the name is on the disk afterwards.
func TestOrderOfOperations(t *testing.T) {
	begun := faults(t, "", 0)
	path := filepath.Join(t.TempDir(), "x")
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"create", "lock", "sync", "rename", "close", "sync folder"}; !slices.Equal(*begun, want) {
		t.Errorf("%q, not %q", *begun, want)
	}
	*begun = nil
	f, err := CreateFolder(filepath.Join(filepath.Dir(path), "f"))
	if err == nil {
		err = f.Place()
	}
	if want := []string{"create", "lock", "sync", "rename", "close", "sync folder"}; err != nil || !slices.Equal(*begun, want) {
		t.Errorf("%q, not %q; %v", *begun, want, err)
	}
}

// Whatever fails, the place holds the old content or the new one, the caller
// hears of it, and nothing else is left.
func TestEachOperationFails(t *testing.T) {
	for operation, placed := range map[string]bool{"create": false, "sync": false, "rename": false, "close": true, "sync folder": true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "x")
		put(t, path, "old")
		faults(t, operation, syscall.EIO)
		err := Write(path, bytes.Repeat([]byte("new"), 1<<20))
		if !errors.Is(err, syscall.EIO) || strings.Contains(err.Error(), ".x.") {
			t.Errorf("%s: %v", operation, err)
		}
		if holds(t, path, "old") == placed {
			t.Errorf("%s: the new content is in its place: %v", operation, !placed)
		}
		if names := in(t, dir); !slices.Equal(names, []string{"x"}) {
			t.Errorf("%s: %q", operation, names)
		}
		path = filepath.Join(dir, "folder")
		f, err := CreateFolder(path)
		if err == nil {
			put(t, filepath.Join(f.Name(), "a"), "new")
			err = f.Place()
			if e := f.Discard(); e != nil {
				t.Error(e)
			}
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("folder, %s: %v", operation, err)
		}
		if names := in(t, dir); (len(names) == 2) != placed || placed && !holds(t, filepath.Join(path, "a"), "new") {
			t.Errorf("folder, %s: %q", operation, names)
		}
	}
}

// A file system that cannot lock, or sync folders, takes files all the same;
// where nobody can tell whose a draft is, none is removed.
func TestFileSystemsThatCanLess(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOTSUP, syscall.EINVAL} {
		dir := t.TempDir()
		put(t, filepath.Join(dir, ".x.abcdefgh.tmp"), "somebody's, perhaps")
		for _, operation := range []string{"lock", "sync folder"} {
			faults(t, operation, errno)
			if err := Write(filepath.Join(dir, "x"), []byte(operation)); err != nil || !holds(t, filepath.Join(dir, "x"), operation) {
				t.Errorf("%s, %v: %v", operation, errno, err)
			}
			if names := in(t, dir); (len(names) == 2) != (operation == "lock") {
				t.Errorf("%s, %v: %q", operation, errno, names)
			}
		}
	}
}

// Modes are 0666 and 0777 less the umask, as if the file had been made where
// it is.
func TestUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "old")
	if err := Write(filepath.Join(dir, "file"), nil); err != nil {
		t.Fatal(err)
	}
	f, err := CreateFolder(filepath.Join(dir, "folder"))
	if err == nil {
		err = f.Place()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"file": 0o640, "folder": 0o750} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestWriterIsKilled starts itself: the child leaves drafts and dies.
func TestWriterIsKilled(t *testing.T) {
	if dir := os.Getenv("DRAFT_DIR"); dir != "" {
		f, err := Create(filepath.Join(dir, "x"))
		if err == nil {
			_, err = f.Write(make([]byte, 2<<20))
		}
		if err == nil {
			_, err = CreateFolder(filepath.Join(dir, "f"))
		}
		if err != nil {
			t.Fatal(err)
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestWriterIsKilled$")
	child.Env = append(os.Environ(), "DRAFT_DIR="+dir)
	said, err := child.CombinedOutput()
	if status, _ := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("%v: %s", err, said)
	}
	if names := in(t, dir); len(names) != 2 {
		t.Fatalf("the child left %q", names)
	}
	// Of others, and of no draft for x.
	kept := []string{".x.abcdefgh", ".x.abcdefg.tmp", ".x.abcdefg1.tmp", ".x.features.abcdefgh.tmp", "x.abcdefgh.tmp"}
	for _, name := range kept {
		put(t, filepath.Join(dir, name), "")
	}
	held, err := Create(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := CreateFolder(filepath.Join(dir, "f")); err != nil || f.Discard() != nil {
		t.Fatal(err)
	}
	kept = append(kept, filepath.Base(held.file.Name()))
	slices.Sort(kept)
	if err := Sweep(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	if names := in(t, dir); !slices.Equal(names, kept) {
		t.Errorf("there are %q, not %q", names, kept)
	}
	if err := held.Place(); err != nil {
		t.Error(err)
	}
	if err := Sweep(filepath.Join(dir, "gone", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Writers of one place do not disturb each other: the last one stays, whole.
func TestWritersAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				if err := Write(path, bytes.Repeat([]byte{byte('a' + i)}, 4096)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 4096 || !bytes.Equal(b, bytes.Repeat(b[:1], 4096)) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if names := in(t, dir); !slices.Equal(names, []string{"x"}) {
		t.Errorf("left: %q", names)
	}
}

// irregular makes one of each kind of file that is not regular.
func irregular(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // a socket's name is short
	l, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Symlink("fifo", at("link")); err != nil {
		t.Fatal(err)
	}
	return map[string]string{at("fifo"): "a FIFO", at("socket"): "a socket", at("link"): "a FIFO", dir: "a directory", "/dev/null": "a device"}
}

// within fails the test if do waits for ever.
func within(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits")
	}
}

// What is no regular file is neither opened, which could take for ever, nor
// replaced.
func TestIrregularFiles(t *testing.T) {
	all := irregular(t)
	within(t, func() {
		for path, kind := range all {
			for name, err := range map[string]error{
				"OpenRegular": second(OpenRegular(path)), "ReadRegular": second(ReadRegular(path)),
			} {
				var e *fs.PathError
				if !errors.Is(err, ErrIrregular) || !errors.As(err, &e) || e.Path != path || !strings.Contains(err.Error(), kind) {
					t.Errorf("%s(%s): %v", name, path, err)
				}
			}
			if err := Write(filepath.Join(path, "x"), nil); kind != "a directory" && !errors.Is(err, syscall.ENOTDIR) {
				t.Errorf("Write in %s: %v", path, err)
			}
			if err := Write(path, nil); err == nil || !strings.Contains(err.Error(), kind) {
				t.Errorf("Write(%s): %v", path, err)
			}
			if kind == "a directory" {
				continue
			}
			if f, err := CreateFolder(path); err == nil || !strings.Contains(err.Error(), kind) {
				t.Errorf("CreateFolder(%s): %v, %v", path, f, err)
			}
		}
		if _, err := OpenRegular(filepath.Join(t.TempDir(), "x")); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
}

// What is no folder is not opened as one.
func TestIrregularFolders(t *testing.T) {
	all := irregular(t)
	within(t, func() {
		for path, kind := range all {
			_, root := OpenRoot(path)
			_, read := ReadDir(path)
			for name, err := range map[string]error{"OpenRoot": root, "ReadDir": read} {
				if e, ok := errors.AsType[*fs.PathError](err); (kind == "a directory") != (err == nil) || err != nil && (!ok || e.Err != syscall.ENOTDIR || e.Path != path) {
					t.Errorf("%s(%s): %v", name, path, err)
				}
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestReadRegular(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	for _, n := range []int{0, 1, 511, 512, 513, 100_000} {
		put(t, path, strings.Repeat("x", n))
		if b, err := ReadRegular(path); err != nil || string(b) != strings.Repeat("x", n) {
			t.Errorf("%d bytes: %d, %v", n, len(b), err)
		}
	}
	// Its size is said to be 0.
	if _, err := os.Stat("/proc/self/status"); err == nil {
		if b, err := ReadRegular("/proc/self/status"); err != nil || len(b) < 100 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
}

// The folder is as os.DirFS has it, but for what is no regular file.
func TestFS(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "A")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "sub", "b"), "B")
	if err := fstest.TestFS(FS(dir), "a", "sub/b"); err != nil {
		t.Error(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	var err error
	within(t, func() { _, err = FS(dir).Open("fifo") })
	if e, ok := errors.AsType[*fs.PathError](err); !ok || e.Path != "fifo" || !errors.Is(err, ErrIrregular) {
		t.Error(err)
	}
}

func TestNoName(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"", ".", "..", "/", "x/", "a/.."} {
		if err := Write(path, nil); err == nil {
			t.Errorf("%q is written", path)
		}
	}
	err := Write(filepath.Join("nowhere", "x"), nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "in the folder nowhere: ") {
		t.Error(err)
	}
	if err := Write("x", nil); err != nil || !reflect.DeepEqual(in(t, "."), []string{"x"}) {
		t.Errorf("without a folder: %v", err)
	}
}

func TestDate(t *testing.T) {
	for epoch, want := range map[string]string{
		"0": "1970-01-01T00:00:00Z", "1580702706": "2020-02-03T04:05:06Z", "253402300799": "9999-12-31T23:59:59Z",
		"-1": "", "253402300800": "", "yesterday": "", "1e9": "",
	} {
		t.Setenv("SOURCE_DATE_EPOCH", epoch)
		got, err := Date()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", epoch, got, err)
		}
	}
}
