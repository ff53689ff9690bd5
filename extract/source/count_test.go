package source

import (
	"bytes"
	"compress/gzip"
	"context"
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
			if n, _ := s.Total(t.Context()); n != want {
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
		if n, _ := s.Total(t.Context()); n != want {
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
	if n, _ := s.Total(t.Context()); n != want {
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
	if again, _ := s.Total(t.Context()); n != want || again != want {
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
			if n, _ := s.Total(t.Context()); n != want {
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
	want := fill(t, root, 2, 2)
	s, err := Open([]string{root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if n, _ := s.Total(over); n != -1 {
		t.Errorf("%d", n)
	}
	if n, exact := s.Total(t.Context()); n != want || !exact {
		t.Errorf("%d (exact: %v) after one that was cancelled", n, exact)
	}
}

// TestTotalReadsNothingTwice tells how many samples tables and lines have,
// plain and compressed, from a file and from a standard input that is one. The
// files are removed once they are open, so that none can be opened again, and
// what is read meanwhile is counted.
func TestTotalReadsNothingTwice(t *testing.T) {
	const samples = 20000
	var table, list bytes.Buffer
	table.WriteString("text,label\n")
	for i := range samples {
		fmt.Fprintf(&table, "\"text, %d\",%d\n", i, i%7)
		fmt.Fprintf(&list, "text %d\n", i)
	}
	packed := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		return out.Bytes()
	}
	for name, content := range map[string][]byte{
		"t.csv": table.Bytes(), "t.csv.gz": packed(table.Bytes()), "l.txt": list.Bytes(), "l.txt.gz": packed(list.Bytes()), "-": list.Bytes(),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, content, 0o666); err != nil {
				t.Fatal(err)
			}
			options, given := &Options{}, path
			if name == "-" {
				in, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer in.Close()
				options, given = &Options{Format: "lines", Stdin: in}, "-"
			}
			s, err := Open([]string{given}, options)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if n, exact := s.Total(t.Context()); n != -1 || exact {
				t.Errorf("before the first sample there are %d (exact: %v)", n, exact)
			}
			for i := range samples {
				if _, err := s.Next(); err != nil {
					t.Fatal(err)
				}
				if i%2500 != 2499 {
					continue
				}
				read := s.parts[0].stream.stored.n
				n, exact := s.Total(t.Context())
				if n < samples*9/10 || n > samples*11/10 || exact && n != samples {
					t.Errorf("after %d of %d samples there are %d (exact: %v)", i+1, samples, n, exact)
				}
				if again := s.parts[0].stream.stored.n; again != read {
					t.Errorf("after %d samples %d bytes are read to count", i+1, again-read)
				}
			}
			if _, err := s.Next(); err != io.EOF {
				t.Fatal(err)
			}
			if n, exact := s.Total(t.Context()); n != samples || !exact {
				t.Errorf("at the end there are %d (exact: %v)", n, exact)
			}
		})
	}
}

// TestTotalOfSeveralParts takes a file that has not been begun to be like those
// before it, adds what is known of folders, and says nothing of a pipe.
func TestTotalOfSeveralParts(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i, n := range []int{1000, 3000, 500} {
		path := filepath.Join(dir, fmt.Sprint(i, ".txt"))
		if err := os.WriteFile(path, []byte(strings.Repeat("a line\n", n)), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	s, err := Open(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 4500 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		if n, exact := s.Total(t.Context()); n != 4500 || exact {
			t.Fatalf("after %d samples there are %d (exact: %v)", i+1, n, exact)
		}
	}
	pipe, err := Open([]string{paths[0], "-"}, &Options{Format: "lines", Stdin: strings.NewReader("a\nb\n")})
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for range 5 {
		if _, err := pipe.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if n, exact := pipe.Total(t.Context()); n != -1 || exact {
		t.Errorf("with a pipe there are %d (exact: %v)", n, exact)
	}
}
