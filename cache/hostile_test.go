package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// forge puts a header in front of data, padded as it must be.
func forge(header string, data []byte) []byte {
	b := append(make([]byte, 8), header...)
	for len(b)%pageSize != 0 {
		b = append(b, ' ')
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return append(b, data...)
}

// costliest is the most that a call of cheap took so far.
var costliest struct {
	pages int64  // of memory that were touched first by it
	bytes uint64 // allocated in all
}

// cheap calls f and fails if it touches more than 16 MiB of memory for the
// first time, mapped files among it, or allocates more than 16 MiB in all.
func cheap(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	pages := touched(t)
	f()
	pages = touched(t) - pages
	runtime.ReadMemStats(&after)
	n := after.TotalAlloc - before.TotalAlloc
	if n > 16<<20 {
		t.Errorf("%d bytes allocated", n)
	}
	costliest.pages, costliest.bytes = max(costliest.pages, pages), max(costliest.bytes, n)
	// An emulator's own memory is that of this process.
	if most := int64(16 << 20 / os.Getpagesize()); pages > most && os.Getenv("EMULATED") == "" {
		t.Errorf("%d pages of memory touched, more than %d", pages, most)
	}
}

// touched is how many pages this process has touched for the first time so
// far.
func touched(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u.Minflt + u.Majflt
}

// Each file that somebody made to do harm is refused by its name and with the
// cause, without reading or allocating much, and nothing else suffers.
func TestHostileFiles(t *testing.T) {
	all := 0
	for _, kind := range []struct {
		name string
		try  func(*testing.T) int // returns how many files it tried
	}{
		{"segments of f32", func(t *testing.T) int { return hostileSegments(t, testSpace(t, 3), testSpace(t, 4)) }},
		{"segments of f16", func(t *testing.T) int { return hostileSegments(t, halfSpace(t, 3), halfSpace(t, 4)) }},
		{"WALs of f32", func(t *testing.T) int { return hostileWALs(t, testSpace(t, 3)) }},
		{"WALs of f16", func(t *testing.T) int { return hostileWALs(t, halfSpace(t, 3)) }},
		{"frames of f32", func(t *testing.T) int { return hostileFrames(t, testSpace(t, 3)) }},
		{"frames of f16", func(t *testing.T) int { return hostileFrames(t, halfSpace(t, 3)) }},
		{"space.json", hostileSpaces},
		{"FORMAT", hostileFormats},
		{"stat caches", hostileStatCaches},
		{"names", hostileNames},
		{"irregular files", irregularFiles},
		{"irregular directories", irregularDirectories},
		{"sparse files", sparseFiles},
	} {
		n := 0
		t.Run(kind.name, func(t *testing.T) { n = kind.try(t) })
		t.Logf("%3d %s", n, kind.name)
		all += n
	}
	t.Logf("%3d hostile files; the costliest touched %d pages, or allocated %d KiB", all, costliest.pages, costliest.bytes>>10)
	if part := strings.Contains(flag.Lookup("test.run").Value.String(), "/"); all < 60 && !part {
		t.Errorf("%d hostile files, want 60 at least", all)
	}
}

type hostileFile struct {
	name, want string
	b          []byte
}

// mergesRest merges a cache with something hostile at a path into a new one,
// which must then have the keys, nothing else, and be without damage.
func mergesRest(t *testing.T, src *Cache, s *Space, at string, keys []Key) {
	t.Helper()
	dst := newCache(t, unsynced)
	cheap(t, func() {
		m, err := dst.Merge(context.Background(), src, false)
		if err != nil {
			t.Errorf("merge: %v", err)
			return
		}
		if len(m.Problems) != 1 || m.Problems[0].Path != at {
			t.Errorf("merge: problems %v, want %s", m.Problems, at)
		}
		if int(m.Rows) != len(keys) {
			t.Errorf("merge: %d rows, want %d", m.Rows, len(keys))
		}
	})
	checkRows(t, dst, s, keys)
	if es, err := os.ReadDir(filepath.Dir(dst.Dir())); err != nil || len(es) != 1 {
		t.Errorf("beside the destination there is %v, %v", es, err)
	}
}

// hostileSegments tries files that lie in seg/ of s.
func hostileSegments(t *testing.T, s, otherSpace *Space) int {
	keys := testKeys(0, 4)
	good := segmentBytes(t, s, keys)
	header := strings.TrimRight(string(good[8:pageSize]), " ")
	data := good[pageSize:]
	emb, crcs, end := (&segmentHeader{rows: 4, dim: 3, dtype: s.dtype}).offsets()
	places := func(a, b int64) string { return fmt.Sprintf("[%d,%d]", a, b) }
	F := `"` + s.dtype.tensor() + `"`
	edit := func(old, new string) []byte {
		if !strings.Contains(header, old) {
			t.Fatalf("the header has no %s", old)
		}
		return forge(strings.Replace(header, old, new, 1), data)
	}
	length := func(n uint64) []byte {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint64(b, n)
		return b
	}
	tensors := header[strings.Index(header, `,"emb"`):]
	other := segmentBytes(t, otherSpace, keys)
	otherType := &segmentHeader{rows: 4, dim: 3, dtype: f32 + f16 - s.dtype, metadata: metadataOf(s, nil)}
	otherHead, err := otherType.encode()
	if err != nil {
		t.Fatal(err)
	}
	_, _, otherEnd := otherType.offsets()
	unsorted := bytes.Clone(good)
	copy(unsorted[len(good)-32:], good[len(good)-64:len(good)-32])
	swapped := bytes.Clone(good)
	copy(swapped[len(good)-32:], good[len(good)-128:len(good)-96])

	files := []hostileFile{
		{"empty", "0 bytes, too short", nil},
		{"7 bytes", "7 bytes, too short", good[:7]},
		{"length 0", "does not start at a multiple", length(0)},
		{"length 7", "does not start at a multiple", length(7)},
		{"length 2^32-1", "length 4294967295, the limit", length(1<<32 - 1)},
		{"length 2^63", "length 9223372036854775808, the limit", length(1 << 63)},
		{"length 2^64-1", "length 18446744073709551615, the limit", length(1<<64 - 1)},
		{"length over the file", "the file has", length(65536 - 8)},
		{"header too long", "the limit is 65528", forge(header+strings.Repeat(" ", 65536), data)},
		{"no header", "unexpected end", forge("", data)},
		{"no JSON", "JSON: offset 0", forge("hello", data)},
		{"binary", "not valid UTF-8", forge("{\"\xff\":1}", data)},
		{"an array", "does not start with an object", forge(`[1]`, data)},
		{"space first", "does not start with an object", forge(" "+header, data)},
		{"deep", "nested deeper", forge(strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000), data)},
		{"deep, open", "nested deeper", forge(strings.Repeat(`[`, 60000), data)},
		{"two values", "after the value", forge(header+"{}", data)},
		{"key twice", `"emb" stands twice`, edit(`,"crc32"`, `,"emb"`)},
		{"key twice, escaped", `"emb" stands twice`, edit(`,"crc32"`, `,"\u0065mb":{},"crc32"`)},
		{"field twice", `"dtype" stands twice`, edit(`"dtype":`+F, `"dtype":`+F+`,"dtype":`+F)},
		{"no metadata", "no __metadata__", forge("{"+tensors[1:], data)},
		{"metadata of numbers", "not a string", edit(`"format":"`, `"x":1,"format":"`)},
		{"no format", "format absent", forge(`{"__metadata__":{}`+tensors, data)},
		{"newer format", "format", edit("headstart-segment/1", "headstart-segment/2")},
		{"no emb", "emb: missing", forge(header[:strings.Index(header, `,"emb"`)]+header[strings.Index(header, `,"crc32"`):], data)},
		{"ninth tensor", `"extra" does not belong`, edit(`,"crc32"`, `,"extra":{},"crc32"`)},
		{"emb of the other type", "data_offsets", edit(F, `"`+otherType.dtype.tensor()+`"`)},
		{"emb of I8", `emb: dtype "I8"`, edit(F, `"I8"`)},
		{"emb of BF16", `emb: dtype "BF16"`, edit(F, `"BF16"`)},
		{"emb of a number", "emb: dtype 16", edit(F, `16`)},
		{"keys as U32", `keys: dtype "U32"`, edit(`"U8"`, `"U32"`)},
		{"three dimensions", "shape must be 2", edit(`[4,3]`, `[4,3,1]`)},
		{"float shape", "not an integer", edit(`[4,3]`, `[4,3.0]`)},
		{"exponent", "not an integer", edit(`[4,3]`, `[4,3e0]`)},
		{"negative shape", "shape must be", edit(`[4,3]`, `[-4,-3]`)},
		{"no rows", "0 rows", edit(`[4,3]`, `[0,3]`)},
		{"no values", "0 values", edit(`[4,3]`, `[4,0]`)},
		{"rows beyond the limit", "rows, must be", edit(`[4,3]`, `[2147483648,3]`)},
		{"values beyond the limit", "values a row, must be", edit(`[4,3]`, `[4,1048577]`)},
		{"product overflows", "beyond", edit(`[4,3]`, `[4611686018427387904,3]`)},
		{"integer overflows", "beyond", edit(`[4,3]`, `[99999999999999999999999,3]`)},
		{"more rows than data", "data_offsets", edit(`[4,3]`, `[5,3]`)},
		{"another dim", "data_offsets", edit(`[4,3]`, `[4,4]`)},
		{"offset", "data_offsets [1 ", edit(places(0, emb), places(1, emb))},
		{"negative offset", "data_offsets must be", edit(places(0, emb), places(-1, emb))},
		{"three offsets", "data_offsets must be", edit(places(0, emb), `[0,1,2]`)},
		{"overlap", "do not follow emb", edit(places(emb, crcs), places(emb-4, crcs-4))},
		{"backwards", "do not follow emb", edit(places(emb, crcs), places(crcs, emb))},
		{"offset beyond 2^53", "beyond", edit(places(0, emb), places(0, 1<<53))},
		{"hole", "do not follow crc32", edit(places(crcs, end), places(crcs+1, end+1))},
		{"keys of 31 bytes", "do not follow crc32", edit(`[4,32]`, `[4,31]`)},
		{"short data", "the header says", forge(header, data[:end-1])},
		{"long data", "the header says", forge(header, append(bytes.Clone(data), 0))},
		{"not at a page", "does not start at a multiple", func() []byte {
			b := append(bytes.Clone(good[:pageSize]), append([]byte("    "), data...)...)
			binary.LittleEndian.PutUint64(b, pageSize-8+4)
			return b
		}()},
		{"key twice in a row", "row 3: not in ascending order", unsorted},
		{"unsorted", "row 3: not in ascending order", swapped},
		{"of another space", "a segment of another space", other},
		{"of another type", "dtype " + otherType.dtype.tensor() + ", the space has " + s.DType(), append(otherHead, make([]byte, otherEnd)...)},
		{"another space.json", "not the identity", edit(`\"output\":\"test\"`, `\"output\":\"TEST\"`)},
		{"a picture", "limit", []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5000))},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, unsynced)
			write(t, c, s, 4, keys[:2])
			name := fmt.Sprintf("%x%s", sha256.Sum256(tc.b), segmentSuffix)
			patched(t, c, s, name, tc.b)
			at := s.segDir() + "/" + name
			cheap(t, func() {
				r, err := c.Reader(s)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				ps := r.Corrupt()
				if len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), tc.want) {
					t.Errorf("refused: %v, want …%s…", ps, tc.want)
				}
				if m, err := r.Missing(keys); err != nil || !slices.Equal(m, []int{2, 3}) {
					t.Errorf("Missing = %v, %v", m, err)
				}
			})
			ps := problems(t, c.Dir(), Fast)
			if len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), tc.want) {
				t.Errorf("verify: %v, want …%s…", ps, tc.want)
			}
			if st, err := c.Stat(); err != nil || st.Spaces[0].Segments+st.Spaces[0].Refused != 2 {
				t.Errorf("Stat = %+v, %v", st, err)
			}
			mergesRest(t, c, s, at, keys[:2])
			// The next writer puts it aside.
			w, err := c.Writer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			if q := w.Recovery().Quarantined; len(q) != 1 || q[0].Path != at || !strings.Contains(q[0].String(), tc.want) {
				t.Errorf("quarantined: %v", q)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadDir(filepath.Join(c.Dir(), quarantineDir)); err != nil || len(kept) != 1 || !strings.HasSuffix(kept[0].Name(), name) {
				t.Errorf("quarantine holds %v, %v", kept, err)
			}
			checkRows(t, c, s, keys[:2])
		})
	}
	return len(files)
}

// hostileWALs tries files that lie in wal/ of s.
func hostileWALs(t *testing.T, s *Space) int {
	other := f32 + f16 - s.dtype
	full := walBytes(t, s, 4, testKeys(0, 4))
	// edited changes the header at an offset and makes its checksum right.
	edited := func(at int, with ...byte) []byte {
		b := bytes.Clone(full)
		copy(b[at:], with)
		n := walFixed + int(binary.LittleEndian.Uint32(full[64:]))
		binary.LittleEndian.PutUint32(b[n:], crc32.ChecksumIEEE(b[:n]))
		return b
	}
	provenance := func(p string) []byte {
		b := bytes.Clone(full[:walFixed])
		binary.LittleEndian.PutUint32(b[64:], uint32(len(p)))
		b = append(b, p...)
		return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	}
	files := []hostileFile{
		{"empty", "empty", nil},
		{"short", "too short", full[:71]},
		{"magic", `magic "hswal/2\n"`, edited(6, '2')},
		{"checksum", "checksum mismatch", append(append(bytes.Clone(full[:30]), full[30]^1), full[31:]...)},
		{"another space", "a WAL of another space", edited(24, 0)},
		{"no values", "0 values a row", edited(56, 0, 0, 0, 0)},
		{"too many values", "4294967295 values a row", edited(56, 255, 255, 255, 255)},
		{"another dim", "4 values a row, the space has 3", edited(56, 4)},
		{"another type", "dtype " + other.String() + ", the space has " + s.DType(), edited(60, byte(other))},
		{"dtype 0", "dtype code 0", edited(60, 0)},
		{"dtype 2^32-1", "dtype code 4294967295", edited(60, 255, 255, 255, 255)},
		{"dtype 3", "dtype code 3", edited(60, 3)},
		{"huge provenance", "provenance of 4294967295 bytes", append(append(bytes.Clone(full[:64]), 255, 255, 255, 255), full[68:]...)},
		{"long provenance", "the file has", append(append(bytes.Clone(full[:64]), 0, 31, 0, 0), full[68:]...)},
		{"provenance no JSON", "provenance: JSON", provenance("xx")},
		{"provenance an array", "not an object", provenance("[]")},
		{"provenance of numbers", "not a string", provenance(`{"a":1}`)},
		{"provenance twice", "stands twice", provenance(`{"a":"1","a":"2"}`)},
		{"provenance reserved", `"space" is taken`, provenance(`{"space":"1"}`)},
		{"provenance deep", "nested deeper", provenance(strings.Repeat(`{"a":`, 1000) + `"1"` + strings.Repeat("}", 1000))},
		{"provenance binary", "not valid UTF-8", provenance("{\"\xff\":\"1\"}")},
		{"provenance too long", "provenance of 8193 bytes", provenance(strings.Repeat(" ", maxProvenance+1))},
		{"a segment", "magic", segmentBytes(t, s, testKeys(0, 4))},
		{"zeros", "magic", make([]byte, 500)},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, unsynced)
			write(t, c, s, 4, testKeys(4, 6))
			at := s.walDir() + "/" + strings.Repeat("b", 32) + walSuffix
			if err := os.WriteFile(filepath.Join(c.Dir(), at), tc.b, 0o644); err != nil {
				t.Fatal(err)
			}
			ps := problems(t, c.Dir(), Fast)
			if len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), tc.want) {
				t.Errorf("verify: %v, want …%s…", ps, tc.want)
			}
			cheap(t, func() {
				r, err := c.Reader(s)
				if err != nil {
					t.Fatal(err)
				}
				if r.Waiting() != 0 && !strings.Contains(tc.want, "space") {
					t.Errorf("%d waiting", r.Waiting())
				}
				r.Close()
			})
			mergesRest(t, c, s, at, testKeys(4, 6))
			w, err := c.Writer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			if q := w.Recovery().Quarantined; len(q) != 1 || q[0].Path != at || !strings.Contains(q[0].String(), tc.want) {
				t.Errorf("quarantined: %v", q)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			checkRows(t, c, s, testKeys(4, 6))
		})
	}
	return len(files)
}

// hostileFrames tries frames whose checksums are right but whose counts are
// not, behind a frame of four rows that is.
func hostileFrames(t *testing.T, s *Space) int {
	full := walBytes(t, s, 4, testKeys(0, 8))
	h, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	second := start + (len(full)-start)/2
	frame := func(edit func(f []byte)) []byte {
		b := bytes.Clone(full)
		f := b[second:]
		edit(f)
		binary.LittleEndian.PutUint32(f[16:], h.seeded(f[frameHeader:]))
		binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
		return b
	}
	count := func(n uint32) []byte { return frame(func(f []byte) { binary.LittleEndian.PutUint32(f[4:], n) }) }
	most := maxFrame / (walRowOverhead + s.rowSize())
	files := []hostileFile{
		{"no rows", "header: 0 rows", count(0)},
		{"a row less", "checksum mismatch", count(3)},
		{"a row more", "", count(5)}, // as if it were not finished
		{"the most rows", "", count(uint32(most))},
		{"more rows than a frame has", "the limit is", count(uint32(most + 1))},
		{"2^31-1 rows", "header: 2147483647 rows", count(1<<31 - 1)},
		{"2^31 rows", "header: 2147483648 rows", count(1 << 31)},
		{"2^32-1 rows", "header: 4294967295 rows", count(1<<32 - 1)},
		{"number 2^64-1", "number 18446744073709551615, must be 1", frame(func(f []byte) { binary.LittleEndian.PutUint64(f[8:], 1<<64-1) })},
		{"number 0", "number 0, must be 1", frame(func(f []byte) { binary.LittleEndian.PutUint64(f[8:], 0) })},
		{"a row's checksum", "row 1: checksum mismatch", frame(func(f []byte) { f[frameHeader+4*KeySize+4] ^= 1 })},
		{"another magic", "header: checksum mismatch", frame(func(f []byte) { copy(f, "HSfx") })},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			c := newDamagedCache(t, unsynced)
			write(t, c, s, 1, nil)
			at := s.walDir() + "/" + strings.Repeat("b", 32) + walSuffix
			if err := os.WriteFile(filepath.Join(c.Dir(), at), tc.b, 0o644); err != nil {
				t.Fatal(err)
			}
			refused := func(what string, ps []Problem) {
				t.Helper()
				if tc.want == "" && len(ps) != 0 || tc.want != "" && (len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), tc.want)) {
					t.Errorf("%s: %v, want …%s…", what, ps, tc.want)
				}
			}
			cheap(t, func() {
				refused("verify", problems(t, c.Dir(), Fast))
				w, err := c.Writer(s, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				if w.Recovery().Rows != 4 {
					t.Errorf("%d rows are recovered, want 4", w.Recovery().Rows)
				}
				refused("recovery", w.Recovery().Quarantined)
			})
			checkRows(t, c, s, testKeys(0, 4))
		})
	}
	return len(files)
}

// hostileSpaces tries texts as space.json.
func hostileSpaces(t *testing.T) int {
	s := testSpace(t, 3)
	good := string(s.JSON())
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	files := []struct{ name, json, want string }{
		{"empty", "", "unexpected end"},
		{"no JSON", "x", "starts neither"},
		{"an array", "[]", "not a JSON object"},
		{"edited", strings.Replace(good, `"test"`, `"toast"`, 1), "it was edited, or the directory renamed"},
		{"line end", good + "\n", "not canonical"},
		{"spaces", strings.Replace(good, ":", ": ", 1), "not canonical"},
		{"escaped", strings.Replace(good, "test", `t\u0065st`, 1), "not canonical"},
		{"key twice", strings.Replace(good, "{", `{"dim":3,`, 1), "stands twice"},
		{"float", strings.Replace(good, ":3", ":3.0", 1), "not an integer"},
		{"bool", strings.Replace(good, ":3", ":true", 1), "starts neither"},
		{"null", strings.Replace(good, ":3", ":null", 1), "starts neither"},
		{"no dim", `{"dtype":"f32"}`, "dim: must be an integer"},
		{"dim 0", strings.Replace(good, ":3", ":0", 1), "dim: must be an integer"},
		{"dim as text", strings.Replace(good, ":3", `:"3"`, 1), "dim: must be an integer"},
		{"huge dim", strings.Replace(good, ":3", ":1048577", 1), "dim: must be an integer"},
		{"f16", strings.Replace(good, "f32", "bf16", 1), `must be "f32" or "f16", is "bf16"`},
		{"no dtype", `{"dim":3}`, "dtype: must be"},
		{"deep", strings.Replace(good, ":3", `:3,"x":`+nest(17), 1), "nested deeper"},
		{"very deep", nest(12000), "nested deeper"},
		{"large", `{"dim":3,"dtype":"f32","x":"` + strings.Repeat("x", maxSpaceJSON) + `"}`, "the limit is"},
		{"huge", strings.Repeat(" ", 50<<20), "the limit is"},
		{"lone surrogate", strings.Replace(good, "test", `\ud800`, 1), "lone surrogate"},
		{"not UTF-8", strings.Replace(good, "test", "\xff", 1), "not valid UTF-8"},
		{"truncated", good[:len(good)-1], "unexpected end"},
		{"two", good + good, "after the value"},
		{"exponent", strings.Replace(good, ":3", ":3e0", 1), "not an integer"},
		{"negative dim", strings.Replace(good, ":3", ":-3", 1), "dim: must be an integer"},
		{"dim 2^53", strings.Replace(good, ":3", ":9007199254740992", 1), "beyond"},
		{"leading zero", strings.Replace(good, ":3", ":03", 1), "no integer"},
		{"key twice, escaped", strings.Replace(good, "{", `{"\u0064im":3,`, 1), "stands twice"},
		{"key twice, deep", strings.Replace(good, `"impl"`, `"impl":"a","impl"`, 1), "stands twice"},
		{"long key", strings.Replace(good, "{", `{"`+strings.Repeat("k", maxField+1)+`":1,`, 1), "the limit is 256"},
		{"deep objects", strings.Replace(good, ":3", `:3,"x":`+strings.Repeat(`{"a":`, 3000)+"1"+strings.Repeat("}", 3000), 1), "nested deeper"},
		{"open string", `{"dim":3,"dtype":"f32","x":"` + strings.Repeat("x", 20000), "unexpected end"},
		{"control character", strings.Replace(good, "test", "te\x00st", 1), "control character"},
		{"byte order mark", "\ufeff" + good, "starts neither"},
		{"upper case", strings.Replace(good, `"f32"`, `"F32"`, 1), `must be "f32" or "f16"`},
		{"another type", strings.Replace(good, `"f32"`, `"f16"`, 1), "it was edited, or the directory renamed"},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			c := newDamagedCache(t, unsynced)
			write(t, c, s, 4, testKeys(0, 4))
			other := testSpace(t, 5)
			write(t, c, other, 4, testKeys(0, 4))
			at := s.dir() + "/" + spaceName
			if err := os.WriteFile(filepath.Join(c.Dir(), at), []byte(tc.json), 0o644); err != nil {
				t.Fatal(err)
			}
			refused := func(what string, err error) {
				t.Helper()
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) || corrupt.Path != at {
					t.Errorf("%s = %v, want a *CorruptError that names %s", what, err, at)
				}
			}
			cheap(t, func() {
				spaces, err := c.Spaces()
				refused("Spaces", err)
				if !strings.Contains(err.Error(), tc.want) {
					t.Errorf("Spaces = %v, want …%s…", err, tc.want)
				}
				if len(spaces) != 1 || spaces[0].Fingerprint() != other.Fingerprint() {
					t.Errorf("the other spaces are %v", spaces)
				}
				_, err = c.Reader(s)
				refused("Reader", err)
				_, err = c.Writer(s, nil)
				refused("Writer", err)
			})
			if ps := problems(t, c.Dir(), Fast); len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), tc.want) {
				t.Errorf("verify: %v", ps)
			}
			st, err := c.Stat()
			if err != nil || len(st.Spaces) != 2 {
				t.Fatalf("Stat = %+v, %v", st, err)
			}
			for _, one := range st.Spaces {
				if (one.Space == nil) != (one.Fingerprint == s.Fingerprint()) || (one.Err == nil) != (one.Space != nil) {
					t.Errorf("Stat has %+v", one)
				}
			}
			checkRows(t, c, other, testKeys(0, 4))
			// Without the file, the space is whole again with the next writer.
			if err := os.Remove(filepath.Join(c.Dir(), at)); err != nil {
				t.Fatal(err)
			}
			if ps := problems(t, c.Dir(), Fast); len(ps) != 1 || ps[0].Path != at || !strings.Contains(ps[0].String(), "missing") {
				t.Errorf("verify without space.json: %v", ps)
			}
			checkRows(t, c, s, testKeys(0, 4))
			write(t, c, s, 4, nil)
			checkClean(t, c.Dir())
		})
	}
	return len(files)
}

// A space's directory under another name is refused, and is no space of its
// old name any more.
func TestRenamedSpace(t *testing.T) {
	c, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 4, testKeys(0, 4))
	other := testSpace(t, 4)
	if err := os.Rename(filepath.Join(c.Dir(), s.dir()), filepath.Join(c.Dir(), other.dir())); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := c.Reader(other); !errors.As(err, &corrupt) {
		t.Errorf("Reader = %v", err)
	}
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Rows() != 0 {
		t.Error("rows without a directory")
	}
	if err := os.Rename(filepath.Join(c.Dir(), other.dir()), filepath.Join(c.Dir(), spacesDir, "my space")); err != nil {
		t.Fatal(err)
	}
	if ps := problems(t, c.Dir(), Fast); len(ps) != 1 || !strings.Contains(ps[0].String(), "no fingerprint") {
		t.Errorf("verify: %v", ps)
	}
}

// What lies in spaces/ and is no space's directory is refused, except for
// hidden files, and nothing else suffers.
func TestForeignSpaces(t *testing.T) {
	c, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 4, testKeys(0, 4))
	at := func(name string) string { return filepath.Join(c.Dir(), spacesDir, name) }
	file, link, outside := strings.Repeat("a", 64), strings.Repeat("b", 64), t.TempDir()
	err := errors.Join(
		os.WriteFile(at(".DS_Store"), nil, 0o644),
		os.WriteFile(at(file), nil, 0o644),
		os.Symlink(outside, at(link)),
		os.Mkdir(at(strings.Repeat("c", 64)), 0o755), // of a writer that died at once
	)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: "in a file", link: "in a symbolic link"} {
		found := false
		for _, p := range problems(t, c.Dir(), Full) {
			found = found || p.Path == path.Join(spacesDir, name, spaceName) && strings.Contains(p.String(), want)
		}
		if !found {
			t.Errorf("verify: %v, want …%s…", problems(t, c.Dir(), Full), want)
		}
	}
	if ps := problems(t, c.Dir(), Full); len(ps) != 2 {
		t.Errorf("verify: %v", ps)
	}
	if spaces, err := c.Spaces(); len(spaces) != 1 || err == nil {
		t.Errorf("Spaces = %v, %v", spaces, err)
	}
	checkRows(t, c, s, testKeys(0, 4))
}

// irregular makes things that are no regular files at a path; outside is a
// file or directory outside of the cache.
func irregular(outside string) map[string]func(p string) error {
	return map[string]func(p string) error{
		"a symbolic link outside": func(p string) error { return os.Symlink(outside, p) },
		"a symbolic link inside": func(p string) error {
			// What was there before is the target.
			if err := os.Rename(p+".target", p+".kept"); err != nil {
				return err
			}
			return os.Symlink(filepath.Base(p)+".kept", p)
		},
		"a symbolic link upwards":   func(p string) error { return os.Symlink("../../../../../../etc", p) },
		"a dangling symbolic link":  func(p string) error { return os.Symlink("nowhere", p) },
		"a symbolic link to itself": func(p string) error { return os.Symlink(filepath.Base(p), p) },
		"a FIFO":                    func(p string) error { return syscall.Mkfifo(p, 0o644) },
		"a socket":                  func(p string) error { return syscall.Mknod(p, syscall.S_IFSOCK|0o644, 0) },
		"a device":                  func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o644, 1<<8|5) }, // /dev/zero
		"a directory":               func(p string) error { return os.Mkdir(p, 0o755) },
	}
}

// kind is what a message calls what irregular makes.
func kind(what string) string {
	if strings.Contains(what, "symbolic link") {
		return "a symbolic link"
	}
	return what
}

// makeIrregular puts something irregular in the place of what is at p, if
// anything is. Only root may make devices; for others that case is left out.
func makeIrregular(t *testing.T, what, p string, put func(string) error) {
	t.Helper()
	if err := os.Rename(p, p+".target"); errors.Is(err, os.ErrNotExist) {
		err = os.WriteFile(p+".target", nil, 0o644)
		if err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	err := put(p)
	if what == "a device" && errors.Is(err, os.ErrPermission) {
		t.Skip("only root may make a device")
	}
	if err != nil {
		t.Fatal(err)
	}
	if what != "a symbolic link inside" {
		if err := os.RemoveAll(p + ".target"); err != nil {
			t.Fatal(err)
		}
	}
}

// What is not a regular file is refused, without blocking and without being
// followed, wherever it lies.
func irregularFiles(t *testing.T) int {
	s := testSpace(t, 3)
	keys := testKeys(0, 4)
	good := segmentBytes(t, s, keys)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, good, 0o644); err != nil {
		t.Fatal(err)
	}
	n := 0
	for what, put := range irregular(outside) {
		for _, at := range []string{s.segDir() + "/" + strings.Repeat("c", 64) + segmentSuffix, s.walDir() + "/" + strings.Repeat("c", 32) + walSuffix} {
			n++
			t.Run(what+" in "+path.Base(path.Dir(at)), func(t *testing.T) {
				c := newDamagedCache(t, unsynced)
				write(t, c, s, 4, keys[:2])
				p := filepath.Join(c.Dir(), at)
				if err := os.WriteFile(p, good, 0o644); err != nil {
					t.Fatal(err)
				}
				makeIrregular(t, what, p, put)
				cheap(t, func() {
					checkRows(t, c, s, keys[:2])
					r, err := c.Reader(s)
					if err != nil {
						t.Fatal(err)
					}
					if r.Rows() != 2 || r.Waiting() != 0 {
						t.Errorf("%d rows, %d waiting", r.Rows(), r.Waiting())
					}
					r.Close()
				})
				found := false
				for _, p := range problems(t, c.Dir(), Fast) {
					found = found || p.Path == at && strings.Contains(p.String(), "not a regular file but "+kind(what))
				}
				if !found {
					t.Errorf("verify: %v", problems(t, c.Dir(), Fast))
				}
				mergesRest(t, c, s, at, keys[:2])
				cheap(t, func() {
					w, err := c.Writer(s, nil)
					if err != nil {
						t.Fatal(err)
					}
					if q := w.Recovery().Quarantined; len(q) != 1 || q[0].Path != at {
						t.Errorf("quarantined: %v", q)
					}
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
				})
				if b, err := os.ReadFile(outside); err != nil || !bytes.Equal(b, good) {
					t.Errorf("what lies outside has changed: %d bytes, %v", len(b), err)
				}
			})
		}
		// The small files, without which nothing can be read or written.
		for _, at := range []string{formatName, s.dir() + "/" + spaceName, s.dir() + "/" + lockName} {
			n++
			t.Run(what+" as "+path.Base(at), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "cache")
				c, err := Create(dir, unsynced)
				if err != nil {
					t.Fatal(err)
				}
				write(t, c, s, 4, keys)
				c.Close()
				makeIrregular(t, what, filepath.Join(dir, at), put)
				cheap(t, func() {
					refused := func(what string, err error) {
						t.Helper()
						if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "not a regular file but "+kind(what)) {
							t.Errorf("%v", err)
						}
					}
					o, err := Open(dir, nil)
					if err == nil {
						_, err = o.Reader(s)
						o.Close()
					}
					refused(what, err)
					o, err = Create(dir, nil)
					if err == nil {
						_, err = o.Writer(s, nil)
						o.Close()
					}
					refused(what, err)
				})
			})
		}
	}
	return n
}

// What stands in the place of a directory is refused in the same way.
func irregularDirectories(t *testing.T) int {
	s := testSpace(t, 3)
	keys := testKeys(0, 4)
	n := 0
	for _, at := range []string{spacesDir, s.dir(), s.segDir(), s.walDir(), quarantineDir, statDir, trashDir} {
		outside := t.TempDir()
		kinds := irregular(outside)
		kinds["a file"] = func(p string) error { return os.WriteFile(p, nil, 0o644) }
		delete(kinds, "a directory")
		for what, put := range kinds {
			n++
			t.Run(what+" as "+strings.Replace(at, s.Fingerprint(), "FP", 1), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "cache")
				c, err := Create(dir, unsynced)
				if err != nil {
					t.Fatal(err)
				}
				write(t, c, s, 4, keys)
				// Something for a writer to move away.
				bad := filepath.Join(dir, s.segDir(), strings.Repeat("e", 64)+segmentSuffix)
				if err := errors.Join(os.WriteFile(bad, nil, 0o644), c.Close(), os.MkdirAll(filepath.Join(dir, at), 0o755)); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, at, "kept"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
				makeIrregular(t, what, filepath.Join(dir, at), put)
				cheap(t, func() {
					var errs []error
					o, err := Open(dir, nil)
					if err != nil {
						t.Fatal(err)
					}
					r, err := o.Reader(s)
					errs = append(errs, err)
					if err == nil {
						r.Close()
					}
					_, err = o.Spaces()
					errs = append(errs, err)
					_, err = o.Stat()
					errs = append(errs, err)
					_, err = o.Verify(context.Background(), Full, func(p Problem) { errs = append(errs, &CorruptError{p}) })
					errs = append(errs, err)
					if _, ok := o.StatCache("test").Lookup("x", stat(t, dir)); ok {
						t.Error("found in no stat cache")
					}
					o.Close()
					o, err = Create(dir, unsynced)
					errs = append(errs, err)
					if err == nil {
						w, err := o.Writer(s, nil)
						errs = append(errs, err)
						if err == nil {
							errs = append(errs, w.Close())
						}
						p, fi, sc := oldFile(t, o, "a", "hello")
						sc.Put(p, fi, Key{1})
						errs = append(errs, sc.Save())
						_, err = o.GC(context.Background(), nil, false)
						errs = append(errs, err)
						o.Close()
					}
					named := 0
					for _, err := range errs {
						for _, says := range []string{"not a directory but " + kind(what), "lies in " + kind(what), "is " + kind(what) + " where a directory should be"} {
							if err != nil && strings.Contains(err.Error(), at) && strings.Contains(err.Error(), says) {
								named++
							}
						}
					}
					if named == 0 {
						t.Errorf("not refused by name: %v", errs)
					}
				})
				if what == "a symbolic link inside" {
					if _, err := os.Stat(filepath.Join(dir, at+".kept", "kept")); err != nil {
						t.Errorf("the link was followed: %v", err)
					}
				}
				if es, err := os.ReadDir(outside); err != nil || len(es) != 0 {
					t.Errorf("outside there is %v, %v", es, err)
				}
			})
		}
	}
	return n
}

// hostileFormats tries texts as FORMAT.
func hostileFormats(t *testing.T) int {
	files := []hostileFile{
		{"empty", "unknown format", nil},
		{"another major version", "version 2", []byte("headstart cache 2\n")},
		{"major version 10", "version 10", []byte("headstart cache 10\n")},
		{"major version 01", "version 01", []byte("headstart cache 01\n")},
		{"no version", "version , ", []byte("headstart cache \n")},
		{"another program", "this is no cache of headstart", []byte("bitcask 1\n")},
		{"no line end", "this is no cache of headstart", []byte("headstart cache 1")},
		{"binary", "this is no cache of headstart", []byte("\x00\x01\xff\xfe")},
		{"escape codes", `\x1b[2J`, []byte("\x1b[2Jheadstart cache 1\n")},
		{"large", "65 bytes, the limit is 64", []byte("headstart cache 1." + strings.Repeat("1", 46) + "\n")},
		{"huge", "the limit is 64", bytes.Repeat([]byte("headstart cache 1\n"), 1<<20)},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, formatName), tc.b, 0o644); err != nil {
				t.Fatal(err)
			}
			cheap(t, func() {
				_, opened := Open(dir, nil)
				_, created := Create(dir, nil)
				for what, err := range map[string]error{"Open": opened, "Create": created} {
					if err == nil || !strings.Contains(err.Error(), dir+": "+formatName) || !strings.Contains(err.Error(), tc.want) {
						t.Errorf("%s = %v, want …%s…", what, err, tc.want)
					}
				}
			})
			if es, err := os.ReadDir(dir); err != nil || len(es) != 1 {
				t.Errorf("a refused directory now has %v", es)
			}
		})
	}
	return len(files)
}

// hostileStatCaches tries files as a stat cache, which is a hint: what is
// refused is as if it were not there, and the next Save replaces it.
func hostileStatCaches(t *testing.T) int {
	m := map[string]statRecord{"/a": {1, 2, 3, 4, Key{5}}, "/b": {1, 2, 3, 4, Key{6}}}
	good, _ := mergeStat(new(statTable), m, maxStat)
	sealed := func(b []byte) []byte {
		return binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.ChecksumIEEE(b))
	}
	body := good[:len(good)-4]
	at := func(offset int, with ...byte) []byte {
		b := bytes.Clone(body)
		copy(b[offset:], with)
		return sealed(b)
	}
	const entry = statPath + 2 // bytes of one of the two
	ones := bytes.Repeat([]byte{255}, 8)
	files := []struct {
		name string
		b    []byte
		size int64 // if not 0: with a hole up to it
	}{
		{"empty", nil, 0},
		{"magic alone", []byte(statMagic), 0},
		{"another magic", at(7, '2'), 0},
		{"checksum", append(bytes.Clone(body), 0, 0, 0, 0), 0},
		{"2^64-1 entries", at(8, ones...), 0},
		{"2^63 entries", at(8, 0, 0, 0, 0, 0, 0, 0, 0x80), 0},
		{"an entry more", at(8, 3), 0},
		{"an entry less", at(8, 1), 0},
		{"no entries", at(8, 0), 0},
		{"long path", at(16+entry-4, 255, 255), 0},
		{"short path", at(16+entry-4, 1, 0), 0},
		{"a byte more", sealed(append(bytes.Clone(body), 0)), 0},
		{"a path twice", at(16+2*entry-1, 'a'), 0},
		{"paths not in order", sealed(slices.Concat(body[:16], body[16+entry:], body[16:16+entry])), 0},
		{"text", []byte(strings.Repeat("path,key\n", 1000)), 0},
		{"sparse", nil, 1 << 30},
		{"sparse, begun", body, 1 << 30},
		{"sparse, of many entries", at(8, 0, 0, 0xc0, 0)[:16], 1 << 30},
		{"sparse, of long paths", at(8, 0, 0x50, 0, 0)[:16], 1 << 30},
		{"over the limit", body, 1<<30 + 1},
		{"of 4 GiB", body, 1 << 32},
	}
	for _, tc := range files {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, unsynced)
			p := filepath.Join(c.Dir(), statDir, "test")
			if err := errors.Join(os.Mkdir(filepath.Dir(p), 0o755), os.WriteFile(p, tc.b, 0o644)); err != nil {
				t.Fatal(err)
			}
			if tc.size > 0 {
				if err := os.Truncate(p, tc.size); err != nil {
					t.Fatal(err)
				}
			}
			cheap(t, func() {
				if s := c.StatCache("test"); len(s.saved.ends) != 0 {
					t.Errorf("read: %d entries", len(s.saved.ends))
				}
			})
			file, fi, s := oldFile(t, c, "a", "hello")
			s.Put(file, fi, Key{1})
			cheap(t, func() {
				if err := s.Save(); err != nil {
					t.Error(err)
				}
			})
			if k, ok := c.StatCache("test").Lookup(file, fi); !ok || k != (Key{1}) {
				t.Error("not replaced by the next Save")
			}
		})
	}
	return len(files)
}

// hostileNames tries names of files that are no names of ours. A message that
// tells of one has one line and no control character.
func hostileNames(t *testing.T) int {
	s := testSpace(t, 3)
	keys := testKeys(0, 4)
	good := segmentBytes(t, s, keys)
	digest := sha256.Sum256(good)
	files := []struct{ dir, name string }{
		{s.segDir(), "...safetensors"},
		{s.segDir(), "..\\..\\x.safetensors"},
		{s.segDir(), "..%2f..%2fx.safetensors"},
		{s.segDir(), "x\n" + strings.Repeat("a", 60) + segmentSuffix},
		{s.segDir(), "\x1b[2J" + segmentSuffix},
		{s.segDir(), "\xff\xfe" + segmentSuffix},
		{s.segDir(), strings.ToUpper(fmt.Sprintf("%x", digest)) + segmentSuffix},
		{s.segDir(), fmt.Sprintf("%x", digest)[:63] + segmentSuffix},
		{s.segDir(), strings.Repeat("a", 255-len(segmentSuffix)) + segmentSuffix},
		{s.segDir(), "..."},
		{s.segDir(), "tmp-"},
		{s.segDir(), "x\ny"},
		{s.walDir(), "...wal"},
		{s.walDir(), "\x1b]0;x\a\n.wal"},
		{s.walDir(), strings.Repeat("ä", (255-len(walSuffix))/2) + walSuffix},
		{s.walDir(), "...new"},
		{spacesDir, "..."}, // hidden, so not looked at; left out of what must be reported
		{spacesDir, "x\n\x1b[2J"},
		{spacesDir, strings.ToUpper(s.Fingerprint())},
		{spacesDir, strings.Repeat("f", 255)},
	}
	for _, tc := range files {
		t.Run(fmt.Sprintf("%.20q", tc.name), func(t *testing.T) {
			c := newDamagedCache(t, unsynced)
			write(t, c, s, 4, keys)
			p := filepath.Join(c.Dir(), tc.dir) + "/" + tc.name
			err := error(nil)
			if tc.dir == spacesDir {
				err = os.CopyFS(p, os.DirFS(filepath.Join(c.Dir(), s.dir())))
			} else {
				err = os.WriteFile(p, good, 0o644)
			}
			if err != nil {
				t.Skip("this file system has no such names:", err)
			}
			cheap(t, func() {
				ps := problems(t, c.Dir(), Fast)
				if hidden := strings.HasPrefix(tc.name, ".") && !strings.HasSuffix(tc.name, segmentSuffix) && !strings.HasSuffix(tc.name, walSuffix); hidden != (len(ps) == 0) {
					t.Errorf("verify: %v", ps)
				}
				for _, p := range ps {
					if !strings.HasPrefix(p.Path, tc.dir+"/"+tc.name) {
						t.Errorf("verify: %v", p)
					}
					for _, text := range []string{p.String(), (&CorruptError{p}).Error()} {
						if !printable(text) {
							t.Errorf("the message has a control character: %q", text)
						}
					}
				}
				write(t, c, s, 4, nil)
				checkRows(t, c, s, keys)
			})
			if es, err := os.ReadDir(filepath.Dir(c.Dir())); err != nil || len(es) != 1 {
				t.Errorf("beside the cache there is %v, %v", es, err)
			}
		})
	}
	return len(files)
}

// sparseFiles tries files of gigabytes that take no room: they cost neither
// time nor memory.
func sparseFiles(t *testing.T) int {
	header := func(s *Space, rows int64) (head []byte, size int64) {
		h := &segmentHeader{rows: rows, dim: int64(s.dim), dtype: s.dtype, metadata: metadataOf(s, nil)}
		head, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		_, _, size = h.offsets()
		return head, int64(len(head)) + size
	}
	n := 0
	for _, s := range []*Space{testSpace(t, 1024), halfSpace(t, 1)} {
		wal := walBytes(t, s, 1, testKeys(0, 1))
		h, _, err := parseWALHeader(wal)
		if err != nil {
			t.Fatal(err)
		}
		// A frame's header that is right, and rows that are a hole.
		claims := func(rows int64) []byte {
			f := make([]byte, frameHeader)
			copy(f, frameMagic)
			binary.LittleEndian.PutUint32(f[4:], uint32(rows))
			binary.LittleEndian.PutUint64(f[8:], 1)
			binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
			return append(bytes.Clone(wal), f...)
		}
		row := int64(walRowOverhead + s.rowSize())
		gigabytes, size := header(s, 4<<30/row)
		most, mostSize := header(s, maxRows)
		seg, journal := s.segDir()+"/"+strings.Repeat("d", 64)+segmentSuffix, s.walDir()+"/"+strings.Repeat("d", 32)+walSuffix
		for _, tc := range []struct {
			name, at string
			b        []byte
			size     int64
			want     string
		}{
			{"a segment of 4 GiB", seg, gigabytes, size, "not in ascending order"},
			{"a segment of as many rows as may be", seg, most, mostSize, "not in ascending order"},
			{"a segment of zeros", seg, nil, 4 << 30, "length 0"},
			{"a WAL of 4 GiB", journal, wal, 4 << 30, ""}, // as after a power failure
			{"a WAL of zeros", journal, nil, 4 << 30, "magic"},
			{"a frame of 4 GiB", journal, claims(4 << 30 / row), 5 << 30, "the limit is"},
			{"a frame of 2^31-2 rows", journal, claims(1<<31 - 2), 256 << 30, "the limit is"},
			{"a frame of as many rows as may be", journal, claims(maxFrame / row), 4 << 30, ""},
			{"space.json of 4 GiB", s.dir() + "/" + spaceName, s.json, 4 << 30, "the limit is"},
		} {
			n++
			t.Run(tc.name+" of "+s.DType(), func(t *testing.T) {
				c := newDamagedCache(t, unsynced)
				write(t, c, s, 1, nil)
				p := filepath.Join(c.Dir(), tc.at)
				if err := os.WriteFile(p, tc.b, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(p, tc.size); err != nil {
					t.Skip("this file system has no such files:", err)
				}
				cheap(t, func() {
					if r, err := c.Reader(s); err == nil {
						if r.Rows() != 0 {
							t.Errorf("%d rows", r.Rows())
						}
						r.Close()
					}
				})
				cheap(t, func() {
					ps := problems(t, c.Dir(), Full)
					if tc.want == "" && len(ps) != 0 || tc.want != "" && (len(ps) != 1 || ps[0].Path != tc.at || !strings.Contains(ps[0].String(), tc.want)) {
						t.Errorf("verify: %v, want …%s…", ps, tc.want)
					}
				})
				cheap(t, func() {
					if w, err := c.Writer(s, nil); err == nil {
						if err := w.Close(); err != nil {
							t.Error(err)
						}
					}
				})
			})
		}
	}
	return n
}

// Files that do not belong into seg/ and wal/ are reported and left alone.
func TestForeignFiles(t *testing.T) {
	c, s := newDamagedCache(t, unsynced), testSpace(t, 3)
	write(t, c, s, 4, testKeys(0, 4))
	want := []string{s.segDir() + "/notes.txt", s.walDir() + "/notes.txt"}
	for _, at := range append(want, s.segDir()+"/.hidden") {
		if err := os.WriteFile(filepath.Join(c.Dir(), at), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(t, c, s, 4, testKeys(4, 8))
	checkRows(t, c, s, testKeys(0, 8))
	var got []string
	for _, p := range problems(t, c.Dir(), Full) {
		got = append(got, p.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("verify reports %v, want %v", got, want)
	}
}

// Everything that reads works in a directory that nobody may write to, and
// what writes says so.
func TestReadOnlyDirectory(t *testing.T) {
	c, s := newCache(t, unsynced), testSpace(t, 3)
	keys := testKeys(0, 20)
	write(t, c, s, 4, keys)
	readOnly(t, c.Dir())
	o, err := Open(c.Dir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	checkRows(t, o, s, keys)
	if _, err := o.Stat(); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		// root may write anywhere; what it may not, a disk without rights says
		deny := func(op, name string) error { return &os.PathError{Op: op, Path: name, Err: syscall.EROFS} }
		c, err = Create(c.Dir(), faulty(0, deny))
	} else {
		c, err = Create(c.Dir(), nil)
	}
	if err == nil {
		_, err = c.Writer(s, nil)
	}
	if !errors.Is(err, os.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing = %v", err)
	}
}

// readOnly takes the rights to write away from a tree until the test ends.
func readOnly(t *testing.T, dir string) {
	t.Helper()
	chmod := func(file, directory os.FileMode) {
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(p, directory)
			}
			return os.Chmod(p, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	chmod(0o444, 0o555)
	t.Cleanup(func() { chmod(0o644, 0o755) })
}
