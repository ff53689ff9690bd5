package parquet

import (
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

// Whatever the values of a page are, at most as many are read as it says, of
// the lengths that the type has.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{128, 1, 4, 3, 14, 1, 2, 0, 0, 0, 0b1001}, uint16(3), byte(format.DeltaBinaryPacked), byte(format.Int64))
	f.Add([]byte{128, 1, 4, 2, 2, 0, 0, 0, 0, 0, 'a', 'b'}, uint16(2), byte(format.DeltaLengthByteArray), byte(format.ByteArray))
	f.Add([]byte{128, 1, 4, 2, 0, 2, 0, 0, 0, 0, 128, 1, 4, 2, 2, 0, 0, 0, 0, 0, 'a', 'b'}, uint16(2), byte(format.DeltaByteArray), byte(format.ByteArray))
	f.Add([]byte{1, 0, 0, 0, 'a'}, uint16(1), byte(format.Plain), byte(format.ByteArray))
	f.Add([]byte{2, 0, 0, 0, 6, 1}, uint16(3), byte(format.RLE), byte(format.Boolean))
	f.Add([]byte{1, 3, 0b10101010}, uint16(8), byte(format.RLEDictionary), byte(format.Double))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint16(2), byte(format.ByteStreamSplit), byte(format.Float))
	f.Fuzz(func(t *testing.T, values []byte, n uint16, encoding, kind byte) {
		node := &Node{Type: format.Type(kind), Length: 5}
		c := &Column{file: &File{left: 1 << 20}, node: node, inPage: int(n)}
		if err := c.dictionary.fill(make([]byte, 64), 4, c.width()); err != nil {
			t.Fatal(err)
		}
		d, err := c.newDecoder(values, format.Encoding(encoding))
		if err != nil {
			return
		}
		for range n {
			v, err := d.next()
			if err != nil {
				return
			}
			if w := c.width(); v == nil || w > 0 && len(v) != w {
				t.Fatalf("%d bytes of %d", len(v), w)
			}
		}
	})
}
