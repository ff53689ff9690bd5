package cache

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
)

// Writer adds rows to one space. It is used by one goroutine at a time;
// several writers, in one process or many, may add to one space at once.
type Writer struct {
	c          *Cache
	space      *Space
	provenance map[string]any
	lock       file
	recovery   Recovery

	wal    *wal
	buf    []byte // a frame
	values []byte // rows as they are stored
	closed bool
	err    error // set once nothing more may be written
}

// wal is the WAL of a writer, locked by it.
type wal struct {
	walHeader
	file   file
	name   string
	start  int64  // length of the header
	size   int64  // where the next frame goes
	frames uint64 // written
	rows   int    // acknowledged
}

// Writer returns a writer for a space, which it makes if it is new. It first
// seals what writers that ended without Close have left behind and moves
// malformed files to quarantine/; Recovery tells what. If the space has more
// than 32 small segments and nobody else is there, it compacts them.
//
// provenance is written into the metadata of the segments ("runtime": …); it
// may have 8 KiB as JSON and may not use the names "format", "fp" and
// "space".
func (c *Cache) Writer(s *Space, provenance map[string]string) (*Writer, error) {
	w, err := c.writer(s, provenance)
	if err != nil {
		return nil, corruptOr(err, "cache: %s: space %s: %w", c.dir, s, err)
	}
	return w, nil
}

// corruptOr returns err itself if it is a *CorruptError, which says all, else
// a new error.
func corruptOr(err error, format string, a ...any) error {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return corrupt
	}
	return fmt.Errorf(format, a...)
}

func (c *Cache) writer(s *Space, provenance map[string]string) (*Writer, error) {
	if c.readOnly {
		return nil, ErrReadOnly
	}
	p, err := normalize("provenance", reflect.ValueOf(provenance), 0)
	if err != nil {
		return nil, err
	}
	w := &Writer{c: c, space: s, provenance: p.(map[string]any)}
	if err := checkProvenance(w.provenance); err != nil {
		return nil, err
	}
	before, err := c.tidy(s)
	if err != nil {
		return nil, err
	}
	if w.lock, err = c.lockSpace(s, true); err != nil {
		return nil, err
	}
	err = c.checkSpace(s)
	if errors.Is(err, fs.ErrNotExist) {
		err = c.writeWhole(s.dir(), spaceName, s.json)
	}
	if err == nil {
		w.recovery, err = c.recover(s)
	}
	if err == nil {
		w.wal, err = c.newWAL(s, w.provenance)
	}
	if err != nil {
		w.lock.Close()
		return nil, err
	}
	w.recovery.add(before)
	return w, nil
}

// Recovery returns what was recovered when the writer was made.
func (w *Writer) Recovery() Recovery { return w.recovery }

// newWAL makes a WAL. It gets its name only when it is locked and its header
// is durable, and it is not used before its name is durable.
func (c *Cache) newWAL(s *Space, provenance map[string]any) (*wal, error) {
	dir := s.walDir()
	f, tmp, err := c.createLocked(dir, "", newSuffix)
	if err != nil {
		return nil, err
	}
	w := &wal{walHeader: walHeader{digest: s.digest, dim: s.dim, dtype: s.dtype, provenance: provenance}, file: f}
	rand.Read(w.id[:])
	w.name = path.Join(dir, hex.EncodeToString(w.id[:])+walSuffix)
	head := w.encode()
	w.start, w.size = int64(len(head)), int64(len(head))
	_, err = f.WriteAt(head, 0)
	if err == nil {
		err = f.Sync()
	}
	name := tmp
	if err == nil {
		err = c.disk.Rename(tmp, w.name)
	}
	if err == nil {
		name = w.name
		err = c.disk.SyncDir(dir)
	}
	if err != nil {
		c.disk.Remove(name) // it holds no rows; what failed before says more
		f.Close()
		return nil, err
	}
	return w, nil
}

// append writes one frame and makes it durable. If fatal, the WAL must not be
// written to any more.
func (w *wal) append(buf []byte, keys []Key, values []byte) (_ []byte, fatal bool, err error) {
	buf = w.appendFrame(buf[:0], w.frames, keys, values)
	if _, err := w.file.WriteAt(buf, w.size); err != nil {
		if e := w.file.Truncate(w.size); e != nil {
			return buf, true, fmt.Errorf("%w; and then %w", err, e)
		}
		return buf, false, err
	}
	// After a failed sync nobody knows what is on the disk, and a second
	// sync may report success all the same (Rebello et al., Can Applications
	// Recover from fsync Failures?, USENIX ATC 2020).
	if err := w.file.SyncData(); err != nil {
		return buf, true, err
	}
	w.size += int64(len(buf))
	w.frames++
	w.rows += len(keys)
	return buf, false, nil
}

// Append adds rows, len(keys)×Dim values, and returns nil once they are
// durable. A key that the space already has keeps its first row. After an
// error none of the rows is promised, those of earlier calls are; some
// errors, such as a failed sync, end the writer: every later call returns
// them. A value that is NaN or infinite, or that would become infinite as f16,
// is an error, and then nothing is written.
func (w *Writer) Append(keys []Key, rows []float32) error {
	if err := w.add(keys, rows); err != nil {
		return fmt.Errorf("cache: %s: space %s: append: %w", w.c.dir, w.space, w.c.removed(err))
	}
	return nil
}

var errClosed = errors.New("closed")

func (w *Writer) add(keys []Key, rows []float32) error {
	dim := w.space.dim
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return errClosed
	}
	if len(rows) != len(keys)*dim {
		return fmt.Errorf("%d values for %d rows of %d", len(rows), len(keys), dim)
	}
	if i := w.space.dtype.unfit(rows); i >= 0 {
		return fmt.Errorf("row %d, key %s: value %d is %v, %s cannot hold it", i/dim, keys[i/dim], i%dim, rows[i], w.space.dtype)
	}
	most := max(1, maxFrame/(walRowOverhead+w.space.rowSize()))
	for len(keys) > 0 {
		if w.wal.size >= w.c.segmentBytes {
			if w.err = w.rotate(); w.err != nil {
				return w.err
			}
		}
		n := min(len(keys), most)
		var fatal bool
		var err error
		values := w.space.dtype.encode(w.values, rows[:n*dim])
		if w.space.dtype != f32 {
			w.values = values // memory to use again
		}
		w.buf, fatal, err = w.wal.append(w.buf, keys[:n], values)
		if err != nil {
			if fatal {
				w.err = err
			}
			return err
		}
		keys, rows = keys[n:], rows[n*dim:]
	}
	return nil
}

// rotate seals the WAL and begins the next.
func (w *Writer) rotate() error {
	err := w.finish()
	if err == nil {
		w.wal, err = w.c.newWAL(w.space, w.provenance)
	}
	return err
}

// finish seals the WAL and removes it. If it fails, the WAL stays.
func (w *Writer) finish() error {
	l := w.wal
	w.wal = nil
	defer l.file.Close()
	if l.rows > 0 {
		n, _, err := w.c.seal(w.space, l.file, l.size)
		if err == nil && n != l.rows {
			err = fmt.Errorf("%s: %d of %d rows can be read back", l.name, n, l.rows)
		}
		if err != nil {
			return err
		}
	}
	if err := w.c.disk.Remove(l.name); err != nil {
		return err
	}
	return w.c.disk.SyncDir(w.space.walDir())
}

// Close seals the rows into a segment and removes the WAL. A reader made
// afterwards sees them. If it fails, the WAL stays and the next writer of the
// space recovers it. A second Close does nothing.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	defer w.lock.Close()
	err := w.err
	if err == nil {
		err = w.finish()
	} else if w.wal != nil {
		w.wal.file.Close()
	}
	if err != nil {
		return fmt.Errorf("cache: %s: space %s: close: %w", w.c.dir, w.space, w.c.removed(err))
	}
	return nil
}

// removed says of an error that a file is missing if the whole cache is.
func (c *Cache) removed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := c.disk.Lstat(formatName); errors.Is(e, fs.ErrNotExist) {
			return fmt.Errorf("the cache was removed while it was written to; the next writer creates it again: %w", err)
		}
	}
	return err
}

// Abandon closes the writer at once and leaves its WAL to the next writer of
// the space, which seals it: every row that Append has acknowledged stays.
// After Close it does nothing.
func (w *Writer) Abandon() {
	if w.closed {
		return
	}
	w.closed = true
	if w.wal != nil {
		w.wal.file.Close()
	}
	w.lock.Close()
}
