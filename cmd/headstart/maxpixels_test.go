package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaxPixels reads images over the limit of pixels where a flag raises it.
// They are bad samples of a reason of their own, and inspect counts them; the
// limit changes no embedding.
func TestMaxPixels(t *testing.T) {
	p := newPlace(t)
	p.small("convnext")
	var large bytes.Buffer
	picture := image.NewPaletted(image.Rect(0, 0, 8192, 8000), color.Palette{color.White, color.Black})
	if err := png.Encode(&large, picture); err != nil {
		t.Fatal(err)
	}
	p.put("photos/a/large.png", large.Bytes())
	for i, r := range p.samples(0, 3, "flags") {
		p.put(fmt.Sprint("photos/a/", i, ".png"), p.read(filepath.Join(p.emoji, r[0])))
	}
	const extract = "extract --backbone convnext --alpha white --max-bad 100% --json "
	bad := func(line, reason string, samples, bad float64) object {
		code, stdout, stderr := p.try(t, line)
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", line, code, stderr)
		}
		o := objects(t, stdout)[0]
		o.wantNumbers(t, map[string]float64{"samples": samples, "bad": bad})
		if !strings.Contains(stderr, reason) {
			t.Errorf("%s says %s, want %s", line, stderr, reason)
		}
		return o
	}
	first := bad(extract+"--out x.features photos", "1 image with more pixels than the limit: photos/a/large.png; --max-pixels N raises it", 4, 1)
	if all := first["warnings"].([]any); len(all) != 1 || all[0].(map[string]any)["reason"] != "pixels" {
		t.Errorf("warnings %v", all)
	}
	if out := strings.Join(strings.Fields(p.do(t, "inspect x.features")), " "); !strings.Contains(out, "1 of them is an image with more pixels than the limit") {
		t.Errorf("inspect says %s", out)
	}
	raised := bad(extract+"--max-pixels 66M --out x.features photos", "extract: 4 samples", 4, 0)
	raised.wantNumbers(t, map[string]float64{"cached": 3, "computed": 1})
	if a, b := fmt.Sprint(first["spaces"]), fmt.Sprint(raised["spaces"]); a != b {
		t.Errorf("the limit is part of the space: %s, %s", a, b)
	}
	var meta struct {
		Meta struct{ Reading map[string]string }
	}
	if err := json.Unmarshal([]byte(p.do(t, "inspect --json x.features")), &meta); err != nil || meta.Meta.Reading["max-pixels"] != "66000000" {
		t.Errorf("the set says %v, %v", meta, err)
	}
	p.put("more/a/0.png", p.read("photos/a/1.png"))
	p.put("more/a/1.png", p.read(filepath.Join(p.emoji, p.samples(3, 1, "flags")[0][0])))
	bad(extract+"--max-pixels 1k --out more.features more", "1 image with more pixels than the limit: more/a/1.png", 2, 1) // what is cached is not decoded

	p.put("names.txt", []byte("a\nb\n"))
	for line, want := range map[string]string{
		"extract --max-pixels 0 photos":       "--max-pixels 0: it is a number of pixels from 1 to 1,073,741,824, such as 200M",
		"extract --max-pixels 2G photos":      "--max-pixels 2G",
		"extract --max-pixels many photos":    "--max-pixels many",
		"extract --max-pixels NaN photos":     "--max-pixels NaN",
		"extract --max-pixels 200M names.txt": "--max-pixels is for images; the source holds texts",
	} {
		p.fails(t, line, exitUsage, want)
	}
}
