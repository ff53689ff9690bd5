package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hub unpacks the backbone folders of models/folder/testdata/hub into dir and
// returns their names, sorted.
func hub(t *testing.T, dir string) []string {
	t.Helper()
	return unpackBackbones(t, "../../models/folder/testdata/hub/hub.tar.gz", dir)
}

// unpackBackbones unpacks an archive of backbone folders.
func unpackBackbones(t *testing.T, archive, dir string) []string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name, inside, _ := strings.Cut(h.Name, "/")
		if name == "probes" || strings.HasPrefix(inside, "golden/") {
			continue
		}
		data, err := io.ReadAll(r)
		path := filepath.Join(dir, h.Name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o777)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Each backbone of the hub goes through the commands with no flag of its own:
// extract, a head with retrained layers, and an export, which is compared with
// predict before it is there.
func TestHubThroughTheCommands(t *testing.T) {
	folders := t.TempDir()
	names := hub(t, folders)
	p := newPlace(t)
	classes := []string{"symbols", "food-and-drink", "flags"}
	samples := p.samples(0, 12, classes...)
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	t.Setenv("HEADSTART_THREADS", "1")
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			set := name + ".features"
			o := p.one(t, "extract --image image --alpha white --root "+p.emoji+" --label label --backbone "+filepath.Join(folders, name)+" --out "+set+" emoji.csv")
			o.wantNumbers(t, map[string]float64{"samples": 36, "computed": 36, "bad": 0})
			tail := []string{"last:1", "all"}[i%2] // models/folder tries both of each
			p.do(t, "train-head --l2 0.1 --epochs 2 --tail "+tail+" --out "+name+"-tail.head.onnx "+set)
			p.do(t, "train-head --l2 0.1 --out "+name+".head.onnx "+set)
			if name == "timm-eva" {
				t.Setenv("HEADSTART_LICENCE", "mit") // as its files say
			}
			for _, head := range []string{name, name + "-tail"} {
				e := p.one(t, "export "+head+".head.onnx --out "+head+"-model")
				if worst := e.number(t, "max_difference"); !(worst <= 1e-5) || e.number(t, "samples") < 1 {
					t.Errorf("export of %s: %v", head, e)
				}
			}
		})
	}
}

// Of float16 files all is retrained, of quantised ones nothing, and a graph of
// one sample is refused before any work: each is named, with what to do.
func TestVariantsThroughTheCommands(t *testing.T) {
	folders := t.TempDir()
	unpackBackbones(t, "../../models/folder/testdata/hub/variants.tar.gz", folders)
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 12, "symbols", "flags")))
	extract := "extract --image image --alpha white --root " + p.emoji + " --label label --out x.features "
	for _, name := range []string{"vit", "resnet"} {
		dir := filepath.Join(folders, name)
		for _, precision := range []string{"f32", "fp16", "int8", "uint8"} {
			p.one(t, extract+"--replace --backbone "+dir+" --precision "+precision+" emoji.csv").wantNumbers(t, map[string]float64{"computed": 24})
			p.one(t, "cache verify x.features --recompute 4")
			for _, tail := range []string{"last:1", "all"} {
				train := "train-head --l2 0.1 --epochs 2 --tail " + tail + " --out x.head.onnx x.features"
				os.Remove("x.head.onnx")
				if precision == "f32" || precision == "fp16" {
					p.do(t, train)
					p.do(t, "predict --image image --alpha white --root "+p.emoji+" x.head.onnx emoji.csv")
					continue
				}
				p.fails(t, train, exitFailed, "quantised", "no gradient", "float32 file of the model")
			}
		}
	}
	p.one(t, extract+"--replace --backbone "+filepath.Join(folders, "mobilevit-one")+" emoji.csv").wantNumbers(t, map[string]float64{"computed": 24})
	for _, tail := range []string{"last:1", "all", "auto"} {
		p.fails(t, "train-head --l2 0.1 --tail "+tail+" x.features", exitFailed, "mobilevit-one: its graph is that of one sample", "dynamic batch", "leave --tail out")
	}
	p.fails(t, extract+"--backbone "+filepath.Join(folders, "vit-mae")+" emoji.csv", exitFailed, "draws random numbers (RandomUniformLike)", "ViTModel.from_pretrained")
}

// What a folder leaves open is asked for with the flag or the command that
// settles it, and inspect shows the folder all the same.
func TestQuestionsAboutBackbones(t *testing.T) {
	folders := t.TempDir()
	hub(t, folders)
	p := newPlace(t)
	samples := p.samples(0, 8, "symbols", "flags")
	for i := range samples {
		samples[i] = samples[i][:3]
	}
	p.table("emoji.csv", "image,name,label", samples)
	extract := "extract --image image --alpha white --root " + p.emoji + " --label label --backbone "
	p.fails(t, extract+"org/name emoji.csv", exitFailed, "models: org/name", "hf download org/name --local-dir org/name")

	vit := filepath.Join(folders, "vit")
	config := filepath.Join(vit, "config.json")
	data, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, []byte(strings.ReplaceAll(string(data), `"vit"`, `"martian"`)), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.fails(t, extract+vit+" emoji.csv", exitFailed, "model_type martian", "--tap last_hidden_state:cls or --tap last_hidden_state:mean")
	p.one(t, extract+vit+" --tap last_hidden_state:mean emoji.csv").wantNumbers(t, map[string]float64{"computed": 16})
	if out := p.do(t, "inspect "+vit); !strings.Contains(strings.Join(strings.Fields(out), " "), "to say") || !strings.Contains(out, "can be tapped") {
		t.Errorf("%s", out)
	}
	// The tap that no file tells is in the feature set: a head asks for
	// nothing.
	p.do(t, "train-head --l2 0.1 --out vit.head.onnx emoji.features")
	p.do(t, "predict --image image --alpha white --root "+p.emoji+" vit.head.onnx emoji.csv")

	graph, err := filepath.Glob(filepath.Join(vit, "onnx", "model.onnx"))
	if err != nil || len(graph) == 0 {
		graph = []string{filepath.Join(vit, "model.onnx")}
	}
	data, err = os.ReadFile(graph[0])
	for _, word := range []string{"fp16", "quantized"} {
		if err == nil {
			err = os.WriteFile(strings.TrimSuffix(graph[0], ".onnx")+"_"+word+".onnx", data, 0o666)
		}
	}
	if err == nil {
		err = os.Remove(graph[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	p.fails(t, extract+vit+" emoji.csv", exitFailed, "model_fp16.onnx, ", "model_quantized.onnx", "--backbone ")
	p.fails(t, extract+vit+" --precision q4 emoji.csv", exitFailed, "no file of the backbone has the precision q4")
	p.one(t, extract+vit+" --precision fp16 --tap last_hidden_state:mean --out fp16.features emoji.csv").wantNumbers(t, map[string]float64{"cached": 16})
	if meta := p.one(t, "inspect fp16.features"); !strings.HasSuffix(meta["meta"].(map[string]any)["backbone"].(string), "model_fp16.onnx") {
		t.Errorf("%v", meta["meta"])
	}
	p.fails(t, extract+filepath.Join(folders, "siglip-vision")+" --tap nothing:mean emoji.csv", exitFailed, "nothing")
	if out := p.do(t, "inspect "+filepath.Join(folders, "clip")); !strings.Contains(strings.Join(strings.Fields(out), " "), "the part for images") {
		t.Errorf("%s", out)
	}
}
