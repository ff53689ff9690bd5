package image

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/images/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plain returns the contract of most backbones: 256, bicubic, 224.
func plain() *models.ImageSpec {
	return &models.ImageSpec{
		Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
		Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 256, Height: 256, Filter: "bicubic"},
		Crop:    models.Crop{Width: 224, Height: 224, Offset: "floor"},
		Rescale: 0.00392156862745098,
		Mean:    [3]float64{0.5, 0.5, 0.5},
		Std:     [3]float64{0.5, 0.5, 0.5},
		Layout:  "nchw",
	}
}

// stretched is a contract without a crop: every image becomes 64×48.
func stretched() *models.ImageSpec {
	s := plain()
	s.Resize.Mode, s.Resize.Width, s.Resize.Height, s.Crop = "exact", 64, 48, models.Crop{}
	return s
}

// unsized is a contract that resizes nothing.
func unsized() *models.ImageSpec {
	s := plain()
	s.Resize, s.Crop = models.Resize{Mode: "none"}, models.Crop{Width: 50, Height: 50, Offset: "floor"}
	return s
}

func mustNew(t testing.TB, s *models.ImageSpec) *Preprocessor {
	t.Helper()
	p, err := New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cropOf returns a new crop.
func cropOf(t testing.TB, p *Preprocessor, content []byte) ([]byte, Notes) {
	t.Helper()
	w, h := p.Size()
	dst := make([]byte, 3*w*h)
	for i := range dst {
		dst[i] = 0xa5 // whatever was there must not show
	}
	notes, err := p.CropTo(dst, content)
	if err != nil {
		t.Fatal(err)
	}
	return dst, notes
}

// shown returns the crop of a view.
func shown(t testing.TB, p *Preprocessor, content []byte, v View) []byte {
	t.Helper()
	w, h := p.Size()
	dst := bytes.Repeat([]byte{0xa5}, 3*w*h)
	if _, err := p.ViewCropTo(dst, content, v); err != nil {
		t.Fatal(err)
	}
	return dst
}

// photograph returns a JPEG of w×h pixels, 4:2:0.
func photograph(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	noise := uint32(1)
	for y := range h {
		for x := range w {
			noise = noise*1664525 + 1013904223
			wave := func(a, b float64) uint8 {
				return uint8(118 + 100*math.Sin(a*float64(x)+b*float64(y)) + float64(noise>>28))
			}
			img.SetRGBA(x, y, color.RGBA{wave(0.05, 0.01), wave(0.02, -0.03), wave(-0.01, 0.04), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngClaiming returns a PNG whose header claims w×h pixels, 8-bit RGB, and that
// has next to no data.
func pngClaiming(w, h uint32) []byte {
	b := []byte(pngSignature)
	chunk := func(kind string, data []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		b = append(b, kind...)
		b = append(b, data...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[len(b)-len(data)-4:]))
	}
	ihdr := binary.BigEndian.AppendUint32(nil, w)
	ihdr = binary.BigEndian.AppendUint32(ihdr, h)
	chunk("IHDR", append(ihdr, 8, 2, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 0x03, 0, 0, 0, 0, 1})
	chunk("IEND", nil)
	return b
}

// jpegClaiming returns the JPEG with the size in its frame header replaced.
func jpegClaiming(t testing.TB, content []byte, w, h uint16) []byte {
	t.Helper()
	i := bytes.Index(content, []byte("\xff\xc0\x00\x11\x08"))
	if i < 0 {
		t.Fatal("no baseline frame header")
	}
	b := slices.Clone(content)
	binary.BigEndian.PutUint16(b[i+5:], h)
	binary.BigEndian.PutUint16(b[i+7:], w)
	return b
}

// scans returns a progressive JPEG of w×h pixels and three components, not
// subsampled, with one scan of DC coefficients a component and, besides, n of
// AC coefficients, which say of all blocks that they are empty.
func scans(w, h, n int) []byte {
	segment := func(b []byte, marker byte, data ...byte) []byte {
		b = binary.BigEndian.AppendUint16(append(b, 0xff, marker), uint16(len(data)+2))
		return append(b, data...)
	}
	b := []byte("\xff\xd8")
	b = segment(b, 0xdb, slices.Concat([]byte{0}, bytes.Repeat([]byte{1}, 64))...)
	b = segment(b, 0xc2, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	// One code of one bit in each Huffman table: a difference of 0, and a run
	// of 2¹⁴ empty blocks and what 14 more bits say.
	codes := append([]byte{1}, make([]byte, 15)...)
	b = segment(b, 0xc4, slices.Concat([]byte{0x00}, codes, []byte{0x00})...)
	b = segment(b, 0xc4, slices.Concat([]byte{0x10}, codes, []byte{0xe0})...)
	blocks := (w + 7) / 8 * ((h + 7) / 8)
	for c := range byte(3) {
		b = segment(b, markSOS, 1, c+1, 0, 0, 0, 0)
		b = append(b, make([]byte, (blocks+7)/8)...)
	}
	for i := range n {
		b = segment(b, markSOS, 1, byte(i%3+1), 0, 1, 63, 0)
		// Runs of 2¹⁴ blocks, 15 bits of zeros each.
		b = append(b, make([]byte, ((blocks+1<<14-1)>>14*15+7)/8)...)
	}
	return append(b, 0xff, 0xd9)
}

// begin is how a file of each format begins. A format without an entry fails.
var begin = map[string][]string{
	"PNG": {pngSignature}, "JPEG": {"\xff\xd8\xff\xe0"}, "GIF": {"GIF87a", "GIF89a"}, "WebP": {"RIFF\x10\x00\x00\x00WEBPVP8 "},
	"BMP": {"BM\x40\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"},
	"PNM": {"P5\n28 28\n255\n", "P6 90 90 255\n"}, "plain or black-and-white PNM": {"P2 1 1 255 ", "P4\n8 8\n"}, "camera raw": {"FUJIFILMCCD-RAW ", "IIRO", "IIU\x00", "\x00\x00\x00\x18ftypcrx "}, "TIFF": {"II*\x00", "MM\x00*"}, "BigTIFF": {"II+\x00", "MM\x00+"}, "AVIF": {"\x00\x00\x00\x18ftypavif"}, "HEIC": {"\x00\x00\x00\x18ftypheic", "\x00\x00\x00\x18ftypmif1"},
	"JPEG XL": {"\xff\x0a", "\x00\x00\x00\x0cJXL \r\n\x87\n"}, "JPEG 2000": {"\xff\x4f\xff\x51"}, "ICO": {"\x00\x00\x01\x00"}, "PSD": {"8BPS\x00\x01"},
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// manifest is testdata/manifest.json, which testdata/generate.py writes.
type manifest struct {
	Versions map[string]string
	Specs    map[string]contract
	Cases    []golden
	Exif     []struct {
		Block       string // hex
		Orientation int
	}
	OverSHA256 string `json:"over_sha256"`
	Contracts  []struct {
		Mean, Std [3]float64
		Factor    float64
	}
	Places [][]any // length, crop, offset, first of image, first of crop, length
}

type contract struct {
	EXIF, Alpha, Grey16 string
	Resize              struct {
		Mode, Filter, Order string
		W, H, Longest       int
	}
	Crop *struct {
		W, H   int
		Offset string
		Fill   [3]uint8
	}
}

// golden is one image and what the reference makes of it.
type golden struct {
	File, Spec string
	SHA256     string // of the crop
}

func (c *golden) content(t testing.TB) []byte {
	t.Helper()
	root := "testdata/images"
	if strings.HasPrefix(c.File, "emoji/") {
		root = "../../testdata/emoji/images"
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.Base(c.File)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c *contract) spec() *models.ImageSpec {
	s := plain()
	s.EXIF, s.Alpha, s.Grey16 = c.EXIF, c.Alpha, c.Grey16
	r := c.Resize
	s.Resize = models.Resize{Engine: "pillow/1", Order: r.Order, Mode: r.Mode, Width: r.W, Height: r.H, Longest: r.Longest, Filter: r.Filter}
	s.Crop = models.Crop{}
	if c.Crop != nil {
		s.Crop = models.Crop{Width: c.Crop.W, Height: c.Crop.H, Offset: c.Crop.Offset, Fill: c.Crop.Fill}
	}
	return s
}

var loadManifest = sync.OnceValues(func() (*manifest, error) {
	b, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		return nil, err
	}
	m := new(manifest)
	return m, json.Unmarshal(b, m)
})

func readManifest(t testing.TB) *manifest {
	t.Helper()
	m, err := loadManifest()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// array is a member of testdata/goldens.npz.
type array struct {
	shape []int
	data  []byte // as stored: C order, little-endian
}

var loadArrays = sync.OnceValues(func() (map[string]array, error) {
	z, err := zip.OpenReader("testdata/goldens.npz")
	if err != nil {
		return nil, err
	}
	defer z.Close()
	arrays := make(map[string]array)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		a, err := parseNPY(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return arrays, nil
})

var npyShape = regexp.MustCompile(`'descr': '(\|u1|<f4)', 'fortran_order': False, 'shape': \(([0-9, ]+)\)`)

// parseNPY reads version 1.0 of NumPy's format, bytes or float32.
func parseNPY(b []byte) (array, error) {
	if !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) {
		return array{}, fmt.Errorf("not version 1.0 of npy")
	}
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	m := npyShape.FindSubmatch(b[:n])
	if m == nil {
		return array{}, fmt.Errorf("unknown header %q", b[10:n])
	}
	a := array{data: b[n:]}
	for _, s := range strings.Split(string(m[2]), ",") {
		if s = strings.TrimSpace(s); s != "" {
			d, err := strconv.Atoi(s)
			if err != nil {
				return array{}, err
			}
			a.shape = append(a.shape, d)
		}
	}
	return a, nil
}

func readArray(t testing.TB, name string) array {
	t.Helper()
	arrays, err := loadArrays()
	if err != nil {
		t.Fatal(err)
	}
	a, ok := arrays[name]
	if !ok {
		t.Fatalf("testdata/goldens.npz has no array %s", name)
	}
	return a
}
