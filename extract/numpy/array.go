package numpy

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strings"
)

// Array is an array of a file, as its header describes it.
type Array struct {
	Name    string  // in a .npz file, without .npy; "" in a .npy file
	Type    Type    // of its values
	Shape   []int64 // may be empty: one value without dimensions
	Fortran bool    // the values of a column lie together, not those of a row
	// Refused says why its values cannot be read, and what reads them; nil if
	// they can.
	Refused error

	big   bool // its values are big-endian
	bytes int64
	// open returns the bytes of its values, from the first on. What is no
	// Seeker has to be read to its end to see whether it is whole.
	open func() (io.ReadCloser, error)
	// file holds the values of each row together, from the byte at on; nil: it
	// does not.
	file io.ReaderAt
	at   int64
}

// arrayOf reads the header of an array and looks at what it says.
func arrayOf(r io.Reader) (*Array, *header, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, nil, err
	}
	a := &Array{Shape: h.shape, Fortran: h.fortran}
	if h.records {
		a.Refused = fmt.Errorf("an array of records, which have columns with names and are not read; %s", converts(words['V'].convert))
		return a, h, nil
	}
	if a.Type, a.big, a.Refused = typeOf(h.descr); a.Refused != nil {
		return a, h, nil
	}
	var ok bool
	if a.bytes, ok = bytesOfShape(h.shape, a.Type.Size); !ok {
		return nil, nil, fmt.Errorf("its header says the shape %s, of which no file has as many bytes", ShapeText(h.shape))
	}
	return a, h, nil
}

// ShapeText writes a shape as 1797×64; one without dimensions is "()".
func ShapeText(shape []int64) string {
	if len(shape) == 0 {
		return "()"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", "×"), "[]")
}

// Open returns the arrays of a file of size bytes, a .npy or a .npz file, in
// the order in which they are there. It reads their headers alone. Each array
// is as long as its header says. r must stay readable for the Rows of the
// arrays, and may be read from several goroutines.
func Open(r io.ReaderAt, size int64) ([]*Array, error) {
	begin := make([]byte, 4)
	if n, err := r.ReadAt(begin, 0); n == len(begin) && string(begin[:2]) == "PK" {
		return openNPZ(r, size)
	} else if err != nil && err != io.EOF {
		return nil, err
	}
	a, h, err := arrayOf(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	if a.Refused == nil {
		if err := a.fits(size - h.length); err != nil {
			return nil, err
		}
	}
	a.open = func() (io.ReadCloser, error) {
		return seekable{io.NewSectionReader(r, h.length, a.bytes)}, nil
	}
	if !a.Fortran || len(a.Shape) < 2 {
		a.file, a.at = r, h.length
	}
	return []*Array{a}, nil
}

// fits compares what the header says with the bytes that there are.
func (a *Array) fits(have int64) error {
	if have == a.bytes {
		return nil
	}
	word := "the file has"
	if have > a.bytes {
		word = "behind its header there are"
	}
	return fmt.Errorf("its header says %s values of %s, which take %d bytes; %s %d", ShapeText(a.Shape), a.Type, a.bytes, word, have)
}

// Read returns the array of a .npy file that comes from a stream. Its Rows can
// be read once. One in Fortran order is read into memory, up to 32 MiB.
func Read(r io.Reader) (*Array, error) {
	a, _, err := arrayOf(r)
	if err != nil {
		return nil, err
	}
	first := true
	a.open = func() (io.ReadCloser, error) {
		if !first {
			return nil, fmt.Errorf("the array is in Fortran order and has %d bytes, so that it cannot be read from a stream; give it as a file of its own, or save numpy.ascontiguousarray(a)", a.bytes)
		}
		first = false
		return io.NopCloser(r), nil
	}
	return a, nil
}

// seekable is a section of a file that need not be closed.
type seekable struct{ *io.SectionReader }

func (seekable) Close() error { return nil }

const (
	maxArrays    = 1024    // of a .npz file
	maxDirectory = 4 << 20 // bytes of the list of its members, and of looking for it
)

// bounded reads no more than left bytes, as long as that is not lifted.
type bounded struct {
	io.ReaderAt
	left int64
}

var errDirectory = fmt.Errorf("its list of arrays has more than %d bytes", maxDirectory)

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errDirectory
	}
	return b.ReaderAt.ReadAt(p, at)
}

// openNPZ is Open for a ZIP file of arrays.
func openNPZ(r io.ReaderAt, size int64) ([]*Array, error) {
	z, err := zip.NewReader(&bounded{r, maxDirectory}, size)
	switch {
	case errors.Is(err, errDirectory):
		return nil, errDirectory
	case errors.Is(err, zip.ErrFormat):
		return nil, errors.New("the list of arrays at its end is missing or damaged: the file is cut short, or is none of arrays")
	case err != nil:
		return nil, fmt.Errorf("its list of arrays cannot be read: %w", err)
	}
	if len(z.File) > maxArrays {
		return nil, fmt.Errorf("%d arrays, over the limit of %d", len(z.File), maxArrays)
	}
	// The list is read; the arrays may be as long as they are.
	files, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("its list of arrays cannot be read: %w", err)
	}
	var arrays []*Array
	names := make(map[string]bool)
	for _, f := range files.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		name := strings.TrimSuffix(f.Name, ".npy")
		a, err := member(r, f)
		if err != nil {
			return nil, fmt.Errorf("array %.60q: %w", name, err)
		}
		if names[name] {
			return nil, fmt.Errorf("array %.60q is there twice", name)
		}
		a.Name, names[name] = name, true
		arrays = append(arrays, a)
	}
	return arrays, nil
}

// member returns the array that a member of a .npz file is.
func member(r io.ReaderAt, f *zip.File) (*Array, error) {
	switch {
	case f.Flags&1 != 0:
		return nil, errors.New("it is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return nil, fmt.Errorf("it is compressed in another way than with Deflate (method %d)", f.Method)
	case f.UncompressedSize64 > math.MaxInt64/2:
		return nil, fmt.Errorf("it says that it has %d bytes", f.UncompressedSize64)
	}
	in, err := f.Open()
	if err != nil {
		return nil, damaged(err)
	}
	defer in.Close()
	a, h, err := arrayOf(in)
	if err != nil {
		return nil, damaged(err)
	}
	if a.Refused == nil {
		if err := a.fits(int64(f.UncompressedSize64) - h.length); err != nil {
			return nil, err
		}
	}
	checked := false
	a.open = func() (io.ReadCloser, error) {
		if f.Method == zip.Store && a.Fortran {
			at, err := f.DataOffset()
			if err != nil {
				return nil, damaged(err)
			}
			// Read here and there it is not seen to be damaged, so it is looked
			// through before.
			if !checked {
				sum := crc32.NewIEEE()
				if _, err := io.Copy(sum, io.NewSectionReader(r, at, int64(f.CompressedSize64))); err != nil {
					return nil, err
				}
				if checked = true; sum.Sum32() != f.CRC32 {
					return nil, damaged(zip.ErrChecksum)
				}
			}
			return seekable{io.NewSectionReader(r, at+h.length, a.bytes)}, nil
		}
		in, err := f.Open()
		if err != nil {
			return nil, damaged(err)
		}
		if _, err := io.CopyN(io.Discard, in, h.length); err != nil {
			in.Close()
			return nil, damaged(err)
		}
		return in, nil
	}
	return a, nil
}

// damaged says in words what the ZIP format says of damage.
func damaged(err error) error {
	if errors.Is(err, zip.ErrChecksum) {
		return errors.New("its checksum is another: it is damaged")
	}
	if errors.Is(err, zip.ErrFormat) || errors.As(err, new(flate.CorruptInputError)) {
		return errors.New("it is damaged, or cut short")
	}
	return err
}

// Whole returns the array that content is, a .npy file in memory, and its
// values, little-endian and row-major: of content itself, if they stand there
// so. An array that is refused is an error.
func Whole(content []byte) (*Array, []byte, error) {
	a, h, err := arrayOf(bytes.NewReader(content))
	if err == nil {
		err = a.Refused
	}
	if err == nil {
		err = a.fits(int64(len(content)) - h.length)
	}
	if err != nil {
		return nil, nil, err
	}
	values := content[h.length:]
	if (!a.big || a.Type.unit() == 1) && (!a.Fortran || len(a.Shape) < 2) || len(values) == 0 {
		return a, values, nil
	}
	all := &Array{Type: a.Type, Shape: append([]int64{1}, a.Shape...), Fortran: a.Fortran, big: a.big, bytes: a.bytes, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(values)), nil
	}}
	rows, err := all.Rows()
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	values, err = rows.Next()
	return a, values, err
}
