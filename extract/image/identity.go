package image

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"sync"
)

// Impl names this package's arithmetic in the identity of embeddings. It
// changes whenever the pixels of any image change for a reason other than
// another decoder.
const Impl = "image/1"

// Decode names, for the identity of embeddings, what decodes: the decoders of
// the formats that do not define their pixels to the bit, with versions of
// their own, such as "jpeg-islow-fancy/1+webp-libwebp/1". With which version of
// Go the program was built does not matter.
func Decode() string {
	var names []string
	for _, f := range formats {
		if f.decoder != "" {
			names = append(names, f.decoder)
		}
	}
	return strings.Join(names, "+")
}

// standardDecoder is what Decode was in versions of this program up to November
// 2026, with the patch release of Go behind it: JPEGs were decoded by the
// standard library, XMP was not read, and neither were GIF, WebP, BMP and TIFF.
// What the standard library of another release computes is not known here.
const standardDecoder = "go-jpeg/1.26"

// Decodes tells whether a preprocessor can decode as the name says that spaces
// record: what Decode returns, or what earlier versions' did.
func Decodes(name string) bool {
	return name == Decode() || name == standardDecoder || strings.HasPrefix(name, standardDecoder+".")
}

// standardPixels is the digest of the samples that the standard library of
// go-jpeg/1.26 makes of standard.jpg.
const standardPixels = "fd3055daab4bad36cdb72068883b4b1b"

//go:embed standard.jpg
var standardJPEG []byte

// standardChanged says whether the standard library of this build decodes JPEGs
// otherwise than that of go-jpeg/1.26 did.
var standardChanged = sync.OnceValue(func() bool {
	img, err := jpeg.Decode(bytes.NewReader(standardJPEG))
	if m, ok := img.(*image.YCbCr); ok && err == nil {
		return samplesOf(m) != standardPixels
	}
	return true
})

// samplesOf returns a digest of the samples of an image.
func samplesOf(m *image.YCbCr) string {
	h := sha256.New()
	for y := range m.Rect.Dy() {
		h.Write(m.Y[y*m.YStride:][:m.Rect.Dx()])
	}
	h.Write(m.Cb)
	h.Write(m.Cr)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// setDecoder reads ImageSpec.Decode.
func (p *Preprocessor) setDecoder(name string) error {
	switch {
	case name == "" || name == Decode():
		return nil
	case !Decodes(name):
		return fmt.Errorf("image: spec: decode: %q is neither %s nor an earlier version's", name, Decode())
	case standardChanged():
		return fmt.Errorf("image: spec: decode: the standard library that this program was built with decodes JPEGs otherwise than %s; extract the samples again, and train the head on them", name)
	}
	p.standard = true
	return nil
}
