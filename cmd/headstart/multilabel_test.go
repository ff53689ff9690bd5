package main

import (
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestSeveralLabels extracts tables whose samples have several labels: the set
// keeps them, inspect counts them, exports write them, a second run and a
// verification read them again; what needs one label a sample says so, and
// predict needs none.
func TestSeveralLabels(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.put("t.csv", []byte("text,label\na red fox,animal;red\na blue owl,animal\na red car,\na pebble,[]\na list,\"[\"\"a;b\"\",\"\"red\"\"]\"\n"))
	p.put("t.jsonl", []byte(`{"text":"a red fox","label":["animal","red"]}
{"text":"a blue owl","label":["animal"]}
{"text":"a red car"}
{"text":"a pebble","label":[]}
{"text":"a list","label":["a;b","red"]}
`))
	type row struct {
		Text  string   `parquet:"text"`
		Label []string `parquet:"label,optional,list"`
	}
	if err := parquet.WriteFile("t.parquet", []row{
		{"a red fox", []string{"animal", "red"}}, {"a blue owl", []string{"animal"}}, {"a red car", nil}, {"a pebble", []string{}}, {"a list", []string{"a;b", "red"}},
	}); err != nil {
		t.Fatal(err)
	}
	const extract = "extract --backbone ./distilbert --multi-label "
	p.one(t, extract+"t.csv").wantNumbers(t, map[string]float64{"samples": 5, "computed": 5, "bad": 0})
	first := p.read("t.features")
	// Another set of the name of one label a sample is replaced, as with
	// another --label: its samples and spaces are the same.
	p.do(t, "extract --backbone ./distilbert t.csv")
	p.one(t, "inspect t.features").wantNumbers(t, map[string]float64{"rows": 5, "meta.format_version": 1, "classes.animal;red": 1})
	p.one(t, extract+"t.csv").wantNumbers(t, map[string]float64{"samples": 5, "cached": 5})
	if string(p.read("t.features")) != string(first) {
		t.Error("a second run left another set")
	}
	summary := map[string]float64{"rows": 5, "meta.format_version": 2, "labels.total": 5, "labels.most": 2, "labels.none": 1, "labels.unlabelled": 1, "classes.red": 2, "classes.animal": 2, "classes.a;b": 1}
	for _, format := range []string{"jsonl", "parquet"} {
		p.one(t, extract+"--replace t."+format).wantNumbers(t, map[string]float64{"samples": 5, "cached": 5, "bad": 0})
		p.one(t, "inspect t.features").wantNumbers(t, summary)
		p.do(t, "cache verify --recompute 5 t.features") // reads the table again
	}
	said := strings.Join(strings.Fields(p.do(t, "inspect t.features")), " ")
	for _, want := range []string{"labels several a sample: 5 labels on 4 samples, up to 2 each; 1 with none; 1 of which nothing is said", "classes 3: animal 2, red 2, a;b 1"} {
		if !strings.Contains(said, want) {
			t.Errorf("inspect says %s\nwant %s", said, want)
		}
	}
	p.do(t, "cache export t.features --out t.npy")
	const cells = "id,label\nt#1,animal;red\nt#2,animal\nt#3,\nt#4,[]\nt#5,\"[\"\"a;b\"\",\"\"red\"\"]\"\n"
	if got := string(p.read("t.labels.csv")); got != cells {
		t.Errorf("exported labels\n%s\nwant\n%s", got, cells)
	}
	p.do(t, "cache export t.features --out again.parquet")
	p.one(t, "inspect again.parquet").wantNumbers(t, summary)

	// A head takes one label a sample.
	p.table("one.csv", "text,label", [][]string{{"a red fox", "x"}, {"a blue owl", "y"}, {"a red car", "x"}, {"a pebble", "y"}})
	p.do(t, "extract --backbone ./distilbert one.csv")
	p.do(t, "train-head one.features --l2 1 --calibrate none --cv 2")
	for _, line := range []string{"train-head --head softmax t.features", "evaluate one.head.onnx t.features"} {
		p.fails(t, line, exitFailed, "t.features holds several labels a sample, where one is needed", "headstart train-head --head logistic t.features learns several", "extract without --multi-label")
	}
	p.fails(t, "train-head --head logistic one.features", exitFailed, "one.features holds one label a sample, where lists of labels are needed", "extract --multi-label", "--head softmax")
	p.fails(t, "train-head t.features one.features", exitFailed, "sets of one space without a common id")
	if _, err := os.Stat("t.head.onnx"); err == nil {
		t.Error("a refused training left a head")
	}
	code, _, stderr := p.try(t, "evaluate one.head.onnx t.parquet")
	if code == exitDone || !strings.Contains(stderr, "4 records with a list of labels, where one is wanted, the first t.parquet#1; extract --multi-label keeps several labels a sample") {
		t.Errorf("exit %d: %s", code, stderr)
	}

	// Labels are nothing that predict needs; they go along.
	want := []string{"input:label", "animal;red", "animal", "", "[]", `"[""a;b"",""red""]"`}
	for source, cells := range map[string][]string{
		"t.features": want, "t.csv": want,
		"t.jsonl":   {"input:label", `"[""animal"",""red""]"`, `"[""animal""]"`, "", "[]", `"[""a;b"",""red""]"`},
		"t.parquet": {"input:label", `"[""animal"",""red""]"`, `"[""animal""]"`, "", "[]", `"[""a;b"",""red""]"`},
	} {
		lines := strings.Split(strings.TrimSuffix(p.do(t, "predict one.head.onnx --with label "+source), "\n"), "\n")
		if len(lines) != 6 {
			t.Fatalf("%s: %q", source, lines)
		}
		for i, line := range lines {
			if !strings.HasSuffix(line, cells[i]) {
				t.Errorf("%s: %s, want …%s", source, line, cells[i])
			}
		}
	}

	// The next step is a head for them.
	if next, _, stderr := atTerminal(t, shellWords(t, extract+"--replace t.jsonl")...); next != "headstart train-head t.features" {
		t.Errorf("next %q: %s", next, stderr)
	}
	if _, _, stderr := p.try(t, "extract --backbone ./distilbert --out x.features t.jsonl"); !strings.Contains(stderr, "extract --multi-label keeps several labels a sample") {
		t.Errorf("lists without the flag: %s", stderr)
	}
}
