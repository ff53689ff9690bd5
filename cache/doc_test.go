package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The example of docs/cache-format.md: two texts in a space of two values.
var (
	exampleTexts = []string{"a cat", "a dog"}
	exampleRows  = []float32{0.5, -1, 0.25, 2}
)

func exampleSpace(t *testing.T) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": 2, "dtype": "f32", "output": "pooled"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// exampleWAL is the WAL of the example, with an id that is not random.
func exampleWAL(t *testing.T) []byte {
	t.Helper()
	s := exampleSpace(t)
	h := &walHeader{digest: s.digest, dim: 2, dtype: f32, provenance: map[string]any{"runtime": "example"}}
	for i := range h.id {
		h.id[i] = byte(i)
	}
	keys := []Key{KeyOf("text", []byte(exampleTexts[0])), KeyOf("text", []byte(exampleTexts[1]))}
	return h.appendFrame(h.encode(), 0, keys, bytesOf(exampleRows))
}

// The bytes in the documentation are those that the package writes, and it
// reads them.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../docs/cache-format.md")
	if err != nil {
		t.Fatal(err)
	}
	dumps := hexDumps(t, string(page))
	if len(dumps) != 2 {
		t.Fatalf("docs/cache-format.md has %d hex dumps, want the WAL and the segment", len(dumps))
	}
	wal, segment := dumps[0], dumps[1]
	if want := exampleWAL(t); !bytes.Equal(wal, want) {
		t.Errorf("the WAL is\n%s", hex.Dump(want))
	}

	s := exampleSpace(t)
	c := newCache(t, nil)
	write(t, c, s, 1, nil)
	if err := os.WriteFile(filepath.Join(c.Dir(), s.walDir(), strings.Repeat("0", 32)+walSuffix), wal, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, c, s, 1, nil) // recovers it
	p := segments(t, c, s)
	if len(p) != 1 {
		t.Fatalf("segments: %v", p)
	}
	got, err := os.ReadFile(p[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, segment) {
		t.Errorf("the segment is\n%s", hex.Dump(got))
	}

	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refs, rows := make([]Ref, 2), make([]float32, 4)
	keys := []Key{KeyOf("text", []byte(exampleTexts[0])), KeyOf("text", []byte(exampleTexts[1]))}
	if n := r.Locate(keys, refs); n != 0 {
		t.Fatalf("%d of 2 texts missing", n)
	}
	if err := r.RowsTo(rows, refs); err != nil || !slices.Equal(rows, exampleRows) {
		t.Errorf("rows %v, %v, want %v", rows, err, exampleRows)
	}
	for _, want := range []string{string(s.JSON()), s.Fingerprint(), keys[0].String(), keys[1].String(), fmt.Sprintf("%x", sha256.Sum256(segment))} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/cache-format.md does not have %s", want)
		}
	}
}

// hexDumps reads the hex dumps on a page, in the form that hexdump -C prints:
// a star stands for more of the line before it.
func hexDumps(t *testing.T, page string) (dumps [][]byte) {
	t.Helper()
	line := regexp.MustCompile(`^([0-9a-f]{8})(?:  ?((?: ?[0-9a-f]{2}){1,16}|(?: ?[0-9a-f]{2}){8}  (?: ?[0-9a-f]{2}){1,8}) +\|.*\|)?$`)
	var b, last []byte
	inside, star := false, false
	for l := range strings.Lines(page) {
		l = strings.TrimSpace(l)
		if l == "*" && inside {
			star = true
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		offset, err := strconv.ParseInt(m[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if offset == 0 {
			b, inside = nil, true
		}
		for star && len(b) < int(offset) {
			b = append(b, last...)
		}
		star = false
		if len(b) != int(offset) {
			t.Fatalf("hex dump: line %s follows %#x bytes", l, len(b))
		}
		if m[2] == "" { // the length ends a dump
			dumps = append(dumps, b)
			inside = false
			continue
		}
		if last, err = hex.DecodeString(strings.ReplaceAll(m[2], " ", "")); err != nil {
			t.Fatal(err)
		}
		b = append(b, last...)
	}
	return dumps
}
