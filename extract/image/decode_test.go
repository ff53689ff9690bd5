package image

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// TestRefusedBeforeAllocation checks that what a header claims costs nothing.
func TestRefusedBeforeAllocation(t *testing.T) {
	small := fixture(t, "turned1.jpg")
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"png side", pngClaiming(50000, 50000), "image: png: the header claims 50000×50000 pixels; the limit of a side is 32768"},
		{"jpeg side", jpegClaiming(t, small, 50000, 50000), "image: jpeg: the header claims 50000×50000 pixels; the limit of a side is 32768"},
		{"png narrow", pngClaiming(1, 32769), "the limit of a side is 32768"},
		{"png area", pngClaiming(8001, 8000), "8001×8000 = 64008000 pixels; the limit is 64000000"},
		{"jpeg area", jpegClaiming(t, small, 30000, 30000), "30000×30000 = 900000000 pixels; the limit is 64000000"},
		{"png largest sides", pngClaiming(1<<31-1, 1<<31-1), "dimension overflow"},
		{"png no width", pngClaiming(0, 5), "non-positive dimension"},
		{"jpeg no height", jpegClaiming(t, small, 5, 0), "leaves it to a segment at the end (DNL), which is not read"},
		{"png without its data", pngClaiming(8000, 8000), "truncated: 65 bytes cannot hold the 8000×8000 pixels"},
		{"jpeg without its data", jpegClaiming(t, small, 8000, 8000), "cannot hold the 8000×8000 pixels"},
		{"large file", make([]byte, MaxBytes+1), "the limit is 64 MiB"},
	} {
		var err error
		n := allocated(func() { _, err = p.CropTo(dst, c.content) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.name, err, c.want)
		}
		if n > 1<<20 {
			t.Errorf("%s: %d bytes were allocated before it was refused", c.name, n)
		}
		if _, _, perr := p.Pixels(c.content); perr == nil || err == nil || perr.Error() != err.Error() {
			t.Errorf("%s: Pixels: %v, CropTo: %v", c.name, perr, err)
		}
	}
}

func TestPixels(t *testing.T) {
	p := mustNew(t, plain())
	for name, want := range map[string][2]int{
		"rgb-301x203.png": {301, 203},
		"turned6.jpg":     {90, 62}, // as stored
		"progressive.jpg": {450, 330},
		"palette1.png":    {120, 90},
	} {
		w, h, err := p.Pixels(fixture(t, name))
		if err != nil || w != want[0] || h != want[1] {
			t.Errorf("%s: %d×%d, %v, want %d×%d", name, w, h, err, want[0], want[1])
		}
	}
}

// TestRefusedByName checks the formats that are recognised and not read, and
// what is no image at all.
func TestRefusedByName(t *testing.T) {
	ftyp := func(brand string) string { return "\x00\x00\x00\x18ftyp" + brand + "\x00\x00\x00\x00" }
	for content, want := range map[string]string{
		"":                                  "image: the file is empty",
		"GIF89a\x01\x00":                    "image: gif: truncated",
		"RIFF\x10\x00\x00\x00WEBPVP8 ":      "image: webp: truncated",
		"II*\x00\x08\x00\x00\x00":           "image: tiff: truncated",
		"MM\x00+\x00\x08\x00\x00":           "image: BigTIFF files are not read; convert the file to PNG",
		ftyp("heic"):                        "HEIC files",
		ftyp("mif1"):                        "HEIC files",
		ftyp("avif"):                        "image: AVIF files are not read; convert the file to PNG: magick mogrify -format png *.avif",
		"\xff\x0a\x00\x00":                  "JPEG XL files",
		"8BPS\x00\x01":                      "PSD files",
		ftyp("mp42"):                        "not an image: the file begins with 00 00 00 18 66 74 79 70",
		"BMW is a car, this is a text":      "not an image: the file begins with 42 4d 57",
		"hello":                             "not an image: the file begins with 68 65 6c 6c 6f",
		"\x89PNG":                           "not an image: the file begins with 89 50 4e 47",
		"RIFF\x10\x00\x00\x00WAVEfmt ":      "not an image",
		pngSignature:                        "image: png: truncated",
		"\xff\xd8":                          "image: jpeg: truncated",
		"\xff\xd8\xff\xd9":                  "image: jpeg: ",
		pngSignature + "\x00\x00\x00\x00AB": "image: png: truncated",
	} {
		p := mustNew(t, plain())
		_, err := p.CropTo(make([]byte, 3*224*224), []byte(content))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error is %v, want one with %q", content, err, want)
		}
	}
}

// TestTruncated cuts files at many places: never a half-grey picture.
func TestTruncated(t *testing.T) {
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	for _, name := range []string{"rgb-97x101.png", "palette8-alpha.png", "rgba8-interlaced.png", "turned6.jpg", "jpeg420-5x3.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"} {
		content := fixture(t, name)
		for n := 0; n < len(content); n += 1 + len(content)/60 {
			if _, err := p.CropTo(dst, content[:n]); err == nil {
				t.Errorf("%s: the first %d of %d bytes are accepted", name, n, len(content))
			}
		}
	}
}

func TestCorruptPNG(t *testing.T) {
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	content := fixture(t, "turned6.png")
	for _, kind := range []string{"IHDR", "eXIf", "IDAT", "IEND"} {
		b := slices.Clone(content)
		i := bytes.Index(b, []byte(kind))
		n := int(binary.BigEndian.Uint32(b[i-4:]))
		b[i+4+n] ^= 1 // the checksum
		if _, err := p.CropTo(dst, b); err == nil || err.Error() != "image: png: invalid format: invalid checksum" {
			t.Errorf("%s: error is %v, want the checksum's", kind, err)
		}
	}
	b := slices.Clone(content)
	b[bytes.Index(b, []byte("IDAT"))+40] ^= 0x10
	if _, err := p.CropTo(dst, b); err == nil || !strings.HasPrefix(err.Error(), "image: png: ") {
		t.Errorf("a flipped bit of the pixels: error is %v", err)
	}
}

func TestTrailingBytesChangeNothing(t *testing.T) {
	p := mustNew(t, plain())
	for _, name := range []string{"turned6.jpg", "turned6.png"} {
		content := fixture(t, name)
		want, _ := cropOf(t, p, content)
		for _, tail := range [][]byte{fixture(t, "turned3.jpg"), fixture(t, "turned3.png")[8:], {0, 0, 0}} {
			if got, _ := cropOf(t, p, append(slices.Clone(content), tail...)); !bytes.Equal(got, want) {
				t.Errorf("%s: %d bytes after the end change the crop", name, len(tail))
			}
		}
	}
}

func TestUnreadKindsOfJPEG(t *testing.T) {
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	baseline := fixture(t, "turned1.jpg")
	frame := bytes.Index(baseline, []byte("\xff\xc0\x00\x11\x08"))
	for marker, want := range map[byte]string{0xc3: "lossless", 0xc5: "hierarchical"} {
		b := slices.Clone(baseline)
		b[frame+1] = marker
		if _, err := p.CropTo(dst, b); err == nil || !strings.HasPrefix(err.Error(), "image: jpeg: "+want) {
			t.Errorf("frame %x: error is %v", marker, err)
		}
	}
	b := slices.Clone(baseline)
	b[frame+4] = 12 // bits
	if _, err := p.CropTo(dst, b); err == nil || !strings.Contains(err.Error(), "12 bits a sample are not read") {
		t.Errorf("12 bits: error is %v", err)
	}
}

// FuzzDecode feeds any bytes: no panic, an error or a crop, and no more memory
// than the pixels that the header claims justify.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"rgb-2x3.png", "rgb-1x1.png", "grey16-interlaced.png", "noise-37x29.png", "turned7-palette.png", "turned6.png",
		"jpeg420-5x3.jpg", "jpeg440-17x16.jpg", "jpeg422-1x1.jpg", "turned5.jpg",
	} {
		f.Add(fixture(f, name))
	}
	f.Add([]byte("P5 2 2 255\nabcd"))
	f.Add([]byte("P6\n# c\n1 1\n1000\nabcdef"))
	s := plain()
	s.Alpha = "9,200,77"
	s.Resize.Width, s.Resize.Height = 20, 20
	s.Crop.Width, s.Crop.Height = 16, 16
	p := mustNew(f, s)
	const room = 1 << 20 // what small things take
	f.Fuzz(func(t *testing.T, content []byte) {
		var w, h int
		var err error
		if n := allocated(func() { w, h, err = p.Pixels(content) }); n > room {
			t.Fatalf("%d bytes for the header", n)
		}
		if err == nil && w*h > 1<<22 {
			return // decoded as any other, but slow
		}
		dst := make([]byte, 3*16*16)
		var cropErr error
		n := allocated(func() { _, cropErr = p.CropTo(dst, content) })
		if err != nil && cropErr == nil {
			t.Fatalf("Pixels refuses (%v) what CropTo reads", err)
		}
		if cropErr != nil && strings.Contains(cropErr.Error(), "panicked") {
			t.Fatal(cropErr)
		}
		// Decoders allocate whole blocks; the largest have 32×32 pixels.
		blocks := uint64((w+31)/32) * uint64((h+31)/32)
		if limit := room + 8*uint64(len(content)) + blocks*32*32*40; n > limit {
			t.Fatalf("%d bytes for %d×%d pixels from %d bytes, limit %d", n, w, h, len(content), limit)
		}
	})
}
