package image

import (
	"bytes"
	"errors"
	"image"

	"github.com/headstart-ml/headstart/extract/image/jpeg"
)

// Markers (ITU-T T.81, B.1.1.3).
const (
	markSOS   = 0xda // scan header
	markAPP1  = 0xe1
	markAPP14 = 0xee
)

// jpegNotices is JPEG's Format.notices. Several APP1 segments of EXIF are
// joined; of XMP the last one counts.
func jpegNotices(content []byte) (exif, xmp []byte) {
	for marker, data := range jpeg.Segments(content) {
		if marker == markSOS {
			break
		}
		if marker != markAPP1 {
			continue
		}
		if rest, ok := bytes.CutPrefix(data, []byte(exifPrefix)); ok {
			exif = append(exif, rest...)
		} else if rest, ok := bytes.CutPrefix(data, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
			xmp = rest
		}
	}
	return exif, xmp
}

// jpegHeader is JPEG's Format.header.
func jpegHeader(hd *Header) (least int, err error) {
	h, err := jpeg.ReadHeader(hd.content)
	if err != nil {
		return 0, jpegError(err)
	}
	hd.Width, hd.Height, hd.inks = h.Width, h.Height, h.Components == 4
	switch {
	case h.Progressive: // coefficients
		hd.pixelBytes = 2 * h.Components
	case h.Scans > 1: // planes
		hd.pixelBytes = h.Components
	default: // a band of rows
		hd.pixelBytes = 0
	}
	return h.Least, nil
}

// jpegError gives an error of the decoder its kind.
func jpegError(err error) error {
	if err == nil {
		return nil
	}
	kind := KindDamaged
	if e, ok := errors.AsType[*jpeg.Error](err); ok && e.Reason == jpeg.Truncated {
		kind = KindTruncated
	}
	return &Error{kind, err}
}

// decodeJPEG is JPEG's Format.decode.
func decodeJPEG(hd *Header) (image.Image, error) {
	m, err := jpeg.Decode(hd.content)
	if err != nil {
		return nil, jpegError(err)
	}
	return &rgb{m.Pix, image.Rect(0, 0, m.Width, m.Height)}, nil
}

// streamJPEG is JPEG's Format.stream.
func streamJPEG(hd *Header, s *scratch) *stream {
	if s.jpeg == nil {
		s.jpeg = new(jpeg.Decoder)
	}
	d := s.jpeg
	return &stream{
		begin: func(region image.Rectangle) error {
			_, err := d.Open(hd.content, region)
			return jpegError(err)
		},
		row: func(dst []byte) error { return jpegError(d.Row(dst)) },
		end: func() error { return jpegError(d.Close()) },
	}
}
