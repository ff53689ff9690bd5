//go:build cgo && !windows

package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// --head auto compares all kinds on the same folds, says how far each is behind
// the best, and takes the simplest that is not behind by more than chance. A
// budget leaves out what does not go into it, and says so.
func TestHeadAuto(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 60, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone "+filepath.Join(p.backbones, "distilbert")+" --out names.features emoji.csv")
	const fast = "train-head --head auto --by none --l2-points 3 --folds 2 --cv 2 names.features"
	got := p.one(t, fast+" --report auto.html --out a.head.onnx")
	families := got["families"].([]any)
	if len(families) != len(head.KindsOf(head.OneOf))-1 || strings.Contains(fmt.Sprint(families), "mlp") { // which takes too long beside the others
		t.Errorf("%d kinds are compared: %v", len(families), families)
	}
	var chosen []any
	for _, f := range families {
		f := object(f.(map[string]any))
		if f["chosen"] == true {
			chosen = append(chosen, f["head"])
		}
		if !(f.number(t, "behind.value") >= 0) || !(f.number(t, "behind.se") >= 0) {
			t.Errorf("%v", f)
		}
	}
	if len(chosen) != 1 || chosen[0] != got["type"] {
		t.Errorf("%v are chosen, and the head is %v", chosen, got["type"])
	}
	table := p.do(t, fast+" --out b.head.onnx")
	for _, text := range []string{"compared on the same folds", "behind", "chosen", "lda+softmax"} {
		if !strings.Contains(table, text) || text != "compared on the same folds" && !strings.Contains(string(p.read("auto.html")), strings.ReplaceAll(text, "+", "&#43;")) {
			t.Errorf("%q is not in the table, or not on the page:\n%s", text, table)
		}
	}
	if string(p.read("a.head.onnx")) == "" || !strings.Contains(p.do(t, "inspect a.head.onnx"), "compared on the same folds") {
		t.Error("inspect does not say what was compared")
	}
	code, stdout, stderr := p.try(t, fast+" --budget 1ns --json --out c.head.onnx")
	if code != 0 || !strings.Contains(stdout, `"over-budget"`) || !strings.Contains(stdout, `"type":"ncm"`) {
		t.Errorf("exit %d: %s %s", code, stdout, stderr)
	}
	for _, bad := range []string{"0s", "-1m", "10", "soon"} {
		p.fails(t, fast+" --budget "+bad, exitUsage, "--budget", bad)
	}
	for _, bad := range []string{"0", "1.5", "x", "-1"} {
		p.fails(t, "train-head --head lda names.features --shrinkage "+bad, exitUsage, "--shrinkage", bad)
	}
}

// A flag that says how some kinds of heads are fitted is refused for others,
// with what it is for. In the environment it may be meant for another command.
func TestFlagsOfOtherKinds(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		flags string
		says  []string
	}{
		{"--budget 5m", []string{"--budget", "--head auto"}},
		{"--head ncm --budget 5m", []string{"--budget", "--head auto"}},
		{"--shrinkage 0.1", []string{"--shrinkage 0.1", "lda or lda+softmax", "softmax"}},
		{"--head ridge --shrinkage 0.1", []string{"--shrinkage 0.1", "lda or lda+softmax", "ridge"}},
		{"--head ordinal --shrinkage 0.1", []string{"--shrinkage 0.1", "lda or lda+softmax", "ordinal"}},
		{"--head lda --l2 0.1", []string{"--l2 0.1", "softmax, ridge", "the head is lda"}},
		{"--head knn --l2 0.1", []string{"--l2 0.1", "softmax, ridge", "the head is knn"}},
		{"--head mlp --l2 0.1", []string{"--l2 0.1", "softmax, ridge", "the head is mlp"}},
		{"--head lda --l2 average", []string{"--l2 average", "the head is lda"}},
		{"--head auto --l2 average", []string{"--l2 average", "--head auto"}},
	} {
		p.fails(t, "train-head names.features "+c.flags, exitUsage, c.says...)
	}
	t.Setenv("HEADSTART_BUDGET", "5m")
	p.fails(t, "train-head names.features", exitFailed, "names.features")
}

// Every kind of head goes through all commands: it is trained, looked into,
// measured, asked, drawn, and made one model with its backbone, which is
// compared with what predict computes.
func TestEveryKindOfHead(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 60, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone "+filepath.Join(p.backbones, "distilbert")+" --out names.features emoji.csv")
	for _, k := range head.Kinds {
		if k.Task != head.OneOf { // its labels are of another task
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Setenv("HEADSTART_HEAD", k.Name)
			file := k.Name + ".head.onnx"
			fast := " --by none --l2-points 3 --folds 2 --cv 2"
			if k.Name == "mlp" {
				fast += " --hidden 32,16 --epochs 20 --dropout 0.1 --lr 0.01"
			}
			trained := p.one(t, "train-head names.features --report "+k.Name+".html --out "+file+fast)
			if trained["type"] != k.Name || trained.number(t, "metrics.cv.accuracy.value") < 0.52 {
				t.Errorf("%v, accuracy %v", trained["type"], trained.number(t, "metrics.cv.accuracy.value"))
			}
			if page := string(p.read(k.Name + ".html")); !strings.Contains(page, strings.ReplaceAll(k.Name, "+", "&#43;")) {
				t.Error("the page does not name the head")
			}
			before := string(p.read(file))
			p.do(t, "train-head names.features --out again.head.onnx"+fast)
			if string(p.read("again.head.onnx")) != before {
				t.Error("trained again it is another file")
			}

			if inspected := p.one(t, "inspect "+file); inspected["type"] != k.Name {
				t.Errorf("inspect says %v", inspected["type"])
			}
			if table := p.do(t, "inspect "+file); !strings.Contains(table, k.Name) {
				t.Errorf("inspect prints\n%s", table)
			}
			if v := p.one(t, "evaluate --all "+file+" names.features").number(t, "fitted_metrics.accuracy.value"); v < 0.55 {
				t.Errorf("the rows of the fit are told apart with an accuracy of %v", v)
			}
			list := rows(t, p.do(t, "predict --probabilities "+file+" names.features"))
			for _, row := range list[1:] {
				sum := 0.0
				for _, cell := range row[len(row)-2:] {
					v, err := strconv.ParseFloat(cell, 64)
					if err != nil || v < 0 {
						t.Fatalf("row %v", row)
					}
					sum += v
				}
				if math.Abs(sum-1) > 1e-5 {
					t.Fatalf("probabilities of %v add up to %v", row, sum)
				}
			}
			out := p.one(t, "export "+file+" --out "+k.Name+"-model")
			if d := out.number(t, "max_difference"); !(d <= 1e-5) {
				t.Errorf("the exported model differs by %g", d)
			}
		})
	}
}

// What --head mlp is given reaches its fit and is told; what is out of range,
// or given without such a head, is refused by name.
func TestHeadMLP(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 60, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone "+filepath.Join(p.backbones, "distilbert")+" --out names.features emoji.csv")
	const fit = "train-head --head mlp --by none --calibrate none --split train=0.7,test=0.3 names.features --out m.head.onnx"
	got := p.one(t, fit+" --hidden 24,8 --epochs 7 --patience 3 --batch-size 8 --lr 0.005 --weight-decay 0.01 --label-smoothing 0.1 --dropout 0.2 --mixup 0.3 --report page.html")
	for name, want := range map[string]float64{
		"hidden": 24, "hidden 2": 8, "epochs": 7, "patience": 3, "batch": 8, "rate": 0.005, "decay": 0.01, "smoothing": 0.1, "dropout": 0.2, "mixup": 0.3,
	} {
		if v := got["params"].(map[string]any)[name]; v != want {
			t.Errorf("%s is %v, not %v", name, v, want)
		}
	}
	if passes := got.number(t, "fit.passes"); passes < 1 || passes > 7 {
		t.Errorf("%v epochs", passes)
	}
	if page := string(p.read("page.html")); !strings.Contains(page, "--hidden") || !strings.Contains(page, "24,8") {
		t.Error("the page does not say what was asked for")
	}
	if table := p.do(t, "inspect m.head.onnx"); !strings.Contains(table, "mlp") || !strings.Contains(table, "dropout 0.2") || !strings.Contains(table, "epochs 7") {
		t.Errorf("inspect prints\n%s", table)
	}
	before := string(p.read("m.head.onnx"))
	if p.do(t, fit+" --hidden 24,8 --epochs 7 --seed 1"); string(p.read("m.head.onnx")) == before {
		t.Error("another seed gives the same head")
	}
	for _, bad := range []string{
		"--hidden 0", "--hidden 1,2,3", "--hidden x", "--hidden 20000", "--hidden 8,", "--epochs 0", "--patience 0", "--batch-size 0", "--lr 0", "--lr 2", "--lr NaN",
		"--weight-decay 1", "--label-smoothing 1", "--dropout 1", "--dropout -0.1", "--mixup -1", "--mixup NaN",
	} {
		p.fails(t, fit+" "+bad, exitUsage, strings.Fields(bad)...)
	}
	p.fails(t, fit+" --tail last:1", exitUsage, "--tail", "--head mlp")
	p.fails(t, fit+" --layer-decay 0.5", exitUsage, "--layer-decay")
	for _, flag := range []string{"--hidden 8", "--dropout 0.1", "--mixup 0.1"} {
		p.fails(t, "train-head names.features "+flag, exitUsage, strings.Fields(flag)[0], "--head mlp", "softmax")
	}
	p.fails(t, "train-head names.features --epochs 3", exitUsage, "--epochs", "--tail", "--head mlp")
}
