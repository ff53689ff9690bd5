package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"strings"
	"sync/atomic"
)

// Limits and constants of a segment.
const (
	segmentSuffix = ".safetensors"
	segmentFormat = "headstart-segment/1"
	pageSize      = 4096          // the data starts at a multiple of it
	maxHeader     = 64 << 10      // bytes before the data
	maxRows       = math.MaxInt32 // rows a segment
	maxProvenance = 8 << 10       // bytes of canonical JSON
)

// malformed marks an error as being about the content of a file, in contrast
// to one of the file system: no retry helps.
type malformed struct{ error }

func (e malformed) Unwrap() error { return e.error }

func malformedf(format string, a ...any) error { return malformed{fmt.Errorf(format, a...)} }

func isMalformed(err error) bool {
	var m malformed
	return errors.As(err, &m) || errors.Is(err, errIrregular) || errors.Is(err, errFault)
}

// rowCRC is the checksum of a row: CRC-32/IEEE of its key and its values.
func rowCRC(key, row []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(key), crc32.IEEETable, row)
}

// segmentHeader is the JSON in front of a segment's data, padded with spaces
// so that the data starts at a multiple of pageSize.
type segmentHeader struct {
	rows     int64
	dim      int64
	dtype    dtype
	metadata map[string]any // string to string
}

// offsets returns where emb, crc32 and keys end, counted from the start of
// the data. emb starts at 0, each of the others where the one before ends.
func (h *segmentHeader) offsets() (emb, crcs, keys int64) {
	emb = h.rows * h.dim * int64(h.dtype.size())
	crcs = emb + 4*h.rows
	return emb, crcs, crcs + KeySize*h.rows
}

// encode returns the bytes in front of the data: the length of the JSON as
// uint64 LE, and the JSON.
func (h *segmentHeader) encode() ([]byte, error) {
	emb, crcs, keys := h.offsets()
	b := make([]byte, 8, pageSize)
	b = append(b, `{"__metadata__":`...)
	b = appendJSON(b, h.metadata)
	b = fmt.Appendf(b, `,"emb":{"dtype":%q,"shape":[%d,%d],"data_offsets":[0,%d]}`, h.dtype.tensor(), h.rows, h.dim, emb)
	b = fmt.Appendf(b, `,"crc32":{"dtype":"U32","shape":[%d],"data_offsets":[%d,%d]}`, h.rows, emb, crcs)
	b = fmt.Appendf(b, `,"keys":{"dtype":"U8","shape":[%d,%d],"data_offsets":[%d,%d]}}`, h.rows, KeySize, crcs, keys)
	for len(b)%pageSize != 0 {
		b = append(b, ' ')
	}
	if len(b) > maxHeader {
		return nil, fmt.Errorf("segment header of %d bytes, the limit is %d", len(b), maxHeader)
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return b, nil
}

// parseSegmentHeader reads the bytes in front of the data of a segment of
// size bytes in all, and checks everything that the header says against it.
func parseSegmentHeader(b []byte, size int64) (*segmentHeader, error) {
	v, err := parseJSON(b[8:])
	if err != nil {
		return nil, malformedf("header: %w", err)
	}
	fields, ok := v.(map[string]any)
	if !ok || b[8] != '{' {
		return nil, malformedf("header: does not start with an object")
	}
	h := &segmentHeader{}
	if h.metadata, ok = fields["__metadata__"].(map[string]any); !ok {
		return nil, malformedf("header: no __metadata__")
	}
	for k, v := range h.metadata {
		if _, ok := v.(string); !ok {
			return nil, malformedf("header: __metadata__: %q: not a string", k)
		}
	}
	for name := range fields {
		if name != "__metadata__" && name != "emb" && name != "crc32" && name != "keys" {
			return nil, malformedf("header: tensor %q does not belong into a segment", name)
		}
	}
	h.dtype = f32
	if emb, ok := fields["emb"].(map[string]any); ok && emb["dtype"] == f16.tensor() {
		h.dtype = f16
	}
	shape, at, err := tensor(fields, "emb", h.dtype.tensor(), 2)
	if err != nil {
		return nil, err
	}
	if shape[0] < 1 || shape[0] > maxRows {
		return nil, malformedf("header: emb: %d rows, must be 1 to %d", shape[0], maxRows)
	}
	if shape[1] < 1 || shape[1] > maxDim {
		return nil, malformedf("header: emb: %d values a row, must be 1 to %d", shape[1], maxDim)
	}
	h.rows, h.dim = shape[0], shape[1]
	emb, crcs, keys := h.offsets() // < 2^54, given the limits
	if at != [2]int64{0, emb} {
		return nil, malformedf("header: emb: data_offsets %v, must be [0 %d]", at, emb)
	}
	shape, at, err = tensor(fields, "crc32", "U32", 1)
	if err != nil {
		return nil, err
	}
	if shape[0] != h.rows || at != [2]int64{emb, crcs} {
		return nil, malformedf("header: crc32: shape %v and data_offsets %v do not follow emb", shape, at)
	}
	shape, at, err = tensor(fields, "keys", "U8", 2)
	if err != nil {
		return nil, err
	}
	if shape[0] != h.rows || shape[1] != KeySize || at != [2]int64{crcs, keys} {
		return nil, malformedf("header: keys: shape %v and data_offsets %v do not follow crc32", shape, at)
	}
	if want := int64(len(b)) + keys; size != want {
		return nil, malformedf("%d bytes, the header says %d", size, want)
	}
	return h, nil
}

// tensor returns the shape, which has rank dimensions, and the place of a
// tensor.
func tensor(fields map[string]any, name, dtype string, rank int) (shape []int64, at [2]int64, err error) {
	bad := func(format string, a ...any) ([]int64, [2]int64, error) {
		return nil, at, malformedf("header: "+name+": "+format, a...)
	}
	t, ok := fields[name].(map[string]any)
	if !ok {
		return bad("missing")
	}
	if len(t) != 3 {
		return bad("%d fields, must be dtype, shape and data_offsets", len(t))
	}
	if t["dtype"] != dtype {
		return bad("dtype %s, must be %s", text(t["dtype"]), dtype)
	}
	if shape, ok = integers(t["shape"]); !ok || len(shape) != rank {
		return bad("shape must be %d non-negative integers", rank)
	}
	ends, ok := integers(t["data_offsets"])
	if !ok || len(ends) != 2 {
		return bad("data_offsets must be 2 non-negative integers")
	}
	return shape, [2]int64(ends), nil
}

func integers(v any) ([]int64, bool) {
	s, ok := v.([]any)
	if !ok {
		return nil, false
	}
	ns := make([]int64, len(s))
	for i, w := range s {
		if ns[i], ok = w.(int64); !ok || ns[i] < 0 {
			return nil, false
		}
	}
	return ns, true
}

// provenance returns what the writer of a segment said of itself.
func (h *segmentHeader) provenance() map[string]any {
	p := maps.Clone(h.metadata)
	for _, k := range []string{"format", "fp", "space"} {
		delete(p, k)
	}
	return p
}

// metadataOf returns the metadata of a segment of s.
func metadataOf(s *Space, provenance map[string]any) map[string]any {
	m := map[string]any{"format": segmentFormat, "fp": s.Fingerprint(), "space": string(s.json)}
	for k, v := range provenance {
		m[k] = v
	}
	return m
}

// belongs checks that a header is one of a segment of s.
func (h *segmentHeader) belongs(s *Space) error {
	if f := h.metadata["format"]; f != segmentFormat {
		return malformedf("header: __metadata__: format %s, must be %q", text(f), segmentFormat)
	}
	if h.metadata["fp"] != s.Fingerprint() {
		return malformedf("header: __metadata__: fp %s: a segment of another space", text(h.metadata["fp"]))
	}
	if h.metadata["space"] != string(s.json) {
		return malformedf("header: __metadata__: space is not the identity that fp names")
	}
	if h.dim != int64(s.dim) {
		return malformedf("header: emb: %d values a row, the space has %d", h.dim, s.dim)
	}
	if h.dtype != s.dtype {
		return malformedf("header: emb: dtype %s, the space has %s", h.dtype.tensor(), s.dtype)
	}
	return nil
}

// checkProvenance returns provenance as metadata of a segment.
func checkProvenance(provenance map[string]any) error {
	for k := range provenance {
		if k == "" || k == "format" || k == "fp" || k == "space" {
			return fmt.Errorf("provenance: the name %q is taken", k)
		}
	}
	if n := len(appendJSON(nil, provenance)); n > maxProvenance {
		return fmt.Errorf("provenance: %d bytes of JSON, the limit is %d", n, maxProvenance)
	}
	return nil
}

// segment is a mapped segment.
type segment struct {
	path string // relative to the cache
	rows int
	size int    // bytes of a row
	data []byte // the whole file
	head []byte // data up to the first row

	provenance map[string]any // string to string

	emb  []byte // rows×size
	crcs []byte // rows×4
	keys []byte // rows×KeySize, strictly ascending

	// A bit a row: its checksum was found to be right, to be wrong. Both are
	// used atomically.
	right, failed []uint64
	lost          atomic.Bool // a page could not be read
}

// openSegmentHeader opens a segment of s and reads its header. fi is what the
// file was when it was opened.
func (c *Cache) openSegmentHeader(s *Space, name string) (f file, fi fs.FileInfo, h *segmentHeader, start int64, err error) {
	f, err = c.disk.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, nil, nil, 0, err
	}
	if fi, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, nil, 0, err
	}
	h, start, err = readSegmentHeader(f, fi.Size(), path.Base(name))
	if err == nil {
		err = h.belongs(s)
	}
	if err != nil {
		f.Close()
		return nil, fi, nil, 0, err
	}
	return f, fi, h, start, nil
}

// readSegmentHeader reads the header of a segment of size bytes and returns
// where its data starts.
func readSegmentHeader(f file, size int64, name string) (*segmentHeader, int64, error) {
	if !isSegmentName(name) {
		return nil, 0, malformedf("the name is not a SHA-256 and %s", segmentSuffix)
	}
	if size < 8 {
		return nil, 0, malformedf("%d bytes, too short for a header", size)
	}
	var b [8]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return nil, 0, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > maxHeader-8 {
		return nil, 0, malformedf("header: length %d, the limit is %d", n, maxHeader-8)
	}
	start := 8 + int64(n)
	if start > size {
		return nil, 0, malformedf("header: length %d, the file has %d bytes", n, size)
	}
	if start == 8 || start%pageSize != 0 {
		return nil, 0, malformedf("header: length %d: the data does not start at a multiple of %d", n, pageSize)
	}
	head := make([]byte, start)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, 0, err
	}
	h, err := parseSegmentHeader(head, size)
	return h, start, err
}

func isSegmentName(name string) bool {
	digest, ok := strings.CutSuffix(name, segmentSuffix)
	return ok && isHex(digest, 64)
}

// isHex tells whether s is n lower-case hexadecimal digits.
func isHex(s string, n int) bool {
	if len(s) != n || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// openSegment opens, maps and checks a segment of s: everything except the
// rows themselves. The FileInfo is returned with most errors too.
func (c *Cache) openSegment(s *Space, name string) (*segment, fs.FileInfo, error) {
	f, fi, h, start, err := c.openSegmentHeader(s, name)
	if err != nil {
		return nil, fi, err
	}
	defer f.Close()
	data, err := f.Map(fi.Size())
	if err != nil {
		return nil, fi, err
	}
	emb, crcs, keys := h.offsets()
	g := &segment{
		path: name, rows: int(h.rows), size: s.rowSize(), data: data, head: data[:start],
		provenance: h.provenance(),

		emb:  data[start : start+emb],
		crcs: data[start+emb : start+crcs],
		keys: data[start+crcs : start+keys],
	}
	if err := guard(g.checkOrder); err != nil {
		g.close()
		return nil, fi, err
	}
	// Not earlier: a file with a hole claims any number of rows.
	g.right, g.failed = make([]uint64, (h.rows+63)/64), make([]uint64, (h.rows+63)/64)
	return g, fi, nil
}

// checkOrder checks that the keys are strictly ascending.
func (g *segment) checkOrder() error {
	for i := 1; i < g.rows; i++ {
		if g.prefix(i-1) < g.prefix(i) {
			continue
		}
		if bytes.Compare(g.key(i-1), g.key(i)) >= 0 {
			return malformedf("keys: row %d: not in ascending order", i)
		}
	}
	return nil
}

// named checks that the segment's name is its SHA-256. ctx ends it early.
func (g *segment) named(ctx context.Context) error {
	digest := sha256.New()
	for b := g.data; len(b) > 0; b = b[min(len(b), 1<<20):] {
		if err := ctx.Err(); err != nil {
			return err
		}
		digest.Write(b[:min(len(b), 1<<20)])
	}
	if d := hex.EncodeToString(digest.Sum(nil)); d+segmentSuffix != path.Base(g.path) {
		return malformedf("its SHA-256 is %s", d)
	}
	return nil
}

// guard calls f, which reads the segment, unless a page of it could not be
// read before. If one cannot now, the segment is lost.
func (g *segment) guard(f func() error) error {
	if g.lost.Load() {
		return errFault
	}
	err := guard(f)
	if err == errFault {
		g.lost.Store(true)
	}
	return err
}

func (g *segment) close() error { return unmap(g.data) }

func (g *segment) key(i int) []byte { return g.keys[KeySize*i : KeySize*i+KeySize] }

func (g *segment) prefix(i int) uint64 { return binary.BigEndian.Uint64(g.keys[KeySize*i:]) }

func (g *segment) row(i int) []byte { return g.emb[i*g.size : (i+1)*g.size] }

// sound computes the checksum of row i and compares it.
func (g *segment) sound(i int) bool {
	return rowCRC(g.key(i), g.row(i)) == binary.LittleEndian.Uint32(g.crcs[4*i:])
}

// valid tells whether row i may be served. It looks at the checksum the
// first time.
func (g *segment) valid(i int) bool {
	word, bit := i/64, uint64(1)<<(i%64)
	switch {
	case g.seen(i):
		return true
	case g.known(i):
		return false
	case g.sound(i):
		atomic.OrUint64(&g.right[word], bit)
		return true
	}
	atomic.OrUint64(&g.failed[word], bit)
	return false
}

// seen tells whether the checksum of row i was found to be right.
func (g *segment) seen(i int) bool {
	return atomic.LoadUint64(&g.right[i/64])&(1<<(i%64)) != 0
}

// known tells whether the checksum of row i was found to fail.
func (g *segment) known(i int) bool {
	return atomic.LoadUint64(&g.failed[i/64])&(1<<(i%64)) != 0
}

var errChecksum = errors.New("checksum mismatch")

// problem reports the checksum of row i.
func (g *segment) problem(i int) Problem {
	return Problem{Path: g.path, Row: int64(i), Key: Key(g.key(i)), Err: errChecksum}
}
