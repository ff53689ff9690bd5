//go:build cgo && !windows

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models/library"
)

// AskedFor is the place of a file that Find was asked for.
const AskedFor = "asked for"

// Location is where a library that fits was found.
type Location struct {
	Path    string
	Version string
	Place   string    // why this file: AskedFor, "HEADSTART_RUNTIME", "beside the program", "installed", "system" …
	Tried   []Attempt // what was looked at before, in order, and did not do
}

// Attempt is one place that was looked at.
type Attempt struct {
	Place   string
	Path    string
	Version string // "" if not known
	Err     error  // ErrNotFound, ErrTooOld, ErrNotLibrary by errors.Is
}

// LibraryError says that no library that fits was found, where it was looked
// for, and what to do.
type LibraryError struct {
	Explicit bool // one file was asked for, which is the only one in Tried
	Tried    []Attempt
}

// Error returns three lines at most: what is wrong, and the commands that
// install a library that fits.
func (e *LibraryError) Error() string {
	var b strings.Builder
	b.WriteString("runtime: ")
	if e.Explicit && len(e.Tried) == 1 {
		t := e.Tried[0]
		b.WriteString(t.Path)
		if t.Place != "" {
			fmt.Fprintf(&b, " (%s)", t.Place)
		}
		fmt.Fprintf(&b, ": %v", t.Err)
	} else {
		fmt.Fprintf(&b, "no ONNX Runtime library, version %s or newer, was found; looked at ", Minimum)
		for i, t := range e.Tried {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s (%v)", t.Path, t.Err)
		}
	}
	b.WriteString("\nto install one: " + strings.Join(Install(), "\nor: "))
	return b.String()
}

// Unwrap returns the errors of the places tried.
func (e *LibraryError) Unwrap() []error {
	errs := make([]error, len(e.Tried))
	for i, t := range e.Tried {
		errs[i] = t.Err
	}
	return errs
}

// Install returns the commands, each a line, of which any one installs a
// library that fits on this machine.
func Install() []string {
	if !library.Published() {
		return []string{"brew install onnxruntime && export HEADSTART_RUNTIME=$(brew --prefix onnxruntime)/lib/" + library.Name()}
	}
	return []string{"headstart runtime install"}
}

// Find looks for a library that fits. A file that is asked for, by explicit
// ("" if none is), by HEADSTART_RUNTIME or by
// ONNXRUNTIME_SHARED_LIBRARY_PATH, in this order, is the only one looked at.
// Otherwise lib and ../lib relative to the program, the user's folder into
// which library.Install puts one, and the system's places are, and the first
// library that fits is taken. The error is a *LibraryError.
func Find(explicit string) (*Location, error) {
	s := search{explicit: explicit, getenv: os.Getenv, system: systemPlaces()}
	if program, err := os.Executable(); err == nil {
		if s.program, err = filepath.EvalSymlinks(program); err != nil {
			s.program = "" // the places beside it are not looked at
		}
	}
	if folder, err := library.Folder(); err == nil {
		s.installed = folder
	}
	return s.find()
}

// systemPlaces are the places where package managers put libraries. A name
// without a slash is searched for by the system's loader.
func systemPlaces() []string {
	name := library.Name()
	if goruntime.GOOS == "darwin" {
		return []string{"/opt/homebrew/lib/" + name, "/usr/local/lib/" + name}
	}
	return []string{"libonnxruntime.so.1", name, "/usr/local/lib/" + name}
}

// search is where Find looks.
type search struct {
	explicit  string
	getenv    func(string) string
	program   string // its file; "": it is not known
	installed string // the user's folder; "": there is none
	system    []string
}

func (s *search) find() (*Location, error) {
	for _, asked := range []Attempt{
		{Place: AskedFor, Path: s.explicit},
		{Place: "HEADSTART_RUNTIME", Path: s.getenv("HEADSTART_RUNTIME")},
		{Place: "ONNXRUNTIME_SHARED_LIBRARY_PATH", Path: s.getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH")},
	} {
		if asked.Path == "" {
			continue
		}
		if p := try(&asked); p != nil {
			return p, nil
		}
		return nil, &LibraryError{Explicit: true, Tried: []Attempt{asked}}
	}
	var tried []Attempt
	if s.program != "" {
		dir := filepath.Dir(s.program)
		for _, lib := range []string{filepath.Join(dir, "lib"), filepath.Join(dir, "..", "lib")} {
			tried = append(tried, Attempt{Place: "beside the program", Path: filepath.Join(lib, library.Name())})
		}
	}
	if s.installed != "" {
		tried = append(tried, Attempt{Place: "installed", Path: filepath.Join(s.installed, library.Name())})
	}
	for _, path := range s.system {
		tried = append(tried, Attempt{Place: "system", Path: path})
	}
	for i := range tried {
		if p := try(&tried[i]); p != nil {
			p.Tried = slices.Clip(tried[:i])
			return p, nil
		}
	}
	return nil, &LibraryError{Tried: tried}
}

// try loads the library at a.Path and returns its location, or nil if it does
// not fit; a then says why.
func try(a *Attempt) *Location {
	path := a.Path
	if strings.Contains(path, "/") || a.Place != "system" {
		abs, err := filepath.Abs(path)
		if err != nil {
			a.Err = err
			return nil
		}
		path, err = filepath.EvalSymlinks(abs)
		if errors.Is(err, os.ErrNotExist) {
			a.Err = ErrNotFound
			return nil
		} else if err != nil {
			a.Err = err
			return nil
		}
	}
	p := load(path)
	a.Version, a.Err = p.version, p.err
	if p.err == nil {
		return &Location{Path: p.path, Version: p.version, Place: a.Place}
	}
	if !strings.Contains(path, "/") && p.version == "" {
		a.Err = ErrNotFound // the loader knows no library of this name
	}
	return nil
}
