package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

// stream is a file's bytes, or the standard input's, decompressed.
type stream struct {
	*bufio.Reader
	file     *os.File // nil: not ours to close
	decoding decoding // how its text is decoded; the zero value: it is not

	size   int64         // of the file, in bytes, as it is stored; -1: not known
	stored counter       // what was read of it
	first  *bufio.Reader // reads stored
	plain  *counter      // what Reader gets: decompressed or decoded; nil: stored itself
	ahead  int           // bytes that were taken out of Reader and not yet looked at
	zipped bool          // its bytes are those of a gzip file, decompressed
}

// counter counts the bytes that go through a reader.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// share returns how many bytes of the file, as it is stored, were taken out of
// s. Of a file that is compressed it is about so many: what was taken of the
// decompressed bytes is believed to be spread evenly.
func (s *stream) share() int64 {
	taken := s.stored.n - int64(s.first.Buffered())
	switch {
	case s.plain == nil:
		return taken - int64(s.ahead)
	case s.plain.n == 0:
		return taken
	}
	return int64(float64(taken) * float64(s.plain.n-int64(s.Buffered()+s.ahead)) / float64(s.plain.n))
}

// sizeOf returns how many bytes there are still to be read of a file, -1 if it
// is none, or none that has a size.
func sizeOf(in io.Reader) int64 {
	f, ok := in.(*os.File)
	if !ok {
		return -1
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1
	}
	return info.Size() - at
}

func openStream(path string, stdin io.Reader) (*stream, error) {
	s := &stream{}
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s.file, in = f, f
	}
	s.size, s.stored.Reader = sizeOf(in), in
	s.first = bufio.NewReaderSize(&s.stored, beginning)
	s.Reader = s.first
	head, err := s.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		s.close()
		return nil, err
	}
	if bytes.Equal(head, []byte("\x1f\x8b\x08")) { // RFC 1952 §2.3.1
		z, err := newGunzip(s.first, &s.stored)
		if err != nil {
			s.close()
			return nil, err
		}
		s.plain = &counter{Reader: z}
		s.Reader, s.zipped = bufio.NewReaderSize(s.plain, beginning), true
	}
	return s, nil
}

// widen makes the buffer at least n bytes long, so that Peek returns as many.
func (s *stream) widen(n int) {
	wide := bufio.NewReaderSize(s.Reader, n)
	if s.Reader == s.first {
		s.first = wide
	}
	s.Reader = wide
}

// beginning is how much of a stream is looked at before it is read, at most.
const beginning = 64 << 10

// peek returns the first n bytes, or all there are.
func (s *stream) peek(n int) ([]byte, error) {
	head, err := s.Peek(n)
	if err == io.EOF || len(head) > 0 {
		err = nil // what reads on comes to it, too
	}
	return head, err
}

// firstLine returns what s begins with, at least to the end of the first line
// that is outside quotes and the byte behind it, if it is in the beginning.
func (s *stream) firstLine() ([]byte, error) {
	for n := 512; ; n *= 2 {
		head, err := s.peek(min(n, beginning))
		if err != nil || len(head) < n || n >= beginning {
			return head, err
		}
		quoted := false
		for _, c := range head[:len(head)-1] {
			if c == '"' {
				quoted = !quoted
			}
			if !quoted && (c == '\n' || c == '\r') {
				return head, nil
			}
		}
	}
}

// passed says that the file was read elsewhere, up to this byte.
func (s *stream) passed(at int64) {
	s.stored.n = at
	s.first.Reset(nil)
}

func (s *stream) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}
