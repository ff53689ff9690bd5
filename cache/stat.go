package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// SpaceStat are the figures of one space.
type SpaceStat struct {
	Fingerprint string // the directory's name
	Space       *Space // nil if it is refused
	Err         error  // why it is refused, or nil
	Segments    int    // sealed segments, refused ones left out
	Refused     int    // segments that are refused for their header
	Rows        int64  // rows in Segments; a key that stands in two counts twice
	Bytes       int64  // size of the segments, refused ones too
	Waiting     int    // WALs with rows that are not sealed yet
}

// Stat are the figures of a cache.
type Stat struct {
	Spaces          []SpaceStat // in the order of their fingerprints
	Quarantined     int         // files in quarantine/
	QuarantineBytes int64       // their size
}

// Stat counts what the cache holds. It reads directories and headers only.
func (c *Cache) Stat() (*Stat, error) {
	st, err := c.stat()
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", c.dir, err)
	}
	return st, nil
}

func (c *Cache) stat() (*Stat, error) {
	st := &Stat{}
	fps, err := c.spaceNames()
	if err != nil {
		return nil, err
	}
	for _, fp := range fps {
		s, err := c.readSpace(fp)
		if errors.Is(err, fs.ErrNotExist) {
			continue // being made, or no directory
		}
		var corrupt *CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			return nil, err
		}
		one := SpaceStat{Fingerprint: fp, Space: s, Err: err}
		if err == nil {
			if err := c.statSpace(&one); err != nil {
				return nil, err
			}
		}
		st.Spaces = append(st.Spaces, one)
	}
	names, err := c.list(quarantineDir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		fi, err := c.disk.Lstat(path.Join(quarantineDir, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		st.Quarantined++
		st.QuarantineBytes += fi.Size()
	}
	return st, nil
}

func (c *Cache) statSpace(one *SpaceStat) error {
	names, err := c.list(one.Space.segDir())
	if err != nil {
		return err
	}
	for _, n := range names {
		if !strings.HasSuffix(n, segmentSuffix) {
			continue
		}
		f, fi, h, _, err := c.openSegmentHeader(one.Space, path.Join(one.Space.segDir(), n))
		if fi != nil {
			one.Bytes += fi.Size()
		}
		switch {
		case err == nil:
			f.Close()
			one.Segments++
			one.Rows += h.rows
		case errors.Is(err, fs.ErrNotExist):
		case isMalformed(err):
			one.Refused++
		default:
			return err
		}
	}
	one.Waiting, err = c.waiting(one.Space)
	return err
}

// Spaces returns the spaces of the cache in the order of their fingerprints.
// Spaces that are refused are left out and named by the error, which joins
// one *CorruptError for each; the others are returned all the same.
func (c *Cache) Spaces() ([]*Space, error) {
	fps, err := c.spaceNames()
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", c.dir, err)
	}
	var spaces []*Space
	var errs []error
	for _, fp := range fps {
		switch s, err := c.readSpace(fp); {
		case err == nil:
			spaces = append(spaces, s)
		case !errors.Is(err, fs.ErrNotExist): // being made
			errs = append(errs, err)
		}
	}
	return spaces, errors.Join(errs...)
}
