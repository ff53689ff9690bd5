package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/headstart-ml/headstart/cache/draft"
)

// Names in a cache.
const (
	formatName    = "FORMAT"
	formatText    = "headstart cache 1\n"
	spacesDir     = "spaces"
	quarantineDir = "quarantine"
	trashDir      = "trash"
	statDir       = "stat"
	spaceName     = "space.json"
	lockName      = "lock"
	walName       = "wal"
	segName       = "seg"
)

// Options are a cache's settings.
type Options struct {
	// SegmentBytes is the size at which a writer seals what it has into a
	// segment and goes on with the next, and that of the segments that Compact
	// makes. Zero means 256 MiB.
	SegmentBytes int64

	// wrap, if set, stands between the cache and the disk.
	wrap func(disk) disk
}

// segmentSize returns SegmentBytes or its default.
func (o *Options) segmentSize() (int64, error) {
	switch {
	case o == nil || o.SegmentBytes == 0:
		return 256 << 20, nil
	case o.SegmentBytes < 0:
		return 0, fmt.Errorf("segment size %d is negative", o.SegmentBytes)
	}
	return o.SegmentBytes, nil
}

// Errors that callers tell apart.
var (
	// ErrReadOnly is returned by what would write to a cache that was opened
	// with Open.
	ErrReadOnly = errors.New("opened for reading only")
	// ErrInUse is returned by what would delete rows of a space that another
	// process reads or writes.
	ErrInUse = errors.New("in use")
	// ErrFormat is returned for a directory that is no cache, or one of a
	// format that this version does not know.
	ErrFormat = errors.New("unknown format")
)

// Cache is a directory of embeddings. It is safe for concurrent use.
type Cache struct {
	dir          string
	root         *os.Root
	disk         disk
	readOnly     bool
	segmentBytes int64
}

// Create opens the cache in dir for writing and makes what is missing. It
// refuses a directory that holds other things, and one whose format it does
// not know. nil options are the defaults.
func Create(dir string, o *Options) (*Cache, error) {
	size, err := o.segmentSize()
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	if err := makeDurable(dir); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	root, err := draft.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{dir: dir, root: root, disk: rootDisk{root}, segmentBytes: size}
	if o != nil && o.wrap != nil {
		c.disk = o.wrap(c.disk)
	}
	if err := c.found(); err != nil {
		root.Close()
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	return c, nil
}

// found creates what a cache consists of, unless it is there.
func (c *Cache) found() error {
	err := c.checkFormat()
	if errors.Is(err, fs.ErrNotExist) {
		names, err := c.list(".")
		if err != nil {
			return err
		}
		for _, n := range names {
			// Another process may be creating the same cache, or somebody may
			// have removed it while a writer was at work.
			ours, err := c.ours(n)
			if err != nil {
				return err
			}
			if !ours {
				return fmt.Errorf("%w: there is no %s but there is %s; name an empty directory or a cache", ErrFormat, formatName, n)
			}
		}
		if err := c.writeWhole(".", formatName, []byte(formatText)); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := c.sweep("."); err != nil {
		return err
	}
	if err := c.emptyTrash(); err != nil { // of a deletion that was interrupted
		return err
	}
	return c.mkdir(spacesDir)
}

// ours tells whether an entry of the directory is one that caches have. What
// is in the trash is removed, so it must look like what discard puts there.
func (c *Cache) ours(name string) (bool, error) {
	switch name {
	case formatName:
		return true, nil
	case spacesDir, statDir, quarantineDir, trashDir:
	default:
		return isTemporary(name), nil
	}
	fi, err := c.disk.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil // it is gone already
	}
	if err != nil || !fi.IsDir() {
		return false, err
	}
	if name != trashDir {
		return true, nil
	}
	names, err := c.list(name)
	return !slices.ContainsFunc(names, func(n string) bool {
		id, _, ok := strings.Cut(n, "-")
		return !ok || !isHex(id, 32)
	}), err
}

// mkdir makes a directory, unless it is there, and its entry durable: whoever
// made it may not have come to that.
func (c *Cache) mkdir(name string) error {
	fi, err := c.disk.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || !fi.IsDir() {
		if err := c.disk.Mkdir(name); err != nil {
			return err
		}
	}
	return c.disk.SyncDir(path.Dir(name))
}

// checkFormat checks the file FORMAT: "headstart cache MAJOR" and perhaps
// ".MINOR", and a line end.
func (c *Cache) checkFormat() error {
	b, err := c.readSmall(formatName, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", formatName, err)
	}
	version, ok := strings.CutPrefix(string(b), "headstart cache ")
	version, ended := strings.CutSuffix(version, "\n")
	if !ok || !ended {
		return fmt.Errorf("%s: %w %q, this is no cache of headstart", formatName, ErrFormat, b)
	}
	if major, _, _ := strings.Cut(version, "."); major != "1" {
		return fmt.Errorf("%s: %w: version %s, this program reads version 1: use a newer one", formatName, ErrFormat, shown(version))
	}
	return nil
}

// makeDurable makes a directory with its parents, and syncs the directory of
// each that it makes.
func makeDurable(dir string) error {
	if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
		return nil
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if parent != dir {
		if err := makeDurable(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if fi, e := os.Stat(dir); e == nil && fi.IsDir() {
			return nil // made by someone else
		}
		return err
	}
	p, err := os.Open(parent)
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Sync()
}

// Open opens the cache in dir for reading. It never writes. nil options are the
// defaults.
func Open(dir string, o *Options) (*Cache, error) {
	size, err := o.segmentSize()
	if err != nil {
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	root, err := draft.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{dir: dir, root: root, disk: rootDisk{root}, readOnly: true, segmentBytes: size}
	if err := c.checkFormat(); err != nil {
		root.Close()
		return nil, fmt.Errorf("cache: %s: %w", dir, err)
	}
	return c, nil
}

// Dir returns the directory as it was given.
func (c *Cache) Dir() string { return c.dir }

// Close releases the directory. Readers and writers must have been closed.
func (c *Cache) Close() error { return c.root.Close() }

// lockSpace takes the shared lock of a space, which keeps what deletes away.
// It returns nil if the space has no lock file, unless create is set: then it
// makes the space's directories. It waits while the space is being cleaned.
func (c *Cache) lockSpace(s *Space, create bool) (file, error) {
	if !create {
		f, err := c.lock(s, syscall.LOCK_SH)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return f, err
	}
	for again := 0; ; again++ {
		err := c.makeSpace(s)
		if err == nil {
			var f file
			if f, err = c.lock(s, syscall.LOCK_SH); err == nil {
				return f, nil
			}
		}
		// The space was removed while it was made or waited for.
		if !errors.Is(err, fs.ErrNotExist) || again == 100 {
			return nil, err
		}
	}
}

// lockAlone takes the exclusive lock of a space that exists. Whoever has it may
// delete: nobody else reads or writes there. If someone does, the error is
// ErrInUse.
func (c *Cache) lockAlone(s *Space) (file, error) {
	if err := c.makeSpace(s); err != nil {
		return nil, err
	}
	f, err := c.lock(s, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w by another process, such as an extract or a train-head: wait for it to end", ErrInUse)
	}
	return f, err
}

// lock takes a lock of a space. It is fs.ErrNotExist if the space has no lock
// file, or is removed meanwhile, and ErrInUse if how has LOCK_NB and someone
// else's lock does not agree with it.
func (c *Cache) lock(s *Space, how int) (file, error) {
	name := path.Join(s.dir(), lockName)
	f, err := c.disk.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ok, err := f.Lock(how)
	if err == nil && !ok {
		err = ErrInUse
	}
	if err == nil {
		if ok, err = c.same(f, name); ok {
			return f, nil
		}
		if err == nil {
			err = fs.ErrNotExist
		}
		err = fmt.Errorf("%s: %w", name, err)
	}
	f.Close()
	return nil, err
}

// makeSpace makes the directories and the lock file of a space, unless they
// are there.
func (c *Cache) makeSpace(s *Space) error {
	for _, d := range []string{spacesDir, s.dir(), s.walDir(), s.segDir()} {
		if err := c.mkdir(d); err != nil {
			return err
		}
	}
	name := path.Join(s.dir(), lockName)
	if _, err := c.disk.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := c.disk.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// checkSpace compares a space's space.json with its identity. One that is not
// there is fs.ErrNotExist.
func (c *Cache) checkSpace(s *Space) error {
	name := path.Join(s.dir(), spaceName)
	b, err := c.readSmall(name, maxSpaceJSON)
	switch {
	case err == nil && string(b) == string(s.json):
		return nil
	case err == nil:
		err = malformedf("not the identity of space %s: it was edited, or the directory renamed", s)
	case !isMalformed(err):
		return fmt.Errorf("%s: %w", name, err)
	}
	return &CorruptError{Problem{Path: name, Row: -1, Err: err}}
}

// spaceNames returns the names in spaces/, hidden ones left out.
func (c *Cache) spaceNames() ([]string, error) {
	names, err := c.list(spacesDir)
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") }), err
}

// readSpace reads the space in the directory spaces/fp.
func (c *Cache) readSpace(fp string) (*Space, error) {
	name := path.Join(spacesDir, fp, spaceName)
	refuse := func(err error) (*Space, error) {
		return nil, &CorruptError{Problem{Path: name, Row: -1, Err: err}}
	}
	if !isHex(fp, 64) {
		return refuse(errors.New("the directory's name is no fingerprint"))
	}
	fi, err := c.disk.Lstat(path.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Dir(name), err)
	}
	if !fi.IsDir() {
		return refuse(fmt.Errorf("lies in %s, not in a directory", draft.Kind(fi.Mode())))
	}
	b, err := c.readSmall(name, maxSpaceJSON)
	if isMalformed(err) {
		return refuse(err)
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s, err := ParseSpace(b)
	if err != nil {
		return refuse(errors.New(strings.TrimPrefix(err.Error(), "cache: ")))
	}
	if s.Fingerprint() != fp {
		return refuse(fmt.Errorf("its fingerprint is %s: it was edited, or the directory renamed", s.Fingerprint()))
	}
	if string(b) != string(s.json) {
		return refuse(errors.New("not canonical JSON: it was edited"))
	}
	return s, nil
}
