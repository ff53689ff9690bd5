package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/head/transfer"
	"github.com/headstart-ml/headstart/models/runtime"
)

// studied is a place with names.features of texts of three classes.
func studied(t *testing.T, each int) *place {
	t.Helper()
	p := newPlace(t)
	t.Setenv("HEADSTART_THREADS", "1")
	samples := p.samples(0, each, "animals-and-nature", "food-and-drink", "flags")
	p.table("names.csv", "image,name,label,group", samples)
	p.do(t, "extract --text name --out names.features names.csv")
	return p
}

// study --json has the keys of the contract, and the page its advice; a head
// needs neither the samples nor the runtime, and the same command gives the
// same bytes.
func TestStudy(t *testing.T) {
	p := studied(t, 40)
	os.Remove("names.csv")
	t.Setenv("HEADSTART_RUNTIME", filepath.Join(t.TempDir(), "none.so"))
	const line = "study --by none --depths head --l2-points 3 --repeat 2 --at 200,400 names.features"
	var got struct {
		Curves []struct {
			Depth  string
			Points []map[string]any
		}
		Predictions []map[string]any
		Advice      map[string]any
		Skipped     []any
		Seconds     *float64
	}
	if err := json.Unmarshal([]byte(p.do(t, line+" --json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Curves) != 1 || got.Curves[0].Depth != "head" || len(got.Curves[0].Points) < 4 || len(got.Predictions) != 2 || got.Skipped == nil || got.Seconds == nil {
		t.Fatalf("%+v", got)
	}
	for _, key := range []string{"n", "per_class", "value", "low", "high", "train"} {
		if _, ok := got.Curves[0].Points[0][key].(float64); !ok {
			t.Errorf("a point has no %s: %v", key, got.Curves[0].Points[0])
		}
	}
	for _, key := range []string{"n", "value", "low80", "high80", "low95", "high95"} {
		if _, ok := got.Predictions[0][key].(float64); !ok {
			t.Errorf("a prediction has no %s: %v", key, got.Predictions[0])
		}
	}
	text, _ := got.Advice["text"].(string)
	if n := got.Predictions[1]["n"]; n != 400. || got.Advice["data"] == nil || got.Advice["depth"] != "unclear" || strings.Count(text, ". ") != 1 {
		t.Errorf("%v, %v", n, got.Advice)
	}
	page := p.read("names.study.html")
	if !bytes.Contains(page, []byte("<svg class=\"plot\"")) {
		t.Error("the page has no curves")
	}
	table := p.do(t, line+" --threads 1")
	if !strings.Contains(table, "log-loss") || !strings.Contains(table, "names.study.html") {
		t.Errorf("printed:\n%s", table)
	}
	if !bytes.Equal(p.read("names.study.html"), page) {
		t.Error("the same study with one thread has another page")
	}
	if _, err := os.Lstat("names.study.html.notes"); err == nil {
		t.Error("the notes of a study that is done are left behind")
	}
	p.do(t, line+" --format svg --report curves.svg")
	if !bytes.HasPrefix(p.read("curves.svg"), []byte("<svg ")) {
		t.Error("curves.svg is no drawing")
	}
	p.do(t, line+" --format png")
	if !bytes.HasPrefix(p.read("names.study.png"), []byte("\x89PNG")) {
		t.Error("names.study.png is no picture")
	}
}

// Samples that are gone leave heads and cached taps, and it is said.
func TestStudyOfWhatIsGone(t *testing.T) {
	p := studied(t, 20)
	os.Remove("names.csv")
	var got struct {
		Curves  []struct{ Depth string }
		Skipped []struct{ Depth, Kind, Reason string }
	}
	out := p.do(t, "study --by none --depths head,taps,last:1 --l2-points 2 --repeat 2 --budget 10h --json names.features")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Curves) != 1 || len(got.Skipped) != 2 || got.Skipped[0].Kind != "unable" {
		t.Fatalf("%s", out)
	}
	// Whoever reads it has typed commands, and knows no rooms of the program.
	const why = "the samples of names.features cannot be read again: names.csv: no such file or folder; --root DIR says where they are"
	for _, s := range got.Skipped {
		if s.Reason != why {
			t.Errorf("%s: %s", s.Depth, s.Reason)
		}
	}
	if !bytes.Contains(p.read("names.study.html"), []byte("<li>taps; last:1: "+why+"</li>")) {
		t.Error("the page does not say so in one line")
	}
}

// Why a depth is skipped is said without the rooms that an error came through.
func TestSkippedReason(t *testing.T) {
	r := &rereading{command: "study", name: "a.features"}
	for _, c := range []struct {
		depth string
		err   error
		want  string
	}{
		{"taps", &transfer.TapsError{Err: errors.New("extract: a tap is\nlost")}, "a tap is; lost"},
		{"last:2", fmt.Errorf("transfer: tail last:2: %w", errors.New("retrain: grad: node 7: no gradient for Cos")), "node 7: no gradient for Cos"},
		{"all", &runtime.LibraryError{Explicit: true, Tried: []runtime.Attempt{{Path: "/x.so", Err: errors.New("not there")}}}, "it takes ONNX Runtime: /x.so: not there"},
		{"all", fmt.Errorf("transfer: tail all: %w", &extract.GoneError{Set: "a.features", Gone: 2, N: 1000}), "2 of 1,000 samples of a.features are not where they were extracted from any more, or are bad now; --root DIR says where they are"},
		{"half", errors.New("the head: and the text: stay"), "the head: and the text: stay"},
	} {
		got := r.skippedReason(&study.Skipped{Depth: c.depth, Kind: "unable", Reason: c.err.Error(), Err: c.err}, &common{})
		if got != c.want && !strings.HasPrefix(got, c.want+"; to install") {
			t.Errorf("%s: %q, want %q", c.depth, got, c.want)
		}
	}
	if got := r.skippedReason(&study.Skipped{Depth: "all", Kind: "budget", Reason: "too long"}, &common{}); got != "too long" {
		t.Errorf("a budget: %q", got)
	}
}

// TestStudyKilledFiveTimes kills a study as a process five times. The page is
// that of a study that was not disturbed, byte for byte.
func TestStudyKilledFiveTimes(t *testing.T) {
	p := studied(t, 60)
	const line = "study --by none --depths head --l2-points 12 --repeat 8 names.features"
	p.do(t, line)
	undisturbed := p.read("names.study.html")
	os.Remove("names.study.html")
	kept := func() int {
		var f struct{ Notes map[string]any }
		if text, err := os.ReadFile("names.study.html.notes"); err == nil {
			if err := json.Unmarshal(text, &f); err != nil {
				t.Fatal(err)
			}
		}
		return len(f.Notes)
	}
	for kills, tries := 0, 0; kills < 5; tries++ {
		if tries == 50 {
			t.Fatalf("of %d studies %d could be killed before they were over", tries, kills)
		}
		before := kept()
		cmd, _, stderr := child(t, line)
		for range 4000 {
			if kept() > before {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		cmd.Process.Kill()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		if os.Remove("names.study.html") == nil {
			continue // it was over first, and begins anew
		}
		kills++
	}
	left := kept()
	if left == 0 {
		t.Fatal("nothing was kept")
	}
	_, _, said := p.try(t, line)
	if !bytes.Equal(p.read("names.study.html"), undisturbed) {
		t.Error("a study that was killed five times has another page")
	}
	if want := fmt.Sprintf("%d trainings of an earlier run", left); !strings.Contains(said, want) {
		t.Errorf("%q is not said: %s", want, said)
	}
}

// TestStudyNotesAreShared: what a study of heads alone has learnt, one of more
// depths takes, and the other way round. Notes of another version of the
// program, or of other data, are not used, and it is said.
func TestStudyNotesAreShared(t *testing.T) {
	p := studied(t, 60)
	const heads = "study --by none --depths head --l2-points 12 --repeat 8 names.features"
	const both = "study --by none --depths head,taps --l2-points 12 --repeat 8 --budget 10h names.features"
	const path = "names.study.html.notes"
	stopped := func(line string, least int) map[string]any {
		t.Helper()
		var f map[string]any
		for try := 0; ; try++ {
			if try == 50 {
				t.Fatal("it is over before it can be stopped")
			}
			cmd, _, stderr := child(t, line)
			for range 4000 {
				text, err := os.ReadFile(path)
				if err == nil && json.Unmarshal(text, &f) == nil && len(f["notes"].(map[string]any)) >= least {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			cmd.Process.Kill()
			cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code > 0 {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			if os.Remove("names.study.html") != nil {
				break
			}
		}
		if err := json.Unmarshal(p.read(path), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := stopped(heads, 2)["notes"].(map[string]any)
	file := stopped(both, len(first)+1)
	second := file["notes"].(map[string]any)
	for key := range first {
		if second[key] == nil {
			t.Fatalf("of %d notes of heads there are %d after a study of heads and taps", len(first), len(second))
		}
	}
	says := func(line string, wants ...string) {
		t.Helper()
		code, _, said := p.try(t, line)
		for _, want := range wants {
			if code != exitDone || !strings.Contains(said, want) {
				t.Errorf("exit %d, %q is not said: %s", code, want, said)
			}
		}
	}
	text := p.read(path)
	all := fmt.Sprintf("%d trainings", len(second))
	says(heads, all+" of an earlier run are taken from "+path)

	file["program"] = "v0.0.1, notes 1"
	other, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	p.put(path, other)
	says(heads, all+" in "+path+" are by another version of headstart (v0.0.1, notes 1; this is ", "are not used: they begin anew")
	delete(file, "program")
	if other, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	p.put(path, other)
	says(heads, "one that does not say which")
	p.put(path, text)
	says(strings.Replace(heads, "--l2-points 12", "--l2-points 3", 1), all+" in "+path+" are of other data or settings, and are not used")
}

// What cannot be studied is an error that says what to do.
func TestStudyOfBadInput(t *testing.T) {
	p := studied(t, 40)
	p.table("few.csv", "image,name,label,group", p.samples(0, 6, "animals-and-nature", "food-and-drink"))
	p.do(t, "extract --text name --out few.features few.csv")
	p.put("plain.txt", []byte("a nice day\nanother one\n"))
	p.do(t, "extract --format lines --out plain.features plain.txt")
	p.fails(t, "study few.features", exitFailed, "too few for a curve", "labelled samples")
	p.fails(t, "study plain.features", exitFailed, "label")
	for _, name := range []string{"few.study.html.notes", "plain.study.html.notes"} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s is left behind where nothing was learnt", name)
		}
	}
	p.fails(t, "study --at 10 --by none --depths head names.features", exitFailed, "ask for more")
	p.fails(t, "study --at ten names.features", exitUsage, "--at ten")
	p.fails(t, "study --budget soon names.features", exitUsage, "--budget soon")
	p.fails(t, "study --repeat 1 names.features", exitUsage, "--repeat 1")
	p.fails(t, "study --depths head,head names.features", exitUsage, "each once")
	p.fails(t, "study --depths last:99 names.features", exitUsage, "last:99")
	p.fails(t, "study --metric log-loss names.features", exitUsage, "accuracy")
}
