package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Weights are stored in half or a quarter of the room, the folder is one that
// clients load as before, and what that changes is measured on labelled
// samples, said, and noted.
func TestExportPrecision(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 60, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.01 --split train=0.5,validation=0.25,test=0.25 names.features")
	size := map[string]int64{}
	for _, precision := range []string{"", "f32", "f16", "int8"} {
		flag, out := "", "model-"+precision
		if precision != "" {
			flag = " --precision " + precision
		}
		said := p.one(t, "export names.head.onnx --out "+out+flag)
		model := filepath.Join(out, "onnx", "model.onnx")
		info, err := os.Stat(model)
		if err != nil {
			t.Fatal(err)
		}
		size[precision] = info.Size()
		if have := said["precision"]; precision != "" && have != precision || precision == "" && have != nil {
			t.Errorf("%s: precision %v", precision, have)
		}
		if js := p.jsonFile(t, out+"/config.json")["transformers.js_config"].(map[string]any); js["dtype"] != "fp32" {
			t.Errorf("%s: %v", precision, js)
		}
		m, err := onnx.Decode(p.read(model))
		if err != nil {
			t.Fatal(err)
		}
		meta := map[string]string{}
		for _, e := range m.MetadataProps {
			meta[e.GetKey()] = e.GetValue()
		}
		card := string(p.read(out + "/README.md"))
		if flag != "" {
			wantSays(t, card, "headstart export names.head.onnx --out "+out+flag)
		}
		if meta["headstart.precision"] != precision {
			t.Errorf("%s: metadata %q", precision, meta["headstart.precision"])
		}
		types := map[pb.TensorProto_DataType]int{}
		for _, x := range m.Graph.Initializer {
			types[pb.TensorProto_DataType(x.GetDataType())]++
		}
		for _, n := range m.Graph.Node {
			if op := n.GetOpType(); strings.Contains(op, "Quantize") || strings.Contains(op, "Integer") {
				t.Errorf("%s: rows depend on each other by %s", precision, op)
			}
		}
		rounding, _ := said["rounding"].(map[string]any)
		if precision == "" || precision == "f32" {
			if rounding != nil || meta["headstart.rounding"] != "" || strings.Contains(card, "stored as") {
				t.Errorf("%s: %v", precision, rounding)
			}
			if half := types[pb.TensorProto_FLOAT16]; (half > 0) != (precision == "") {
				t.Errorf("%q: %d tensors of float16", precision, half)
			}
			p.sameAnswers(t, "--probabilities names.head.onnx", "--probabilities "+out, "--text name emoji.csv", 1e-5)
			continue
		}
		if types[pb.TensorProto_FLOAT16] == 0 && precision == "f16" || types[pb.TensorProto_INT8] == 0 && precision == "int8" {
			t.Errorf("%s: %v", precision, types)
		}
		if rounding["labelled"] != true || rounding["fitted"] != false || rounding["metric"] != "accuracy" || rounding["samples"].(float64) < 20 {
			t.Errorf("%s: %v", precision, rounding)
		}
		d := rounding["difference"].(map[string]any)
		low, value, high := d["low"].(float64), d["value"].(float64), d["high"].(float64)
		if value != rounding["after"].(float64)-rounding["before"].(float64) || low > value || high < value || high-low > 0.5 || rounding["before"].(float64) < 0.8 {
			t.Errorf("%s: %v", precision, rounding)
		}
		worst := rounding["max_difference"].(float64)
		if mean := rounding["mean_difference"].(float64); !(mean > 0) || mean > worst || worst > 0.1 || said["worst"].(float64) != rounding["checked_difference"] {
			t.Errorf("%s: %v", precision, rounding)
		}
		// What is said of the held-out samples holds when they are predicted.
		if !strings.Contains(meta["headstart.rounding"], `"metric":"accuracy"`) {
			t.Errorf("%s: %q", precision, meta["headstart.rounding"])
		}
		wantSays(t, card, "Weights stored as "+precision+": on ", "answers change; accuracy ", "95 % interval", "but for what rounding the weights to "+precision+" does")
		wantSays(t, p.do(t, "export names.head.onnx --replace --out "+out+flag), "weights stored as "+precision+": on ")
		p.sameAnswers(t, "--probabilities names.head.onnx", "--probabilities "+out, "--text name emoji.csv", 0.1)
		// Rows are independent of each other: one at a time is as all together.
		all, one := rows(t, p.do(t, "predict --to csv --probabilities "+out+" --text name emoji.csv")), rows(t, p.do(t, "predict --to csv --probabilities --batch-size 1 --cache other "+out+" --text name emoji.csv"))
		p.sameCells(t, all, one, 1e-6)
	}
	if a, b, c := float64(size["f32"]), float64(size["f16"]), float64(size["int8"]); b > 0.53*a || c > 0.29*a || size[""] > size["f16"]*101/100 {
		t.Errorf("%v", size)
	}

	// The folder is a backbone again, which is not rounded a second time.
	p.do(t, "extract --backbone model-int8 --text name --out again.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.01 --cv 2 again.features")
	p.fails(t, "export again.head.onnx --out again --precision int8", exitFailed, "quantised already (Cast of INT8)", "without --precision they stay as they are")
	p.fails(t, "export names.head.onnx --out x --precision fp16", exitUsage, "fp16", "f16")

	// Where the samples are gone, what is left is said.
	p.put("emoji.csv", []byte("image,name,label,group\n"))
	said := p.one(t, "export names.head.onnx --out gone --precision int8")
	r := said["rounding"].(map[string]any)
	if r["labelled"] != false || r["metric"] != nil || r["samples"] != 32. || said["made_up"] != 32. {
		t.Errorf("%v", said)
	}
	wantSays(t, string(p.read("gone/README.md")), "on 32 samples without labels probabilities differ")
}

// Of labels and numbers what is measured is theirs.
func TestExportPrecisionOfOtherTasks(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 24, "symbols", "food-and-drink", "objects")
	var several, number [][]string
	for i, s := range samples {
		several = append(several, []string{s[1], []string{"a", "a;b", "b"}[i%3]})
		number = append(number, []string{s[1], []string{"1.5", "2", "40"}[i%3]})
	}
	p.table("any.csv", "name,label", several)
	p.table("number.csv", "name,label", number)
	for _, c := range []struct{ name, extract, train, metric string }{
		{"any", " --multi-label", "logistic", "label_accuracy"}, {"number", "", "linear", "mae"}, {"grades", "", "ordinal --grades 1.5,2,40", "accuracy"},
	} {
		table := c.name
		if table == "grades" {
			table = "number"
		}
		p.do(t, "extract"+c.extract+" --backbone "+filepath.Join(p.backbones, "distilbert")+" --text name --out "+c.name+".features "+table+".csv")
		p.do(t, "train-head --by none --l2 0.1 --cv 2 --head "+c.train+" "+c.name+".features")
		r := p.one(t, "export "+c.name+".head.onnx --precision int8 --out "+c.name)["rounding"].(map[string]any)
		d, _ := r["difference"].(map[string]any)
		if r["metric"] != c.metric || r["fitted"] != true || r["samples"] != 72. || d == nil || d["low"].(float64) > d["high"].(float64) {
			t.Errorf("%s: %v", c.name, r)
		}
	}
}
