package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/library"
)

// runtime install takes the library from an address, refuses what it does not
// know, and puts it where runtime show finds it without a flag.
func TestRuntimeInstall(t *testing.T) {
	onnx, err := filepath.Abs(testRuntime(t))
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	placeRuntimes(t, onnx)
	t.Setenv("HEADSTART_RUNTIME", "")
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	dir, err := library.Folder()
	if err != nil {
		t.Fatal(err)
	}
	wheel := p.read("onnxruntime.whl")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/onnxruntime.whl":
			w.Write(wheel)
		case "/other.whl": // a bit of the library is another one
			other := append([]byte(nil), wheel...)
			other[len(other)/2] ^= 1
			w.Write(other)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()

	for _, c := range []struct {
		line string
		says []string
	}{
		{"runtime install --from " + server.URL + "/nothing.whl", []string{"/nothing.whl", "404"}},
		{"runtime install --from " + server.URL + "/other.whl", []string{"other.whl is damaged", "checksum", "nothing was installed; get it again"}},
		{"runtime install --from nothing.whl", []string{"nothing.whl", "no such file"}},
		{"runtime install --from example.org/onnxruntime.whl", []string{"no such file", "an address begins with https://"}},
		{"runtime install --from=", []string{"--from has no value"}},
		{"runtime install --dir= --from onnxruntime.whl", []string{"--dir has no value"}},
		{"runtime install --sha256 00", []string{"--from"}},
	} {
		code, _, stderr := p.try(t, c.line)
		if code == exitDone {
			t.Errorf("%s: done", c.line)
		}
		for _, want := range c.says {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q does not say %q", c.line, stderr, want)
			}
		}
		if found, _ := filepath.Glob(filepath.Join(dir, "libonnxruntime*")); len(found) > 0 {
			t.Fatalf("%s left %v", c.line, found)
		}
	}

	o := p.one(t, "runtime install --from "+server.URL+"/onnxruntime.whl")
	if o["already"] != false || o["official"] != true || filepath.Dir(o["path"].(string)) != dir {
		t.Errorf("installed: %v", o)
	}
	if o := p.one(t, "runtime install"); o["already"] != true {
		t.Errorf("installed again: %v", o)
	}
	if info, err := os.Stat(filepath.Join(dir, filepath.Base(o["path"].(string)))); err != nil || info.Size() < 1<<20 {
		t.Errorf("what is installed: %v, %v", info, err)
	}
	if shown := p.one(t, "runtime show"); shown["path"] != o["path"] {
		t.Errorf("runtime show: %v, want %v", shown, o["path"])
	}
}
