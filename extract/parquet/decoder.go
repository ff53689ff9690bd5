package parquet

import (
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"
)

// decoder yields the values of a page
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
type decoder interface {
	// next returns the next value, valid until the next call. It is not nil.
	next() ([]byte, error)
}

// plainDictionary is what older writers call the encodings of a dictionary
// (PLAIN) and of a page that uses one (RLE_DICTIONARY).
const plainDictionary = format.Encoding(2)

// newDecoder returns the decoder of the present page, which has these values.
func (c *Column) newDecoder(values []byte, encoding format.Encoding) (decoder, error) {
	n, width, kind := uint64(c.inPage), c.width(), c.node.Type
	number := kind == format.Int32 || kind == format.Int64
	switch {
	case encoding == format.Plain && kind == format.Boolean:
		return &plainBooleans{in: values}, nil
	case encoding == format.Plain && width > 0:
		return &plainFixed{values, width}, nil
	case encoding == format.Plain:
		return &plainBytes{values}, nil
	case encoding == format.RLEDictionary || encoding == plainDictionary:
		d := &dictionaryValues{dictionary: &c.dictionary}
		if len(values) > 0 { // a page of nulls may have none
			d.indices = hybrid{in: values[1:], width: int(values[0])}
		}
		if d.indices.width > 32 {
			return nil, ErrDamaged
		}
		return d, nil
	case encoding == format.RLE && kind == format.Boolean:
		if len(values) < 4 {
			return &runBooleans{}, nil
		}
		return &runBooleans{in: hybrid{in: values[4:], width: 1}}, nil
	case encoding == format.DeltaBinaryPacked && number:
		d, err := newDeltas(values, n)
		return &deltaNumbers{deltas: d, width: width}, err
	case encoding == format.DeltaLengthByteArray && kind == format.ByteArray:
		return newDeltaLengths(values, n)
	case encoding == format.DeltaByteArray && (kind == format.ByteArray || kind == format.FixedLenByteArray):
		d, err := newDeltaBytes(values, n)
		if err != nil {
			return nil, err
		}
		d.width, d.left = width, &c.file.left
		return d, nil
	case encoding == format.ByteStreamSplit && width > 0:
		return newSplit(values, width)
	}
	return nil, unknownEncoding(encoding)
}

// plainFixed has values of one length.
type plainFixed struct {
	in    []byte
	width int
}

func (d *plainFixed) next() (v []byte, err error) {
	if len(d.in) < d.width {
		return nil, ErrDamaged
	}
	v, d.in = d.in[:d.width:d.width], d.in[d.width:]
	return v, nil
}

// plainBytes has values that stand behind their lengths.
type plainBytes struct{ in []byte }

func (d *plainBytes) next() (v []byte, err error) {
	if len(d.in) < 4 {
		return nil, ErrDamaged
	}
	n := int64(binary.LittleEndian.Uint32(d.in))
	if d.in = d.in[4:]; n > int64(len(d.in)) {
		return nil, ErrDamaged
	}
	v, d.in = d.in[:n:n], d.in[n:]
	return v, nil
}

var booleans = [2][]byte{{0}, {1}}

// plainBooleans has eight values a byte, the first one lowest.
type plainBooleans struct {
	in []byte
	at int
}

func (d *plainBooleans) next() ([]byte, error) {
	if d.at/8 >= len(d.in) {
		return nil, ErrDamaged
	}
	bit := d.in[d.at/8] >> (d.at % 8) & 1
	d.at++
	return booleans[bit], nil
}

// runBooleans has booleans in runs.
type runBooleans struct{ in hybrid }

func (d *runBooleans) next() ([]byte, error) {
	v, err := d.in.next()
	return booleans[v&1], err
}

// dictionary has the values that indices stand for.
type dictionary struct {
	there  bool
	values []byte
	width  int      // of each; 0: offsets say where they lie
	ends   []uint32 // where each ends, behind its length
	n      int
}

// fill reads n values, PLAIN.
func (d *dictionary) fill(values []byte, n, width int) error {
	d.there, d.values, d.n, d.width = true, values, n, width
	if n < 0 || int64(n)*int64(max(width, 4)) > int64(len(values)) || int64(len(values)) > math.MaxUint32 {
		return ErrDamaged
	}
	if width > 0 {
		return nil
	}
	d.ends = make([]uint32, n)
	plain := plainBytes{values}
	for i := range d.ends {
		if _, err := plain.next(); err != nil {
			return err
		}
		d.ends[i] = uint32(len(values) - len(plain.in))
	}
	return nil
}

func (d *dictionary) at(i uint32) ([]byte, error) {
	if int64(i) >= int64(d.n) {
		return nil, ErrDamaged
	}
	if d.width > 0 {
		from := int(i) * d.width
		return d.values[from : from+d.width : from+d.width], nil
	}
	from := uint32(4)
	if i > 0 {
		from += d.ends[i-1]
	}
	return d.values[from:d.ends[i]:d.ends[i]], nil
}

type dictionaryValues struct {
	dictionary *dictionary
	indices    hybrid
}

func (d *dictionaryValues) next() ([]byte, error) {
	i, err := d.indices.next()
	if err != nil {
		return nil, err
	}
	return d.dictionary.at(i)
}

// split has the first bytes of all values, then all second ones, ….
type split struct {
	in    []byte
	n, at int
	value []byte
}

func newSplit(values []byte, width int) (decoder, error) {
	if len(values)%width != 0 {
		return nil, ErrDamaged
	}
	return &split{in: values, n: len(values) / width, value: make([]byte, width)}, nil
}

func (d *split) next() ([]byte, error) {
	if d.at >= d.n {
		return nil, ErrDamaged
	}
	for i := range d.value {
		d.value[i] = d.in[i*d.n+d.at]
	}
	d.at++
	return d.value, nil
}
