package image

import "encoding/binary"

// upright is the EXIF orientation of an image that is stored as it is seen.
const upright = 1

// orientation returns the value of the orientation tag (0x0112) in the first
// directory of an EXIF block (EXIF 2.3, 4.5; TIFF 6.0, section 2). Blocks that
// are missing, broken or say nonsense mean upright. As in Pillow, any integer
// type but BYTE is taken, the first of several values counts, and so does the
// last of several tags.
func orientation(exif []byte) int {
	for len(exif) >= 6 && string(exif[:6]) == exifPrefix {
		exif = exif[6:]
	}
	if len(exif) < 8 {
		return upright
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00", "II\x00*":
		order = binary.LittleEndian
	case "MM\x00*", "MM*\x00":
		order = binary.BigEndian
	default:
		return upright
	}
	found := uint32(upright)
	at := uint64(order.Uint32(exif[4:]))
	if at+2 > uint64(len(exif)) {
		return upright
	}
	entries := exif[at+2:]
	for n := order.Uint16(exif[at:]); n > 0 && len(entries) >= 12; n-- {
		if order.Uint16(entries) == 0x0112 {
			if v, ok := firstValue(exif, entries, order); ok {
				found = v
			}
		}
		entries = entries[12:]
	}
	if found < 1 || found > 8 {
		return upright
	}
	return int(found)
}

const exifPrefix = "Exif\x00\x00"

// firstValue returns the first value of a directory entry of an integer type.
// ok is false for other types, for no values, and for values outside the block.
func firstValue(exif, entry []byte, order binary.ByteOrder) (v uint32, ok bool) {
	var size uint64
	switch order.Uint16(entry[2:]) { // TIFF 6.0, section 2, "Types"
	case 6: // SBYTE
		size = 1
	case 3, 8: // SHORT, SSHORT
		size = 2
	case 4, 9, 13: // LONG, SLONG, IFD
		size = 4
	default:
		return 0, false
	}
	count := uint64(order.Uint32(entry[4:]))
	if count == 0 {
		return 0, false
	}
	value := entry[8:12]
	if size*count > 4 {
		at := uint64(order.Uint32(value))
		if at+size*count > uint64(len(exif)) {
			return 0, false
		}
		value = exif[at:]
	}
	switch size {
	case 1:
		return uint32(value[0]), true
	case 2:
		return uint32(order.Uint16(value)), true
	}
	return order.Uint32(value), true
}

// turn makes the picture upright, in memory of s.
func (pic *picture) turn(s *scratch) {
	w, h := pic.w, pic.h
	// The stored pixel (x, y) belongs at base + x·dx + y·dy, in pixels
	// (EXIF 2.3, 4.6.4, Orientation).
	var base, dx, dy int
	switch pic.orientation {
	case 2: // mirrored
		base, dx, dy = w-1, -1, w
	case 3: // upside down
		base, dx, dy = w*h-1, -1, -w
	case 4: // mirrored and upside down
		base, dx, dy = w*(h-1), 1, -w
	case 5: // transposed
		base, dx, dy = 0, h, 1
	case 6: // to be turned clockwise
		base, dx, dy = h-1, h, -1
	case 7: // transposed along the other diagonal
		base, dx, dy = w*h-1, -h, -1
	case 8: // to be turned anticlockwise
		base, dx, dy = h*(w-1), -h, 1
	default:
		return
	}
	s.upright = grow(s.upright, 3*w*h)
	out := s.upright
	s.rows[0] = grow(s.rows[0], 3*w)
	row := s.rows[0]
	for y := 0; y < h; y++ {
		pic.row(row, y)
		at := base + y*dy
		for x := 0; x < w; x++ {
			copy(out[3*at:3*at+3], row[3*x:3*x+3])
			at += dx
		}
	}
	if pic.orientation >= 5 {
		w, h = h, w
	}
	pic.w, pic.h, pic.orientation = w, h, upright
	pic.row = func(dst []byte, y int) { copy(dst, out[3*w*y:3*w*(y+1)]) }
}
