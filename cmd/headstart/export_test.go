package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// tailOf makes, of a head on all of its backbone's own features, one whose tail
// from cut on was trained.
func tailOf(t *testing.T, from, to, model, cut, features, pooling, mask string) *file.File {
	t.Helper()
	f, err := file.Read(from)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	part, err := onnx.Detach(m, cut, features)
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string][]float32{}
	for _, x := range part.Graph.Initializer {
		v, err := onnx.Stored(m, x.GetName())
		if err != nil || len(v.F32) < 100 || len(weights) == 4 {
			continue // not floats, or none to train
		}
		for i := range v.F32 {
			v.F32[i] *= 1 + 0.1*float32(i%3)
		}
		weights[x.GetName()] = v.F32
	}
	affine := f.Head.Model.(*head.Affine)
	affine.Normalize = mask != ""
	for i := range affine.Mean {
		affine.Mean[i], affine.Scale[i] = 0, 1
	}
	f.Tail = &file.Tail{Backbone: m, Cut: cut, Features: features, Pooling: pooling, Mask: mask, Normalize: mask != "", Weights: weights}
	if err := file.Write(to, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// A head and its backbone become one model, which computes what both do, with
// layers that were trained and without.
func TestExport(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 8, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	builtin := filepath.Join(filepath.Dir(filepath.Dir(p.emoji)), "models/builtin")
	const cut = "layer_norm_4"
	// Built-in backbones, and small ones of testdata for all that is the same
	// whatever the backbone is.
	names := "extract --text name emoji.csv --out "
	small := "extract --text name --backbone " + filepath.Join(p.backbones, "distilbert") + " emoji.csv --out "
	images := "extract --image image --alpha white --root " + p.emoji + " emoji.csv --out "
	maps := "extract --image image --alpha white --backbone " + filepath.Join(p.backbones, "resnet") + " --root " + p.emoji + " emoji.csv --out "
	const fast = " --by none --l2 0.1 --cv 2"
	for _, c := range []struct{ name, extract, train string }{
		{"names", names + "names.features", fast},
		{"normalized", small + "normalized.features", " --l2-normalize --head ncm --by none --cv 2"},
		{"images", images + "images.features", " --head ncm --by none"},
		{"half", maps + "half.features --dtype f16 --tap /encoder/stages.1/layers.1/activation/Relu_output_0:gem", fast},
		{"last", small + "last.features --tap layer_norm_2:last", fast},
		{"most", small + "most.features --tap layer_norm_2:max", fast},
		{"mean", small + "mean.features --tap last_hidden_state:mean", fast},
		{"whole", maps + "whole.features", fast},
	} {
		if c.extract != "" {
			p.do(t, c.extract)
			c.train += " " + c.name + ".features"
		}
		p.do(t, "train-head --out "+c.name+".head.onnx"+c.train)
	}
	minilm := filepath.Join(builtin, "all-minilm-l6-v2/onnx/model.onnx")
	tail := tailOf(t, "mean.head.onnx", "tail.head.onnx", filepath.Join(p.backbones, "distilbert/model.onnx"), cut, "last_hidden_state", "mean", "attention_mask")
	tailOf(t, "whole.head.onnx", "all.head.onnx", filepath.Join(p.backbones, "resnet/onnx/model.onnx"), "", "pooler_output", "", "")

	for _, c := range []struct {
		name   string
		inputs int
	}{{"names", 3}, {"normalized", 2}, {"images", 1}, {"half", 1}, {"last", 2}, {"most", 2}, {"whole", 1}, {"mean", 2}, {"tail", 2}, {"all", 1}} {
		name := c.name
		out := p.one(t, "export "+name+".head.onnx --out "+name+"-model")
		out.wantKeys(t, "export model samples max_difference out files checked made_up worst licence clients")
		if out["made_up"] != 16. || out["checked"] != 32. || out["worst"] != out["max_difference"] {
			t.Errorf("%s: %v", name, out)
		}
		out.wantNumbers(t, map[string]float64{"samples": 32})
		if d := out.number(t, "max_difference"); !(d > 0 && d <= 1e-5) {
			t.Errorf("%s: the largest difference is %g", name, d)
		} else {
			t.Logf("%s: the largest difference is %.2g", name, d)
		}
		if out["model"] != filepath.Join(name+"-model", "onnx", "model.onnx") {
			t.Errorf("%v", out)
		}
		m, err := onnx.Decode(p.read(name + "-model/onnx/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := onnx.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		var inputs, outputs []string
		for _, v := range s.Inputs {
			inputs = append(inputs, v.Name)
		}
		for _, v := range s.Outputs {
			outputs = append(outputs, v.Name)
		}
		want := []string{"logits", "probabilities"}
		if inputs[0] == "pixel_values" { // of images the probabilities come first
			slices.Reverse(want)
		}
		if len(inputs) != c.inputs || !slices.Equal(outputs, want) {
			t.Errorf("%s: inputs %v, outputs %v", name, inputs, outputs)
		}
		meta := map[string]string{}
		for _, e := range m.MetadataProps {
			meta[e.GetKey()] = e.GetValue()
		}
		if meta["headstart.classes"] != `["food-and-drink","symbols"]` || meta["headstart.backbone"] == "" || len(meta["headstart.backbone_sha256"]) != 64 || (meta["headstart.tail"] != "") != (name == "tail" || name == "all") {
			t.Errorf("%s: metadata %v", name, meta)
		}
	}

	// The model of a text gives the probabilities that predict prints.
	t.Run("as predict", func(t *testing.T) {
		l, err := runtime.Open(os.Getenv("HEADSTART_RUNTIME"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s, err := l.NewSession(p.read("names-model/onnx/model.onnx"), &runtime.Options{Inputs: []string{"input_ids", "attention_mask", "token_type_ids"}, Outputs: []string{"probabilities", "logits"}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		shape := []int64{1, 4} // [CLS] red apple [SEP]
		out, logits := make([]float32, 2), make([]float32, 2)
		if err := s.Run(t.Context(), []tensor.View{{Shape: shape, I64: []int64{101, 2417, 6207, 102}}, {Shape: shape, I64: []int64{1, 1, 1, 1}}, {Shape: shape, I64: make([]int64, 4)}}, []tensor.View{{Shape: []int64{1, 2}, F32: out}, {Shape: []int64{1, 2}, F32: logits}}); err != nil {
			t.Fatal(err)
		}
		p.put("one.txt", []byte("red apple\n"))
		one := strings.Split(strings.TrimSpace(p.do(t, "predict names.head.onnx --probabilities --format lines one.txt")), "\n")
		fields := strings.Split(one[1], ",")
		var food, symbols float64
		if _, err := fmt.Sscan(fields[3], &food); err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		if _, err := fmt.Sscan(fields[4], &symbols); err != nil {
			t.Fatalf("%q: %v", one, err)
		}
		if math.Abs(food-float64(out[0])) > 1e-5 || math.Abs(symbols-float64(out[1])) > 1e-5 {
			t.Errorf("the model says %v, predict %q", out, one)
		}
		// What clients do who take the logits.
		if p := 1 / (1 + math.Exp(float64(logits[1]-logits[0]))); math.Abs(food-p) > 1e-5 {
			t.Errorf("the softmax of the logits %v is %v, predict says %q", logits, p, one)
		}
	})

	t.Run("words", func(t *testing.T) {
		text := p.do(t, "export last.head.onnx --out words")
		for _, part := range []string{"words/onnx/model.onnx: 2 classes", "run on 16 samples of last.features and 16 made up for it", "transformers.js: await pipeline(\"text-classification\", \"words\")", "pass WithSoftmax()"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
		a, b := p.read("words/onnx/model.onnx"), p.read("last-model/onnx/model.onnx")
		if string(a) != string(b) {
			t.Error("the same head makes another model")
		}
	})

	t.Run("inspect", func(t *testing.T) {
		text := p.do(t, "inspect tail.head.onnx")
		want := fmt.Sprintf("behind %s: 4 weights of the backbone, %s parameters", cut, count(tail.Tail.Parameters()))
		if !strings.Contains(text, want) {
			t.Errorf("%s\ndoes not say %q", text, want)
		}
		if text := p.do(t, "inspect all.head.onnx"); !strings.Contains(text, "behind the inputs: ") {
			t.Errorf("%s", text)
		}
		if text := p.do(t, "inspect names.head.onnx"); strings.Contains(text, "retrained") {
			t.Errorf("%s", text)
		}
		o := p.one(t, "inspect tail.head.onnx")
		o.wantNumbers(t, map[string]float64{"tail.parameters": float64(tail.Tail.Parameters())})
		if got, _ := o.at("tail.cut"); got != cut {
			t.Errorf("cut %v", got)
		}
	})

	t.Run("refused", func(t *testing.T) {
		p.fails(t, "export names.head.onnx", exitUsage, "--out DIR is missing")
		p.fails(t, "export last.head.onnx --out last-model", exitFailed, "last-model is there already and not empty: an earlier export", "--replace replaces it")
		p.fails(t, "export names.head.onnx --out x --backbone efficientnet-lite0", exitUsage, "takes images")
		p.fails(t, "export none.head.onnx --out x", exitFailed, "none.head.onnx")
		p.fails(t, "export "+minilm+" --out x", exitFailed, "not a head file")
		p.do(t, "train-head --out both.head.onnx --head ncm --by none images.features names.features")
		p.fails(t, "export both.head.onnx --out x", exitFailed, "takes 2 feature sets of several backbones")
		// Another file of the same name.
		if err := os.CopyFS("copy", os.DirFS(filepath.Join(builtin, "all-minilm-l6-v2"))); err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Decode(p.read("copy/onnx/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m.Graph.Name = new("another")
		data, err := onnx.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		p.put("copy/onnx/model.onnx", data)
		p.fails(t, "export names.head.onnx --out x --backbone copy", exitFailed, "another space: model")
		if _, err := os.Stat("x"); err == nil {
			t.Error("something is written")
		}
		entries, err := os.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".tmp") {
				t.Errorf("%s is left behind", e.Name())
			}
		}
	})
}

// A backbone with its weights in a file beside it stays one.
func TestExportExternalData(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	m, err := onnx.Decode(p.read("distilbert/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.Create("distilbert/model.onnx_data")
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.WriteExternal(m, "model.onnx_data", weights); err != nil {
		t.Fatal(err)
	}
	if err := weights.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	p.put("distilbert/model.onnx", data)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 6, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	out := p.one(t, "export names.head.onnx --out model")
	if d := out.number(t, "max_difference"); !(d <= 1e-5) {
		t.Errorf("the largest difference is %g", d)
	}
	model, err := onnx.Decode(p.read("model/onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := onnx.Walk(model)
	if err != nil || len(s.External) < 15 {
		t.Errorf("%d tensors are outside: %v", len(s.External), err)
	}
	if _, err := onnx.CheckExternal("model/onnx", s.External); err != nil {
		t.Error(err)
	}

	// And with a tail.
	if err := onnx.ReadExternal(m, "distilbert"); err != nil {
		t.Fatal(err)
	}
	whole, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	p.put("whole.onnx", whole)
	tailOf(t, "names.head.onnx", "tail.head.onnx", "whole.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	out = p.one(t, "export tail.head.onnx --out tail-model")
	if d := out.number(t, "max_difference"); !(d <= 1e-5) {
		t.Errorf("the largest difference is %g", d)
	}
	if _, err := os.Stat("tail-model/onnx/model.onnx_data"); err != nil {
		t.Error(err)
	}
	p.fails(t, "export tail.head.onnx --out model", exitFailed, "not empty")
}
