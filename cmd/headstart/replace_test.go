package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// advisedCommand returns the command that a message ends with.
func advisedCommand(t *testing.T, said, after string) string {
	t.Helper()
	_, command, ok := strings.Cut(said, after+": headstart ")
	if !ok {
		t.Fatalf("no command after %q: %s", after, said)
	}
	command, _, _ = strings.Cut(command, "\n")
	return command
}

// TestReplace replaces feature sets of another space and another source, where
// it is asked for, and the message that refuses offers it. The command that
// extract advises for transparency works as it stands.
func TestReplace(t *testing.T) {
	p := newPlace(t)
	p.small("convnext")
	for i, r := range p.samples(0, 4, "flags") {
		p.put(fmt.Sprint("my photos/a/", i, ".png"), p.read(filepath.Join(p.emoji, r[0])))
		p.put(fmt.Sprint("other/a/", i, ".png"), p.read(filepath.Join(p.emoji, r[0])))
	}
	e, _, stderr := testEnv()
	if code := run(t.Context(), program(e), []string{"extract", "--backbone", "convnext", "--out", "x.features", "my photos"}, e); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	command := advisedCommand(t, stderr.String(), "--alpha white lays them on white")
	if want := "extract --backbone convnext --alpha white --out x.features 'my photos' --replace"; command != want {
		t.Errorf("it advises %s, want %s", command, want)
	}
	dropped := p.read("x.features")
	args := strings.Split(strings.ReplaceAll(command, "'my photos'", "my\x00photos"), " ")
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "\x00", " ")
	}
	without := args[:len(args)-1]
	if code, _, said := headstart(t, without...); code != exitFailed || !strings.Contains(said, "prep.alpha is drop, not white, so it is not replaced; --replace replaces it, --out gives another name") {
		t.Errorf("without --replace: exit %d: %s", code, said)
	}
	if !bytes.Equal(p.read("x.features"), dropped) {
		t.Error("it was replaced all the same")
	}
	if code, _, said := headstart(t, args...); code != 0 || strings.Contains(said, "transparent") {
		t.Errorf("%s: exit %d: %s", command, code, said)
	}
	if meta := p.one(t, "inspect x.features"); !strings.Contains(fmt.Sprint(meta), "alpha:white") {
		t.Errorf("%v", meta)
	}

	p.fails(t, "extract --backbone convnext --out x.features other", exitFailed, "its source is my photos, not other, so it is not replaced; --replace replaces it")
	p.do(t, "extract --backbone convnext --out x.features --replace other")
	p.put("y.features", []byte("my notes"))
	p.fails(t, "extract --backbone convnext --out y.features --replace other", exitFailed, "is no feature set that can be read, so it is not replaced; --out gives another name")
	if string(p.read("y.features")) != "my notes" {
		t.Error("a file that is no feature set was replaced")
	}
}

// TestNoSampleLeavesNoFeatures runs sources of which every sample is bad: no
// feature set is written, that of an earlier run stays, and the list of bad
// samples says why.
func TestNoSampleLeavesNoFeatures(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.put("bad.csv", []byte("text\n\"\"\n\"\"\n"))
	p.put("good.csv", []byte("text\na\nb\n"))
	const extract = "extract --backbone distilbert --out x.features "
	p.fails(t, extract+"bad.csv", exitBadSamples, "all 2 samples are bad, so that x.features is not written; x.quarantine.jsonl says why")
	p.fails(t, extract+"--max-bad 100% bad.csv", exitFailed, "all 2 samples are bad, so that x.features is not written; x.quarantine.jsonl says why")
	if _, err := os.Stat("x.features"); err == nil {
		t.Error("there is a feature set")
	}
	if n := bytes.Count(p.read("x.quarantine.jsonl"), []byte("\n")); n != 2 {
		t.Errorf("%d bad samples are listed", n)
	}
	p.do(t, extract+"good.csv")
	before := p.read("x.features")
	p.fails(t, extract+"--replace bad.csv", exitBadSamples, "all 2 samples are bad, so that x.features stays as it was")
	if !bytes.Equal(p.read("x.features"), before) {
		t.Error("the feature set of the run before is another one")
	}
	code, stdout, _ := p.try(t, extract+"--replace --json bad.csv")
	if all := objects(t, stdout); code != exitBadSamples || len(all) != 1 || all[0]["features"] != "" || all[0]["bad"] != 2.0 {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
