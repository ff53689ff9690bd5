package cache

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
)

// seal writes the rows of a WAL of size bytes into a segment of s. It returns
// how many rows were appended to the WAL, which are then durable under their
// final name, and, if there is more after them than a frame that was not
// finished, what is wrong with that.
func (c *Cache) seal(s *Space, f file, size int64) (rows int, damage, err error) {
	err = withWAL(s, f, size, func(w *walScan) error {
		if w.damaged {
			damage = w.torn
		}
		if rows = len(w.rows); rows == 0 {
			return nil
		}
		_, err := c.writeSegment(s, w.header.provenance, sealing{w, w.order()})
		return err
	})
	return rows, damage, err
}

// order sorts the rows by key and drops all but the first of each.
func (w *walScan) order() []walRow {
	slices.SortFunc(w.rows, func(a, b walRow) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Or(bytes.Compare(w.key(a), w.key(b)), cmp.Compare(a.frame, b.frame), cmp.Compare(a.i, b.i))
	})
	return slices.CompactFunc(w.rows, func(a, b walRow) bool {
		return a.prefix == b.prefix && bytes.Equal(w.key(a), w.key(b))
	})
}

// sealing is a WAL's rows in the order of their keys.
type sealing struct {
	*walScan
	order []walRow
}

func (w sealing) len() int            { return len(w.order) }
func (w sealing) key(i int) []byte    { return w.walScan.key(w.order[i]) }
func (w sealing) crc(i int) []byte    { return w.walScan.crc(w.order[i]) }
func (w sealing) values(i int) []byte { return w.walScan.values(w.order[i]) }

// rowList is what a segment is made of: at least one row, keys strictly
// ascending. Each row's checksum is the stored one, not computed anew, so that
// damage on the way shows.
type rowList interface {
	len() int
	key(i int) []byte
	crc(i int) []byte
	values(i int) []byte
}

// writeSegment writes a segment of s and returns its name in the cache, under
// which it is durable.
func (c *Cache) writeSegment(s *Space, provenance map[string]any, rows rowList) (string, error) {
	h := &segmentHeader{rows: int64(rows.len()), dim: int64(s.dim), dtype: s.dtype, metadata: metadataOf(s, provenance)}
	head, err := h.encode()
	if err != nil {
		return "", err
	}
	name, err := c.putSegment(s, func(w io.Writer) {
		w.Write(head)
		for i := range rows.len() {
			w.Write(rows.values(i))
		}
		for i := range rows.len() {
			w.Write(rows.crc(i))
		}
		for i := range rows.len() {
			w.Write(rows.key(i))
		}
	})
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	return name, nil
}

// putSegment makes a segment of s of what write writes, and returns its name in
// the cache, under which it is durable. write need not look at errors.
func (c *Cache) putSegment(s *Space, write func(io.Writer)) (string, error) {
	dir := s.segDir()
	f, tmp, err := c.createLocked(dir, tmpPrefix, "")
	if err != nil {
		return "", err
	}
	defer f.Close()
	final, err := func() (string, error) {
		digest := sha256.New()
		out := bufio.NewWriterSize(io.MultiWriter(io.NewOffsetWriter(f, 0), digest), 1<<20)
		write(out)
		if err := out.Flush(); err != nil { // the first error of all the writes
			return "", err
		}
		if err := f.Sync(); err != nil {
			return "", err
		}
		final := path.Join(dir, hex.EncodeToString(digest.Sum(nil))+segmentSuffix)
		if err := c.disk.Rename(tmp, final); err != nil {
			return "", err
		}
		// Not earlier: a temporary file that its owner may not write to could
		// not be adopted.
		fi, err := f.Stat()
		if err != nil {
			return "", err
		}
		return final, f.Chmod(fi.Mode().Perm() & 0o444)
	}()
	if err != nil {
		c.disk.Remove(tmp) // what failed before says more
		return "", err
	}
	if err := c.disk.SyncDir(dir); err != nil {
		return "", fmt.Errorf("%s: %w", final, err)
	}
	return final, nil
}
