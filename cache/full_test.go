package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// exitNoMount is how a child ends that may not mount anything.
const exitNoMount = 77

// fillDisk is the job of a child: it fills a file system of size MiB at dir in
// several ways, checks what is left, makes it larger and completes.
func fillDisk(dir, size string) error {
	mib, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	if err := mountSmall(dir, mib, false); err != nil {
		fmt.Println(err)
		os.Exit(exitNoMount)
	}
	s, err := NewSpace(map[string]any{"dim": 256, "dtype": "f32", "output": "full"}) // 1 KiB a row
	if err != nil {
		return err
	}
	rows := mib << 10
	segment := int64(mib) << 17 // an eighth of it
	for _, way := range []struct {
		name string
		fill func(dir string, s *Space, rows int, segment int64) ([]Key, error)
	}{
		{"one segment", func(dir string, s *Space, rows int, _ int64) ([]Key, error) {
			return appendAll(dir, s, rows*5/8, 0) // the WAL fits, the segment beside it does not
		}},
		{"many segments", func(dir string, s *Space, rows int, segment int64) ([]Key, error) {
			return appendAll(dir, s, 2*rows, segment)
		}},
		{"compaction", func(dir string, s *Space, rows int, segment int64) ([]Key, error) {
			acked, err := appendAll(dir, s, rows*3/4, segment)
			if err != nil {
				return acked, fmt.Errorf("too early: %v", err)
			}
			return acked, with(dir, 0, func(c *Cache) error {
				_, err := c.Compact(context.Background(), s, false)
				return err
			})
		}},
		{"gc", func(dir string, s *Space, rows int, segment int64) ([]Key, error) {
			acked, err := appendAll(dir, s, rows*3/4, segment)
			if err != nil {
				return acked, fmt.Errorf("too early: %v", err)
			}
			var keep []Key // of every segment a part
			for i, k := range acked {
				if i%8 != 0 {
					keep = append(keep, k)
				}
			}
			return keep, with(dir, 0, func(c *Cache) error {
				_, err := c.GC(context.Background(), []Keep{{s, keep}}, false)
				return err
			})
		}},
		{"founding", func(dir string, s *Space, rows int, segment int64) ([]Key, error) {
			if err := fillUp(filepath.Join(filepath.Dir(dir), "filler")); err != nil {
				return nil, err
			}
			return appendAll(dir, s, 8, 0)
		}},
	} {
		at := filepath.Join(dir, "cache")
		acked, err := way.fill(at, s, rows, segment)
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("%s: %v, want %v", way.name, err, syscall.ENOSPC)
		}
		fmt.Printf("%s: full after %d rows: %v\n", way.name, len(acked), err)
		all := testKeys(0, 2*rows)
		check := func() error {
			return recoverAndCheck(at, []*Space{s}, func(*Space) []Key { return acked }, all, nil)
		}
		// Before there is room: what is sealed can be read, and is right.
		err = with(at, 0, func(c *Cache) error { return checkServed(c, s, nil, all) })
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		if err := mountSmall(dir, 16*mib, true); err != nil {
			return err
		}
		if err := check(); err != nil {
			return fmt.Errorf("%s: with more room: %w", way.name, err)
		}
		if acked, err = appendAll(at, s, 2*rows, segment); err != nil {
			return fmt.Errorf("%s: the next run: %w", way.name, err)
		}
		if err := check(); err != nil {
			return fmt.Errorf("%s: after the next run: %w", way.name, err)
		}
		if names, err := os.ReadDir(filepath.Join(at, quarantineDir)); err == nil {
			return fmt.Errorf("%s: in quarantine: %v", way.name, names)
		}
		if err := errors.Join(os.RemoveAll(at), os.RemoveAll(filepath.Join(dir, "filler")), mountSmall(dir, mib, true)); err != nil {
			return err
		}
	}
	return nil
}

// with calls do with the cache in dir.
func with(dir string, segment int64, do func(c *Cache) error) error {
	c, err := Create(dir, &Options{SegmentBytes: segment})
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// appendAll appends rows in batches and returns the keys that were acknowledged
// before the first error.
func appendAll(dir string, s *Space, rows int, segment int64) (acked []Key, err error) {
	err = with(dir, segment, func(c *Cache) error {
		w, err := c.Writer(s, nil)
		if err != nil {
			return err
		}
		for i := 0; i < rows && err == nil; i += 16 {
			keys := testKeys(i, i+16)
			if err = w.Append(keys, rowsOf(s, keys)); err == nil {
				acked = append(acked, keys...)
			}
		}
		return errors.Join(err, w.Close())
	})
	return acked, err
}

// fillUp writes a file until there is no room left.
func fillUp(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for b := make([]byte, 4096); ; {
		if _, err := f.Write(b); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
}
