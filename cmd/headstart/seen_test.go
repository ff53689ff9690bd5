package main

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/png"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A report shows each of the worst mistakes as the backbone gets it, which is
// what preprocess writes; it says so where the backbone is gone, or the sample.
func TestReportShowsWhatTheBackboneSees(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	samples := p.samples(0, 12, "flags", "objects", "symbols")
	p.table("set.csv", "image,name,label,group", samples)
	const train = "train-head set.features --l2 1 --cv 2 --by none --report page.html"
	p.do(t, "extract --backbone vit --root "+p.emoji+" --alpha white --image image set.csv")
	p.do(t, train)
	page := string(p.read("page.html"))
	ids := regexp.MustCompile(`<p class="id"><bdi>([^<]*)`).FindAllStringSubmatch(page, -1)
	seen := regexp.MustCompile(`(?s)<figure class="seen"><div class="picture"><img src="data:image/png;base64,([^"]*)".*?as <bdi>vit</bdi> gets it`).FindAllStringSubmatch(page, -1)
	if len(ids) == 0 || len(seen) != len(ids) {
		t.Fatalf("%d mistakes, %d of them as the backbone gets them", len(ids), len(seen))
	}
	p.do(t, "preprocess --backbone vit --root "+p.emoji+" --alpha white --image image --out seen set.csv")
	for i := range ids {
		content, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(seen[i][1], "&#43;", "+"))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := pixels(t, content), pixels(t, p.read("seen/"+ids[i][1]+".png")); a == "" || a != b {
			t.Errorf("%s is shown otherwise than the backbone gets it", ids[i][1])
		}
	}
	if err := os.Rename("vit", "gone"); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := p.try(t, train)
	page = string(p.read("page.html"))
	if code != exitDone || !strings.Contains(stderr, "page.html: the pictures are not shown as vit gets them: ") || strings.Contains(page, `class="seen"`) || !strings.Contains(page, `class="picture"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if err := os.Rename("set.csv", "moved.csv"); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := p.try(t, train); code != exitDone || !strings.Contains(stderr, "shows some mistakes by their ids only") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// pixels returns those of an image.
func pixels(t *testing.T, content []byte) string {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	rgba, ok := img.(*image.RGBA)
	if !ok {
		t.Fatalf("it is a %T", img)
	}
	return string(rgba.Pix)
}
