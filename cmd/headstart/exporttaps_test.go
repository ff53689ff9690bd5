package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Heads on several taps of a backbone side by side, with layers that were
// retrained, and with thresholds of their classes are one model that computes
// what the parts do, on families of images and of texts.
func TestExportOfTapsTailsAndThresholds(t *testing.T) {
	folders := t.TempDir()
	hub(t, folders)
	unpackBackbones(t, "../../models/folder/testdata/sentences/sentences.tar.gz", folders)
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 12, "symbols", "food-and-drink", "flags")))
	t.Setenv("HEADSTART_THREADS", "1")
	const last = " --tap last_hidden_state:"
	for i, c := range []struct{ name, read, taps string }{
		{"resnet", "image", last + "gap" + last + "gem"},
		{"vit", "image", last + "cls" + last + "mean"},
		{"swin", "image", last + "mean" + last + "max"},
		{"mobilevit", "image", last + "gap --tap /encoder/layer.2/fusion/activation/Mul_output_0:gap"},
		{"bert-mean", "text", last + "mean" + last + "cls"},
		{"roberta", "text", last + "mean" + last + "max"},
		{"mpnet", "text", last + "cls --tap /encoder/layer.0/output/LayerNorm/LayerNormalization_output_0:mean"},
		{"deberta-v2", "text", last + "last" + last + "mean"},
	} {
		if testing.Short() && i%4 > 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			read := " --text name"
			if c.read == "image" {
				read = " --image image --alpha white --root " + p.emoji
			}
			extract := "extract" + read + " --label label --backbone " + filepath.Join(folders, c.name) + " emoji.csv --out "
			p.do(t, extract+c.name+"-one.features")
			p.do(t, extract+c.name+"-taps.features"+c.taps)
			for _, h := range []struct{ kind, set, train string }{
				{"taps", "taps", "--head softmax --l2 0.1 --cv 2"}, {"taps-mlp", "taps", "--head mlp --hidden 8 --epochs 4 --cv 2"},
				{"tail", "one", "--l2 0.1 --epochs 1 --tail last:1"}, {"thresholds", "one", "--head softmax --l2 0.1 --cv 2 --thresholds precision=0.9"},
			} {
				file, dir := c.name+"-"+h.kind+".head.onnx", c.name+"-"+h.kind
				p.do(t, "train-head "+h.train+" --baseline=false --out "+file+" "+c.name+"-"+h.set+".features")
				out := p.one(t, "export "+file+" --out "+dir)
				if d := out.number(t, "worst"); !(d <= 1e-5) || out["made_up"] != 0. {
					t.Errorf("%s: %v", h.kind, out)
				}
				if h.kind == "thresholds" && !strings.Contains(string(p.read(dir+"/onnx/model.onnx")), "headstart.thresholds") {
					t.Error("the model's metadata have no thresholds")
				}
				p.sameAnswers(t, "--probabilities "+file, "--probabilities "+dir, read[1:]+" emoji.csv", 2e-5)
			}
		})
	}
}
