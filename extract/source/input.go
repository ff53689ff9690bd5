package source

import (
	"context"
	"io"

	"github.com/headstart-ml/headstart/models"
)

// input is a data set that is being opened.
type input struct {
	path   string // as given
	name   string // for messages
	base   string
	prefix string // of the ids of a folder's files: "" or BASE/
	folder bool   // it is a folder
	again  bool   // it can be read a second time
	opts   *Options
	words  *words
	stream *stream // open already, to tell the format; nil: not, or taken
	taken  *stream // what take returned
}

// opened is what a format's open returns.
type opened struct {
	reader
	modality models.Modality
	column   string // of a table: the one that holds the samples; "" for what is no table
	ids      bool   // two samples may have one id
	empty    string // why it is, if it has no samples
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

// take returns the bytes of a file, or of the standard input, from the first
// on. The caller closes them.
func (in *input) take() (*stream, error) {
	var err error
	if in.taken, in.stream = in.stream, nil; in.taken == nil {
		in.taken, err = openStream(in.path, in.opts.Stdin)
	}
	return in.taken, err
}

// peek returns the first bytes.
func (in *input) peek() (head []byte, err error) {
	if in.stream, err = openStream(in.path, in.opts.Stdin); err != nil {
		return nil, err
	}
	if head, err = in.stream.Peek(512); err == io.EOF {
		err = nil
	}
	return head, err
}

// done closes what nobody took.
func (in *input) done() { in.stream.close() }
