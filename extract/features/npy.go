package features

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// npyEncoder writes an array of NumPy's, version 1.0
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
// float32 [n, d], little-endian, row-major.
type npyEncoder struct{ floats }

func newNPY(w io.Writer, n, d int) (*npyEncoder, error) {
	_, err := w.Write(npyHeader(n, d))
	return &npyEncoder{floats{w: w}}, err
}

// npyHeader is the header byte for byte as numpy.save writes it: with room for
// a count of 20 digits, so that rows can be added in place, and of a multiple
// of 64 bytes.
func npyHeader(n, d int) []byte {
	const digits, fixed = 21, 10 // bytes before the description
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", n, d)
	text += strings.Repeat(" ", digits-len(strconv.Itoa(n)))
	text += strings.Repeat(" ", 63-(fixed+len(text))%64) + "\n"
	header := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(header, text...)
}

func (e *npyEncoder) rows(_ int, x []float32) error { return e.write(x) }

func (e *npyEncoder) close() error { return nil }
