package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bytesOf joins numbers, little-endian, and texts.
func bytesOf(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		case uint16:
			b = binary.LittleEndian.AppendUint16(b, p)
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, p)
		case byte:
			b = append(b, p)
		}
	}
	return b
}

// riffOf returns a WebP file of chunks: name, content, name, content …
func riffOf(parts ...string) []byte {
	var body []byte
	for i := 0; i < len(parts); i += 2 {
		body = append(bytesOf(body, parts[i], uint32(len(parts[i+1])), parts[i+1]), make([]byte, len(parts[i+1])%2)...)
	}
	return bytesOf("RIFF", uint32(len(body)+4), "WEBP", body)
}

// tiffOf returns a TIFF of SHORT and LONG values and what follows.
func tiffOf(data string, tags ...uint32) []byte {
	b := bytesOf("II*\x00", uint32(8), uint16(len(tags)/2))
	for i := 0; i < len(tags); i += 2 {
		b = bytesOf(b, uint16(tags[i]), uint16(4), uint32(1), tags[i+1])
	}
	return bytesOf(b, uint32(0), data)
}

// bombs are small files that claim much, or would cost much.
func bombs() map[string][]byte {
	bmp := func(w, h uint32, bits uint16, kind uint32, data string) []byte {
		return bytesOf("BM", uint32(0), uint32(0), uint32(54), uint32(40), w, h, uint16(1), bits, kind, uint32(0), uint32(0), uint32(0), uint32(0), uint32(0), data)
	}
	vp8 := func(w, h uint16) string { return string(bytesOf("\x10\x02\x00\x9d\x01\x2a", w, h, "abcdefgh")) }
	vp8l := func(w, h uint32) string { return string(bytesOf("\x2f", (w-1)|(h-1)<<14, "\x88\x88\x08")) }
	vp8x := func(w, h uint32) string {
		return string(bytesOf("\x02\x00\x00\x00", bytesOf(w - 1)[:3], bytesOf(h - 1)[:3]))
	}
	anmf := func(w, h uint32, frame string) string {
		return string(bytesOf("\x00\x00\x00\x00\x00\x00", bytesOf(w - 1)[:3], bytesOf(h - 1)[:3], "\x00\x00\x00\x00", frame))
	}
	strip := func(w, h, compression, bits uint32, data string) []byte {
		const at = 8 + 2 + 12*8 + 4
		return tiffOf(data, 256, w, 257, h, 258, bits, 259, compression, 262, 1, 273, at, 278, h, 279, uint32(len(data)))
	}
	return map[string][]byte{
		"gif without codes":         bytesOf("GIF89a", uint16(8000), uint16(7999), "\x00\x00\x00,", uint32(0), uint16(8000), uint16(7999), "\x00\x08\x01a\x00;"),
		"gif with a small frame":    bytesOf("GIF89a", uint16(8000), uint16(7999), "\x00\x00\x00,", uint32(0), uint16(1), uint16(1), "\x00\x08\x01a\x00;"),
		"gif that grows":            bytesOf("GIF89a", uint16(1), uint16(1), "\x00\x00\x00,", uint16(65000), uint16(65000), uint16(1), uint16(1), "\x00\x08\x01a\x00;"),
		"webp lossy":                riffOf("VP8 ", vp8(8000, 7999)),
		"webp lossless":             riffOf("VP8L", vp8l(8000, 7999)),
		"webp lossless, large":      riffOf("VP8L", vp8l(16384, 16384)),
		"webp canvas":               riffOf("VP8X", vp8x(8000, 7999), "ANIM", "\x00\x00\x00\x00\x00\x00", "ANMF", anmf(1, 1, string(riffOf("VP8L", vp8l(1, 1))[12:]))),
		"webp canvas, large":        riffOf("VP8X", vp8x(1<<24, 1<<24), "ANMF", anmf(1, 1, string(riffOf("VP8L", vp8l(1, 1))[12:]))),
		"bmp":                       bmp(8000, 7999, 24, 0, "abc"),
		"bmp of runs":               bmp(8000, 7999, 8, 1, strings.Repeat("\x00\x02\xff\xff", 40)),
		"bmp, narrow":               bmp(1, 1<<31-1, 1, 0, "abc"),
		"tiff, plain":               strip(8000, 7999, 1, 8, "abc"),
		"tiff, deflate":             strip(8000, 7999, 8, 8, "abc"),
		"tiff, LZW":                 strip(8000, 7999, 5, 16, "abc"),
		"tiff, PackBits":            strip(8000, 7999, 32773, 8, "abc"),
		"tiff, fax":                 strip(8000, 7999, 4, 1, "abc"),
		"tiff, strip over strip":    strips(4000),
		"tiff, tags over tags":      tags(500, 200_000),
		"tiff, many blocks":         tags(1, 1_100_000),
		"tiff, many rows":           strip(1<<31, 1<<31, 1, 8, "abc"),
		"png":                       pngClaiming(8000, 7999),
		"pnm":                       []byte("P6 8000 7999 255\nabc"),
		"28 bytes of a webp's head": riffOf("VP8L", vp8l(8000, 7999))[:28],
	}
}

// strips returns a TIFF of 1×n pixels of which each strip is the whole file.
func strips(n int) []byte {
	const at = 8 + 2 + 12*8 + 4
	size := at + 8*n
	var offsets, counts []byte
	for range n {
		offsets = bytesOf(offsets, uint32(0))
		counts = bytesOf(counts, uint32(size))
	}
	b := bytesOf("II*\x00", uint32(8), uint16(8))
	for _, e := range [][3]uint32{{256, 1, 1}, {257, 1, uint32(n)}, {258, 1, 8}, {259, 1, 5}, {262, 1, 1}, {273, uint32(n), at}, {278, 1, 1}, {279, uint32(n), uint32(at + 4*n)}} {
		b = bytesOf(b, uint16(e[0]), uint16(4), e[1], e[2])
	}
	return bytesOf(b, uint32(0), offsets, counts)
}

// tags returns a TIFF of n entries of one tag, whose values are the file.
func tags(n, count int) []byte {
	b := bytesOf("II*\x00", uint32(8), uint16(n))
	for range n {
		b = bytesOf(b, uint16(tagStripOffsets), uint16(3), uint32(count), uint32(0))
	}
	return append(b, make([]byte, 2*count)...)
}

// TestBombs: files that claim or would cost much are refused, with less than
// 1 MiB, whether a crop, a size or a thumbnail is asked for.
func TestBombs(t *testing.T) {
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	for name, content := range bombs() {
		var err error
		if n := allocated(func() { _, err = p.CropTo(dst, content) }); n > 1<<20 || err == nil {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if _, _, other := p.Pixels(content); other == nil || err == nil || other.Error() != err.Error() {
			t.Errorf("%s: Pixels says %v, CropTo %v", name, other, err)
		}
		if _, err := Thumbnail(content, 160); err == nil {
			t.Errorf("%s: a thumbnail is made", name)
		}
	}
}

// BenchmarkBombs is the time that it takes to refuse each.
func BenchmarkBombs(b *testing.B) {
	p := mustNew(b, plain())
	dst := make([]byte, 3*224*224)
	for name, content := range bombs() {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				if _, err := p.CropTo(dst, content); err == nil {
					b.Fatal("it is read")
				}
			}
		})
	}
}

// TestCutShort: no file that is cut gives a picture, nor does it panic.
func TestCutShort(t *testing.T) {
	s := plain()
	s.Resize.Width, s.Resize.Height, s.Crop.Width, s.Crop.Height = 20, 20, 16, 16
	p := mustNew(t, s)
	dst := make([]byte, 3*16*16)
	for _, name := range []string{
		"saved.gif", "interlaced.gif", "within-clear.gif", "24.bmp", "4.bmp", "rle8.bmp", "rle4.bmp", "16-565.bmp", "32-bgra.bmp", "q75.webp", "alpha.webp", "alpha-0.webp",
		"lossless-alpha.webp", "framed-alpha.webp", "lzw.tif", "deflate.tif", "packbits.tif", "fax4.tif", "grey.tif", "tiles.tif", "few.pgm", "wide.ppm",
	} {
		content := fixture(t, name)
		if _, err := p.CropTo(dst, content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := 0; n < len(content); n += 1 + len(content)/150 {
			_, err := p.CropTo(dst, content[:n])
			// What stands behind the pixels may be cut: padding, an end.
			if err == nil && n < len(content)-4 && !strings.HasSuffix(name, ".tif") {
				t.Errorf("%s: the first %d of %d bytes are accepted", name, n, len(content))
			}
			if err != nil && strings.Contains(err.Error(), "panicked") {
				t.Errorf("%s: the first %d of %d bytes: %v", name, n, len(content), err)
			}
		}
	}
}

// TestUnreadKinds: what a format may hold and is not read is refused by name.
func TestUnreadKinds(t *testing.T) {
	p := mustNew(t, plain())
	dst := make([]byte, 3*224*224)
	tiff := func(tags ...uint32) []byte {
		all := map[uint32]uint32{256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 0, 278: 1, 279: 1}
		for i := 0; i < len(tags); i += 2 {
			all[tags[i]] = tags[i+1]
		}
		var list []uint32
		for tag := uint32(0); tag < 1<<16; tag++ {
			if v, ok := all[tag]; ok {
				list = append(list, tag, v)
			}
		}
		return tiffOf("abcd", list...)
	}
	bmp := func(bits uint16, kind uint32, masks ...uint32) []byte {
		b := bytesOf("BM", uint32(0), uint32(0), uint32(70), uint32(56), uint32(1), uint32(1), uint16(1), bits, kind, uint32(0), uint32(0), uint32(0), uint32(0), uint32(0))
		for _, m := range append(masks, 0, 0, 0, 0)[:4] {
			b = bytesOf(b, m)
		}
		return bytesOf(b, "abcd")
	}
	for want, content := range map[string][]byte{
		"JPEG-in-TIFF":                              tiff(259, 7),
		"TIFF (compression 50000)":                  tiff(259, 50000),
		"CMYK TIFF":                                 tiff(262, 5, 277, 4),
		"TIFF (photometric interpretation 8)":       tiff(262, 8),
		"TIFF (signed or floating-point samples)":   tiff(339, 3),
		"TIFF (4 bits a sample)":                    tiff(258, 4),
		"TIFF (2 samples a pixel)":                  tiff(277, 2),
		"TIFF (16 bits, white is zero)":             tiff(258, 16, 262, 0),
		"TIFF (bits from the right)":                tiff(266, 2),
		"TIFF (predictor 3)":                        tiff(259, 8, 317, 3),
		"TIFF (fax compression of colours)":         tiff(259, 4),
		"camera raw":                                tiff(50706, 1),
		"BMP (bits of colours in an unknown order)": bmp(32, 3, 1, 2, 4, 8),
		"BMP (2 bits a pixel, compression 0)":       bmp(2, 0),
		"JPEG-in-BMP":                               bmp(24, 4),
		"PNG-in-BMP":                                bmp(24, 5),
	} {
		_, err := p.CropTo(dst, content)
		if err == nil || err.Error() != "image: "+want+" files are not read; convert the file to PNG" {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if e, ok := err.(*Error); !ok || e.Kind() != KindFormat+want {
			t.Errorf("%s: its kind is %T", want, err)
		}
	}
	if _, err := p.CropTo(dst, tiff(254, 1)); err == nil || !strings.Contains(err.Error(), "camera raw") {
		t.Errorf("a preview is taken for a picture: %v", err)
	}
}

// What becomes nothing when it is resized is refused, as it fails in timm.
func TestNarrow(t *testing.T) {
	s := plain()
	s.Resize.Mode, s.Crop.Offset = "contain", "half-even"
	_, err := mustNew(t, s).CropTo(make([]byte, 3*224*224), fixture(t, "rgb-3x2000.png"))
	if e, ok := err.(*Error); !ok || e.Kind() != KindNarrow || err.Error() != "image: 3×2000 pixels are too narrow: resized they are 0×256" {
		t.Error(err)
	}
}

// fuzzFormat fuzzes the decoder of a format: no panic, an error or a crop, and
// no more memory than the pixels and the file justify.
func fuzzFormat(f *testing.F, ending string) {
	files, err := filepath.Glob("testdata/images/*" + ending)
	if err != nil || len(files) == 0 {
		f.Fatal(len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 8000 {
			f.Add(b)
		}
	}
	for name, b := range bombs() {
		if strings.HasPrefix(name, ending[1:]) {
			f.Add(b)
		}
	}
	s := plain()
	s.Alpha = "9,200,77"
	s.Resize.Width, s.Resize.Height, s.Crop.Width, s.Crop.Height = 20, 20, 16, 16
	p := mustNew(f, s)
	magic, err := os.ReadFile(files[0])
	if err != nil {
		f.Fatal(err)
	}
	format := Recognise(magic)
	const room = 10 << 20 // what trees and tables take at most
	f.Fuzz(func(t *testing.T, content []byte) {
		if Recognise(content) != format {
			return
		}
		w, h, err := p.Pixels(content)
		if err != nil && strings.Contains(err.Error(), "panicked") {
			t.Fatal(err)
		}
		if err == nil && w*h > 1<<20 {
			return // decoded as any other, but slow
		}
		dst := bytes.Repeat([]byte{7}, 3*16*16)
		var cropErr error
		n := allocated(func() { _, cropErr = p.CropTo(dst, content) })
		if err != nil && cropErr == nil {
			t.Fatalf("Pixels refuses (%v) what CropTo reads", err)
		}
		if cropErr != nil && strings.Contains(cropErr.Error(), "panicked") {
			t.Fatal(cropErr)
		}
		if limit := uint64(room + 16*len(content) + 40*w*h); n > limit {
			t.Fatalf("%d bytes for %d×%d pixels from %d bytes, limit %d", n, w, h, len(content), limit)
		}
		if cropErr == nil {
			again := make([]byte, len(dst))
			if _, err := p.CropTo(again, content); err != nil || !bytes.Equal(again, dst) {
				t.Fatal("the crop is another one the second time")
			}
		}
	})
}

func FuzzGIF(f *testing.F)  { fuzzFormat(f, ".gif") }
func FuzzBMP(f *testing.F)  { fuzzFormat(f, ".bmp") }
func FuzzWebP(f *testing.F) { fuzzFormat(f, ".webp") }
func FuzzTIFF(f *testing.F) { fuzzFormat(f, ".tif") }
func FuzzPNG(f *testing.F)  { fuzzFormat(f, ".png") }
