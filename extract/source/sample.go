package source

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Sample is one input of a backbone with what its data set says about it. The
// empty string is "not said".
type Sample struct {
	ID    string // unique among the samples of a Source
	Path  string // where it stands, for messages: BASE/path in a folder, a table's cell, or "table.csv:LINE" for a text
	Label string
	Split string // "train", "validation", "test" or ""
	Group string

	// Labels are a sample's labels where Options.MultiLabel asks for several:
	// nil if they are not said, empty if it has none.
	Labels []string
	// With are the values of the columns that Options.With names, in its
	// order: numbers as the table writes them, lists as JSON, "" for nothing.
	With []string

	Weight   float64 // finite, ≥ 0; 1 if not Weighted
	Weighted bool    // the data set says the weight

	content content
}

// MaxContent is the largest content of a sample that an extraction takes, in
// bytes: the limit that it gives to Read.
const MaxContent = 64 << 20

// Place names the sample in a message: its Path, or its ID.
func (s *Sample) Place() string {
	if s.Path != "" {
		return s.Path
	}
	return s.ID
}

// Bytes returns a sample that carries its content in memory: the bytes of an
// image file, or a text. Its Path is id and its weight 1; the caller may set
// what else is known of it. The content is not copied: Read returns this very
// slice, which must not change while the sample is in use.
func Bytes(id string, content []byte) *Sample {
	return &Sample{ID: id, Path: id, Weight: 1, content: inMemory(content)}
}

// File returns a sample that is the file at path, with its path as id and the
// weight 1. The file is opened when it is read.
func File(path string) *Sample {
	abs, err := filepath.Abs(path)
	if err != nil {
		return &Sample{ID: path, Path: path, Weight: 1, content: &nowhere{err}}
	}
	d := &dir{name: filepath.Dir(path), abs: filepath.Dir(abs)}
	return &Sample{ID: path, Path: path, Weight: 1, content: &inFile{d, filepath.Base(abs)}}
}

// Read returns the sample's bytes: an image file's content, or a text, which
// the caller must not change. More than limit bytes are an error (and are not
// read). An error is the reason why this sample is bad, in words that do not
// repeat its path, or a *MachineError, which does not make it bad. Read may be
// called from several goroutines.
func (s *Sample) Read(limit int64) ([]byte, error) {
	content, _, err := s.ReadInfo(limit)
	return content, err
}

// Held returns how many bytes of the sample's content are in memory already: of
// a file of its own none.
func (s *Sample) Held() int { return heldBy(s.content) }

// Size returns how many bytes the sample's content has, as far as that is known
// without asking the file system: of members of archives and of what is in
// memory. Of others it is 0.
func (s *Sample) Size() int64 {
	switch c := s.content.(type) {
	case *inSection:
		return c.size
	case *inArray:
		return c.size()
	case *inZIP:
		return int64(min(c.UncompressedSize64, MaxContent))
	}
	return int64(s.Held())
}

// ReadInfo is Read, and returns what the file system said about the very file
// that was read, just before: another one than Info saw may have come to its
// path. For texts and for contents in memory info is nil.
func (s *Sample) ReadInfo(limit int64) (content []byte, info fs.FileInfo, err error) {
	return s.from().read(limit)
}

// Info returns the absolute path of the sample's file and what the file system
// says about it, for a cache of digests by path, size and time. Samples that
// are no files of their own (texts, contents in memory) have the path "" and a
// nil info. Errors are as Read's. Asked about files folder by folder it is
// fast.
func (s *Sample) Info() (path string, info fs.FileInfo, err error) {
	return s.from().info()
}

// from returns where s's bytes are.
func (s *Sample) from() content {
	if s.content == nil {
		return &nowhere{errNoContent}
	}
	return s.content
}

var errNoContent = errors.New("it has no content: it comes neither from a source nor from Bytes")
