package image

import (
	"bytes"
	"image/jpeg"
	"slices"
	"strings"
	"testing"
)

// 1,000 scans of a few bytes over a large image are refused before they are
// decoded, whether a crop, a size or a thumbnail is asked for.
func TestManyScansAreRefused(t *testing.T) {
	content := scans(5600, 5600, 1000)
	if len(content) > 400_000 {
		t.Fatalf("%d bytes are not few", len(content))
	}
	v := countVisits(content)
	if blocks := 700 * 700; v.scans != 1003 || v.blocks != 3*blocks || v.all != 1003*blocks {
		t.Errorf("counted %+v", v)
	}
	const want = "image: jpeg: 1003 scans come to 491470000 blocks; the limit for an image of 1470000 blocks in "
	p := mustNew(t, plain())
	_, err := p.CropTo(make([]byte, 3*224*224), content)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error is %v", err)
	}
	if _, _, other := p.Pixels(content); other == nil || other.Error() != err.Error() {
		t.Errorf("Pixels says %v", other)
	}
	if _, other := Thumbnail(content, 160); other == nil || other.Error() != err.Error() {
		t.Errorf("Thumbnail says %v", other)
	}
}

// What encoders write passes: the scans of jpegtran's and mozjpeg's scripts,
// many scans of a small image, a hundred of a photograph of 64 MP.
func TestUsualNumbersOfScansPass(t *testing.T) {
	if v := countVisits(fixture(t, "progressive.jpg")); v.scans != 10 || v.all > 6*v.blocks {
		t.Errorf("progressive.jpg: %+v", v)
	}
	for name, content := range map[string][]byte{
		"an empty image in 16 scans a component": scans(5600, 5600, 45),
		"a small one in 1,000":                   scans(64, 64, 997),
	} {
		v := countVisits(content)
		if err := v.tooMany(len(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if v.blocks > 1000 {
			continue
		}
		if _, err := jpeg.Decode(bytes.NewReader(content)); err != nil {
			t.Fatal(err) // scans is wrong
		}
		if _, err := mustNew(t, plain()).CropTo(make([]byte, 3*224*224), content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// 64 MP, 4:2:0: 1,000,000 blocks of luma and half as many of chroma, each
	// component in a third of the scans, half a bit a pixel.
	photo := visits{scans: 100, blocks: 1_500_000, all: 34*1_000_000 + 66*250_000}
	if err := photo.tooMany(64_000_000 / 16); err != nil {
		t.Error(err)
	}
	// However large a file is, there is an end.
	endless := visits{scans: 1000, blocks: 3_000_000, all: mostVisits + 1}
	if err := endless.tooMany(MaxBytes); err == nil {
		t.Errorf("%+v passes", endless)
	}
}

// Only what the decoder sees is counted: no thumbnail of an EXIF block, nothing
// behind the end, nothing of images that are not progressive.
func TestVisitsAreCountedWhereTheDecoderIs(t *testing.T) {
	whole := scans(64, 64, 4)
	want := countVisits(whole)
	inside := slices.Concat(whole[:2], []byte("\xff\xe1\x01\x02Exif\x00\x00"), bytes.Repeat([]byte("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"), 25), whole[2:])
	for name, content := range map[string][]byte{
		"in a block of EXIF": inside,
		"behind the end":     slices.Concat(whole, whole[2:]),
		"fill bytes":         bytes.ReplaceAll(whole, []byte("\xff\xda"), []byte("\xff\xff\xff\xda")),
	} {
		if got := countVisits(content); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if _, err := jpeg.Decode(bytes.NewReader(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"restart.jpg", "jpeg420-own.jpg", "grey.jpg"} {
		if v := countVisits(fixture(t, name)); v != (visits{}) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	for n := range whole { // cut short anywhere
		if n >= 2 {
			countVisits(whole[:n])
		}
	}
}
