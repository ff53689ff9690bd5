package library

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
)

//go:embed checksums.txt
var checksums string

// sums is a list of SHA-256 digests: of archives, by their names, and of the
// libraries in them, by platform and name.
type sums struct {
	archives  map[string]string // digest by name
	libraries map[string]known  // by digest
}

// known is a library whose digest stands in the list.
type known struct {
	platform *platform
	version  string
}

// official is the list of checksums.txt.
var official = func() *sums {
	s, err := parseSums(checksums)
	if err != nil {
		panic("library: checksums.txt: " + err.Error()) // a test reads it
	}
	return s
}()

// parseSums reads lines of a digest, two spaces and a name, as sha256sum writes
// them. The name of a library is that of its platform, as wheels or the npm
// package have it, a slash, and the file's. A line that begins with # is a
// comment.
func parseSums(text string) (*sums, error) {
	s := &sums{map[string]string{}, map[string]known{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		digest, name, ok := strings.Cut(line, "  ")
		if !ok || !isDigest(digest) {
			return nil, fmt.Errorf("%q is not a digest and a name", line)
		}
		if !strings.Contains(name, "/") {
			s.archives[name] = digest
			continue
		}
		k := known{version: versionIn(name)}
		for i, p := range platforms {
			if dir := path.Dir(name); dir == p.wheel || dir == p.npm {
				k.platform = &platforms[i]
			}
		}
		if k.platform == nil || k.version == "" {
			return nil, fmt.Errorf("%q is not a library of a known platform", name)
		}
		s.libraries[digest] = k
	}
	return s, nil
}

// isDigest tells whether s is a SHA-256 in lower-case hexadecimal.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

// wanted returns the digests of libraries for a platform, with their versions.
func (s *sums) wanted(p *platform) map[string]string {
	m := map[string]string{}
	for digest, k := range s.libraries {
		if k.platform == p {
			m[digest] = k.version
		}
	}
	return m
}

// Official returns the version of the official library that has this SHA-256,
// in lower-case hexadecimal, and is for this machine.
func Official(digest string) (version string, ok bool) {
	k, ok := official.libraries[digest]
	if !ok || k.platform.name != here {
		return "", false
	}
	return k.version, true
}

// Digest returns the SHA-256 of a file in lower-case hexadecimal.
func Digest(path string) (string, error) {
	f, err := draft.OpenRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return digestOf(f, math.MaxInt64-1)
}
