package parquet

import "encoding/binary"

// deltas reads integers as differences, DELTA_BINARY_PACKED: blocks of a least
// difference and packs of what is added to it.
type deltas struct {
	in    []byte
	left  uint64 // values that are not yet read
	first bool   // the next value is the first, which is no difference
	value uint64

	packs  uint64 // a block
	pack   uint64 // values a pack
	least  uint64
	widths []byte // of the packs of the present block that are not yet begun

	width  uint   // of the present pack
	inPack uint64 // values of it that are not yet read
	bits   []byte // of it
	at     uint   // bits that are read
}

// newDeltas begins to read at most n integers.
func newDeltas(in []byte, n uint64) (*deltas, error) {
	d := &deltas{in: in, first: true}
	block := d.uvarint()
	d.packs = d.uvarint()
	d.left = d.uvarint()
	d.value = d.zigzag()
	if d.in == nil || d.left > n || d.packs == 0 || d.packs > 1<<16 || block == 0 || block > 1<<24 || block%d.packs != 0 || block/d.packs%8 != 0 {
		return nil, ErrDamaged
	}
	d.pack = block / d.packs
	return d, nil
}

// uvarint reads a number; in is nil afterwards if there is none.
func (d *deltas) uvarint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.in = nil
		return 0
	}
	d.in = d.in[n:len(d.in):len(d.in)]
	return v
}

func (d *deltas) zigzag() uint64 {
	v := d.uvarint()
	return v>>1 ^ -(v & 1)
}

func (d *deltas) next() (uint64, error) {
	if d.left == 0 {
		return 0, ErrDamaged
	}
	d.left--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.inPack == 0 {
		if err := d.begin(); err != nil {
			return 0, err
		}
	}
	d.inPack--
	var more uint64
	for have := uint(0); have < d.width; {
		at, shift := (d.at+have)/8, (d.at+have)%8
		more |= uint64(d.bits[at]) >> shift << have
		have += 8 - shift
	}
	if d.width < 64 {
		more &= 1<<d.width - 1
	}
	d.at += d.width
	d.value += d.least + more
	return d.value, nil
}

// begin goes to the next pack.
func (d *deltas) begin() error {
	if len(d.widths) == 0 {
		d.least = d.zigzag()
		if d.in == nil || uint64(len(d.in)) < d.packs {
			return ErrDamaged
		}
		d.widths, d.in = d.in[:d.packs], d.in[d.packs:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	size := d.pack / 8 * uint64(d.width)
	if d.width > 64 {
		return ErrDamaged
	}
	if size > uint64(len(d.in)) {
		// Some writers cut the last pack off behind its last value.
		if (d.left+1)*uint64(d.width) > 8*uint64(len(d.in)) {
			return ErrDamaged
		}
		size = uint64(len(d.in))
	}
	d.bits, d.in = d.in[:size], d.in[size:]
	d.inPack, d.at = d.pack, 0
	return nil
}

// skip goes through all values to what stands behind them. Blocks are whole:
// packs behind the last value have widths, and no bits.
func (d *deltas) skip() ([]byte, error) {
	for d.left > 0 {
		if _, err := d.next(); err != nil {
			return nil, err
		}
	}
	return d.in, nil
}

// deltaNumbers has INT32 or INT64.
type deltaNumbers struct {
	*deltas
	width int
	value [8]byte
}

func (d *deltaNumbers) next() ([]byte, error) {
	v, err := d.deltas.next()
	binary.LittleEndian.PutUint64(d.value[:], v)
	return d.value[:d.width], err
}

// deltaLengths has the lengths of all values, and then the values
// (DELTA_LENGTH_BYTE_ARRAY).
type deltaLengths struct {
	lengths *deltas
	in      []byte
}

func newDeltaLengths(values []byte, n uint64) (*deltaLengths, error) {
	through, err := newDeltas(values, n)
	if err != nil {
		return nil, err
	}
	rest, err := through.skip()
	if err != nil {
		return nil, err
	}
	lengths, err := newDeltas(values, n)
	return &deltaLengths{lengths, rest}, err
}

func (d *deltaLengths) next() (v []byte, err error) {
	n, err := d.lengths.next()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(d.in)) {
		return nil, ErrDamaged
	}
	v, d.in = d.in[:n:n], d.in[n:]
	return v, nil
}

// deltaBytes has of each value how much it has in common with the one before,
// and then what follows (DELTA_BYTE_ARRAY).
type deltaBytes struct {
	prefixes *deltas
	suffixes *deltaLengths
	width    int    // of each value; 0: its own
	left     *int64 // bytes that may yet be unpacked
	value    []byte
}

func newDeltaBytes(values []byte, n uint64) (*deltaBytes, error) {
	through, err := newDeltas(values, n)
	if err != nil {
		return nil, err
	}
	rest, err := through.skip()
	if err != nil {
		return nil, err
	}
	suffixes, err := newDeltaLengths(rest, n)
	if err != nil {
		return nil, err
	}
	prefixes, err := newDeltas(values, n)
	return &deltaBytes{prefixes: prefixes, suffixes: suffixes, value: []byte{}}, err
}

func (d *deltaBytes) next() ([]byte, error) {
	n, err := d.prefixes.next()
	if err != nil {
		return nil, err
	}
	suffix, err := d.suffixes.next()
	if err != nil {
		return nil, err
	}
	if n > uint64(len(d.value)) {
		return nil, ErrDamaged
	}
	d.value = append(d.value[:n], suffix...)
	// Few bytes make long values.
	if *d.left -= int64(n); *d.left < 0 || d.width > 0 && len(d.value) != d.width {
		return nil, ErrDamaged
	}
	return d.value, nil
}
