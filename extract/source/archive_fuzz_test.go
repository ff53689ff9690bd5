package source_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// Whatever a tar file holds, reading ends, samples are bytes of it, and a file
// gives the samples that the same bytes give as a stream.
func FuzzTar(f *testing.F) {
	f.Add(tarOf(f, packedFile{"cat/1.png", "one"}, packedFile{"cat/1.txt", "two"}, packedFile{"dog/2.png", pngHead}))
	f.Add(tarOf(f, packedFile{"1.jpg", "one"}, packedFile{"1.cls", "3"}, packedFile{"1.json", `{"w": [1, "a"], "label": "b"}`}))
	f.Add(tarOf(f, packedFile{"a/b/1.txt", "one"}, packedFile{"a/c/2.txt", "two"}))
	f.Add(gzipped(tarOf(f, packedFile{"../1.png", "one"}, packedFile{"x", ""})))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<20 {
			return
		}
		path := filepath.Join(dir, "stdin.tar")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		one, errOne := read(t, &source.Options{Format: "tar"}, path)
		two, errTwo := read(t, &source.Options{Format: "tar", Stdin: bytes.NewReader(content)}, "-")
		seen := make(map[string]bool)
		// Neither decompressed, nor decoded, nor a value of a JSON member.
		plain := !bytes.HasPrefix(content, []byte("\x1f\x8b")) && !bytes.Contains(content, []byte("\xff\xfe")) && !bytes.Contains(content, []byte("\xfe\xff")) && !bytes.Contains(content, []byte("json"))
		for _, s := range append(one, two...) {
			if b, err := s.Read(source.MaxContent); err == nil && plain && !bytes.Contains(content, b) {
				t.Fatalf("%s: %q is not in the file", s.ID, b)
			}
		}
		for _, s := range one {
			if s.ID == "" || seen[s.ID] {
				t.Fatalf("the id %q is empty or there twice", s.ID)
			}
			seen[s.ID] = true
		}
		if errOne != nil || errTwo != nil {
			return
		}
		if len(one) != len(two) {
			t.Fatalf("%d samples of a file, %d of a stream", len(one), len(two))
		}
		for i := range one {
			if a, b := describe(one[i]), describe(two[i]); a != b {
				t.Fatalf("%q of a file, %q of a stream", a, b)
			}
		}
	})
}

// Whatever a ZIP file holds, reading ends, and a sample has no more bytes than
// deflate can make of the file.
func FuzzZip(f *testing.F) {
	f.Add(zipOf(f, packedFile{"cat/1.png", "one"}, packedFile{"cat/1.txt", "two"}, packedFile{"dog/2.png", pngHead}))
	f.Add(zipOf(f, packedFile{"a/1.txt", "one"}, packedFile{`b\2.txt`, "two"}, packedFile{"../x", ""}))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<20 {
			return
		}
		path := filepath.Join(dir, "x.zip")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		samples, _ := read(t, &source.Options{Format: "zip"}, path)
		seen := make(map[string]bool)
		for _, s := range samples {
			if s.ID == "" || seen[s.ID] {
				t.Fatalf("the id %q is empty or there twice", s.ID)
			}
			seen[s.ID] = true
			if b, err := s.Read(source.MaxContent); err == nil && len(b) > 1032*len(content) {
				t.Fatalf("%s: %d bytes of a file of %d", s.ID, len(b), len(content))
			}
		}
	})
}
