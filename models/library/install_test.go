package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const chunk = 64 << 10

// served is a wheel, and what is known of it.
type served struct {
	library, wheel []byte
	sums           *sums
}

func newServed(t *testing.T) *served {
	t.Helper()
	s := &served{library: fake(7, 20*chunk)}
	s.wheel = wheelOf(t, s.library)
	var err error
	s.sums, err = parseSums(fmt.Sprintf("%s  onnxruntime-1.32.0-cp312-cp312-manylinux_2_28_x86_64.whl\n%s  manylinux_2_28_x86_64/libonnxruntime.so.1.32.0\n", sumOf(s.wheel), sumOf(s.library)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// installer is one that waits for nothing and says all that it notes to t.
func (s *served) installer(t *testing.T, from string) *installer {
	t.Helper()
	n := newNetwork()
	n.pause = time.Millisecond
	return &installer{
		Options:  Options{Dir: filepath.Join(t.TempDir(), "lib"), From: from, Note: func(text string) { t.Log(text) }},
		platform: linux, sums: s.sums, limits: defaultLimits, network: n,
	}
}

// in returns the names in a folder; nil if there is none.
func in(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var whole = []string{"libonnxruntime.so", "libonnxruntime.so.1.32.0", "onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"}

// checkWhole checks that the library is in its place, and nothing else.
func (s *served) checkWhole(t *testing.T, dir string) {
	t.Helper()
	if names := in(dir); !slices.Equal(names, whole) {
		t.Errorf("in the folder: %q", names)
	}
	for _, name := range whole[:2] {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(b, s.library) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, whole[0])); err != nil || to != whole[1] {
		t.Errorf("%s leads to %s, %v", whole[0], to, err)
	}
}

// server serves the content with ranges and an ETag, and counts.
type server struct {
	*httptest.Server
	requests, bytes atomic.Int64
}

// counted counts the bytes of an answer, and cuts the connection after so many
// if that is positive.
type counted struct {
	http.ResponseWriter
	s    *server
	left int
	cut  bool
}

func (c *counted) Write(b []byte) (int, error) {
	if c.cut && len(b) >= c.left {
		n, _ := c.ResponseWriter.Write(b[:c.left])
		c.s.bytes.Add(int64(n))
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	n, err := c.ResponseWriter.Write(b)
	c.left -= n
	c.s.bytes.Add(int64(n))
	return n, err
}

// serve starts a server of handler, which gets the number of the request, from
// 1.
func serve(t *testing.T, cut bool, handler func(w http.ResponseWriter, r *http.Request, n int64)) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler(&counted{w, s, chunk, cut}, r, s.requests.Add(1))
	}))
	t.Cleanup(s.Close)
	return s
}

// ranges answers as a good server does.
func ranges(content []byte, etag string) func(http.ResponseWriter, *http.Request, int64) {
	return func(w http.ResponseWriter, r *http.Request, _ int64) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// plain answers without ranges.
func plain(content []byte) func(http.ResponseWriter, *http.Request, int64) {
	return func(w http.ResponseWriter, _ *http.Request, _ int64) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content)
	}
}

// TestDownload: whatever a server does, the library is there whole, or not at
// all.
func TestDownload(t *testing.T) {
	s := newServed(t)
	size := int64(len(s.wheel))
	pieces := (size + chunk - 1) / chunk
	other := wheelOf(t, fake(8, 20*chunk))
	for _, test := range []struct {
		name     string
		cut      bool // the connection, after each 64 KiB
		handler  func(http.ResponseWriter, *http.Request, int64)
		want     string // in the error; "": it is installed
		requests int64
		bytes    int64 // served; -1: not asked
	}{
		{"good", false, ranges(s.wheel, `"1"`), "", 1, size},
		{"dropped at every 64 KiB", true, ranges(s.wheel, `"1"`), "", pieces, size},
		{"dropped, without an ETag", true, ranges(s.wheel, ""), "", pieces, size},
		{"no ranges", false, plain(s.wheel), "", 1, size},
		{"no ranges, dropped at every 64 KiB", true, plain(s.wheel), "given up after 6 tries", 7, 7 * chunk},
		{"no ranges at first, dropped once", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			w.(*counted).cut = n == 1
			plain(s.wheel)(w, r, n)
		}, "", 2, size + chunk},
		{"no length", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			w.(*counted).ResponseWriter.(http.Flusher).Flush() // chunked from here
			w.Write(s.wheel)
		}, "", 1, size},
		{"another file after the first piece", true, func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				ranges(other, `"0"`)(w, r, n)
			} else {
				ranges(s.wheel, `"1"`)(w, r, n)
			}
		}, "", pieces + 1, size + chunk},
		{"another piece than asked for", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			w.(*counted).cut = n == 1
			if n == 2 {
				r.Header.Set("Range", "bytes=10-20")
			}
			ranges(s.wheel, `"1"`)(w, r, n)
		}, "", 3, -1},
		{"pieces of two files without an ETag", true, func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				ranges(other, "")(w, r, n)
			} else {
				ranges(s.wheel, "")(w, r, n)
			}
		}, "", 2 * pieces, 2 * size},
		{"no such range", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			w.(*counted).cut = n == 1
			if n == 2 {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			ranges(s.wheel, `"1"`)(w, r, n)
		}, "", 3, size + chunk},
		{"silent after a piece", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			if n == 1 {
				w.Header().Set("ETag", `"1"`)
				w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
				w.Write(s.wheel[:chunk])
				w.(*counted).ResponseWriter.(http.Flusher).Flush()
				<-r.Context().Done()
				return
			}
			ranges(s.wheel, `"1"`)(w, r, n)
		}, "", 2, size},
		{"busy at first", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			if n < 4 {
				http.Error(w, "later", []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway}[n-1])
				return
			}
			ranges(s.wheel, `"1"`)(w, r, n)
		}, "", 4, -1},
		{"busy for good", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			http.Error(w, "later", http.StatusServiceUnavailable)
		}, "given up after 6 tries: the server says 503 Service Unavailable", 6, -1},
		{"redirected", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			if r.URL.Path != "/10" {
				http.Redirect(w, r, fmt.Sprintf("/%d", n), http.StatusFound)
				return
			}
			ranges(s.wheel, `"1"`)(w, r, n)
		}, "", 11, -1},
		{"redirected for ever", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			http.Redirect(w, r, "/again", http.StatusFound)
		}, "redirects more than 10 times", 11, -1},
		{"not there", false, func(w http.ResponseWriter, r *http.Request, n int64) { http.NotFound(w, r) }, "the server says 404 Not Found", 1, -1},
		{"forbidden", false, func(w http.ResponseWriter, r *http.Request, n int64) { http.Error(w, "no", http.StatusForbidden) }, "403 Forbidden", 1, -1},
		{"no content", false, func(w http.ResponseWriter, r *http.Request, n int64) { w.WriteHeader(http.StatusNoContent) }, "204 No Content", 1, -1},
		{"a web page", false, plain([]byte("<html><h1>404</h1></html>")), "web page", 1, -1},
		{"another library", false, ranges(other, `"1"`), "its SHA-256 is " + sumOf(fake(8, 20*chunk)) + ", and wanted is " + sumOf(s.library) + " (1.32.0); nothing was installed", 1, -1},
		{"another library, dropped at every 64 KiB", true, ranges(other, `"1"`), "nothing was installed", pieces, -1},
		{"cut on the server", false, ranges(s.wheel[:size/2], `"1"`), "not a valid zip file", 1, -1},
		{"one byte is wrong", false, ranges(flipped(s.wheel, s.library), `"1"`), "checksum error", 1, -1},
		{"empty", false, ranges(nil, `"1"`), "it is empty", 1, -1},
		{"too large", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			w.Header().Set("Content-Length", strconv.FormatInt(2<<30, 10))
			w.Write(s.wheel)
		}, "2147483648 bytes: larger than any official one", 1, -1},
		{"too large, without a length", false, func(w http.ResponseWriter, r *http.Request, n int64) {
			for range 100 {
				w.Write(s.wheel)
			}
		}, "larger than any official one", 1, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, test.cut, test.handler)
			i := s.installer(t, server.URL+"/wheel")
			i.network.stall = 2 * time.Second
			if strings.HasPrefix(test.name, "silent") {
				i.network.stall = 100 * time.Millisecond
			}
			if strings.HasPrefix(test.name, "too large, without") {
				i.limits.archive = 2 * size
			}
			installed, err := i.install(t.Context())
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				s.checkWhole(t, i.Dir)
				want := Installed{Path: filepath.Join(i.Dir, whole[1]), Version: "1.32.0", SHA256: sumOf(s.library), From: "the wheel wheel", Official: true}
				if *installed != want {
					t.Errorf("%+v, want %+v", *installed, want)
				}
			} else {
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %q", err, test.want)
				}
				kept, ok := errors.AsType[*KeptError](err)
				if ok && (kept.Done == 0 || kept.Total != size || len(in(i.Dir)) != 2) || !ok && len(in(i.Dir)) != 0 {
					t.Errorf("left: %q; %+v", in(i.Dir), kept)
				}
			}
			if n := server.requests.Load(); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			if n := server.bytes.Load(); test.bytes >= 0 && n != test.bytes {
				t.Errorf("%d bytes were sent, want %d", n, test.bytes)
			}
		})
	}
}

// flipped is a wheel with one byte of its library wrong.
func flipped(wheel, library []byte) []byte {
	b := bytes.Clone(wheel)
	b[bytes.Index(b, library)+1000] ^= 1
	return b
}

// TestDownloadGoesOn: after an interruption, the next process takes up what is
// there.
func TestDownloadGoesOn(t *testing.T) {
	s := newServed(t)
	server := serve(t, false, func(w http.ResponseWriter, r *http.Request, n int64) {
		if n == 1 { // it sends six pieces and waits
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", strconv.Itoa(len(s.wheel)))
			w.Write(s.wheel[:6*chunk])
			w.(*counted).ResponseWriter.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		ranges(s.wheel, `"1"`)(w, r, n)
	})
	i := s.installer(t, server.URL+"/wheel")
	dir := i.Dir
	ctx, cancel := context.WithCancel(t.Context())
	i.Progress = func(done, total int64) {
		if total != int64(len(s.wheel)) {
			t.Errorf("%d of %d bytes", done, total)
		}
		if done >= 5*chunk {
			cancel()
		}
	}
	_, err := i.install(ctx)
	kept, ok := errors.AsType[*KeptError](err)
	if !ok || !errors.Is(err, context.Canceled) || kept.Done < 5*chunk || kept.Total != int64(len(s.wheel)) {
		t.Fatalf("%v, %+v", err, kept)
	}
	if info, err := os.Stat(kept.Path); err != nil || info.Size() != kept.Done {
		t.Fatal(info, err)
	}
	// Another one of the same address keeps out while this one downloads.
	i = s.installer(t, server.URL+"/wheel")
	i.Dir = dir
	first := int64(-1)
	var once sync.Once
	i.Progress = func(done, _ int64) {
		once.Do(func() {
			first = done
			second := s.installer(t, server.URL+"/wheel")
			second.Dir = dir
			if _, err := second.install(t.Context()); err == nil || !strings.Contains(err.Error(), "another headstart downloads it right now") {
				t.Errorf("two at once: %v", err)
			}
		})
	}
	if _, err := i.install(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first <= kept.Done {
		t.Errorf("it went on at %d bytes, after %d", first, kept.Done)
	}
	s.checkWhole(t, dir)
}

// TestPartsOfOthers: a part that is whole needs no server, one that a crash
// has spoilt is downloaded again, and those of other addresses are removed.
func TestPartsOfOthers(t *testing.T) {
	s := newServed(t)
	server := serve(t, false, ranges(s.wheel, `"1"`))
	leave := func(i *installer, content []byte, record string) string {
		t.Helper()
		d, err := begin(i.network, mustParse(t, i.From), i.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.part.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.part.Close(), os.WriteFile(d.recordPath(), []byte(record), 0o666)); err != nil {
			t.Fatal(err)
		}
		return d.path
	}
	record := fmt.Sprintf(`{"etag":"\"1\"","length":%d}`, len(s.wheel))
	for _, test := range []struct {
		name     string
		part     []byte
		record   string
		requests int64
	}{
		{"whole", s.wheel, record, 0},
		{"half", s.wheel[:len(s.wheel)/2], record, 1},
		{"no record", s.wheel[:chunk], "", 1},
		{"longer than the file", append(bytes.Clone(s.wheel), "x"...), record, 2},
		{"zeros where a crash left some", append(bytes.Clone(s.wheel[:chunk]), make([]byte, chunk)...), record, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := s.installer(t, server.URL+"/wheel")
			if err := os.MkdirAll(i.Dir, 0o777); err != nil {
				t.Fatal(err)
			}
			leave(i, test.part, test.record)
			another := *i
			another.From += "2"
			leave(&another, []byte("x"), record)
			server.requests.Store(0)
			if _, err := i.install(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.checkWhole(t, i.Dir)
			if n := server.requests.Load(); n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
		})
	}
}

// TestInstallFromFiles: what is known is installed, what is not is refused, and
// a digest that is given vouches for it.
func TestInstallFromFiles(t *testing.T) {
	s := newServed(t)
	newer := fake(9, 1000)
	release := tgzOf(t, member{name: "onnxruntime-linux-x64-1.40.0/lib/libonnxruntime.so.1.40.0", content: newer})
	older := tgzOf(t, member{name: "onnxruntime-linux-x64-1.20.0/lib/libonnxruntime.so.1.20.0", content: newer})
	arm := fake(10, 1000)
	sums, err := parseSums(fmt.Sprintf("%s  onnxruntime-1.32.0-cp312-cp312-manylinux_2_28_x86_64.whl\n%s  manylinux_2_28_x86_64/libonnxruntime.so.1.32.0\n%s  manylinux_2_28_aarch64/libonnxruntime.so.1.32.0\n",
		sumOf(s.wheel), sumOf(s.library), sumOf(arm)))
	if err != nil {
		t.Fatal(err)
	}
	s.sums = sums
	official := "onnxruntime-1.32.0-cp312-cp312-manylinux_2_28_x86_64.whl"
	for _, test := range []struct {
		name    string
		content []byte
		sha256  string
		version string // "": it is refused
		from    string // or what is said
	}{
		{official, s.wheel, "", "1.32.0", "the wheel " + official},
		{"onnxruntime-1.32.0-cp313-cp313-manylinux_2_28_x86_64.whl", zipOf(t, member{name: "onnxruntime/capi/libonnxruntime.so.1.32.0", content: s.library}), "", "1.32.0", "the wheel onnxruntime-1.32.0-cp313"},
		{official, zipOf(t, member{name: "onnxruntime/capi/libonnxruntime.so.1.32.0", content: s.library}), "", "", "and wanted is " + sumOf(s.wheel)},
		{"onnxruntime-linux-x64-1.32.0.tgz", releaseOf(t, s.library), "", "1.32.0", "the release archive onnxruntime-linux-x64-1.32.0.tgz"},
		{"libonnxruntime.so", s.library, "", "1.32.0", "the library libonnxruntime.so"},
		{"arm.whl", wheelOf(t, arm), "", "", "it has ONNX Runtime for linux/arm64, and this machine is linux/amd64"},
		{"release.tgz", release, "", "", "release.tgz: libonnxruntime.so.1.40.0: its SHA-256 is " + sumOf(newer) + ", and wanted is " + sumOf(s.library) + " (1.32.0)"},
		{"release.tgz", release, sumOf(newer), "1.40.0", "the release archive release.tgz"},
		{"release.tgz", release, strings.ToUpper(sumOf(release)), "1.40.0", "the release archive release.tgz"},
		{"release.tgz", release, sumOf(s.wheel), "", "its SHA-256 is " + sumOf(release) + ", and wanted is " + sumOf(s.wheel)},
		{"release.tgz", release, "abc", "", "64 hexadecimal digits"},
		{"older.tgz", older, sumOf(newer), "", "it is ONNX Runtime 1.20.0, and 1.24 or newer is needed"},
		{"library", newer, sumOf(newer), "", "call it libonnxruntime.so.MAJOR.MINOR.PATCH"},
		{"libonnxruntime.so.1.40.0", newer, sumOf(newer), "1.40.0", "the library libonnxruntime.so.1.40.0"},
		{"node.tgz", npmOf(t, newer), sumOf(newer), "1.30.0", "the npm package node.tgz"},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, test.content, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{path, "file://" + path} {
			i := s.installer(t, from)
			i.SHA256 = test.sha256
			installed, err := i.install(t.Context())
			if test.version == "" {
				if err == nil || !strings.Contains(err.Error(), test.from) || len(in(i.Dir)) != 0 {
					t.Errorf("%s: %v, want %q; in the folder %q", test.name, err, test.from, in(i.Dir))
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if installed.Version != test.version || !strings.HasPrefix(installed.From, test.from) || installed.Official != (test.sha256 == "") {
				t.Errorf("%s: %+v", test.name, *installed)
			}
			if b, err := os.ReadFile(filepath.Join(i.Dir, "libonnxruntime.so")); err != nil || sumOf(b) != installed.SHA256 {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
	for from, want := range map[string]string{
		"ftp://example.org/x.whl": "only http and https", "https://": "not the address of a file", "http:///x": "not the address of a file",
		filepath.Join(t.TempDir(), "none.whl"): "no such file", t.TempDir(): "directory", "/dev/null": "a device",
	} {
		i := s.installer(t, from)
		if _, err := i.install(t.Context()); err == nil || !strings.Contains(err.Error(), want) || len(in(i.Dir)) != 0 {
			t.Errorf("%s: %v, want %q", from, err, want)
		}
	}
}

// TestInstallFails: a file that cannot be written leaves the library of before.
func TestInstallFails(t *testing.T) {
	s := newServed(t)
	path := filepath.Join(t.TempDir(), "x.whl")
	if err := os.WriteFile(path, s.wheel, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range whole[1:] {
		i := s.installer(t, path)
		if err := os.MkdirAll(filepath.Join(i.Dir, name), 0o777); err != nil { // a folder of that name
			t.Fatal(err)
		}
		before := filepath.Join(i.Dir, whole[0])
		if err := os.WriteFile(before, []byte("before"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := i.install(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(before); err != nil || string(b) != "before" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// machine is a PATH with programs of its own only.
func machine(t *testing.T, programs map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"cp", "sleep"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

// TestInstallByPipAndNpm: each way to call them, and what they say when they
// cannot.
func TestInstallByPipAndNpm(t *testing.T) {
	s := newServed(t)
	npm := npmOf(t, s.library)
	wheelName, npmName := "onnxruntime-"+Version+"-cp312-cp312-manylinux_2_28_x86_64.whl", "onnxruntime-node-"+NpmVersion+".tgz"
	sums, err := parseSums(fmt.Sprintf("%s  %s\n%s  manylinux_2_28_x86_64/libonnxruntime.so.%s\n%s  %s\n",
		sumOf(s.wheel), wheelName, sumOf(s.library), Version, sumOf(npm), npmName))
	if err != nil {
		t.Fatal(err)
	}
	s.sums = sums
	store := t.TempDir()
	for name, content := range map[string][]byte{wheelName: s.wheel, npmName: npm, "wrong/" + wheelName: npm, "onnxruntime-9.0.0.whl": s.wheel} {
		path := filepath.Join(store, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The arguments are those that pip has been found to need.
	pip := func(file string) string {
		return `case "$*" in *"--version") exit 0 ;; esac
case "$*" in
*"download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 --dest "*" onnxruntime==` + Version + `") ;;
*) echo "pip is called with $*" >&2; exit 2 ;;
esac
while [ "$1" != --dest ]; do shift; done
cp "` + filepath.Join(store, file) + `" "$2/"`
	}
	broken := `case "$*" in *"--version") exit 0 ;; esac
echo "WARNING: Retrying" >&2
echo "ERROR: No matching distribution found" >&2
exit 1`
	npmWorks := `[ "$*" = "pack --silent onnxruntime-node@` + NpmVersion + `" ] || exit 3
cp "` + filepath.Join(store, npmName) + `" .`
	for _, test := range []struct {
		name     string
		programs map[string]string
		from     string // or, if there is no library then, what is said
		note     string
	}{
		{"python3 -m pip", map[string]string{"python3": pip(wheelName)}, "the wheel " + wheelName, ""},
		{"pip3", map[string]string{"python3": "exit 1", "pip3": pip(wheelName)}, "the wheel " + wheelName, ""},
		{"python -m pip", map[string]string{"python": pip(wheelName)}, "the wheel " + wheelName, ""},
		{"pip", map[string]string{"pip": pip(wheelName)}, "the wheel " + wheelName, ""},
		{"npm", map[string]string{"npm": npmWorks}, "the npm package " + npmName, ""},
		{"npm after pip", map[string]string{"pip": broken, "npm": npmWorks}, "the npm package " + npmName,
			"pip could not download onnxruntime==" + Version + ": ERROR: No matching distribution found; trying npm"},
		{"none", nil, "neither pip nor npm is here", ""},
		{"pip fails", map[string]string{"pip": broken}, "pip could not download onnxruntime==" + Version + ": ERROR: No matching distribution found", ""},
		{"npm fails", map[string]string{"npm": "exit 7"}, "npm could not download onnxruntime-node@" + NpmVersion + ": exit status 7", ""},
		{"pip leaves nothing", map[string]string{"pip": "exit 0"}, "it left no wheel", ""},
		{"another archive of that name", map[string]string{"pip": pip("wrong/" + wheelName)}, "and wanted is " + sumOf(s.wheel), ""},
		{"an archive of another name", map[string]string{"pip": pip("onnxruntime-9.0.0.whl")}, "its digest is not known", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			machine(t, test.programs)
			i := s.installer(t, "")
			var notes string
			i.Note = func(text string) { notes += text }
			installed, err := i.install(t.Context())
			if err != nil {
				if !strings.Contains(err.Error(), test.from) || len(in(i.Dir)) != 0 {
					t.Errorf("%v, want %q; in the folder %q", err, test.from, in(i.Dir))
				}
				return
			}
			if installed.From != test.from || notes != test.note {
				t.Errorf("from %q, noted %q", installed.From, notes)
			}
			// A second time nothing is called.
			machine(t, nil)
			again, err := i.install(t.Context())
			if err != nil || !again.Already || again.Path != installed.Path || again.SHA256 != sumOf(s.library) {
				t.Errorf("a second time: %+v, %v", again, err)
			}
			// A file that has its name alone is not taken for the library.
			if err := os.WriteFile(installed.Path, []byte("something else"), 0o666); err != nil {
				t.Fatal(err)
			}
			machine(t, test.programs)
			if again, err := i.install(t.Context()); err != nil || again.Already {
				t.Errorf("where another file is: %+v, %v", again, err)
			}
		})
	}
}

// TestInstallInterrupted: pip is ended, and leaves nothing.
func TestInstallInterrupted(t *testing.T) {
	s := newServed(t)
	began := filepath.Join(t.TempDir(), "began")
	machine(t, map[string]string{"pip": `case "$*" in *"--version") exit 0 ;; esac
: >"` + began + `"
exec sleep 600`})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(began); err == nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	i := s.installer(t, "")
	if _, err := i.install(ctx); !errors.Is(err, context.Canceled) || len(in(i.Dir)) != 0 {
		t.Errorf("%v, in the folder %q", err, in(i.Dir))
	}
}

// TestProxy runs itself: the environment's proxies are read once a process.
func TestProxy(t *testing.T) {
	s := newServed(t)
	if os.Getenv("LIBRARY_PROXIED") != "" {
		i := s.installer(t, "http://library.invalid/wheel")
		if _, err := i.install(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.checkWhole(t, i.Dir)
		return
	}
	server := serve(t, false, func(w http.ResponseWriter, r *http.Request, n int64) {
		if r.URL.Host != "library.invalid" {
			t.Errorf("the proxy is asked for %s", r.URL)
		}
		ranges(s.wheel, `"1"`)(w, r, n)
	})
	child := exec.Command(os.Args[0], "-test.run=^TestProxy$")
	child.Env = append(os.Environ(), "LIBRARY_PROXIED=1", "HTTP_PROXY="+server.URL, "http_proxy="+server.URL, "NO_PROXY=", "no_proxy=")
	if said, err := child.CombinedOutput(); err != nil || server.requests.Load() != 1 {
		t.Errorf("%d requests, %v: %s", server.requests.Load(), err, said)
	}
}

func TestFolder(t *testing.T) {
	for _, test := range []struct{ system, data, home, want string }{
		{"linux", "/data", "/home/me", "/data/headstart/lib"},
		{"linux", "relative", "/home/me", "/home/me/.local/share/headstart/lib"},
		{"linux", "", "/home/me", "/home/me/.local/share/headstart/lib"},
		{"darwin", "", "/Users/me", "/Users/me/Library/Application Support/headstart/lib"},
		{"darwin", "/data", "/Users/me", "/data/headstart/lib"},
		{"linux", "", "", ""},
		{"linux", "", "relative", ""},
	} {
		got, err := folderOf(func(k string) string {
			return map[string]string{"XDG_DATA_HOME": test.data, "HOME": test.home}[k]
		}, test.system)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", "")
	if _, err := Install(t.Context(), nil); Published() && !errors.Is(err, ErrNoFolder) {
		t.Error(err)
	}
}

// TestOptions: what does not go together is refused before anything is done.
func TestOptions(t *testing.T) {
	if _, err := Install(t.Context(), &Options{Dir: t.TempDir(), SHA256: strings.Repeat("0", 64)}); err == nil || Published() && !strings.Contains(err.Error(), "vouches for an archive that is named") {
		t.Error(err)
	}
}

func TestUnpublished(t *testing.T) {
	for name, want := range map[string]string{"darwin/amd64": "Macs with an Intel CPU", "freebsd/amd64": "no ONNX Runtime is published for freebsd/amd64"} {
		if err := error(&UnpublishedError{name}); platformOf(name) != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChecksums: there is a digest for each platform of what is downloaded, and
// of the library in it.
func TestChecksums(t *testing.T) {
	if len(platforms) != 3 {
		t.Errorf("%d platforms", len(platforms))
	}
	for _, p := range platforms {
		if name := "onnxruntime-" + Version + "-cp312-cp312-" + p.wheel + ".whl"; official.archives[name] == "" {
			t.Errorf("no digest of %s", name)
		}
		versions := map[string]bool{}
		for _, v := range official.wanted(&p) {
			t.Errorf("%s: %s belongs to no platform of the list", p.name, v)
		}
		for _, v := range official.wanted(platformOf(p.name)) {
			versions[v] = true
		}
		if !versions[Version] || !versions[NpmVersion] {
			t.Errorf("%s: libraries %v", p.name, versions)
		}
	}
	if name := "onnxruntime-node-" + NpmVersion + ".tgz"; official.archives[name] == "" {
		t.Errorf("no digest of %s", name)
	}
	for _, text := range []string{"x", "abc  name", strings.Repeat("0", 64) + " name", strings.Repeat("A", 64) + "  name", strings.Repeat("0", 64) + "  win/libonnxruntime.so.1.2.3", strings.Repeat("0", 64) + "  linux/x64/libonnxruntime.so.1"} {
		if s, err := parseSums(text); err == nil {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

// TestInstalledLibrary: the library that make runtime has fetched is in the
// list, and is what runtime show calls official: unless it is for another
// machine than the test, which an emulator may run.
func TestInstalledLibrary(t *testing.T) {
	path := filepath.Join("..", "..", "lib", Name())
	if _, err := os.Stat(path); err != nil || !Published() {
		t.Logf("no library in lib, or none published for %s/%s: nothing is compared", goruntime.GOOS, goruntime.GOARCH)
		return
	}
	digest, err := Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	k, ok := official.libraries[digest]
	if !ok || !Fits(k.version) {
		t.Fatalf("%s: %+v, %v", digest, k, ok)
	}
	if version, ok := Official(digest); ok != (k.platform.name == here) || ok && version != k.version {
		t.Errorf("%s is for %s, here is %s: %s, %v", digest, k.platform.name, here, version, ok)
	}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFits(t *testing.T) {
	for version, want := range map[string]bool{
		"1.24.0": true, "1.24": true, "1.32.0": true, "1.25.0-dev": true, "2.0.0": true, "1.100.1": true,
		"1.23.2": false, "0.99.0": false, "1": false, "": false, "1.x": false, "v1.24.0": false,
	} {
		if Fits(version) != want {
			t.Errorf("Fits(%q) = %v", version, !want)
		}
	}
}
