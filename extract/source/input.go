package source

import (
	"bytes"
	"context"

	"github.com/headstart-ml/headstart/models"
)

// input is a data set that is being opened.
type input struct {
	path     string // as given
	name     string // for messages
	base     string
	prefix   string // of the ids of a folder's files: "" or BASE/
	folder   bool   // it is a folder
	again    bool   // it can be read a second time
	size     int64  // of a file, in bytes
	opts     *Options
	words    *words
	decoding         // of the text that was taken
	stream   *stream // open already, to tell the format; nil: not, or taken
	taken    *stream // what take returned
}

// opened is what a format's open returns.
type opened struct {
	reader
	modality models.Modality
	column   string // of a table: the one that holds the samples; "" for what is no table
	// separated says that the fields of its records are separated by a
	// delimiter.
	separated bool
	ids       bool   // two samples may have one id
	empty     string // why it is, if it has no samples
	// place says where the n-th sample is, from 0, which has that id.
	place func(id string, n int) string
}

// reader reads one data set.
type reader interface {
	next() (*Sample, error) // io.EOF after the last
	// count returns how many samples there are in all, -1 if that cannot be
	// known without reading what next reads, or ctx ends. It may be called
	// beside next.
	count(ctx context.Context) int
	close() error
}

// skipper is a reader that skips files.
type skipper interface {
	skipped() []Kind
}

// rester is a reader that lets go of its file after its last sample, as far as
// the samples can do without.
type rester interface {
	rest()
}

// take returns the bytes of a file, or of the standard input, from the first
// on. The caller closes them.
func (in *input) take() (*stream, error) {
	var err error
	if in.taken, in.stream = in.stream, nil; in.taken == nil {
		in.taken, err = openStream(in.path, in.opts.Stdin)
	}
	return in.taken, err
}

// text is take for formats of text: it returns the characters as UTF-8, without
// a byte order mark.
func (in *input) text() (*stream, error) {
	s, err := in.take()
	if err != nil {
		return nil, err
	}
	if err := s.decode(in.opts.Encoding); err != nil {
		s.close()
		return nil, err
	}
	in.decoding = s.decoding
	return s, nil
}

// peek returns the first bytes: of a text at least the first line, if that is
// not too long.
func (in *input) peek() (head []byte, err error) {
	if in.stream, err = openStream(in.path, in.opts.Stdin); err != nil {
		return nil, err
	}
	return in.stream.firstLine()
}

// single says whether there is one line only.
func (in *input) single(head []byte) bool {
	all, err := in.stream.peek(len(head) + 1)
	if err != nil || len(all) > len(head) {
		return len(head) == beginning && bytes.IndexByte(head, '\n') < 0
	}
	text := bytes.TrimRight(decodedHead(head, in.opts.Encoding), "\r\n")
	return len(text) > 0 && !bytes.ContainsAny(text, "\r\n")
}

// done closes what nobody took.
func (in *input) done() { in.stream.close() }
