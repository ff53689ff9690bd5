package numpy

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// blockBytes bounds the memory for rows of an array in Fortran order, which
	// are read so many at a time; a row that is larger is read by itself.
	blockBytes = 32 << 20
	maxRow     = 64 << 20 // bytes of a row
)

// Rows goes through the rows of an array: what has one index of its first
// dimension. It is used by one goroutine.
type Rows struct {
	a    *Array
	in   io.ReadCloser
	n    int64 // rows
	at   int64 // the next row
	each int   // bytes of a row

	row   []byte // in C order
	block []byte // in Fortran order: rows from first on, row-major
	first int64
	most  int64  // rows of a block
	lot   []byte // values of a column
}

// Rows returns the rows of a, which must have a dimension. Close it.
func (a *Array) Rows() (*Rows, error) {
	switch {
	case a.Refused != nil:
		return nil, a.Refused
	case len(a.Shape) == 0:
		return nil, errors.New("one value without dimensions, so it has no rows")
	}
	each, ok := bytesOfShape(a.Shape[1:], a.Type.Size)
	if !ok || each > maxRow {
		return nil, fmt.Errorf("a row of %s values of %s, which is too large", ShapeText(a.Shape[1:]), a.Type)
	}
	r := &Rows{a: a, n: a.Shape[0], each: int(each), most: max(1, blockBytes/max(each, 1))}
	if a.Fortran && len(a.Shape) > 1 {
		return r, nil
	}
	var err error
	if r.in, err = a.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// Direct tells whether Row reads a row by itself: the array is that of a .npy
// file, in C order.
func (a *Array) Direct() bool { return a.file != nil }

// RowBytes returns how many bytes a row has, of an array that has rows.
func (a *Array) RowBytes() int64 {
	n, _ := bytesOfShape(a.Shape[1:], a.Type.Size)
	return n
}

// Row writes the values of row i, little-endian and row-major, to dst, which
// has RowBytes. a must be Direct. It may be called from several goroutines.
func (a *Array) Row(dst []byte, i int64) error {
	n := a.RowBytes()
	if a.file == nil || i < 0 || i >= a.Shape[0] || int64(len(dst)) != n {
		return fmt.Errorf("row %d of %s cannot be read by itself into %d bytes", i, ShapeText(a.Shape), len(dst))
	}
	if got, err := a.file.ReadAt(dst, a.at+i*n); got < len(dst) {
		return short(err, fmt.Sprintf("it ends before row %d", i))
	}
	if a.big {
		swap(dst, a.Type.unit())
	}
	return nil
}

// Bytes returns how many bytes a row has.
func (r *Rows) Bytes() int { return r.each }

// Len returns how many rows there are.
func (r *Rows) Len() int64 { return r.n }

// Next returns the values of the next row, little-endian and row-major. They
// are valid until the next call. io.EOF comes after the last, once all of the
// array was found to be whole.
func (r *Rows) Next() ([]byte, error) {
	if r.at == r.n {
		return nil, r.end()
	}
	if r.in == nil {
		if r.block == nil || r.at == r.first+r.most {
			if err := r.fill(); err != nil {
				return nil, err
			}
		}
		r.at++
		return r.block[int(r.at-1-r.first)*r.each:][:r.each], nil
	}
	// A file may claim a large row and hold none, so memory grows with what is
	// there.
	for have := 0; have < r.each; {
		if have == len(r.row) {
			r.row = append(r.row, make([]byte, min(r.each-have, max(have, 1<<20)))...)
		}
		n, err := io.ReadFull(r.in, r.row[have:])
		if have += n; err != nil {
			return nil, r.short(err)
		}
	}
	if r.a.big {
		swap(r.row, r.a.Type.unit())
	}
	r.at++
	return r.row[:r.each], nil
}

// short says that an array ends before the rows that its header says.
func (r *Rows) short(err error) error {
	return damaged(short(err, fmt.Sprintf("it ends after %d of the %d rows that its header says", r.at, r.n)))
}

// end says whether nothing follows the last row.
func (r *Rows) end() error {
	if r.in == nil {
		return io.EOF
	}
	return ended(r.in)
}

// ended returns io.EOF if in is at its end.
func ended(in io.Reader) error {
	switch n, err := io.ReadFull(in, make([]byte, 1)); {
	case n > 0:
		return errors.New("something follows its last row")
	default:
		return damaged(err)
	}
}

// unit returns the size of what has an order of bytes: of a value, or of a code
// point of a text.
func (t Type) unit() int {
	switch t.Kind {
	case 'U':
		return 4
	case 'S':
		return 1
	}
	return t.Size
}

// swap reverses the bytes of each unit.
func swap(values []byte, unit int) {
	if unit < 2 {
		return
	}
	for v := range slices.Chunk(values, unit) {
		slices.Reverse(v)
	}
}

// fill reads the next block of rows of an array in Fortran order, where the
// values of a column lie together: of each column those of the block, in one
// pass over the array.
func (r *Rows) fill() error {
	in, err := r.a.open()
	if err != nil {
		return err
	}
	defer in.Close()
	size := int64(r.a.Type.Size)
	n := min(r.most, r.n-r.at) // rows of this block
	if r.block == nil {
		r.most = min(r.most, r.n)
		r.block, r.lot = make([]byte, r.most*int64(r.each)), make([]byte, r.most*size)
	}
	shape := r.a.Shape[1:]
	strides := make([]int64, len(shape)) // bytes of a row, row-major
	for i, stride := len(shape)-1, size; i >= 0; i-- {
		strides[i], stride = stride, stride*shape[i]
	}
	lot := r.lot[:n*size]
	index, column := make([]int64, len(shape)), int64(0)
	for left := int64(r.each); left > 0; left -= size {
		if err := pass(in, r.at*size); err != nil {
			return r.short(err)
		}
		if _, err := io.ReadFull(in, lot); err != nil {
			return r.short(err)
		}
		if err := pass(in, (r.n-r.at-n)*size); err != nil {
			return r.short(err)
		}
		if r.a.big {
			swap(lot, r.a.Type.unit())
		}
		for i := range n {
			copy(r.block[i*int64(r.each)+column:], lot[i*size:(i+1)*size])
		}
		// The next column: the first index runs fastest.
		for k := range index {
			index[k]++
			column += strides[k]
			if index[k] < shape[k] {
				break
			}
			column -= index[k] * strides[k]
			index[k] = 0
		}
	}
	r.first = r.at
	if err := ended(in); err != io.EOF {
		return err
	}
	return nil
}

// pass goes on behind n bytes of in.
func pass(in io.Reader, n int64) error {
	if n == 0 {
		return nil
	}
	if s, ok := in.(io.Seeker); ok {
		_, err := s.Seek(n, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, in, n)
	return err
}

// Close closes what Rows opened.
func (r *Rows) Close() error {
	if r == nil || r.in == nil {
		return nil
	}
	return r.in.Close()
}
