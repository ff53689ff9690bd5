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

func exampleSpace(t *testing.T, d dtype) *Space {
	t.Helper()
	s, err := NewSpace(map[string]any{"dim": 2, "dtype": d.String(), "output": "pooled"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// exampleWAL is the WAL of the example, with an id that is not random.
func exampleWAL(t *testing.T, d dtype) []byte {
	t.Helper()
	s := exampleSpace(t, d)
	h := &walHeader{digest: s.digest, dim: 2, dtype: d, provenance: map[string]any{"runtime": "example"}}
	for i := range h.id {
		h.id[i] = byte(i)
	}
	keys := []Key{KeyOf("text", []byte(exampleTexts[0])), KeyOf("text", []byte(exampleTexts[1]))}
	return h.appendFrame(h.encode(), 0, keys, d.encode(nil, exampleRows))
}

// The bytes in the documentation are those that the package writes, and it
// reads them.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../docs/cache-format.md")
	if err != nil {
		t.Fatal(err)
	}
	dumps := hexDumps(t, string(page))
	if len(dumps) != 3 {
		t.Fatalf("docs/cache-format.md has %d hex dumps, want the WAL, the segment and the data of one of halves", len(dumps))
	}
	if want := exampleWAL(t, f32); !bytes.Equal(dumps[0], want) {
		t.Errorf("the WAL is\n%s", hex.Dump(want))
	}
	says := func(want string) {
		t.Helper()
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/cache-format.md does not have %s", want)
		}
	}
	for d, want := range map[dtype][]byte{f32: dumps[1], f16: dumps[2]} {
		s := exampleSpace(t, d)
		c := newCache(t, nil)
		write(t, c, s, 1, nil)
		wal := dumps[0]
		if d == f16 {
			wal = exampleWAL(t, f16)
		}
		if err := os.WriteFile(filepath.Join(c.Dir(), s.walDir(), strings.Repeat("0", 32)+walSuffix), wal, 0o644); err != nil {
			t.Fatal(err)
		}
		write(t, c, s, 1, nil) // recovers it
		p := segments(t, c, s)
		if len(p) != 1 {
			t.Fatalf("segments: %v", p)
		}
		segment, err := os.ReadFile(p[0])
		if err != nil {
			t.Fatal(err)
		}
		got := segment
		if d == f16 {
			got = segment[pageSize:]
		}
		if !bytes.Equal(got, want) {
			t.Errorf("the segment of %v is\n%s", d, hex.Dump(got))
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
			says(want)
		}
	}
	// The limits that the page states.
	for _, want := range []string{
		fmt.Sprintf("nested at most %d deep; keys of at most %d bytes", maxDepth, maxField),
		fmt.Sprintf("| `space.json` | %d KiB", maxSpaceJSON>>10),
		fmt.Sprintf("| a segment's header | %d KiB, to a multiple of %d", maxHeader>>10, pageSize),
		fmt.Sprintf("| provenance | %d KiB", maxProvenance>>10),
		fmt.Sprintf("| a WAL's frame | %d MiB", maxFrame>>20),
		fmt.Sprintf("| a stat cache | %d GiB; paths of at most %d bytes", maxStat>>30, maxPath),
		fmt.Sprintf("more than %d segments", manySmall),
	} {
		says(want)
	}
	if maxDim != 1<<20 || maxRows != 1<<31-1 || maxInteger != 1<<53-1 {
		t.Error("the limits of docs/cache-format.md are no longer those of the program")
	}
}

// The tests that the page names exist.
func TestDocumentedTests(t *testing.T) {
	page, err := os.ReadFile("../docs/cache-format.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, pattern := range []string{"*_test.go", "../extract/features/*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 16 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, m := range named {
		if !bytes.Contains(all, []byte("\nfunc "+m[1]+"(t *testing.T) {\n")) {
			t.Errorf("there is no %s", m[1])
		}
	}
}

// hexDumps reads the hex dumps on a page, in the form that hexdump -C prints: a
// star stands for more of the line before it. A dump need not begin at 0.
func hexDumps(t *testing.T, page string) (dumps [][]byte) {
	t.Helper()
	line := regexp.MustCompile(`^([0-9a-f]{8})(?:  ?((?: ?[0-9a-f]{2}){1,16}|(?: ?[0-9a-f]{2}){8}  (?: ?[0-9a-f]{2}){1,8}) +\|.*\|)?$`)
	var b, last []byte
	inside, star, begin := false, false, int64(0)
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
		if !inside {
			b, inside, begin = nil, true, offset
		}
		offset -= begin
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
