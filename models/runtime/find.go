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
)

// Installed is the version that `make runtime` installs.
const Installed = "1.32.0"

// AskedFor is the place of a file that Find was asked for.
const AskedFor = "asked for"

// Location is where a library that fits was found.
type Location struct {
	Path    string
	Version string
	Place   string    // why this file: AskedFor, "HEADSTART_RUNTIME", "beside the program", "system" …
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
// library that fits on this machine. "make runtime" is for headstart's source.
func Install() []string {
	platform := map[string]string{
		"linux/amd64":  "manylinux_2_28_x86_64",
		"linux/arm64":  "manylinux_2_28_aarch64",
		"darwin/arm64": "macosx_14_0_arm64",
	}[goruntime.GOOS+"/"+goruntime.GOARCH]
	if platform == "" {
		// No wheel of ONNX Runtime since 1.23 is for Macs with an Intel CPU.
		return []string{"brew install onnxruntime && export HEADSTART_RUNTIME=$(brew --prefix onnxruntime)/lib/" + libraryName}
	}
	file := versionedName(Installed)
	return []string{
		"make runtime (in headstart's source)",
		"pip download --no-deps --only-binary=:all: --python-version 3.12 --platform " + platform + " onnxruntime==" + Installed +
			" && unzip -j onnxruntime-" + Installed + "-*.whl onnxruntime/capi/" + file +
			" && export HEADSTART_RUNTIME=$PWD/" + file,
	}
}

// libraryName is the file that is looked for in folders.
var libraryName = map[string]string{"linux": "libonnxruntime.so", "darwin": "libonnxruntime.dylib"}[goruntime.GOOS]

func versionedName(version string) string {
	if goruntime.GOOS == "darwin" {
		return "libonnxruntime." + version + ".dylib"
	}
	return "libonnxruntime.so." + version
}

// Find looks for a library that fits. A file that is asked for, by explicit
// ("" if none is), by HEADSTART_RUNTIME or by
// ONNXRUNTIME_SHARED_LIBRARY_PATH, in this order, is the only one looked at.
// Otherwise lib and ../lib relative to the program and the system's places
// are, and the first library that fits is taken. The error is a
// *LibraryError.
func Find(explicit string) (*Location, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		program = "" // the places beside it are not looked at
	}
	return find(explicit, os.Getenv, program, systemPlaces())
}

// systemPlaces are the places where package managers put libraries. A name
// without a slash is searched for by the system's loader.
func systemPlaces() []string {
	if goruntime.GOOS == "darwin" {
		return []string{"/opt/homebrew/lib/" + libraryName, "/usr/local/lib/" + libraryName}
	}
	return []string{"libonnxruntime.so.1", libraryName, "/usr/local/lib/" + libraryName}
}

func find(explicit string, getenv func(string) string, program string, system []string) (*Location, error) {
	for _, asked := range []Attempt{
		{Place: AskedFor, Path: explicit},
		{Place: "HEADSTART_RUNTIME", Path: getenv("HEADSTART_RUNTIME")},
		{Place: "ONNXRUNTIME_SHARED_LIBRARY_PATH", Path: getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH")},
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
	if program != "" {
		dir := filepath.Dir(program)
		for _, lib := range []string{filepath.Join(dir, "lib"), filepath.Join(dir, "..", "lib")} {
			tried = append(tried, Attempt{Place: "beside the program", Path: filepath.Join(lib, libraryName)})
		}
	}
	for _, path := range system {
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
