package cache

import (
	"context"
	"errors"
	"os"
)

// Options are a cache's settings.
type Options struct {
	// SegmentBytes is the size at which a writer seals what it has into a
	// segment and goes on with the next. Zero means 256 MiB.
	SegmentBytes int64
}

// ErrReadOnly is returned by what would write to a cache that was opened with
// Open.
var ErrReadOnly = errors.New("cache: opened for reading only")

// Cache is a directory of embeddings. It is safe for concurrent use.
type Cache struct {
	dir string
}

// Create opens the cache in dir for writing and makes what is missing. It
// refuses a directory that holds other things, and one whose format it does
// not know. nil options are the defaults.
func Create(dir string, o *Options) (*Cache, error) { return nil, errors.ErrUnsupported }

// Open opens the cache in dir for reading. It never writes.
func Open(dir string, o *Options) (*Cache, error) { return nil, errors.ErrUnsupported }

// Dir returns the directory as it was given.
func (c *Cache) Dir() string { return c.dir }

// Close releases the directory. Readers and writers must have been closed.
func (c *Cache) Close() error { return nil }

// Spaces returns the spaces of the cache in the order of their fingerprints.
// Spaces that are refused are left out and named by the error, which joins
// one for each; the others are returned all the same.
func (c *Cache) Spaces() ([]*Space, error) { return nil, errors.ErrUnsupported }

// SpaceStat are the figures of one space.
type SpaceStat struct {
	Fingerprint string // the directory's name
	Space       *Space // nil if it is refused
	Err         error  // why it is refused, or nil
	Segments    int    // sealed segments, refused ones left out
	Rows        int64  // rows in them, doubles counted twice
	Bytes       int64  // size of the segments, refused ones too
	Waiting     int    // WALs with rows that are not sealed yet
	Refused     int    // segments that are refused
}

// Stat are the figures of a cache.
type Stat struct {
	Spaces          []SpaceStat // in the order of their fingerprints
	Quarantined     int         // files in quarantine/
	QuarantineBytes int64       // their size
}

// Stat counts what the cache holds. It reads directories and headers only.
func (c *Cache) Stat() (*Stat, error) { return nil, errors.ErrUnsupported }

// Mode says how thorough Verify is.
type Mode int

const (
	Fast Mode = iota // structure: names, headers, sizes, order of keys, frames of WALs
	Full             // and every checksum, digest and value
)

// Problem is something wrong with a cache.
type Problem struct {
	Path string // relative to the cache, slash-separated
	Row  int64  // row of the segment, or -1: the whole file
	Key  Key    // the row's key, if Row ≥ 0
	Err  error  // what is wrong
}

// CorruptError is the error for a Problem that stops a call.
type CorruptError struct{ Problem }

func (e *CorruptError) Error() string { return "cache: " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Verified counts what Verify looked at.
type Verified struct {
	Spaces, Segments, WALs int
	Rows, Bytes            int64
	Problems               int
}

// Verify looks for everything that is wrong with the cache and calls report
// for each problem as it is found. It writes nothing. The error is not about
// problems found but about a Verify that could not be finished.
func (c *Cache) Verify(ctx context.Context, mode Mode, report func(Problem)) (Verified, error) {
	return Verified{}, errors.ErrUnsupported
}

// Recovery says what a new writer found and put in order.
type Recovery struct {
	WALs        int      // WALs of writers that ended without closing
	Rows        int64    // rows in them, now sealed
	Quarantined []string // files moved to quarantine/, by their old path relative to the cache
}

// Writer adds rows to one space. It is used by one goroutine at a time;
// several writers, in one process or many, may add to one space at once.
type Writer struct{}

// Writer returns a writer for a space, which it makes if it is new. It first
// seals what writers that ended without Close have left behind and moves
// malformed segments to quarantine/.
//
// provenance is written into the metadata of the segments ("runtime": …); it
// may have 8 KiB and may not use the names "format", "fp" and "space".
func (c *Cache) Writer(s *Space, provenance map[string]string) (*Writer, error) {
	return nil, errors.ErrUnsupported
}

// Recovery returns what was recovered when the writer was made.
func (w *Writer) Recovery() Recovery { return Recovery{} }

// Append adds rows, len(keys)×Dim values, and returns nil once they are
// durable. A key that the space already has keeps its first row. After an
// error none of the rows is promised. Values that are not finite are an
// error, and then nothing is written.
func (w *Writer) Append(keys []Key, rows []float32) error { return errors.ErrUnsupported }

// Close seals the rows into a segment and removes the WAL. A reader opened
// afterwards sees them. If it fails, the WAL stays and the next writer of the
// space recovers it.
func (w *Writer) Close() error { return errors.ErrUnsupported }

// Ref is the place of a row in a Reader. The zero Ref is no place.
type Ref struct {
	segment uint32 // index into Reader.segments, plus one
	row     uint32
}

// Found tells whether r is the place of a row.
func (r Ref) Found() bool { return r.segment != 0 }

// Compare orders refs by segment and row, the order in which they are read
// fastest: -1, 0 or +1.
func (r Ref) Compare(o Ref) int {
	switch {
	case r == o:
		return 0
	case r.segment < o.segment || r.segment == o.segment && r.row < o.row:
		return -1
	}
	return 1
}

// Reader reads the rows of one space that were sealed when it was made. It is
// safe for concurrent use.
type Reader struct{}

// Reader returns a reader for a space. A space that does not exist yet is an
// empty reader. Malformed segments are left out and listed by Corrupt.
func (c *Cache) Reader(s *Space) (*Reader, error) { return nil, errors.ErrUnsupported }

// Rows returns the number of rows in the segments; a key that stands in two
// segments counts twice.
func (r *Reader) Rows() int64 { return 0 }

// Missing returns the indices of the keys that have no valid row, ascending.
// It reads every row that it finds: one whose checksum fails is missing, and
// listed by Corrupt from then on.
func (r *Reader) Missing(keys []Key) ([]int, error) { return nil, errors.ErrUnsupported }

// Locate fills refs[i] with the place of keys[i] and returns how many are
// missing; their refs are zero. It does not read the rows. len(refs) must be
// len(keys).
func (r *Reader) Locate(keys []Key, refs []Ref) int { return len(keys) }

// RowsTo copies the rows at refs to dst, which is len(refs)×Dim. The checksum
// of a row is checked when it is first used; one that fails, and of which no
// other segment has a copy, is a *CorruptError.
func (r *Reader) RowsTo(dst []float32, refs []Ref) error { return errors.ErrUnsupported }

// Corrupt lists the segments that were refused and the rows whose checksum
// failed so far.
func (r *Reader) Corrupt() []Problem { return nil }

// Waiting returns the number of WALs that held rows when the reader was made:
// rows that a writer has not sealed yet, or that the next one will recover.
func (r *Reader) Waiting() int { return 0 }

// Close releases the segments.
func (r *Reader) Close() error { return nil }

// StatCache remembers the keys of files by what the file system says about
// them, so that a file which did not change need not be read again. It is a
// hint: what is missing or damaged only costs time. It is safe for concurrent
// use.
type StatCache struct{}

// StatCache returns the stat cache for samples of a kind, such as "image".
func (c *Cache) StatCache(kind string) *StatCache { return nil }

// Lookup returns the key of the file at path, which should be absolute, if
// size, times and inode are still what they were.
func (s *StatCache) Lookup(path string, fi os.FileInfo) (Key, bool) { return Key{}, false }

// Put remembers the key of a file. fi must have been taken before the content
// was read. A file that had changed less than two seconds before the stat
// cache was opened, or later, is not remembered: it could change again
// without its times showing it.
func (s *StatCache) Put(path string, fi os.FileInfo, k Key) {}

// Save merges what was put into the stored file, which is replaced whole or
// not at all.
func (s *StatCache) Save() error { return errors.ErrUnsupported }
