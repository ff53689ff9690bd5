package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newDamagedCache makes a cache that the test is going to damage: at the end
// Verify must still come through it, whatever it reports.
func newDamagedCache(t testing.TB, o *Options) *Cache {
	t.Helper()
	c, err := Create(filepath.Join(t.TempDir(), "cache"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, mode := range []Mode{Fast, Full} {
			if _, err := c.Verify(context.Background(), mode, func(Problem) {}); err != nil {
				t.Errorf("verify: %v", err)
			}
		}
		c.Close()
	})
	return c
}

// walBytes returns the WAL of a writer that appended the keys in batches of
// size and died.
func walBytes(t testing.TB, s *Space, size int, keys []Key) []byte {
	t.Helper()
	c := newDamagedCache(t, unsynced)
	w, err := c.Writer(s, map[string]string{"runtime": "test"})
	if err != nil {
		t.Fatal(err)
	}
	for b := range slices.Chunk(keys, size) {
		if err := w.Append(b, rowsIn(s, b)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(wals(t, c, s)[0])
	if err != nil {
		t.Fatal(err)
	}
	w.wal.file.Close()
	w.lock.Close()
	return b
}

// segmentBytes returns a segment with the rows of keys.
func segmentBytes(t testing.TB, s *Space, keys []Key) []byte {
	t.Helper()
	c := newCache(t, unsynced)
	write(t, c, s, len(keys), keys)
	b, err := os.ReadFile(segments(t, c, s)[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rightRows returns the number of rows that a scan of a WAL found, and fails
// if one is wrong.
func rightRows(t testing.TB, s *Space, w *walScan) int {
	t.Helper()
	for _, r := range w.rows {
		k := Key(w.key(r))
		if !bytes.Equal(w.values(r), bytesOf(rowsIn(s, []Key{k}))) {
			t.Fatalf("row of key %v is wrong", k)
		}
	}
	return len(w.rows)
}

func TestWALTruncatedEverywhere(t *testing.T) {
	s := testSpace(t, 3)
	full := walBytes(t, s, 4, testKeys(0, 12))
	_, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	frame := (len(full) - start) / 3
	for cut := range len(full) + 1 {
		w, err := scanWAL(s, full[:cut])
		if cut < start {
			if !isMalformed(err) {
				t.Fatalf("cut at %d, within the header: %v", cut, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want := (cut - start) / frame
		if n := rightRows(t, s, w); n != 4*want || w.end != int64(start+want*frame) {
			t.Fatalf("cut at %d: %d rows, valid to %d; want %d frames", cut, n, w.end, want)
		}
		if w.damaged || (w.torn != nil) != (cut > start+want*frame) {
			t.Fatalf("cut at %d: torn %v, damaged %v", cut, w.torn, w.damaged)
		}
	}
}

func TestWALBitFlipsEverywhere(t *testing.T) {
	s := testSpace(t, 3)
	full := walBytes(t, s, 4, testKeys(0, 12))
	_, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	frame := (len(full) - start) / 3
	for bit := range 8 * len(full) {
		b := bytes.Clone(full)
		b[bit/8] ^= 1 << (bit % 8)
		w, err := scanWAL(s, b)
		if bit/8 < start {
			if !isMalformed(err) {
				t.Fatalf("bit %d of the header flipped: %v", bit, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		// All frames before the flipped bit, none from it on.
		want := (bit/8 - start) / frame
		if n := rightRows(t, s, w); n != 4*want {
			t.Fatalf("bit %d flipped: %d rows, want %d frames", bit, n, want)
		}
		if w.torn == nil {
			t.Fatalf("bit %d flipped: nothing is torn", bit)
		}
	}
}

// Blocks of zeros, frames in another order, frames twice, and frames of
// another WAL, are no rows.
func TestWALRearranged(t *testing.T) {
	s := testSpace(t, 3)
	full, other := walBytes(t, s, 4, testKeys(0, 12)), walBytes(t, s, 4, testKeys(100, 112))
	_, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	size := (len(full) - start) / 3
	head := full[:start]
	frame := func(b []byte, i int) []byte { return b[start+i*size : start+(i+1)*size] }
	zeros := make([]byte, size)
	for name, tc := range map[string]struct {
		b       []byte
		frames  int
		damaged bool
	}{
		"whole":         {full, 3, false},
		"swapped":       {slices.Concat(head, frame(full, 1), frame(full, 0), frame(full, 2)), 0, true},
		"twice":         {slices.Concat(head, frame(full, 0), frame(full, 0), frame(full, 1)), 1, true},
		"left out":      {slices.Concat(head, frame(full, 0), frame(full, 2)), 1, true},
		"foreign tail":  {slices.Concat(head, frame(full, 0), frame(other, 1), frame(other, 2)), 1, true},
		"foreign rows":  {slices.Concat(head, frame(full, 0)[:frameHeader], frame(other, 0)[frameHeader:]), 0, true},
		"foreign":       {slices.Concat(head, frame(other, 0)), 0, true},
		"zeros":         {slices.Concat(head, frame(full, 0), zeros), 1, false},
		"zeroed":        {slices.Concat(head, zeros, frame(full, 1)), 0, true},
		"zero payload":  {slices.Concat(head, frame(full, 0)[:frameHeader], zeros[frameHeader:]), 0, false},
		"text":          {slices.Concat(head, frame(full, 0), []byte(strings.Repeat("text ", 99))), 1, true},
		"a whole WAL":   {slices.Concat(full, full), 3, true},
		"of no payload": {slices.Concat(head, frame(full, 0), frame(full, 1)[:frameHeader]), 1, false},
	} {
		countRearrange.n.Add(1)
		w, err := scanWAL(s, tc.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := rightRows(t, s, w); n != 4*tc.frames || w.damaged != tc.damaged {
			t.Errorf("%s: %d rows, damaged: %v (%v); want %d frames, damaged: %v", name, n, w.damaged, w.torn, tc.frames, tc.damaged)
		}
	}
	for block := 0; block < len(full); block += 64 {
		countRearrange.n.Add(1)
		b := bytes.Clone(full)
		clear(b[block:min(len(b), block+64)])
		if w, err := scanWAL(s, b); err == nil {
			rightRows(t, s, w)
		} else if block >= start {
			t.Errorf("zeros at %d: %v", block, err)
		}
	}
}

// A WAL that ends in the middle of a frame is sealed up to there; one that is
// damaged in the middle is sealed up to there too, but kept in quarantine.
func TestRecoveryOfDamagedWALs(t *testing.T) {
	s := testSpace(t, 3)
	keys := testKeys(0, 12)
	full := walBytes(t, s, 4, keys)
	_, start, err := parseWALHeader(full)
	if err != nil {
		t.Fatal(err)
	}
	frame := (len(full) - start) / 3
	flipped := bytes.Clone(full)
	flipped[start+frame+100] ^= 4
	for _, tc := range []struct {
		name, problem string
		b             []byte
		rows          int
	}{
		{"whole", "", full, 12},
		{"no frame", "", full[:start], 0},
		{"torn", "", full[:start+2*frame+50], 8},
		{"flipped", "frame 1: checksum mismatch", flipped, 4},
		{"torn header", "header", full[:start-1], 0},
		{"empty", "empty", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCache(t, unsynced)
			write(t, c, s, 1, nil)
			if err := os.WriteFile(filepath.Join(c.Dir(), s.walDir(), strings.Repeat("a", 32)+".wal"), tc.b, 0o644); err != nil {
				t.Fatal(err)
			}
			if ps := problems(t, c.Dir(), Fast); len(ps) > 1 || (len(ps) == 1) != (tc.problem != "") ||
				len(ps) == 1 && !strings.Contains(ps[0].String(), tc.problem) {
				t.Errorf("verify before recovery: %v", ps)
			}
			w, err := c.Writer(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := w.Recovery()
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if r.Rows != tc.rows {
				t.Errorf("%d rows recovered, want %d", r.Rows, tc.rows)
			}
			if tc.problem == "" && len(r.Quarantined) != 0 ||
				tc.problem != "" && (len(r.Quarantined) != 1 || !strings.Contains(r.Quarantined[0].String(), tc.problem)) {
				t.Errorf("quarantined: %v, want %q", r.Quarantined, tc.problem)
			}
			st, err := c.Stat()
			if err != nil || st.Quarantined != len(r.Quarantined) {
				t.Errorf("Stat = %+v, %v", st, err)
			}
			checkRows(t, c, s, keys[:tc.rows])
			if left := wals(t, c, s); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// patched writes data over a segment of a cache, under any name.
func patched(t testing.TB, c *Cache, s *Space, name string, data []byte) {
	t.Helper()
	p := filepath.Join(c.Dir(), s.segDir(), name)
	os.Remove(p)
	if err := os.WriteFile(p, data, 0o444); err != nil {
		t.Fatal(err)
	}
}

// damagedSpaces are of both types; a segment of 12 rows has both odd and even
// numbers of sectors.
func damagedSpaces(t *testing.T) []*Space {
	return []*Space{spaceOf(t, "f32", 3, "damaged"), spaceOf(t, "f16", 3, "damaged")}
}

// heal checks that a writer puts right what is wrong with a space of which the
// keys have been written: what is missing is written again, and then everything
// is there; after a compaction Verify finds nothing any more. Then it removes
// the segments.
func heal(t *testing.T, c *Cache, s *Space, keys []Key) {
	t.Helper()
	write(t, c, s, 1, nil) // moves away what is malformed
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Missing(keys)
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	var again []Key
	for _, i := range m {
		again = append(again, keys[i])
	}
	write(t, c, s, 12, again)
	checkRows(t, c, s, keys)
	if _, err := c.Compact(t.Context(), s, false); err != nil {
		t.Fatal(err)
	}
	checkRows(t, c, s, keys)
	checkClean(t, c.Dir())
	for _, p := range segments(t, c, s) {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
}

// servedRight checks that what is served of keys is right, and returns how many
// are.
func servedRight(t *testing.T, c *Cache, s *Space, keys []Key) int {
	t.Helper()
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m, err := r.Missing(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkServed(c, s, nil, keysWithout(keys, m)); err != nil {
		t.Fatal(err)
	}
	return len(keys) - len(m)
}

// keysWithout returns keys without those at missing, which ascends.
func keysWithout(keys []Key, missing []int) (have []Key) {
	for i, k := range keys {
		if _, ok := slices.BinarySearch(missing, i); !ok {
			have = append(have, k)
		}
	}
	return have
}

// names tells whether one of the problems is of the file, and if row is not
// negative, of that row.
func names(ps []Problem, file string, row int64) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Path == file && p.Row == row })
}

// Any bit of a segment flips: the segment is refused, or the row absent, or
// nothing has happened. Verify names the file and the row, and writing again
// what is missing heals it.
func TestSegmentBitFlipsEverywhere(t *testing.T) {
	t.Parallel()
	for _, s := range damagedSpaces(t) {
		t.Run(s.DType(), func(t *testing.T) {
			keys := testKeys(0, 12)
			full := segmentBytes(t, s, keys)
			sorted := slices.Clone(keys)
			slices.SortFunc(sorted, Key.Compare)
			c := newDamagedCache(t, unsynced)
			write(t, c, s, 1, nil)
			name := path.Join(s.segDir(), strings.Repeat("a", 64)+segmentSuffix)
			header := bytes.LastIndexByte(full[:pageSize], '}') + 1
			rows, crcs := pageSize, pageSize+12*s.rowSize()
			first := crcs + 12*4 // of the keys
			refused, absent, harmless := 0, 0, 0
			b := bytes.Clone(full)
			every := scaled(1, 5)
			for bit := 0; bit < 8*len(full); bit += every {
				at := bit / 8
				if at >= header && at < rows && bit%97 != 0 && !fullScale {
					continue // padding: a sample of it
				}
				countBits.n.Add(1)
				b[at] ^= 1 << (bit % 8)
				patched(t, c, s, path.Base(name), b)
				r, err := c.Reader(s)
				if err != nil {
					t.Fatal(err)
				}
				m, err := r.Missing(keys)
				if err != nil {
					t.Fatal(err)
				}
				wantRow, healed := int64(-1), true
				switch n := 12 - len(m); {
				case len(r.refused) == 1 && n == 0 && len(r.Corrupt()) == 1:
					refused++
				case len(r.refused) == 0 && n == 11 && len(r.Corrupt()) == 1 && at >= rows && at < first:
					absent++
					wantRow = r.Corrupt()[0].Row
					if in := int64((at - rows) / s.rowSize()); at < crcs && wantRow != in {
						t.Errorf("bit %d flipped: row %d is refused, want %d", bit, wantRow, in)
					}
				case len(r.refused) == 0 && n == 11 && at >= first:
					absent++
					wantRow = int64((at - first) / KeySize)
					became := Key(b[first+KeySize*int(wantRow):])
					if m, err := r.Missing([]Key{became}); err != nil || len(m) != 1 {
						t.Errorf("bit %d flipped: the row of one key is served for another", bit)
					}
				case len(r.refused) == 0 && n == 12 && at < rows:
					harmless++ // in the provenance or a space between tokens
					healed = false
				default:
					t.Errorf("bit %d flipped: %d of 12 rows served, corrupt: %v", bit, n, r.Corrupt())
				}
				r.Close()
				if step := scaled(3, 41); bit%step == 0 && (at < header || at >= rows) {
					servedRight(t, c, s, keys)
					if ps := problems(t, c.Dir(), Full); !names(ps, name, -1) || !names(ps, name, wantRow) {
						t.Errorf("bit %d flipped: verify does not name %s, row %d: %v", bit, name, wantRow, ps)
					}
					if healed {
						heal(t, c, s, keys)
					}
				}
				b[at] = full[at]
				if t.Failed() {
					t.FailNow()
				}
			}
			t.Logf("%d flips: segment refused; %d: row absent; %d: harmless", refused, absent, harmless)
			if refused == 0 || absent < 8*12*s.rowSize()/every || harmless > 8*len(`"runtime":"test"`)+scaled(8*pageSize, 100) {
				t.Errorf("%d refused, %d absent, %d harmless", refused, absent, harmless)
			}
		})
	}
}

// A segment that ends anywhere before its end is refused as a whole, and
// healed.
func TestSegmentTruncatedEverywhere(t *testing.T) {
	for _, s := range damagedSpaces(t) {
		keys := testKeys(0, 12)
		full := segmentBytes(t, s, keys)
		c := newDamagedCache(t, unsynced)
		write(t, c, s, 1, nil)
		name := path.Join(s.segDir(), strings.Repeat("a", 64)+segmentSuffix)
		for cut := len(full) - 1; cut >= 0; cut -= scaled(1, 7) {
			countCuts.n.Add(1)
			patched(t, c, s, path.Base(name), full[:cut])
			r, err := c.Reader(s)
			if err != nil {
				t.Fatal(err)
			}
			if m, err := r.Missing(keys); err != nil || len(m) != 12 || len(r.Corrupt()) != 1 {
				t.Errorf("cut at %d: %d rows missing, %v, corrupt: %v", cut, len(m), err, r.Corrupt())
			}
			r.Close()
			if cut%scaled(11, 301) == 0 {
				if ps := problems(t, c.Dir(), Fast); !names(ps, name, -1) {
					t.Errorf("cut at %d: verify: %v", cut, ps)
				}
				heal(t, c, s, keys)
			}
			if t.Failed() {
				t.FailNow()
			}
		}
	}
}

// A WAL of a dead writer that is damaged anywhere, or ends anywhere: what
// stands before the damage is recovered, nothing wrong is served, and writing
// again what is missing heals it.
func TestDamagedWALHeals(t *testing.T) {
	t.Parallel()
	for _, s := range damagedSpaces(t) {
		t.Run(s.DType(), func(t *testing.T) {
			keys := testKeys(0, 12)
			full := walBytes(t, s, 4, keys)
			_, start, err := parseWALHeader(full)
			if err != nil {
				t.Fatal(err)
			}
			frame := (len(full) - start) / 3
			c := newDamagedCache(t, unsynced)
			write(t, c, s, 1, nil)
			name := path.Join(s.walDir(), strings.Repeat("a", 32)+walSuffix)
			try := func(what string, b []byte, frames int, damaged bool) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(c.Dir(), name), b, 0o644); err != nil {
					t.Fatal(err)
				}
				if ps := problems(t, c.Dir(), Full); names(ps, name, -1) != damaged {
					t.Errorf("%s: damaged: %v, verify: %v", what, damaged, ps)
				}
				w, err := c.Writer(s, nil)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				w.Abandon()
				if q := w.Recovery().Quarantined; (len(q) == 1 && q[0].Path == name) != damaged {
					t.Errorf("%s: damaged: %v, quarantined: %v", what, damaged, q)
				}
				if n := servedRight(t, c, s, keys); n != 4*frames {
					t.Errorf("%s: %d rows, want %d frames", what, n, frames)
				}
				heal(t, c, s, keys)
				if t.Failed() {
					t.FailNow()
				}
			}
			for cut := 0; cut <= len(full); cut += scaled(1, 23) {
				countCuts.n.Add(1)
				try(fmt.Sprintf("cut at %d", cut), full[:cut], max(0, cut-start)/frame, cut < start)
			}
			for bit := 0; bit < 8*len(full); bit += scaled(1, 101) {
				countBits.n.Add(1)
				b := bytes.Clone(full)
				b[bit/8] ^= 1 << (bit % 8)
				try(fmt.Sprintf("bit %d flipped", bit), b, max(0, bit/8-start)/frame, true)
			}
		})
	}
}

// A damaged row is missing, is listed, and is healed by writing it again: in
// whichever of the two segments a new reader finds it first.
func TestDamagedRowHeals(t *testing.T) {
	s := testSpace(t, 3)
	for bad := range 4 {
		c := newDamagedCache(t, unsynced)
		keys := testKeys(0, 20)
		write(t, c, s, 20, keys)
		p := segments(t, c, s)[0]
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		row := 5 * bad
		b[pageSize+12*row+3] ^= 1
		patched(t, c, s, filepath.Base(p), b)

		r, err := c.Reader(s)
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Clone(keys)
		slices.SortFunc(sorted, Key.Compare)
		want := slices.Index(keys, sorted[row])
		refs := make([]Ref, 20)
		if n := r.Locate(keys, refs); n != 0 {
			t.Fatalf("%d missing before any row was read", n)
		}
		var corrupt *CorruptError
		if err := r.RowsTo(make([]float32, 60), refs); !errors.As(err, &corrupt) ||
			corrupt.Path != s.segDir()+"/"+filepath.Base(p) || corrupt.Row != int64(row) || corrupt.Key != sorted[row] {
			t.Fatalf("RowsTo = %v", err)
		}
		if n := r.Locate(keys, refs); n != 1 || refs[want].Found() {
			t.Errorf("%d missing after the row was found bad", n)
		}
		if m, err := r.Missing(keys); err != nil || !slices.Equal(m, []int{want}) {
			t.Errorf("Missing = %v, %v, want [%d]", m, err, want)
		}
		if ps := r.Corrupt(); len(ps) != 1 || ps[0].Row != int64(row) || ps[0].Key != sorted[row] {
			t.Errorf("Corrupt = %v", ps)
		}
		r.Close()
		if ps := problems(t, c.Dir(), Fast); len(ps) != 0 {
			t.Errorf("verify, fast: %v", ps)
		}
		if ps := problems(t, c.Dir(), Full); len(ps) != 2 || ps[0].Row != -1 || ps[1].Row != int64(row) {
			t.Errorf("verify, full: %v", ps)
		}
		write(t, c, s, 20, keys[want:want+1])
		checkRows(t, c, s, keys)
	}
}

// The file of a mapped segment becomes shorter: an error, not the end of the
// process.
func TestTruncatedWhileMapped(t *testing.T) {
	s := testSpace(t, 1024)
	keys := testKeys(0, 600)
	slices.SortFunc(keys, Key.Compare) // row i is keys[i]
	for _, large := range []bool{false, true} {
		c := newDamagedCache(t, unsynced)
		write(t, c, s, 600, keys)
		r, err := c.Reader(s)
		if err != nil {
			t.Fatal(err)
		}
		ask := keys
		if !large {
			ask = keys[400:410]
		}
		refs := make([]Ref, len(ask))
		if n := r.Locate(ask, refs); n != 0 {
			t.Fatal("missing")
		}
		p := segments(t, c, s)[0]
		if err := os.Chmod(p, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, pageSize+100*4096); err != nil {
			t.Fatal(err)
		}
		var corrupt *CorruptError
		err = r.RowsTo(make([]float32, len(ask)*1024), refs)
		if !errors.As(err, &corrupt) || corrupt.Row != -1 || !errors.Is(err, errFault) {
			t.Fatalf("RowsTo = %v", err)
		}
		if m, err := r.Missing(ask); err != nil || len(m) != len(ask) {
			t.Errorf("Missing = %d of %d, %v", len(m), len(ask), err)
		}
		if n := r.Locate(ask, refs); n != len(ask) {
			t.Errorf("Locate = %d", n)
		}
		if ps := r.Corrupt(); len(ps) != 1 || ps[0].Row != -1 {
			t.Errorf("Corrupt = %v", ps)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The same, met first by the search for a key.
func TestTruncatedWhileSearched(t *testing.T) {
	s := testSpace(t, 1)
	keys := testKeys(0, 5000)
	for _, n := range []int{5000, 3} {
		c := newDamagedCache(t, unsynced)
		write(t, c, s, 5000, keys)
		r, err := c.Reader(s)
		if err != nil {
			t.Fatal(err)
		}
		p := segments(t, c, s)[0]
		if err := os.Chmod(p, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, pageSize); err != nil {
			t.Fatal(err)
		}
		if m, err := r.Missing(keys[:n]); err != nil || len(m) != n {
			t.Errorf("Missing = %d of %d, %v", len(m), n, err)
		}
		if ps := r.Corrupt(); len(ps) != 1 || !errors.Is(ps[0].Err, errFault) {
			t.Errorf("Corrupt = %v", ps)
		}
		r.Close()
	}
}

// guard passes on what is no fault of a mapping.
func TestGuardPassesPanicsOn(t *testing.T) {
	defer func() {
		if p := recover(); p != "a mistake" {
			t.Errorf("recovered %v", p)
		}
	}()
	guard(func() error { panic("a mistake") })
}
