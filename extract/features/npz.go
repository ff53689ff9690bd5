package features

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/extract/numpy"
)

// npzEncoder writes arrays of NumPy's in one file, as numpy.savez does: X, the
// embeddings, float32 [n, d], and the columns that a CSV file of labels would
// have: ids, y, split and group as strings, weight as float64, NaN where there
// is none, and view as int32.
type npzEncoder struct {
	floats
	zip *zip.Writer
	set *Set
}

// npzTime is the first time that a ZIP file can say, which is what NumPy's say.
var npzTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// npzNames are what columns of labels are called there, if otherwise.
var npzNames = map[string]string{"id": "ids", "label": "y"}

func newNPZ(w io.Writer, s *Set, d int) (*npzEncoder, error) {
	e := &npzEncoder{zip: zip.NewWriter(w), set: s}
	var err error
	e.w, err = e.array("X", zip.Store, "<f4", int64(s.N()), int64(d))
	return e, err
}

// array begins an array, whose values are written to what it returns.
func (e *npzEncoder) array(name string, method uint16, descr string, shape ...int64) (io.Writer, error) {
	w, err := e.zip.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: method, Modified: npzTime})
	if err == nil {
		_, err = w.Write(numpy.Header(descr, shape...))
	}
	return w, err
}

func (e *npzEncoder) rows(_ int, x []float32) error { return e.write(x) }

// close writes what is known of the samples.
func (e *npzEncoder) close() error {
	l := labels{set: e.set}
	names := append([]string(nil), l.header()...)
	for k, name := range names {
		var err error
		switch name {
		case "weight":
			err = e.numbers(name, "<f8", e.set.Weights)
		case "view":
			err = e.numbers(name, "<i4", e.set.Views)
		default:
			if other := npzNames[name]; other != "" {
				name = other
			}
			err = e.strings(name, func(i int) string { return l.row(i)[k] })
		}
		if err != nil {
			return err
		}
	}
	return e.zip.Close()
}

// numbers writes an array of numbers.
func (e *npzEncoder) numbers(name, descr string, values any) error {
	w, err := e.array(name, zip.Deflate, descr, int64(e.set.N()))
	if err == nil {
		err = binary.Write(w, binary.LittleEndian, values)
	}
	return err
}

// strings writes an array of strings, all as long as the longest, in UTF-32, as
// NumPy has them; deflated they are small.
func (e *npzEncoder) strings(name string, at func(i int) string) error {
	n, longest := e.set.N(), 1
	for i := range n {
		longest = max(longest, utf8.RuneCountInString(at(i)))
	}
	w, err := e.array(name, zip.Deflate, fmt.Sprintf("<U%d", longest), int64(n))
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
