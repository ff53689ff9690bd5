package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Sample is one input of a backbone with what its data set says about it. The
// empty string is "not said".
type Sample struct {
	ID    string // unique among the samples of a Source
	Path  string // where it stands, for messages: BASE/path in a folder, a table's cell, or "table.csv:LINE" for a text
	Label string
	Split string // "train", "validation", "test" or ""
	Group string

	Weight   float64 // finite, ≥ 0; 1 if not Weighted
	Weighted bool    // the data set says the weight

	dir  *dir   // where file lies; nil: the sample is text
	file string // slash-separated, relative to dir
	text string
	bad  error // why there is nothing to read, if that is known already
}

// Read returns the sample's bytes: an image file's content, or a text. More
// than limit bytes are an error (and are not read). An error is the reason why
// this sample is bad, in words that do not repeat its path. Read may be called
// from several goroutines.
func (s *Sample) Read(limit int64) ([]byte, error) {
	content, _, err := s.ReadInfo(limit)
	return content, err
}

// ReadInfo is Read, and returns what the file system said about the very file
// that was read, just before: another one than Info saw may have come to its
// path. For texts info is nil.
func (s *Sample) ReadInfo(limit int64) (content []byte, info fs.FileInfo, err error) {
	if s.bad != nil {
		return nil, nil, s.bad
	}
	if s.dir == nil {
		if n := int64(len(s.text)); n > limit {
			return nil, nil, tooLarge(n, limit)
		}
		return []byte(s.text), nil, nil
	}
	f, err := s.dir.open(s.file)
	if err != nil {
		return nil, nil, s.dir.reason(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, nil, s.dir.reason(err)
	}
	if err := regular(info); err != nil {
		return nil, nil, err
	}
	if info.Size() > limit {
		return nil, nil, tooLarge(info.Size(), limit)
	}
	// One byte more than the size says, to see the end without growing; the
	// file may have grown meanwhile.
	content = make([]byte, 0, info.Size()+1)
	for {
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
		n, err := f.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		if int64(len(content)) > limit {
			return nil, nil, tooLarge(int64(len(content)), limit)
		}
		if err == io.EOF {
			return content, info, nil
		}
		if err != nil {
			return nil, nil, s.dir.reason(err)
		}
	}
}

// Info returns the absolute path of the sample's file and what the file system
// says about it, for a cache of digests by path, size and time. Samples that
// are no files of their own (texts) have the path "" and a nil info. Errors
// are as Read's. Asked about files folder by folder it is fast.
func (s *Sample) Info() (path string, info fs.FileInfo, err error) {
	if s.bad != nil {
		return "", nil, s.bad
	}
	if s.dir == nil {
		return "", nil, nil
	}
	info, err = s.dir.stat(s.file)
	if err != nil {
		return "", nil, s.dir.reason(err)
	}
	if err := regular(info); err != nil {
		return "", nil, err
	}
	return s.dir.absolute(s.file), info, nil
}

// badError is the reason why a sample cannot be read, without its path.
type badError struct {
	reason string
	cause  error
}

func (e *badError) Error() string { return e.reason }
func (e *badError) Unwrap() error { return e.cause }

// regular says why a file of this kind is no sample.
func regular(info fs.FileInfo) error {
	var kind string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "socket"
	case mode&fs.ModeDevice != 0:
		kind = "device"
	default:
		kind = mode.Type().String()
	}
	return fmt.Errorf("no regular file but a %s", kind)
}

func tooLarge(n, limit int64) error {
	return fmt.Errorf("%d bytes or more, over the limit of %d", n, limit)
}

var errNotUTF8 = errors.New("its name is not UTF-8")
