package image

import (
	"bytes"
	"encoding/binary"
	"image"
)

// asStored is the EXIF orientation of an image that is stored as it is seen.
const asStored = 1

const exifPrefix = "Exif\x00\x00"

// orientation returns the orientation that an EXIF block says, or else one of
// XMP, as Pillow does (Image.py, getexif). Blocks that are missing, broken or
// say nonsense mean asStored.
func orientation(exif, xmp []byte) int {
	found, ok := orientationTag(exif)
	if !ok {
		found = orientationOfXMP(xmp)
	}
	if found < 1 || found > 8 {
		return asStored
	}
	return int(found)
}

// orientationOfXMP returns the digit of the first tiff:Orientation, an
// attribute or an element, 0 if there is none.
func orientationOfXMP(xmp []byte) uint32 {
	for {
		_, rest, ok := bytes.Cut(xmp, []byte("tiff:Orientation"))
		if !ok {
			return 0
		}
		for _, opens := range []string{`="`, ">"} {
			if value, ok := bytes.CutPrefix(rest, []byte(opens)); ok && len(value) > 0 && isDigit(value[0]) {
				return uint32(value[0] - '0')
			}
		}
		xmp = rest
	}
}

// orientationTag returns the value of the orientation tag (0x0112) in the first
// directory of an EXIF block (EXIF 2.3, 4.5; TIFF 6.0, section 2), and whether
// there is one.
//
// What is broken is decided as in Pillow (TiffImagePlugin.py,
// ImageFileDirectory_v2.load): entries of unknown types are skipped; an entry
// whose value lies outside the block ends the directory; the last of several
// orientation tags counts, and the first of several values.
func orientationTag(exif []byte) (found uint32, ok bool) {
	for len(exif) >= 6 && string(exif[:6]) == exifPrefix {
		exif = exif[6:]
	}
	if len(exif) < 8 {
		return 0, false
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00", "II\x00*":
		order = binary.LittleEndian
	case "MM\x00*", "MM*\x00", "MM\x00+":
		order = binary.BigEndian
	default:
		return 0, false
	}
	at := uint64(order.Uint32(exif[4:]))
	if at+2 > uint64(len(exif)) {
		return 0, false
	}
	entries := exif[at+2:]
	for n := order.Uint16(exif[at:]); n > 0 && len(entries) >= 12; n-- {
		entry := entries[:12]
		entries = entries[12:]
		tag, kind, count := order.Uint16(entry), order.Uint16(entry[2:]), order.Uint32(entry[4:])
		if int(kind) >= len(typeSize) || typeSize[kind] == 0 || count == 0 {
			continue
		}
		value := entry[8:]
		if size := typeSize[kind] * uint64(count); size > 4 {
			at := uint64(order.Uint32(value))
			if at+size > uint64(len(exif)) {
				break
			}
			value = exif[at:]
		}
		if tag == 0x0112 {
			found, ok = integer(value, kind, order), true
		}
	}
	return found, ok
}

// typeSize holds the size in bytes of a value of each type: BYTE, ASCII, SHORT,
// LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE
// (TIFF 6.0, section 2), IFD and, three numbers later, LONG8.
var typeSize = [...]uint64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8}

// integer returns the first value of an integer type, 0 for other types. BYTE
// is none: Pillow reads it as a string of bytes.
func integer(value []byte, kind uint16, order binary.ByteOrder) uint32 {
	switch kind {
	case 6: // SBYTE
		return uint32(value[0])
	case 3, 8: // SHORT, SSHORT
		return uint32(order.Uint16(value))
	case 4, 9, 13: // LONG, SLONG, IFD
		return order.Uint32(value)
	}
	return 0
}

// upright returns where the stored pixel (x, y) of a w×h image belongs in the
// upright one, in pixels from its first: at base + x·dx + y·dy (EXIF 2.3,
// 4.6.4, Orientation).
func upright(orientation, w, h int) (base, dx, dy int) {
	switch orientation {
	case 2: // mirrored
		return w - 1, -1, w
	case 3: // upside down
		return w*h - 1, -1, -w
	case 4: // mirrored and upside down
		return w * (h - 1), 1, -w
	case 5: // transposed
		return 0, h, 1
	case 6: // to be turned clockwise
		return h - 1, h, -1
	case 7: // transposed along the other diagonal
		return w*h - 1, -h, -1
	case 8: // to be turned anticlockwise
		return h * (w - 1), -h, 1
	}
	return 0, 1, w
}

// sideways says whether width and height change places.
func sideways(orientation int) bool { return orientation >= 5 }

// turn makes the picture upright, in memory of s.
func (pic *picture) turn(s *scratch) error {
	w, h := pic.w, pic.h
	if err := pic.part(image.Rect(0, 0, w, h)); err != nil {
		return err
	}
	base, dx, dy := upright(pic.orientation, w, h)
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
	if err := pic.done(); err != nil {
		return err
	}
	if sideways(pic.orientation) {
		w, h = h, w
	}
	*pic = picture{w: w, h: h, orientation: asStored, notes: pic.notes, row: func(dst []byte, y int) { copy(dst, out[3*w*y:3*w*(y+1)]) }}
	return nil
}
