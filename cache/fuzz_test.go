package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

// Whatever ParseSpace takes is JSON, and its canonical form is a fixed point.
func FuzzSpace(f *testing.F) {
	f.Add(testSpace(f, 3).JSON())
	f.Add(halfSpace(f, 1<<20).JSON())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSpace(b)
		if err != nil {
			if !printable(err.Error()) {
				t.Errorf("the error is %q", err)
			}
			return
		}
		if !json.Valid(b) {
			t.Errorf("%q is no JSON", b)
		}
		again, err := ParseSpace(s.JSON())
		if err != nil || again.Fingerprint() != s.Fingerprint() || !bytes.Equal(again.JSON(), s.JSON()) {
			t.Errorf("%s is read back as %v, %v", s.JSON(), again, err)
		}
		if d := s.Diff(again); len(d) != 0 {
			t.Errorf("%s differs from itself in %v", s.JSON(), d)
		}
	})
}

// printable tells whether a terminal shows a text as it is, in one line.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// FuzzWAL scans what it gets as it is, and with all checksums made right, so
// that the checks behind them are met too.
func FuzzWAL(f *testing.F) {
	single, half := testSpace(f, 3), halfSpace(f, 3)
	for _, s := range []*Space{single, half} {
		full := walBytes(f, s, 2, testKeys(0, 4))
		f.Add(full)
		f.Add(full[:len(full)-10])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := single
		if len(b) > 60 && b[60] == byte(f16) {
			s = half
		}
		checkScan(t, s, b)
		checkScan(t, s, repaired(s, b))
	})
}

func checkScan(t *testing.T, s *Space, b []byte) {
	w, err := scanWAL(s, b)
	if err != nil {
		if !isMalformed(err) || !printable(err.Error()) {
			t.Errorf("the error is %q", err)
		}
		return
	}
	if w.end > int64(len(b)) || (w.torn == nil) != (w.end == int64(len(b))) || w.damaged && w.torn == nil {
		t.Errorf("valid to %d of %d, torn %v, damaged %v", w.end, len(b), w.torn, w.damaged)
	}
	want := map[Key][]byte{}
	for _, r := range w.rows {
		k := Key(w.key(r))
		if rowCRC(k[:], w.values(r)) != binary.LittleEndian.Uint32(w.crc(r)) {
			t.Errorf("row %v has a wrong checksum", r)
		}
		if _, ok := want[k]; !ok {
			want[k] = w.values(r)
		}
	}
	rows := w.order()
	if len(rows) != len(want) {
		t.Errorf("%d rows of %d keys", len(rows), len(want))
	}
	for i, r := range rows {
		if !bytes.Equal(w.values(r), want[Key(w.key(r))]) {
			t.Errorf("row of key %x is not the first", w.key(r))
		}
		if i > 0 && bytes.Compare(w.key(rows[i-1]), w.key(r)) >= 0 {
			t.Errorf("row %d is out of order", i)
		}
	}
}

// repaired makes the checksums of a WAL right, and its fingerprint.
func repaired(s *Space, b []byte) []byte {
	b = bytes.Clone(b)
	if len(b) < walFixed {
		return b
	}
	copy(b[24:], s.digest[:])
	end := int64(walFixed) + int64(binary.LittleEndian.Uint32(b[64:]))
	if end+4 > int64(len(b)) {
		return b
	}
	binary.LittleEndian.PutUint32(b[end:], crc32.ChecksumIEEE(b[:end]))
	h := &walHeader{id: [16]byte(b[8:])}
	size := int64(s.rowSize())
	for f := b[end+4:]; len(f) >= frameHeader; {
		n := int64(binary.LittleEndian.Uint32(f[4:]))
		payload := f[frameHeader:]
		if n*(walRowOverhead+size) <= int64(len(payload)) {
			payload = payload[:n*(walRowOverhead+size)]
		}
		if int64(len(payload)) == n*(walRowOverhead+size) {
			for i := range n {
				crc := rowCRC(payload[KeySize*i:][:KeySize], payload[walRowOverhead*n+size*i:][:size])
				binary.LittleEndian.PutUint32(payload[KeySize*n+4*i:], crc)
			}
		}
		binary.LittleEndian.PutUint32(f[16:], h.seeded(payload))
		binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
		f = f[frameHeader+len(payload):]
	}
	return b
}

// FuzzSegment opens a segment of a header, padded as it must be, and data; and
// one with the same data as keys and rows, in order and with right checksums.
func FuzzSegment(f *testing.F) {
	single, half := testSpace(f, 3), halfSpace(f, 3)
	for _, s := range []*Space{single, half} {
		full := segmentBytes(f, s, testKeys(0, 4))
		f.Add(bytes.TrimRight(full[8:pageSize], " "), full[pageSize:])
	}
	f.Fuzz(func(t *testing.T, header, data []byte) {
		s := single
		if bytes.Contains(header, []byte(`"F16"`)) {
			s = half
		}
		checkSegment(t, s, forge(string(header), data), -1)
		b, rows := inOrder(t, s, data)
		checkSegment(t, s, b, rows)
	})
}

// memory is a disk on which every file holds the same bytes.
type memory struct {
	disk
	b []byte
}

type memoryFile struct {
	file
	*bytes.Reader
	memory
}

func (m memory) Open(string, int) (file, error) {
	return memoryFile{Reader: bytes.NewReader(m.b), memory: m}, nil
}

func (f memoryFile) Stat() (fs.FileInfo, error) {
	return fstest.MapFS{"segment": {Data: f.b}}.Stat("segment")
}

func (f memoryFile) ReadAt(p []byte, offset int64) (int, error) { return f.Reader.ReadAt(p, offset) }
func (f memoryFile) Map(int64) ([]byte, error)                  { return f.b, nil }
func (f memoryFile) Close() error                               { return nil }

// inOrder makes a segment of as many keys and rows as there are in data.
func inOrder(t *testing.T, s *Space, data []byte) (b []byte, rows int) {
	of := map[Key][]byte{}
	for n := KeySize + s.rowSize(); len(data) >= n; data = data[n:] {
		of[Key(data)] = data[KeySize:n]
	}
	if len(of) == 0 {
		return nil, -1
	}
	h := &segmentHeader{rows: int64(len(of)), dim: int64(s.dim), dtype: s.dtype, metadata: metadataOf(s, nil)}
	head, err := h.encode()
	if err != nil {
		t.Fatal(err)
	}
	var emb, crcs, keys []byte
	for _, k := range slices.SortedFunc(maps.Keys(of), Key.Compare) {
		emb, keys = append(emb, of[k]...), append(keys, k[:]...)
		crcs = binary.LittleEndian.AppendUint32(crcs, rowCRC(k[:], of[k]))
	}
	return slices.Concat(head, emb, crcs, keys), len(of)
}

// checkSegment opens a segment that must have so many right rows, unless rows
// is -1, and looks for each of its keys in each way.
func checkSegment(t *testing.T, s *Space, b []byte, rows int) {
	digest := sha256.Sum256(b)
	c := &Cache{disk: memory{b: b}}
	g, _, err := c.openSegment(s, s.segDir()+"/"+hex.EncodeToString(digest[:])+segmentSuffix)
	if err != nil {
		if !isMalformed(err) || !printable(err.Error()) || rows >= 0 {
			t.Errorf("the error is %q", err)
		}
		return
	}
	right := 0
	keys := make([]Key, g.rows)
	for i := range keys {
		keys[i] = Key(g.key(i))
		if j, ok := g.find(&keys[i]); !ok || i != j {
			t.Errorf("key of row %d is found in row %d, %v", i, j, ok)
		}
		if g.valid(i) {
			right++
		}
	}
	if rows >= 0 && (g.rows != rows || right != rows) {
		t.Errorf("%d rows, %d of them right, want %d", g.rows, right, rows)
	}
	found := 0
	slices.Reverse(keys)
	g.join(keys, sortWanted(keys), func(index, row int) {
		if keys[index] != Key(g.key(row)) {
			t.Errorf("key %v is joined with row %d", keys[index], row)
		}
		found++
	})
	if found != g.rows {
		t.Errorf("%d of %d keys are joined", found, g.rows)
	}
}

// FuzzStatCache reads what it gets as it is, and with its checksum made right.
// What is read is written back as it was.
func FuzzStatCache(f *testing.F) {
	for _, m := range []map[string]statRecord{nil, {"": {}, "/a/b": {1, 2, 3, 4, Key{5}}, "/ü": {-1, -2, 1 << 62, 1<<64 - 1, Key{6}}}} {
		b, _ := mergeStat(new(statTable), m, maxStat)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := bytes.Clone(b)
		if n := len(b) - 4; n >= 0 {
			binary.LittleEndian.PutUint32(sealed[n:], crc32.ChecksumIEEE(b[:n]))
		}
		for _, b := range [][]byte{b, sealed} {
			m, err := parseStat(b)
			if err != nil {
				continue
			}
			if again, _ := mergeStat(m, nil, maxStat); !bytes.Equal(again, b) {
				t.Errorf("%q is read as %v", b, m)
			}
			for i := range m.ends {
				if j, ok := m.find(string(m.path(i)), len(b)%(i+1)); !ok || i != j {
					t.Errorf("entry %d is found as %d, %v", i, j, ok)
				}
			}
		}
	})
}

// FuzzFormat opens a cache of that FORMAT.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{formatText, "headstart cache 1.2\n", "headstart cache 2\n", "headstart cache 1"} {
		f.Add([]byte(text))
	}
	known := regexp.MustCompile(`\Aheadstart cache 1(\.(?s:.*))?\n\z`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, formatName), b, 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := Open(dir, nil)
		if err == nil {
			c.Close()
		}
		if want := len(b) <= 64 && known.Match(b); (err == nil) != want {
			t.Errorf("%q: %v", b, err)
		}
		if err != nil && !printable(err.Error()) {
			t.Errorf("the error is %q", err)
		}
	})
}
