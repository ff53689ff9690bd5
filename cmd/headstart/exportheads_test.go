package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Several heads on one backbone, of several taps and tasks, are one model of
// one pass, in which each answers as it does alone.
func TestExportSeveralHeads(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	samples := p.samples(0, 16, "symbols", "food-and-drink", "objects")
	var labels, several, number [][]string
	for i, s := range samples {
		labels = append(labels, []string{s[1], s[2]})
		several = append(several, []string{s[1], []string{"a", "a;b", "b"}[i%3]})
		number = append(number, []string{s[1], []string{"1", "2", "4"}[i%3]})
	}
	p.table("class.csv", "name,label", labels)
	p.table("any.csv", "name,label", several)
	p.table("number.csv", "name,label", number)
	p.put("more/notes.txt", nil)
	extract := func(set, more string) {
		t.Helper()
		p.do(t, "extract --backbone distilbert --text name --out "+set+".features "+more)
	}
	extract("class", "--tap last_hidden_state:mean class.csv")
	extract("early", "--tap layer_norm_2:max class.csv")
	extract("both", "--tap layer_norm_2:max --tap last_hidden_state:mean class.csv")
	extract("any", "--tap last_hidden_state:cls --multi-label any.csv")
	extract("number", "--tap last_hidden_state:mean number.csv")
	train := func(out, flags, set string) {
		t.Helper()
		p.do(t, "train-head --by none --cv 2 --out "+out+" "+flags+" "+set+".features")
	}
	train("class.head.onnx", "--l2 0.1", "class")
	train("more/class.head.onnx", "--l2 1", "early") // called as the first one
	train("both.head.onnx", "--l2 0.1", "both")
	train("any+of.head.onnx", "--l2 0.1 --head logistic", "any")
	train("size.head.onnx", "--l2 0.1 --head linear", "number")
	train("cumulative.head.onnx", "--l2 0.1 --head ordinal --grades 1,2,4", "number") // whose logits would be called as another output
	train("near.head.onnx", "--head knn", "early")

	heads := []string{"class", "more/class", "both", "any_of", "size", "cumulative", "near"}
	names := []string{"class", "class_2", "both", "any_of", "size", "cumulative_2", "near"}
	out := p.one(t, "export class.head.onnx more/class.head.onnx both.head.onnx any+of.head.onnx size.head.onnx cumulative.head.onnx near.head.onnx --licence mit --out all")
	if d := out["worst"].(float64); d > 1e-5 || out["checked"] != 32. {
		t.Errorf("%v", out)
	}
	var have []string
	for _, h := range out["heads"].([]any) {
		have = append(have, h.(map[string]any)["name"].(string))
	}
	if !slices.Equal(have, names) {
		t.Errorf("heads %v", have)
	}
	m, err := onnx.Decode(p.read("all/onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var outputs []string
	for _, v := range m.Graph.Output {
		outputs = append(outputs, v.GetName())
	}
	want := strings.Fields("logits probabilities class_logits class_probabilities class_2_logits class_2_probabilities both_logits both_probabilities any_of_logits any_of_probabilities " +
		"size_logits size_value cumulative_2_logits cumulative_2_probabilities cumulative_2_cumulative_logits near_logits near_probabilities")
	if !slices.Equal(outputs, want) {
		t.Errorf("outputs %v", outputs)
	}
	// One pass: as many nodes of the backbone as the deepest head alone needs.
	p.do(t, "export class.head.onnx --licence mit --out alone")
	alone, err := onnx.Decode(p.read("alone/onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	count := func(nodes []string) (n int) {
		for _, op := range nodes {
			if op == "LayerNormalization" || op == "Gather" {
				n++
			}
		}
		return n
	}
	var a, b []string
	for _, n := range alone.Graph.Node {
		a = append(a, n.GetOpType())
	}
	for _, n := range m.Graph.Node {
		b = append(b, n.GetOpType())
	}
	if x, y := count(a), count(b); x == 0 || y > x+4 { // heads gather rows of neighbours and first tokens
		t.Errorf("%d norms and tables alone, %d of all", x, y)
	}
	meta := map[string]string{}
	for _, e := range m.MetadataProps {
		meta[e.GetKey()] = e.GetValue()
	}
	var each []map[string]string
	if err := json.Unmarshal([]byte(meta["headstart.heads"]), &each); err != nil || len(each) != len(names) || each[4]["task"] != "number" || each[1]["classes"] != meta["headstart.classes"] {
		t.Errorf("%v: %v", err, meta["headstart.heads"])
	}
	if config := p.jsonFile(t, "all/config.json"); len(config["id2label"].(map[string]any)) != 3 {
		t.Errorf("%v", config)
	}
	card := string(p.read("all/README.md"))
	wantSays(t, card, "with 7 heads", "| class_2 | with one of several classes", "`size_logits`, `size_value`", "| any_of | with any of several labels: `a`, `b`", "near.head.onnx", "headstart export class.head.onnx class.head.onnx both.head.onnx")

	for i, name := range names {
		flags := "--probabilities "
		if name == "size" {
			flags = ""
		}
		file := strings.ReplaceAll(heads[i], "any_of", "any+of") + ".head.onnx"
		p.sameAnswers(t, flags+file, flags+"all --head "+name, "--text name class.csv", 1e-5)
	}
	wantSays(t, p.do(t, "inspect all"), "class, class_2, both, any_of, size, cumulative_2,")
	p.fails(t, "predict all --head none --sample apple", exitFailed, "all has no head \"none\"; it has class, class_2, both, any_of")
	p.fails(t, "predict class.head.onnx --head class --sample apple", exitFailed, "has one head, which has no name", "leave --head out")
	p.fails(t, "predict alone --head class --sample apple", exitFailed, "has one head, which has no name")

	// The environment may have the kind of head that train-head fits.
	t.Setenv("HEADSTART_HEAD", "ncm")
	p.do(t, "predict class.head.onnx --sample apple")
	p.do(t, "predict all --sample apple")
	t.Setenv("HEADSTART_HEAD", "any_of")
	if said := p.do(t, "predict all --sample apple --probabilities"); !strings.Contains(said, "p:a,p:b") {
		t.Errorf("%s", said)
	}
	os.Unsetenv("HEADSTART_HEAD")

	// Rounded weights are measured for each.
	out = p.one(t, "export class.head.onnx size.head.onnx --licence mit --precision int8 --out small")
	for i, h := range out["heads"].([]any) {
		r := h.(map[string]any)["rounding"].(map[string]any)
		if r["metric"] != []string{"accuracy", "mae"}[i] || r["precision"] != "int8" {
			t.Errorf("%v", h)
		}
	}

	// What cannot share a pass is told by both names.
	extract("asked", "--prompt 'query: ' --tap last_hidden_state:mean class.csv")
	train("asked.head.onnx", "--l2 0.1", "asked")
	p.do(t, "extract --text name --out other.features class.csv")
	train("other.head.onnx", "--l2 0.1", "other")
	tailOf(t, "class.head.onnx", "tail.head.onnx", "distilbert/model.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	for line, words := range map[string]string{
		"class.head.onnx other.head.onnx": "class.head.onnx and other.head.onnx cannot be one model: they are of two backbones",
		"class.head.onnx asked.head.onnx": "class.head.onnx and asked.head.onnx cannot be one model: their backbone is fed in two ways",
		"class.head.onnx tail.head.onnx":  "layers were retrained with tail.head.onnx",
	} {
		p.fails(t, "export "+line+" --licence mit --out x", exitFailed, words, "export each by itself")
	}
	p.fails(t, "export class.head.onnx class.head.onnx --out x", exitUsage, "class.head.onnx is given twice")
	p.fails(t, "export class.head.onnx size.head.onnx --embedder --out x", exitUsage, "--embedder writes one backbone")
	p.fails(t, "export class.head.onnx size.head.onnx --format json --out x.json", exitUsage, "--format json writes one head; class.head.onnx size.head.onnx are 2")
	p.fails(t, "export class.head.onnx class.features --out x", exitFailed, "class.features")
}
