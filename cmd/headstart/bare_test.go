package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bare puts the graph of a small backbone, and these of its files, into a
// folder of its own.
func (p *place) bare(name, dir string, files ...string) {
	p.t.Helper()
	for _, file := range append(files, "model.onnx") {
		p.put(filepath.Join(dir, file), p.read(filepath.Join(p.backbones, name, file)))
	}
}

// A graph of images without files is asked about by flag and by file; what is
// said with flags and what backbone.json says is the same space, and a head on
// it asks for nothing.
func TestBareImageGraph(t *testing.T) {
	p := newPlace(t)
	p.bare("vit", "net")
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 10, "symbols", "flags")))
	source := " --image image --alpha white --root " + p.emoji + " --label label emoji.csv"
	extract := "extract --backbone net/model.onnx"
	p.fails(t, extract+source, exitFailed, "nothing says how an image becomes what the graph takes", "size, filter, mean, std",
		"--size 32x32 --filter bilinear --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225", `{"size": "32x32", "filter": "bilinear", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]} into net/backbone.json`)
	p.fails(t, extract+" --size 40 --filter bicubic --mean 0.5 --std 0.5"+source, exitFailed, "missing: crop (", "--crop 32x32")
	const said = " --size 40 --filter bicubic --crop 32 --mean 0.5,0.5,0.4 --std 0.5"
	const flags = said + " --tap last_hidden_state:cls"
	p.one(t, extract+flags+source).wantNumbers(t, map[string]float64{"samples": 20, "computed": 20})
	p.one(t, extract+flags+" --rescale 1/255 --channels rgb --layout nchw"+source).wantNumbers(t, map[string]float64{"cached": 20, "backbone_rows": 0})
	for _, other := range []string{" --channels bgr", " --rescale 1/127.5"} {
		p.one(t, extract+flags+other+" --out other.features"+source).wantNumbers(t, map[string]float64{"computed": 20})
		os.Remove("other.features")
	}

	// With flags alone all commands go on.
	p.do(t, "train-head --l2 0.1 --out x.head.onnx emoji.features")
	predict := "predict --image image --alpha white --root " + p.emoji + " x.head.onnx emoji.csv"
	want := p.do(t, predict)
	if got := p.do(t, predict+" --size 40"); got != want {
		t.Error("a flag that says what the head knows changes its answers")
	}
	p.fails(t, predict+" --size 41", exitUsage, "--size 41: the head was fitted on features with 40")
	p.fails(t, predict+" --max-length 41", exitUsage, "--max-length is for texts")
	p.do(t, "train-head --l2 0.1 --epochs 1 --tail all --out tail.head.onnx emoji.features")
	p.do(t, "predict --image image --alpha white --root "+p.emoji+" tail.head.onnx emoji.csv")
	p.do(t, "export x.head.onnx --out exported")
	p.one(t, "cache verify emoji.features --recompute 4")
	p.do(t, "preprocess --backbone net/model.onnx --out seen"+flags+source)
	out := p.do(t, "inspect net/model.onnx"+said)
	for _, part := range []string{"in no file", "size", "40", "1/255, not in the file"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), part) {
			t.Errorf("inspect has no %q:\n%s", part, out)
		}
	}

	// The same in a file: no row is computed, and nothing needs a flag.
	p.put("net/backbone.json", []byte(`{"size": 40, "filter": "bicubic", "crop": 32, "mean": [0.5, 0.5, 0.4], "std": 0.5, "tap": "last_hidden_state:cls"}`))
	p.one(t, extract+source).wantNumbers(t, map[string]float64{"cached": 20, "computed": 0, "backbone_rows": 0})
	p.one(t, extract+flags+source).wantNumbers(t, map[string]float64{"cached": 20, "computed": 0})
	if got := p.do(t, predict); got != want {
		t.Error("the head answers otherwise with backbone.json")
	}
	p.fails(t, extract+" --crop 30"+source, exitFailed, "crop is given as 30, but backbone.json says 32", "leave --crop out, or correct backbone.json")
	p.fails(t, extract+" --max-length 30"+source, exitUsage, "--max-length is for texts")
	for _, wrong := range []string{"--size 0", "--size 3x", "--crop x", "--mean 1,2", "--std 0", "--std a", "--rescale 0", "--rescale 1/0", "--filter cubic", "--layout hwc", "--channels grb", "--max-length 0"} {
		p.fails(t, extract+" "+wrong+source, exitUsage, wrong)
	}
	os.Remove("net/backbone.json")
	p.fails(t, extract+" --size 32x32 --filter box --std 58 --mean 127.5"+source, exitFailed, "mean: 127.5 is no mean of values from 0 to 1", "rescale")
	p.fails(t, extract+" --size 24x24 --filter box --std 1 --mean 0"+source, exitFailed, "what was said makes images of 3×24×24")

	// Files of other kinds are not contradicted either, and built-in backbones
	// have files.
	p.small("vit")
	p.fails(t, "extract --backbone ./vit --mean 0.4"+source, exitFailed, "mean is given as 0.4, but preprocessor_config.json says 0.5", "leave --mean out")
	p.one(t, "extract --backbone ./vit --mean 0.5 --out vit.features"+source).wantNumbers(t, map[string]float64{"computed": 20})
	p.fails(t, "extract --size 300"+source, exitFailed, "efficientnet-lite0: size is given as 300, but the built-in backbone says 256; leave --size out")
}

// A graph of texts needs its tokenizer, and how long a text may be.
func TestBareTextGraph(t *testing.T) {
	p := newPlace(t)
	p.bare("distilbert", "net")
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 10, "symbols", "flags")))
	const source = " --text name --label label emoji.csv"
	const extract = "extract --backbone net"
	p.fails(t, extract+source, exitFailed, "net/tokenizer.json: the file is missing", "save_pretrained")
	p.bare("distilbert", "net", "tokenizer.json")
	p.fails(t, extract+source, exitFailed, "nothing says how long a text may be", "--max-length 512", `{"max_length": 512} into net/backbone.json`)
	p.fails(t, extract+" --max-length 7"+source, exitFailed, "modules.json is missing", "--tap last_hidden_state:mean")
	const flags = " --max-length 7 --tap last_hidden_state:mean"
	p.one(t, extract+flags+source).wantNumbers(t, map[string]float64{"computed": 20})
	p.do(t, "train-head --l2 0.1 --out x.head.onnx emoji.features")
	want := p.do(t, "predict --text name x.head.onnx emoji.csv")
	p.fails(t, "predict --max-length 8 --text name x.head.onnx emoji.csv", exitUsage, "--max-length 8: the head was fitted on features with 7")
	p.put("net/backbone.json", []byte(`{"max_length": 7, "tap": "last_hidden_state:mean"}`))
	p.one(t, extract+source).wantNumbers(t, map[string]float64{"cached": 20, "computed": 0, "backbone_rows": 0})
	if got := p.do(t, "predict --text name x.head.onnx emoji.csv"); got != want {
		t.Error("the head answers otherwise with backbone.json")
	}
	p.fails(t, extract+" --max-length 8"+source, exitFailed, "max_length is given as 8, but backbone.json says 7", "--max-length")
	p.bare("distilbert", "net", "config.json")
	p.put("net/backbone.json", []byte(`{"max_length": 700}`))
	p.fails(t, extract+source, exitFailed, "max_length", "config.json", "max_position_embeddings 64")
	p.small("distilbert")
	p.fails(t, "extract --backbone ./distilbert --max-length 8"+source, exitFailed, "max_length is given as 8, but sentence_bert_config.json says 64")
	p.fails(t, "extract --backbone ./distilbert --size 8"+source, exitUsage, "--size is for images")
}

// cut leaves three columns of records.
func (p *place) cut(records [][]string) [][]string {
	for i := range records {
		records[i] = records[i][:3]
	}
	return records
}
