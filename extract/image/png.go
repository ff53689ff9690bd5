package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/png"
	"io"
	"iter"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// PNG's colour types (PNG specification, 11.2.1).
const (
	greyType      = 0
	rgbType       = 2
	paletteType   = 3
	greyAlphaType = 4
	rgbaType      = 6
)

// pngIHDR returns the bit depth and the colour type. content has a header that
// the decoder accepts.
func pngIHDR(content []byte) (depth, colourType int) {
	return int(content[24]), int(content[25])
}

// leastPNG returns a lower bound of the size of a PNG of w×h pixels: deflate
// packs at most 1032 bytes into one (zlib technical details, "Maximum
// compression factor").
func leastPNG(content []byte, w, h int) int {
	depth, colourType := pngIHDR(content)
	channels := map[int]int{greyType: 1, rgbType: 3, paletteType: 1, greyAlphaType: 2, rgbaType: 4}[colourType]
	if w > MaxSide || h > MaxSide {
		return 0 // refused for that; the product below must not overflow
	}
	return w * h * depth * channels / 8 / 1032
}

// pngChunks yields the chunks of a PNG, up to the end of the image.
func pngChunks(content []byte) iter.Seq2[string, []byte] {
	return func(yield func(kind string, data []byte) bool) {
		for b := content[len(pngSignature):]; len(b) >= 12; {
			n := int64(binary.BigEndian.Uint32(b))
			if n > int64(len(b)-12) {
				return
			}
			kind := string(b[4:8])
			if kind == "IEND" || !yield(kind, b[8:8+n]) {
				return
			}
			b = b[12+n:]
		}
	}
}

// pngTransparency returns the first tRNS chunk, nil if there is none.
func pngTransparency(content []byte) []byte {
	for kind, data := range pngChunks(content) {
		if kind == "tRNS" {
			return data
		}
	}
	return nil
}

// pngHeader is PNG's Format.header.
func pngHeader(hd *Header) (least int, err error) {
	c, err := png.DecodeConfig(bytes.NewReader(hd.content))
	if err != nil {
		return 0, decodeError("png", err)
	}
	hd.Width, hd.Height = c.Width, c.Height
	return leastPNG(hd.content, c.Width, c.Height), nil
}

// rawEXIF is the keyword of a text in which ImageMagick keeps EXIF, in hex
// behind three lines.
const rawEXIF = "Raw profile type exif"

// xmpKey is the keyword of a text that is XMP.
const xmpKey = "XML:com.adobe.xmp"

// pngNotices is PNG's Format.notices. EXIF is an eXIf chunk or a text of
// ImageMagick's.
func pngNotices(content []byte) (exif, xmp []byte) {
	// The last of each counts; only that is unpacked.
	var raw, meta []byte
	var rawPacked, metaPacked bool
	for kind, data := range pngChunks(content) {
		key, text, ok := bytes.Cut(data, []byte{0})
		switch {
		case kind == "eXIf" && exif == nil:
			exif = data
		case (kind == "tEXt" || kind == "zTXt") && ok && string(key) == rawEXIF:
			raw, rawPacked = text, kind == "zTXt"
		case kind == "iTXt" && ok && string(key) == xmpKey && len(text) >= 2:
			// Two bytes of compression, language, translated keyword, text (PNG
			// specification, 11.3.3.4).
			if parts := bytes.SplitN(text[2:], []byte{0}, 3); len(parts) == 3 {
				meta, metaPacked = parts[2], text[0] != 0
				if metaPacked {
					meta = append([]byte{text[1]}, meta...)
				}
			}
		}
	}
	if metaPacked {
		meta = inflated(meta)
	}
	if exif != nil || raw == nil {
		return exif, meta
	}
	if rawPacked {
		raw = inflated(raw)
	}
	if lines := bytes.SplitN(raw, []byte("\n"), 4); len(lines) == 4 {
		digits := bytes.Join(bytes.Fields(lines[3]), nil)
		exif = make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(exif, digits); err != nil {
			exif = nil
		}
	}
	return exif, meta
}

// mostText is the length of a compressed text that is unpacked.
const mostText = 1 << 20

// inflated unpacks a text behind a byte that says how it is compressed. It
// returns nil for one that is too long or broken.
func inflated(text []byte) []byte {
	if len(text) == 0 || text[0] != 0 {
		return nil
	}
	r, err := zlib.NewReader(bytes.NewReader(text[1:]))
	if err != nil {
		return nil
	}
	defer r.Close()
	unpacked, err := io.ReadAll(io.LimitReader(r, mostText+1))
	if err != nil || len(unpacked) > mostText {
		return nil
	}
	return unpacked
}

// decodePNG is PNG's Format.decode. Levels that tRNS makes transparent are
// those that Pillow takes for it.
func decodePNG(hd *Header) (image.Image, error) {
	img, err := png.Decode(bytes.NewReader(hd.content))
	if err != nil {
		return nil, decodeError("png", err)
	}
	transparency := pngTransparency(hd.content)
	depth, colourType := pngIHDR(hd.content)
	switch img := img.(type) {
	case *image.NRGBA:
		if colourType == greyType && (depth == 2 || depth == 4) && len(transparency) == 2 {
			keyGrey(img, transparency[1])
		}
	case *image.NRGBA64:
		if colourType == greyType {
			return &keyedGrey16{img}, nil
		}
		if colourType == rgbType && len(transparency) == 6 {
			keyRGB64(img, [3]uint8{transparency[1], transparency[3], transparency[5]})
		}
	}
	return img, nil
}

// keyedGrey16 is 16-bit grey with a level that is transparent, which Pillow
// does not take for transparency.
type keyedGrey16 struct{ *image.NRGBA64 }

var _ rower = (*keyedGrey16)(nil)

func (m *keyedGrey16) rows(p *Preprocessor, _ *scratch) picture {
	return picture{notes: Notes{Grey16: true}, row: func(dst []byte, y int) { p.expandGrey16(dst, m.Pix[y*m.Stride:], 8) }}
}

// keyGrey makes the pixels of level key transparent and all others opaque.
// This is for images of 2 and 4 bits: Pillow compares the stored key with
// levels that are already scaled to 8 bits.
func keyGrey(img *image.NRGBA, key uint8) {
	for i := 0; i+3 < len(img.Pix); i += 4 {
		img.Pix[i+3] = 255
		if img.Pix[i] == key {
			img.Pix[i+3] = 0
		}
	}
}

// keyRGB64 makes the pixels of colour key transparent and all others opaque.
// This is for images of 16 bits: Pillow compares the low bytes of the stored
// key with the high bytes of the levels.
func keyRGB64(img *image.NRGBA64, key [3]uint8) {
	for i := 0; i+7 < len(img.Pix); i += 8 {
		a := uint8(255)
		if img.Pix[i] == key[0] && img.Pix[i+2] == key[1] && img.Pix[i+4] == key[2] {
			a = 0
		}
		img.Pix[i+6], img.Pix[i+7] = a, a
	}
}
