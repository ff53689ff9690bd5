package cache

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
)

// Compacted says what Compact has done to a space, or would do.
type Compacted struct {
	Space      *Space
	Recovery   Recovery  // what was put in order before, as by a Writer
	Waiting    int       // WALs whose rows were not looked at, with dryRun
	Before     int       // segments before
	After      int       // segments afterwards
	Written    int       // segments of those that are new
	Rows       int64     // rows afterwards, of as many keys
	Duplicates int64     // rows left out because another one has their key
	Damaged    []Problem // rows left out because their checksum is wrong; their segments go to quarantine/
	Bytes      int64     // size of the segments before
	BytesAfter int64     // and afterwards
}

// Compact writes the rows of a space anew, so that each key has one row and
// the same rows, with the same provenance, lie in the same bytes, however they
// came into the cache.
//
// A space of less than SegmentBytes becomes one segment. A larger one is
// divided into 2^k parts by the first k bits of the keys, with the least k that
// makes them smaller than that in the mean; keys are digests, so the parts are
// of nearly the same size. Rows of different provenance get segments of their
// own in each part. A segment that is already as it should be stays.
//
// It needs the space for itself: while another Reader or Writer has it, here
// or in another process, the error is ErrInUse. Whenever it ends, no row is
// lost. With dryRun it only says what it would do; a cache that was opened with
// Open will do.
func (c *Cache) Compact(ctx context.Context, s *Space, dryRun bool) (*Compacted, error) {
	n, err := c.compact(ctx, s, dryRun)
	if err != nil {
		return nil, corruptOr(err, "cache: %s: space %s: compact: %w", c.dir, s, err)
	}
	return n, nil
}

func (c *Cache) compact(ctx context.Context, s *Space, dryRun bool) (*Compacted, error) {
	n := &Compacted{Space: s}
	r, err := c.forChange(s, dryRun, &n.Recovery)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n.Waiting = r.waiting
	p, err := c.planCompaction(ctx, s, r.segments)
	if err != nil {
		return nil, err
	}
	n.Before, n.Rows, n.Duplicates, n.Damaged = len(r.segments), p.rows, p.duplicates, p.damaged
	n.After = len(p.outputs)
	for _, g := range r.segments {
		n.Bytes += int64(len(g.data))
	}
	for _, o := range p.outputs {
		n.BytesAfter += o.bytes
		if o.same == nil {
			n.Written++
		}
	}
	if dryRun {
		return n, nil
	}
	return n, c.doCompaction(ctx, s, p)
}

// forChange opens the segments of a space that is about to be changed: under
// its exclusive lock, and after putting it in order, which recovery tells of,
// unless it is nil; with dryRun as any reader does. Closing the reader releases
// the lock.
func (c *Cache) forChange(s *Space, dryRun bool, recovery *Recovery) (*Reader, error) {
	if dryRun {
		return c.reader(s)
	}
	if c.readOnly {
		return nil, ErrReadOnly
	}
	lock, err := c.lockAlone(s)
	if err != nil {
		return nil, err
	}
	r := &Reader{dir: c.dir, space: s, lock: lock}
	if err = c.checkSpace(s); errors.Is(err, fs.ErrNotExist) {
		err = c.writeWhole(s.dir(), spaceName, s.json)
	}
	if err == nil && recovery != nil {
		*recovery, err = c.recover(s)
	}
	if err == nil {
		err = r.open(c, c.list)
	}
	if err == nil && recovery != nil {
		r.waiting, err = c.waiting(s) // one that this user may not open
	}
	if err == nil && recovery != nil && len(r.refused) > 0 {
		err = &CorruptError{r.refused[0]} // it came after the recovery
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// compaction is a plan: which segments there shall be in place of others.
type compaction struct {
	segments   []*segment // what there is
	bits       int        // there are 2^bits parts
	outputs    []output
	rows       int64
	duplicates int64
	damaged    []Problem
}

// output is one segment that a compaction leaves.
type output struct {
	part  uint64
	bytes int64    // size of its file
	same  *segment // this segment as it is, if there is one
}

// planCompaction plans to write the rows of segments anew.
func (c *Cache) planCompaction(ctx context.Context, s *Space, segments []*segment) (*compaction, error) {
	var total int64
	for _, g := range segments {
		total += int64(g.rows)
	}
	// The number of parts depends on the number of distinct rows, which is
	// known once they have been looked at; at most the total.
	for k := c.partBits(s, total); ; {
		p := &compaction{segments: segments, bits: k}
		u := union{segments: segments}
		for part := range uint64(1) << k {
			if err := guard(func() error { return p.add(ctx, s, &u, part) }); err != nil {
				return nil, lostIn(s, err)
			}
		}
		if want := c.partBits(s, p.rows); want < k {
			k = want
			continue
		}
		return p, nil
	}
}

// lostIn gives the fault of a mapped page its place, as far as it is known.
func lostIn(s *Space, err error) error {
	if err == errFault {
		return &CorruptError{Problem{Path: s.segDir(), Row: -1, Err: errFault}}
	}
	return err
}

// partBits returns the least k for which rows make 2^k parts of less than
// SegmentBytes in the mean.
func (c *Cache) partBits(s *Space, rows int64) int {
	parts := rows * int64(s.rowSize()+walRowOverhead) / c.segmentBytes
	return bits.Len64(uint64(parts))
}

// add plans the outputs of one part.
func (p *compaction) add(ctx context.Context, s *Space, u *union, part uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	duplicates, damaged := u.part(part, p.bits)
	p.rows += int64(u.len())
	p.duplicates += duplicates
	p.damaged = append(p.damaged, damaged...)
	for _, o := range u.byProvenance() {
		h := &segmentHeader{
			rows: int64(o.len()), dim: int64(s.dim), dtype: s.dtype,
			metadata: metadataOf(s, p.segments[o.order[0].segment].provenance),
		}
		head, err := h.encode()
		if err != nil {
			return err
		}
		_, _, size := h.offsets()
		out := output{part: part, bytes: int64(len(head)) + size}
		if g, _ := o.at(0); g.rows == o.len() && o.of(g) && bytes.Equal(g.head, head) {
			err := g.named(ctx)
			if err == nil {
				out.same = g
			} else if !isMalformed(err) {
				return err
			}
		}
		p.outputs = append(p.outputs, out)
	}
	return nil
}

// provenance returns that of the segment of the first row, as canonical JSON.
func (u union) provenance() string {
	g, _ := u.at(0)
	return string(appendJSON(nil, g.provenance))
}

// of tells whether all rows are those of g.
func (u union) of(g *segment) bool {
	return !slices.ContainsFunc(u.order, func(r unionRow) bool { return u.segments[r.segment] != g })
}

// byProvenance divides a union into those of one provenance each, in the order
// of the provenance.
func (u union) byProvenance() []union {
	groups := map[string]*union{}
	of := make([]*union, len(u.segments)) // group of each segment
	var all []*union
	for _, r := range u.order {
		if of[r.segment] == nil {
			p := string(appendJSON(nil, u.segments[r.segment].provenance))
			if groups[p] == nil {
				groups[p] = &union{segments: u.segments}
				all = append(all, groups[p])
			}
			of[r.segment] = groups[p]
		}
		g := of[r.segment]
		g.order = append(g.order, r)
	}
	slices.SortFunc(all, func(a, b *union) int { return cmp.Compare(a.provenance(), b.provenance()) })
	out := make([]union, len(all))
	for i, g := range all {
		out[i] = *g
	}
	return out
}

// doCompaction carries out a plan under the exclusive lock of the space: first
// everything new becomes durable, then what it replaces goes.
func (c *Cache) doCompaction(ctx context.Context, s *Space, p *compaction) error {
	stays := map[string]bool{}
	u := union{segments: p.segments}
	for outputs := p.outputs; len(outputs) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := outputs[0].part
		n := 0
		for n < len(outputs) && outputs[n].part == part {
			n++
		}
		these := outputs[:n]
		outputs = outputs[n:]
		if !slices.ContainsFunc(these, func(o output) bool { return o.same == nil }) {
			for _, o := range these {
				stays[o.same.path] = true
			}
			continue
		}
		err := guard(func() error {
			u.part(part, p.bits)
			for i, group := range u.byProvenance() {
				if g := these[i].same; g != nil {
					stays[g.path] = true
					continue
				}
				g, _ := group.at(0)
				name, err := c.writeSegment(s, g.provenance, group)
				if err != nil {
					return err
				}
				stays[name] = true
			}
			return nil
		})
		if err != nil {
			return lostIn(s, err)
		}
	}
	damaged := map[string]error{}
	for _, d := range p.damaged {
		damaged[d.Path] = d.Err
	}
	var old []string
	for _, g := range p.segments {
		if stays[g.path] {
			continue
		}
		if cause, ok := damaged[g.path]; ok {
			if err := c.quarantine(new(Recovery), g.path, nil, cause); err != nil {
				return err
			}
			continue
		}
		old = append(old, g.path)
	}
	return c.discard(old)
}

// manySmall is how many small segments a space may have before the next Writer
// compacts them.
const manySmall = 32

// tidy compacts the small segments of a space, those of less than a quarter of
// SegmentBytes, if there are many, so that a space that grows by small runs
// stays fast to open. If somebody else has the space, or a segment cannot be
// read, it does nothing. It returns what it put in order before.
func (c *Cache) tidy(s *Space) (recovery Recovery, err error) {
	small, err := c.small(s)
	if err != nil || len(small) <= manySmall {
		return recovery, err
	}
	r, err := c.forChange(s, false, &recovery)
	if errors.Is(err, ErrInUse) {
		return recovery, nil
	}
	if err != nil {
		return recovery, err
	}
	defer r.Close()
	some := slices.DeleteFunc(slices.Clone(r.segments), func(g *segment) bool { return int64(len(g.data)) >= c.segmentBytes/4 })
	p, err := c.planCompaction(context.Background(), s, some)
	if err == nil {
		err = c.doCompaction(context.Background(), s, p)
	}
	if isMalformed(err) {
		return recovery, nil
	}
	return recovery, err
}

// small returns the small segments of a space.
func (c *Cache) small(s *Space) (names []string, err error) {
	all, err := c.list(s.segDir())
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if !strings.HasSuffix(n, segmentSuffix) {
			continue
		}
		fi, err := c.disk.Lstat(path.Join(s.segDir(), n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if fi.Size() < c.segmentBytes/4 {
			names = append(names, n)
		}
	}
	return names, nil
}
