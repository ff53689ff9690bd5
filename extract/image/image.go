// Package image turns image files into the pixels that a backbone was trained
// on: it decodes, turns upright, converts to RGB, resizes and crops as Pillow
// and the processors that are built on it do, then rescales and normalises.
//
// The reference is Pillow 12.2: crops are equal to its crops, level by level,
// of every format that is read. Of a backbone whose processor resizes numbers
// in place of levels, as that of DINOv3 does, it is PyTorch.
//
// The order of the steps:
//
//	decode → turn by EXIF → RGB (alpha dropped or laid on a colour) → resize
//	→ centre crop → rescale, normalise
//
// Formats are recognised by content, never by name: formats.go has the table.
// Of an animation the first frame is read, or what a PNG shows where animations
// are not. What is recognised and not read is refused by name.
package image

import (
	"fmt"
	"sync"

	"github.com/headstart-ml/headstart/extract/image/jpeg"
	"github.com/headstart-ml/headstart/models"
)

// Notes says what about an image may deserve a word to the user.
type Notes struct {
	Alpha  bool // some pixel is not opaque, so the alpha policy mattered
	Grey16 bool // 16-bit grey, so the grey16 policy mattered
	Turned bool // the EXIF orientation was applied and was not upright
}

// Preprocessor computes what a backbone gets from an image file. It is safe
// for concurrent use.
type Preprocessor struct {
	w, h      int // of the result, pixels
	most      int // pixels of an image that is decoded
	resize    models.Resize
	filter    filter
	halfEven  bool     // how an odd margin of the crop is split, else floor
	fill      [3]uint8 // what lies around an image smaller than the crop
	turn      bool     // apply the EXIF orientation
	standard  bool     // JPEGs are decoded by the standard library, as by earlier versions
	backdrop  backdrop
	scale16   bool            // 16-bit grey is scaled, else clipped
	nhwc      bool            // layout of To, else nchw
	bgr       bool            // channels of To, else red, green, blue
	table     [3][256]float32 // for each channel: level → what the backbone gets
	taps      tapCache[taps]
	offset    float32    // added to numbers
	mean, std [3]float32 // of numbers
	stdTwice  bool
	// numbers is the filter of numbersEngine, the zero value where levels are
	// resized; number is what a level is as one.
	numbers    numberFilter
	number     [256]float32
	wide       [256]float64 // the same
	numberTaps tapCache[numberTaps]
	scratches  sync.Pool // of *scratch
}

// scratch is the memory of one image on its way. Its slices grow and are used
// again.
type scratch struct {
	upright []byte    // the RGB image, if it had to be turned
	rows    [2][]byte // two source rows, RGB
	packed  []uint64  // the same two, a level of each in one element
	narrow  []byte    // after the horizontal pass
	chroma  [2][]byte // a row of Cb and Cr at luma's width
	crop    []byte    // To's crop
	jpeg    *jpeg.Decoder
	whole   []byte    // a row of an image of which a part is shown
	rgba    []byte    // a row with its alpha
	numbers []float32 // the crop, where numbers are resized
	between []float32 // and these after the horizontal pass
}

// maxKept is the size in bytes above which a turned image's memory is given
// back instead of being kept for the next image.
const maxKept = 32 << 20

// Size returns the width and height, in pixels, of the result.
func (p *Preprocessor) Size() (w, h int) { return p.w, p.h }

// Pixels returns the width and height, in pixels, that the header of an image
// file claims, before any turning. It allocates next to nothing, so that a
// caller can weigh an image before it is decoded. It fails where CropTo refuses
// by header: empty files, formats that are not read, images over the limits,
// files too short for the pixels that they claim.
func (p *Preprocessor) Pixels(content []byte) (w, h int, err error) {
	hd, err := readHeader(content, p.most)
	return hd.Width, hd.Height, err
}

// Weigh returns how many bytes CropTo and To hold at most, by the header of an
// image file, apart from what one image leaves for the next. It allocates next
// to nothing, and fails where they refuse by header.
func (p *Preprocessor) Weigh(content []byte) (bytes int64, err error) {
	hd, err := readHeader(content, p.most)
	if err != nil {
		return 0, err
	}
	pixel := hd.pixelBytes
	if p.standard && hd.Format.stream != nil {
		pixel = standardBytes
		if hd.inks {
			pixel += standardBytes / 2
		}
	}
	w, h := int64(hd.Width), int64(hd.Height)
	if turn := hd.Orientation(); turn != asStored && (p.turn || hd.Format.upright) {
		pixel += 3
		if sideways(turn) {
			w, h = h, w
		}
	}
	// Besides: the rows of the crop's columns, two rows of the image.
	line := int64(lineBytes(p.w))
	if !p.Levels() {
		return w*h*int64(pixel) + 12*(h+int64(p.h))*int64(p.w) + 16*(w+64), nil
	}
	return w*h*int64(pixel) + h*line + 16*(w+64) + line, nil
}

// CropTo decodes content and writes its crop to dst: w·h·3 levels, rows from
// the top, RGB interleaved. After an error dst is undefined.
func (p *Preprocessor) CropTo(dst []uint8, content []byte) (Notes, error) {
	return p.ViewCropTo(dst, content, View{})
}

// Levels tells whether what the backbone gets is made of the levels of CropTo,
// so that ValuesTo computes it from them. It is not where numbers are resized
// in place of levels: then CropTo gives a picture of them, rounded to levels.
func (p *Preprocessor) Levels() bool { return p.numbers.weight == nil }

// checkLevels checks the length of a destination for a crop.
func (p *Preprocessor) checkLevels(dst []uint8) error {
	if want := 3 * p.w * p.h; len(dst) != want {
		return fmt.Errorf("image: destination has %d levels, want %d (%d×%d×3)", len(dst), want, p.w, p.h)
	}
	return nil
}

// To decodes content and writes to dst what the backbone gets: 3·h·w values
// for layout nchw, h·w·3 for nhwc. After an error dst is undefined.
func (p *Preprocessor) To(dst []float32, content []byte) (Notes, error) {
	return p.ViewTo(dst, content, View{})
}

// checkValues checks the length of a destination for what the backbone gets.
func (p *Preprocessor) checkValues(dst []float32) error {
	if want := 3 * p.w * p.h; len(dst) != want {
		return fmt.Errorf("image: destination has %d values, want %d (3×%d×%d)", len(dst), want, p.h, p.w)
	}
	return nil
}

// ValuesTo writes to dst what To writes, of a crop that CropTo has made: a crop
// takes a quarter of the room. It fails where Levels does not hold.
func (p *Preprocessor) ValuesTo(dst []float32, crop []uint8) error {
	if !p.Levels() {
		return fmt.Errorf("image: numbers are resized, not levels: a crop of levels has not what the backbone gets")
	}
	if n := 3 * p.w * p.h; len(dst) != n || len(crop) != n {
		return fmt.Errorf("image: a crop of %d levels for %d values, want %d of both (3×%d×%d)", len(crop), len(dst), n, p.h, p.w)
	}
	p.valuesTo(dst, crop)
	return nil
}

func (p *Preprocessor) valuesTo(dst []float32, crop []uint8) {
	first, last := 0, 2 // of a pixel's levels, those that become the first and the last channel
	if p.bgr {
		first, last = 2, 0
	}
	if p.nhwc {
		for i := 0; i < len(crop); i += 3 {
			dst[i] = p.table[0][crop[i+first]]
			dst[i+1] = p.table[1][crop[i+1]]
			dst[i+2] = p.table[2][crop[i+last]]
		}
		return
	}
	n := p.w * p.h
	a, b, c := dst[:n], dst[n:2*n], dst[2*n:]
	for i := range a {
		a[i] = p.table[0][crop[3*i+first]]
		b[i] = p.table[1][crop[3*i+1]]
		c[i] = p.table[2][crop[3*i+last]]
	}
}

// crop is ViewCropTo with the memory to use. A panic in a decoder becomes an
// error: one bad sample must not end a run.
func (p *Preprocessor) crop(dst []byte, content []byte, v View, s *scratch) (notes Notes, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = refuse(KindDamaged, "the decoder panicked: %v", r)
		}
	}()
	pic, err := p.upright(content, s)
	if err != nil {
		return Notes{}, err
	}
	if v.Number == 0 {
		w, h := p.resized(pic.w, pic.h)
		if w < 1 || h < 1 {
			return Notes{}, narrow(pic, w, h)
		}
		err = p.fit(dst, pic, w, h, s)
	} else {
		err = p.show(dst, pic, v.frame(pic.w, pic.h, p.aspect(pic.w, pic.h)), s)
	}
	if cap(s.upright) > maxKept {
		s.upright = nil
	}
	return pic.notes, err
}

// upright decodes content, and turns it where the contract says so.
func (p *Preprocessor) upright(content []byte, s *scratch) (*picture, error) {
	pic, err := p.decode(content, s)
	if err != nil {
		return nil, err
	}
	if (p.turn || pic.upright) && pic.orientation != asStored {
		turned := !pic.upright
		if err := pic.turn(s); err != nil {
			return nil, err
		}
		pic.notes.Turned = turned
	}
	return &pic, nil
}

// narrow is the error for a picture of which nothing is left when it is resized
// to w×h.
func narrow(pic *picture, w, h int) error {
	return refuse(KindNarrow, "%d×%d pixels are too narrow: resized they are %d×%d", pic.w, pic.h, w, h)
}

// grow returns a slice of length n that uses b's memory if it is large enough.
// The elements are undefined.
func grow[T any](b []T, n int) []T {
	if cap(b) < n {
		return make([]T, n)
	}
	return b[:n]
}
