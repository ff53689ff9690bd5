package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"strings"

	"golang.org/x/image/tiff"
)

// Tags of a TIFF directory (TIFF 6.0) that decide whether it is read.
const (
	tagSubfile      = 254
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagPhotometric  = 262
	tagFillOrder    = 266
	tagStripOffsets = 273
	tagOrientation  = 274
	tagSamples      = 277
	tagStripBytes   = 279
	tagPlanar       = 284
	tagPredictor    = 317
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileBytes    = 325
	tagExtra        = 338
	tagFormat       = 339
	tagXMP          = 700
	tagDNG          = 50706
)

// How pixels mean colours: PhotometricInterpretation.
const (
	whiteIsZero = 0
	blackIsZero = 1
	tiffRGB     = 2
	tiffPalette = 3
)

// Compressions.
const (
	tiffPlain    = 1
	tiffFax3     = 3
	tiffFax4     = 4
	tiffLZW      = 5
	tiffDeflate  = 8
	tiffPackBits = 32773
	tiffDeflate2 = 32946
)

// tiffDirectory is the first directory of a TIFF.
type tiffDirectory struct {
	order  binary.ByteOrder
	values map[uint16][]uint32 // of BYTE, SHORT and LONG
	xmp    []byte
}

// first returns the first value of a tag, or what it is by default.
func (d *tiffDirectory) first(tag uint16, normally uint32) uint32 {
	if v := d.values[tag]; len(v) > 0 {
		return v[0]
	}
	return normally
}

// readTIFF reads the first directory. Of a tag with more values than it should
// have, the first ones are read.
func readTIFF(content []byte) (*tiffDirectory, error) {
	cut := refuse(KindTruncated, "tiff: truncated: it ends before its directory does")
	d := &tiffDirectory{order: binary.LittleEndian, values: make(map[uint16][]uint32)}
	if len(content) < 8 {
		return nil, cut
	}
	if content[0] == 'M' {
		d.order = binary.BigEndian
	}
	at := uint64(d.order.Uint32(content[4:]))
	if at+2 > uint64(len(content)) {
		return nil, cut
	}
	n := uint64(d.order.Uint16(content[at:]))
	if at+2+12*n > uint64(len(content)) {
		return nil, cut
	}
	last := -1
	for entries := content[at+2:][:12*n]; len(entries) > 0; entries = entries[12:] {
		tag, kind, count := d.order.Uint16(entries), d.order.Uint16(entries[2:]), uint64(d.order.Uint32(entries[4:]))
		size := map[uint16]uint64{1: 1, 3: 2, 4: 4, 7: 1}[kind]
		value := entries[8:12]
		if int(tag) <= last {
			return nil, refuse(KindDamaged, "tiff: its directory is not in order: tag %d comes after %d", tag, last)
		}
		last = int(tag)
		if size == 0 || count == 0 {
			continue
		}
		if size*count > 4 {
			at := uint64(d.order.Uint32(value))
			if at+size*count > uint64(len(content)) {
				return nil, refuse(KindTruncated, "tiff: truncated: the values of tag %d lie outside of the file", tag)
			}
			value = content[at : at+size*count]
		}
		if tag == tagXMP {
			d.xmp = value[:size*count]
			continue
		}
		most, ok := tiffRead[tag]
		if !ok {
			continue
		}
		if most > 16 && count > most {
			return nil, refuse(KindDamaged, "tiff: %d blocks of pixels are more than an image has", count)
		}
		count = min(count, most)
		values := make([]uint32, count)
		for i := range values {
			switch size {
			case 1:
				values[i] = uint32(value[i])
			case 2:
				values[i] = uint32(d.order.Uint16(value[2*i:]))
			case 4:
				values[i] = d.order.Uint32(value[4*i:])
			}
		}
		d.values[tag] = values
	}
	return d, nil
}

// tiffRead are the tags whose values are read, and how many of them.
var tiffRead = map[uint16]uint64{
	tagSubfile: 16, tagWidth: 16, tagHeight: 16, tagBits: 16, tagCompression: 16, tagPhotometric: 16, tagFillOrder: 16, tagOrientation: 16,
	tagSamples: 16, tagPlanar: 16, tagPredictor: 16, tagTileWidth: 16, tagTileHeight: 16, tagExtra: 16, tagFormat: 16, tagDNG: 16,
	tagStripOffsets: 1 << 20, tagStripBytes: 1 << 20, tagTileOffsets: 1 << 20, tagTileBytes: 1 << 20,
}

// unread refuses a kind of files by name.
func unread(what string) error {
	return refuse(KindFormat+what, "%s files are not read; convert the file to PNG", what)
}

// check says what of the directory is not read, or not as the reference does.
func (d *tiffDirectory) check() error {
	bits := d.values[tagBits]
	depth := d.first(tagBits, 1)
	photometric := d.first(tagPhotometric, 1<<16)
	compression := d.first(tagCompression, tiffPlain)
	samples := d.first(tagSamples, 1)
	fax := compression == tiffFax3 || compression == tiffFax4
	if d.values[tagDNG] != nil || d.first(tagSubfile, 0)&1 == 1 {
		return unread("camera raw")
	}
	switch compression {
	case tiffPlain, tiffFax3, tiffFax4, tiffLZW, tiffDeflate, tiffPackBits, tiffDeflate2:
	case 6, 7:
		return unread("JPEG-in-TIFF")
	default:
		return unread(fmt.Sprintf("TIFF (compression %d)", compression))
	}
	switch photometric {
	case whiteIsZero, blackIsZero, tiffRGB, tiffPalette:
	case 5:
		return unread("CMYK TIFF")
	case 32803, 34892:
		return unread("camera raw")
	default:
		return unread(fmt.Sprintf("TIFF (photometric interpretation %d)", photometric))
	}
	for _, b := range bits {
		if b != depth {
			return unread("TIFF (samples of different sizes)")
		}
	}
	for _, f := range d.values[tagFormat] {
		if f != 1 {
			return unread("TIFF (signed or floating-point samples)")
		}
	}
	want := uint32(1)
	if photometric == tiffRGB {
		want = 3
		if extra := d.first(tagExtra, 0); samples == 4 && (extra == 1 || extra == 2) {
			want = 4
		}
	}
	switch {
	case samples != want || len(bits) > 1 && len(bits) != int(samples) || len(bits) <= 1 && samples > 1:
		return unread(fmt.Sprintf("TIFF (%d samples a pixel)", samples))
	case depth != 8 && (depth != 16 || photometric == tiffPalette) && (depth != 1 || photometric == tiffRGB):
		return unread(fmt.Sprintf("TIFF (%d bits a sample)", depth))
	case depth == 16 && photometric == whiteIsZero:
		return unread("TIFF (16 bits, white is zero)")
	case d.first(tagPlanar, 1) != 1 && samples > 1:
		return unread("TIFF (channels apart)")
	case d.first(tagFillOrder, 1) != 1 && !fax:
		return unread("TIFF (bits from the right)")
	case fax && (depth != 1 || photometric > blackIsZero):
		return unread("TIFF (fax compression of colours)")
	}
	lossless := compression == tiffLZW || compression == tiffDeflate || compression == tiffDeflate2
	if p := d.first(tagPredictor, 1); p != 1 && (p != 2 || !lossless || depth == 1) {
		return unread(fmt.Sprintf("TIFF (predictor %d)", p))
	}
	return nil
}

// tiffHeader is TIFF's Format.header.
func tiffHeader(hd *Header) (least int, err error) {
	d, err := readTIFF(hd.content)
	if err != nil {
		return 0, err
	}
	if err := d.check(); err != nil {
		return 0, err
	}
	hd.Width, hd.Height = int(d.first(tagWidth, 0)), int(d.first(tagHeight, 0))
	if hd.Width > MaxSide || hd.Height > MaxSide {
		return 0, nil // refused for that; the product below must not overflow
	}
	offsets, counts := d.values[tagStripOffsets], d.values[tagStripBytes]
	if d.values[tagTileWidth] != nil {
		offsets, counts = d.values[tagTileOffsets], d.values[tagTileBytes]
	}
	// Blocks that lie over one another would be unpacked each.
	packed := 0
	for i, n := range counts {
		if packed += int(n); i >= len(offsets) || int(offsets[i])+int(n) > len(hd.content) {
			return 0, refuse(KindTruncated, "tiff: truncated: block %d of its pixels lies outside of the file", i+1)
		}
		if packed > len(hd.content) {
			return 0, refuse(KindDamaged, "tiff: its blocks of pixels lie over one another")
		}
	}
	pixels := hd.Width * hd.Height
	unpacked := (pixels*int(d.first(tagBits, 1)) + 7) / 8 * int(d.first(tagSamples, 1))
	ratio := map[uint32]int{tiffPlain: 1, tiffPackBits: 64, tiffLZW: gifRatio, tiffDeflate: 1032, tiffDeflate2: 1032}[d.first(tagCompression, tiffPlain)]
	if ratio > 0 && unpacked/ratio > packed {
		return len(hd.content) + 1, nil
	}
	if ratio == 0 && hd.Height > 8*packed {
		return len(hd.content) + 1, nil // a row of a fax takes a bit
	}
	return 0, nil
}

// tiffNotices is TIFF's Format.notices. The file is a block of EXIF itself.
func tiffNotices(content []byte) (exif, xmp []byte) {
	if d, err := readTIFF(content); err == nil {
		xmp = d.xmp
	}
	return content, xmp
}

// decodeTIFF is TIFF's Format.decode.
func decodeTIFF(hd *Header) (image.Image, error) {
	d, err := readTIFF(hd.content)
	if err != nil {
		return nil, err
	}
	img, err := tiff.Decode(bytes.NewReader(hd.content))
	if err != nil {
		e := decodeError("tiff", err)
		if text := err.Error(); strings.HasPrefix(text, "tiff: ") {
			e = refuse(KindDamaged, "%s", text)
		}
		return nil, e
	}
	switch img := img.(type) {
	case *image.Gray:
		// The decoder turns faxes round whose white is not zero.
		if c := d.first(tagCompression, tiffPlain); (c == tiffFax3 || c == tiffFax4) && d.first(tagPhotometric, 0) == blackIsZero {
			for i := range img.Pix {
				img.Pix[i] ^= 255
			}
		}
	case *image.RGBA:
		if d.first(tagSamples, 1) == 4 {
			return divideAlpha(img), nil
		}
	case *image.RGBA64:
		if d.first(tagSamples, 1) == 4 {
			return divideAlpha64(img), nil
		}
	}
	return img, nil
}

// divideAlpha divides premultiplied colours by their alpha as Pillow does
// (Unpack.c, unpackRGBa).
func divideAlpha(img *image.RGBA) *image.NRGBA {
	for p := img.Pix; len(p) >= 4; p = p[4:] {
		divide(p, 1, p[3])
	}
	return &image.NRGBA{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}
}

// divideAlpha64 is divideAlpha for the high bytes of 16 bits.
func divideAlpha64(img *image.RGBA64) *image.NRGBA64 {
	for p := img.Pix; len(p) >= 8; p = p[8:] {
		divide(p, 2, p[6])
	}
	return &image.NRGBA64{Pix: img.Pix, Stride: img.Stride, Rect: img.Rect}
}

func divide(pixel []byte, step int, alpha byte) {
	for c := range 3 {
		if alpha == 0 {
			pixel[c*step] = 0
		} else {
			pixel[c*step] = uint8(min(255, int(pixel[c*step])*255/int(alpha)))
		}
	}
}
