package jpeg

import (
	"archive/zip"
	"bytes"
	"image"
	stdjpeg "image/jpeg"
	"io"
	"testing"
)

// Decoding against the standard library's, which neither upsamples chroma with
// a filter nor converts colours: names are files of testdata/bench.zip.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"444", "422", "420", "grey", "progressive"} {
		content := photograph(b, name)
		h, err := ReadHeader(content)
		if err != nil {
			b.Fatal(err)
		}
		size := int64(h.Width * h.Height * 3)
		b.Run(name+"/headstart", func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			var d Decoder
			row := make([]byte, 3*h.Width)
			for b.Loop() {
				if _, err := d.Open(content, image.Rectangle{}); err != nil {
					b.Fatal(err)
				}
				for range h.Height {
					if err := d.Row(row); err != nil {
						b.Fatal(err)
					}
				}
				if err := d.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/go", func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := stdjpeg.Decode(bytes.NewReader(content)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// photograph returns a file of testdata/bench.zip.
func photograph(t testing.TB, name string) []byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/bench.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r, err := z.Open(name + ".jpg")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
