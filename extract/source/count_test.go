package source

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fill makes a tree of files, width folders in each folder, depth deep, with as
// many files, and returns their number.
func fill(t *testing.T, dir string, width, depth int) int {
	t.Helper()
	n := 0
	for i := range width {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".png")), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		n++
		if depth > 0 {
			below := filepath.Join(dir, fmt.Sprint("d", i))
			if err := os.Mkdir(below, 0o777); err != nil {
				t.Fatal(err)
			}
			n += fill(t, below, width, depth-1)
		}
	}
	return n
}

// Whenever the samples of a folder are counted, their number is the same, next
// gives the same samples, and what was counted before need not be listed again.
func TestCountOfAFolder(t *testing.T) {
	root := t.TempDir()
	want := fill(t, root, 3, 3)
	for _, before := range []int{0, 1, 5, want / 2, want} {
		s, err := Open([]string{root}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		seen := map[string]bool{}
		read := func(n int) {
			for range n {
				sample, err := s.Next()
				if err != nil {
					t.Fatal(err)
				}
				seen[sample.ID] = true
			}
		}
		read(before)
		for range 2 {
			if n := s.Len(t.Context()); n != want {
				t.Errorf("after %d samples: %d of %d are counted", before, n, want)
			}
		}
		// Nothing can be listed any more: it was, and is not listed again.
		if err := s.parts[0].reader.(*folder).dir.root.Close(); err != nil {
			t.Fatal(err)
		}
		read(want - before)
		if _, err := s.Next(); err != io.EOF || len(seen) != want {
			t.Errorf("after %d samples: %d different ones, then %v", before, len(seen), err)
		}
		if n := s.Len(t.Context()); n != want {
			t.Errorf("at the end %d of %d are counted", n, want)
		}
	}
}

// Of very many names only the folders' are kept; the number is the same.
func TestCountOfAFolderThatIsNotKept(t *testing.T) {
	root := t.TempDir()
	want := fill(t, root, 3, 3)
	s, err := Open([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := s.parts[0].reader.(*folder)
	f.names = mostKept
	if n := s.Len(t.Context()); n != want {
		t.Errorf("%d of %d are counted", n, want)
	}
	for path, l := range f.kept {
		for _, e := range l.entries {
			if !e.isFolder() {
				t.Errorf("%s: the name of a file is kept, %s", path, e.name)
			}
		}
	}
	n := 0
	for {
		if _, err := s.Next(); err != nil {
			break
		}
		n++
	}
	if again := s.Len(t.Context()); n != want || again != want {
		t.Errorf("%d samples, %d counted again, of %d", n, again, want)
	}
}

func TestCountBesideNext(t *testing.T) {
	root := t.TempDir()
	want := fill(t, root, 3, 4)
	s, err := Open([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var beside sync.WaitGroup
	for range 3 {
		beside.Go(func() {
			if n := s.Len(t.Context()); n != want {
				t.Errorf("%d of %d are counted", n, want)
			}
		})
	}
	n := 0
	for {
		if _, err := s.Next(); err != nil {
			break
		}
		n++
	}
	beside.Wait()
	if n != want {
		t.Errorf("%d of %d samples", n, want)
	}
}

func TestCountEndsWithItsContext(t *testing.T) {
	root := t.TempDir()
	fill(t, root, 2, 2)
	table := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(table, []byte("image\n1.png\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{root, table} {
		s, err := Open([]string{path}, &Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if n := s.Len(over); n != -1 {
			t.Errorf("%s: %d", path, n)
		}
		if n := s.Len(t.Context()); n < 1 {
			t.Errorf("%s: %d after one that was cancelled", path, n)
		}
	}
}

// The records that are counted without parsing are those that encoding/csv
// reads, and lines are those that are read.
func FuzzCount(f *testing.F) {
	f.Add("text,label\na,b\n\n\"c\r\n\",d\r\n\r\n\"\"\"\n\"", 16)
	f.Add("\n\na", 16)
	f.Add("a\r", 16)
	f.Add(strings.Repeat("x,\"y\n\"\n", 100), 16)
	f.Fuzz(func(t *testing.T, content string, buffer int) {
		in := func() *bufio.Reader { return bufio.NewReaderSize(strings.NewReader(content), 16+buffer&63) }
		l := &lines{in: &stream{Reader: bufio.NewReader(strings.NewReader(content))}}
		want := 0
		for {
			if _, _, err := l.read(); err != nil {
				break
			}
			want++
		}
		if n, err := countLines(in()); err != nil || n != want {
			t.Fatalf("%d lines, %v, want %d", n, err, want)
		}
		r := csv.NewReader(bytes.NewReader([]byte(content)))
		r.FieldsPerRecord = -1
		records, err := r.ReadAll()
		if err != nil {
			return
		}
		if n, err := countRecords(in()); err != nil || n != len(records) {
			t.Fatalf("%d records, %v, want %d", n, err, len(records))
		}
	})
}
