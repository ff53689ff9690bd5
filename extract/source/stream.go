package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
)

// stream is a file's bytes, or the standard input's, decompressed.
type stream struct {
	*bufio.Reader
	file *os.File // nil: not ours to close
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
	s.Reader = bufio.NewReaderSize(in, 64<<10)
	head, err := s.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		s.close()
		return nil, err
	}
	if bytes.Equal(head, []byte("\x1f\x8b\x08")) { // RFC 1952 §2.3.1
		z, err := gzip.NewReader(s.Reader)
		if err != nil {
			s.close()
			return nil, err
		}
		s.Reader = bufio.NewReaderSize(z, 64<<10)
	}
	return s, nil
}

// dropBOM skips a byte order mark.
func (s *stream) dropBOM() {
	if head, _ := s.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		s.Discard(3)
	}
}

func (s *stream) close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}
