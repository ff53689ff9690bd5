// Package image turns image files into the pixels that a backbone was trained
// on: it decodes, turns upright, converts to RGB, resizes and crops as Pillow
// and the processors that are built on it do, then rescales and normalises.
//
// The reference is Pillow 12.2: for PNG files the crops are equal to its
// crops, level by level. JPEG files are decoded by the standard library, whose
// inverse transform differs from libjpeg-turbo's by one level here and there;
// everything after it (chroma upsampling, colour conversion, resize, crop) is
// the reference's own arithmetic.
//
// The order of the steps:
//
//	decode → turn by EXIF → RGB (alpha dropped or laid on a colour) → resize → centre crop → rescale, normalise
//
// Formats are recognised by content, never by name. PNG and JPEG are read; GIF,
// WebP, BMP, TIFF, HEIC, AVIF and others are refused by name.
package image

import (
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/headstart-ml/headstart/models"
)

// Impl names this package's arithmetic in the identity of embeddings. It
// changes whenever the pixels of any image change for a reason other than
// another decoder.
const Impl = "image/1"

// Decode names, for the identity of embeddings, what decodes: the standard
// library's decoders with the version of Go that the binary was built with,
// such as "go-jpeg/1.26.8".
func Decode() string { return "go-jpeg/" + release(runtime.Version()) }

// release shortens a runtime version to what tells two releases of Go apart:
// "go1.26.8 X:loopvar" gives "1.26.8", "devel go1.27-0a1b2c Mon Jan …" gives
// "1.27-0a1b2c".
func release(version string) string {
	for _, f := range strings.Fields(version) {
		if f != "devel" {
			return strings.TrimPrefix(f, "go")
		}
	}
	return version
}

// Notes says what about an image may deserve a word to the user.
type Notes struct {
	Alpha  bool // some pixel is not opaque, so the alpha policy mattered
	Grey16 bool // 16-bit grey, so the grey16 policy mattered
	Turned bool // the EXIF orientation was applied and was not upright
}

// Preprocessor computes what a backbone gets from an image file. It is safe
// for concurrent use.
type Preprocessor struct {
	spec  models.ImageSpec
	w, h  int // of the result, pixels
	alpha alpha
	table [3][256]float32 // a channel's level → what the backbone gets
	taps  tapCache
	pool  sync.Pool // of *scratch
}

// New returns a preprocessor for the contract s. It checks every field of s;
// the error names the field that is not understood.
func New(s *models.ImageSpec) (*Preprocessor, error) {
	return nil, fmt.Errorf("image: spec: missing")
}

// Size returns the width and height, in pixels, of the result.
func (p *Preprocessor) Size() (w, h int) { return p.w, p.h }

// CropTo decodes content and writes its crop to dst: w·h·3 levels, rows from
// the top, RGB interleaved. After an error dst is undefined.
func (p *Preprocessor) CropTo(dst []uint8, content []byte) (Notes, error) {
	return Notes{}, fmt.Errorf("image: missing")
}

// To decodes content and writes to dst what the backbone gets: 3·h·w values
// (layout nchw) or h·w·3 (nhwc). After an error dst is undefined.
func (p *Preprocessor) To(dst []float32, content []byte) (Notes, error) {
	return Notes{}, fmt.Errorf("image: missing")
}

// Pixels returns the width and height, in pixels, that the header of an image
// file claims, before any turning. It allocates next to nothing, so that a
// caller can weigh an image before it is decoded. It fails where CropTo would
// refuse by header: unknown formats and images over the limits.
func Pixels(content []byte) (w, h int, err error) {
	return 0, 0, fmt.Errorf("image: missing")
}

type alpha struct{}
type tapCache struct{}
