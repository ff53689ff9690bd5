package features

import (
	"archive/zip"
	"io"

	"github.com/headstart-ml/headstart/extract/numpy"
)

// npzEncoder writes arrays of NumPy's in one file, as numpy.savez does: X, the
// embeddings, float32 [n, d], and the columns that a CSV file of labels would
// have: ids, y, split and group as strings, weight as float64, NaN where there
// is none, and view as int32.
type npzEncoder struct {
	floats
	archive *numpy.Archive
	set     *Set
}

// npzNames are what columns of labels are called there, if otherwise.
var npzNames = map[string]string{"id": "ids", "label": "y"}

func newNPZ(w io.Writer, s *Set, d int) (*npzEncoder, error) {
	e := &npzEncoder{archive: numpy.NewArchive(w), set: s}
	e.archive.Method = zip.Deflate
	var err error
	e.w, err = e.archive.Array("X", "<f4", zip.Store, int64(s.N()), int64(d))
	return e, err
}

func (e *npzEncoder) rows(_ int, x []float32) error { return e.write(x) }

// close writes what is known of the samples.
func (e *npzEncoder) close() error {
	l := labels{set: e.set}
	names := append([]string(nil), l.header()...)
	n := int64(e.set.N())
	for k, name := range names {
		var err error
		switch name {
		case "weight":
			err = e.archive.Numbers(name, "<f8", e.set.Weights, n)
		case "view":
			err = e.archive.Numbers(name, "<i4", e.set.Views, n)
		default:
			if other := npzNames[name]; other != "" {
				name = other
			}
			err = e.archive.Strings(name, int(n), func(i int) string { return l.row(i)[k] })
		}
		if err != nil {
			return err
		}
	}
	return e.archive.Close()
}
