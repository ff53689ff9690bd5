// Package numpy reads and writes arrays of NumPy: one a file (.npy), or several
// of them by name (.npz). What it writes is the same bytes each time.
//
// [Open] and [Read] say what a file has, from the headers alone, and
// [Array.Rows] goes through an array row by row, in memory that is bounded
// whatever the file claims. Of numbers, floats of 2, 4 and 8 bytes, integers
// with a sign and without of 1 to 8 bytes, and booleans are read, in either
// byte order and in C or Fortran order, and texts (<U, |S). Arrays of anything
// else (objects, which are pickles, records, complex numbers, dates) are
// refused by name, with the line of Python that converts them: [Array.Refused].
package numpy

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Header returns what stands before the values of an array, byte for byte as
// numpy.save writes it, version 1.0
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html):
// with room for a count of 20 digits, so that rows can be added in place, and
// of a multiple of 64 bytes. The values follow row-major. descr is their type,
// such as "<f4"; shape has few enough dimensions for the 64 KiB that a header
// has; without any the array is one value.
func Header(descr string, shape ...int64) []byte {
	const digits, fixed = 21, 10 // bytes before the description
	sides := make([]string, len(shape))
	for i, n := range shape {
		sides[i] = fmt.Sprint(n)
	}
	tuple := strings.Join(sides, ", ")
	if len(shape) == 1 {
		tuple += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	if len(shape) > 0 { // NumPy leaves no room where nothing can be added
		text += strings.Repeat(" ", digits-len(sides[0]))
	}
	text += strings.Repeat(" ", 63-(fixed+len(text))%64) + "\n"
	header := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(text)))
	return append(header, text...)
}
