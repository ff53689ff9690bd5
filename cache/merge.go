package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Merged says what Merge has taken over, or would take over.
type Merged struct {
	Spaces   int   // spaces of the source
	Copied   int   // segments that were copied
	Present  int   // segments that were there already
	Repaired int   // segments of which only the rows with a right checksum were taken over
	Sealed   int   // segments made of WALs that the source had not sealed
	Rows     int64 // rows in the segments that were copied, repaired and sealed
	Bytes    int64 // size of those segments in the source
	// Problems are what is damaged in the source: it was left out.
	Problems []Problem
}

// Merge copies the rows of src into c: every segment that c does not have, and
// what stands in WALs, of writers that are at work too. The rows of a
// damaged segment are taken over one by one. A key that c has already may have
// two rows then; a Reader serves one of them, Compact keeps it. src is only
// read: it may be opened with Open, and writers may go on adding to it.
//
// Whenever Merge ends, the rows of both are intact, and calling it again goes
// on where it was. With dryRun it only says what it would do; c may be nil then
// and stands for a cache that does not exist yet.
func (c *Cache) Merge(ctx context.Context, src *Cache, dryRun bool) (*Merged, error) {
	m := &merger{c: c, src: src, ctx: ctx, dryRun: dryRun}
	if err := m.cache(); err != nil {
		return nil, corruptOr(err, "cache: %s: merge: %w", src.dir, err)
	}
	return &m.n, nil
}

// merger is one call of Merge.
type merger struct {
	c, src *Cache
	ctx    context.Context
	dryRun bool
	n      Merged
}

func (m *merger) cache() error {
	if err := m.target(); err != nil {
		return err
	}
	fps, err := m.src.spaceNames()
	if err != nil {
		return err
	}
	for _, fp := range fps {
		s, err := m.src.readSpace(fp)
		var corrupt *CorruptError
		switch {
		case errors.As(err, &corrupt):
			m.n.Problems = append(m.n.Problems, corrupt.Problem)
			continue
		case errors.Is(err, fs.ErrNotExist):
			continue // being made, or no directory
		case err == nil:
			err = m.space(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// target checks that the rows may go where they shall go.
func (m *merger) target() error {
	if m.c == nil && m.dryRun {
		return nil
	}
	if m.c.readOnly && !m.dryRun {
		return fmt.Errorf("%s: %w", m.c.dir, ErrReadOnly)
	}
	a, err := m.c.disk.Lstat(".")
	if err != nil {
		return err
	}
	b, err := m.src.disk.Lstat(".")
	if err != nil {
		return err
	}
	if os.SameFile(a, b) {
		return fmt.Errorf("%s is the same cache", m.c.dir)
	}
	return nil
}

// present tells whether the target has a file of that name.
func (m *merger) present(name string) (bool, error) {
	if m.c == nil {
		return false, nil
	}
	_, err := m.c.disk.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// space takes over one space.
func (m *merger) space(s *Space) error {
	m.n.Spaces++
	there, err := m.src.lockSpace(s, false)
	if err != nil {
		return err
	}
	if there != nil {
		defer there.Close()
	}
	if !m.dryRun {
		here, err := m.c.lockSpace(s, true)
		if err != nil {
			return err
		}
		defer here.Close()
		if err = m.c.checkSpace(s); errors.Is(err, fs.ErrNotExist) {
			err = m.c.writeWhole(s.dir(), spaceName, s.json)
		}
		if err != nil {
			return err
		}
	}
	// WALs first: one that is sealed meanwhile is found among the segments.
	if err := m.each(s.walDir(), walSuffix, func(name string) error { return m.wal(s, name) }); err != nil {
		return err
	}
	return m.each(s.segDir(), segmentSuffix, func(name string) error { return m.segment(s, name) })
}

// each calls take for the files of the source in dir that end in suffix. One
// that is malformed is a problem, and left out.
func (m *merger) each(dir, suffix string, take func(name string) error) error {
	names, err := m.src.list(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if !strings.HasSuffix(n, suffix) {
			continue
		}
		name := path.Join(dir, n)
		err := take(name)
		if isMalformed(err) {
			m.n.Problems = append(m.n.Problems, Problem{Path: name, Row: -1, Err: err})
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) { // sealed or compacted meanwhile
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// segment takes over one segment. If its digest is not its name, its sound
// rows are written as a segment of their own.
func (m *merger) segment(s *Space, name string) error {
	if there, err := m.present(name); err != nil {
		return err
	} else if there {
		m.n.Present++
		return nil
	}
	g, _, err := m.src.openSegment(s, name)
	if err != nil {
		return err
	}
	defer g.close()
	wrong := guard(func() error { return g.named(m.ctx) })
	if wrong != nil && (errors.Is(wrong, errFault) || !isMalformed(wrong)) {
		return wrong
	}
	if wrong != nil {
		wrong = fmt.Errorf("%w: only its rows with a right checksum are taken over", wrong)
		m.n.Problems = append(m.n.Problems, Problem{Path: name, Row: -1, Err: wrong})
		u := union{segments: []*segment{g}}
		var damaged []Problem
		if err := guard(func() error { _, damaged = u.part(0, 0); return nil }); err != nil {
			return err
		}
		m.n.Problems = append(m.n.Problems, damaged...)
		if u.len() == 0 {
			return nil
		}
		m.n.Repaired++
		return m.write(s, g.provenance, u, int64(len(g.data)))
	}
	m.n.Copied++
	m.n.Rows += int64(g.rows)
	m.n.Bytes += int64(len(g.data))
	if m.dryRun {
		return nil
	}
	return guard(func() error {
		_, err := m.c.putSegment(s, func(w io.Writer) { io.Copy(w, bytes.NewReader(g.data)) })
		return err
	})
}

// wal takes over the rows of one WAL.
func (m *merger) wal(s *Space, name string) error {
	return m.src.readWAL(s, name, func(w *walScan) error {
		if w.damaged {
			m.n.Problems = append(m.n.Problems, Problem{Path: name, Row: -1, Err: w.torn})
		}
		if len(w.rows) == 0 {
			return nil
		}
		m.n.Sealed++
		return m.write(s, w.header.provenance, sealing{w, w.order()}, w.end)
	})
}

// write makes a segment of rows, of which the source has size bytes.
func (m *merger) write(s *Space, provenance map[string]any, rows rowList, size int64) error {
	m.n.Rows += int64(rows.len())
	m.n.Bytes += size
	if m.dryRun {
		return nil
	}
	return guard(func() error {
		_, err := m.c.writeSegment(s, provenance, rows)
		return err
	})
}
