package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// TestKnownSamplesAreNotCounted checks that the number of a feature set's
// samples is known before its source has been read, and the source's is not.
func TestKnownSamplesAreNotCounted(t *testing.T) {
	table := filepath.Join(t.TempDir(), "texts.txt")
	if err := os.WriteFile(table, []byte("a\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open([]string{table}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if n := new(sampling).total(src)(t.Context()); n != (total{-1, false}) {
		t.Errorf("%v before the first is read", n)
	}
	if n := (&sampling{samples: 3}).total(src)(t.Context()); n != (total{3, true}) {
		t.Errorf("%v, where 3 are known", n)
	}
}
