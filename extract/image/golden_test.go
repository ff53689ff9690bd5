package image

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

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
		Mode   string
		W, H   int
		Filter string
	}
	Crop *struct {
		W, H   int
		Offset string
	}
}

// golden is one image and what the reference makes of it.
type golden struct {
	File, Spec, Array string
	Max               int     // levels by which it may differ, 0 for PNG
	Mean              float64 // the same in the mean
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
	s.Resize.Mode, s.Resize.Width, s.Resize.Height, s.Resize.Filter = c.Resize.Mode, c.Resize.W, c.Resize.H, c.Resize.Filter
	s.Crop = models.Crop{}
	if c.Crop != nil {
		s.Crop = models.Crop{Width: c.Crop.W, Height: c.Crop.H, Offset: c.Crop.Offset}
	}
	return s
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

func mustNew(t testing.TB, s *models.ImageSpec) *Preprocessor {
	t.Helper()
	p, err := New(s)
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

// TestPNG compares the crops of PNG images with Pillow's, level by level.
func TestPNG(t *testing.T) {
	m := readManifest(t)
	files := make(map[string]bool)
	cases := 0
	for _, c := range m.Cases {
		if c.Max != 0 {
			continue
		}
		s := m.Specs[c.Spec]
		got, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
		want := readArray(t, c.Array)
		if len(want.data) != len(got) {
			t.Errorf("%s, %s: %d levels, want %v", c.File, c.Spec, len(got), want.shape)
			continue
		}
		if !bytes.Equal(got, want.data) {
			worst, mean := difference(got, want.data)
			t.Errorf("%s, %s: the crop differs from Pillow's by up to %d levels, %.3g in the mean", c.File, c.Spec, worst, mean)
		}
		files[c.File] = true
		cases++
	}
	t.Logf("%d crops of %d PNG images compared with Pillow %s", cases, len(files), m.Versions["Pillow"])
	if len(files) < 40 {
		t.Errorf("%d PNG images compared, want 40 or more", len(files))
	}
}

func difference(a, b []byte) (worst int, mean float64) {
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		d = max(d, -d)
		worst = max(worst, d)
		sum += d
	}
	return worst, float64(sum) / float64(len(a))
}

// TestJPEG compares the crops of JPEG images with Pillow's. The standard
// library's inverse transform is not libjpeg-turbo's, and it upsamples the
// chroma of YCCK itself, so some levels differ.
func TestJPEG(t *testing.T) {
	m := readManifest(t)
	for _, c := range m.Cases {
		if c.Max == 0 {
			continue
		}
		s := m.Specs[c.Spec]
		got, _ := cropOf(t, mustNew(t, s.spec()), c.content(t))
		want := readArray(t, c.Array).data
		if len(want) != len(got) {
			t.Errorf("%s, %s: %d levels, want %d", c.File, c.Spec, len(got), len(want))
			continue
		}
		worst, mean := difference(got, want)
		t.Logf("%-32s %-18s max %d mean %.4f", c.File, c.Spec, worst, mean)
		if worst > c.Max || mean > c.Mean {
			t.Errorf("%s, %s: the crop differs from Pillow's by up to %d levels (want ≤ %d), %.3g in the mean (want ≤ %g)",
				c.File, c.Spec, worst, c.Max, mean, c.Mean)
		}
	}
}

func TestOrientationOfEXIF(t *testing.T) {
	for _, c := range readManifest(t).Exif {
		b, err := hex.DecodeString(c.Block)
		if err != nil {
			t.Fatal(err)
		}
		if got := orientation(b); got != c.Orientation {
			t.Errorf("orientation of %s is %d, Pillow says %d", c.Block, got, c.Orientation)
		}
	}
}

func TestOverEqualsAlphaComposite(t *testing.T) {
	h := sha256.New()
	row := make([]byte, 256)
	for under := range 256 {
		for alpha := range 256 {
			for v := range row {
				row[v] = over(uint8(v), uint8(alpha), uint8(under))
			}
			h.Write(row)
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil)), readManifest(t).OverSHA256; got != want {
		t.Errorf("digest of all levels, alphas and backdrops is %s, Pillow's is %s", got, want)
	}
}

func TestPlaceEqualsReference(t *testing.T) {
	for _, c := range readManifest(t).Places {
		num := func(i int) int { return int(c[i].(float64)) }
		lo, at, n := num(3), num(4), num(5)
		got := place(num(0), num(1), c[2] == "half-even")
		if want := (window{lo, lo + n, at}); got != want {
			t.Errorf("crop %d of %d, %s: %+v, want %+v", num(1), num(0), c[2], got, want)
		}
	}
}

func TestTableEqualsReference(t *testing.T) {
	for i, c := range readManifest(t).Contracts {
		s := plain()
		s.Mean, s.Std, s.Rescale = c.Mean, c.Std, c.Factor
		p := mustNew(t, s)
		want := readArray(t, fmt.Sprintf("levels%d", i))
		for ch := range 3 {
			for level := range 256 {
				w := math.Float32frombits(binary.LittleEndian.Uint32(want.data[4*(256*ch+level):]))
				if got := p.table[ch][level]; got != w {
					t.Errorf("contract %d: channel %d: level %d becomes %g, want %g", i, ch, level, got, w)
				}
			}
		}
	}
}
