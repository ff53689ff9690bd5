package parquet

import (
	"encoding/binary"
	"math/bits"
)

// hybrid reads integers of width bits in runs of one value and in packs of
// eight (https://parquet.apache.org/docs/file-format/data-pages/encodings/,
// RLE/bit-packing hybrid).
type hybrid struct {
	in     []byte
	width  int
	left   uint64 // values of the present run
	value  uint32 // of all of them, if not packed
	packed bool
	bits   uint64 // of the pack that are read and not yet used
	have   int    // how many
}

func (h *hybrid) next() (uint32, error) {
	for h.left == 0 {
		if err := h.run(); err != nil {
			return 0, err
		}
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	for h.have < h.width {
		if len(h.in) == 0 {
			return 0, ErrDamaged
		}
		h.bits |= uint64(h.in[0]) << h.have
		h.in, h.have = h.in[1:], h.have+8
	}
	v := uint32(h.bits & (1<<h.width - 1))
	h.bits, h.have = h.bits>>h.width, h.have-h.width
	return v, nil
}

// run begins the next run.
func (h *hybrid) run() error {
	header, n := binary.Uvarint(h.in)
	if n <= 0 {
		return ErrDamaged
	}
	h.in = h.in[n:]
	if h.packed = header&1 == 1; h.packed {
		// The pack before ended at a whole byte.
		high, groups := bits.Mul64(header>>1, 8)
		if high != 0 {
			return ErrDamaged
		}
		h.left, h.bits, h.have = groups, 0, 0
		return nil
	}
	h.left, h.value = header>>1, 0
	size := (h.width + 7) / 8
	if len(h.in) < size {
		return ErrDamaged
	}
	for i, b := range h.in[:size] {
		h.value |= uint32(b) << (8 * i)
	}
	h.in = h.in[size:]
	return nil
}
