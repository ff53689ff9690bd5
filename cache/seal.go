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
	if size < 1 {
		return 0, nil, malformedf("empty")
	}
	data, err := f.Map(size)
	if err != nil {
		return 0, nil, err
	}
	defer unmap(data)
	err = guard(func() error {
		w, err := scanWAL(s, data)
		if err != nil {
			return err
		}
		if w.damaged {
			damage = w.torn
		}
		if rows = len(w.rows); rows == 0 {
			return nil
		}
		return c.writeSegment(s, w)
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

// writeSegment writes a segment with the rows of w.
func (c *Cache) writeSegment(s *Space, w *walScan) error {
	rows := w.order()
	h := &segmentHeader{rows: int64(len(rows)), dim: int64(s.dim), dtype: s.dtype, metadata: metadataOf(s, w.header.provenance)}
	head, err := h.encode()
	if err != nil {
		return err
	}
	dir := s.segDir()
	f, tmp, err := c.createLocked(dir, tmpPrefix, "")
	if err != nil {
		return err
	}
	defer f.Close()
	final, err := func() (string, error) {
		digest := sha256.New()
		out := bufio.NewWriterSize(io.MultiWriter(io.NewOffsetWriter(f, 0), digest), 1<<20)
		out.Write(head)
		for _, r := range rows {
			out.Write(w.values(r))
		}
		for _, r := range rows {
			out.Write(w.crc(r))
		}
		for _, r := range rows {
			out.Write(w.key(r))
		}
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
		return fmt.Errorf("sealing: %w", err)
	}
	if err := c.disk.SyncDir(dir); err != nil {
		return fmt.Errorf("sealing: %s: %w", final, err)
	}
	return nil
}
