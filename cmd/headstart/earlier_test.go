package main

import (
	"strings"
	"testing"
)

// TestEarlierDecoders asks a head of an earlier version, whose images were
// decoded by Go's decoder, about images: they are decoded so again, found in
// its cache, and it says what makes a head of this version's decoders. cache
// why names the difference between the spaces.
func TestEarlierDecoders(t *testing.T) {
	o := openOlder(t, "bb168b5")
	code, _, stderr := o.try(t, "predict --json tail-image.head.onnx samples/photos")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	wantSays(t, stderr, "tail-image.head.onnx was fitted on images that an earlier version decoded (go-jpeg/1.26.8), and these are decoded so, too; extract --replace and train-head make a head of this version's decoders", `"computed":0`)
	wantSays(t, o.do(t, "cache why --backbone backbones/vit --exif ignore samples/photos"),
		"holds 0 of 30 samples", "holds 30 of the 30 missing and differs in one field:",
		"prep.decode (the version of the image decoders): jpeg-islow-fancy/1+webp-libwebp/1 here, go-jpeg/1.26.8 there",
		"That space is an earlier version's: heads and feature sets on it go on with its decoders")

	// New features are another space than such a head's, which is said with
	// what to do.
	o.do(t, "extract --quiet --backbone backbones/vit --exif ignore --out new.features samples/photos")
	code, _, stderr = o.try(t, "evaluate --quiet --all normalized.head.onnx new.features")
	if code != exitFailed || !strings.Contains(stderr, "is jpeg-islow-fancy/1+webp-libwebp/1, where go-jpeg/1.26.8 is needed") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	code, _, stderr = o.try(t, "extract --backbone backbones/vit --exif ignore --out photos.features samples/photos")
	if code == exitDone || !strings.Contains(stderr, "--replace") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// With them a head of this version is made, of which nothing is said.
	o.do(t, "train-head --quiet --l2 0.1 --out new.head.onnx new.features")
	if _, _, stderr := o.try(t, "predict new.head.onnx samples/photos"); strings.Contains(stderr, "earlier") {
		t.Error(stderr)
	}
}
