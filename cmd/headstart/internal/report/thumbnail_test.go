package report

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// samplePNG returns a PNG file of one colour.
func samplePNG(w, h int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = []byte{200, 100, 50, 255}[i%4]
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// noise returns an image that compresses badly.
func noise(w, h int, alpha bool) *image.NRGBA {
	rnd := rand.New(rand.NewPCG(1, 2))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(rnd.Uint32())
		if i%4 == 3 && !alpha {
			m.Pix[i] = 255
		}
	}
	return m
}

func encode(t *testing.T, m image.Image, kind string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if kind == "png" {
		err = png.Encode(&b, m)
	} else {
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 95})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// content returns the file inside a data URL.
func content(t *testing.T, v *thumbnail, kind string) []byte {
	t.Helper()
	if v == nil {
		t.Fatal("no thumbnail")
	}
	text, ok := strings.CutPrefix(string(v.URL), "data:image/"+kind+";base64,")
	if !ok {
		t.Fatalf("%.40s is no %s", v.URL, kind)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// withOrientation puts an EXIF block behind the start of a JPEG file.
func withOrientation(jpeg []byte, orientation uint16, order binary.ByteOrder) []byte {
	tiff := []byte("II*\x00")
	if order == binary.BigEndian {
		tiff = []byte("MM\x00*")
	}
	grow := func(v any) {
		var b bytes.Buffer
		if err := binary.Write(&b, order, v); err != nil {
			panic(err)
		}
		tiff = append(tiff, b.Bytes()...)
	}
	grow(uint32(8))
	grow(uint16(2))
	grow([]uint16{0x0100, 4}) // another tag before it
	grow([]uint32{1, 0})
	grow([]uint16{0x0112, 3})
	grow(uint32(1))
	grow([]uint16{orientation, 0})
	body := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{}, jpeg[:2]...)
	out = append(out, 0xff, 0xe1, byte((len(body)+2)>>8), byte(len(body)+2))
	return append(append(out, body...), jpeg[2:]...)
}

func TestSmallImagesAreEmbeddedAsTheyAre(t *testing.T) {
	for _, kind := range []string{"png", "jpeg"} {
		in := encode(t, noise(40, 30, false), kind)
		v := newThumbnail(in, thumbnailEdge, false)
		if !bytes.Equal(content(t, v, kind), in) || v.Width != 40 || v.Height != 30 {
			t.Errorf("%s: %d×%d", kind, v.Width, v.Height)
		}
	}
	// A browser turns a JPEG by its EXIF block.
	v := newThumbnail(withOrientation(encode(t, noise(40, 30, false), "jpeg"), 6, binary.LittleEndian), thumbnailEdge, false)
	if v == nil || v.Width != 30 || v.Height != 40 {
		t.Errorf("%+v", v)
	}
}

// Not all browsers turn a PNG, so one that lies on its side is not embedded as
// it is.
func TestSmallImagesOnTheirSideAreTurned(t *testing.T) {
	in, err := os.ReadFile("../../../../extract/image/testdata/images/turned6.png")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := png.DecodeConfig(bytes.NewReader(in))
	if err != nil || stored.Width == stored.Height {
		t.Fatal(stored, err)
	}
	v := newThumbnail(in, thumbnailEdge, false)
	out := content(t, v, "jpeg")
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(out))
	if err != nil || cfg.Width != stored.Height || cfg.Height != stored.Width || v.Width != cfg.Width || v.Height != cfg.Height {
		t.Errorf("%d×%d, said %d×%d, of %d×%d as stored (%v)", cfg.Width, cfg.Height, v.Width, v.Height, stored.Width, stored.Height, err)
	}
}

// No browser turns a JPEG by its XMP, so such a one is not embedded as it is.
func TestSmallImagesThatXMPTurnsAreTurned(t *testing.T) {
	in := encode(t, noise(40, 30, false), "jpeg")
	body := "http://ns.adobe.com/xap/1.0/\x00<x tiff:Orientation=\"6\"/>"
	in = slices.Concat(in[:2], []byte{0xff, 0xe1, 0, byte(len(body) + 2)}, []byte(body), in[2:])
	v := newThumbnail(in, thumbnailEdge, false)
	if out := content(t, v, "jpeg"); bytes.Equal(out, in) || v.Width != 30 || v.Height != 40 {
		t.Errorf("%d×%d, as it is: %v", v.Width, v.Height, bytes.Equal(out, in))
	}
}

// Formats that browsers do not show are.
func TestSmallImagesOfOtherFormats(t *testing.T) {
	for name, kind := range map[string]string{"24.bmp": "bmp", "q75.webp": "webp", "codes.gif": "gif", "lzw.tif": "jpeg", "rgba.tif": "png", "few.pgm": "jpeg"} {
		in, err := os.ReadFile("../../../../extract/image/testdata/images/" + name)
		if err != nil {
			t.Fatal(err)
		}
		v := newThumbnail(in, thumbnailEdge, false)
		if out := content(t, v, kind); v.Width != 61 || v.Height != 44 || bytes.Equal(out, in) != (kind == "bmp" || kind == "webp" || kind == "gif") {
			t.Errorf("%s: %d×%d", name, v.Width, v.Height)
		}
	}
}

func TestLargeImagesAreScaledDown(t *testing.T) {
	for _, c := range []struct {
		in         []byte
		kind       string
		wide, high int
	}{
		{encode(t, noise(400, 200, false), "png"), "jpeg", 160, 80},
		{encode(t, noise(200, 400, true), "png"), "png", 80, 160},
		{encode(t, noise(300, 401, false), "jpeg"), "jpeg", 120, 160},
		{withOrientation(encode(t, noise(400, 200, false), "jpeg"), 8, binary.BigEndian), "jpeg", 80, 160},
		{encode(t, noise(20000, 1, true), "png"), "png", 160, 1},
	} {
		if len(c.in) <= mostBytes {
			t.Fatalf("a file of %d bytes is not large", len(c.in))
		}
		v := newThumbnail(c.in, thumbnailEdge, false)
		out := content(t, v, c.kind)
		cfg, kind, err := image.DecodeConfig(bytes.NewReader(out))
		if err != nil || kind != c.kind || cfg.Width != c.wide || cfg.Height != c.high || v.Width != c.wide || v.Height != c.high {
			t.Errorf("%s %d×%d, said %d×%d, want %s %d×%d (%v)", kind, cfg.Width, cfg.Height, v.Width, v.Height, c.kind, c.wide, c.high, err)
		}
	}
}

func TestWhatIsNoImageHasNoThumbnail(t *testing.T) {
	whole := samplePNG(64, 64)
	huge := bytes.Clone(whole) // claims 50,000×50,000
	binary.BigEndian.PutUint32(huge[16:], 50000)
	binary.BigEndian.PutUint32(huge[20:], 50000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	if cfg, _, err := image.DecodeConfig(bytes.NewReader(huge)); err != nil || cfg.Width != 50000 {
		t.Fatal(cfg, err)
	}
	for name, in := range map[string][]byte{"empty": {}, "text": []byte("not an image"), "cut": whole[:len(whole)/2], "huge": huge} {
		if v := newThumbnail(in, thumbnailEdge, false); v != nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// FuzzThumbnail: whatever the bytes, there is no panic, and what is embedded is
// an image.
func FuzzThumbnail(f *testing.F) {
	f.Add(samplePNG(3, 2))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, noise(9, 7, false), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(withOrientation(b.Bytes(), 6, binary.LittleEndian))
	f.Add(withOrientation(b.Bytes(), 3, binary.BigEndian)[:60])
	if real, err := os.ReadFile("../../../../testdata/emoji/images/1f600.png"); err == nil {
		f.Add(real)
	} else {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if cfg, _, err := image.DecodeConfig(bytes.NewReader(in)); err == nil && cfg.Width > 1<<20/max(1, cfg.Height) {
			return // right, but slow
		}
		v := newThumbnail(in, thumbnailEdge, false)
		if v == nil {
			return
		}
		_, text, _ := strings.Cut(string(v.URL), ",")
		out, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := image.Decode(bytes.NewReader(out)); err != nil {
			t.Fatal(err)
		}
	})
}

// A small file that was decoded already is not decoded again; a crop that is
// large is scaled down to more pixels than a thumbnail.
func TestPicturesThatABackboneGets(t *testing.T) {
	cut := samplePNG(40, 30)
	cut = cut[:len(cut)-30]
	if newThumbnail(cut, thumbnailEdge, false) != nil || newThumbnail(cut, thumbnailEdge, true) == nil {
		t.Error("a small file is decoded where it need not be, or is not where it must be")
	}
	noise := image.NewNRGBA(image.Rect(0, 0, 800, 400))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(r.IntN(256)) | 0xff*uint8(i%4/3)
	}
	cards := newCards([]Mistake{{ID: "x", Image: cut, Seen: []Seen{{"a", samplePNG(8, 8)}, {"b", encode(t, noise, "png")}, {"c", []byte("no image")}}}})
	if c := cards[0]; c.Picture == nil || len(c.Seen) != 2 || c.Seen[0].Picture.Width != 8 || c.Seen[1].Picture.Width != seenEdge || len(c.Seen[1].Picture.URL) > 300_000 {
		t.Errorf("%d pictures", len(c.Seen))
	}
}
