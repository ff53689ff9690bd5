package image

import (
	"errors"
	"image"
	"image/png"
	"io"
	"strings"
)

// The limits of an image file. They are checked before anything is allocated
// for its pixels.
const (
	MaxBytes      = 64 << 20          // size of a file
	DefaultPixels = 64 * 1000 * 1000  // width × height, unless Options say otherwise
	MaxPixels     = MaxSide * MaxSide // width × height, whatever they say
	MaxSide       = 32768             // width, height
)

// picture is an image as it is stored, decoded or about to be.
type picture struct {
	w, h        int  // pixels
	orientation int  // EXIF's, 1 to 8
	upright     bool // it is applied whatever is asked for
	notes       Notes

	// row writes row y to dst, which holds w·3 levels, RGB. Of a stream it
	// writes the columns of its region alone, and the rows of that are asked
	// for from the top, each once.
	row    func(dst []byte, y int)
	stream *stream      // nil: all of the image is decoded
	end    func() error // what done calls, nil: nothing

	outer *picture    // of which this is a part, nil: it is whole
	at    image.Point // where in outer it begins
}

// stream is an image that is decoded row by row. Its functions return what is
// wrong with the file.
type stream struct {
	begin func(region image.Rectangle) error
	row   func(dst []byte) error // the next row of the region
	end   func() error           // checks what lies behind the region
}

// part begins with the part of a picture that is needed. Columns and rows of
// the region are those of the picture.
func (pic *picture) part(region image.Rectangle) error {
	if pic.outer != nil {
		pic.end = pic.outer.done
		return pic.outer.part(region.Add(pic.at))
	}
	if pic.stream == nil {
		return nil
	}
	if err := pic.stream.begin(region); err != nil {
		return err
	}
	var failed error
	pic.row = func(dst []byte, _ int) {
		if failed == nil {
			failed = pic.stream.row(dst[3*region.Min.X : 3*region.Max.X])
		}
	}
	pic.end = func() error {
		if failed != nil {
			return failed
		}
		return pic.stream.end()
	}
	return nil
}

// done returns what was wrong with the file.
func (pic *picture) done() error {
	if pic.end == nil {
		return nil
	}
	return pic.end()
}

// Header is what an image file says about itself before its pixels are
// decoded.
type Header struct {
	Format        *Format
	Width, Height int // pixels, as stored

	content []byte
	inks    bool // a JPEG of four components
	// pixelBytes is the most that a pixel takes while it is decoded.
	pixelBytes int
}

// Orientation returns the EXIF orientation: 1 for an image that is stored as it
// is seen, which is so too where the file says nothing or nonsense, and up to
// 8. From 5 on, width and height change places.
func (hd *Header) Orientation() int {
	if hd.Format.notices == nil {
		return asStored
	}
	return orientation(hd.Format.notices(hd.content))
}

// TurnedByEXIF tells whether the orientation is EXIF's, which browsers heed in
// a JPEG; that of XMP they do not.
func (hd *Header) TurnedByEXIF() bool {
	if hd.Format.notices == nil {
		return false
	}
	exif, _ := hd.Format.notices(hd.content)
	return orientation(exif, nil) != asStored
}

// ReadHeader recognises an image file and checks the limits. It allocates next
// to nothing. It fails for empty files, formats that are not read, images over
// the limits, files too short for the pixels that they claim, and progressive
// JPEGs whose scans come to their blocks too often.
func ReadHeader(content []byte) (Header, error) { return readHeader(content, DefaultPixels) }

// readHeader is ReadHeader with another limit of pixels. A panic in a decoder
// becomes an error.
func readHeader(content []byte, most int) (_ Header, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = refuse(KindDamaged, "the decoder panicked: %v", r)
		}
	}()
	if len(content) == 0 {
		return Header{}, refuse(KindEmpty, "the file is empty")
	}
	if len(content) > MaxBytes {
		return Header{}, refuse(KindLarge, "the file has %d bytes; the limit is %d MiB", len(content), MaxBytes>>20)
	}
	hd := Header{Format: Recognise(content), content: content}
	if hd.Format == nil {
		n := min(len(content), 8)
		return Header{}, refuse(KindNoImage, "not an image: the file begins with % x, which is %s", content[:n], neither())
	}
	if hd.Format.header == nil {
		return Header{}, hd.Format.refusal()
	}
	hd.pixelBytes = hd.Format.pixelBytes
	least, err := hd.Format.header(&hd)
	if err != nil {
		return Header{}, err
	}
	name := hd.name()
	switch w, h := hd.Width, hd.Height; {
	case w < 1 || h < 1:
		return Header{}, refuse(KindDamaged, "%s: the header claims %d×%d pixels", name, w, h)
	case w > MaxSide || h > MaxSide:
		return Header{}, refuse(KindSide, "%s: the header claims %d×%d pixels; the limit of a side is %d", name, w, h, MaxSide)
	case w*h > most:
		return Header{}, refuse(KindPixels, "%s: the header claims %d×%d = %d pixels; the limit is %d", name, w, h, w*h, most)
	case least > len(content):
		return Header{}, refuse(KindTruncated, "%s: truncated: %d bytes cannot hold the %d×%d pixels that the header claims", name, len(content), w, h)
	}
	return hd, nil
}

// name returns the format's name as errors have it.
func (hd *Header) name() string { return strings.ToLower(hd.Format.Name) }

// decode decodes content as it is stored. The picture's rows are valid until
// s is used again.
func (p *Preprocessor) decode(content []byte, s *scratch) (picture, error) {
	hd, err := readHeader(content, p.most)
	if err != nil {
		return picture{}, err
	}
	pic, err := p.open(&hd, s)
	pic.w, pic.h = hd.Width, hd.Height
	pic.orientation, pic.upright = asStored, hd.Format.upright
	switch {
	case p.standard && hd.Format.notices != nil: // XMP was not read
		exif, _ := hd.Format.notices(content)
		pic.orientation = orientation(exif, nil)
	case !p.standard:
		pic.orientation = hd.Orientation()
	}
	return pic, err
}

// open decodes the image, or makes a stream of it.
func (p *Preprocessor) open(hd *Header, s *scratch) (picture, error) {
	decode := hd.Format.decode
	switch {
	case hd.Format.stream != nil && !p.standard:
		return picture{stream: hd.Format.stream(hd, s)}, nil
	case hd.Format.stream != nil:
		decode = decodeStandard
	}
	img, err := decode(hd)
	if err != nil {
		return picture{}, err
	}
	return p.rowsOf(img, s)
}

// decodeError puts the place in front of a decoder's error.
func decodeError(format string, err error) error {
	var (
		badPNG         png.FormatError
		unsupportedPNG png.UnsupportedError
	)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(KindTruncated, "%s: truncated: %w", format, err)
	case errors.As(err, &badPNG) && badPNG == "not enough pixel data":
		return &Error{KindTruncated, err}
	case errors.As(err, &badPNG), errors.As(err, &unsupportedPNG): // they begin with "png: "
		return &Error{KindDamaged, err}
	}
	return refuse(KindDamaged, "%s: %w", format, err)
}
