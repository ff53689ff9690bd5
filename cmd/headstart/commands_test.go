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

// TestCommands goes from samples to predictions and holds what is printed and
// written to the contract with scripts.
func TestCommands(t *testing.T) {
	p := newPlace(t)
	classes := []string{"animals-and-nature", "food-and-drink", "symbols"}
	samples := p.samples(0, 30, classes...)
	later := p.samples(30, 5, classes...)
	p.table("emoji.csv", "image,name,label,group", samples)
	p.table("later.csv", "image,name,label,group", append(slices.Clone(later), samples[:10]...))
	names := p.one(t, "extract --text name --out names.features emoji.csv")
	images := p.one(t, "extract --image image --alpha white --root "+p.emoji+" --out images.features emoji.csv")
	p.do(t, "extract --text name --out later.features later.csv")
	const fast = " --by none --l2-points 4 --folds 2 "
	const joint = " --by none --l2 0.1 --cv 2 --calibrate none"
	trained := p.one(t, "train-head names.features"+fast)
	p.do(t, "train-head --out both.head.onnx images.features names.features"+joint)

	t.Run("extract", func(t *testing.T) {
		const keys = "features samples cached computed duplicates bad backbone_rows check_rows seconds rate " +
			"stages.read stages.decode stages.infer stages.write spaces.fingerprint spaces.tap spaces.pooling spaces.dim quarantine"
		names.wantKeys(t, keys)
		images.wantKeys(t, keys)
		names.wantNumbers(t, map[string]float64{"samples": 90, "computed": 90, "cached": 0, "backbone_rows": 90, "duplicates": 0, "bad": 0, "spaces.dim": 384})
		images.wantNumbers(t, map[string]float64{"samples": 90, "computed": 90, "backbone_rows": 90, "spaces.dim": 1280})
		if names["features"] != "names.features" || names["quarantine"] != nil {
			t.Errorf("features %v, quarantine %v", names["features"], names["quarantine"])
		}
		if _, err := os.Stat("names.quarantine.jsonl"); err == nil {
			t.Error("a quarantine list of nothing")
		}
		again := p.one(t, "extract --text name --out names.features emoji.csv")
		again.wantNumbers(t, map[string]float64{"samples": 90, "cached": 90, "computed": 0, "backbone_rows": 0})
	})

	t.Run("dry run", func(t *testing.T) {
		p.table("dry.csv", "name", [][]string{{samples[0][1]}, {"a thing that is new"}, {"a thing that is new"}})
		plan := p.one(t, "extract --dry-run --text name dry.csv")
		plan.wantKeys(t, "samples cached missing duplicates bad check_rows seconds")
		plan.wantNumbers(t, map[string]float64{"samples": 3, "cached": 1, "missing": 1, "duplicates": 1, "bad": 0})
		if _, err := os.Stat("dry.features"); err == nil {
			t.Error("it wrote a feature set")
		}
		p.one(t, "extract --dry-run --text name dry.csv").wantNumbers(t, map[string]float64{"cached": 1, "missing": 1})
	})

	t.Run("train-head", func(t *testing.T) {
		const keys = "head type classes n.train n.validation n.test dim l2 fit.objective fit.passes fit.seconds fit.status " +
			"selection.head selection.l2 selection.score selection.se baseline.accuracy per_class.class per_class.precision per_class.recall per_class.support unmatched calibration warnings "
		trained.wantKeys(t, keys+metricKeys("metrics.cv"))
		if trained["head"] != "names.head.onnx" || trained["type"] != "softmax" || fmt.Sprint(trained["classes"]) != fmt.Sprint(classes) {
			t.Errorf("head %v, type %v, classes %v", trained["head"], trained["type"], trained["classes"])
		}
		trained.wantNumbers(t, map[string]float64{"n.train": 90, "n.test": 0, "dim": 384, "unmatched": 0})
		if _, ok := trained.at("metrics.test"); ok {
			t.Error("with cross-validation there is no test part")
		}
		if got := trained.number(t, "metrics.cv.accuracy.value"); !(got > 0.7) {
			t.Errorf("accuracy %v; three classes of names are told apart better", got)
		}

		parts := p.one(t, "train-head names.features --out parts.head.onnx --split train=0.6,validation=0.2,test=0.2"+fast)
		parts.wantKeys(t, keys+metricKeys("metrics.test")+" "+metricKeys("metrics.validation"))
		if sum := parts.number(t, "n.train") + parts.number(t, "n.validation") + parts.number(t, "n.test"); sum != 90 {
			t.Errorf("the parts have %v samples", sum)
		}
		if _, ok := parts.at("metrics.cv"); ok {
			t.Error("--split leaves no cross-validation")
		}
	})

	t.Run("predict", func(t *testing.T) {
		fromFeatures := rows(t, p.do(t, "predict names.head.onnx names.features"))
		fromSource := rows(t, p.do(t, "predict --text name names.head.onnx emoji.csv"))
		if got := strings.Join(fromFeatures[0], ","); got != "id,label,probability" {
			t.Errorf("header %s", got)
		}
		if got := strings.Join(fromSource[0], ","); got != "id,label,probability,error" {
			t.Errorf("header of a source's predictions %s", got)
		}
		if len(fromFeatures) != 91 || len(fromSource) != 91 {
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

		every := rows(t, p.do(t, "predict names.head.onnx names.features --top 2 --probabilities"))
		want := "id,label,probability,label_2,probability_2,p:" + strings.Join(classes, ",p:")
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
			if math.Abs(sum-1) > 1e-4 || row[1] == row[3] || row[2] != row[5+slices.Index(classes, row[1])] {
				t.Errorf("%v", row)
			}
		}

		code, stdout, stderr := p.try(t, "predict names.head.onnx names.features --json --quiet")
		lines := objects(t, stdout)
		if code != 0 || len(lines) != 90 {
			t.Fatalf("exit %d, %d lines: %s", code, len(lines), stderr)
		}
		lines[0].wantKeys(t, "id label probability")
		summary := objects(t, stderr)
		if len(summary) != 1 {
			t.Fatalf("stderr: %s", stderr)
		}
		summary[0].wantKeys(t, "samples bad cached computed backbone_rows check_rows unmatched seconds")
		summary[0].wantNumbers(t, map[string]float64{"samples": 90, "bad": 0, "backbone_rows": 0})

		p.do(t, "predict names.head.onnx names.features --out out.jsonl")
		if got := string(p.read("out.jsonl")); got != stdout {
			t.Error("--out NAME.jsonl holds something else than --json prints")
		}
		p.do(t, "predict names.head.onnx names.features --out out.csv")
		if got := rows(t, string(p.read("out.csv"))); !slices.EqualFunc(got, fromFeatures, slices.Equal) {
			t.Error("--out NAME.csv holds something else than is printed")
		}
	})

	t.Run("predict in input order with bad samples", func(t *testing.T) {
		p.table("holes.csv", "name,n", [][]string{{samples[2][1], "1"}, {"", "2"}, {"an unknown " + strings.Repeat("long text ", 60), "3"}, {samples[1][1], "4"}, {"", "5"}, {samples[0][1], "6"}})
		code, stdout, stderr := p.try(t, "predict names.head.onnx --text name holes.csv --quiet")
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
		p.do(t, "predict names.head.onnx --text name holes.csv --max-bad 2")
	})

	t.Run("a head of two spaces", func(t *testing.T) {
		got := rows(t, p.do(t, "predict both.head.onnx images.features names.features"))
		if len(got) != 91 || got[1][0] != "emoji#1" {
			t.Fatalf("%d rows, %v", len(got), got[1])
		}
		right := 0
		for i, row := range got[1:] {
			if row[1] == samples[i][2] {
				right++
			}
		}
		if right < 80 {
			t.Errorf("%d of 90 samples that it was fitted on are right", right)
		}
		p.fails(t, "predict both.head.onnx names.features images.features", exitFailed, "order")
		p.fails(t, "predict both.head.onnx names.features", exitFailed, "1 spaces", "2 are needed")
		code, _, stderr := p.try(t, "predict both.head.onnx --text name emoji.csv")
		for _, part := range []string{"takes 2 feature sets", "headstart extract --backbone efficientnet-lite0", "headstart extract --backbone all-minilm-l6-v2"} {
			if code != exitFailed || !strings.Contains(stderr, part) {
				t.Errorf("a source: exit %d, %q does not say %q", code, stderr, part)
			}
		}
	})

	t.Run("evaluate", func(t *testing.T) {
		const keys = "head n fitted unlabelled ignored unmatched "
		fresh := p.one(t, "evaluate names.head.onnx later.features")
		fresh.wantKeys(t, keys+metricKeys("metrics"))
		fresh.wantNumbers(t, map[string]float64{"n": 15, "fitted": 10, "metrics.rows": 15})
		all := p.one(t, "evaluate names.head.onnx later.features --all")
		all.wantKeys(t, keys+metricKeys("metrics")+" "+metricKeys("fitted_metrics"))
		all.wantNumbers(t, map[string]float64{"n": 15, "fitted": 10, "metrics.rows": 15, "fitted_metrics.rows": 10,
			"metrics.accuracy.value": fresh.number(t, "metrics.accuracy.value")})
		p.fails(t, "evaluate names.head.onnx names.features", exitFailed, "fitted on all 90", "--all")
		seen := p.one(t, "evaluate names.head.onnx names.features --all")
		seen.wantNumbers(t, map[string]float64{"n": 0, "fitted": 90, "fitted_metrics.rows": 90})

		// The accuracy is that of the rows that predict gives.
		right := 0
		for i, row := range rows(t, p.do(t, "predict names.head.onnx later.features"))[1 : 1+len(later)] {
			if row[1] == later[i][2] {
				right++
			}
		}
		if got := fresh.number(t, "metrics.accuracy.value"); got != float64(right)/float64(len(later)) {
			t.Errorf("accuracy %v, but %d of %d predictions are right", got, right, len(later))
		}
	})

	t.Run("inspect", func(t *testing.T) {
		p.one(t, "inspect names.features").wantKeys(t, "path meta.spaces meta.backbone meta.modality meta.source meta.counts.samples meta.tool meta.created rows classes groups")
		p.one(t, "inspect names.head.onnx").wantKeys(t, "head type classes dim l2 spaces.backbone spaces.space fitted data settings result versions created")
		p.one(t, "inspect all-minilm-l6-v2").wantKeys(t, "name modality licence source sha256 bytes opset ir_version parameters inputs.name outputs.shape operators tap.dim prep row_independent overruled taps.name taps.shape cuts.tensor cuts.shape cuts.layer cuts.ends_layer cuts.parameters_after")
		stat := "cache spaces.fingerprint spaces.description spaces.rows spaces.bytes rows bytes quarantined"
		p.one(t, "inspect "+os.Getenv("HEADSTART_CACHE")).wantKeys(t, stat)
		got := p.one(t, "cache stat")
		got.wantKeys(t, stat)
		if n := len(got["spaces"].([]any)); n != 2 {
			t.Errorf("%d spaces, want one of texts and one of images", n)
		}
		p.one(t, "cache verify --full").wantKeys(t, "ok spaces segments wals rows bytes problems recomputed unreadable missing")
		for i, heads := range objects(t, p.do(t, "inspect names.head.onnx both.head.onnx --json")) {
			if heads["head"] != []string{"names.head.onnx", "both.head.onnx"}[i] {
				t.Errorf("head %d is %v", i, heads["head"])
			}
		}
		for i, backbone := range objects(t, p.do(t, "models list --json")) {
			backbone.wantKeys(t, "name modality dim about licence source files")
			if backbone["name"] != []string{"all-minilm-l6-v2", "efficientnet-lite0"}[i] {
				t.Errorf("backbone %d is %v", i, backbone["name"])
			}
		}
	})

	t.Run("outputs are replaced by their like only", func(t *testing.T) {
		before := p.read("names.features")
		p.fails(t, "extract --text name --out names.features later.csv", exitFailed, "names.features", "source", "--out")
		p.fails(t, "extract --text group --out names.features emoji.csv", exitFailed, "names.features", "text column", "--out")
		p.put("notes.features", []byte("a person's notes"))
		p.fails(t, "extract --text name --out notes.features emoji.csv", exitFailed, "notes.features", "--out")
		if !bytes.Equal(before, p.read("names.features")) || string(p.read("notes.features")) != "a person's notes" {
			t.Error("a refused file has changed")
		}
		head := p.read("names.head.onnx")
		p.fails(t, "train-head images.features --out names.head.onnx"+fast, exitFailed, "names.head.onnx", "another space", "--out")
		p.fails(t, "train-head images.features names.features --out names.head.onnx"+fast, exitFailed, "names.head.onnx", "--out")
		p.fails(t, "train-head names.features --out notes.features"+fast, exitFailed, "notes.features", "--out")
		if !bytes.Equal(head, p.read("names.head.onnx")) {
			t.Error("a refused head has changed")
		}
		p.do(t, "train-head names.features --head ncm"+fast)
		if now := p.one(t, "inspect names.head.onnx"); now["type"] != "ncm" {
			t.Errorf("retrained, it is of type %v", now["type"])
		}
		p.do(t, "train-head names.features"+fast)
		if !bytes.Equal(head, p.read("names.head.onnx")) {
			t.Error("trained again as at first, the head is another file")
		}
		if left, _ := filepath.Glob(".*"); len(left) > 0 {
			t.Errorf("temporary files are left: %v", left)
		}
	})

	t.Run("the same again from nothing", func(t *testing.T) {
		set, both := p.read("names.features"), p.read("both.head.onnx")
		t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "other"))
		table := p.read("emoji.csv")
		t.Chdir(t.TempDir())
		p.put("emoji.csv", table)
		p.do(t, "extract --text name --out names.features emoji.csv")
		p.do(t, "extract --image image --alpha white --root "+p.emoji+" --out images.features emoji.csv")
		p.do(t, "train-head --out both.head.onnx images.features names.features"+joint)
		if !bytes.Equal(set, p.read("names.features")) {
			t.Error("the feature set has other bytes")
		}
		if !bytes.Equal(both, p.read("both.head.onnx")) {
			t.Error("the head has other bytes")
		}
	})
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
		p.one(t, "extract photos --quiet").wantNumbers(t, want)
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
