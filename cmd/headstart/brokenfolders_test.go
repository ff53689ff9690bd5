package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Folders in which something is broken, missing or not read here: each error
// names the file and what is wrong with it, and says what to do now.
func TestBrokenBackboneFolders(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 2, "symbols", "flags")))
	const pre = "preprocessor_config.json"
	const overruled = "/backbone.json how images are prepared, which overrules it"
	graph := p.read(filepath.Join(p.backbones, "vit", "model.onnx"))
	for name, c := range map[string]struct {
		files map[string]string // in place of those of a folder that is right; "-": there is none
		says  []string
	}{
		"cut-json":      {map[string]string{pre: `{"size":`}, []string{pre + ": not JSON", overruled}},
		"no-class":      {map[string]string{pre: "{}", "config.json": "{}"}, []string{"image_processor_type: the field is missing", overruled}},
		"unknown-class": {map[string]string{pre: `{"image_processor_type":"MartianImageProcessor"}`}, []string{"MartianImageProcessor is not known here; known are", overruled}},
		"named-class":   {map[string]string{pre: `{"image_processor_type":"Siglip2ImageProcessor"}`}, []string{"Siglip2ImageProcessor is not read here: it cuts images", overruled}},
		"other-key":     {map[string]string{pre: `{"image_processor_type":"ViTImageProcessor","do_stretch":true}`}, []string{"do_stretch: true is not read here", overruled}},
		"no-size":       {map[string]string{pre: `{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":32},"do_center_crop":false}`}, []string{"do_center_crop: false with size.shortest_edge gives images of different sizes", overruled}},
		"other-size":    {map[string]string{pre: `{"image_processor_type":"ViTImageProcessor","size":{"height":48,"width":48}}`}, []string{pre + " makes images of 3×48×48", "the size there must be that of the export"}},
		"pointer":       {map[string]string{"model.onnx": "version https://git-lfs.github.com/spec/v1\n"}, []string{"pointer of Git LFS", "git lfs pull"}},
		"annex":         {map[string]string{"model.onnx": "/annex/objects/MD5E-s123--d41d.onnx\n"}, []string{"pointer of git-annex", "git annex get"}},
		"page":          {map[string]string{"model.onnx": "<!DOCTYPE html>"}, []string{"a web page in place of the model", "download the file itself"}},
		"cut-model":     {map[string]string{"model.onnx": string(graph[:len(graph)/2])}, []string{"not an ONNX model", "cut short or damaged", "download or export it again"}},
		"empty-model":   {map[string]string{"model.onnx": ""}, []string{"the file is empty", "download or export it again"}},
		"no-model":      {map[string]string{"model.onnx": "-"}, []string{"neither onnx/model.onnx nor model.onnx", "no .onnx file is there at all"}},
		"torch":         {map[string]string{"model.onnx": "-", "model.safetensors": "x"}, []string{"optimum-cli export onnx --model ./torch --task feature-extraction NEW makes one of model.safetensors"}},
		"tensorflow":    {map[string]string{"model.onnx": "-", "saved_model.pb": "x"}, []string{"python -m tf2onnx.convert --saved-model ./tensorflow"}},
		"ort":           {map[string]string{"model.onnx": "-", "model.ort": "x"}, []string{"model.ort is of ONNX Runtime's own format", "the .onnx file that it was made of"}},
		"two":           {map[string]string{"onnx/model.onnx": string(graph)}, []string{"several files may be the backbone", "two/model.onnx takes that one"}},
		"no-contract":   {map[string]string{pre: "-"}, []string{"missing: size, filter, mean, std", "--size 32x32", "no-contract/backbone.json"}},
		"cut-config":    {map[string]string{"config.json": `{"model_type": "vi`}, []string{"config.json: not JSON: it is cut short; download it again"}},
		"folder-config": {map[string]string{"config.json": "-", "config.json/x": "x"}, []string{"config.json: a folder in place of a file; take it away, and download the file"}},
		"own-typo":      {map[string]string{"backbone.json": `{"sise": 32}`}, []string{"backbone.json: sise: the key is not known; known are size"}},
	} {
		t.Run(name, func(t *testing.T) {
			p.small("vit")
			if err := os.Rename("vit", name); err != nil {
				t.Fatal(err)
			}
			for _, file := range slices.Sorted(maps.Keys(c.files)) {
				content := c.files[file]
				path := filepath.Join(name, file)
				if content == "-" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					continue
				}
				p.put(path, []byte(content))
			}
			p.fails(t, "extract --image image --root "+p.emoji+" --label label --backbone ./"+name+" emoji.csv", exitFailed, c.says...)
			if _, _, stderr := p.try(t, "inspect ./"+name); !strings.Contains(stderr, c.says[0]) {
				t.Errorf("inspect says something else: %s", stderr)
			}
		})
	}
}

// A model that the runtime does not read, but a newer one might: what to do is
// said, and nothing of where the runtime's sources lie.
func TestModelsThatTheRuntimeRefuses(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 2, "symbols", "flags")))
	graph := p.read(filepath.Join(p.backbones, "vit", "model.onnx"))
	for name, c := range map[string]struct {
		change func(m *pb.ModelProto)
		says   []string
	}{
		"new-opset": {func(m *pb.ModelProto) { m.OpsetImport[0].Version = new(int64(99)) }, []string{"operator set 99 of ai.onnx", "take a newer ONNX Runtime, or export the model again with opset", "--runtime FILE"}},
		"new-ir":    {func(m *pb.ModelProto) { m.IrVersion = new(int64(99)) }, []string{"IR version 99", "take a newer ONNX Runtime", "--runtime FILE"}},
		"operator": {func(m *pb.ModelProto) {
			for _, n := range m.Graph.Node {
				if n.GetOpType() == "MatMul" {
					n.OpType = new("MartianMul")
				}
			}
		}, []string{"operator MartianMul is not one of operator set", "export the model again with operators of the standard alone"}},
		"circle": {func(m *pb.ModelProto) {
			i := slices.IndexFunc(m.Graph.Node, func(n *pb.NodeProto) bool { return n.GetOpType() == "Softmax" })
			first := m.Graph.Node[i]
			i = slices.IndexFunc(m.Graph.Node, func(n *pb.NodeProto) bool { return slices.Contains(n.Input, first.Output[0]) })
			first.Input[0] = m.Graph.Node[i].Output[0]
		}, []string{"in a circle", "download or export it again"}},
	} {
		t.Run(name, func(t *testing.T) {
			p.small("vit")
			if err := os.Rename("vit", name); err != nil {
				t.Fatal(err)
			}
			m, err := onnx.Decode(graph)
			if err != nil {
				t.Fatal(err)
			}
			c.change(m)
			data, err := onnx.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			p.put(filepath.Join(name, "model.onnx"), data)
			command := "extract --image image --root " + p.emoji + " --label label --backbone ./" + name + " emoji.csv"
			p.fails(t, command, exitFailed, c.says...)
			if _, _, stderr := p.try(t, command); strings.Contains(stderr, ".cc:") || strings.Contains(stderr, ".h:") {
				t.Errorf("a place in sources: %s", stderr)
			}
		})
	}
}
