package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// TestKnownSamplesAreNotCounted checks that the source of a feature set is not
// read once more for the time that is left.
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
	if n := new(sampling).total(src)(t.Context()); n != 3 {
		t.Errorf("%d samples are counted", n)
	}
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	if n := (&sampling{samples: 3}).total(src)(t.Context()); n != 3 {
		t.Errorf("%d samples, where 3 are known", n)
	}
}
