package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// watch counts how often files in folders are opened from now on.
type watch struct {
	t  *testing.T
	fd int
}

func newWatch(t *testing.T, folders ...string) *watch {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	for _, f := range folders {
		if _, err := syscall.InotifyAddWatch(fd, f, syscall.IN_OPEN); err != nil {
			t.Fatal(err)
		}
	}
	return &watch{t, fd}
}

// opened returns the names of the files that were opened since the last call,
// each as often as it was.
func (w *watch) opened() []string {
	w.t.Helper()
	var names []string
	b := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(w.fd, b)
		if errors.Is(err, syscall.EAGAIN) {
			return names
		}
		if err != nil {
			w.t.Fatal(err)
		}
		// inotify(7): int wd, uint32 mask, cookie and len, then the name.
		for e := b[:n]; len(e) > 0; {
			mask, size := binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[12:])
			switch {
			case mask&syscall.IN_Q_OVERFLOW != 0:
				w.t.Fatal("the kernel lost events")
			case mask&syscall.IN_ISDIR == 0:
				names = append(names, string(bytes.TrimRight(e[16:16+size], "\x00")))
			}
			e = e[16+size:]
		}
	}
}

// Where nothing has changed no file is so much as opened; where one has, it
// alone is.
func TestAWarmExtractReadsNoFile(t *testing.T) {
	p := newPlace(t)
	p.photos(8)
	folders, err := filepath.Glob("photos/*")
	if err != nil || len(folders) != 2 {
		t.Fatalf("%d folders: %v", len(folders), err)
	}
	w := newWatch(t, folders...)
	p.one(t, "extract photos").wantNumbers(t, map[string]float64{"computed": 8})
	if got := w.opened(); len(got) != 8 {
		t.Fatalf("a first run over 8 files opened %q", got)
	}
	for range 2 {
		p.one(t, "extract photos").wantNumbers(t, map[string]float64{"cached": 8, "backbone_rows": 0, "check_rows": 0})
		if got := w.opened(); len(got) != 0 {
			t.Errorf("a second run opened %q", got)
		}
	}
	p.do(t, "extract --backbone efficientnet-lite0 --out other.features photos")
	if got := w.opened(); len(got) != 0 {
		t.Errorf("a run into another feature set opened %q", got)
	}

	files, err := filepath.Glob("photos/*/*")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(files[3], 0o600); err != nil {
		t.Fatal(err)
	}
	p.one(t, "extract photos").wantNumbers(t, map[string]float64{"cached": 8, "backbone_rows": 0})
	if got := w.opened(); len(got) != 1 || got[0] != filepath.Base(files[3]) {
		t.Errorf("one file was touched, and the run opened %q", got)
	}

	if err := os.Remove(filepath.Join(os.Getenv("HEADSTART_CACHE"), "stat", "image")); err != nil {
		t.Fatal(err)
	}
	p.one(t, "extract photos").wantNumbers(t, map[string]float64{"cached": 8, "backbone_rows": 0})
	if got := w.opened(); len(got) != 8 {
		t.Errorf("without the stat cache a run opened %q", got)
	}
}
