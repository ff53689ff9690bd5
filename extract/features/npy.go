package features

import (
	"io"

	"github.com/headstart-ml/headstart/extract/numpy"
)

// npyEncoder writes an array of NumPy's, version 1.0
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
// float32 [n, d], little-endian, row-major.
type npyEncoder struct{ floats }

func newNPY(w io.Writer, n, d int) (*npyEncoder, error) {
	_, err := w.Write(numpy.Header("<f4", int64(n), int64(d)))
	return &npyEncoder{floats{w: w}}, err
}

func (e *npyEncoder) rows(_ int, x []float32) error { return e.write(x) }

func (e *npyEncoder) close() error { return nil }
