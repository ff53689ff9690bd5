package source

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/headstart-ml/headstart/models"
)

// lines reads texts that stand one on a line.
type lines struct {
	name string // as given, for messages
	file string // its last element
	base string
	in   *stream
	n    int // lines so far
	buf  []byte
}

// openLines is the open of the format lines.
func openLines(in *input) (*opened, error) {
	stream, err := in.text()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	l := &lines{name: in.name, file: filepath.Base(in.path), base: in.base, in: stream}
	if in.path == "-" {
		l.file = "stdin"
	}
	return &opened{
		reader: l, modality: models.Text, empty: "an empty file",
		place: func(_ string, n int) string { return fmt.Sprintf("%s line %d", l.name, n+1) },
	}, nil
}

// read returns the next line without its end, valid until the next call, and
// how long it is; of one longer than maxRecord only the beginning.
func (l *lines) read() (line []byte, length int, err error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if length += len(part); length > maxSkipped {
			return nil, 0, errEndless
		}
		if len(l.buf) <= maxRecord {
			l.buf = append(l.buf, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && length == 0:
			return nil, 0, io.EOF
		case err != nil && err != io.EOF:
			return nil, 0, err
		default:
			line = l.buf
			if err == nil {
				line, length = bytes.TrimSuffix(line, []byte("\n")), length-1
				if bytes.HasSuffix(line, []byte("\r")) {
					line, length = line[:len(line)-1], length-1
				}
			}
			return line, length, nil
		}
	}
}

func (l *lines) next() (*Sample, error) {
	line, length, err := l.read()
	if err == io.EOF {
		return nil, err
	}
	l.n++
	if err != nil {
		return nil, fmt.Errorf("source: %s: line %d: %w", l.name, l.n, err)
	}
	n := strconv.Itoa(l.n)
	s := &textSample{Sample: Sample{ID: l.base + "#" + n, Path: l.file + ":" + n, Weight: 1}}
	if length > maxRecord {
		s.content = &nowhere{tooLarge(int64(length), maxRecord)}
	} else {
		l.in.decoding.fill(s, line)
	}
	return &s.Sample, nil
}

func (l *lines) count(context.Context) int { return unknown }

func (l *lines) close() error { return l.in.close() }
