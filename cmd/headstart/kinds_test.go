//go:build cgo && !windows

package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// Every kind of head goes through all commands: it is trained, looked into,
// measured, asked, drawn, and made one model with its backbone, which is
// compared with what predict computes.
func TestEveryKindOfHead(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 60, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone "+filepath.Join(p.backbones, "distilbert")+" --out names.features emoji.csv")
	for _, k := range head.Kinds {
		t.Run(k.Name, func(t *testing.T) {
			if k.Task != head.OneOf {
				t.Skip("another task than this one's labels")
			}
			t.Setenv("HEADSTART_HEAD", k.Name)
			file := k.Name + ".head.onnx"
			const fast = " --by none --l2-points 3 --folds 2 --cv 2"
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
