package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
)

// The limits of an image file. They are checked before anything is allocated
// for its pixels.
const (
	MaxBytes  = 64 << 20         // size of a file
	MaxPixels = 64 * 1000 * 1000 // width × height
	MaxSide   = 32768            // width, height
)

// picture is a decoded image as it was stored.
type picture struct {
	w, h        int // pixels
	orientation int // EXIF's, 1 to 8
	notes       Notes
	// row writes row y to dst: w·3 levels, RGB.
	row func(dst []byte, y int)
}

// header is what the first bytes of a file say.
type header struct {
	format string // "png" or "jpeg"
	w, h   int    // pixels
	// inks says that a JPEG has four components.
	inks bool
}

// readHeader recognises the format and checks the limits.
func readHeader(content []byte) (header, error) {
	if len(content) == 0 {
		return header{}, errors.New("image: the file is empty")
	}
	if len(content) > MaxBytes {
		return header{}, fmt.Errorf("image: the file has %d bytes; the limit is %d MiB", len(content), MaxBytes>>20)
	}
	var hd header
	var least int // bytes that the claimed pixels take at the very least
	switch {
	case bytes.HasPrefix(content, []byte(pngSignature)):
		hd.format = "png"
		c, err := png.DecodeConfig(bytes.NewReader(content))
		if err != nil {
			return header{}, decodeError(hd.format, err)
		}
		hd.w, hd.h = c.Width, c.Height
		least = leastPNG(content, hd.w, hd.h)
	case bytes.HasPrefix(content, []byte("\xff\xd8")):
		hd.format = "jpeg"
		c, err := jpeg.DecodeConfig(bytes.NewReader(content))
		if err != nil {
			return header{}, decodeError(hd.format, err)
		}
		hd.w, hd.h = c.Width, c.Height
		hd.inks = c.ColorModel == color.CMYKModel
		least = leastJPEG(hd.w, hd.h)
	default:
		return header{}, unread(content)
	}
	switch {
	case hd.w < 1 || hd.h < 1:
		return header{}, fmt.Errorf("image: %s: the header claims %d×%d pixels", hd.format, hd.w, hd.h)
	case hd.w > MaxSide || hd.h > MaxSide:
		return header{}, fmt.Errorf("image: %s: the header claims %d×%d pixels; the limit of a side is %d", hd.format, hd.w, hd.h, MaxSide)
	case hd.w*hd.h > MaxPixels:
		return header{}, fmt.Errorf("image: %s: the header claims %d×%d = %d pixels; the limit is %d", hd.format, hd.w, hd.h, hd.w*hd.h, MaxPixels)
	case least > len(content):
		return header{}, fmt.Errorf("image: %s: truncated: %d bytes cannot hold the %d×%d pixels that the header claims", hd.format, len(content), hd.w, hd.h)
	}
	return hd, nil
}

// decode decodes content as it is stored. The picture's rows are valid until
// s is used again.
func (p *Preprocessor) decode(content []byte, s *scratch) (picture, error) {
	hd, err := readHeader(content)
	if err != nil {
		return picture{}, err
	}
	if hd.format == "png" {
		return p.decodePNG(content)
	}
	return p.decodeJPEG(content, hd, s)
}

// decodeError puts the place in front of a decoder's error.
func decodeError(format string, err error) error {
	var (
		badPNG         png.FormatError
		unsupportedPNG png.UnsupportedError
	)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("image: %s: truncated: %w", format, err)
	case errors.As(err, &badPNG), errors.As(err, &unsupportedPNG): // they begin with "png: "
		return fmt.Errorf("image: %w", err)
	}
	return fmt.Errorf("image: %s: %w", format, err)
}

// unread says why a file that is neither PNG nor JPEG is refused.
func unread(content []byte) error {
	if name := foreign(content); name != "" {
		return fmt.Errorf("image: %s files are not read; convert the file to PNG or JPEG", name)
	}
	n := min(len(content), 8)
	return fmt.Errorf("image: not an image: the file begins with % x, which is neither PNG nor JPEG", content[:n])
}

// foreign names the format of an image file that is not read, or "".
func foreign(b []byte) string {
	at := func(offset int, s string) bool {
		return len(b) >= offset+len(s) && string(b[offset:offset+len(s)]) == s
	}
	switch {
	case at(0, "GIF87a"), at(0, "GIF89a"):
		return "GIF"
	case at(0, "RIFF") && at(8, "WEBP"):
		return "WebP"
	case at(0, "BM") && len(b) >= 18 && isDIB(binary.LittleEndian.Uint32(b[14:])):
		return "BMP"
	case at(0, "II*\x00"), at(0, "MM\x00*"), at(0, "II+\x00"), at(0, "MM\x00+"):
		return "TIFF"
	case at(4, "ftyp"):
		for _, brand := range []string{"avif", "avis"} {
			if at(8, brand) {
				return "AVIF"
			}
		}
		for _, brand := range []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"} {
			if at(8, brand) {
				return "HEIC"
			}
		}
	case at(0, "\x00\x00\x00\x0cJXL \r\n\x87\n"), at(0, "\xff\x0a"):
		return "JPEG XL"
	case at(0, "\x00\x00\x00\x0cjP  \r\n\x87\n"), at(0, "\xff\x4f\xff\x51"):
		return "JPEG 2000"
	case at(0, "\x00\x00\x01\x00"):
		return "ICO"
	case at(0, "8BPS"):
		return "PSD"
	}
	return ""
}

// isDIB tells whether n is the size of a known BMP header.
func isDIB(n uint32) bool {
	switch n {
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return true
	}
	return false
}
