package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// segment returns a marker segment.
func segment(marker byte, data ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(data)+2)), data...)
}

// start returns the begin of a file of w×h pixels and three components, not
// subsampled, up to its tables, with one code of one bit in each Huffman table:
// a DC difference of 0, and a symbol for AC.
func start(sof byte, w, h int, ac byte) []byte {
	codes := append([]byte{1}, make([]byte, 15)...)
	return slices.Concat([]byte("\xff\xd8"),
		segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...),
		segment(sof, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0),
		segment(0xc4, append(append([]byte{0x00}, codes...), 0x00)...),
		segment(0xc4, append(append([]byte{0x10}, codes...), ac)...))
}

// scans returns a progressive file of w×h pixels with one scan of DC
// coefficients a component and, besides, n of AC coefficients, which say of all
// blocks that they are empty, in runs of 2¹⁴ blocks and what 14 more bits say.
func scans(w, h, n int) []byte {
	b := start(0xc2, w, h, 0xe0)
	blocks := ceil(w, 8) * ceil(h, 8)
	for c := range byte(3) {
		b = append(b, segment(0xda, 1, c+1, 0, 0, 0, 0)...)
		b = append(b, make([]byte, ceil(blocks, 8))...)
	}
	for i := range n {
		b = append(b, segment(0xda, 1, byte(i%3+1), 0, 1, 63, 0)...)
		b = append(b, make([]byte, ceil(ceil(blocks, 1<<14)*15, 8))...)
	}
	return append(b, 0xff, 0xd9)
}

// header reads a header without the limit of scans.
func header(t testing.TB, content []byte) Header {
	t.Helper()
	h, err := ReadHeader(content)
	if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Reason != TooManyScans) {
		t.Fatal(err)
	}
	return h
}

// 1,000 scans of a few bytes over a large image are refused before they are
// decoded.
func TestManyScansAreRefused(t *testing.T) {
	content := scans(5600, 5600, 1000)
	if len(content) > 400_000 {
		t.Fatalf("%d bytes are not few", len(content))
	}
	h := header(t, content)
	if blocks := 700 * 700; h.Scans != 1003 || h.Blocks != 3*blocks || h.Visits != 1003*blocks {
		t.Errorf("counted %+v", h)
	}
	const want = "jpeg: 1003 scans come to 491470000 blocks; the limit for an image of 1470000 blocks in "
	if _, err := Decode(content); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error is %v", err)
	}
	// So are those of a sequential file, which come to one component again and
	// again.
	b := start(0xc0, 5600, 5600, 0)
	for range 400 {
		b = append(b, segment(0xda, 1, 1, 0, 0, 63, 0)...)
	}
	if _, err := Decode(append(b, 0xff, 0xd9)); err == nil || !strings.Contains(err.Error(), "400 scans come to 196000000 blocks") {
		t.Errorf("error is %v", err)
	}
}

// What encoders write passes: the scans of jpegtran's and mozjpeg's scripts,
// many scans of a small image, a hundred of a photograph of 64 MP.
func TestUsualNumbersOfScansPass(t *testing.T) {
	if h := header(t, fixture(t, "420-64x48-progressive")); h.Scans != 10 || h.Visits > 6*h.Blocks {
		t.Errorf("%+v", h)
	}
	for name, content := range map[string][]byte{
		"an empty image in 16 scans a component": scans(5600, 5600, 45),
		"a small one in 1,000":                   scans(64, 64, 997),
	} {
		if h, err := ReadHeader(content); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if h.Blocks > 1000 {
			continue
		}
		if _, err := Decode(content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := stdjpeg.Decode(bytes.NewReader(content)); err != nil {
			t.Fatal(err) // scans is wrong
		}
	}
	// 64 MP, 4:2:0: 1,000,000 blocks of luma and half as many of chroma, each
	// component in a third of the scans, half a bit a pixel.
	photo := Header{Components: 3, Scans: 100, Blocks: 1_500_000, Visits: 34*1_000_000 + 66*250_000}
	if err := photo.tooMany(64_000_000 / 16); err != nil {
		t.Error(err)
	}
	// However large a file is, there is an end.
	endless := Header{Components: 3, Scans: 1000, Blocks: 3_000_000, Visits: mostVisits + 1}
	if err := endless.tooMany(64 << 20); err == nil {
		t.Errorf("%+v passes", endless)
	}
}

// Only the scans that are decoded are counted: no thumbnail of an EXIF block,
// nothing behind the end.
func TestScansAreCountedWhereTheDecoderIs(t *testing.T) {
	whole := scans(64, 64, 4)
	want := header(t, whole)
	inside := slices.Concat(whole[:2], []byte("\xff\xe1\x01\x02Exif\x00\x00"), bytes.Repeat([]byte("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"), 25), whole[2:])
	for name, content := range map[string][]byte{
		"in a block of EXIF": inside,
		"behind the end":     slices.Concat(whole, whole[2:]),
		"fill bytes":         bytes.ReplaceAll(whole, []byte("\xff\xda"), []byte("\xff\xff\xff\xda")),
	} {
		if got := header(t, content); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if _, err := Decode(content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h := header(t, fixture(t, "420-33x31")); h.Scans != 1 || h.Visits != h.Blocks || h.Blocks != 5*4+2*3*2 {
		t.Errorf("%+v", h)
	}
}

// A file that ends anywhere is an error, never a part of a picture.
func TestTruncatedFiles(t *testing.T) {
	for _, name := range []string{"420-17x16", "444-restart-1", "420-33x31-progressive", "one-by-one-restart", "progression-restart", "ycck", "grey"} {
		whole := fixture(t, name)
		for n := range whole {
			_, err := Decode(whole[:n])
			if err == nil {
				t.Fatalf("%s: %d of %d bytes are decoded", name, n, len(whole))
			}
			e, ok := errors.AsType[*Error](err)
			if !ok || n >= 2 && e.Reason != Truncated {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(whole), err)
			}
		}
	}
}

// What a file claims costs nothing until its data has come: the memory and the
// work of a file of a few bytes are bounded.
func TestClaimsCostNothing(t *testing.T) {
	for name, content := range map[string][]byte{
		"28 bytes":                    fixture(t, "bad-28-bytes"),
		"a header alone":              start(0xc0, 65500, 65500, 0),
		"a scan without data":         append(start(0xc0, 65500, 65500, 0), segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0)...),
		"a progressive one":           append(start(0xc2, 65500, 65500, 0xe0), segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)...),
		"a progressive one, bounded":  append(append(start(0xc2, 8000, 8000, 0xe0), segment(0xda, 1, 1, 0, 0, 0, 0)...), 0, 0, 0xff, 0xd9),
		"a plane":                     append(append(start(0xc0, 8000, 8000, 0), segment(0xda, 1, 1, 0, 0, 63, 0)...), 0, 0, 0xff, 0xd9),
		"another 1,000,000 bytes":     append(append(start(0xc2, 8000, 8000, 0xe0), segment(0xda, 1, 1, 0, 0, 0, 0)...), bytes.Repeat([]byte{0xfe}, 1_000_000)...),
		"restarts without data":       slices.Concat(start(0xc0, 8000, 8000, 0), segment(0xdd, 0, 1), segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0), bytes.Repeat([]byte("\xff\xd0"), 100_000)),
		"a million markers":           slices.Concat([]byte("\xff\xd8"), bytes.Repeat([]byte("\xff\x01"), 1_000_000)),
		"a million empty segments":    slices.Concat([]byte("\xff\xd8"), bytes.Repeat([]byte("\xff\xe1\x00\x02"), 1_000_000)),
		"Huffman tables without end":  slices.Concat([]byte("\xff\xd8"), bytes.Repeat(segment(0xc4, make([]byte, 17*3000)...), 20)),
		"fill bytes without end":      append([]byte("\xff\xd8"), bytes.Repeat([]byte{0xff}, 1_000_000)...),
		"stray bytes without end":     append([]byte("\xff\xd8"), bytes.Repeat([]byte{0}, 1_000_000)...),
		"scans of all in few bytes":   scans(65500, 65500, 3),
		"a scan of tables not at all": append(start(0xc0, 16, 16, 0), segment(0xda, 3, 1, 0x33, 2, 0x33, 3, 0x33, 0, 63, 0)...),
	} {
		var d Decoder
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h, err := d.Open(content, image.Rectangle{})
		row := make([]byte, 3*max(h.Width, 1))
		for y := 0; err == nil && y < h.Height; y++ {
			err = d.Row(row)
		}
		if err == nil {
			t.Errorf("%s: decoded", name)
		}
		if _, err := Decode(content[:min(len(content), 10_000)]); err == nil {
			t.Errorf("%s: the begin was decoded", name)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%s: %d MiB were allocated; %v", name, n>>20, err)
		}
	}
}

// A Decoder does not hold on to what one large file took.
func TestMemoryIsLetGo(t *testing.T) {
	var d Decoder
	for content, kept := range map[string]bool{
		string(scans(4000, 4000, 0)): false, // 96 MB of coefficients
		string(scans(400, 400, 0)):   true,
	} {
		if _, err := d.Open([]byte(content[:len(content)-2]), image.Rectangle{}); err == nil {
			t.Fatal("a file without its end was decoded")
		}
		if got := len(d.coefs[0].rows) > 0 && d.coefs[0].rows[0] != nil; got != kept {
			t.Errorf("%d bytes: memory is kept: %v, want %v", len(content), got, kept)
		}
		d = Decoder{}
	}
}

// A file that fails leaves nothing behind for the next one.
func TestFilesAreApart(t *testing.T) {
	files, goldens := fixtures()
	good := []string{"420-33x31", "444-17x16", "420-33x31-progressive", "grey", "arithmetic", "ycck-420", "one-by-one", "incomplete-dc-alone"}
	var whole []*RGB
	for _, name := range good {
		m, err := Decode(files[name])
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, m)
	}
	var d Decoder
	for name := range goldens {
		for cut := range 3 {
			content := files[name]
			content = content[:len(content)*(3-cut)/3]
			h, err := d.Open(content, image.Rectangle{})
			for y := 0; err == nil && y < h.Height; y++ {
				err = d.Row(make([]byte, 3*h.Width))
			}
			i := len(content) % len(good)
			checkPart(t, &d, good[i]+" after "+name, files[good[i]], whole[i], image.Rect(0, 0, whole[i].Width, whole[i].Height))
		}
	}
}

// The files that are refused before they are decoded, in few milliseconds.
func BenchmarkRefused(b *testing.B) {
	for name, content := range map[string][]byte{
		"28-bytes":     fixture(b, "bad-28-bytes"),
		"header-alone": start(0xc0, 65500, 65500, 0),
		"1003-scans":   scans(5600, 5600, 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(content); err == nil {
					b.Fatal("decoded")
				}
			}
		})
	}
}

// FuzzDecode: whatever the bytes, no panic; what is decoded has the size that
// the header claims, is decoded again to the same pixels, and in parts to the
// same as a whole.
func FuzzDecode(f *testing.F) {
	files, _ := fixtures()
	for name, content := range files {
		if len(content) < 1500 || strings.HasPrefix(name, "bad-") {
			f.Add(content)
		}
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := ReadHeader(content)
		if err == nil && h.Width*h.Height > 1<<20 {
			return
		}
		m, again := Decode(content)
		if err != nil && again == nil {
			t.Fatalf("ReadHeader refuses what Decode takes: %v", err)
		}
		if again != nil {
			if e, ok := errors.AsType[*Error](again); !ok || !strings.HasPrefix(e.Error(), "jpeg: ") {
				t.Fatalf("error is %v", again)
			}
			return
		}
		if m.Width != h.Width || m.Height != h.Height || len(m.Pix) != 3*h.Width*h.Height {
			t.Fatalf("%d×%d pixels in %d levels of %+v", m.Width, m.Height, len(m.Pix), h)
		}
		w, ht := m.Width, m.Height
		for _, part := range []image.Rectangle{image.Rect(0, 0, w, ht), image.Rect(w/3, ht/4, w-w/5, ht-ht/3), image.Rect(w-1, ht-1, w, ht)} {
			if !part.Empty() {
				checkPart(t, &d, "", content, m, part)
			}
		}
		// The standard library reads fewer kinds; where it reads one, its
		// size is the same.
		if c, err := stdjpeg.DecodeConfig(bytes.NewReader(content)); err == nil && (c.Width != w || c.Height != ht) {
			t.Fatalf("%d×%d pixels; the standard library sees %d×%d", w, ht, c.Width, c.Height)
		}
	})
}
