package image

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The identity names decoders with versions of their own, never that of Go.
func TestDecodeHasNoVersionOfGo(t *testing.T) {
	if got, want := Decode(), "jpeg-islow-fancy/1+webp-libwebp/1"; got != want {
		t.Errorf("Decode is %s, want %s", got, want)
	}
	if version := strings.TrimPrefix(runtime.Version(), "go"); strings.Contains(Decode(), version) {
		t.Errorf("%s has the version of Go, %s", Decode(), version)
	}
}

func TestDecodes(t *testing.T) {
	for name, want := range map[string]bool{
		Decode(): true, "go-jpeg/1.26.8": true, "go-jpeg/1.26": true, "go-jpeg/1.27.1": false, "go-jpeg/1.260": false,
		"": false, "jpeg-islow-fancy/2+webp-libwebp/1": false, "jpeg-islow-fancy/1": false, "go": false,
	} {
		if got := Decodes(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
		s := plain()
		s.Decode = name
		if _, err := New(s, nil); (err == nil) != (want || name == "") {
			t.Errorf("%q: New says %v", name, err)
		}
	}
}

// What versions with Go's decoder made of the fixtures is made of them again,
// by any release of Go with the same decoder: the digest was recorded by such a
// version (commit bdc61d2).
func TestEarlierVersionsDecoder(t *testing.T) {
	m := readManifest(t)
	h := sha256.New()
	for _, c := range m.Cases {
		later := strings.HasPrefix(filepath.Base(c.File), "xmp") // fixtures that came after it
		if filepath.Ext(c.File) == ".jpg" && !later && slices.Contains([]string{"small", "crop-larger-floor", "turned", "unturned"}, c.Spec) {
			contract := m.Specs[c.Spec]
			s := contract.spec()
			s.Decode = "go-jpeg/1.26.8"
			crop, _ := cropOf(t, mustNew(t, s), c.content(t))
			h.Write(crop)
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil)[:16]), "8290f764824c9e89cc27f010bc5bd45d"; got != want {
		t.Errorf("the digest of the crops is %s, want %s", got, want)
	}
	if standardChanged() {
		t.Error("the standard library of this build is not that of go-jpeg/1.26")
	}
}

// A file that only says in XMP how it is turned was not turned by them.
func TestEarlierVersionsReadNoXMP(t *testing.T) {
	content := fixture(t, "xmp-attribute.png")
	s := plain()
	_, now := cropOf(t, mustNew(t, s), content)
	s.Decode = "go-jpeg/1.26.8"
	_, then := cropOf(t, mustNew(t, s), content)
	if !now.Turned || then.Turned {
		t.Errorf("turned now: %v, by earlier versions: %v", now.Turned, then.Turned)
	}
}
