//go:build cgo && !windows

package runtime

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// Info says which library serves: the provenance of what it computes.
type Info struct {
	Path    string `json:"path"`
	Version string `json:"version"` // such as "1.32.0"
}

// Library is ONNX Runtime, loaded. A process has one: Open of the same file
// gives another hold on it, Open of a different file is an error as long as a
// library or a session is open.
type Library struct {
	mu     sync.Mutex
	closed bool
	info   Info
}

// loaded is the process's one environment. refs counts the libraries and
// sessions that are open.
var loaded struct {
	sync.Mutex
	refs int
	info Info
}

// Open loads the library at path, which is a file such as Find gives. A file
// that is no ONNX Runtime or one that is too old is a *LibraryError.
func Open(path string) (*Library, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("runtime: %s: %w", path, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.refs > 0 {
		if loaded.info.Path != abs {
			return nil, fmt.Errorf("runtime: %s: a process can hold one library, and %s is open", path, loaded.info.Path)
		}
		loaded.refs++
		return &Library{info: loaded.info}, nil
	}
	p := load(abs)
	if p.err != nil {
		return nil, &LibraryError{Explicit: true, Tried: []Attempt{{Path: path, Version: p.version, Err: p.err}}}
	}
	ort.SetSharedLibraryPath(abs)
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, &LibraryError{Explicit: true, Tried: []Attempt{{Path: path, Version: p.version, Err: plain(err)}}}
	}
	loaded.refs = 1
	loaded.info = Info{Path: abs, Version: p.version}
	return &Library{info: loaded.info}, nil
}

// Info returns which library this is.
func (l *Library) Info() Info { return l.info }

// Close lets go of the library. Sessions that are open stay usable and hold
// it until they are closed. A second Close does nothing.
func (l *Library) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return release()
}

// retain takes another hold for a session of l.
func (l *Library) retain() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("%w: library %s", ErrClosed, l.info.Path)
	}
	loaded.Lock()
	loaded.refs++
	loaded.Unlock()
	return nil
}

// release gives one hold back; the last one ends the environment.
func release() error {
	loaded.Lock()
	defer loaded.Unlock()
	loaded.refs--
	if loaded.refs > 0 {
		return nil
	}
	if err := ort.DestroyEnvironment(); err != nil {
		return errors.Join(errors.New("runtime: ending the environment"), plain(err))
	}
	return nil
}
