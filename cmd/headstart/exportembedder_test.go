package main

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// near compares embeddings of two feature sets, as far as they may be apart of
// their length.
func (p *place) near(t *testing.T, a, b string) {
	t.Helper()
	x, y := p.embeddings(a), p.embeddings(b)
	if len(x) != len(y) || len(x) == 0 {
		t.Fatalf("%s has %d values, %s %d", a, len(x), b, len(y))
	}
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(float64(v)))
	}
	for i, v := range x {
		if d := math.Abs(float64(v - y[i])); !(d <= 1e-5*largest) {
			t.Fatalf("%s and %s: value %d is %g and %g", a, b, i, v, y[i])
		}
	}
}

// A head, a feature set or a backbone is written as an embedding model, with
// what sentence-transformers and transformers.js read, and makes the embeddings
// that the backbone makes.
func TestExportEmbedder(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 20, "symbols", "food-and-drink"))
	const text, image = " --text name emoji.csv", " --image image --alpha white --root "
	p.do(t, "extract --backbone distilbert --out names.features --tap last_hidden_state:mean"+text)
	p.do(t, "extract --backbone distilbert --out first.features --prompt 'query: ' --tap last_hidden_state:cls"+text)
	p.do(t, "extract --backbone distilbert --out both.features --tap last_hidden_state:mean --tap layer_norm_2:max"+text)
	p.do(t, "extract --backbone "+filepath.Join(p.backbones, "resnet")+" --out images.features"+image+p.emoji+" emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")

	texts := []string{"last_hidden_state", "sentence_embedding"}
	for _, c := range []struct {
		of, out, set string
		outputs      []string
		pooling      string // that sentence-transformers gets, "": it gets none
		normalize    bool
	}{
		{"names.head.onnx", "names-model", "names.features", texts, "pooling_mode_mean_tokens", false},
		{"first.features", "first-model", "first.features", texts, "pooling_mode_cls_token", false},
		{"all-minilm-l6-v2", "minilm-model", "", texts, "pooling_mode_mean_tokens", true},
		{"both.features", "both-model", "both.features", texts[1:], "", false},
		{"images.features", "images-model", "images.features", []string{"image_embeds", "pooler_output"}, "", false},
	} {
		out := p.one(t, "export "+c.of+" --embedder --licence apache-2.0 --out "+c.out)
		if d := out["worst"].(float64); out["checked"] != 32. || d > 1e-5 || out["rounding"] != nil {
			t.Errorf("%s: %v", c.of, out)
		}
		m, err := onnx.Decode(p.read(c.out + "/onnx/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		var outputs []string
		for _, v := range m.Graph.Output {
			outputs = append(outputs, v.GetName())
		}
		if !slices.Equal(outputs, c.outputs) {
			t.Errorf("%s: outputs %v", c.of, outputs)
		}
		for _, e := range m.MetadataProps {
			if slices.Contains([]string{"headstart.classes", "headstart.head", "headstart.metrics", "headstart.logits_temperature"}, e.GetKey()) {
				t.Errorf("%s: metadata %s of a head", c.of, e.GetKey())
			}
		}
		config := p.jsonFile(t, c.out+"/config.json")
		if config["id2label"] != nil || config["problem_type"] != nil || !strings.HasSuffix(config["architectures"].([]any)[0].(string), "Model") {
			t.Errorf("%s: %v", c.of, config)
		}
		files := out["files"].([]any)
		if has := slices.Contains(files, any("modules.json")); has != (c.pooling != "") {
			t.Errorf("%s: %v", c.of, files)
		}
		card := string(p.read(c.out + "/README.md"))
		wantSays(t, card, "An embedding model: ", "headstart export "+c.of+" --out "+c.out+" --embedder", "headstart extract --backbone "+c.out)
		if strings.Contains(card, "classes") || strings.Contains(card, "predict") {
			t.Errorf("%s: the card speaks of a head: %s", c.of, card)
		}
		if c.pooling != "" {
			pooling := p.jsonFile(t, c.out+"/1_Pooling/config.json")
			on := 0
			for key, v := range pooling {
				if v == true && key != "include_prompt" {
					on++
				}
			}
			if pooling[c.pooling] != true || on != 1 {
				t.Errorf("%s: %v", c.of, pooling)
			}
			length := p.jsonFile(t, c.out+"/sentence_bert_config.json")["max_seq_length"]
			if words := p.jsonFile(t, c.out+"/tokenizer_config.json"); length != words["model_max_length"] {
				t.Errorf("%s: %v and %v", c.of, length, words)
			}
			if modules := string(p.read(c.out + "/modules.json")); strings.Contains(modules, "Normalize") != c.normalize {
				t.Errorf("%s: %s", c.of, modules)
			}
			wantSays(t, card, "library_name: sentence-transformers", `SentenceTransformer("`+c.out+`", backend="onnx")`)
		}
		if c.set == "" {
			continue
		}
		// It makes the embeddings of the set again, by the taps that it says
		// and by its pooled output.
		read := text
		if strings.HasPrefix(c.of, "images") {
			read = image + p.emoji + " emoji.csv"
		}
		p.do(t, "extract --backbone "+c.out+" --out again.features --replace"+read)
		p.near(t, c.set, "again.features")
		p.do(t, "extract --backbone "+c.out+" --tap "+c.outputs[len(c.outputs)-1]+":none --out pooled.features --replace"+read)
		p.near(t, c.set, "pooled.features")
	}
	if prompts := p.jsonFile(t, "first-model/config_sentence_transformers.json"); prompts["default_prompt_name"] != "default" || prompts["prompts"].(map[string]any)["default"] != "query: " {
		t.Errorf("%v", prompts)
	}
	wantSays(t, p.do(t, "export names.features --embedder --licence apache-2.0 --replace --layout flat --out names-model"), "names-model/model.onnx: embeddings of ", "run on 32 samples", "of the backbone, to within", `ModelPath: "names-model"`)

	// Rounded weights move embeddings, and nothing else is said of them.
	r := p.one(t, "export all-minilm-l6-v2 --embedder --precision int8 --out small-model")["rounding"].(map[string]any)
	if cosine := r["cosine"].(float64); cosine < 0.99 || cosine >= 1 || r["metric"] != nil || r["labelled"] != false {
		t.Errorf("%v", r)
	}
	wantSays(t, string(p.read("small-model/README.md")), "embeddings differ by", "cosine 0.99")

	// Of a head with retrained layers the embeddings are those that its head
	// takes.
	tailOf(t, "names.head.onnx", "tail.head.onnx", "distilbert/model.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	p.do(t, "export tail.head.onnx --embedder --licence apache-2.0 --out tail-model")
	p.do(t, "extract --backbone tail-model --out again.features --replace"+text)
	if slices.Equal(p.embeddings("names.features"), p.embeddings("again.features")) {
		t.Error("the layers are those before the training")
	}

	p.fails(t, "predict names-model --sample apple", exitFailed, "names-model is an exported embedding model, which has no head", "headstart extract --backbone names-model")
	p.fails(t, "export distilbert --out x", exitFailed, "not a head file")
	p.fails(t, "export distilbert --embedder --backbone distilbert --out x", exitUsage, "distilbert is a backbone itself")
	p.fails(t, "export emoji.csv --embedder --out x", exitFailed, "emoji.csv")
	t.Setenv("HEADSTART_LICENCE", "")
	p.fails(t, "export distilbert --embedder --out x", exitFailed, "which licence")
}
