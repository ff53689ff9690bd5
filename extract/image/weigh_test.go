package image

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWeigh: no file takes more than it is said to, with either decoder.
func TestWeigh(t *testing.T) {
	files, err := filepath.Glob("testdata/images/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, decode := range []string{"", "go-jpeg/1.26.8"} {
		s := plain()
		s.Decode = decode
		dst := make([]byte, 3*224*224)
		if p := mustNew(t, s); decode == "" { // what is made once
			if _, err := p.CropTo(dst, fixture(t, "turned6.jpg")); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := mustNew(t, s)
			weight, err := p.Weigh(content)
			if err != nil {
				t.Fatal(file, err)
			}
			// Weights of taps, tables of decoders, and what is garbage already.
			const room = 700 << 10
			if n := allocated(func() { _, err = p.CropTo(dst, content) }); int64(n) > weight+room || err != nil {
				t.Errorf("%s, %q: %d bytes, said were %d; %v", filepath.Base(file), decode, n, weight, err)
			}
		}
	}
	// Large ones, of which the pixels are all that counts.
	for _, decode := range []string{"", "go-jpeg/1.26.8"} {
		for name, content := range map[string][]byte{"progressive": scans(1600, 1600, 6), "baseline": photograph(t, 1600, 1200)} {
			s := plain()
			s.Decode = decode
			p := mustNew(t, s)
			weight, err := p.Weigh(content)
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]byte, 3*224*224)
			if n := allocated(func() { _, err = p.CropTo(dst, content) }); int64(n) > weight+weight/10+(1<<20) || err != nil {
				t.Errorf("%s, %q: %d bytes, said were %d; %v", name, decode, n, weight, err)
			}
		}
	}
	// A photograph of 12 MP, in one scan, takes little more than its crop.
	content := photograph(t, 4000, 3000)
	p := mustNew(t, plain())
	weight, err := p.Weigh(content)
	if err != nil || weight > 3<<20 {
		t.Errorf("%d bytes, %v", weight, err)
	}
	dst := make([]byte, 3*224*224)
	if n := allocated(func() { _, err = p.CropTo(dst, content) }); err != nil || n > 4<<20 {
		t.Errorf("%d bytes for a photograph of 12 MP, %v", n, err)
	}
}
