package image

import (
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
