//go:build cgo && !windows

package runtime

/*
#cgo linux LDFLAGS: -ldl
#define _GNU_SOURCE // for dladdr
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

// The one part of ONNX Runtime's interface that no version changes:
// OrtApiBase of onnxruntime_c_api.h.
typedef struct {
	const void *(*get_api)(uint32_t version);
	const char *(*get_version_string)(void);
} api_base;

// ort_version returns the version that the library of handle says of itself,
// or NULL if it has no OrtGetApiBase. *path is set to the library's file.
static const char *ort_version(void *handle, const char **path) {
	const api_base *(*get)(void) = (const api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
	if (!get) return NULL;
	Dl_info where;
	if (dladdr((void *)get, &where)) *path = where.dli_fname;
	const api_base *base = get();
	if (!base) return NULL;
	return base->get_version_string();
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strings"
	"unsafe"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models/library"
)

// Minimum is the oldest version of ONNX Runtime that fits.
const Minimum = library.Minimum

var (
	// ErrNotFound is the error of a place where there is no library.
	ErrNotFound = errors.New("not there")
	// ErrTooOld is the error of a library older than Minimum.
	ErrTooOld = errors.New("too old")
	// ErrNotLibrary is the error of a file that is not ONNX Runtime.
	ErrNotLibrary = errors.New("not an ONNX Runtime library for this machine")
)

// probed is what load found.
type probed struct {
	path    string // the file that the system's loader took
	version string // "" if it could not be told
	err     error  // nil if the library fits
}

// load maps the library at path, which the system's loader searches for if it
// has no slash, and asks it for its version. That is done here, before ONNX
// Runtime is started, since afterwards there is only "error 2" to tell why an
// old library will not do. A library that fits stays mapped until the process
// ends: code that has threads must not be unmapped under them.
func load(path string) probed {
	p := probed{path: path}
	// To load a FIFO would wait for somebody to write into it.
	if strings.Contains(path, "/") {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			p.err = fmt.Errorf("%w: it is %s", ErrNotLibrary, draft.Kind(info.Mode()))
			return p
		}
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))

	// The loader's last error belongs to the thread.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	handle := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if handle == nil {
		p.err = fmt.Errorf("%w: %s", ErrNotLibrary, reason(path, C.GoString(C.dlerror())))
		return p
	}
	var file *C.char
	version := C.ort_version(handle, &file)
	if version == nil {
		C.dlclose(handle)
		p.err = fmt.Errorf("%w: it has no OrtGetApiBase", ErrNotLibrary)
		return p
	}
	p.version = C.GoString(version)
	if file != nil {
		p.path = C.GoString(file)
	}
	if !library.Fits(p.version) {
		C.dlclose(handle)
		p.err = fmt.Errorf("%w: version %s, but %s or newer is needed", ErrTooOld, p.version, Minimum)
	}
	return p
}

// reason puts the loader's words about path plainly.
func reason(path, s string) string {
	s = strings.Join(strings.Fields(s), " ")
	// "/x/y.so: file too short" says the path a second time.
	s = strings.TrimPrefix(s, path+": ")
	// glibc says so of a file that is there but has another CPU's code in it.
	if _, err := os.Stat(path); err == nil && s == "cannot open shared object file: No such file or directory" {
		s = "it was made for another kind of CPU"
	}
	return s
}
