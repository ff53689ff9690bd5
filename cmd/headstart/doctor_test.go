package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/runtime"
)

// runtimeLibrary is the library in the module's lib, or the one that the
// machine has. Without one a test fails.
func runtimeLibrary(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "lib", "libonnxruntime.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if ext := filepath.Ext(f); (ext == ".so" || ext == ".dylib") && strings.Count(filepath.Base(f), ".") == 1 {
			return f
		}
	}
	where, err := runtime.Find("")
	if err != nil {
		t.Fatalf("this test needs ONNX Runtime; run: make runtime\n%v", err)
	}
	return where.Path
}

func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	cache := filepath.Join(dir, "not", "there", "yet")
	code, stdout, stderr := headstart(t, "doctor", "--runtime", runtimeLibrary(t), "--cache", cache, "--threads", "3")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, %s%s", code, stdout, stderr)
	}
	for _, want := range []string{"\nruntime    ok", "(--runtime)", "\ncache      ok", cache + " (will be made)", " free\n", "3 threads", "all-minilm-l6-v2", "efficientnet-lite0"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q does not say %q", stdout, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v behind, %v", left, err)
	}
	if _, stdout, _ := headstart(t, "doctor", "--runtime", runtimeLibrary(t), "--cache", cache, "--quiet"); stdout != "" {
		t.Errorf("with --quiet: %q", stdout)
	}
}

func TestDoctorJSON(t *testing.T) {
	dir := t.TempDir()
	code, stdout, _ := headstart(t, "doctor", "--json", "--runtime", runtimeLibrary(t), "--cache", dir)
	if code != 0 || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("exit %d, %s", code, stdout)
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatal(err)
	}
	if !d.OK || !d.Runtime.OK || d.Runtime.Version == "" || d.Runtime.Place != "--runtime" || len(d.Runtime.Install) != 0 ||
		!d.Cache.OK || !d.Cache.Exists || d.Cache.Path != dir || d.Cache.FreeBytes == 0 || d.CPU.Threads < 1 || len(d.Backbones) < 2 {
		t.Errorf("%+v", d)
	}
}

func TestDoctorWithoutRuntime(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, library := range []string{text, filepath.Join(dir, "missing.so")} {
		t.Setenv("HEADSTART_RUNTIME", library)
		code, stdout, stderr := headstart(t, "doctor", "--cache", dir)
		if code != exitFailed || stderr != "headstart: doctor: ONNX Runtime is missing\n" {
			t.Errorf("exit %d, %s", code, stderr)
		}
		for _, want := range []string{"\nruntime    MISSING", "1.24 or newer", "looked at " + library, "headstart runtime install"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q does not say %q", stdout, want)
			}
		}
		code, stdout, _ = headstart(t, "doctor", "--cache", dir, "--json")
		var d diagnosis
		if err := json.Unmarshal([]byte(stdout), &d); err != nil {
			t.Fatal(err)
		}
		if code != exitFailed || d.OK || d.Runtime.OK || len(d.Runtime.Tried) != 1 || d.Runtime.Tried[0].Place != "HEADSTART_RUNTIME" || len(d.Runtime.Install) == 0 || !d.Cache.OK {
			t.Errorf("exit %d, %+v", code, d)
		}
	}
}

func TestDoctorWithoutCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		file:                        "is not a folder",
		filepath.Join(file, "x"):    "not a directory",
		"/proc/headstart/cache":     "cannot be written to",
		filepath.Join("/dev/null/"): "is not a folder",
	} {
		if strings.HasPrefix(dir, "/proc") {
			if _, err := os.Stat("/proc/self"); err != nil {
				continue // macOS has no /proc
			}
		}
		code, stdout, stderr := headstart(t, "doctor", "--runtime", runtimeLibrary(t), "--cache", dir)
		if code != exitFailed || stderr != "headstart: doctor: a folder for the cache is missing\n" {
			t.Errorf("%s: exit %d, %s", dir, code, stderr)
		}
		if !strings.Contains(stdout, "\ncache      MISSING  "+dir) || !strings.Contains(stdout, want) || !strings.Contains(stdout, "--cache DIR") {
			t.Errorf("%s: %s", dir, stdout)
		}
	}
}

func TestDoctorColour(t *testing.T) {
	e, stdout, _ := testEnv()
	e.stdoutIsTerminal = true
	args := []string{"doctor", "--runtime", runtimeLibrary(t), "--cache", t.TempDir()}
	if code := run(t.Context(), program(e), args, e); code != 0 || !strings.Contains(stdout.String(), "\x1b[32mok\x1b[0m       ") {
		t.Errorf("exit %d, %q", code, stdout.String())
	}
	stdout.Reset()
	if code := run(t.Context(), program(e), append(args, "--no-color"), e); code != 0 || strings.Contains(stdout.String(), "\x1b") {
		t.Errorf("exit %d, %q", code, stdout.String())
	}
}
