package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
)

// warned returns the warnings or notes of a summary.
func warned(t *testing.T, summary, key string) []remark {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(summary), &all); err != nil {
		t.Fatalf("%v: %s", err, summary)
	}
	var list []remark
	if err := json.Unmarshal(all[key], &list); err != nil || list == nil {
		t.Fatalf("%s is %s: %v", key, all[key], err)
	}
	return list
}

// TestBadSamplesByReason extracts a folder with many kinds of files that cannot
// be read: they are summed up by reason, the most frequent first.
func TestBadSamplesByReason(t *testing.T) {
	p := newPlace(t)
	p.small("convnext")
	good := p.read(filepath.Join(p.emoji, p.samples(0, 1, "flags")[0][0]))
	p.put("photos/a/good.png", good)
	for i := range 5 {
		p.put(fmt.Sprint("photos/a/", i, ".avif"), []byte(fmt.Sprint("\x00\x00\x00\x18ftypavif", i)))
	}
	for i := range 4 {
		p.put(fmt.Sprint("photos/a/", i, ".heic"), []byte(fmt.Sprint("\x00\x00\x00\x18ftypheic", i)))
	}
	for i := range 3 {
		p.put(fmt.Sprint("photos/b/", i, ".png"), nil)
	}
	p.put("photos/b/cut.png", good[:len(good)/2])
	p.put("photos/b/nothing.jpg", []byte("no image at all"))
	code, stdout, stderr := p.try(t, "extract --backbone convnext --out p.features --json photos")
	if code != exitBadSamples {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	const want = "headstart: 14 of 15 samples are bad (p.quarantine.jsonl lists them):\n" +
		"  5 AVIF files, which this version does not read, the first photos/a/0.avif; convert them to PNG: magick mogrify -format png *.avif\n" +
		"  4 HEIC files, which this version does not read, the first photos/a/0.heic; convert them to PNG: magick mogrify -format png *.heic\n" +
		"  3 empty files, the first photos/b/0.png\n" +
		"  1 file that is no image: photos/b/nothing.jpg\n" +
		"  1 image that is cut off: photos/b/cut.png\n"
	if !strings.Contains(stderr, want) {
		t.Errorf("it says\n%s\nwant\n%s", stderr, want)
	}
	all := warned(t, stdout, "warnings")
	if len(all) != 5 || !strings.HasSuffix(all[1].Text, "convert them to PNG: magick mogrify -format png *.heic") || all[0].Kind != "bad-samples" || all[0].Reason != "format:AVIF" || all[0].Count != 5 || all[0].First != "photos/a/0.avif" || !strings.Contains(all[0].Text, "AVIF") {
		t.Errorf("%+v", all)
	}
	if _, _, stderr := p.try(t, "extract --quiet --backbone convnext --out p.features --json photos"); strings.Contains(stderr, "AVIF") {
		t.Errorf("with --quiet: %s", stderr)
	}
}

// TestMissingFilesOfATable extracts a table whose paths are relative to another
// folder than its own: it says which.
func TestMissingFilesOfATable(t *testing.T) {
	p := newPlace(t)
	p.small("convnext")
	sample := p.samples(0, 1, "flags")[0][0]
	for _, where := range []string{"set/pictures", "set", "set/tables/deep"} {
		if err := os.RemoveAll("set"); err != nil {
			t.Fatal(err)
		}
		p.put(where+"/cat/1.png", p.read(filepath.Join(p.emoji, sample)))
		p.put("set/tables/list.csv", []byte("image\ncat/1.png\ncat/2.png\ncat/3.png\n"))
		p.put("set/list.csv", []byte("image\ncat/1.png\ncat/2.png\ncat/3.png\n"))
		table := "set/tables/list.csv"
		if where == "set/pictures" {
			table = "set/list.csv"
		}
		_, _, stderr := p.try(t, "extract --backbone convnext --out "+strings.ReplaceAll(where, "/", "+")+".features "+table)
		want := "3 files that are not there, the first cat/1.png; --root DIR says what the paths in " + table + " are relative to; " + where + " has the first"
		if !strings.Contains(stderr, want) {
			t.Errorf("%s: it says %s\nwant %s", where, stderr, want)
		}
		code, _, stderr := p.try(t, "extract --backbone convnext --out "+strings.ReplaceAll(where, "/", "-")+".features --max-bad 2 --root "+where+" "+table)
		if code != 0 || strings.Contains(stderr, "--root DIR") {
			t.Errorf("with --root %s: exit %d: %s", where, code, stderr)
		}
	}
}

// TestReasonsAreFew prints some of many reasons, and says how many more there
// are.
func TestReasonsAreFew(t *testing.T) {
	e, _, stderr := testEnv()
	reasons := new(extract.Reasons)
	for i := range 20 {
		reasons.Add(&extract.Row{Sample: source.Bytes(fmt.Sprint(i), nil), Bad: fmt.Sprint("reason ", i)})
	}
	b := &badRun{reasons: reasons, samples: 100, modality: "text"}
	e.sayBad(b)
	if s := stderr.String(); strings.Count(s, "\n") != 2+shownReasons || !strings.HasSuffix(s, "\n  12 more for 12 other reasons\n") || !strings.HasPrefix(s, "headstart: 20 of 100 samples are bad:\n") {
		t.Errorf("%s", s)
	}
	if n := len(e.remarked().Warnings); n != 20 {
		t.Errorf("%d warnings", n)
	}
}
