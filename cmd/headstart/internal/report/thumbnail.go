package report

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"html/template"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
)

const (
	mostBytes     = 64 << 10 // up to which a file is embedded as it is
	mostPixels    = 64 << 20 // of an image that is decoded
	thumbnailEdge = 160      // pixels of the longer edge of an image that is scaled down
)

// thumbnail is a picture that stands in the page itself.
type thumbnail struct {
	URL           template.URL // data:
	Width, Height int
}

// newThumbnail makes a picture of a PNG or JPEG file: the file itself if it is
// small, else scaled down. nil if it cannot be decoded or is too large.
func newThumbnail(content []byte) *thumbnail {
	cfg, kind, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > mostPixels/cfg.Height {
		return nil
	}
	src, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return nil
	}
	orientation := 1
	if kind == "jpeg" {
		orientation = exifOrientation(content)
	}
	if len(content) <= mostBytes && (kind == "png" || kind == "jpeg") {
		t := newData(kind, content, cfg.Width, cfg.Height)
		if orientation >= 5 { // browsers turn it
			t.Width, t.Height = t.Height, t.Width
		}
		return t
	}

	small := turn(shrink(src, thumbnailEdge), orientation)
	var b bytes.Buffer
	if small.Opaque() {
		kind, err = "jpeg", jpeg.Encode(&b, small, &jpeg.Options{Quality: 85})
	} else {
		kind, err = "png", png.Encode(&b, small)
	}
	if err != nil {
		return nil
	}
	return newData(kind, b.Bytes(), small.Rect.Dx(), small.Rect.Dy())
}

// newData returns a data URL (RFC 2397).
func newData(kind string, content []byte, w, h int) *thumbnail {
	return &thumbnail{template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)), w, h}
}

// shrink scales src down to edge pixels on its longer side, each the mean of the
// pixels of src whose centres lie in it. An image that is not longer stays as it is.
func shrink(src image.Image, edge int) *image.NRGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > edge {
		w, h = max(1, (w*edge+long/2)/long), max(1, (h*edge+long/2)/long)
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	// A strip of src, as many rows as make one row of out; alpha is premultiplied.
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), (b.Dy()+h-1)/h))
	for y := range h {
		top, bottom := y*b.Dy()/h, (y+1)*b.Dy()/h
		draw.Draw(strip, image.Rect(0, 0, b.Dx(), bottom-top), src, image.Pt(b.Min.X, b.Min.Y+top), draw.Src)
		for x := range w {
			left, right := x*b.Dx()/w, (x+1)*b.Dx()/w
			var sum [4]int
			for r := range bottom - top {
				row := strip.Pix[r*strip.Stride:]
				for i := 4 * left; i < 4*right; i += 4 {
					sum[0] += int(row[i])
					sum[1] += int(row[i+1])
					sum[2] += int(row[i+2])
					sum[3] += int(row[i+3])
				}
			}
			n := (bottom - top) * (right - left)
			mean := func(k int) uint8 { return uint8((sum[k] + n/2) / n) }
			out.Set(x, y, color.RGBA{mean(0), mean(1), mean(2), mean(3)})
		}
	}
	return out
}

// turn returns src as the EXIF orientation says that it is seen.
func turn(src *image.NRGBA, orientation int) *image.NRGBA {
	if orientation == 1 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewNRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			X, Y := x, y
			switch orientation {
			case 2:
				X = w - 1 - x
			case 3:
				X, Y = w-1-x, h-1-y
			case 4:
				Y = h - 1 - y
			case 5:
				X, Y = y, x
			case 6:
				X, Y = h-1-y, x
			case 7:
				X, Y = h-1-y, w-1-x
			case 8:
				X, Y = y, w-1-x
			}
			out.SetNRGBA(X, Y, src.NRGBAAt(x, y))
		}
	}
	return out
}

// exifOrientation returns the orientation, 1 to 8, that a JPEG file states (EXIF
// 2.32, 4.6.4, tag 0x0112), 1 if it states none.
func exifOrientation(jpeg []byte) int {
	// Segments: 0xff, marker, length of the rest as 2 bytes.
	for at := 2; at+4 <= len(jpeg) && jpeg[at] == 0xff; {
		marker, size := jpeg[at+1], int(binary.BigEndian.Uint16(jpeg[at+2:]))
		end := at + 2 + size
		if marker == 0xda || size < 2 || end > len(jpeg) { // the picture begins
			break
		}
		if body := jpeg[at+4 : end]; marker == 0xe1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return tiffOrientation(body[6:])
		}
		at = end
	}
	return 1
}

// tiffOrientation reads the first directory of a TIFF header and its entries
// (TIFF 6.0, section 2).
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:2]) {
	case "II":
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(tiff)) {
			return 1
		}
		const orientation, short = 0x0112, 3
		if order.Uint16(tiff[entry:]) == orientation && order.Uint16(tiff[entry+2:]) == short {
			if v := int(order.Uint16(tiff[entry+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}
