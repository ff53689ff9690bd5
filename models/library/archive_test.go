package library

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linux is the platform that tests install for, wherever they run.
var linux = platformOf("linux/amd64")

// member is a file in an archive; link is where it leads if it is a link.
type member struct {
	name, link string
	content    []byte
}

// zipOf stores its members as they are, so that sizes are known.
func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		e, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err == nil {
			_, err = e.Write(m.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tgzOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.content)), Typeflag: tar.TypeReg}
		if m.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.link
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = w.Write(m.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fake is a library of n bytes that no machine loads.
func fake(seed uint64, n int) []byte {
	b := []byte("\x7fELF")
	r := rand.New(rand.NewPCG(seed, 0))
	for len(b) < n {
		b = append(b, byte(r.Uint32()))
	}
	return b
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// The archives that are published, with another library in them.
func wheelOf(t testing.TB, library []byte) []byte {
	return zipOf(t,
		member{name: "onnxruntime/LICENSE", content: []byte("MIT")},
		member{name: "onnxruntime/ThirdPartyNotices.txt", content: []byte("notices")},
		member{name: "onnxruntime/capi/libonnxruntime.so.1.32.0", content: library},
		member{name: "onnxruntime/capi/libonnxruntime_providers_shared.so", content: []byte("other")},
		member{name: "onnxruntime-1.32.0.dist-info/RECORD"})
}

func npmOf(t testing.TB, library []byte) []byte {
	return tgzOf(t,
		member{name: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1", content: []byte("for arm64")},
		member{name: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1", content: library},
		member{name: "package/bin/napi-v6/darwin/arm64/libonnxruntime.1.30.0.dylib", content: []byte("for macOS")},
		member{name: "package/package.json", content: []byte(`{"name":"onnxruntime-node","version":"1.30.0"}`)},
		member{name: "package/README.md", content: []byte("MIT")})
}

func releaseOf(t testing.TB, library []byte) []byte {
	return tgzOf(t,
		member{name: "./onnxruntime-linux-x64-1.32.0/LICENSE", content: []byte("MIT")},
		member{name: "./onnxruntime-linux-x64-1.32.0/ThirdPartyNotices.txt", content: []byte("notices")},
		member{name: "./onnxruntime-linux-x64-1.32.0/lib/libonnxruntime.so", link: "libonnxruntime.so.1"},
		member{name: "./onnxruntime-linux-x64-1.32.0/lib/libonnxruntime.so.1", link: "libonnxruntime.so.1.32.0"},
		member{name: "./onnxruntime-linux-x64-1.32.0/lib/libonnxruntime.so.1.32.0", content: library},
		member{name: "./onnxruntime-linux-x64-1.32.0/lib/libonnxruntime_providers_shared.so", content: []byte("other")})
}

func archiveOf(name string, content []byte) *archive {
	return &archive{name, bytes.NewReader(content), int64(len(content)), defaultLimits}
}

// What an archive is, is told by its content.
func TestArchives(t *testing.T) {
	lib := fake(1, 10_000)
	mac := member{name: "onnxruntime-osx-arm64-1.32.0/lib/libonnxruntime.1.32.0.dylib.dSYM/Contents/Resources/DWARF/libonnxruntime.1.32.0.dylib", content: []byte("symbols")}
	for _, test := range []struct {
		name          string
		content       []byte
		platform      string
		kind, version string
		texts         string
	}{
		{"x", wheelOf(t, lib), "linux/amd64", "wheel", "1.32.0", "onnxruntime-LICENSE onnxruntime-ThirdPartyNotices.txt"},
		{"x", npmOf(t, lib), "linux/amd64", "npm package", "1.30.0", "onnxruntime-README.md"},
		{"x", releaseOf(t, lib), "linux/amd64", "release archive", "1.32.0", "onnxruntime-LICENSE onnxruntime-ThirdPartyNotices.txt"},
		{"x", zipOf(t, member{name: "onnxruntime-linux-x64-1.32.0/lib/libonnxruntime.so.1.32.0", content: lib}), "linux/amd64", "release archive", "1.32.0", ""},
		{"x", tgzOf(t, mac, member{name: "onnxruntime-osx-arm64-1.32.0/lib/libonnxruntime.1.32.0.dylib", content: lib}), "darwin/arm64", "release archive", "1.32.0", ""},
		{"libonnxruntime.so.1.32.0", lib, "linux/amd64", "library", "1.32.0", ""},
		{"library", lib, "linux/amd64", "library", "", ""},
	} {
		a := archiveOf(test.name, test.content)
		c, err := a.look(platformOf(test.platform))
		if err != nil {
			t.Errorf("%s: %v", test.kind, err)
			continue
		}
		if c.kind != test.kind || c.version != test.version || c.digest != sumOf(lib) {
			t.Errorf("%s: %+v", test.kind, c)
		}
		for name := range strings.FieldsSeq(test.texts) {
			if len(c.texts[name]) == 0 {
				t.Errorf("%s: there is no %s", test.kind, name)
			}
		}
		if n := len(strings.Fields(test.texts)); len(c.texts) != n {
			t.Errorf("%s: %d texts, not %d", test.kind, len(c.texts), n)
		}
		var b bytes.Buffer
		if err := a.copyTo(&b, c); err != nil || !bytes.Equal(b.Bytes(), lib) {
			t.Errorf("%s: %d bytes, %v", test.kind, b.Len(), err)
		}
	}
}

// endless is a tar member's content that is compressed well.
func bomb(t testing.TB, name string, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Size: size, Typeflag: tar.TypeReg})
	if err == nil {
		_, err = io.Copy(w, io.LimitReader(zeros{}, size))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// What is no archive of ONNX Runtime, is broken, or unpacks without end, is an
// error that says so.
func TestBadArchives(t *testing.T) {
	lib := fake(1, 10_000)
	wheel := wheelOf(t, lib)
	damaged := bytes.Clone(wheel)
	damaged[bytes.Index(damaged, lib)+5000] ^= 1 // where its CRC tells
	small := defaultLimits
	small.unpacked, small.library, small.text, small.members, small.directory = 1<<20, 1<<18, 1<<10, 100, 1<<14
	var many []member
	for i := range 2000 {
		many = append(many, member{name: fmt.Sprintf("%0100d", i)})
	}
	var deflated bytes.Buffer
	w := zip.NewWriter(&deflated)
	if e, err := w.Create("onnxruntime/capi/libonnxruntime.so.1.32.0"); err != nil {
		t.Fatal(err)
	} else if _, err := io.Copy(e, io.LimitReader(zeros{}, 1<<22)); err != nil {
		t.Fatal(err)
	} else if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"empty", nil, "it is empty"},
		{"text", []byte("hello"), "no wheel, npm package, release archive"},
		{"web page", []byte("\n<!DOCTYPE html><html>Sign in"), "web page"},
		{"another wheel", zipOf(t, member{name: "numpy/LICENSE"}), "no ONNX Runtime library in it"},
		{"for macOS", zipOf(t, member{name: "onnxruntime/capi/libonnxruntime.1.32.0.dylib", content: lib}), "for darwin, and none for linux/amd64"},
		{"npm for others", tgzOf(t, member{name: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1", content: lib}), "for linux/arm64, and none for linux/amd64"},
		{"cut wheel", wheel[:len(wheel)-100], "zip: not a valid zip file"},
		{"damaged wheel", damaged, "checksum error"},
		{"cut package", npmOf(t, lib)[:3000], "unexpected EOF"},
		{"damaged package", append([]byte("\x1f\x8b\x08\x00"), lib...), "flate: corrupt"},
		{"package.json", tgzOf(t, member{name: "package/package.json", content: []byte("[")}), "package.json: unexpected end of JSON"},
		{"gzip bomb", bomb(t, "anything", 1<<22), "larger than any official one"},
		{"library bomb", bomb(t, "lib/libonnxruntime.so.1.32.0", 1<<19), "larger than any official one"},
		{"zip bomb", deflated.Bytes(), "larger than any official one"},
		{"licence bomb", zipOf(t, member{name: "onnxruntime/LICENSE", content: make([]byte, 2000)}), "LICENSE: larger than any official one"},
		{"many in a tar", tgzOf(t, many[:200]...), "more than 100 members"},
		{"many in a zip", zipOf(t, many[:101]...), "more than 100 members"},
		{"a long list in a zip", zipOf(t, many...), "larger than any official one"},
	} {
		a := archiveOf(test.name, test.content)
		a.limits = small
		if c, err := a.look(linux); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v, want %q", test.name, c, err, test.want)
		} else if hurt := strings.HasPrefix(test.name, "cut ") || strings.HasPrefix(test.name, "damaged "); isDamage(err) != hurt {
			t.Errorf("%s: %v: is it damage? %v", test.name, err, !hurt)
		}
	}
}

// An archive that changes between checking and copying is not installed.
func TestArchiveChanges(t *testing.T) {
	lib := fake(1, 10_000)
	a := archiveOf("x", npmOf(t, lib))
	c, err := a.look(linux)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]byte{"another library": npmOf(t, fake(2, 10_000)), "none": tgzOf(t, member{name: "x"})} {
		a.ReaderAt, a.size = bytes.NewReader(other), int64(len(other))
		if err := a.copyTo(io.Discard, c); err == nil || !strings.Contains(err.Error(), "changes while it is read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzArchive: whatever bytes are, looking at them ends, and what is copied is
// what was looked at.
func FuzzArchive(f *testing.F) {
	lib := fake(1, 100)
	for _, content := range [][]byte{wheelOf(f, lib), npmOf(f, lib), releaseOf(f, lib), lib, []byte("<html>")} {
		f.Add(content)
	}
	limits := limits{archive: 1 << 20, library: 1 << 16, unpacked: 1 << 20, text: 1 << 12, directory: 1 << 14, members: 100}
	f.Fuzz(func(t *testing.T, content []byte) {
		a := archiveOf("x", content)
		a.limits = limits
		c, err := a.look(linux)
		if err != nil {
			return
		}
		if !isDigest(c.digest) || c.version != "" && !complete.MatchString(c.version) {
			t.Fatalf("%+v", c)
		}
		for name, text := range c.texts {
			if filepath.Base(name) != name || int64(len(text)) > limits.text {
				t.Fatalf("%q, %d bytes", name, len(text))
			}
		}
		var b bytes.Buffer
		if err := a.copyTo(&b, c); err != nil || sumOf(b.Bytes()) != c.digest {
			t.Fatalf("%+v: %d bytes, %v", c, b.Len(), err)
		}
	})
}

// TestFuzzCorpus writes the corpus of FuzzArchive with LIBRARY_CORPUS=write.
func TestFuzzCorpus(t *testing.T) {
	lib := fake(1, 100)
	dir := filepath.Join("testdata", "fuzz", "FuzzArchive")
	for name, content := range map[string][]byte{
		"wheel": wheelOf(t, lib), "npm": npmOf(t, lib), "release": releaseOf(t, lib), "library": lib, "page": []byte("<html>"),
		"cut": wheelOf(t, lib)[:300], "bomb": bomb(t, "lib/libonnxruntime.so.1.32.0", 1<<17),
	} {
		path := filepath.Join(dir, name)
		if os.Getenv("LIBRARY_CORPUS") == "write" {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%+q)\n", content), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
