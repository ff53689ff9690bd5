package features_test

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever a file holds, reading it ends without a panic and without much
// memory, and what is read is a set.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.features")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range append(files, write(f, small(f))) {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		bounded(t, "the input", func() { readAll(t, content) })
	})
}
