package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// In whatever order and from however many goroutines files are asked about, the
// answer is the file system's, and what leads out of the folder is none.
func TestInfo(t *testing.T) {
	files := map[string]string{
		"cat/inside.png":  "-> ../dog/3.png",
		"cat/outside.png": "-> /etc/passwd",
		"cat/dots.png":    "-> ../../outside.png",
		"cat/gone.png":    "-> nothing.png",
		"cat/up/":         "",
		"top.png":         "top",
	}
	for i := range 40 {
		for _, folder := range []string{"cat", "dog", "a/b/c/deep"} {
			files[fmt.Sprintf("%s/%d.png", folder, i)] = strings.Repeat("x", i)
		}
	}
	root := tree(t, files)
	if err := os.WriteFile(filepath.Join(root, "../outside.png"), []byte("outside"), 0o666); err != nil {
		t.Fatal(err)
	}
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(s *source.Sample) {
		path, info, err := s.Info()
		switch name := filepath.Base(s.ID); name {
		case "outside.png", "dots.png", "gone.png":
			if err == nil {
				t.Errorf("%s: no error", s.ID)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			return
		}
		want, err := os.Stat(filepath.Join(root, s.ID))
		if err != nil || !os.SameFile(info, want) || info.Size() != want.Size() || path != filepath.Join(root, s.ID) {
			t.Errorf("%s: another file's, %s", s.ID, path)
		}
		if content, own, err := s.ReadInfo(1 << 10); err != nil || !os.SameFile(own, want) || int64(len(content)) != want.Size() {
			t.Errorf("%s: read another file: %v", s.ID, err)
		}
	}
	for _, step := range []int{1, 7, 41, len(samples) - 1} {
		var workers sync.WaitGroup
		for start := range 4 {
			workers.Go(func() {
				for i := range samples {
					ask(samples[(start+i*step)%len(samples)])
				}
			})
		}
		workers.Wait()
	}
	if len(samples) != 3*40+5 {
		t.Errorf("%d samples", len(samples))
	}
}

// A folder that takes another's place between Info and ReadInfo: what is read
// is told with its own file's times, not with the earlier one's.
func TestReadInfoIsOfTheFileThatIsRead(t *testing.T) {
	root := tree(t, map[string]string{"cat/1.png": "one", "cat/2.png": "two", "cat/3.png": "old", "new/3.png": "new"})
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples[:3] {
		if _, _, err := s.Info(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(root, "cat"), filepath.Join(root, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "new"), filepath.Join(root, "cat")); err != nil {
		t.Fatal(err)
	}
	content, info, err := samples[2].ReadInfo(1 << 10)
	if err != nil || string(content) != "new" {
		t.Fatalf("read %q: %v", content, err)
	}
	if want, err := os.Stat(filepath.Join(root, "cat/3.png")); err != nil || !os.SameFile(info, want) {
		t.Errorf("the info is another file's: %v", err)
	}
}

// Files of a folder leave no more than a few descriptors open, and Close
// leaves none.
func TestInfoKeepsFewFoldersOpen(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Skip("there is no /dev/fd here")
		}
		return len(entries)
	}
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("%03d/%d.png", i/3, i%3)] = "x"
	}
	root := tree(t, files)
	before := open()
	src, err := source.Open([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		s, err := src.Next()
		if err != nil {
			break
		}
		if _, _, err := s.Info(); err != nil {
			t.Fatal(err)
		}
		if n := open() - before; n > 4 {
			t.Fatalf("%s: %d more descriptors are open", s.ID, n)
		}
	}
	src.Close()
	if n := open() - before; n > 0 {
		t.Errorf("after Close %d more descriptors are open", n)
	}
}
