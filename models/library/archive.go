package library

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
)

// limits bound what is read of an archive, in bytes, and the number of its
// members. The largest official ones, which serve graphics cards as well, are
// far below.
type limits struct {
	archive   int64 // as it is downloaded
	library   int64
	unpacked  int64 // of a .tgz, all members together
	text      int64 // each of the other files that are taken
	directory int64 // of a .zip: the list of its members
	members   int
}

var defaultLimits = limits{archive: 1 << 30, library: 1 << 29, unpacked: 2 << 30, text: 4 << 20, directory: 16 << 20, members: 100_000}

// archive is what the library is taken out of.
type archive struct {
	name string // of the file, or the last part of the URL
	io.ReaderAt
	size   int64
	limits limits
}

// contents are what an archive has for a platform.
type contents struct {
	kind    string            // "wheel", "npm package", "release archive", "library"
	member  string            // the library's name in the archive
	version string            // that names say; "" if none does
	digest  string            // of the library
	texts   map[string][]byte // licence files, by the names that they get
}

// The places of the library in what is published.
var (
	inWheel   = regexp.MustCompile(`^onnxruntime/capi/[^/]+$`)
	inNpm     = regexp.MustCompile(`^package/bin/napi-v\d+/([^/]+/[^/]+)/[^/]+$`)
	inRelease = regexp.MustCompile(`^(?:[^/]+/)?lib/[^/]+$`)
)

// texts are the licence files, by their places in what is published. The npm
// package has none; its README.md names the licence.
var texts = regexp.MustCompile(`^(?:(?:onnxruntime(?:-[^/]+)?/)?(LICENSE|ThirdPartyNotices\.txt)|package/(README\.md))$`)

// complete is a version that a file may have in its name.
var complete = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// errEnough ends a walk.
var errEnough = errors.New("enough")

// look finds the library for a platform.
func (a *archive) look(p *platform) (*contents, error) {
	c := &contents{texts: map[string][]byte{}}
	var others []string // what there is for other platforms
	var packageVersion string
	system, _, _ := strings.Cut(p.name, "/")
	err := a.walk(func(name string, r io.Reader) error {
		if m := texts.FindStringSubmatch(name); m != nil {
			text, err := readAll(r, a.limits.text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			c.texts["onnxruntime-"+m[1]+m[2]] = text
			return nil
		}
		if name == "package/package.json" {
			text, err := readAll(r, a.limits.text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			var p struct{ Version string }
			if err := json.Unmarshal(text, &p); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			packageVersion = p.Version
			return nil
		}
		of, ok := isLibrary(name)
		if !ok {
			return nil
		}
		kind, machine := "", of
		switch m := inNpm.FindStringSubmatch(name); {
		case m != nil:
			kind, machine, ok = "npm package", m[1], m[1] == p.npm
		case inWheel.MatchString(name):
			kind, ok = "wheel", of == system
		case inRelease.MatchString(name):
			kind, ok = "release archive", of == system
		case !strings.Contains(name, "/"):
			kind, ok = "library", of == system
		default:
			return nil
		}
		if !ok {
			if !slices.Contains(others, machine) && len(others) < 8 {
				others = append(others, machine)
			}
			return nil
		}
		if c.member != "" {
			return nil // macOS has it under two names
		}
		digest, err := digestOf(r, a.limits.library)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.kind, c.member, c.digest = kind, name, digest
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case c.member == "" && len(others) > 0:
		return nil, fmt.Errorf("it has ONNX Runtime for %s, and none for %s", strings.Join(others, ", "), p.name)
	case c.member == "":
		return nil, errors.New("there is no ONNX Runtime library in it")
	}
	c.version = versionIn(c.member)
	if c.version == "" && c.kind == "npm package" && complete.MatchString(packageVersion) {
		c.version = packageVersion
	}
	return c, nil
}

// copyTo writes the library that look found.
func (a *archive) copyTo(w io.Writer, c *contents) error {
	err := a.walk(func(name string, r io.Reader) error {
		if name != c.member {
			return nil
		}
		digest, err := digestOf(io.TeeReader(r, w), a.limits.library)
		if err == nil && digest != c.digest {
			err = fmt.Errorf("%s: the file changes while it is read", name)
		}
		if err != nil {
			return err
		}
		return errEnough
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s: the file changes while it is read", c.member)
	}
	return err
}

// digest returns the SHA-256 of the whole archive.
func (a *archive) digest() (string, error) {
	return digestOf(io.NewSectionReader(a, 0, a.size), a.size)
}

// walk calls visit with each regular file in the archive, or with the library
// if it is one itself, until visit fails.
func (a *archive) walk(visit func(name string, r io.Reader) error) error {
	head := make([]byte, min(512, a.size))
	if _, err := a.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return a.walkZip(visit)
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return a.walkTar(visit)
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return visit(a.nameOr("libonnxruntime.so"), io.NewSectionReader(a, 0, a.size))
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")), bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")): // Mach-O, for one kind of CPU or several
		return visit(a.nameOr("libonnxruntime.dylib"), io.NewSectionReader(a, 0, a.size))
	case a.size == 0:
		return errors.New("it is empty")
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("<")):
		return errors.New("it is a web page and no archive; open the address in a browser to see what it says")
	}
	return errors.New("it is no wheel, npm package, release archive (.tgz, .zip) or library of ONNX Runtime")
}

// nameOr is the name of a library that is no archive, if it is a library's.
func (a *archive) nameOr(plain string) string {
	if _, ok := isLibrary(a.name); ok && strings.HasSuffix(a.name, ".dylib") == strings.HasSuffix(plain, ".dylib") {
		return a.name
	}
	return plain
}

func (a *archive) walkTar(visit func(name string, r io.Reader) error) error {
	z, err := gzip.NewReader(io.NewSectionReader(a, 0, a.size))
	if err != nil {
		return err
	}
	limited := &atMost{z, a.limits.unpacked}
	t := tar.NewReader(limited)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && n == a.limits.members {
			err = fmt.Errorf("it has more than %d members", a.limits.members)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := visit(path.Clean(h.Name), t); err != nil {
			return err
		}
	}
}

func (a *archive) walkZip(visit func(name string, r io.Reader) error) error {
	// What is read while the list of members is, is bounded.
	listing := &budget{ReaderAt: a, left: a.limits.directory}
	z, err := zip.NewReader(listing, a.size)
	if err != nil {
		return err
	}
	listing.left = -1
	if len(z.File) > a.limits.members {
		return fmt.Errorf("it has more than %d members", a.limits.members)
	}
	for _, f := range z.File {
		if !f.Mode().IsRegular() {
			continue
		}
		// Most members are not looked into.
		name := path.Clean(f.Name)
		if _, ok := isLibrary(name); !ok && !texts.MatchString(name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		err = visit(name, r)
		r.Close() // what was read was checked
		if err != nil {
			return err
		}
	}
	return nil
}

// errTooLarge is the error of what is larger than the limits.
var errTooLarge = errors.New("larger than any official one")

// isDamage tells whether an error is one of an archive of a right format whose
// bytes are wrong, or not all there.
func isDamage(err error) bool {
	for _, damage := range []error{zip.ErrFormat, zip.ErrChecksum, gzip.ErrHeader, gzip.ErrChecksum, tar.ErrHeader, io.ErrUnexpectedEOF} {
		if errors.Is(err, damage) {
			return true
		}
	}
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}

// atMost reads from a stream and fails after so many bytes.
type atMost struct {
	r    io.Reader
	left int64
}

func (a *atMost) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, errTooLarge
	}
	n, err := a.r.Read(b[:min(int64(len(b)), a.left)])
	a.left -= int64(n)
	return n, err
}

// budget is a file of which so many bytes may be read; any number if left is
// negative.
type budget struct {
	io.ReaderAt
	left int64
}

func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	if b.left >= 0 {
		if int64(len(p)) > b.left {
			return 0, errTooLarge
		}
		b.left -= int64(len(p))
	}
	return b.ReaderAt.ReadAt(p, at)
}

// digestOf returns the SHA-256 of what r has, which must not be more than limit
// bytes.
func digestOf(r io.Reader, limit int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", errTooLarge
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = errTooLarge
	}
	return b, err
}
