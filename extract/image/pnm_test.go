package image

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// A PNM file gives the crop of the PNG of the same pixels; levels of another
// range are those of Pillow's PpmImagePlugin, round(v/most·255).
func TestPNM(t *testing.T) {
	const w, h = 31, 17
	grey, rgb := image.NewGray(image.Rect(0, 0, w, h)), image.NewNRGBA(image.Rect(0, 0, w, h))
	deep := image.NewGray16(grey.Rect)
	var colours []byte
	for i := range w * h {
		grey.Pix[i] = byte(i * 7)
		c := color.NRGBA{byte(i), byte(i * 3), byte(i * 5), 255}
		rgb.SetNRGBA(i%w, i/w, c)
		colours = append(colours, c.R, c.G, c.B)
		deep.SetGray16(i%w, i/w, color.Gray16{uint16(i * 3)})
	}
	encode := func(img image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	p := mustNew(t, plain())
	crop := func(content []byte) ([]byte, Notes) {
		dst := make([]byte, 3*224*224)
		notes, err := p.CropTo(dst, content)
		if err != nil {
			t.Fatal(err)
		}
		return dst, notes
	}
	head := fmt.Sprintf("\n# a comment\n%d %d\n", w, h)
	small := make([]byte, w*h)
	for i := range small { // of the range 0 to 15
		small[i] = byte(i % 16)
	}
	for name, c := range map[string]struct {
		pnm string
		png image.Image
	}{
		"grey":    {"P5" + head + "255\n" + string(grey.Pix), grey},
		"colour":  {"P6" + head + "255\n" + string(colours), rgb},
		"16 bits": {"P5" + head + "65535\n" + string(deep.Pix), deep},
		"15":      {"P5" + head + "15\n" + string(small), &image.Gray{Pix: scaled(small, 17), Stride: w, Rect: grey.Rect}},
	} {
		got, gotNotes := crop([]byte(c.pnm))
		want, wantNotes := crop(encode(c.png))
		if !bytes.Equal(got, want) || gotNotes != wantNotes {
			t.Errorf("%s: another crop than that of the PNG file; notes %+v, want %+v", name, gotNotes, wantNotes)
		}
	}
	// python -c "print([round(v/100*255) for v in (0, 1, 50, 99, 100, 120)])",
	// the last one not above 255; round(127.5) is 128.
	hd, err := ReadHeader([]byte("P5 6 1 100 \x00\x01\x32\x63\x64\x78"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := decodePNM(&hd)
	if want := []byte{0, 3, 128, 252, 255, 255}; err != nil || !bytes.Equal(img.(*image.Gray).Pix, want) {
		t.Errorf("%v, %v, want %v", img, err, want)
	}
	for content, says := range map[string]string{
		"P5 2 2 255\nabc": "truncated", "P5 2": "truncated", "P5 2 2 255": "truncated", "P5\n#": "truncated", "P5 2 2 0\nabcd": "levels up to 0",
		"P5 2 2 65536\nabcdefgh": "levels up to 65536", "P5 0 2 255\n": "0×2", "P5 99999999 2 255\n": "header", "P6 30000 30000 255\n": "the limit is", "P5 2 2 2x\n": "no number",
		"P2 2 2 255\n1 2 3 4": "PNM", "P5 is a text": "not an image", "P5": "not an image",
	} {
		if _, err := p.CropTo(make([]byte, 3*224*224), []byte(content)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", content, err, says)
		}
	}
}

func scaled(levels []byte, by byte) []byte {
	out := bytes.Clone(levels)
	for i := range out {
		out[i] *= by
	}
	return out
}
