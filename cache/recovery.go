package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Recovery says what a new writer found and put in order.
type Recovery struct {
	WALs        int       // WALs of writers that ended without closing
	Rows        int       // rows in them, now sealed
	Quarantined []Problem // what was moved to quarantine/, by its old path
}

// add adds what another recovery found.
func (r *Recovery) add(o Recovery) {
	r.WALs += o.WALs
	r.Rows += o.Rows
	r.Quarantined = append(r.Quarantined, o.Quarantined...)
}

// recover puts a space in order: malformed segments go to quarantine/,
// temporary files that nobody holds are removed, and of WALs that nobody
// holds the valid frames are sealed. Whether somebody holds a file is asked
// of its lock, not of process numbers or clocks.
func (c *Cache) recover(s *Space) (Recovery, error) {
	var r Recovery
	for _, d := range []string{s.dir(), s.segDir(), s.walDir()} {
		if err := c.sweep(d); err != nil {
			return r, err
		}
	}
	names, err := c.list(s.segDir())
	if err != nil {
		return r, err
	}
	for _, n := range names {
		if !strings.HasSuffix(n, segmentSuffix) {
			continue
		}
		name := path.Join(s.segDir(), n)
		g, fi, err := c.openSegment(s, name)
		switch {
		case err == nil:
			g.close()
		case errors.Is(err, fs.ErrNotExist):
		case !c.damaged(name, fi, err):
			return r, fmt.Errorf("%s: %w", name, err)
		default:
			if err := c.quarantine(&r, name, fi, err); err != nil {
				return r, err
			}
		}
	}
	if names, err = c.list(s.walDir()); err != nil {
		return r, err
	}
	for _, n := range names {
		if !strings.HasSuffix(n, walSuffix) {
			continue
		}
		name := path.Join(s.walDir(), n)
		if err := c.recoverWAL(s, &r, name); err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// recoverWAL seals and removes a WAL, unless somebody holds it.
func (c *Cache) recoverWAL(s *Space, r *Recovery, name string) error {
	f, err := c.adopt(name)
	if errors.Is(err, errIrregular) {
		return c.quarantine(r, name, nil, err)
	}
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	n, damage, err := c.seal(s, f, fi.Size())
	if err != nil && c.damaged(name, fi, err) {
		return c.quarantine(r, name, fi, err)
	}
	if err != nil {
		return err
	}
	r.WALs++
	r.Rows += n
	if damage != nil {
		return c.quarantine(r, name, fi, damage)
	}
	if err := c.disk.Remove(name); err != nil {
		return err
	}
	return c.disk.SyncDir(s.walDir())
}

// damaged tells whether err says that a file, which was fi when it was opened,
// is malformed. A page that cannot be read although the file is no shorter is
// not: the device may give it back another time.
func (c *Cache) damaged(name string, fi fs.FileInfo, err error) bool {
	if errors.Is(err, errFault) {
		now, e := c.disk.Lstat(name)
		return e == nil && now.Size() < fi.Size()
	}
	return isMalformed(err)
}

// quarantine moves a malformed file, which was fi when it was looked at, to
// quarantine/. What has taken its place meanwhile stays.
func (c *Cache) quarantine(r *Recovery, name string, fi fs.FileInfo, cause error) error {
	if err := c.mkdir(quarantineDir); err != nil {
		return err
	}
	base := path.Base(name)
	to := path.Join(quarantineDir, randomID()+"-"+base[:min(len(base), 128)])
	err := c.disk.Rename(name, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // someone else was faster
	}
	if err != nil {
		return err
	}
	if fi != nil {
		now, err := c.disk.Lstat(to)
		if err != nil || !os.SameFile(fi, now) {
			return errors.Join(err, c.disk.Rename(to, name))
		}
	}
	r.Quarantined = append(r.Quarantined, Problem{Path: name, Row: -1, Err: cause})
	return c.disk.SyncDir(quarantineDir)
}
