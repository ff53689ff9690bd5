//go:build cgo && !windows

package main

import (
	"path/filepath"
	"testing"
)

// A head of more samples, and of a class more, begins at the one before: it
// takes its λ and fewer passes, and ends in the same place.
func TestTrainHeadFrom(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 50, "symbols", "food-and-drink", "objects")
	var few [][]string
	for i, row := range samples {
		if row[2] != "objects" && i%50 < 40 {
			few = append(few, row)
		}
	}
	p.table("few.csv", "image,name,label,group", few)
	p.table("all.csv", "image,name,label,group", samples)
	backbone := " --backbone " + filepath.Join(p.backbones, "distilbert")
	p.do(t, "extract --text name"+backbone+" --out few.features few.csv")
	p.do(t, "extract --text name"+backbone+" --out all.features all.csv")
	const fast = " --by none --cv 2 --tolerance 1e-8 --calibrate none"
	p.do(t, "train-head few.features --l2 0.03 --out few.head.onnx"+fast)
	cold := p.one(t, "train-head all.features --l2 0.03 --out cold.head.onnx"+fast)
	warm := p.one(t, "train-head all.features --from few.head.onnx --out warm.head.onnx"+fast)
	if a, b := warm.number(t, "fit.passes"), cold.number(t, "fit.passes"); !(a < b) {
		t.Errorf("%v passes, and %v from zero", a, b)
	}
	near := warm.number(t, "fit.objective")/cold.number(t, "fit.objective") - 1
	if near > 1e-6 || near < -1e-6 || warm.number(t, "l2") != 0.03 {
		t.Errorf("the objective is off by %g, at λ = %v", near, warm.number(t, "l2"))
	}
	if a, b := warm.number(t, "metrics.cv.accuracy.value"), cold.number(t, "metrics.cv.accuracy.value"); a != b {
		t.Errorf("the folds give %v, and %v without it: what it has seen reaches them", a, b)
	}
	if other := p.one(t, "train-head all.features --l2 0.5 --from few.head.onnx --out other.head.onnx"+fast); other.number(t, "l2") != 0.5 {
		t.Errorf("λ = %v", other.number(t, "l2"))
	}
	for _, l2 := range []string{"auto", "average"} { // chosen anew, as asked for
		if other := p.one(t, "train-head all.features --l2 "+l2+" --l2-points 3 --from few.head.onnx --out other.head.onnx"+fast); other.number(t, "l2") == 0.03 {
			t.Errorf("--l2 %s is not heard", l2)
		}
	}

	p.do(t, "train-head few.features --head ncm --out ncm.head.onnx"+fast)
	p.do(t, "extract --text group"+backbone+" --tap layer_norm_2:max --out tap.features all.csv")
	p.fails(t, "train-head all.features --from ncm.head.onnx --out x.head.onnx", exitUsage, "--from", "ncm")
	p.fails(t, "train-head all.features --from few.head.onnx --head ridge --out x.head.onnx", exitUsage, "--from", "solved anew")
	p.fails(t, "train-head all.features --from few.head.onnx --l2-normalize --out x.head.onnx", exitUsage, "--from", "--l2-normalize")
	p.fails(t, "train-head all.features --from few.head.onnx --tail all --out x.head.onnx", exitUsage, "--from", "--tail")
	p.fails(t, "train-head tap.features --from few.head.onnx --out x.head.onnx", exitFailed, "few.head.onnx")
	p.fails(t, "train-head all.features --from all.features --out x.head.onnx", exitFailed, "all.features")
}
