package transfer

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/study"
)

// A program says which version of this module is in it, as far as it was noted.
func TestProgram(t *testing.T) {
	own := debug.Module{Path: module, Version: "v1.2.3"}
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3, notes 2":                  {Main: own},
		"v1.2.3, notes  2":                 {Main: debug.Module{Path: "example.org/x", Version: "v7.0.0"}, Deps: []*debug.Module{{Path: "example.org/y", Version: "v3.0.0"}, &own}},
		"../own , notes 2":                 {Deps: []*debug.Module{{Path: module, Version: "v1.2.3", Replace: &debug.Module{Path: "../own"}}}},
		"development version, notes 2":     {Main: debug.Module{Path: module, Version: "(devel)"}},
		"development version abc, notes 2": {Main: debug.Module{Path: module}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}},
		"development version, notes  2":    {},
	} {
		if got := programOf(&info); got != strings.ReplaceAll(want, "  ", " ") {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

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
	if b.Unused() != nil {
		t.Errorf("not used: %+v", b.Unused())
	}
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
	if u := b.Unused(); u == nil || u.Notes != 1 || u.Program != u.This {
		t.Errorf("it says of them %+v", u)
	}
	closed(b)
	keep()
	b, err := openNotebook(path, "mine", "v9.9.9, notes 9")
	if err != nil {
		t.Fatal(err)
	}
	if u := b.Unused(); b.Resumed() != 0 || u == nil || u.Notes != 1 || u.Program != thisProgram() || u.This != "v9.9.9, notes 9" {
		t.Errorf("the notes of another version: %d are read, and it says %+v", b.Resumed(), u)
	}
	closed(b)
	keep()
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
