//go:build cgo && !windows

package runtime

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/library"
)

// fake compiles a library that says it is ONNX Runtime of the given version
// and serves no API, as an old one does.
func fake(t *testing.T, version string) string {
	t.Helper()
	return compile(t, `
#include <stdint.h>
static const void *get_api(uint32_t version) { return 0; }
static const char *get_version_string(void) { return "`+version+`"; }
static const struct {
	const void *(*get_api)(uint32_t);
	const char *(*get_version_string)(void);
} base = { get_api, get_version_string };
const void *OrtGetApiBase(void) { return &base; }
`)
}

func compile(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	c, lib := filepath.Join(dir, "fake.c"), filepath.Join(dir, library.Name())
	if err := os.WriteFile(c, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if out, err := exec.Command(cc, "-shared", "-fPIC", "-o", lib, c).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, out)
	}
	return lib
}

// foreignSays is what is said of a foreign library where the loader does not
// find words for it.
var foreignSays = map[string][]string{"linux": {"another kind of CPU"}, "darwin": {"runtime install"}}[goruntime.GOOS]

// foreign returns a library whose header says that it is for a CPU that
// neither we nor ONNX Runtime know.
func foreign(t *testing.T) string {
	t.Helper()
	path := fake(t, library.Version)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// e_machine of an ELF header is at 18, cputype of a Mach-O header at 4.
	at := map[string]int{"linux": 18, "darwin": 4}[goruntime.GOOS]
	b[at], b[at+1] = 0x99, 0x19
	if err := os.WriteFile(path, b, 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path string
		is         error
		want       []string
	}{
		{"old", fake(t, "1.14.0"), ErrTooOld, []string{"version 1.14.0", "1.24 or newer", "headstart runtime install"}},
		{"odd version", fake(t, "unknown"), ErrTooOld, []string{"version unknown"}},
		{"new, but refuses", fake(t, "1.99.0"), nil, []string{"headstart runtime install"}},
		{"other library", compile(t, "int f(void) { return 1; }"), ErrNotLibrary, []string{"OrtGetApiBase"}},
		{"another CPU's", foreign(t), ErrNotLibrary, foreignSays},
		{"text", text, ErrNotLibrary, []string{"text.so"}},
		{"missing", "/nowhere/libonnxruntime.so", ErrNotLibrary, []string{"/nowhere"}},
	} {
		l, err := Open(test.path)
		if err == nil {
			l.Close()
			t.Errorf("%s: no error", test.name)
			continue
		}
		var le *LibraryError
		if !errors.As(err, &le) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %#v, want a *LibraryError that is %v", test.name, err, test.is)
		}
		for _, w := range test.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", test.name, err, w)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != 1+len(Install()) || n > 3 {
			t.Errorf("%s: %d lines", test.name, n)
		}
	}
}

func TestFindOrder(t *testing.T) {
	real, err := filepath.Abs(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	old := fake(t, "1.14.0")
	missing := filepath.Join(t.TempDir(), library.Name())
	root := t.TempDir()
	for _, d := range []string{"bin/lib", "lib", "user"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(root, "bin", "headstart")
	beside, above := filepath.Join(root, "bin", "lib", library.Name()), filepath.Join(root, "lib", library.Name())
	users := filepath.Join(root, "user", library.Name())

	type env map[string]string
	for _, test := range []struct {
		name     string
		explicit string
		env      env
		links    map[string]string // what lies beside the program
		system   []string
		place    string // "" means an error
		tried    []error
	}{
		{name: "flag first", explicit: real, env: env{"HEADSTART_RUNTIME": old}, place: AskedFor},
		{name: "flag only", explicit: old, env: env{"HEADSTART_RUNTIME": real}, links: map[string]string{beside: real}, tried: []error{ErrTooOld}},
		{name: "own variable", env: env{"HEADSTART_RUNTIME": real, "ONNXRUNTIME_SHARED_LIBRARY_PATH": old}, place: "HEADSTART_RUNTIME"},
		{name: "own variable only", env: env{"HEADSTART_RUNTIME": missing, "ONNXRUNTIME_SHARED_LIBRARY_PATH": real}, tried: []error{ErrNotFound}},
		{name: "shared variable", env: env{"ONNXRUNTIME_SHARED_LIBRARY_PATH": real}, links: map[string]string{beside: old}, place: "ONNXRUNTIME_SHARED_LIBRARY_PATH"},
		{name: "lib", links: map[string]string{beside: real, above: old}, place: "beside the program"},
		{name: "../lib", links: map[string]string{above: real}, system: []string{old}, place: "beside the program", tried: []error{ErrNotFound}},
		{name: "an installed one", links: map[string]string{users: real}, system: []string{old}, place: "installed", tried: []error{ErrNotFound, ErrNotFound}},
		{name: "beside before installed", links: map[string]string{above: real, users: old}, place: "beside the program", tried: []error{ErrNotFound}},
		{name: "an old one is passed over", links: map[string]string{above: old}, system: []string{missing, real}, place: "system", tried: []error{ErrNotFound, ErrTooOld, ErrNotFound, ErrNotFound}},
		{name: "none", links: map[string]string{above: old}, system: []string{missing, "libheadstart-has-no-such-library.so"}, tried: []error{ErrNotFound, ErrTooOld, ErrNotFound, ErrNotFound, ErrNotFound}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for to, from := range test.links {
				if err := os.Symlink(from, to); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(to)
			}
			where, err := (&search{
				explicit: test.explicit, getenv: func(k string) string { return test.env[k] },
				program: program, installed: filepath.Dir(users), system: test.system,
			}).find()
			var tried []Attempt
			if test.place == "" {
				var le *LibraryError
				if !errors.As(err, &le) {
					t.Fatalf("%+v, %v, want a *LibraryError", where, err)
				}
				tried = le.Tried
				for _, a := range tried {
					if !strings.Contains(err.Error(), a.Path) {
						t.Errorf("%q does not say that %s was looked at", err, a.Path)
					}
				}
				for _, c := range Install() {
					if !strings.Contains(err.Error(), c) {
						t.Errorf("%q does not say %q", err, c)
					}
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				if where.Place != test.place || !library.Fits(where.Version) {
					t.Errorf("%+v, want %s", where, test.place)
				}
				tried = where.Tried
			}
			if len(tried) != len(test.tried) {
				t.Fatalf("tried %+v, want %v", tried, test.tried)
			}
			for i, a := range tried {
				if !errors.Is(a.Err, test.tried[i]) {
					t.Errorf("%s: %v, want %v", a.Path, a.Err, test.tried[i])
				}
			}
		})
	}
}

func TestFindHere(t *testing.T) {
	t.Setenv("HEADSTART_RUNTIME", libraryPath(t))
	where, err := Find("")
	if err != nil || where.Place != "HEADSTART_RUNTIME" {
		t.Errorf("%+v, %v", where, err)
	}
}

// TestMinimum compares Minimum with the API version that the binding is
// compiled for: API n came with ONNX Runtime 1.n.
func TestMinimum(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	h := read(t, strings.TrimSpace(string(out)), "onnxruntime_c_api.h")
	want := "#define ORT_API_VERSION " + strings.TrimPrefix(Minimum, "1.") + "\n"
	if !strings.Contains(string(h), want) {
		t.Errorf("the binding's header does not say %q", want)
	}
}
