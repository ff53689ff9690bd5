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

	// The rest is nil for a format that is recognised and refused by name.

	// header reads size and kind from the content of hd, and sets what it fills
	// in. least is a lower bound of the bytes that such an image takes.
	header func(hd *Header) (least int, err error)
	// exif returns the EXIF block, nil if there is none.
	exif func(content []byte) []byte
	// decode decodes the image as it is stored.
	decode func(hd *Header) (image.Image, error)
	// rows makes a picture, in RGB, of what decode returned, in memory of s.
	// The orientation is the caller's.
	rows func(p *Preprocessor, img image.Image, hd *Header, s *scratch) (picture, error)
}

// formats are the kinds of image files that are recognised. No two take the
// same file. To read one more is a file with its four functions and its entry
// here.
var formats = []*Format{
	{
		Name: "PNG", endings: []string{".png"}, Media: "image/png", magic: begins(pngSignature),
		header: pngHeader, exif: pngEXIF, decode: decodePNG, rows: (*Preprocessor).rowsOfPNG,
	},
	{
		Name: "JPEG", endings: []string{".jpg", ".jpeg", ".jpe", ".jfif"}, Media: "image/jpeg", magic: begins("\xff\xd8"),
		header: jpegHeader, exif: jpegEXIF, decode: decodeJPEG, rows: (*Preprocessor).rowsOfJPEG,
	},
	{
		Name: "PNM", endings: []string{".pgm", ".ppm", ".pnm"}, magic: isPNM("56"),
		header: pnmHeader, exif: pnmEXIF, decode: decodePNM, rows: (*Preprocessor).rowsOfPNM,
	},
	{Name: "plain or black-and-white PNM", endings: []string{".pbm"}, magic: isPNM("1234")},
	{Name: "GIF", endings: []string{".gif"}, Media: "image/gif", magic: begins("GIF87a", "GIF89a")},
	{Name: "WebP", endings: []string{".webp"}, Media: "image/webp", magic: isWebP},
	{Name: "BMP", endings: []string{".bmp", ".dib"}, magic: isBMP},
	// Most cameras' raw files are TIFF files by their first bytes.
	{Name: "TIFF (or camera raw)", endings: []string{".tif", ".tiff", ".dng", ".nef", ".arw", ".pef", ".srw", ".cr2", ".3fr"}, magic: begins("II*\x00", "MM\x00*", "II+\x00", "MM\x00+")},
	{Name: "camera raw", endings: []string{".raf", ".orf", ".rw2", ".cr3", ".x3f"}, magic: begins("FUJIFILMCCD-RAW ", "IIRO", "IIRS", "MMOR", "IIU\x00", "FOVb", "\x00\x00\x00\x18ftypcrx ")},
	{Name: "AVIF", endings: []string{".avif", ".avifs"}, magic: brand("avif", "avis")},
	{Name: "HEIC", endings: []string{".heic", ".heif", ".hif"}, magic: brand("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1")},
	{Name: "JPEG XL", endings: []string{".jxl"}, magic: begins("\x00\x00\x00\x0cJXL \r\n\x87\n", "\xff\x0a")},
	{Name: "JPEG 2000", endings: []string{".jp2", ".j2k", ".jpx"}, magic: begins("\x00\x00\x00\x0cjP  \r\n\x87\n", "\xff\x4f\xff\x51")},
	{Name: "ICO", endings: []string{".ico"}, magic: begins("\x00\x00\x01\x00")},
	{Name: "PSD", endings: []string{".psd", ".psb"}, magic: begins("8BPS\x00")},
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

// readable names the formats that are read and that everybody has: "PNG or
// JPEG".
func readable() string {
	var names []string
	for _, f := range formats {
		if f.header != nil && f.Media != "" {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
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
