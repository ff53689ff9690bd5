//go:build cgo && !windows

package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/library"
	"github.com/headstart-ml/headstart/models/tensor"
)

func TestLibraryIsSharedAndCounted(t *testing.T) {
	path := libraryPath(t)
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if a.Info() != b.Info() || !library.Fits(a.Info().Version) || !filepath.IsAbs(a.Info().Path) {
		t.Errorf("%+v, %+v", a.Info(), b.Info())
	}
	s, err := a.NewSession(read(t, "testdata", "add.onnx"), xy)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Close does nothing
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.NewSession(read(t, "testdata", "add.onnx"), xy); !errors.Is(err, ErrClosed) {
		t.Errorf("a session of a closed library: %v", err)
	}
	x, y := []float32{1, 2, 3}, make([]float32, 3)
	in, out := []tensor.View{{Shape: []int64{1, 3}, F32: x}}, []tensor.View{{Shape: []int64{1, 3}, F32: y}}
	if err := s.Run(t.Context(), in, out); err != nil {
		t.Errorf("a session outlives its library: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Run(t.Context(), in, out); !errors.Is(err, ErrClosed) {
		t.Errorf("Run of a closed session: %v", err)
	}
	if loaded.refs != 0 {
		t.Fatalf("%d holds are left", loaded.refs)
	}
	// And from the beginning.
	for range 3 {
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runMiniLM(t.Context(), minilm(t, l), 1); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOneLibraryAProcess(t *testing.T) {
	opened(t)
	other := fake(t, "1.99.0")
	if l, err := Open(other); err == nil {
		l.Close()
		t.Error("two libraries are open")
	}
	// A link to the same file is the same library.
	link := filepath.Join(t.TempDir(), "link.so")
	abs, err := filepath.Abs(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(abs, link); err != nil {
		t.Fatal(err)
	}
	l, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
