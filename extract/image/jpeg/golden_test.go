package jpeg

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// golden is what the reference makes of a file.
type golden struct {
	Width, Height int
	SHA256        string // of the RGB pixels
	Error         string // of the reference
	Refused       string // why it is refused here, which the reference does not
}

// fixtures returns the files of testdata/files.zip, which testdata/generate.py
// writes, and what the reference makes of them.
var fixtures = sync.OnceValues(func() (map[string][]byte, map[string]golden) {
	b, err := os.ReadFile("testdata/manifest.json")
	if err != nil {
		panic(err)
	}
	var m struct{ Files map[string]golden }
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	z, err := zip.OpenReader("testdata/files.zip")
	if err != nil {
		panic(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			panic(err)
		}
		if files[strings.TrimSuffix(f.Name, ".jpg")], err = io.ReadAll(r); err != nil {
			panic(err)
		}
	}
	return files, m.Files
})

// fixture returns a file.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	files, _ := fixtures()
	b, ok := files[name]
	if !ok {
		t.Fatalf("no file %s", name)
	}
	return b
}

// The pixels are those of the reference, bit for bit, whichever part of the
// image is asked for.
func TestPixelsAreTheReferences(t *testing.T) {
	files, goldens := fixtures()
	var d Decoder
	decoded := 0
	for _, name := range slices.Sorted(maps.Keys(goldens)) {
		g := goldens[name]
		m, err := Decode(files[name])
		if g.Error != "" || g.Refused != "" {
			if err == nil || !strings.Contains(err.Error(), g.Refused) {
				t.Errorf("%s: error is %v; want %q", name, err, g.Refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		decoded++
		sum := sha256.Sum256(m.Pix)
		if m.Width != g.Width || m.Height != g.Height || hex.EncodeToString(sum[:]) != g.SHA256 {
			t.Errorf("%s: the pixels are others than the reference's", name)
		}
		w, h := m.Width, m.Height
		for _, part := range []image.Rectangle{
			image.Rect(0, 0, w, h), image.Rect(0, 0, 1, 1), image.Rect(w-1, h-1, w, h), image.Rect(w/3, h/4, w-w/5, h-h/3), image.Rect(w/2, 0, w/2+1, h), image.Rect(0, h/2, w, h/2+1),
		} {
			if !part.Empty() {
				checkPart(t, &d, name, files[name], m, part)
			}
		}
	}
	if decoded < 150 {
		t.Errorf("%d files were decoded", decoded)
	}
}

// checkPart compares a region with the whole image.
func checkPart(t testing.TB, d *Decoder, name string, content []byte, whole *RGB, part image.Rectangle) {
	t.Helper()
	if _, err := d.Open(content, part); err != nil {
		t.Fatalf("%s: %v: %v", name, part, err)
	}
	row := make([]byte, 3*part.Dx())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		if err := d.Row(row); err != nil {
			t.Fatalf("%s: %v: row %d: %v", name, part, y, err)
		}
		if !bytes.Equal(row, whole.Pix[3*(y*whole.Width+part.Min.X):][:len(row)]) {
			t.Fatalf("%s: %v: row %d differs from the whole image's", name, part, y)
		}
	}
	if err := d.Row(row); err == nil {
		t.Fatalf("%s: %v: a row behind the last", name, part)
	}
	if err := d.Close(); err != nil {
		t.Fatalf("%s: %v: %v", name, part, err)
	}
}
