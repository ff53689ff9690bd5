package source

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// gunzip decompresses gzip data, of one member or several one after the other
// (RFC 1952, 2.2). Zero bytes may follow, as they do on tapes.
type gunzip struct {
	z      *gzip.Reader
	in     *bufio.Reader
	stored *counter // what in has read
	out    int64    // bytes so far
	least  int64    // bytes of output from which on a bomb is looked for
	err    error    // that ended the reading
}

// Data that expands more than bombRatio times, and to more than bombLeast
// bytes, is none that anybody wrote: deflate's limit is 1032 times.
const (
	bombLeast = 1 << 30
	bombRatio = 500
)

func newGunzip(in *bufio.Reader, stored *counter) (*gunzip, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, gunzipError(err, 0)
	}
	z.Multistream(false)
	return &gunzip{z: z, in: in, stored: stored, least: bombLeast}, nil
}

func (g *gunzip) Read(p []byte) (int, error) {
	for g.err == nil {
		n, err := g.z.Read(p)
		g.out += int64(n)
		if g.out > g.least && g.out/bombRatio > g.stored.n {
			g.err = fmt.Errorf("its gzip data expands more than %d times, to more than %d MiB: nobody's data does", bombRatio, g.least>>20)
			break
		}
		if err == io.EOF {
			err = g.member()
		}
		g.err = gunzipError(err, g.out)
		if n > 0 {
			return n, g.err
		}
	}
	return 0, g.err
}

// member goes on with the next member, if there is one: io.EOF.
func (g *gunzip) member() error {
	for {
		head, err := g.in.Peek(1)
		if err != nil {
			return err
		}
		if head[0] != 0 {
			break
		}
		g.in.Discard(1)
	}
	if head, err := g.in.Peek(2); err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return errTrailing
	}
	if err := g.z.Reset(g.in); err != nil {
		return err
	}
	g.z.Multistream(false)
	return nil
}

var errTrailing = errors.New("something that is no gzip data follows its gzip data")

// gunzipError says what is wrong with gzip data after so many bytes of output.
func gunzipError(err error, out int64) error {
	switch err {
	case nil, io.EOF:
		return err
	case io.ErrUnexpectedEOF:
		return fmt.Errorf("its gzip data is cut short after %d bytes, decompressed", out)
	case gzip.ErrChecksum:
		return fmt.Errorf("its gzip data is damaged: the checksum of the %d bytes up to here is another one", out)
	case gzip.ErrHeader, errTrailing:
		return fmt.Errorf("%w (after %d bytes, decompressed)", err, out)
	}
	return fmt.Errorf("its gzip data is damaged after %d bytes, decompressed: %w", out, err)
}
