package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pythonWithNumpy returns a Python that has numpy: the one that
// HEADSTART_PYTHON names, which must have it, or what make numpy left, or the
// system's. Without any the test is skipped.
func pythonWithNumpy(t *testing.T) string {
	t.Helper()
	try := []string{"../lib/python/bin/python", "python3"}
	named := os.Getenv("HEADSTART_PYTHON")
	if named != "" {
		try = []string{named}
	}
	for _, p := range try {
		if exec.Command(p, "-c", "import numpy").Run() == nil {
			return p
		}
	}
	if named != "" {
		t.Fatalf("HEADSTART_PYTHON is %s, which cannot import numpy", named)
	}
	t.Skip("no Python with numpy; make numpy makes one")
	return ""
}

// readWithNumpy runs testdata/read_segment.py.
func readWithNumpy(python string, paths ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(python, append([]string{"testdata/read_segment.py"}, paths...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// numpyFixture is a segment to be.
type numpyFixture struct {
	name  string
	space *Space
	rows  []float32 // len(keys)×dim
	raw   []byte    // the rows as they must stand in the file
}

// numpyFixtures are segments of every type: random and special values, odd
// numbers of odd rows.
func numpyFixtures(t *testing.T) []numpyFixture {
	random := rand.New(rand.NewPCG(1, 2))
	var singles, halves []float32
	add := func(x float32) {
		if x == x && !math.IsInf(float64(x), 0) {
			singles = append(singles, x, -x)
		}
	}
	// Around every half and every midpoint between two, where rounding turns.
	for h := uint16(0); h < halfExponent; h++ {
		a, b := fromHalf(h), float32(65536)
		if h+1 < halfExponent {
			b = fromHalf(h + 1)
		}
		for _, x := range []float32{a, a/2 + b/2} {
			add(math.Nextafter32(x, 0))
			add(x)
			add(math.Nextafter32(x, 1e9))
		}
		halves = append(halves, a, -a)
	}
	for range 300_000 {
		add(math.Float32frombits(random.Uint32()))
		add(float32(random.NormFloat64()))
	}
	for _, x := range []float32{0, math.SmallestNonzeroFloat32, 0x1p-126, math.Nextafter32(0x1p-126, 0), math.MaxFloat32, 65519.996, 65520, 1} {
		add(x)
	}
	raw := func(x []float32, b int) []byte {
		var out []byte
		for _, v := range x {
			if b == 2 {
				out = binary.LittleEndian.AppendUint16(out, toHalf(v))
			} else {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
			}
		}
		return out
	}
	var fs []numpyFixture
	for _, dim := range []int{1, 3, 5, 384} {
		for _, n := range []int{1, 5, 33} {
			single := singles[random.IntN(len(singles)-n*dim):][:n*dim]
			half := halves[random.IntN(len(halves)-n*dim):][:n*dim]
			fs = append(fs, numpyFixture{fmt.Sprintf("f32 %dx%d", n, dim), testSpace(t, dim), single, raw(single, 4)},
				numpyFixture{fmt.Sprintf("f16 %dx%d", n, dim), halfSpace(t, dim), half, raw(half, 2)})
		}
	}
	const dim = 31
	all, every := singles[:len(singles)/dim*dim], halves[:len(halves)/dim*dim]
	return append(fs, numpyFixture{"f32, many", testSpace(t, dim), all, raw(all, 4)},
		numpyFixture{"f16, every half", halfSpace(t, dim), every, raw(every, 2)})
}

// numpy reads the segments that are written here bit for bit, finds every
// checksum right, and rounds float32 to the same halves.
func TestNumpyReadsSegments(t *testing.T) {
	python := pythonWithNumpy(t)
	var paths, names, want []string
	values := 0
	for _, f := range numpyFixtures(t) {
		c := newCache(t, unsynced)
		dim := f.space.dim
		// Row i belongs to the i-th smallest key, and is appended in another
		// order.
		keys := testKeys(0, len(f.rows)/dim)
		slices.SortFunc(keys, Key.Compare)
		w, err := c.Writer(f.space, map[string]string{"runtime": "a \"quoted\" ü"})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range rand.New(rand.NewPCG(3, 4)).Perm((len(keys) + 99) / 100) {
			lo, hi := 100*i, min(100*i+100, len(keys))
			if err := w.Append(keys[lo:hi], f.rows[lo*dim:hi*dim]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		p := segments(t, c, f.space)
		if len(p) != 1 {
			t.Fatalf("%s: segments: %v", f.name, p)
		}
		as32, as16 := f.raw, f.raw
		word := "float32"
		if f.space.dtype == f16 {
			word, as32 = "float16", bytesOf(f.rows)
		} else {
			as16 = appendHalves(nil, f.rows)
		}
		values += len(f.rows)
		names, paths = append(names, f.name), append(paths, p[0])
		want = append(want, fmt.Sprintf("%d %d %s %x %x %x", len(keys), dim, word, sha256.Sum256(f.raw), sha256.Sum256(as32), sha256.Sum256(as16)))
	}
	out, errs, err := readWithNumpy(python, paths...)
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	got := strings.Split(strings.TrimSpace(out), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d lines for %d segments: %s", len(got), len(want), out)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s: numpy reads\n%s, want\n%s", names[i], got[i], want[i])
		}
	}
	t.Logf("%d segments, %d values, read by %s", len(want), values, python)
}

// The script refuses what the page forbids, each by its cause.
func TestNumpyRefusesDamage(t *testing.T) {
	python := pythonWithNumpy(t)
	dir := t.TempDir()
	var paths, want []string
	refuse := func(name string, b []byte, cause string) {
		p := filepath.Join(dir, name+segmentSuffix)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		paths, want = append(paths, p), append(want, cause)
	}
	for _, spaces := range [][2]*Space{{testSpace(t, 3), testSpace(t, 4)}, {halfSpace(t, 3), halfSpace(t, 4)}} {
		s, other := spaces[0], spaces[1]
		good := segmentBytes(t, s, testKeys(0, 5))
		emb, crcs, end := (&segmentHeader{rows: 5, dim: 3, dtype: s.dtype}).offsets()
		patch := func(at int64, bit byte) []byte {
			b := bytes.Clone(good)
			b[pageSize+at] ^= bit
			return b
		}
		edit := func(old, new string) []byte {
			if len(old) != len(new) || !bytes.Contains(good[:pageSize], []byte(old)) {
				t.Fatalf("the header has no %s", old)
			}
			return bytes.Replace(good, []byte(old), []byte(new), 1)
		}
		swapped := bytes.Clone(good)
		keys := swapped[len(good)-5*KeySize:]
		copy(keys[KeySize:], good[len(good)-KeySize:])
		copy(keys[4*KeySize:], good[len(good)-4*KeySize:][:KeySize])
		length := func(n uint64) []byte {
			b := bytes.Clone(good)
			binary.LittleEndian.PutUint64(b, n)
			return b
		}
		for _, tc := range []struct {
			name, want string
			b          []byte
		}{
			{"a bit of a row", "checksum of row 0", patch(0, 0x80)},
			{"a bit of the last row", "checksum of row 4", patch(emb-1, 1)},
			{"a bit of a checksum", "checksum of row 2", patch(emb+4*2, 1)},
			{"a bit of a key", "checksum of row 4", patch(end-1, 1)},
			{"two keys exchanged", "keys not ascending", swapped},
			{"another dim", "place of emb", bytes.Replace(edit(`\"dim\":3`, `\"dim\":4`), []byte(s.Fingerprint()), []byte(other.Fingerprint()), 1)},
			{"another space", "fingerprint", edit(`\"dim\":3`, `\"dim\":4`)},
			{"another fingerprint", "fingerprint", edit(`"fp":"`+s.Fingerprint()[:3], `"fp":"000`)},
			{"another shape", "place of emb", edit(`"shape":[5,3]`, `"shape":[3,5]`)},
			{"another type", "place of crc32", edit(`"U32"`, `"I32"`)},
			{"moved checksums", "place of crc32", edit(fmt.Sprintf("[%d,%d]", emb, crcs), fmt.Sprintf("[%d,%d]", emb+1, crcs+1))},
			{"moved keys", "place of keys", edit(fmt.Sprintf(`,%d]}}`, end), fmt.Sprintf(`,%d]}}`, end+1))},
			{"a newer format", "format", edit("headstart-segment/1", "headstart-segment/2")},
			{"cut short", "", good[:len(good)-1]},
			{"a byte more", "more than", append(bytes.Clone(good), 0)},
			{"data not at a page", "data from", length(pageSize)},
			{"data beyond the file", "data from", length(1<<63 - 8)},
			{"no JSON", "", append(bytes.Clone(good[:8]), bytes.Repeat([]byte("x"), len(good)-8)...)},
			{"empty", "data from", nil},
		} {
			digest := sha256.Sum256(tc.b)
			refuse(fmt.Sprintf("%x", digest), tc.b, tc.want)
		}
		refuse(strings.Repeat("0", 61)+s.DType(), good, "SHA-256 is ")
	}
	out, errs, err := readWithNumpy(python, paths...)
	if err == nil || out != "" {
		t.Errorf("%v, %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if len(lines) != len(paths) {
		t.Fatalf("%d of %d segments are refused: %s", len(lines), len(paths), errs)
	}
	for i, l := range lines {
		if !strings.HasPrefix(l, paths[i]+": refused: ") || !strings.Contains(l, want[i]) {
			t.Errorf("%s, want …%s…", l, want[i])
		}
	}
	t.Logf("%d segments are refused", len(lines))
}
