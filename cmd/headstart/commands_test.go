package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// metricKeys are what a script finds in the metrics of a part.
func metricKeys(part string) string {
	var keys []string
	for _, metric := range []string{"accuracy", "macro_f1", "log_loss", "ece"} {
		for _, field := range []string{"value", "low", "high"} {
			keys = append(keys, part+"."+metric+"."+field)
		}
	}
	return strings.Join(keys, " ")
}

// walk is a place where features were extracted and heads trained.
type walk struct {
	*place
	classes        []string
	samples, later [][]string
	names, images  object // what extract printed
	trained        object // what train-head printed
}

// perCommand is how many samples of each class the commands see.
const (
	perCommand = 12
	inCommands = 3 * perCommand
)

// Flags of train-head, for a head on one feature set and on two.
const (
	fast  = " --by none --l2-points 4 --folds 2 "
	joint = " --by none --l2 0.1 --split train=1 --calibrate none"
)

// TestCommands goes from samples to predictions and holds what is printed and
// written to the contract with scripts.
func TestCommands(t *testing.T) {
	w := &walk{place: newPlace(t), classes: []string{"animals-and-nature", "food-and-drink", "symbols"}}
	w.samples = w.place.samples(0, perCommand, w.classes...)
	w.later = w.place.samples(perCommand, 5, w.classes...)
	w.table("emoji.csv", "image,name,label,group", w.samples)
	w.table("later.csv", "image,name,label,group", append(slices.Clone(w.later), w.samples[:10]...))
	w.names = w.one(t, "extract --text name --out names.features emoji.csv")
	w.images = w.one(t, "extract --image image --alpha white --root "+w.emoji+" --out images.features emoji.csv")
	w.do(t, "extract --text name --out later.features later.csv")
	w.trained = w.one(t, "train-head names.features"+fast)
	w.do(t, "train-head --out both.head.onnx images.features names.features"+joint)

	t.Run("extract", w.extract)
	t.Run("dry run", w.dryRun)
	t.Run("train-head", w.trainHead)
	t.Run("predict", w.predict)
	t.Run("predict in input order with bad samples", w.predictBad)
	t.Run("a head of two spaces", w.twoSpaces)
	t.Run("evaluate", w.evaluate)
	t.Run("inspect", w.inspect)
	t.Run("outputs are replaced by their like only", w.replaced)
	t.Run("the same again from nothing", w.sameAgain)
}

// extract prints what it did, and finds everything in the cache a second time.
func (w *walk) extract(t *testing.T) {
	const keys = "features samples cached computed duplicates bad backbone_rows check_rows seconds rate " +
		"stages.read stages.decode stages.infer stages.write spaces.fingerprint spaces.tap spaces.pooling spaces.dim quarantine notes warnings skipped"
	w.names.wantKeys(t, keys)
	w.images.wantKeys(t, keys)
	w.names.wantNumbers(t, map[string]float64{"samples": inCommands, "computed": inCommands, "cached": 0, "backbone_rows": inCommands, "duplicates": 0, "bad": 0, "spaces.dim": 384})
	w.images.wantNumbers(t, map[string]float64{"samples": inCommands, "computed": inCommands, "backbone_rows": inCommands, "spaces.dim": 1280})
	if w.names["features"] != "names.features" || w.names["quarantine"] != nil {
		t.Errorf("features %v, quarantine %v", w.names["features"], w.names["quarantine"])
	}
	if _, err := os.Stat("names.quarantine.jsonl"); err == nil {
		t.Error("a quarantine list of nothing")
	}
	again := w.one(t, "extract --text name --out names.features emoji.csv")
	again.wantNumbers(t, map[string]float64{"samples": inCommands, "cached": inCommands, "computed": 0, "backbone_rows": 0})
}

// A dry run says what there is to do, and leaves nothing.
func (w *walk) dryRun(t *testing.T) {
	w.table("dry.csv", "name", [][]string{{w.samples[0][1]}, {"a thing that is new"}, {"a thing that is new"}})
	plan := w.one(t, "extract --dry-run --text name dry.csv")
	plan.wantKeys(t, "samples cached missing duplicates bad check_rows seconds")
	plan.wantNumbers(t, map[string]float64{"samples": 3, "cached": 1, "missing": 1, "duplicates": 1, "bad": 0})
	if _, err := os.Stat("dry.features"); err == nil {
		t.Error("it wrote a feature set")
	}
	w.one(t, "extract --dry-run --text name dry.csv").wantNumbers(t, map[string]float64{"cached": 1, "missing": 1})
}

// train-head prints its contract, with cross-validation and with parts.
func (w *walk) trainHead(t *testing.T) {
	const keys = "head type classes n.train n.validation n.test dim l2 fit.objective fit.passes fit.seconds fit.status " +
		"selection.head selection.l2 selection.score selection.se baseline.accuracy per_class.class per_class.precision per_class.recall per_class.support unmatched calibration notes warnings "
	w.trained.wantKeys(t, keys+metricKeys("metrics.cv"))
	if w.trained["head"] != "names.head.onnx" || w.trained["type"] != "softmax" || fmt.Sprint(w.trained["classes"]) != fmt.Sprint(w.classes) {
		t.Errorf("head %v, type %v, classes %v", w.trained["head"], w.trained["type"], w.trained["classes"])
	}
	w.trained.wantNumbers(t, map[string]float64{"n.train": inCommands, "n.test": 0, "dim": 384, "unmatched": 0})
	if _, ok := w.trained.at("metrics.test"); ok {
		t.Error("with cross-validation there is no test part")
	}
	if got := w.trained.number(t, "metrics.cv.accuracy.value"); !(got > 0.7) {
		t.Errorf("accuracy %v; three classes of names are told apart better", got)
	}

	parts := w.one(t, "train-head names.features --out parts.head.onnx --split train=0.6,validation=0.2,test=0.2"+fast)
	parts.wantKeys(t, keys+metricKeys("metrics.test")+" "+metricKeys("metrics.validation"))
	if sum := parts.number(t, "n.train") + parts.number(t, "n.validation") + parts.number(t, "n.test"); sum != inCommands {
		t.Errorf("the parts have %v samples", sum)
	}
	if _, ok := parts.at("metrics.cv"); ok {
		t.Error("--split leaves no cross-validation")
	}
}

// predict says the same of features and of their source, in each format.
func (w *walk) predict(t *testing.T) {
	fromFeatures := rows(t, w.do(t, "predict names.head.onnx names.features"))
	fromSource := rows(t, w.do(t, "predict --text name names.head.onnx emoji.csv"))
	if got := strings.Join(fromFeatures[0], ","); got != "id,label,probability" {
		t.Errorf("header %s", got)
	}
	if got := strings.Join(fromSource[0], ","); got != "id,label,probability,error" {
		t.Errorf("header of a source's predictions %s", got)
	}
	if len(fromFeatures) != inCommands+1 || len(fromSource) != inCommands+1 {
		t.Fatalf("%d and %d rows", len(fromFeatures), len(fromSource))
	}
	for i, row := range fromFeatures[1:] {
		if want := fmt.Sprintf("emoji#%d", i+1); row[0] != want {
			t.Fatalf("row %d is of %s, want %s", i+1, row[0], want)
		}
		if !slices.Equal(row, fromSource[i+1][:3]) || fromSource[i+1][3] != "" {
			t.Errorf("from features %v, from the source %v", row, fromSource[i+1])
		}
	}

	every := rows(t, w.do(t, "predict names.head.onnx names.features --top 2 --probabilities"))
	want := "id,label,probability,label_2,probability_2,p:" + strings.Join(w.classes, ",p:")
	if got := strings.Join(every[0], ","); got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	for _, row := range every[1:] {
		sum := 0.0
		for _, cell := range row[5:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-4 || row[1] == row[3] || row[2] != row[5+slices.Index(w.classes, row[1])] {
			t.Errorf("%v", row)
		}
	}

	code, stdout, stderr := w.try(t, "predict names.head.onnx names.features --json --quiet")
	lines := objects(t, stdout)
	if code != 0 || len(lines) != inCommands {
		t.Fatalf("exit %d, %d lines: %s", code, len(lines), stderr)
	}
	lines[0].wantKeys(t, "id label probability")
	summary := objects(t, stderr)
	if len(summary) != 1 {
		t.Fatalf("stderr: %s", stderr)
	}
	summary[0].wantKeys(t, "samples bad cached computed backbone_rows check_rows unmatched seconds notes warnings")
	summary[0].wantNumbers(t, map[string]float64{"samples": inCommands, "bad": 0, "backbone_rows": 0})

	w.do(t, "predict names.head.onnx names.features --out out.jsonl")
	if got := string(w.read("out.jsonl")); got != stdout {
		t.Error("--out NAME.jsonl holds something else than --json prints")
	}
	w.do(t, "predict names.head.onnx names.features --out out.csv")
	if got := rows(t, string(w.read("out.csv"))); !slices.EqualFunc(got, fromFeatures, slices.Equal) {
		t.Error("--out NAME.csv holds something else than is printed")
	}
}

// Bad samples are rows in their place.
func (w *walk) predictBad(t *testing.T) {
	w.table("holes.csv", "name,n", [][]string{{w.samples[2][1], "1"}, {"", "2"}, {"an unknown " + strings.Repeat("long text ", 60), "3"}, {w.samples[1][1], "4"}, {"", "5"}, {w.samples[0][1], "6"}})
	code, stdout, stderr := w.try(t, "predict names.head.onnx --text name holes.csv --quiet")
	if code != exitBadSamples || !strings.Contains(stderr, "2 of 6 samples are bad") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	got := rows(t, stdout)[1:]
	if len(got) != 6 {
		t.Fatalf("%d rows", len(got))
	}
	for i, row := range got {
		bad := i == 1 || i == 4
		if row[0] != fmt.Sprintf("holes#%d", i+1) || (row[1] == "") != bad || (row[3] != "") != bad {
			t.Errorf("row %d: %v", i+1, row)
		}
	}
	w.do(t, "predict names.head.onnx --text name holes.csv --max-bad 2")
}

// A head of two spaces takes as many feature sets, in its order.
func (w *walk) twoSpaces(t *testing.T) {
	got := rows(t, w.do(t, "predict both.head.onnx images.features names.features"))
	if len(got) != inCommands+1 || got[1][0] != "emoji#1" {
		t.Fatalf("%d rows, %v", len(got), got[1])
	}
	right := 0
	for i, row := range got[1:] {
		if row[1] == w.samples[i][2] {
			right++
		}
	}
	if right < inCommands*8/9 {
		t.Errorf("%d of %d samples that it was fitted on are right", right, inCommands)
	}
	w.fails(t, "predict both.head.onnx names.features images.features", exitFailed, "order")
	w.fails(t, "predict both.head.onnx names.features", exitFailed, "features of 2 spaces", "these are of 1")
	code, _, stderr := w.try(t, "predict both.head.onnx --text name emoji.csv")
	for _, part := range []string{"takes 2 feature sets", "headstart extract --backbone efficientnet-lite0", "headstart extract --backbone all-minilm-l6-v2"} {
		if code != exitFailed || !strings.Contains(stderr, part) {
			t.Errorf("a source: exit %d, %q does not say %q", code, stderr, part)
		}
	}
}

// evaluate leaves out what the head was fitted on, and agrees with predict.
func (w *walk) evaluate(t *testing.T) {
	const keys = "head n fitted unlabelled ignored unmatched notes warnings "
	fresh := w.one(t, "evaluate names.head.onnx later.features")
	fresh.wantKeys(t, keys+metricKeys("metrics"))
	fresh.wantNumbers(t, map[string]float64{"n": 15, "fitted": 10, "metrics.rows": 15})
	all := w.one(t, "evaluate names.head.onnx later.features --all")
	all.wantKeys(t, keys+metricKeys("metrics")+" "+metricKeys("fitted_metrics"))
	all.wantNumbers(t, map[string]float64{"n": 15, "fitted": 10, "metrics.rows": 15, "fitted_metrics.rows": 10,
		"metrics.accuracy.value": fresh.number(t, "metrics.accuracy.value")})
	w.fails(t, "evaluate names.head.onnx names.features", exitFailed, fmt.Sprintf("fitted on all of names.features (%d labelled samples)", inCommands), "--all")
	seen := w.one(t, "evaluate names.head.onnx names.features --all")
	seen.wantNumbers(t, map[string]float64{"n": 0, "fitted": inCommands, "fitted_metrics.rows": inCommands})

	// The accuracy is that of the rows that predict gives.
	right := 0
	for i, row := range rows(t, w.do(t, "predict names.head.onnx later.features"))[1 : 1+len(w.later)] {
		if row[1] == w.later[i][2] {
			right++
		}
	}
	if got := fresh.number(t, "metrics.accuracy.value"); got != float64(right)/float64(len(w.later)) {
		t.Errorf("accuracy %v, but %d of %d predictions are right", got, right, len(w.later))
	}
}

// inspect, cache and models print what scripts read.
func (w *walk) inspect(t *testing.T) {
	w.one(t, "inspect names.features").wantKeys(t, "path meta.spaces meta.backbone meta.modality meta.source meta.counts.samples meta.tool meta.created rows classes groups")
	w.one(t, "inspect names.head.onnx").wantKeys(t, "head type classes dim l2 spaces.backbone spaces.space fitted data settings result versions created")
	w.one(t, "inspect all-minilm-l6-v2").wantKeys(t, "name modality licence source sha256 bytes opset ir_version parameters inputs.name outputs.shape operators tap.dim prep row_independent overruled read.file read.field read.value read.pixels read.default taps.name taps.shape cuts.tensor cuts.shape cuts.layer cuts.ends_layer cuts.parameters_after")
	stat := "cache spaces.fingerprint spaces.description spaces.rows spaces.bytes rows bytes quarantined"
	w.one(t, "inspect "+os.Getenv("HEADSTART_CACHE")).wantKeys(t, stat)
	got := w.one(t, "cache stat")
	got.wantKeys(t, stat)
	if n := len(got["spaces"].([]any)); n != 2 {
		t.Errorf("%d spaces, want one of texts and one of images", n)
	}
	w.one(t, "cache verify --full").wantKeys(t, "ok spaces segments wals rows bytes problems recomputed unreadable missing")
	for i, heads := range objects(t, w.do(t, "inspect names.head.onnx both.head.onnx --json")) {
		if heads["head"] != []string{"names.head.onnx", "both.head.onnx"}[i] {
			t.Errorf("head %d is %v", i, heads["head"])
		}
	}
	for i, backbone := range objects(t, w.do(t, "models list --json")) {
		backbone.wantKeys(t, "name modality dim about licence source files")
		if backbone["name"] != []string{"all-minilm-l6-v2", "efficientnet-lite0"}[i] {
			t.Errorf("backbone %d is %v", i, backbone["name"])
		}
	}
}

// Outputs are replaced by their like only.
func (w *walk) replaced(t *testing.T) {
	before := w.read("names.features")
	w.fails(t, "extract --text name --out names.features later.csv", exitFailed, "names.features", "source", "--out")
	w.fails(t, "extract --text group --out names.features emoji.csv", exitFailed, "names.features", "text column", "--out")
	w.put("notes.features", []byte("a person's notes"))
	w.fails(t, "extract --text name --out notes.features emoji.csv", exitFailed, "notes.features", "--out")
	if !bytes.Equal(before, w.read("names.features")) || string(w.read("notes.features")) != "a person's notes" {
		t.Error("a refused file has changed")
	}
	head := w.read("names.head.onnx")
	w.fails(t, "train-head images.features --out names.head.onnx"+fast, exitFailed, "names.head.onnx", "another space", "--out")
	w.fails(t, "train-head images.features names.features --out names.head.onnx"+fast, exitFailed, "names.head.onnx", "--out")
	w.fails(t, "train-head names.features --out notes.features"+fast, exitFailed, "notes.features", "--out")
	if !bytes.Equal(head, w.read("names.head.onnx")) {
		t.Error("a refused head has changed")
	}
	w.do(t, "train-head names.features --head ncm"+fast)
	if now := w.one(t, "inspect names.head.onnx"); now["type"] != "ncm" {
		t.Errorf("retrained, it is of type %v", now["type"])
	}
	w.do(t, "train-head names.features"+fast)
	if !bytes.Equal(head, w.read("names.head.onnx")) {
		t.Error("trained again as at first, the head is another file")
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// The same commands give the same bytes.
func (w *walk) sameAgain(t *testing.T) {
	set, both := w.read("names.features"), w.read("both.head.onnx")
	t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "other"))
	table := w.read("emoji.csv")
	t.Chdir(t.TempDir())
	w.put("emoji.csv", table)
	w.do(t, "extract --text name --out names.features emoji.csv")
	w.do(t, "extract --image image --alpha white --root "+w.emoji+" --out images.features emoji.csv")
	w.do(t, "train-head --out both.head.onnx images.features names.features"+joint)
	if !bytes.Equal(set, w.read("names.features")) {
		t.Error("the feature set has other bytes")
	}
	if !bytes.Equal(both, w.read("both.head.onnx")) {
		t.Error("the head has other bytes")
	}
}

// rows reads CSV.
func rows(t *testing.T, text string) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%d rows, %v: %s", len(all), err, text)
	}
	return all
}

// TestOnlyNewContentIsComputed adds, renames, touches and copies images.
func TestOnlyNewContentIsComputed(t *testing.T) {
	p := newPlace(t)
	p.small("vit")
	samples := p.samples(0, 20, "food-and-drink")
	path := func(i int) string { return "photos/" + samples[i][2] + "/" + filepath.Base(samples[i][0]) }
	place := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p.put(path(i), p.read(filepath.Join(p.emoji, samples[i][0])))
		}
	}
	extracted := func(step string, want map[string]float64) {
		t.Helper()
		t.Log(step)
		p.one(t, "extract --backbone vit photos --quiet").wantNumbers(t, want)
	}

	place(0, 9)
	extracted("the first time", map[string]float64{"samples": 9, "computed": 9, "backbone_rows": 9, "check_rows": 8})
	place(9, 19)
	extracted("10 more", map[string]float64{"samples": 19, "cached": 9, "computed": 10, "backbone_rows": 10, "check_rows": 8})
	if err := os.Rename(path(0), "photos/renamed.png"); err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	if err := os.Chtimes(path(1), soon, soon); err != nil {
		t.Fatal(err)
	}
	extracted("one renamed, one touched", map[string]float64{"samples": 19, "cached": 19, "backbone_rows": 0, "check_rows": 0})
	for i := range 5 {
		p.put(fmt.Sprintf("photos/copies/%d.png", i), p.read(filepath.Join(p.emoji, samples[19][0])))
	}
	extracted("one content under 5 names", map[string]float64{"samples": 24, "cached": 19, "computed": 1, "duplicates": 4, "backbone_rows": 1, "check_rows": 8})
	set := p.one(t, "inspect photos.features")
	set.wantNumbers(t, map[string]float64{"rows": 24, "meta.counts.duplicates": 4})

	// What counts is the content, not the name.
	own := p.read(path(2))
	p.put(path(2), p.read(path(3)))
	extracted("one has another's content", map[string]float64{"samples": 24, "backbone_rows": 0})
	p.put(path(2), own)
	extracted("and back", map[string]float64{"samples": 24, "backbone_rows": 0})
}
