package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
	"time"
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

// quick calls f and fails if it takes more than 100 ms of processor time or
// 16 MB.
func quick(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(t)
	f()
	took := processorTime(t) - start
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
		t.Errorf("%d bytes allocated", n)
	}
	if took > 100*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// processorTime is what this process has used so far.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestHostileSegments(t *testing.T) {
	s := testSpace(t, 3)
	keys := testKeys(0, 4)
	good := segmentBytes(t, s, keys)
	header := strings.TrimRight(string(good[8:pageSize]), " ")
	data := good[pageSize:] // emb to 48, crc32 to 64, keys to 192
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
	other := segmentBytes(t, testSpace(t, 4), keys)
	unsorted := bytes.Clone(good)
	copy(unsorted[len(good)-32:], good[len(good)-64:len(good)-32])
	swapped := bytes.Clone(good)
	copy(swapped[len(good)-32:], good[len(good)-128:len(good)-96])

	for _, tc := range []struct {
		name, want string
		b          []byte
	}{
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
		{"field twice", `"dtype" stands twice`, edit(`"dtype":"F32"`, `"dtype":"F32","dtype":"F32"`)},
		{"no metadata", "no __metadata__", forge("{"+tensors[1:], data)},
		{"metadata of numbers", "not a string", edit(`"format":"`, `"x":1,"format":"`)},
		{"no format", "format absent", forge(`{"__metadata__":{}`+tensors, data)},
		{"newer format", "format", edit("headstart-segment/1", "headstart-segment/2")},
		{"no emb", "emb: missing", forge(header[:strings.Index(header, `,"emb"`)]+header[strings.Index(header, `,"crc32"`):], data)},
		{"ninth tensor", `"extra" does not belong`, edit(`,"crc32"`, `,"extra":{},"crc32"`)},
		{"emb F16", "data_offsets [0 48], must be [0 24]", edit(`"F32"`, `"F16"`)},
		{"emb of halves", "dtype F16, the space has f32", forge(strings.NewReplacer(`"F32"`, `"F16"`, `[0,48]`, `[0,24]`, `[48,64]`, `[24,40]`, `[64,192]`, `[40,168]`).Replace(header), data[24:])},
		{"emb of I8", `emb: dtype "I8"`, edit(`"F32"`, `"I8"`)},
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
		{"offset", "data_offsets [1 48]", edit(`[0,48]`, `[1,48]`)},
		{"negative offset", "data_offsets must be", edit(`[0,48]`, `[-1,48]`)},
		{"three offsets", "data_offsets must be", edit(`[0,48]`, `[0,48,48]`)},
		{"overlap", "do not follow emb", edit(`[48,64]`, `[44,60]`)},
		{"hole", "do not follow crc32", edit(`[64,192]`, `[65,193]`)},
		{"keys of 31 bytes", "do not follow crc32", edit(`[4,32]`, `[4,31]`)},
		{"short data", "191", forge(header, data[:191])},
		{"long data", "4289", forge(header, append(bytes.Clone(data), 0))},
		{"not at a page", "does not start at a multiple", func() []byte {
			b := append(bytes.Clone(good[:pageSize]), append([]byte("    "), data...)...)
			binary.LittleEndian.PutUint64(b, pageSize-8+4)
			return b
		}()},
		{"key twice in a row", "row 3: not in ascending order", unsorted},
		{"unsorted", "row 3: not in ascending order", swapped},
		{"of another space", "a segment of another space", other},
		{"another space.json", "not the identity", edit(`\"output\":\"test\"`, `\"output\":\"TEST\"`)},
		{"a picture", "limit", []byte("\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5000))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, unsynced)
			write(t, c, s, 4, keys[:2])
			name := fmt.Sprintf("%x%s", sha256.Sum256(tc.b), segmentSuffix)
			patched(t, c, s, name, tc.b)
			at := s.segDir() + "/" + name
			quick(t, func() {
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
}

func TestHostileWALs(t *testing.T) {
	s := testSpace(t, 3)
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
	for _, tc := range []struct {
		name, want string
		b          []byte
	}{
		{"short", "too short", full[:71]},
		{"magic", `magic "hswal/2\n"`, edited(6, '2')},
		{"checksum", "checksum mismatch", append(append(bytes.Clone(full[:30]), full[30]^1), full[31:]...)},
		{"another space", "a WAL of another space", edited(24, 0)},
		{"no values", "0 values a row", edited(56, 0, 0, 0, 0)},
		{"too many values", "4294967295 values a row", edited(56, 255, 255, 255, 255)},
		{"another dim", "4 values a row, the space has 3", edited(56, 4)},
		{"f16", "dtype f16, the space has f32", edited(60, 2)},
		{"dtype 3", "dtype code 3", edited(60, 3)},
		{"huge provenance", "provenance of 4294967295 bytes", append(append(bytes.Clone(full[:64]), 255, 255, 255, 255), full[68:]...)},
		{"long provenance", "the file has", append(append(bytes.Clone(full[:64]), 0, 31, 0, 0), full[68:]...)},
		{"provenance no JSON", "provenance: JSON", provenance("xx")},
		{"provenance an array", "not an object", provenance("[]")},
		{"provenance of numbers", "not a string", provenance(`{"a":1}`)},
		{"provenance twice", "stands twice", provenance(`{"a":"1","a":"2"}`)},
		{"provenance reserved", `"space" is taken`, provenance(`{"space":"1"}`)},
		{"zeros", "magic", make([]byte, 500)},
	} {
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
			quick(t, func() {
				r, err := c.Reader(s)
				if err != nil {
					t.Fatal(err)
				}
				if r.Waiting() != 0 && !strings.Contains(tc.want, "space") {
					t.Errorf("%d waiting", r.Waiting())
				}
				r.Close()
			})
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
}

// Frames whose checksums are right but whose counts are not.
func TestHostileFrames(t *testing.T) {
	s := testSpace(t, 3)
	full := walBytes(t, s, 4, testKeys(0, 8))
	h, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	second := start + (len(full)-start)/2
	for _, n := range []uint32{0, 3, 5, 1 << 31, 1<<32 - 1} {
		b := bytes.Clone(full)
		f := b[second:]
		binary.LittleEndian.PutUint32(f[4:], n)
		binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
		quick(t, func() {
			w, err := scanWAL(s, b)
			if err != nil || rightRows(t, s, w) != 4 || w.torn == nil {
				t.Errorf("a frame of %d rows: %d rows, %v, %v", n, len(w.rows), w.torn, err)
			}
		})
	}
	// A row whose own checksum is wrong in a frame whose checksum is right.
	b := bytes.Clone(full)
	f := b[second:]
	f[frameHeader+4*KeySize+4] ^= 1
	binary.LittleEndian.PutUint32(f[16:], h.seeded(f[frameHeader:]))
	binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
	w, err := scanWAL(s, b)
	if err != nil || rightRows(t, s, w) != 4 || !w.damaged || len(w.frames) != 1 {
		t.Errorf("a row with a wrong checksum: %d rows in %d frames, %v, %v", len(w.rows), len(w.frames), w.torn, err)
	}
}

func TestHostileSpaces(t *testing.T) {
	s := testSpace(t, 3)
	good := string(s.JSON())
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tc := range []struct{ name, json, want string }{
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
	} {
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
			quick(t, func() {
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

// What is not a regular file is refused, without blocking and without being
// followed, wherever it lies.
func TestIrregularFiles(t *testing.T) {
	s := testSpace(t, 3)
	keys := testKeys(0, 4)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, segmentBytes(t, s, keys), 0o644); err != nil {
		t.Fatal(err)
	}
	name := strings.Repeat("c", 64) + segmentSuffix
	inside := segmentBytes(t, s, keys)
	for what, make := range map[string]func(t *testing.T, p string) error{
		"a symbolic link": func(t *testing.T, p string) error { return os.Symlink(outside, p) },
		"a symbolic link inside": func(t *testing.T, p string) error {
			target := filepath.Join(filepath.Dir(p), "target")
			return errors.Join(os.WriteFile(target, inside, 0o644), os.Symlink("target", p))
		},
		"a dangling symbolic link": func(t *testing.T, p string) error { return os.Symlink("nowhere", p) },
		"a FIFO":                   func(t *testing.T, p string) error { return syscall.Mkfifo(p, 0o644) },
		"a directory":              func(t *testing.T, p string) error { return os.Mkdir(p, 0o755) },
	} {
		for _, at := range []string{s.segDir() + "/" + name, s.walDir() + "/" + strings.Repeat("c", 32) + walSuffix} {
			t.Run(what+" in "+path.Base(path.Dir(at)), func(t *testing.T) {
				c := newDamagedCache(t, unsynced)
				write(t, c, s, 4, keys[:2])
				if err := make(t, filepath.Join(c.Dir(), at)); err != nil {
					t.Fatal(err)
				}
				quick(t, func() {
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
					found = found || p.Path == at && strings.Contains(p.String(), "not a regular file but "+strings.TrimPrefix(strings.TrimSuffix(what, " inside"), "a dangling ")) ||
						p.Path == at && strings.Contains(p.String(), "a symbolic link")
				}
				if !found {
					t.Errorf("verify: %v", problems(t, c.Dir(), Fast))
				}
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
				if b, err := os.ReadFile(outside); err != nil || len(b) == 0 {
					t.Errorf("the link's target: %d bytes, %v", len(b), err)
				}
			})
		}
	}
	// The small files: FORMAT, space.json and the lock.
	for _, at := range []string{formatName, s.dir() + "/" + spaceName, s.dir() + "/" + lockName} {
		t.Run("a FIFO as "+path.Base(at), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			c, err := Create(dir, unsynced)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			write(t, c, s, 4, keys)
			p := filepath.Join(dir, at)
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(p, 0o644); err != nil {
				t.Fatal(err)
			}
			quick(t, func() {
				o, err := Open(dir, nil)
				if err == nil {
					_, err = o.Reader(s)
					o.Close()
				}
				if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "not a regular file but a FIFO") {
					t.Errorf("reading = %v", err)
				}
			})
		})
	}
}

// A file with a hole of 4 GB costs neither time nor memory.
func TestSparseFiles(t *testing.T) {
	s := testSpace(t, 1024)
	const rows = 1 << 20
	h := &segmentHeader{rows: rows, dim: 1024, metadata: metadataOf(s, nil)}
	head, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	_, _, size := h.offsets()
	wal := walBytes(t, s, 1, testKeys(0, 1))
	for at, b := range map[string][]byte{
		s.segDir() + "/" + strings.Repeat("d", 64) + segmentSuffix: head,
		s.walDir() + "/" + strings.Repeat("d", 32) + walSuffix:     wal,
	} {
		c := newDamagedCache(t, unsynced)
		write(t, c, s, 1, nil)
		p := filepath.Join(c.Dir(), at)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, int64(len(head))+size); err != nil {
			t.Fatal(err)
		}
		quick(t, func() {
			r, err := c.Reader(s)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if r.Rows() != 0 {
				t.Errorf("%d rows", r.Rows())
			}
			if _, err := c.Verify(context.Background(), Full, func(Problem) {}); err != nil {
				t.Error(err)
			}
			w, err := c.Writer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(w.Recovery())
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
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
