package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// With --input pixels the graph takes decoded images of any size, of backbones
// of many families with heads of every kind, and answers what predict answers;
// headstart takes it as a head and as a backbone, and who cannot load it is
// told.
func TestExportPixels(t *testing.T) {
	folders := t.TempDir()
	hub(t, folders)
	p := newPlace(t)
	samples := p.samples(0, 14, "symbols", "food-and-drink")
	for i, s := range samples {
		samples[i] = append(s[:3:3], []string{"a;b", "a", "b", "[]"}[i%4], fmt.Sprint(0.25*float64(i%7)), []string{"low", "middle", "high"}[i%3])
	}
	p.table("emoji.csv", "image,name,class,any,number,grade", samples)
	t.Setenv("HEADSTART_THREADS", "1")
	read := " --image image --root " + p.emoji + " emoji.csv"
	for i, c := range []struct{ backbone, label, train string }{
		{"vit", "class", "--head softmax --l2 0.1"},          // 224 bilinear, no crop
		{"convnext", "class", "--head softmax --l2 0.1"},     // crop_pct
		{"siglip-vision", "any", "--head logistic --l2 0.1"}, // bicubic, no crop
		{"efficientnet", "class", "--head softmax --l2 0.1"}, // the nearest pixel, the standard deviation twice
		{"vit-nhwc", "grade", "--head ordinal --grades low,middle,high --l2 0.1"},
		{"dinov3", "class", "--head softmax --l2 0.1"},    // numbers are resized
		{"mobilevit", "number", "--head linear --l2 0.1"}, // blue, green, red
		{"timm-beit", "class", "--head mlp --hidden 8 --epochs 4"},
		{"levit", "class", "--head knn"},
		{"clip", "class", "--head lda"},
	} {
		if testing.Short() && i%4 > 0 {
			continue
		}
		t.Run(c.backbone, func(t *testing.T) {
			multi, name := "", c.backbone
			if c.label == "any" {
				multi = " --multi-label"
			}
			p.do(t, "extract --label "+c.label+multi+" --backbone "+filepath.Join(folders, name)+" --out "+name+".features"+read)
			p.do(t, "train-head --cv 2 "+c.train+" --baseline=false "+name+".features")
			out := p.one(t, "export "+name+".head.onnx --out "+name+" --input pixels")
			if d := out.number(t, "worst"); !(d <= 0.02) || out["checked"] != 32. || out["made_up"].(float64) > 4 {
				t.Errorf("%v", out)
			}
			m, err := onnx.Decode(p.read(name + "/onnx/model.onnx"))
			if err != nil {
				t.Fatal(err)
			}
			in := m.Graph.Input
			if len(in) != 1 || in[0].GetName() != "pixels" || in[0].GetType().GetTensorType().GetElemType() != int32(pb.TensorProto_UINT8) || onnx.StandardOpset(m) < 18 || m.GetIrVersion() < 8 {
				t.Errorf("%v, set %d", in, onnx.StandardOpset(m))
			}
			all := " --probabilities"
			if c.label == "number" {
				all = ""
			}
			p.sameAnswers(t, name+".head.onnx"+all, name+all, read[1:], 0.02)
		})
	}
	// A head with a tail is one model with its backbone, too.
	p.do(t, "train-head --l2 0.1 --epochs 1 --tail last:1 --split train=0.5,validation=0.25,test=0.25 --out tail.head.onnx vit.features")
	if out := p.one(t, "export tail.head.onnx --out tail --input pixels"); !(out.number(t, "worst") <= 0.02) {
		t.Errorf("%v", out)
	}
	p.sameAnswers(t, "tail.head.onnx --probabilities", "tail --probabilities", read[1:], 0.02)
	// Several heads are, too, and who runs the graph is told their outputs.
	p.do(t, "train-head --cv 2 --head ncm --baseline=false --out second.head.onnx vit.features")
	both := p.one(t, "export vit.head.onnx second.head.onnx --out both --input pixels")
	for _, c := range both["clients"].([]any) {
		if c := c.(map[string]any); c["name"] == "onnxruntime" && !strings.Contains(c["note"].(string), "second_") {
			t.Errorf("%v", c)
		}
	}
	p.sameAnswers(t, "second.head.onnx --probabilities", "both --head second --probabilities", read[1:], 0.02)

	// The folder has the labels, and not what would let clients feed it floats.
	config := p.jsonFile(t, "vit/config.json")
	if class, _ := config.at("id2label.1"); class != "symbols" || config["model_type"] != nil || config["transformers.js_config"] != nil || config["problem_type"] != "single_label_classification" {
		t.Errorf("%v", config)
	}
	out := p.one(t, "export vit.head.onnx --out flat --layout flat --input pixels")
	for _, f := range out["files"].([]any) {
		if f == "preprocessor_config.json" {
			t.Error(f)
		}
	}
	for _, c := range out["clients"].([]any) {
		c := c.(map[string]any)
		loads := c["name"] == "headstart" || c["name"] == "onnxruntime"
		if (c["load"] != "") != loads || !loads && !strings.Contains(c["note"].(string), "--input pixels") {
			t.Errorf("%v", c)
		}
	}
	wantSays(t, string(p.read("flat/README.md")), " --input pixels --licence apache-2.0\n", "less than 0.02", "ImageOps.exif_transpose", "onnxruntime-node sharp", `{"pixels": np.asarray(image.convert("RGB"))[None]}`, "transformers.js**: feeds tensors")
	// It is a backbone, too, of a space of its own.
	inside := p.do(t, "inspect flat")
	wantSays(t, inside, "pixels uint8[1,height,width,3]", "resizes images itself", "inside true", "it cannot be retrained", "can be tapped")
	if strings.Contains(inside, "can be retrained") || strings.Contains(inside, "parameters to train") {
		t.Errorf("of a graph that cannot be retrained inspect prints %s", inside)
	}
	p.do(t, "extract --label class --backbone flat --out again.features"+read)
	a, b := p.embeddings("vit.features"), p.embeddings("again.features")
	for i, x := range a {
		if d := math.Abs(float64(x - b[i])); len(a) != len(b) || !(d <= 0.05) {
			t.Fatalf("value %d of %d: %g and %g", i, len(b), x, b[i])
		}
	}
	if out := p.one(t, "extract --replace --label class --backbone flat --out again.features"+read); out["cached"] != out["samples"] {
		t.Errorf("%v", out)
	}
	p.do(t, "preprocess --backbone flat --out shown"+read)
	p.fails(t, "train-head --tail last:1 --out t.head.onnx again.features", exitFailed, "itself")

	// What has no pixels, and what no operator resizes, is refused by name.
	p.do(t, "extract --label class --text name --out names.features emoji.csv")
	p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false names.features")
	p.fails(t, "export names.head.onnx --out names --input pixels", exitFailed, "takes texts: only images have pixels", "leave --input pixels out")
	p.do(t, "extract --label class --out eva.features --backbone "+filepath.Join(folders, "timm-eva")+read)
	p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false eva.features")
	p.fails(t, "export eva.head.onnx --out eva --input pixels --licence mit", exitFailed, `"lanczos"`, "leave --input pixels out")
	p.fails(t, "export vit.head.onnx --out other --input pixels --embedder", exitUsage, "leave one of the two out")
	if text := advice(&export.DifferentError{Tolerance: export.PixelsTolerance}); !strings.Contains(text, "leave --input pixels out") {
		t.Error(text)
	}
	p.fails(t, "export vit.head.onnx --out other --input floats", exitUsage, "auto", "pixels")
}
