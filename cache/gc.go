package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Keep names rows of a space that GC keeps.
type Keep struct {
	Space *Space
	Keys  []Key // in any order; a key may stand here twice
}

// Freed says what GC has removed, or would remove.
type Freed struct {
	Spaces []FreedSpace // in the order of their fingerprints
	// Refused are spaces whose identity cannot be read. They are left as they
	// are.
	Refused []Problem
}

// FreedSpace is what GC does to one space.
type FreedSpace struct {
	Space    *Space
	Recovery Recovery // what was put in order before, as by a Writer
	Waiting  int      // WALs whose rows were not looked at, with dryRun
	Gone     bool     // nothing of the space is kept, it goes as a whole
	Segments int      // segments before
	Removed  int      // segments that go
	Written  int      // segments that take the place of some of those, with the rows that are kept of them
	Rows     int64    // rows that stay; a key that stands in two segments counts twice
	Dropped  int64    // rows that go
	Bytes    int64    // size of the segments before
	Freed    int64    // less of it afterwards
}

// GC removes every row that keep does not name, and every space of which
// nothing is kept. Segments of which only some rows are kept are written anew.
//
// It needs all spaces that it changes for itself: while another Reader or
// Writer has one of them, here or in another process, the error is ErrInUse and
// nothing has been removed. Whenever it ends, no row that keep names is lost.
// With dryRun it only says what it would do; a cache that was opened with Open
// will do.
func (c *Cache) GC(ctx context.Context, keep []Keep, dryRun bool) (*Freed, error) {
	f, err := c.gc(ctx, keep, dryRun)
	if err != nil {
		return nil, corruptOr(err, "cache: %s: gc: %w", c.dir, err)
	}
	return f, nil
}

func (c *Cache) gc(ctx context.Context, keep []Keep, dryRun bool) (*Freed, error) {
	fps, err := c.spaceNames()
	if err != nil {
		return nil, err
	}
	f := &Freed{}
	var plans []*collection
	defer func() {
		for _, p := range plans {
			p.reader.Close()
		}
	}()
	for _, fp := range fps {
		s, err := c.readSpace(fp)
		var corrupt *CorruptError
		switch {
		case errors.As(err, &corrupt):
			f.Refused = append(f.Refused, corrupt.Problem)
			continue
		case errors.Is(err, fs.ErrNotExist):
			continue // being made, or no directory
		case err != nil:
			return nil, err
		}
		p := &collection{freed: FreedSpace{Space: s}}
		keys := keysOf(s, keep)
		recovery := &p.freed.Recovery
		if len(keys) == 0 {
			recovery = nil // sealing what goes would need room, and there may be none
		}
		if p.reader, err = c.forChange(s, dryRun, recovery); err != nil {
			return nil, fmt.Errorf("space %s: %w", s, err)
		}
		plans = append(plans, p)
		if err := p.plan(ctx, keys); err != nil {
			return nil, lostIn(s, err)
		}
	}
	for _, p := range plans {
		if !dryRun {
			if err := c.collect(ctx, p); err != nil {
				return nil, lostIn(p.freed.Space, err)
			}
		}
		f.Spaces = append(f.Spaces, p.freed)
	}
	if dryRun {
		return f, nil
	}
	return f, c.emptyTrash()
}

// keysOf returns the keys that are kept of a space, each once.
func keysOf(s *Space, keep []Keep) []Key {
	var keys []Key
	for _, k := range keep {
		if k.Space.digest == s.digest {
			keys = append(keys, k.Keys...)
		}
	}
	slices.SortFunc(keys, Key.Compare)
	return slices.Compact(keys)
}

// collection is what GC does to one space: the plan, then its execution.
type collection struct {
	reader *Reader
	freed  FreedSpace
	whole  []string // segments that go
	partly []union  // rows that are kept of segments that go
}

// plan sorts segments into those that stay, those that go, and those that go
// after some of their rows have been written anew.
func (p *collection) plan(ctx context.Context, keys []Key) error {
	f := &p.freed
	f.Waiting, f.Segments = p.reader.waiting, len(p.reader.segments)
	ws := sortWanted(keys)
	for i, g := range p.reader.segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.Bytes += int64(len(g.data))
		var kept []unionRow
		damaged := 0
		err := g.guard(func() error {
			g.join(keys, ws, func(_, row int) {
				if g.valid(row) {
					kept = append(kept, unionRow{g.prefix(row), uint32(i), uint32(row)})
				} else {
					damaged++
				}
			})
			return nil
		})
		if err != nil {
			return err
		}
		f.Rows += int64(len(kept))
		if len(kept) == g.rows {
			continue
		}
		f.Dropped += int64(g.rows - len(kept))
		f.Removed++
		f.Freed += int64(len(g.data))
		p.whole = append(p.whole, g.path)
		if len(kept) > 0 {
			f.Written++
			f.Freed -= int64(len(g.head) + len(kept)*(g.size+walRowOverhead))
			p.partly = append(p.partly, union{segments: p.reader.segments, order: kept})
		}
	}
	f.Gone = len(keys) == 0 || f.Rows == 0 && f.Waiting == 0
	return nil
}

// collect carries out a plan under the exclusive lock of the space: first what
// is kept becomes durable, then the rest goes.
func (c *Cache) collect(ctx context.Context, p *collection) error {
	if p.freed.Gone {
		return c.discard([]string{p.freed.Space.dir()})
	}
	stays := map[string]bool{}
	for _, u := range p.partly {
		if err := ctx.Err(); err != nil {
			return err
		}
		g, _ := u.at(0)
		err := g.guard(func() error {
			name, err := c.writeSegment(p.freed.Space, g.provenance, u)
			stays[name] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.discard(slices.DeleteFunc(p.whole, func(name string) bool { return stays[name] }))
}
