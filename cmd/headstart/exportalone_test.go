package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// A head leaves alone in each format, and what a format cannot hold is said
// with what can.
func TestExportAlone(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "symbols", "food-and-drink", "flags"))
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	p.do(t, "train-head --head knn --by none --cv 2 --out knn.head.onnx names.features")
	t.Setenv("HEADSTART_RUNTIME", "/nowhere") // nothing is run
	for format, c := range map[string]struct {
		out, says string
		files     int
	}{
		"safetensors": {"names.safetensors", `safe_open("names.safetensors", "np")`, 1}, "json": {"names.json", "json.load", 1},
		"go": {"names", "answers, err := names.Predict(rows)", 3}, "sklearn": {"names.npz", "head = LogisticRegression()", 1},
	} {
		export := "export names.head.onnx --format " + format + " --out " + c.out
		wantSays(t, p.do(t, export), c.out+": a softmax head, 32 features, 3 classes", c.says)
		p.fails(t, export, exitFailed, c.out+" is there already: an earlier export", "--replace replaces it")
		out := p.one(t, export+" --replace")
		out.wantKeys(t, "export out format files bytes head features classes load")
		if files := out["files"].([]any); len(files) != c.files || out["format"] != format || out["features"] != 32. || len(out["classes"].([]any)) != 3 {
			t.Errorf("%v", out)
		}
	}
	if text := string(p.read("names/head.go")); !strings.Contains(text, "package names\n") {
		t.Error(text)
	}
	var head struct{ Classes []string }
	if err := json.Unmarshal(p.read("names.json"), &head); err != nil || strings.Join(head.Classes, " ") != "flags food-and-drink symbols" {
		t.Error(head, err)
	}
	p.fails(t, "export knn.head.onnx --format go --out x", exitFailed, "go cannot hold a head of the kind knn", "--format safetensors can")
	tailOf(t, "names.head.onnx", "tail.head.onnx", "distilbert/model.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	for _, format := range []string{"safetensors", "json", "go", "sklearn"} {
		p.fails(t, "export tail.head.onnx --out x --format "+format, exitFailed, "together with layers of its backbone", "--format folder writes it together with its backbone")
	}
	p.put("mine.json", []byte("{}"))
	p.fails(t, "export names.head.onnx --format json --replace --out mine.json", exitFailed, "mine.json is there already, and no head in this format")
	p.fails(t, "export names.head.onnx --format json --out names.head.onnx", exitUsage, "contradicts the ending")
	p.fails(t, "export names.head.onnx --format json --out x.npz", exitUsage, "--out names.json is usual")
	p.fails(t, "export names.head.onnx --format json", exitUsage, "--out FILE is missing")
	p.fails(t, "export names.head.onnx --format go --layout flat --out x", exitUsage, "--layout goes with --format folder")
	p.fails(t, "export names.head.onnx --format xml --out x", exitUsage, "xml")
	p.fails(t, "export emoji.csv --format json --out x", exitFailed, "emoji.csv")
	for _, name := range []string{"x", "x.npz"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}
