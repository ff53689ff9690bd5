package transfer

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/headstart-ml/headstart/head/study"
)

// Notes are read by a study of the same data and settings alone. A file that is
// torn, of another study or no notebook is an empty one, and none is left where
// nothing was learnt.
func TestNotebook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.notes")
	note := &study.Note{Right: []byte{5}, Loss: []float32{0.25, 3, 1e-7}}
	note.Test[0] = [2]float64{1. / 3, 0.1}
	open := func(fingerprint string) *Notebook {
		t.Helper()
		b, err := OpenNotebook(path, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	closed := func(b *Notebook) {
		t.Helper()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	there := func() bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	keep := func() []byte {
		t.Helper()
		b := open("mine")
		if err := b.Keep("a", note); err != nil {
			t.Fatal(err)
		}
		closed(b)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}

	closed(open("mine"))
	if there() {
		t.Error("a file without notes is left behind")
	}
	text := keep()
	b := open("mine")
	if got := b.Recall("a"); b.Resumed() != 1 || !reflect.DeepEqual(got, note) {
		t.Errorf("%d notes: %+v, want %+v", b.Resumed(), got, note)
	}
	closed(b)
	if !there() {
		t.Error("notes are removed")
	}
	if b = open("another"); b.Resumed() != 0 || b.Recall("a") != nil {
		t.Error("the notes of another study are read")
	}
	closed(b)
	for cut := range text {
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if b = open("mine"); b.Resumed() != 0 || b.Recall("a") != nil {
			t.Fatalf("of a file that ends after %d bytes there are notes", cut)
		}
	}
	closed(b)
	keep()
	if b = open("mine"); b.Resumed() != 1 {
		t.Error("what is kept after a torn file is not read")
	}
	if err := b.Remove(); err != nil || there() {
		t.Errorf("the file of a study that is done: %v", err)
	}
}
