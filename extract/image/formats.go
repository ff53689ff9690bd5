package image

import (
	"encoding/binary"
	"image"
	"slices"
	"strings"
)

// Format is a kind of image file. Files are recognised by their content, never
// by their name.
type Format struct {
	Name  string // "PNG"
	Media string // the media type under which browsers show such files; "": they do not

	endings []string            // of file names: in lower case, with the dot
	magic   func(b []byte) bool // whether a file that begins with b is of this format

	// convert is a command that makes PNG of all such files of a folder, for
	// formats that are not read; "": there is none.
	convert string

	// The rest is nil for a format that is recognised and refused by name.

	// decoder names, for the identity of embeddings, what decodes such files,
	// with a version; "": the format defines the pixels to the bit.
	decoder string
	// header reads size and kind from the content of hd, and sets what it fills
	// in. least is a lower bound of the bytes that such an image takes.
	header func(hd *Header) (least int, err error)
	// notices returns the block of EXIF and that of XMP, nil where there is
	// none. A format without such has none of this function.
	notices func(content []byte) (exif, xmp []byte)
	// upright says that the orientation is applied whatever is asked for, as
	// Pillow does when it loads such a file.
	upright bool
	// decode decodes the image as it is stored: one of the types that rowsOf
	// knows.
	decode func(hd *Header) (image.Image, error)
	// pixelBytes is the most that a pixel takes while it is decoded; header may
	// say less of a file.
	pixelBytes int
	// stream decodes row by row, nil for what is decoded as a whole only.
	stream func(hd *Header, s *scratch) *stream
}

// formats are the kinds of image files that are recognised. No two take the
// same file. To read one more is a file with its functions and its entry here.
var formats = []*Format{
	{
		Name: "PNG", endings: []string{".png", ".apng"}, Media: "image/png", magic: begins(pngSignature),
		header: pngHeader, notices: pngNotices, decode: decodePNG, pixelBytes: 16, // 16-bit RGBA, interlaced
	},
	{
		Name: "JPEG", endings: []string{".jpg", ".jpeg", ".jpe", ".jfif"}, Media: "image/jpeg", magic: begins("\xff\xd8"),
		decoder: "jpeg-islow-fancy/1", header: jpegHeader, notices: jpegNotices, decode: decodeJPEG, stream: streamJPEG, pixelBytes: 8, // four components in scans
	},
	{
		Name: "PNM", endings: []string{".pgm", ".ppm", ".pnm"}, magic: isPNM("56"),
		header: pnmHeader, decode: decodePNM, pixelBytes: 3,
	},
	{Name: "plain or black-and-white PNM", endings: []string{".pbm"}, magic: isPNM("1234"), convert: "magick mogrify -format png *.pbm"},
	{
		Name: "GIF", endings: []string{".gif"}, Media: "image/gif", magic: begins("GIF87a", "GIF89a"),
		header: gifHeader, decode: decodeGIF, pixelBytes: 1,
	},
	{
		Name: "WebP", endings: []string{".webp"}, Media: "image/webp", magic: isWebP,
		decoder: "webp-libwebp/1", header: webpHeader, notices: webpNotices, decode: decodeWebP, pixelBytes: 12, // a lossless frame on a canvas
	},
	{
		Name: "BMP", endings: []string{".bmp", ".dib"}, Media: "image/bmp", magic: isBMP,
		header: bmpHeader, decode: decodeBMP, pixelBytes: 4,
	},
	// Most cameras' raw files are TIFF files by their first bytes.
	{
		Name: "TIFF", endings: []string{".tif", ".tiff", ".dng", ".nef", ".arw", ".pef", ".srw", ".cr2", ".3fr"}, magic: begins("II*\x00", "MM\x00*"),
		header: tiffHeader, notices: tiffNotices, upright: true, decode: decodeTIFF, pixelBytes: 32, // 16-bit RGBA in one block
	},
	{Name: "BigTIFF", endings: []string{".btf", ".tf8"}, magic: begins("II+\x00", "MM\x00+"), convert: "magick mogrify -format png *.tif"},
	{Name: "camera raw", endings: []string{".raf", ".orf", ".rw2", ".cr3", ".x3f"}, magic: begins("FUJIFILMCCD-RAW ", "IIRO", "IIRS", "MMOR", "IIU\x00", "FOVb", "\x00\x00\x00\x18ftypcrx ")},
	{Name: "AVIF", endings: []string{".avif", ".avifs"}, magic: brand("avif", "avis"), convert: "magick mogrify -format png *.avif"},
	{Name: "HEIC", endings: []string{".heic", ".heif", ".hif"}, magic: brand("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"), convert: "magick mogrify -format png *.heic"},
	{Name: "JPEG XL", endings: []string{".jxl"}, magic: begins("\x00\x00\x00\x0cJXL \r\n\x87\n", "\xff\x0a"), convert: "magick mogrify -format png *.jxl"},
	{Name: "JPEG 2000", endings: []string{".jp2", ".j2k", ".jpx"}, magic: begins("\x00\x00\x00\x0cjP  \r\n\x87\n", "\xff\x4f\xff\x51"), convert: "magick mogrify -format png *.jp2"},
	{Name: "ICO", endings: []string{".ico"}, magic: begins("\x00\x00\x01\x00"), convert: "magick mogrify -format png *.ico"},
	{Name: "PSD", endings: []string{".psd", ".psb"}, magic: begins("8BPS\x00"), convert: "magick mogrify -format png *.psd"},
}

// Recognise returns the format of an image file that begins with head, of which
// 32 bytes are enough, or nil.
func Recognise(head []byte) *Format {
	for _, f := range formats {
		if f.magic(head) {
			return f
		}
	}
	return nil
}

// Endings returns those of the names of image files, of all formats: in lower
// case, with the dot.
func Endings() []string {
	var all []string
	for _, f := range formats {
		all = append(all, f.endings...)
	}
	return all
}

// neither names the formats that are read: "neither PNG, JPEG nor TIFF".
func neither() string {
	var names []string
	for _, f := range formats {
		if f.header != nil {
			names = append(names, f.Name)
		}
	}
	return "neither " + strings.Join(names[:len(names)-1], ", ") + " nor " + names[len(names)-1]
}

// refusal says that files of the format are not read, and how they become
// such as are.
func (f *Format) refusal() error {
	s := f.Name + " files are not read; convert the file to PNG"
	if f.convert != "" {
		s += ": " + f.convert
	}
	return refuse(KindFormat+f.Name, "%s", s)
}

// begins returns a magic for files that begin with one of texts.
func begins(texts ...string) func([]byte) bool { return holds(0, texts...) }

// holds returns a magic for files that have one of texts at that offset.
func holds(offset int, texts ...string) func([]byte) bool {
	return func(b []byte) bool {
		return slices.ContainsFunc(texts, func(s string) bool {
			return len(b) >= offset+len(s) && string(b[offset:offset+len(s)]) == s
		})
	}
}

// brand returns a magic for ISO media files (ISO/IEC 14496-12, 4.3) of one of
// names.
func brand(names ...string) func([]byte) bool {
	var texts []string
	for _, n := range names {
		texts = append(texts, "ftyp"+n)
	}
	return holds(4, texts...)
}

func isWebP(b []byte) bool { return begins("RIFF")(b) && holds(8, "WEBP")(b) }

// isBMP looks at the size of the header too: "BM" may be the begin of a text.
func isBMP(b []byte) bool {
	if !begins("BM")(b) || len(b) < 18 {
		return false
	}
	switch binary.LittleEndian.Uint32(b[14:]) {
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return true
	}
	return false
}
