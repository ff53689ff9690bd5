package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// content is where the bytes of a sample are: in a file, in the text of a
// record, in memory. Its methods are what Sample's of the same names promise.
type content interface {
	read(limit int64) ([]byte, fs.FileInfo, error)
	info() (path string, info fs.FileInfo, err error)
}

var (
	_ content = (*inFile)(nil)
	_ content = (*inTextFile)(nil)
	_ content = (*inText)(nil)
	_ content = inMemory(nil)
	_ content = (*nowhere)(nil)
)

// inFile is a file's content.
type inFile struct {
	dir  *dir
	path string // slash-separated, relative to dir
}

func (c *inFile) read(limit int64) ([]byte, fs.FileInfo, error) {
	f, err := c.dir.open(c.path)
	if err != nil {
		return nil, nil, c.dir.reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, c.dir.reason(err)
	}
	if err := regular(info); err != nil {
		return nil, nil, err
	}
	if info.Size() > limit {
		return nil, nil, tooLarge(info.Size(), limit)
	}
	// One byte more than the size says, to see the end without growing; the
	// file may have grown meanwhile.
	content := make([]byte, 0, info.Size()+1)
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
			return nil, nil, c.dir.reason(err)
		}
	}
}

func (c *inFile) info() (string, fs.FileInfo, error) {
	info, err := c.dir.stat(c.path)
	if err != nil {
		return "", nil, c.dir.reason(err)
	}
	if err := regular(info); err != nil {
		return "", nil, err
	}
	return c.dir.absolute(c.path), info, nil
}

// inTextFile is a text that is a file.
type inTextFile struct {
	file     inFile
	encoding string // as Options.Encoding says
}

func (c *inTextFile) read(limit int64) ([]byte, fs.FileInfo, error) {
	text, err := textOf(&c.file, limit, c.encoding)
	return text, nil, err
}

// textOf returns the text that c is, a whole file of that encoding.
func textOf(c content, limit int64, encoding string) ([]byte, error) {
	content, _, err := c.read(min(limit, maxRecord))
	if err != nil {
		return nil, err
	}
	s := &stream{Reader: bufio.NewReader(bytes.NewReader(content))}
	if err := s.decode(encoding); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(s)
	if err == nil {
		err = s.decoding.proper(text, "")
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// info is that of a text: its bytes are not all of the file's.
func (c *inTextFile) info() (string, fs.FileInfo, error) { return "", nil, nil }

// inText is a text of a table or a line.
type inText string

// textSample is a sample with the text that is its content, in one piece of
// memory.
type textSample struct {
	Sample
	text inText
}

func (c *inText) read(limit int64) ([]byte, fs.FileInfo, error) {
	if n := int64(len(*c)); n > limit {
		return nil, nil, tooLarge(n, limit)
	}
	return []byte(*c), nil, nil
}

func (c *inText) info() (string, fs.FileInfo, error) { return "", nil, nil }

// inMemory is the content of Bytes.
type inMemory []byte

func (c inMemory) read(limit int64) ([]byte, fs.FileInfo, error) {
	if n := int64(len(c)); n > limit {
		return nil, nil, tooLarge(n, limit)
	}
	return c, nil, nil
}

func (c inMemory) info() (string, fs.FileInfo, error) { return "", nil, nil }

// heldBy returns how many bytes c holds in memory.
func heldBy(c content) int {
	switch c := c.(type) {
	case inMemory:
		return len(c)
	case *inText:
		return len(*c)
	}
	return 0
}

// nowhere is the content of a sample that is known to be bad, and says why.
type nowhere struct{ reason error }

func (c *nowhere) read(int64) ([]byte, fs.FileInfo, error) { return nil, nil, c.reason }
func (c *nowhere) info() (string, fs.FileInfo, error)      { return "", nil, c.reason }

// The kinds of reasons why a sample is bad, which the errors of reading it
// return as their Kind, a method of no parameters.
const (
	KindMissing   = "missing"   // there is no such file
	KindNoPath    = "no-path"   // a record that says no path
	KindOutside   = "outside"   // a path that leads out of the folder
	KindName      = "name"      // a file's name or path that is not UTF-8, or too long
	KindIrregular = "irregular" // no regular file: a folder, a pipe, a device
	KindLink      = "link"      // a symbolic link that leads nowhere
	KindLarge     = "large"     // more bytes than the limit
	KindUnread    = "unread"    // a file that the system does not let be read
	KindMember    = "member"    // a member of an archive that is damaged, encrypted, sparse
	KindRecord    = "record"    // a record of a table that cannot be read
	KindFields    = "fields"    // a record with more or fewer fields than the header
	KindQuote     = "quote"     // a record with a quote that is not closed, or not doubled
	KindValue     = "value"     // a record whose id, label, group, split or weight is none
	KindLabels    = "labels"    // a record with a list of labels, where one is wanted
	KindEncoding  = "encoding"  // a text that is not in its encoding: an *EncodingError
	KindZero      = "zero-byte" // a text that holds a zero byte
)

// badError is the reason why a sample cannot be read, without its path.
type badError struct {
	kind   string // one of the above, "" if it is of none
	reason string
	cause  error
}

func (e *badError) Error() string { return e.reason }
func (e *badError) Unwrap() error { return e.cause }

// Kind returns the kind of the reason, which many samples may share.
func (e *badError) Kind() string { return e.kind }

// kinded returns err as a reason of a kind, unless it has one of its own.
func kinded(kind string, err error) error {
	if _, ok := errors.AsType[interface {
		error
		Kind() string
	}](err); ok {
		return err
	}
	return &badError{kind, err.Error(), err}
}

// reasonOf returns a reason of a kind.
func reasonOf(kind, format string, a ...any) *badError {
	return &badError{kind: kind, reason: fmt.Sprintf(format, a...)}
}

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
	return reasonOf(KindIrregular, "no regular file but a %s", kind)
}

func tooLarge(n, limit int64) error {
	return reasonOf(KindLarge, "%d bytes or more, over the limit of %d", n, limit)
}

var errNotUTF8 = reasonOf(KindName, "its name is not UTF-8")
