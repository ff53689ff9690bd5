package cache

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// Ref is the place of a row in a Reader. The zero Ref is no place.
type Ref struct {
	segment uint32 // index into Reader.segments, plus one
	row     uint32
}

// Found tells whether r is the place of a row.
func (r Ref) Found() bool { return r.segment != 0 }

// Compare orders refs by segment and row, the order in which they are read
// fastest: -1, 0 or +1.
func (r Ref) Compare(o Ref) int {
	return cmp.Compare(r.order(), o.order())
}

// order is a number in the order of segments and rows; the next row of a
// segment has the next one.
func (r Ref) order() uint64 { return uint64(r.segment)<<32 | uint64(r.row) }

// Reader reads the rows of one space that were sealed when it was made. It is
// safe for concurrent use.
type Reader struct {
	dir      string // for messages
	space    *Space
	lock     file // nil: the space has no lock file
	segments []*segment
	refused  []Problem
	waiting  int

	mu     sync.RWMutex // held for writing by Close
	closed bool
}

// Reader returns a reader for a space. A space that does not exist yet is an
// empty reader. Malformed segments are left out and listed by Corrupt.
func (c *Cache) Reader(s *Space) (*Reader, error) {
	r, err := c.reader(s)
	if err != nil {
		return nil, corruptOr(err, "cache: %s: space %s: %w", c.dir, s, err)
	}
	return r, nil
}

func (c *Cache) reader(s *Space) (*Reader, error) {
	r := &Reader{dir: c.dir, space: s}
	if _, err := c.disk.Lstat(s.dir()); errors.Is(err, fs.ErrNotExist) {
		return r, nil
	} else if err != nil {
		return nil, err
	}
	var err error
	if r.lock, err = c.lockSpace(s, false); err != nil {
		return nil, err
	}
	err = c.checkSpace(s)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		// Without space.json its writer has got no further than the
		// directories, or the file was taken away: segments name their space
		// themselves.
		err = r.open(c, c.list)
	}
	if err == nil {
		r.waiting, err = c.waiting(s)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// open opens the segments that list names. If one has gone meanwhile, it lists
// again, once.
func (r *Reader) open(c *Cache, list func(dir string) ([]string, error)) error {
	for again := false; ; again = true {
		names, err := list(r.space.segDir())
		if err != nil {
			return err
		}
		gone := false
		for _, n := range names {
			if !strings.HasSuffix(n, segmentSuffix) {
				continue
			}
			name := path.Join(r.space.segDir(), n)
			g, _, err := c.openSegment(r.space, name)
			if errors.Is(err, fs.ErrNotExist) && !again {
				gone = true
				break
			}
			if isMalformed(err) {
				r.refused = append(r.refused, Problem{Path: name, Row: -1, Err: err})
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r.segments = append(r.segments, g)
		}
		if !gone {
			return nil
		}
		r.release()
	}
}

// waiting counts the WALs of a space that hold rows.
func (c *Cache) waiting(s *Space) (int, error) {
	names, err := c.list(s.walDir())
	if err != nil {
		return 0, err
	}
	n := 0
	for _, name := range names {
		if !strings.HasSuffix(name, walSuffix) {
			continue
		}
		name = path.Join(s.walDir(), name)
		holds, err := c.holdsRows(name)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if holds {
			n++
		}
	}
	return n, nil
}

// holdsRows tells whether a WAL has more than a header. One that is gone, is
// malformed, or that this user may not read, has not.
func (c *Cache) holdsRows(name string) (bool, error) {
	f, err := c.disk.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, errIrregular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return false, err
	}
	head := make([]byte, min(fi.Size(), walFixed+maxProvenance+4))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF { // cut short meanwhile
		return false, err
	}
	_, start, err := parseWALHeader(head)
	return err == nil && fi.Size() > int64(start), nil
}

// Rows returns the number of rows in the segments; a key that stands in two
// segments counts twice.
func (r *Reader) Rows() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, g := range r.segments {
		n += g.rows
	}
	return n
}

// Provenance returns what the writer of each segment said of itself.
func (r *Reader) Provenance() []map[string]string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]map[string]string, len(r.segments))
	for i, g := range r.segments {
		all[i] = make(map[string]string, len(g.provenance))
		for k, v := range g.provenance {
			all[i][k] = v.(string)
		}
	}
	return all
}

// few is up to how many keys are looked for one by one.
const few = 512

// locate fills refs with the places of keys, or with the zero Ref, and returns
// how many are missing. A row that is known to fail its checksum is no place;
// check says whether to look at the checksum of each. Segments are in the
// order of their names, and the first one that has a key wins.
func (r *Reader) locate(keys []Key, refs []Ref, check bool) (missing int) {
	clear(refs)
	var ws []wanted
	if len(keys) > few {
		ws = sortWanted(keys)
	}
	for i, g := range r.segments {
		found := func(index, row int) {
			if refs[index].Found() || g.known(row) || check && !g.valid(row) {
				return
			}
			refs[index] = Ref{uint32(i + 1), uint32(row)}
		}
		g.guard(func() error {
			if ws != nil {
				g.join(keys, ws, found)
				return nil
			}
			for j := range keys {
				if refs[j].Found() {
					continue
				}
				if row, ok := g.find(&keys[j]); ok {
					found(j, row)
				}
			}
			return nil
		})
	}
	for _, ref := range refs {
		if !ref.Found() {
			missing++
		}
	}
	return missing
}

// Missing returns the indices of the keys that have no valid row, ascending.
// It reads every row that it finds: one whose checksum fails is missing, and
// listed by Corrupt from then on.
func (r *Reader) Missing(keys []Key) ([]int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return nil, r.fail(errClosed)
	}
	refs := make([]Ref, len(keys))
	missing := make([]int, 0, r.locate(keys, refs, true))
	for i, ref := range refs {
		if !ref.Found() {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// Locate fills refs[i] with the place of keys[i] and returns how many are
// missing; their refs are zero. It does not read the rows. It panics if
// len(refs) is not len(keys).
func (r *Reader) Locate(keys []Key, refs []Ref) int {
	if len(refs) != len(keys) {
		panic("cache: Locate: len(refs) != len(keys)")
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		clear(refs)
		return len(keys)
	}
	return r.locate(keys, refs, false)
}

// RowsTo copies the rows at refs to dst, which is len(refs)×Dim. It reads
// them in the order of segments and rows. The checksum of a row is checked
// when it is first used; one that fails, and of which no other segment has a
// copy, is a *CorruptError.
func (r *Reader) RowsTo(dst []float32, refs []Ref) error {
	dim := r.space.dim
	if len(dst) != len(refs)*dim {
		return r.fail(fmt.Errorf("%d values for %d rows of %d", len(dst), len(refs), dim))
	}
	return r.each(refs, func(i, n int, rows []byte) {
		r.space.dtype.decodeTo(dst[i*dim:(i+n)*dim], rows)
	})
}

// Each calls f with the rows at refs, in the order of segments and rows: with
// the index i of a ref and n×Dim values, the rows at refs[i], …, refs[i+n-1],
// which is more than one where they lie one after the other. Rows of a space of
// f32 are the cache's own memory: f must not write to them, and nobody may use
// them after f has returned. The errors are those of RowsTo.
func (r *Reader) Each(refs []Ref, f func(i int, rows []float32)) error {
	dim := r.space.dim
	var decoded []float32 // of other types than f32
	return r.each(refs, func(i, n int, rows []byte) {
		if r.space.dtype == f32 {
			f(i, floatsOf(rows))
			return
		}
		if len(decoded) < n*dim {
			decoded = make([]float32, n*dim)
		}
		r.space.dtype.decodeTo(decoded[:n*dim], rows)
		f(i, decoded[:n*dim])
	})
}

// EachStored is Each without decoding: rows of a space of f32 are in wide,
// those of one of f16, as IEEE 754 binary16, in half; the other one is nil.
// Both are the cache's own memory: f must not write to them, and nobody may use
// them after f has returned.
func (r *Reader) EachStored(refs []Ref, f func(i int, wide []float32, half []uint16)) error {
	return r.each(refs, func(i, _ int, rows []byte) {
		if r.space.dtype == f16 {
			f(i, nil, halvesOf(rows))
		} else {
			f(i, floatsOf(rows), nil)
		}
	})
}

// maxRun is how many bytes of rows each gives at once, if it is more than one
// row, so that what they are decoded to stays in the CPU's cache.
const maxRun = 256 << 10

// each calls f for runs of rows that lie one after the other: with the index of
// the first ref, the number of rows and the rows as they are stored, in the
// order of segments and rows.
func (r *Reader) each(refs []Ref, f func(i, n int, rows []byte)) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return r.fail(errClosed)
	}
	sorted, last := true, uint64(0)
	for i, ref := range refs {
		if !ref.Found() || int(ref.segment) > len(r.segments) || int(ref.row) >= r.segments[ref.segment-1].rows {
			return r.fail(fmt.Errorf("ref %d is no place in this reader", i))
		}
		sorted = sorted && last <= ref.order()
		last = ref.order()
	}
	var order []int // of refs, nil: as they are
	if !sorted {
		order = make([]int, len(refs))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return refs[a].Compare(refs[b]) })
	}
	var at int // index into refs
	err := guard(func() error {
		for k := 0; k < len(refs); {
			at = k
			if order != nil {
				at = order[k]
			}
			g, i := r.segments[refs[at].segment-1], int(refs[at].row)
			if !g.valid(i) {
				row, err := r.copyOf(g, i)
				if err != nil {
					return err
				}
				f(at, 1, row)
				k++
				continue
			}
			n, most := 1, maxRun/g.size
			for order == nil && n < most && k+n < len(refs) && refs[k+n].order() == refs[k].order()+uint64(n) && (g.seen(i+n) || g.valid(i+n)) {
				n++
			}
			f(at, n, g.emb[i*g.size:(i+n)*g.size])
			k += n
		}
		return nil
	})
	if err == errFault {
		g := r.segments[refs[at].segment-1]
		g.lost.Store(true)
		return &CorruptError{Problem{Path: g.path, Row: -1, Err: err}}
	}
	return err
}

// copyOf returns another segment's row of the key of row i of g, which is not
// valid.
func (r *Reader) copyOf(g *segment, i int) ([]byte, error) {
	key := Key(g.key(i))
	for _, h := range r.segments {
		if h.lost.Load() {
			continue
		}
		if j, ok := h.find(&key); ok && h.valid(j) {
			return h.row(j), nil
		}
	}
	return nil, &CorruptError{g.problem(i)}
}

// Corrupt lists the segments that were refused and the rows whose checksum
// failed so far.
func (r *Reader) Corrupt() []Problem {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ps := slices.Clone(r.refused)
	for _, g := range r.segments {
		if g.lost.Load() {
			ps = append(ps, Problem{Path: g.path, Row: -1, Err: errFault})
			continue
		}
		g.guard(func() error {
			for i := range g.rows {
				if g.known(i) {
					ps = append(ps, g.problem(i))
				}
			}
			return nil
		})
	}
	return ps
}

// Waiting returns the number of WALs that held rows when the reader was made:
// rows that a writer has not sealed yet, or that the next one will recover.
func (r *Reader) Waiting() int { return r.waiting }

// fail gives an error its place.
func (r *Reader) fail(err error) error {
	return fmt.Errorf("cache: %s: space %s: %w", r.dir, r.space, err)
}

// release unmaps the segments.
func (r *Reader) release() error {
	var first error
	for _, g := range r.segments {
		if err := g.close(); err != nil && first == nil {
			first = err
		}
	}
	r.segments, r.refused = nil, nil
	return first
}

// Release gives back the memory of rows that were read, which counts as the
// process's own. They are read from their files again where they are wanted.
func (r *Reader) Release() error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return r.fail(errClosed)
	}
	for _, g := range r.segments {
		if err := dropPages(g.data); err != nil {
			return r.fail(fmt.Errorf("%s: %w", g.path, err))
		}
	}
	return nil
}

// Close releases the segments. It waits for calls that are under way. A
// second Close does nothing.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.release()
	if r.lock != nil {
		r.lock.Close() // releases the lock; nothing was written
	}
	if err != nil {
		return r.fail(err)
	}
	return nil
}
