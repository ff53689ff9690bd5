package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Mode says how thorough Verify is.
type Mode int

// The modes of Verify.
const (
	Fast Mode = iota // structure: names, headers, sizes, the order of keys, the frames of WALs
	Full             // and the digest of every segment, the checksum and the values of every row
)

// Verified counts what Verify looked at.
type Verified struct {
	Spaces   int
	Segments int
	Rows     int64 // rows in the segments
	Bytes    int64 // size of the segments
	WALs     int
	Waiting  int64 // rows in the WALs
	Problems int   // how often report was called
}

// Verify looks for everything that is wrong with the cache and calls report
// for each problem as it is found, in the order of paths and rows. It writes
// nothing and takes no lock that would stop anyone else. An error says that
// it could not look at everything, not that it found problems.
func (c *Cache) Verify(ctx context.Context, mode Mode, report func(Problem)) (Verified, error) {
	v := verifier{c: c, ctx: ctx, full: mode == Full, report: report}
	if err := v.cache(); err != nil {
		return v.n, fmt.Errorf("cache: %s: verify: %w", c.dir, err)
	}
	return v.n, nil
}

// verifier is one call of Verify.
type verifier struct {
	c      *Cache
	ctx    context.Context
	full   bool
	report func(Problem)
	n      Verified
}

func (v *verifier) problem(p Problem) {
	v.n.Problems++
	v.report(p)
}

// whole reports a problem of a whole file.
func (v *verifier) whole(name string, err error) {
	v.problem(Problem{Path: name, Row: -1, Err: err})
}

var errForeign = errors.New("does not belong here")

func (v *verifier) cache() error {
	if err := v.c.checkFormat(); err != nil {
		return err
	}
	fps, err := v.c.spaceNames()
	if err != nil {
		return err
	}
	for _, fp := range fps {
		s, err := v.c.readSpace(fp)
		var corrupt *CorruptError
		switch {
		case err == nil:
			err = v.space(s)
		case errors.As(err, &corrupt):
			v.problem(corrupt.Problem)
			continue
		case errors.Is(err, fs.ErrNotExist):
			err = v.nameless(fp)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nameless looks at a space without space.json: one that is being made holds
// nothing yet.
func (v *verifier) nameless(fp string) error {
	for _, d := range []string{segName, walName} {
		names, err := v.c.list(path.Join(spacesDir, fp, d))
		if err != nil {
			return err
		}
		for _, n := range names {
			if !isTemporary(n) {
				v.whole(path.Join(spacesDir, fp, spaceName), errors.New("missing: the next writer of the space restores it"))
				return nil
			}
		}
	}
	return nil
}

func (v *verifier) space(s *Space) error {
	v.n.Spaces++
	if err := v.each(s.segDir(), segmentSuffix, func(name string) error { return v.segment(s, name) }); err != nil {
		return err
	}
	return v.each(s.walDir(), walSuffix, func(name string) error { return v.wal(s, name) })
}

// each calls look for the files in dir that end in suffix and reports all
// others, hidden and temporary ones apart.
func (v *verifier) each(dir, suffix string, look func(name string) error) error {
	names, err := v.c.list(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, n)
		switch {
		case strings.HasSuffix(n, suffix):
			err := look(name)
			if isMalformed(err) {
				v.whole(name, err)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) { // sealed or moved meanwhile
				return fmt.Errorf("%s: %w", name, err)
			}
		case !isTemporary(n) && !strings.HasPrefix(n, "."):
			v.whole(name, errForeign)
		}
	}
	return nil
}

// segment looks at one segment. An error is about the whole of it.
func (v *verifier) segment(s *Space, name string) error {
	g, fi, err := v.c.openSegment(s, name)
	if err != nil {
		return err
	}
	defer g.close()
	v.n.Segments++
	v.n.Rows += int64(g.rows)
	v.n.Bytes += fi.Size()
	if !v.full {
		return nil
	}
	return guard(func() error {
		if err := g.named(v.ctx); isMalformed(err) {
			v.whole(name, err)
		} else if err != nil {
			return err
		}
		for i := range g.rows {
			if i%1024 == 0 && v.ctx.Err() != nil {
				return v.ctx.Err()
			}
			if !g.sound(i) {
				v.problem(g.problem(i))
			} else if j, value := s.dtype.unfitStored(g.row(i)); j >= 0 {
				p := g.problem(i)
				p.Err = fmt.Errorf("value %d is %v", j, value)
				v.problem(p)
			}
		}
		return nil
	})
}

// wal looks at one WAL, which a writer may be adding to.
func (v *verifier) wal(s *Space, name string) error {
	return v.c.readWAL(s, name, func(w *walScan) error {
		v.n.WALs++
		v.n.Waiting += int64(len(w.rows))
		if w.damaged {
			v.whole(name, w.torn)
		}
		return nil
	})
}
