package jpeg

// codes is a Huffman table as a file defines it (ITU-T T.81, annex C).
type codes struct {
	set     bool
	changed bool     // since its table was made
	counts  [17]byte // of codes of each length, in bits
	values  [256]byte
}

// lookBits is the number of bits that are looked up at once.
const lookBits = 10

// table decodes a Huffman code. An entry of look, found by the next bits, says
// of a code of up to lookBits:
//
//	bits 0–4    its length, 0: it is longer than lookBits
//	bits 8–15   its symbol
//
// Most AC codes are so short that the bits of their number are seen, too. An
// entry of numbers says of such a code:
//
//	bits 0–5    how many bits it takes together with those of its number; 0:
//	            it has no number, or more bits than lookBits
//	bits 8–12   how many coefficients it steps over, that of its number too
//	bits 16–31  its number
type table struct {
	look    [1 << lookBits]uint32
	numbers [1 << lookBits]uint32 // of AC
	limit   [17]uint32            // of 16-bit prefixes: below it codes have at most that length
	offset  [17]int32             // of a code of that length to its symbol
	values  [256]byte
}

// set makes the table of c. What a symbol means differs between DC and AC.
func (t *table) set(c *codes, dc bool) error {
	t.look = [1 << lookBits]uint32{}
	t.numbers = [1 << lookBits]uint32{}
	t.values = c.values
	code, at := 0, 0
	for length := 1; length <= 16; length++ {
		t.offset[length] = int32(at - code)
		for range c.counts[length] {
			if at > 255 || code >= 1<<length {
				return damaged("a Huffman table (DHT) with more codes than its lengths allow")
			}
			if dc && c.values[at] > 15 {
				return damaged("a Huffman table (DHT) for DC with the symbol %d", c.values[at])
			}
			if length <= lookBits {
				t.enter(code, length, c.values[at], dc)
			}
			code++
			at++
		}
		// No code consists of ones alone (T.81, C.2), which libjpeg insists on.
		if c.counts[length] > 0 && code >= 1<<length {
			return damaged("a Huffman table (DHT) with a code of %d ones", length)
		}
		t.limit[length] = uint32(code) << (16 - length)
		code <<= 1
	}
	return nil
}

// enter fills the entries that begin with a code.
func (t *table) enter(code, length int, symbol byte, dc bool) {
	size, steps := int(symbol&15), uint32(symbol>>4)+1
	rest := lookBits - length // bits behind the code that are seen
	for i := range 1 << rest {
		at := code<<rest | i
		t.look[at] = uint32(symbol)<<8 | uint32(length)
		if !dc && 0 < size && size <= rest {
			v := number(uint64(at)<<(64-lookBits+length), size)
			t.numbers[at] = uint32(uint16(v))<<16 | steps<<8 | uint32(length+size)
		}
	}
}

// next reads a code in the bits acc, of which there are 16 at least. length is
// 0 if there is none.
func (t *table) next(acc uint64) (symbol, length int) {
	e := t.look[acc>>(64-lookBits)]
	if length = int(e & 31); length != 0 {
		return int(e >> 8 & 0xff), length
	}
	prefix := uint32(acc >> 48)
	for n := lookBits + 1; n <= 16; n++ {
		if prefix < t.limit[n] {
			return int(t.values[uint8(int32(prefix>>(16-n))+t.offset[n])]), n
		}
	}
	return 0, 0
}

// number returns the number that the first size bits of acc mean (ITU-T T.81,
// F.2.2.1): size is 0 to 15.
func number(acc uint64, size int) int32 {
	v := int32(acc >> 1 >> (63 - size&63))
	negative := int32(^acc>>32) >> 31 // all ones if the first bit is 0
	return v + negative&(1-1<<(size&15))
}

// usual returns the tables of ITU-T T.81, annex K.3, which decoders take where
// a file defines none, as frames of Motion JPEG do.
func usual(dc bool, chroma bool) codes {
	c := codes{set: true, changed: true}
	switch {
	case dc && !chroma:
		c.counts = [17]byte{2: 1, 3: 5, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1}
	case dc:
		c.counts = [17]byte{2: 3, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
	case !chroma:
		c.counts = [17]byte{2: 2, 3: 1, 4: 3, 5: 3, 6: 2, 7: 4, 8: 3, 9: 5, 10: 5, 11: 4, 12: 4, 15: 1, 16: 125}
		copy(c.values[:], lumaAC)
	default:
		c.counts = [17]byte{2: 2, 3: 1, 4: 2, 5: 4, 6: 4, 7: 3, 8: 4, 9: 7, 10: 5, 11: 4, 12: 4, 14: 1, 15: 2, 16: 119}
		copy(c.values[:], chromaAC)
	}
	if dc {
		for i := range byte(12) {
			c.values[i] = i
		}
	}
	return c
}

// The symbols of tables K.5 and K.6.
const (
	lumaAC = "\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07" +
		"\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
		"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28" +
		"\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
		"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69" +
		"\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
		"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7" +
		"\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
		"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2" +
		"\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa"
	chromaAC = "\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71" +
		"\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
		"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26" +
		"\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
		"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68" +
		"\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
		"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5" +
		"\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
		"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda" +
		"\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
		"\xf9\xfa"
)
