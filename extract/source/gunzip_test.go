package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gzipOf compresses content as one member.
func gzipOf(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// Members one after the other are one text; what else follows, or is missing,
// is an error after what was read.
func TestGunzip(t *testing.T) {
	two := append(gzipOf([]byte("text\na\nb\n")), gzipOf([]byte("c\n"))...)
	damaged := bytes.Clone(two)
	damaged[len(damaged)-5] ^= 1 // of the length that the last member says
	for _, c := range []struct {
		content []byte
		texts   int
		says    string
	}{
		{two, 3, ""},
		{append(bytes.Clone(two), make([]byte, 1000)...), 3, ""},
		{append(bytes.Clone(two), "garbage"...), 3, "something that is no gzip data follows its gzip data (after 11 bytes"},
		{append(bytes.Clone(two), "\x00\x00garbage"...), 3, "something that is no gzip data"},
		{two[:len(two)-9], 3, "cut short after 11 bytes"},
		{damaged, 3, "damaged"},
		{append(bytes.Clone(two), two[:5]...), 3, "cut short"},
	} {
		path := filepath.Join(t.TempDir(), "t.csv.gz")
		if err := os.WriteFile(path, c.content, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := Open([]string{path}, nil)
		if err != nil {
			t.Errorf("%q: %v", c.says, err)
			continue
		}
		defer s.Close()
		n := 0
		for ; err == nil; n++ {
			_, err = s.Next()
		}
		if n-1 != c.texts && n-1 != c.texts-1 || (err == io.EOF) != (c.says == "") || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %d texts, then %v", c.says, n-1, err)
		}
	}
}

// A gzip bomb ends early, and what is large but no bomb does not.
func TestGzipBomb(t *testing.T) {
	zeros := gzipOf(make([]byte, 16<<20))
	stored := &counter{Reader: bytes.NewReader(bytes.Repeat(zeros, 64))}
	z, err := newGunzip(bufio.NewReader(stored), stored)
	if err != nil {
		t.Fatal(err)
	}
	z.least = 64 << 20
	n, err := io.Copy(io.Discard, z)
	if err == nil || !strings.Contains(err.Error(), "expands more than 500 times, to more than 64 MiB") || n > 65<<20 {
		t.Errorf("%d MiB, then %v", n>>20, err)
	}
	var lines bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&lines, "text number %d\n", i)
	}
	stored = &counter{Reader: bytes.NewReader(gzipOf(lines.Bytes()))}
	if z, err = newGunzip(bufio.NewReader(stored), stored); err != nil {
		t.Fatal(err)
	}
	z.least = 1 << 10
	if n, err := io.Copy(io.Discard, z); err != nil || n != int64(lines.Len()) {
		t.Errorf("%d bytes of %d: %v", n, lines.Len(), err)
	}
}
