package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever ParseSpace takes is JSON, and its canonical form is a fixed point.
func FuzzSpace(f *testing.F) {
	f.Add(testSpace(f, 3).JSON())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSpace(b)
		if err != nil {
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

// FuzzWAL scans what it gets as it is, and with all checksums made right, so
// that the checks behind them are met too.
func FuzzWAL(f *testing.F) {
	s := testSpace(f, 3)
	full := walBytes(f, s, 2, testKeys(0, 4))
	f.Add(full)
	f.Add(full[:len(full)-10])
	f.Fuzz(func(t *testing.T, b []byte) {
		checkScan(t, s, b)
		checkScan(t, s, repaired(s, b))
	})
}

func checkScan(t *testing.T, s *Space, b []byte) {
	w, err := scanWAL(s, b)
	if err != nil {
		if !isMalformed(err) {
			t.Errorf("%v is not marked as malformed", err)
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
	size := 4 * int64(s.dim)
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

// FuzzSegment opens a segment of a header, padded as it must be, and data.
func FuzzSegment(f *testing.F) {
	s := testSpace(f, 3)
	full := segmentBytes(f, s, testKeys(0, 4))
	f.Add(bytes.TrimRight(full[8:pageSize], " "), full[pageSize:])
	c := newDamagedCache(f, unsynced)
	w, err := c.Writer(s, nil)
	if err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, data []byte) {
		b := forge(string(header), data)
		digest := sha256.Sum256(b)
		name := s.segDir() + "/" + hex.EncodeToString(digest[:]) + segmentSuffix
		p := filepath.Join(c.Dir(), name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(p)
		g, _, err := c.openSegment(s, name)
		if err != nil {
			if !isMalformed(err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q", err)
			}
			return
		}
		defer g.close()
		keys := make([]Key, g.rows)
		for i := range keys {
			keys[i] = Key(g.key(i))
			if j, ok := g.find(&keys[i]); !ok || i != j {
				t.Errorf("key of row %d is found in row %d, %v", i, j, ok)
			}
			g.valid(i)
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
	})
}
