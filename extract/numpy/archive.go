package numpy

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// Archive writes arrays of NumPy's in one file, as numpy.savez does: the same
// bytes for the same arrays.
type Archive struct {
	// Method is how Numbers and Strings are packed: zip.Store, the default, or
	// zip.Deflate, of which versions of Go may make other bytes.
	Method uint16

	zip *zip.Writer
}

// archiveTime is the first time that a ZIP file can say, which is what NumPy's
// say.
var archiveTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// NewArchive returns what writes an archive to w.
func NewArchive(w io.Writer) *Archive { return &Archive{zip: zip.NewWriter(w)} }

// Array begins an array, whose values are written to what it returns before the
// next one begins; method is one of archive/zip. descr and shape are those of
// [Header].
func (a *Archive) Array(name, descr string, method uint16, shape ...int64) (io.Writer, error) {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method, Modified: archiveTime})
	if err == nil {
		_, err = w.Write(Header(descr, shape...))
	}
	return w, err
}

// Numbers writes an array of numbers, a slice of what descr says. Without a
// shape it is one number.
func (a *Archive) Numbers(name, descr string, values any, shape ...int64) error {
	w, err := a.Array(name, descr, a.Method, shape...)
	if err == nil {
		err = binary.Write(w, binary.LittleEndian, values)
	}
	return err
}

// Strings writes an array of n strings, all as long as the longest, in UTF-32,
// as NumPy has them; packed they are small.
func (a *Archive) Strings(name string, n int, at func(i int) string) error {
	longest := 1
	for i := range n {
		longest = max(longest, utf8.RuneCountInString(at(i)))
	}
	w, err := a.Array(name, fmt.Sprintf("<U%d", longest), a.Method, int64(n))
	if err != nil {
		return err
	}
	row := make([]byte, 4*longest)
	for i := range n {
		clear(row)
		k := 0
		for _, r := range at(i) {
			binary.LittleEndian.PutUint32(row[k:], uint32(r))
			k += 4
		}
		if _, err := w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the archive.
func (a *Archive) Close() error { return a.zip.Close() }
