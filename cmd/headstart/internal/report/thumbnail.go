package report

import (
	"bytes"
	"encoding/base64"
	"html/template"
	stdimage "image"
	"image/jpeg"
	"image/png"

	"github.com/headstart-ml/headstart/extract/image"
)

const (
	mostBytes     = 64 << 10 // up to which a file is embedded as it is
	thumbnailEdge = 160      // pixels of the longer edge of an image that is scaled down
	seenEdge      = 384      // the same of one as a backbone gets it
)

// thumbnail is a picture that stands in the page itself.
type thumbnail struct {
	URL           template.URL // data:
	Width, Height int
}

// newThumbnail makes a picture of an image file: the file itself if it is small
// and browsers show it, else scaled down to edge pixels. nil if it cannot be
// decoded or is too large. decoded says that it was decoded already, so that a
// small file is not decoded again.
func newThumbnail(content []byte, edge int, decoded bool) *thumbnail {
	hd, err := image.ReadHeader(content)
	if err != nil {
		return nil
	}
	// Browsers turn a JPEG by its EXIF block, other formats not all of them.
	turn := hd.Orientation()
	as := len(content) <= mostBytes && hd.Format.Media != "" && (turn == 1 || hd.Format.Media == "image/jpeg" && hd.TurnedByEXIF())
	var small *stdimage.NRGBA
	if !as || !decoded {
		if small, err = image.Thumbnail(content, edge); err != nil {
			return nil
		}
	}
	if as {
		t := newData(hd.Format.Media, content, hd.Width, hd.Height)
		if turn >= 5 {
			t.Width, t.Height = t.Height, t.Width
		}
		return t
	}
	media := "image/png"
	var b bytes.Buffer
	if small.Opaque() {
		media, err = "image/jpeg", jpeg.Encode(&b, small, &jpeg.Options{Quality: 85})
	} else {
		err = png.Encode(&b, small)
	}
	if err != nil {
		return nil
	}
	return newData(media, b.Bytes(), small.Rect.Dx(), small.Rect.Dy())
}

// newData returns a data URL (RFC 2397).
func newData(media string, content []byte, w, h int) *thumbnail {
	return &thumbnail{template.URL("data:" + media + ";base64," + base64.StdEncoding.EncodeToString(content)), w, h}
}
