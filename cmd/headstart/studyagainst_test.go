package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Feature sets of the same samples: names against pictures, and both against
// each, printed, as data, on a page and as a drawing; what says nothing, or
// cannot be compared, is an error.
func TestStudyAgainst(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 12, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.do(t, "extract --text name --tap last_hidden_state:cls --out first.features emoji.csv")
	p.do(t, "extract --image image --alpha white --root "+p.emoji+" --out images.features emoji.csv")

	o := p.one(t, "study --by none --repeat 2 --l2-points 3 images.features --against names.features --against first.features")
	o.wantNumbers(t, map[string]float64{"n": 24, "folds": 5})
	all := seen(o, "against").([]any)
	if len(all) != 3 || seen(o, "cheap_by") != "multiply-adds" || seen(o, "pick") == nil || !strings.HasPrefix(fmt.Sprint(seen(o, "advice.text")), "Take ") {
		t.Fatalf("%v", o)
	}
	for k, want := range []string{"images.features", "names.features", "first.features"} {
		one := all[k].(map[string]any)
		if one["name"] != want || one["multiply_adds"].(float64) <= 0 || one["accuracy"] == nil || one["behind"] == nil || (one["difference"] == nil) != (k == 0) || (one["verdict"] == nil) != (k == 0) {
			t.Errorf("%s: %v", want, one)
		}
	}
	page := p.read("images.study.html")
	if seen(o, "report") != "images.study.html" || !bytes.Contains(page, []byte(fmt.Sprint("<p>", seen(o, "advice.text"), "</p>"))) || !bytes.Contains(page, []byte("<bdi>first.features</bdi>")) {
		t.Errorf("the page, %v, does not say what is printed:\n%s", seen(o, "report"), page)
	}
	p.do(t, "study --by none --repeat 2 --l2-points 3 --threads 1 --report again.html images.features --against names.features --against first.features")
	if again := bytes.ReplaceAll(p.read("again.html"), []byte("again"), []byte("images")); !bytes.Equal(again, page) {
		t.Error("the same comparison with one thread has another page")
	}
	const line = "study --by none --repeat 1 --l2-points 2 images.features --against names.features"
	for format, begins := range map[string]string{"svg": "<svg ", "png": "\x89PNG"} {
		out := p.do(t, line+" --format "+format)
		if path := "images.study." + format; !bytes.HasPrefix(p.read(path), []byte(begins)) || !strings.Contains(out, "The differences are in "+path) {
			t.Errorf("%s is no %s, or is not named:\n%s", path, format, out)
		}
	}
	both := p.one(t, "study --by none --repeat 1 --l2-points 2 images.features names.features --against names.features")
	if got := seen(both, "against").([]any); len(got) != 2 || got[0].(map[string]any)["name"] != "images.features + names.features" {
		t.Errorf("%v", both)
	}
	_, out, _ := headstart(t, strings.Fields("study --by none --repeat 2 --l2-points 3 images.features --against names.features")...)
	for _, want := range []string{"Take names.features", "behind ± SE", "difference", "images.features", "M mul-adds", "M params", "The page is images.study.html."} {
		if !strings.Contains(out, want) {
			t.Errorf("the table lacks %q:\n%s", want, out)
		}
	}

	p.table("half.csv", "image,name,label,group", samples[:12])
	p.do(t, "extract --text name --out half.features half.csv")
	for line, want := range map[string]string{
		"images.features --against images.features":            "have the same features",
		"images.features --against half.features":              "are not in all sets",
		"images.features --against names.features --at 100":    "--at does nothing with --against",
		"images.features --against names.features --budget 1m": "--budget does nothing with --against",

		"images.features --against names.features --report names.features": "that is a feature set",
		"images.features --against names.features --report nowhere/a.html": "nowhere/a.html",
		"images.features --against names.features --format pdf":            "pdf",
	} {
		code, _, stderr := headstart(t, strings.Fields("study --by none "+line)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", line, code, stderr)
		}
	}
}
