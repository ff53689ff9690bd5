package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFormatsOfAFolder extracts a folder with a file of each format, under
// names that say another one, or nothing: they are told by content, and only
// what no version reads is bad.
func TestFormatsOfAFolder(t *testing.T) {
	p := newPlace(t)
	p.small("convnext")
	names := []string{"codes.gif", "q75.webp", "lossless-alpha.webp", "animated.webp", "24.bmp", "rle8.bmp", "lzw.tif", "turned6.tif", "progressive.jpg", "cmyk.jpg", "rgb16.png", "default-image.png", "few.pgm", "wide.ppm"}
	for i, name := range names {
		content, err := os.ReadFile(filepath.Join(p.emoji, "../../extract/image/testdata/images", name))
		if err != nil {
			t.Fatal(err)
		}
		as := name
		switch i % 3 {
		case 1:
			as = name + ".jpg"
		case 2:
			as = name + "-without"
		}
		p.put("photos/a/"+as, content)
	}
	p.put("photos/b/photo.avif", []byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"))
	code, stdout, stderr := p.try(t, "extract --backbone convnext --max-bad 1 --json --out p.features photos")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	objects(t, stdout)[0].wantNumbers(t, map[string]float64{"samples": float64(len(names) + 1), "computed": float64(len(names)), "bad": 1})
	wantSays(t, string(p.read("p.quarantine.jsonl")), `"reason":"image: AVIF files are not read; convert the file to PNG: magick mogrify -format png *.avif"`)
}
