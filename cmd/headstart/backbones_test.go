package main

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// Networks of several families, as the library transformers has them and as
// both of PyTorch's exporters write them, work from their folders alone:
// inspect names the ends of their layers, extract makes rows that tell samples
// apart, and a head is trained on them.
func TestFamiliesOfBackbones(t *testing.T) {
	folders, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	samples := p.samples(0, 8, "symbols", "food-and-drink")
	for i := range samples {
		samples[i] = samples[i][:3] // the groups are too few for folds
	}
	p.table("emoji.csv", "image,name,label", samples)
	images := "--image image --alpha white --root " + p.emoji
	for _, c := range []struct {
		name, args string
		dim        float64
		ends       []string // layers
		last       string   // cut that ends one
		train      float64  // parameters behind it
	}{
		{"convnext", images, 48, []string{"", "encoder.stages.0.layers.0", "encoder.stages.1", "encoder.stages.1.layers.0", "encoder.stages.2",
			"encoder.stages.2.layers.0", "encoder.stages.2.layers.1", "encoder.stages.3", "encoder.stages.3.layers.0"}, "last_hidden_state", 96},
		{"vit", images, 32, []string{"", "layers.0", "layers.1", "layers.2", "layers.3"}, "/layers.3/Add_1_output_0", 1120},
		{"distilbert", "--text name", 32, []string{"", "transformer.layer.0", "transformer.layer.1"}, "layer_norm_4", 8544},
		{"resnet", images, 32, []string{"", "encoder.stages.0.layers.0", "encoder.stages.0.layers.1", "encoder.stages.1.layers.0", "encoder.stages.1.layers.1",
			"encoder.stages.2.layers.0", "encoder.stages.2.layers.1", "encoder.stages.3.layers.0"}, "/encoder/stages.3/layers.0/activation/Relu_output_0", 18560},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := filepath.Join(folders, c.name)
			var ends []string
			var last object
			for _, x := range p.one(t, "inspect "+folder)["cuts"].([]any) {
				if cut := object(x.(map[string]any)); cut["ends_layer"] == true {
					ends = append(ends, cut["layer"].(string))
					last = cut
				}
			}
			if !slices.Equal(ends, c.ends) {
				t.Errorf("layers end: %q, not %q", ends, c.ends)
			}
			if last["tensor"] != c.last || last["parameters_after"] != c.train {
				t.Errorf("the last layer ends at %v, not %s with %v parameters behind it", last, c.last, c.train)
			}

			set := c.name + ".features"
			o := p.one(t, "extract "+c.args+" --label label --backbone "+folder+" --out "+set+" emoji.csv")
			o.wantNumbers(t, map[string]float64{"samples": 16, "computed": 16, "bad": 0, "backbone_rows": 16, "spaces.dim": c.dim})
			x, d := rowsOf(t, set)
			for k := range d {
				mean, square := 0.0, 0.0
				for i := k; i < len(x); i += d {
					mean += float64(x[i]) / 16
					square += float64(x[i]) * float64(x[i]) / 16
				}
				if sd := math.Sqrt(square - mean*mean); !(sd > 1e-3 && sd < 10) {
					t.Errorf("feature %d: deviation %v between samples", k, sd)
				}
			}
			h := p.one(t, "train-head --folds 2 --l2-points 3 --out "+c.name+".head.onnx "+set)
			h.wantNumbers(t, map[string]float64{"n.train": 16, "dim": c.dim})
		})
	}
}
