package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// preprocess shows what a session gets without ONNX Runtime: texts as lines,
// images as files, in a folder called as the source.
func TestPreprocessNeedsNoRuntime(t *testing.T) {
	p := newPlace(t)
	t.Setenv("HEADSTART_RUNTIME", filepath.Join(t.TempDir(), "no-such-library.so"))
	samples := p.samples(0, 2, "animals-and-nature", "food-and-drink")
	p.table("set.csv", "image,name,label,group", samples)
	code, stdout, stderr := p.try(t, "preprocess --text name --json set.csv")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != exitDone || len(lines) != 4 || !strings.HasPrefix(lines[0], `{"id":"set#1","ids":[101,`) || !strings.Contains(stderr, `"samples":4,"prepared":4,"bad":0`) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat("set.preprocessed"); err == nil {
		t.Error("texts have left a folder")
	}
	p.small("vit")
	said := p.do(t, "preprocess --backbone vit --root "+p.emoji+" --image image set.csv")
	if said != "set.preprocessed: 4 images as vit gets them\n" {
		t.Errorf("it says %q", said)
	}
	npz := p.read("set.preprocessed/set#1.npz")
	if !strings.Contains(string(npz), "pixel_values.npy") {
		t.Error("there are no pixel_values")
	}
	png := p.read("set.preprocessed/set#1.png")
	p.do(t, "preprocess --backbone vit --root "+p.emoji+" --image image --threads 1 --out again set.csv")
	if string(p.read("again/set#1.npz")) != string(npz) || string(p.read("again/set#1.png")) != string(png) {
		t.Error("the same sample is other bytes")
	}
	p.do(t, "preprocess --backbone vit --root "+p.emoji+" --image image --alpha white --out again set.csv")
	if string(p.read("again/set#1.npz")) == string(npz) {
		t.Error("--alpha white changes nothing")
	}
	if _, err := os.Stat(os.Getenv("HEADSTART_CACHE")); err == nil {
		t.Error("there is a cache")
	}
	for _, line := range []string{"--dtype f16 set.csv", "--batch-size 4 set.csv", "--max-pixels 1M --text name set.csv", "--backbone vit --text name set.csv"} {
		if code, _, stderr := p.try(t, "preprocess "+line); code != exitUsage {
			t.Errorf("preprocess %s: exit %d: %s", line, code, stderr)
		}
	}
}

// Bad samples are summed up by reason and listed, and hostile ids are said.
func TestPreprocessSaysWhatIsBad(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	p.put("a.png", p.read(filepath.Join(p.emoji, p.samples(0, 1, "flags")[0][0])))
	p.put("empty.png", nil)
	p.put("set.csv", []byte("id,image\n../../x,a.png\nA,a.png\na,a.png\nmissing,b.png\nempty,empty.png\n"))
	code, stdout, stderr := p.try(t, "preprocess --backbone vit --out seen --json set.csv")
	if code != exitBadSamples || !strings.Contains(stderr, "2 of 5 samples are bad (seen/quarantine.jsonl lists them)") || !strings.Contains(stderr, `2 samples have other names of files than their ids, the first "%2E%2E/%2E%2E/x" for "../../x"; seen/names.jsonl lists them`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	var sum preprocessSummary
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil || sum.Prepared != 3 || sum.Bad != 2 || sum.Renamed != 2 || *sum.Quarantine != "seen/quarantine.jsonl" || *sum.Out != "seen" || *sum.Names != "seen/names.jsonl" || len(sum.Warnings) != 2 {
		t.Errorf("%v: %s", err, stdout)
	}
	if list := string(p.read("seen/quarantine.jsonl")); !strings.Contains(list, `{"id":"empty","path":"empty.png","reason":"empty"}`) || strings.Count(list, "\n") != 2 {
		t.Errorf("the list is %s", list)
	}
	// A folder of one's own is not written into another's files.
	p.put("mine/A.png", p.read("a.png"))
	code, _, stderr = p.try(t, "preprocess --backbone vit --out mine --max-bad 3 set.csv")
	if code != exitDone || string(p.read("mine/A.png")) != string(p.read("a.png")) || !strings.Contains(stderr, "in whose place there is a file that preprocess has not written: a.png; --out DIR names another folder") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// A text that is too long is said to be cut.
	p.put("long.txt", []byte(strings.Repeat("word ", 300)+"\nshort\n"))
	if code, _, stderr := p.try(t, "preprocess --format lines long.txt"); code != exitDone || !strings.Contains(stderr, "longer than the 256 tokens") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
