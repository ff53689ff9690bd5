package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// jsonFile reads a JSON file.
func (p *place) jsonFile(t *testing.T, path string) object {
	t.Helper()
	o := object{}
	if err := json.Unmarshal(p.read(path), &o); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return o
}

// sameAnswers compares predictions of a head and of its export, all cells with
// numbers within tolerance.
func (p *place) sameAnswers(t *testing.T, head, export, source string, tolerance float64) {
	t.Helper()
	read := func(head string) [][]string {
		return rows(t, p.do(t, "predict --to csv "+head+" "+source))
	}
	p.sameCells(t, read(head), read(export), tolerance)
}

// sameCells compares tables, cells with numbers within tolerance.
func (p *place) sameCells(t *testing.T, a, b [][]string, tolerance float64) {
	t.Helper()
	if len(a) != len(b) || len(a) < 2 {
		t.Fatalf("%d and %d rows", len(a), len(b))
	}
	for i := range a {
		for k := range a[i] {
			x, err := strconv.ParseFloat(a[i][k], 64)
			y, other := strconv.ParseFloat(b[i][k], 64)
			if err != nil || other != nil || k == 0 {
				if a[i][k] != b[i][k] {
					t.Errorf("row %d, %s: %q, not %q", i, a[0][k], b[i][k], a[i][k])
				}
			} else if d := math.Abs(x-y) / max(1, math.Abs(x)); !(d <= tolerance) {
				t.Errorf("row %d, %s: %v differs from %v by %g", i, a[0][k], y, x, d)
			}
		}
	}
}

// The folder has what clients look for: design and libraries ask for these
// files and keys.
func TestExportedFolder(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 20, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.do(t, "extract --image image --alpha white --root "+p.emoji+" --backbone "+filepath.Join(p.backbones, "resnet")+" --out images.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 --reject 0.9 --l2-normalize --tolerance 0.00015 images.features")

	out := p.one(t, "export names.head.onnx --out names-model")
	want := []string{"LICENSE", "NOTICE", "README.md", "config.json", "onnx/model.onnx", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}
	var files []string
	for _, f := range out["files"].([]any) {
		files = append(files, f.(string))
	}
	if !slices.Equal(files, want) || out["out"] != "names-model" || out["checked"] != 32. || out["made_up"] != 0. {
		t.Errorf("%v", out)
	}
	config := p.jsonFile(t, "names-model/config.json")
	for path, want := range map[string]any{
		"model_type": "bert", "id2label.0": "food-and-drink", "id2label.1": "symbols", "label2id.symbols": 1., "problem_type": "single_label_classification",
		"max_position_embeddings": 512., "pad_token_id": 0., "vocab_size": 30522., "hidden_size": 384.,
	} {
		if got, _ := config.at(path); got != want {
			t.Errorf("config.json: %s is %v, not %v", path, got, want)
		}
	}
	if js := config["transformers.js_config"].(map[string]any); js["dtype"] != "fp32" || len(js) != 1 {
		t.Errorf("transformers.js_config: %v", js)
	}
	if list := config["architectures"].([]any); len(list) != 1 || list[0] != "BertForSequenceClassification" {
		t.Errorf("%v", list)
	}
	tokenizer, words := p.jsonFile(t, "names-model/tokenizer.json"), p.jsonFile(t, "names-model/tokenizer_config.json")
	length, _ := tokenizer.at("truncation.max_length")
	if length != 256. || words["model_max_length"] != length || tokenizer["padding"] != nil || words["pad_token"] != "[PAD]" || words["tokenizer_class"] != "PreTrainedTokenizerFast" {
		t.Errorf("lengths %v and %v, padding %v, %v", length, words["model_max_length"], tokenizer["padding"], words)
	}
	if special := p.jsonFile(t, "names-model/special_tokens_map.json"); special["pad_token"] != "[PAD]" || special["sep_token"] != "[SEP]" {
		t.Errorf("%v", special)
	}
	card := string(p.read("names-model/README.md"))
	wantSays(t, card, "license: apache-2.0\npipeline_tag: text-classification\n", "base_model: sentence-transformers/all-MiniLM-L6-v2", "95 % interval", "majority class",
		"headstart export names.head.onnx --out names-model", "headstart train-head --out names.head.onnx", "--by none", "`food-and-drink`, `symbols`", "[LICENSE](LICENSE) and [NOTICE](NOTICE)", "truncation=True")

	// A name of several words is one word of a shell, and a string elsewhere.
	out = p.one(t, "export names.head.onnx --out 'all names'")
	card = string(p.read("all names/README.md"))
	wantSays(t, card, `headstart predict 'all names' --sample`, `await pipeline("text-classification", "all names")`, `folder = "all names"`, `InferenceSession("all names/onnx/model.onnx")`, `--out 'all names'`)
	if loads := fmt.Sprint(out["clients"]); !strings.Contains(loads, `headstart predict 'all names' SOURCE`) {
		t.Error(loads)
	}

	out = p.one(t, "export images.head.onnx --out images-model --layout flat")
	if out["model"] != filepath.Join("images-model", "model.onnx") {
		t.Errorf("%v", out)
	}
	// Also what begins as the default does, and a switch.
	wantSays(t, string(p.read("images-model/README.md")), "headstart train-head --out images.head.onnx --l2 0.1 --cv 2 --by none --tolerance 0.00015 --l2-normalize --reject 0.9 images.features\n")
	pixels := p.jsonFile(t, "images-model/preprocessor_config.json")
	for path, want := range map[string]any{
		"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": true, "do_resize": true, "size.shortest_edge": 72., "do_center_crop": true,
		"crop_size.height": 64., "crop_size.width": 64., "do_rescale": true, "do_normalize": true, "rescale_factor": 1 / 255.,
	} {
		if got, _ := pixels.at(path); got != want {
			t.Errorf("preprocessor_config.json: %s is %v, not %v", path, got, want)
		}
	}
	if config := p.jsonFile(t, "images-model/config.json"); config["model_type"] != "resnet" || config["architectures"].([]any)[0] != "ResNetForImageClassification" {
		t.Errorf("%v", config)
	}
	notes := map[string]string{}
	for _, c := range out["clients"].([]any) {
		c := c.(map[string]any)
		notes[c["name"].(string)] = c["load"].(string) + " " + c["note"].(string)
	}
	for name, part := range map[string]string{
		"headstart": "headstart predict images-model", "onnxruntime": "images-model/model.onnx", "transformers.js": "without antialiasing", "optimum": "laid on white", "hugot": "nearest pixel",
	} {
		if !strings.Contains(notes[name], part) || name != "headstart" && !strings.Contains(notes[name], "headstart.reject") {
			t.Errorf("%s: %q", name, notes[name])
		}
	}
	m, err := onnx.Decode(p.read("images-model/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	meta := map[string]string{}
	for _, e := range m.MetadataProps {
		meta[e.GetKey()] = e.GetValue()
	}
	for _, name := range []string{"classes", "contract", "logits_temperature", "backbone", "backbone_sha256", "backbone_licence", "tap", "head", "metrics", "created", "reject"} {
		if meta["headstart."+name] == "" {
			t.Errorf("no metadata headstart.%s", name)
		}
	}
	if v := m.Graph.Input[0]; v.GetName() != "pixel_values" || m.Graph.Output[0].GetName() != "probabilities" {
		t.Errorf("input %v", v)
	}

	// headstart takes it as a head and as a backbone.
	read := " --image image --alpha white --root " + p.emoji + " emoji.csv"
	p.sameAnswers(t, "--probabilities images.head.onnx", "--probabilities images-model", read[1:], 1e-5)
	p.sameAnswers(t, "--probabilities images.head.onnx", "--probabilities images-model/model.onnx", read[1:], 1e-5)
	p.sameAnswers(t, "--probabilities names.head.onnx", "--probabilities names-model", "--text name emoji.csv", 1e-5)
	p.do(t, "extract --out again.features --backbone images-model --image image --root "+p.emoji+" emoji.csv")
	a, b := p.embeddings("images.features"), p.embeddings("again.features")
	for i, x := range a {
		if d := math.Abs(float64(x - b[i])); len(a) != len(b) || !(d <= 1e-5) {
			t.Fatalf("value %d of %d: %g and %g", i, len(b), x, b[i])
		}
	}
	wantSays(t, p.do(t, "inspect names-model"), "names-model, for texts", "Apache-2.0", "last_hidden_state, pooling mean, l2: 384 values", "head", "2 classes: food-and-drink, symbols")
	p.fails(t, "evaluate names-model names.features", exitFailed, "takes the head file that it was made of")
	p.fails(t, "predict names-model --text name --alpha white emoji.csv", exitUsage, "alpha")
}

// What is published says what it was made of by name, and not in which folders
// of this machine that lay.
func TestExportKeepsPathsAtHome(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "symbols", "food-and-drink"))
	p.small("distilbert")
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(home, name) }
	p.do(t, "extract --text name --backbone "+at("distilbert")+" --out "+at("names.features")+" "+at("emoji.csv"))
	p.do(t, "train-head --by none --l2 0.1 --cv 2 --out "+at("names.head.onnx")+" "+at("names.features"))
	p.do(t, "export "+at("names.head.onnx")+" --out "+at("names-model"))
	for path := range p.state("names-model") {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && strings.Contains(string(p.read(path)), home) {
			t.Errorf("%s has the path of this folder", path)
		}
	}
	wantSays(t, string(p.read("names-model/README.md")), "names.head.onnx\n", "names.features", "--cv 2 --by none names.features\nheadstart export names.head.onnx --out names-model --licence apache-2.0\n", "samples of emoji.csv text=name.")
	m, err := onnx.Decode(p.read("names-model/onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.MetadataProps {
		if e.GetKey() == "headstart.backbone" && e.GetValue() != "distilbert" {
			t.Errorf("backbone %q", e.GetValue())
		}
	}
}

// An export takes the place of an earlier one alone, and only if that is asked
// for.
func TestExportReplaces(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 8, "symbols", "food-and-drink"))
	backbone := filepath.Join(p.backbones, "distilbert")
	p.do(t, "extract --text name --backbone "+backbone+" --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	export := "export names.head.onnx --out model"
	p.do(t, export)
	contents := func() map[string]string {
		all := map[string]string{}
		for path := range p.state("model") {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				all[path] = string(p.read(path))
			}
		}
		return all
	}
	before := contents()
	same := func() {
		t.Helper()
		if after := contents(); len(after) < 6 || !maps.Equal(after, before) {
			t.Errorf("the folder is another one: %d files, were %d", len(after), len(before))
		}
		if left, _ := filepath.Glob(".*.tmp"); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
	p.fails(t, export, exitFailed, "model is there already and not empty: an earlier export", "--replace replaces it")
	same()
	p.do(t, export+" --replace --layout flat")
	if _, err := os.Stat("model/model.onnx"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("model/onnx"); err == nil {
		t.Error("the model lies in both places")
	}
	p.do(t, export+" --replace")
	same()
	p.put("model/notes.txt", []byte("mine"))
	before = contents()
	p.fails(t, export+" --replace", exitFailed, "notes.txt in it is no file of an export", "name a new folder")
	same()
	p.put("other/README.md", []byte("mine"))
	p.fails(t, "export names.head.onnx --replace --out other", exitFailed, "other is there already and not empty, and no export")
	p.fails(t, "export names.head.onnx --out model.onnx", exitUsage, "a folder is written, not a file", "--layout flat --out model the model is model/model.onnx")
	p.fails(t, "export names.head.onnx --out x --layout round", exitUsage, "round")

	// The licence of the weights is known, or said.
	t.Setenv("HEADSTART_LICENCE", "")
	p.fails(t, "export names.head.onnx --out x", exitFailed, "nothing says under which licence", "--licence NAME")
	if _, err := os.Stat("x"); err == nil {
		t.Error("something is written")
	}
	p.small("distilbert")
	p.put("distilbert/README.md", []byte("---\nlanguage: en\nlicense: mit\n---\n# a backbone\n"))
	p.put("distilbert/LICENSE.txt", []byte("Permission is hereby granted"))
	p.fails(t, "export names.head.onnx --out x --backbone distilbert --licence gpl-3.0", exitFailed, "under the licence mit, not gpl-3.0")
	if out := p.one(t, "export names.head.onnx --out x --backbone distilbert"); out["licence"] != "mit" || string(p.read("x/LICENSE.txt")) != "Permission is hereby granted" {
		t.Errorf("%v", out)
	}
	if out := p.one(t, "export names.head.onnx --out y --licence 'my own'"); out["licence"] != "my own" {
		t.Errorf("%v", out)
	}
	wantSays(t, string(p.read("y/README.md")), "license: my own", "whose licence is my own")

	// What the samples were is not there any more: others are made up.
	if err := os.Remove("emoji.csv"); err != nil {
		t.Fatal(err)
	}
	p.one(t, "export names.head.onnx --out z --licence mit").wantNumbers(t, map[string]float64{"checked": 32, "made_up": 32})
}

// Heads of every kind on backbones of many families are one model that computes
// what backbone, pooling and head compute, and headstart predicts with the
// exported folder what it predicts with the head.
func TestExportOfEveryHead(t *testing.T) {
	folders := t.TempDir()
	hub(t, folders)
	unpackBackbones(t, "../../models/folder/testdata/sentences/sentences.tar.gz", folders)
	p := newPlace(t)
	samples := p.samples(0, 18, "symbols", "food-and-drink", "flags")
	for i, s := range samples {
		// image, name, label, labels, number, grade
		samples[i] = append(s[:3:3], []string{"a;b", "a", "b", "[]"}[i%4], fmt.Sprint(0.25*float64(i%7)), []string{"low", "middle", "high"}[i%3])
	}
	p.table("emoji.csv", "image,name,class,any,number,grade", samples)
	t.Setenv("HEADSTART_THREADS", "1")
	heads := []struct{ name, label, train string }{
		{"softmax", "class", "--head softmax --l2 0.1"}, {"ridge", "class", "--head ridge --l2 0.1"}, {"lda", "class", "--head lda"}, {"lda+softmax", "class", "--head lda+softmax --l2 0.1"},
		{"ncm", "class", "--head ncm --l2-normalize"}, {"knn", "class", "--head knn"}, {"mlp", "class", "--head mlp --hidden 8 --epochs 4"},
		{"logistic", "any", "--head logistic --l2 0.1"}, {"linear", "number", "--head linear --l2 0.1"}, {"ordinal", "grade", "--head ordinal --grades low,middle,high --l2 0.1"},
		{"reject", "class", "--head softmax --l2 0.1 --reject 0.9 --standardize=false"},
	}
	backbones := []struct{ name, read, tap string }{
		{"vit", "image", ""}, {"resnet", "image", ""}, {"swin", "image", ""}, {"vit-nhwc", "image", ""}, {"mobilevit", "image", ""},
		{"bert-mean", "text", ""}, {"roberta", "text", ""}, {"mpnet", "text", ""}, {"static-graph", "text", ""}, {"gpt2-weighted", "text", ""}, {"deberta-v2", "text", ""},
	}
	for b, backbone := range backbones {
		read := " --text name"
		if backbone.read == "image" {
			read = " --image image --alpha white --root " + p.emoji
		}
		done := map[string]bool{}
		for i, h := range heads {
			if testing.Short() && (i+b)%4 > 0 {
				continue
			}
			t.Run(backbone.name+"/"+h.name, func(t *testing.T) {
				set := backbone.name + "-" + h.label
				if !done[set] {
					multi := ""
					if h.label == "any" {
						multi = " --multi-label"
					}
					p.do(t, "extract --label "+h.label+multi+read+" --backbone "+filepath.Join(folders, backbone.name)+" --out "+set+".features emoji.csv")
					done[set] = true
				}
				file, dir := backbone.name+"-"+h.name+".head.onnx", backbone.name+"-"+h.name
				p.do(t, "train-head --cv 2 "+h.train+" --baseline=false --out "+file+" "+set+".features")
				out := p.one(t, "export "+file+" --out "+dir)
				if d := out.number(t, "worst"); !(d <= 1e-5) || out["made_up"] != 0. {
					t.Errorf("%v", out)
				}
				all := " --probabilities"
				if h.label == "number" {
					all = ""
				}
				p.sameAnswers(t, file+all, dir+all, read[1:]+" emoji.csv", 2e-5)
			})
		}
	}
}

// Graphs of whole numbers, of half precision and of one sample at a time are
// exported as they are, and the clients are told what that means for them.
func TestExportOfVariants(t *testing.T) {
	folders := t.TempDir()
	unpackBackbones(t, "../../models/folder/testdata/hub/variants.tar.gz", folders)
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label", p.cut(p.samples(0, 12, "symbols", "flags")))
	read := "--image image --alpha white --root " + p.emoji + " emoji.csv"
	for _, c := range []struct{ name, flags, note string }{
		{"vit", " --precision uint8", "computes over its batch"}, {"resnet", " --precision fp16", ""}, {"mobilevit-one", "", "graph is of one"},
	} {
		p.do(t, "extract --label label --out "+c.name+".features --backbone "+filepath.Join(folders, c.name)+c.flags+" "+read)
		p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false "+c.name+".features")
		out := p.one(t, "export "+c.name+".head.onnx --out "+c.name)
		if d := out.number(t, "worst"); !(d <= 1e-5) || out.number(t, "checked") < 32 {
			t.Errorf("%s: %v", c.name, out)
		}
		for _, client := range out["clients"].([]any) {
			client := client.(map[string]any)
			note := client["note"].(string)
			if client["name"] != "headstart" && strings.Contains(note, "one sample at a time") != (c.note != "") || client["name"] == "optimum" && !strings.Contains(note, c.note) {
				t.Errorf("%s: %v", c.name, client)
			}
		}
		p.sameAnswers(t, "--probabilities "+c.name+".head.onnx", "--probabilities "+c.name, read, 1e-5)
	}
}

// Names that the head uses do not get in its way, also where the branches of an
// If, or the body of a Loop, read them.
func TestExportOfTakenNames(t *testing.T) {
	p := newPlace(t)
	batch := onnx.Dim{Size: -1, Name: "batch"}
	rows := func(name string) *pb.ValueInfoProto {
		return onnx.TensorValue(name, pb.TensorProto_FLOAT, batch, onnx.Dim{Size: 4})
	}
	branch := func(name string) *pb.AttributeProto {
		body := &pb.GraphProto{Name: new(name), Node: []*pb.NodeProto{onnx.Node("Mul", []string{"logits", "weight"}, []string{name + "_out"})}, Output: []*pb.ValueInfoProto{rows(name + "_out")}}
		return &pb.AttributeProto{Name: new(name), Type: pb.AttributeProto_GRAPH.Enum(), G: body}
	}
	scalar := func(name string, elem pb.TensorProto_DataType) *pb.ValueInfoProto {
		return onnx.TensorValue(name, elem)
	}
	loop := &pb.AttributeProto{Name: new("body"), Type: pb.AttributeProto_GRAPH.Enum(), G: &pb.GraphProto{
		Name: new("body"), Input: []*pb.ValueInfoProto{scalar("round", pb.TensorProto_INT64), scalar("go", pb.TensorProto_BOOL), rows("before")},
		Node: []*pb.NodeProto{
			onnx.Node("Identity", []string{"go"}, []string{"on"}), onnx.Node("Mul", []string{"before", "bias"}, []string{"half"}), onnx.Node("Sub", []string{"half", "logits"}, []string{"after"}),
		},
		Output: []*pb.ValueInfoProto{scalar("on", pb.TensorProto_BOOL), rows("after")},
	}}
	m := &pb.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*pb.OperatorSetIdProto{{Version: new(int64(17))}}, Graph: &pb.GraphProto{
		Name: new("names"), Input: []*pb.ValueInfoProto{rows("value")}, Output: []*pb.ValueInfoProto{rows("probabilities")},
		Initializer: []*pb.TensorProto{
			onnx.FloatTensor("weight", []float32{2, 3, 4, 5}, 4), onnx.FloatTensor("bias", []float32{1, 1, 1, 1}, 4), {Name: new("yes"), DataType: new(int32(pb.TensorProto_BOOL)), RawData: []byte{1}},
			{Name: new("rounds"), DataType: new(int32(pb.TensorProto_INT64)), RawData: []byte{3, 0, 0, 0, 0, 0, 0, 0}},
		},
		Node: []*pb.NodeProto{
			onnx.Node("Add", []string{"value", "bias"}, []string{"logits"}), onnx.Node("If", []string{"yes"}, []string{"scores"}, branch("then_branch"), branch("else_branch")),
			onnx.Node("Tanh", []string{"scores"}, []string{"probabilities"}),
		},
	}}
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	p.put("net/model.onnx", data)
	p.put("net/backbone.json", []byte(`{"modality": "numbers"}`))
	table := make([]float32, 160)
	labels := make([]int64, 40)
	for i := range table {
		table[i] = float32(math.Sin(float64(i * i)))
	}
	for i := range labels {
		labels[i] = int64(i % 2)
		table[4*i] += float32(i % 2)
	}
	put := func(path, descr string, values any, shape ...int64) {
		data, err := binary.Append(numpy.Header(descr, shape...), binary.LittleEndian, values)
		if err != nil {
			t.Fatal(err)
		}
		p.put(path, data)
	}
	put("X.npy", "<f4", table, 40, 4)
	put("y.npy", "<i8", labels, 40)
	p.do(t, "extract --backbone net --out x.features X.npy")
	p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false x.features")
	// An input cannot be called otherwise, and one is called as an output.
	p.fails(t, "export x.head.onnx --out model", exitFailed, `"value" is an input of the model`)
	m.Graph.Input[0].Name, m.Graph.Node[0].Input[0] = new("in"), "in"
	if data, err = onnx.Encode(m); err != nil {
		t.Fatal(err)
	}
	p.put("net/model.onnx", data)
	p.do(t, "extract --replace --backbone net --out x.features X.npy")
	if err := os.Remove("x.head.onnx"); err != nil {
		t.Fatal(err)
	}
	p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false x.features")
	out := p.one(t, "export x.head.onnx --out model")
	if d := out.number(t, "worst"); !(d <= 1e-5) {
		t.Errorf("%v", out)
	}
	p.sameAnswers(t, "--probabilities x.head.onnx", "--probabilities model", "X.npy", 1e-5)

	last := len(m.Graph.Node) - 1
	m.Graph.Node = append(m.Graph.Node[:last], onnx.Node("Loop", []string{"rounds", "yes", "scores"}, []string{"rows"}, loop), onnx.Node("Tanh", []string{"rows"}, []string{"probabilities"}))
	if data, err = onnx.Encode(m); err != nil {
		t.Fatal(err)
	}
	p.put("looped/model.onnx", data)
	p.put("looped/backbone.json", []byte(`{"modality": "numbers"}`))
	p.do(t, "extract --backbone looped --out y.features X.npy")
	p.do(t, "train-head --l2 0.1 --cv 2 --baseline=false y.features")
	if out := p.one(t, "export y.head.onnx --out looped-model"); !(out.number(t, "worst") <= 1e-5) {
		t.Errorf("%v", out)
	}
}
