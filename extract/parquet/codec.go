package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// codec decompresses pages. Its zero value is ready for use.
type codec struct {
	kind format.CompressionCodec
	zstd *zstd.Decoder
}

func (c *codec) close() {
	if c.zstd != nil {
		c.zstd.Close()
		c.zstd = nil
	}
}

var errLonger = errors.New("a page is longer than it says")

// decompress returns the n bytes that src is compressed from, in dst if that
// is large enough.
func (c *codec) decompress(dst, src []byte, n int) ([]byte, error) {
	// What cannot be true is seen before memory is taken for it.
	switch c.kind {
	case format.Uncompressed:
		if len(src) != n {
			return nil, ErrDamaged
		}
	case format.Snappy:
		if length, err := snappy.DecodedLen(src); err != nil || length != n {
			return nil, ErrDamaged
		}
	case format.Lz4Raw:
		if n > 255*len(src) {
			return nil, ErrDamaged
		}
	}
	dst = slices.Grow(dst[:0], n)[:n]
	var err error
	switch c.kind {
	case format.Uncompressed:
		copy(dst, src)
	case format.Snappy:
		_, err = snappy.Decode(dst, src)
	case format.Gzip:
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(src)); err == nil {
			err = readAll(r, dst)
		}
	case format.Brotli:
		err = readAll(brotli.NewReader(bytes.NewReader(src)), dst)
	case format.Zstd:
		if c.zstd == nil {
			c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
			if err != nil {
				return nil, err
			}
		}
		var out []byte
		if out, err = c.zstd.DecodeAll(src, dst[:0:n]); err == nil && len(out) != n {
			err = io.ErrUnexpectedEOF
		}
	case format.Lz4Raw:
		var length int
		if length, err = lz4.UncompressBlock(src, dst); err == nil && length != n {
			err = io.ErrUnexpectedEOF
		}
	default:
		return nil, fmt.Errorf("compressed with %s, which this version does not read (SNAPPY, GZIP, ZSTD, BROTLI, LZ4_RAW and none are)", c.kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return dst, nil
}

// readAll fills dst from r, which must end there: gzip has its own checksum
// behind the content.
func readAll(r io.Reader, dst []byte) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	for {
		switch n, err := r.Read(make([]byte, 1)); {
		case n > 0:
			return errLonger
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
