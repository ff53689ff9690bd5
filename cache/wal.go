package cache

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

// Constants of a WAL; doc.go has the tables of offsets.
const (
	walSuffix      = ".wal"
	walMagic       = "hswal/1\n"
	walFixed       = 68 // bytes of the header before the provenance
	frameMagic     = "HSfr"
	frameHeader    = 24       // bytes
	maxFrame       = 32 << 20 // bytes of a frame's payload, unless that is one row
	walRowOverhead = KeySize + 4
)

// walHeader is the beginning of a WAL.
type walHeader struct {
	id         [16]byte // random; seeds the checksums of the frames
	digest     [32]byte // the space's fingerprint
	dim        int
	dtype      dtype
	provenance map[string]any // string to string
}

// encode returns the header's bytes.
func (h *walHeader) encode() []byte {
	p := appendJSON(nil, h.provenance)
	b := make([]byte, 0, walFixed+len(p)+4)
	b = append(b, walMagic...)
	b = append(b, h.id[:]...)
	b = append(b, h.digest[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.dim))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.dtype))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
	b = append(b, p...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// parseWALHeader reads the header of a WAL and returns its length.
func parseWALHeader(b []byte) (*walHeader, int, error) {
	if len(b) < walFixed+4 {
		return nil, 0, malformedf("header: %d bytes, too short", len(b))
	}
	if string(b[:8]) != walMagic {
		return nil, 0, malformedf("header: magic %q, must be %q", b[:8], walMagic)
	}
	n := binary.LittleEndian.Uint32(b[64:])
	if n > maxProvenance {
		return nil, 0, malformedf("header: provenance of %d bytes, the limit is %d", n, maxProvenance)
	}
	end := walFixed + int(n)
	if len(b) < end+4 {
		return nil, 0, malformedf("header: provenance of %d bytes, the file has %d", n, len(b))
	}
	if crc32.ChecksumIEEE(b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, 0, malformedf("header: checksum mismatch")
	}
	h := &walHeader{id: [16]byte(b[8:]), digest: [32]byte(b[24:])}
	dim := binary.LittleEndian.Uint32(b[56:])
	if dim < 1 || dim > maxDim {
		return nil, 0, malformedf("header: %d values a row, must be 1 to %d", dim, maxDim)
	}
	h.dim = int(dim)
	if h.dtype = dtype(binary.LittleEndian.Uint32(b[60:])); h.dtype != f32 && h.dtype != f16 {
		return nil, 0, malformedf("header: dtype code %d, must be %d (f32) or %d (f16)", h.dtype, f32, f16)
	}
	v, err := parseJSON(b[walFixed:end])
	if err != nil {
		return nil, 0, malformedf("header: provenance: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, 0, malformedf("header: provenance: not an object")
	}
	for k, v := range m {
		if _, ok := v.(string); !ok {
			return nil, 0, malformedf("header: provenance: %q: not a string", k)
		}
	}
	if err := checkProvenance(m); err != nil {
		return nil, 0, malformedf("header: %w", err)
	}
	h.provenance = m
	return h, end + 4, nil
}

// belongs checks that the WAL is one of s.
func (h *walHeader) belongs(s *Space) error {
	if h.digest != s.digest {
		return malformedf("header: fingerprint %x: a WAL of another space", h.digest)
	}
	if h.dim != s.dim {
		return malformedf("header: %d values a row, the space has %d", h.dim, s.dim)
	}
	if h.dtype != s.dtype {
		return malformedf("header: dtype %s, the space has %s", h.dtype, s.dtype)
	}
	return nil
}

// rowSize returns the bytes of a row.
func (h *walHeader) rowSize() int { return h.dim * h.dtype.size() }

// appendFrame appends a frame with rows of keys; values are len(keys) rows as
// they are stored.
func (h *walHeader) appendFrame(b []byte, seq uint64, keys []Key, values []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, frameHeader)...)
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	size := h.rowSize()
	for i := range keys {
		b = binary.LittleEndian.AppendUint32(b, rowCRC(keys[i][:], values[i*size:(i+1)*size]))
	}
	b = append(b, values...)
	f := b[start:]
	copy(f, frameMagic)
	binary.LittleEndian.PutUint32(f[4:], uint32(len(keys)))
	binary.LittleEndian.PutUint64(f[8:], seq)
	binary.LittleEndian.PutUint32(f[16:], h.seeded(f[frameHeader:]))
	binary.LittleEndian.PutUint32(f[20:], h.seeded(f[:20]))
	return b
}

// seeded is the checksum of id ‖ b: a frame of another WAL does not pass.
func (h *walHeader) seeded(b []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(h.id[:]), crc32.IEEETable, b)
}

// walFrame is a frame that passed its checks.
type walFrame struct {
	at   int64 // offset of its payload
	rows int64
}

// walRow is a row of a WAL: the prefix of its key, its frame and its place in
// there.
type walRow struct {
	prefix   uint64
	frame, i uint32
}

// walScan is what a WAL holds.
type walScan struct {
	header *walHeader
	data   []byte
	frames []walFrame
	rows   []walRow // in the order in which they were appended
	end    int64    // where the valid frames end
	// torn says why the bytes after end, if there are any, are no frame;
	// damaged tells that they are more than a frame that was not finished.
	torn    error
	damaged bool
}

// scanWAL reads a WAL of s up to the first frame that is not whole. Only a
// header that is not one of s is an error.
func scanWAL(s *Space, data []byte) (*walScan, error) {
	h, n, err := parseWALHeader(data)
	if err != nil {
		return nil, err
	}
	if err := h.belongs(s); err != nil {
		return nil, err
	}
	w := &walScan{header: h, data: data, end: int64(n)}
	for w.end < int64(len(data)) {
		next, err := w.frame()
		if err != nil {
			w.torn = fmt.Errorf("offset %d: frame %d: %w", w.end, len(w.frames), err)
			break
		}
		w.end = next
	}
	return w, nil
}

// withWAL calls look with what the first size bytes of f, a WAL of s, hold.
func withWAL(s *Space, f file, size int64, look func(*walScan) error) error {
	if size < 1 {
		return malformedf("empty")
	}
	data, err := f.Map(size)
	if err != nil {
		return err
	}
	defer unmap(data)
	return guard(func() error {
		w, err := scanWAL(s, data)
		if err != nil {
			return err
		}
		return look(w)
	})
}

// readWAL calls look with what a WAL of s holds. A writer may be adding to it.
func (c *Cache) readWAL(s *Space, name string, look func(*walScan) error) error {
	f, err := c.disk.Open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	return withWAL(s, f, fi.Size(), look)
}

// frame reads the frame at w.end and returns where it ends.
func (w *walScan) frame() (int64, error) {
	rest := w.data[w.end:]
	if len(rest) < frameHeader {
		return 0, fmt.Errorf("%d bytes, not finished", len(rest))
	}
	if string(rest[:4]) != frameMagic || w.header.seeded(rest[:20]) != binary.LittleEndian.Uint32(rest[20:]) {
		w.damaged = written(rest)
		return 0, fmt.Errorf("header: checksum mismatch")
	}
	if seq := binary.LittleEndian.Uint64(rest[8:]); seq != uint64(len(w.frames)) {
		w.damaged = true
		return 0, fmt.Errorf("header: number %d, must be %d", seq, len(w.frames))
	}
	n := int64(binary.LittleEndian.Uint32(rest[4:]))
	size := int64(w.header.rowSize())
	if n == 0 || int64(len(w.rows))+n > maxRows {
		w.damaged = true
		return 0, fmt.Errorf("header: %d rows after %d, must be 1 to %d in all", n, len(w.rows), maxRows)
	}
	payload := rest[frameHeader:]
	want := n * (walRowOverhead + size)
	if n > 1 && want > maxFrame {
		w.damaged = true
		return 0, fmt.Errorf("header: %d bytes, the limit is %d", want, maxFrame)
	}
	if int64(len(payload)) < want {
		return 0, fmt.Errorf("%d of %d bytes, not finished", len(payload), want)
	}
	payload = payload[:want]
	if w.header.seeded(payload) != binary.LittleEndian.Uint32(rest[16:]) {
		w.damaged = written(payload)
		return 0, fmt.Errorf("checksum mismatch")
	}
	f := walFrame{w.end + frameHeader, n}
	w.frames = append(w.frames, f)
	for i := range n {
		r := walRow{binary.BigEndian.Uint64(payload[KeySize*i:]), uint32(len(w.frames) - 1), uint32(i)}
		if rowCRC(w.key(r), w.values(r)) != binary.LittleEndian.Uint32(w.crc(r)) {
			w.damaged = true
			w.frames, w.rows = w.frames[:r.frame], w.rows[:int64(len(w.rows))-i]
			return 0, fmt.Errorf("row %d: checksum mismatch", i)
		}
		w.rows = append(w.rows, r)
	}
	return f.at + int64(len(payload)), nil
}

// written tells whether b is more than the zeros that a power failure leaves
// of data that were not synced, judged by the beginning.
func written(b []byte) bool {
	return len(bytes.Trim(b[:min(len(b), pageSize)], "\x00")) > 0
}

// key returns the key of a row.
func (w *walScan) key(r walRow) []byte {
	return w.data[w.frames[r.frame].at+KeySize*int64(r.i):][:KeySize]
}

// crc returns the stored checksum of a row.
func (w *walScan) crc(r walRow) []byte {
	f := w.frames[r.frame]
	return w.data[f.at+KeySize*f.rows+4*int64(r.i):][:4]
}

// values returns the values of a row.
func (w *walScan) values(r walRow) []byte {
	f, size := w.frames[r.frame], int64(w.header.rowSize())
	return w.data[f.at+walRowOverhead*f.rows+size*int64(r.i):][:size]
}
