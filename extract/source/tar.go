package source

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/headstart-ml/headstart/cache/draft"
)

// tarMembers goes through a tar file. The members of an uncompressed file are
// read when their content is wanted, those of a stream as they come.
type tarMembers struct {
	tar    *tar.Reader
	stream *stream  // nil with file
	file   *os.File // an uncompressed one
	kept   *sectioned
	at     *place
	size   int64  // of the member that next returned last
	first  []byte // of its bytes, if head has read them from the stream
}

// place is a reader that knows where it is.
type place struct {
	r  io.Reader
	at int64
}

func (p *place) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.at += int64(n)
	return n, err
}

// seekable is a place in a file: what is not read is passed over.
type seekable struct {
	*place
	file *os.File
}

func (s seekable) Seek(offset int64, whence int) (int64, error) {
	at, err := s.file.Seek(offset, whence)
	if err == nil {
		s.at = at
	}
	return at, err
}

// openTar is the open of the format tar.
func openTar(in *input) (*opened, error) {
	stream, err := in.take()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	p := &packed{in: in}
	if in.again {
		plain := !stream.zipped
		p.again = func() (members, error) {
			s, err := openStream(in.path, nil)
			if err != nil {
				return nil, err
			}
			return newTarMembers(in.path, s, plain), nil
		}
	}
	p.members = newTarMembers(in.path, stream, in.again && !stream.zipped)
	return openArchive(p)
}

// newTarMembers goes through the tar file in s; lazy says that s is a file, so
// that contents are read when they are wanted.
func newTarMembers(path string, s *stream, lazy bool) *tarMembers {
	t := &tarMembers{stream: s, at: &place{r: s}}
	if lazy {
		// The stream has read some bytes already.
		if _, err := s.file.Seek(0, io.SeekStart); err == nil {
			t.file, t.at = s.file, &place{r: s.file}
			t.kept = &sectioned{path: path, file: s.file}
			t.tar = tar.NewReader(seekable{t.at, s.file})
			return t
		}
	}
	t.tar = tar.NewReader(t.at)
	return t
}

// passed returns how many bytes were passed over, decompressed.
func (t *tarMembers) passed() int64 {
	if t.file != nil {
		return 0 // in no time
	}
	return t.at.at
}

func (t *tarMembers) next() (*member, error) {
	for {
		h, err := t.tar.Next()
		switch {
		case err == io.EOF:
			return nil, err
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("the archive is cut short")
		case errors.Is(err, tar.ErrHeader):
			return nil, errors.New("no tar header where one is expected: the archive is damaged")
		case err != nil:
			return nil, cause(err)
		}
		t.size, t.first = h.Size, nil
		if t.file != nil {
			t.stream.passed(t.at.at)
		}
		m := &member{}
		var hidden bool
		m.path, hidden, m.bad = cleanPath(h.Name)
		if hidden && m.bad == nil || h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if m.bad == nil {
			m.bad = untaken(h)
		}
		m.size = h.Size
		return m, nil
	}
}

// untaken says why a member is no file that is read.
func untaken(h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont:
	case tar.TypeGNUSparse:
		return errSparse
	case tar.TypeLink:
		return reasonOf(KindIrregular, "a hard link in an archive, to %q", h.Linkname)
	case tar.TypeSymlink:
		return reasonOf(KindIrregular, "a symbolic link in an archive, to %q", h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		return reasonOf(KindIrregular, "a device in an archive")
	case tar.TypeFifo:
		return reasonOf(KindIrregular, "a named pipe in an archive")
	default:
		return reasonOf(KindIrregular, "a member of type %q in an archive", h.Typeflag)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errSparse
		}
	}
	return nil
}

var errSparse = reasonOf(KindMember, "a sparse file in an archive; pack it without --sparse")

func (t *tarMembers) head(m *member) []byte {
	first := make([]byte, min(sniffLength, t.size))
	if t.file != nil {
		n, _ := t.file.ReadAt(first, t.at.at)
		return first[:n]
	}
	n, _ := io.ReadFull(t.tar, first)
	t.first = first[:n]
	return t.first
}

func (t *tarMembers) load(m *member) {
	switch {
	case t.size > MaxContent:
		m.bad = tooLarge(t.size, MaxContent)
	case t.file != nil:
		m.content = &inSection{t.kept, t.at.at, t.size}
	default:
		content := make([]byte, t.size)
		n := copy(content, t.first)
		if _, err := io.ReadFull(t.tar, content[n:]); err != nil {
			// The following next says so, too.
			m.bad = reasonOf(KindMember, "%s: it ends before its %d bytes do", errCut, t.size)
			return
		}
		m.content = inMemory(content)
	}
}

const errCut = "the archive is cut short"

func (t *tarMembers) close() error {
	if t.kept != nil {
		return t.kept.close()
	}
	return t.stream.close()
}

// rest closes the file after its last member. A sample that is read later opens
// it again.
func (t *tarMembers) rest() { t.close() }

// sectioned is a file whose parts are samples.
type sectioned struct {
	path string
	mu   sync.RWMutex
	file *os.File // nil: closed after the last member
}

// readAt fills p with what is at that byte of the file.
func (s *sectioned) readAt(p []byte, at int64) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file != nil {
		return s.file.ReadAt(p, at)
	}
	f, err := draft.OpenRegular(s.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.ReadAt(p, at)
}

func (s *sectioned) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	defer func() { s.file = nil }()
	return s.file.Close()
}

// inSection is the content of a part of a file.
type inSection struct {
	file     *sectioned
	at, size int64
}

func (c *inSection) read(limit int64) ([]byte, fs.FileInfo, error) {
	if c.size > limit {
		return nil, nil, tooLarge(c.size, limit)
	}
	content := make([]byte, c.size)
	if n, err := c.file.readAt(content, c.at); n < len(content) {
		if m := machine(err); m != nil {
			return nil, nil, m
		}
		if err == io.EOF {
			err = reasonOf(KindMember, "%s: it ends before its %d bytes do", errCut, c.size)
		}
		return nil, nil, cause(err)
	}
	return content, nil, nil
}

// info has nothing for a cache of digests: the file is the archive's.
func (c *inSection) info() (string, fs.FileInfo, error) { return "", nil, nil }

var _ content = (*inSection)(nil)
