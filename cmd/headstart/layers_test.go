package main

import (
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// inspect shows what is inside a backbone, in at most 30 lines of table, and
// all of it with --json.
func TestInspectShowsLayers(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		backbone   string
		taps, cuts int
		has        []string
		cut        map[string]any // one of those in --json
	}{
		{"efficientnet-lite0", 92, 46,
			[]string{"block 13 [batch,192,7,7] 1,961,024 of 3,350,000 Add_6", "block 16 [batch,320,7,7] 410,880 of 3,350,000 Conv_47"},
			map[string]any{"tensor": "Add_6", "shape": "[batch,192,7,7]", "layer": "block 13", "ends_layer": true, "parameters_after": 1961024.0}},
		{"all-minilm-l6-v2", 210, 26,
			[]string{"m.encoder.layer.3 [batch,tokens,384] 3,548,928 of 22,565,376", "m.encoder.layer.3 /m/encoder/layer.3/output/LayerNorm/LayerNormalization_output_0", "the input attention_mask."},
			map[string]any{"tensor": "/m/encoder/layer.3/output/Add_output_0", "shape": "[batch,tokens,384]", "layer": "m.encoder.layer.3", "ends_layer": false, "parameters_after": 3549696.0}},
	} {
		out := p.do(t, "inspect "+c.backbone)
		_, table, _ := strings.Cut(out, " can be tapped")
		if n := strings.Count(table, "\n"); n > 30 {
			t.Errorf("%s: %d lines on layers", c.backbone, n)
		}
		flat := strings.Join(strings.Fields(out), " ")
		for _, want := range c.has {
			if !strings.Contains(flat, want) {
				t.Errorf("%s: %q is missing in %s", c.backbone, want, out)
			}
		}
		o := p.one(t, "inspect "+c.backbone)
		if taps, cuts := len(o["taps"].([]any)), len(o["cuts"].([]any)); taps != c.taps || cuts != c.cuts {
			t.Errorf("%s: %d taps, %d cuts, want %d, %d", c.backbone, taps, cuts, c.taps, c.cuts)
		}
		found := false
		for _, x := range o["cuts"].([]any) {
			x := x.(map[string]any)
			if x["tensor"] != c.cut["tensor"] {
				continue
			}
			found = true
			for k, v := range c.cut {
				if x[k] != v {
					t.Errorf("%s: %s of the cut is %v, want %v", c.backbone, k, x[k], v)
				}
			}
		}
		if !found {
			t.Errorf("%s: no cut at %s", c.backbone, c.cut["tensor"])
		}
	}
}

// A backbone with an operator that is not known is inspected all the same.
func TestInspectUnknownOperator(t *testing.T) {
	p := newPlace(t)
	p.backboneFolder("strange", onnx.Node("Det", []string{"x"}, []string{"d"}), onnx.Node("Identity", []string{"x"}, []string{"y"}))
	out := p.do(t, "inspect strange")
	if !strings.Contains(out, `not known: node 0 "Det:d" ("Det"): the operator is not supported`) || !strings.Contains(out, "opset 17") {
		t.Error(out)
	}
	o := p.one(t, "inspect strange")
	if o["layers_unknown"] == "" || len(o["cuts"].([]any)) != 0 {
		t.Errorf("%v", o)
	}
}
