package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMistakesAreAnswered runs commands on what a person may get wrong, and
// checks the exit code and that the answer names what is wrong and, where there
// is something to do, what.
func TestMistakesAreAnswered(t *testing.T) {
	library, err := filepath.Abs(testRuntime(t))
	if err != nil {
		t.Fatal(err)
	}
	apple, err := os.ReadFile("../../testdata/emoji/images/1f34e.png")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("HEADSTART_RUNTIME", library)
	t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "cache"))
	place := func(path string, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var table strings.Builder
	table.WriteString("id,text,label,rank\n")
	for _, w := range strings.Fields("apple pear plum cherry peach melon fig grape") {
		table.WriteString(w + ",a ripe " + w + ",fruit,1\n" + w + "-dog,a dog called " + w + ",dog,2\n")
	}
	place("texts.csv", table.String())
	place("empty-text.csv", "id,text,label\n1,one,a\n2,,a\n3,three,b\n")
	place("twice.csv", "id,text\nx,one\ny,two\nx,three\n")
	place("lonely.csv", table.String()+"cat,a cat,cat,3\n")
	place("other-classes.csv", "text,label\na horse,horse\nan orange,fruit\n")
	place("photos/fruit/apple.png", string(apple))
	place("photos/fruit/turned.png", string(slices.Concat(apple[:60], []byte{1}, apple[61:])))
	place("photos/fruit/half.png", string(apple[:len(apple)/2]))
	place("photos/fruit/none.png", "")
	place("photos/fruit/notes.txt", "no image")

	for _, line := range []string{
		"extract --out texts.features texts.csv",
		"extract --out lonely.features lonely.csv",
		"extract --out other-classes.features other-classes.csv",
		"extract --out white.features --alpha white --max-bad 90% photos",
		"train-head --l2-points 3 --folds 2 texts.features",
	} {
		if code, _, stderr := headstart(t, words(line)...); code != 0 {
			t.Fatalf("%s: exit %d: %s", line, code, stderr)
		}
	}
	for _, test := range []struct {
		line string
		code int
		want []string // on standard error
	}{
		{"extract --runtime nowhere.so --cache empty texts.csv", 1, []string{"nowhere.so", "to install one: headstart runtime install"}},
		{"extract --out bad.features photos", 3, []string{"3 of 4 samples are bad", "bad.quarantine.jsonl"}},
		{"extract --out bad.features --max-bad 4 photos", 0, nil},
		{"extract --out bad.features empty-text.csv", 1, []string{"bad.features", "--out"}},
		{"extract --out empty-text.features empty-text.csv", 3, []string{"1 of 3 samples are bad"}},
		{"extract --text txt texts.csv", 1, []string{`no column "txt"`, `"text"`}},
		{"extract --label kind texts.csv", 1, []string{`no column "kind"`, `"rank"`}},
		{"extract twice.csv", 1, []string{"twice.csv", `"x"`}},
		{"extract nowhere", 1, []string{"nowhere"}},
		{"extract --alpha white texts.csv", 2, []string{"--alpha", "texts"}},
		{"extract --backbone efficientnet-lite0 texts.csv", 2, []string{"efficientnet-lite0", "images", "texts"}},
		{"extract --batch-size 0 texts.csv", 2, []string{"--batch-size 0"}},
		{"extract --max-bad many texts.csv", 2, []string{"--max-bad many"}},
		{"extract --labl label texts.csv", 2, []string{"--labl", "did you mean --label?"}},
		{"trian-head texts.features", 2, []string{"trian-head", "train-head?"}},
		{"train-head texts.features --l2-points 3 --folds 2 --cv 2 --split train=1", 2, []string{"--split", "--cv"}},
		{"train-head --split train=0.5,test=0.4 texts.features", 2, []string{"0.9"}},
		{"train-head --l2 -1 texts.features", 2, []string{"--l2"}},
		{"train-head --l2-points 3 --folds 2 lonely.features", 0, []string{"cat"}},
		{"train-head --l2-points 3 --folds 2 --split train=0.5,test=0.5 --out split.head.onnx lonely.features", 0, []string{"cat"}},
		{"train-head --out texts.head.onnx white.features", 1, []string{"texts.head.onnx", "--out"}},
		{"train-head white.features", 1, []string{"class"}},
		{"train-head --cache elsewhere texts.features", 1, []string{"elsewhere"}},
		{"predict texts.head.onnx white.features", 1, []string{"space", "model"}},
		{"predict texts.head.onnx photos", 2, []string{"all-minilm-l6-v2", "images"}},
		{"predict texts.head.onnx texts.features --text text", 2, []string{"--text"}},
		{"predict texts.head.onnx --to xml texts.features", 2, []string{"--to xml", "csv, jsonl"}},
		{"predict texts.features texts.csv", 1, []string{"texts.features", "not a head file"}},
		{"evaluate texts.head.onnx white.features", 1, []string{"space", "model"}},
		{"evaluate texts.head.onnx texts.features", 1, []string{"16 labelled samples", "--all"}},
		{"evaluate texts.head.onnx other-classes.features", 1, []string{"horse", "--ignore-unknown-classes"}},
		{"evaluate texts.head.onnx --ignore-unknown-classes other-classes.features", 0, []string{"1 sample is"}},
		{"evaluate texts.head.onnx --all texts.features", 0, nil},
		{"inspect nowhere.onnx", 1, []string{"nowhere.onnx"}},
		{"models show resnet", 1, []string{"resnet"}},
	} {
		code, _, stderr := headstart(t, words(test.line)...)
		if code != test.code {
			t.Errorf("%s: exit %d, want %d: %s", test.line, code, test.code, stderr)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is not in the answer %q", test.line, want, stderr)
			}
		}
	}

	// The quarantine list names each bad file with its reason.
	content, err := os.ReadFile("bad.quarantine.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for line := range bytes.Lines(content) {
		var q struct{ ID, Path, Reason string }
		if err := json.Unmarshal(line, &q); err != nil {
			t.Fatal(err)
		}
		reasons[q.ID] = q.Reason
	}
	for id, word := range map[string]string{"fruit/none.png": "empty", "fruit/half.png": "", "fruit/turned.png": ""} {
		if reason := reasons[id]; reason == "" || !strings.Contains(reason, word) {
			t.Errorf("%s: the reason is %q", id, reason)
		}
	}
}

// TestPredictionsComeInInputOrder predicts a table and its feature set, which
// must agree, and checks the columns.
func TestPredictionsComeInInputOrder(t *testing.T) {
	newPlace(t).small("distilbert")
	table := "text,label\n"
	for _, w := range strings.Fields("apple pear plum cherry peach melon") {
		table += "a ripe " + w + ",fruit\na dog called " + w + ",dog\n"
	}
	table += ",fruit\n"
	if err := os.WriteFile("texts.csv", []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	do := func(line string) string {
		t.Helper()
		code, stdout, stderr := headstart(t, words(line)...)
		if code != 0 {
			t.Fatalf("%s: exit %d: %s", line, code, stderr)
		}
		return stdout
	}
	do("extract --backbone distilbert --max-bad 1 texts.csv")
	do("train-head --l2-points 3 --folds 2 texts.features")
	for _, path := range []string{"texts.features", "texts.head.onnx"} {
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		do("extract --backbone distilbert --max-bad 1 texts.csv")
		do("train-head --l2-points 3 --folds 2 texts.features")
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
			t.Errorf("%s: the same command gives other bytes (%v)", path, err)
		}
	}

	set := strings.Split(strings.TrimSpace(do("predict texts.head.onnx texts.features")), "\n")
	raw := strings.Split(strings.TrimSpace(do("predict --max-bad 1 texts.head.onnx texts.csv")), "\n")
	if set[0] != "id,label,probability" || raw[0] != "id,label,probability,error" || len(set) != 13 || len(raw) != 14 {
		t.Fatalf("%q with %d lines and %q with %d lines", set[0], len(set), raw[0], len(raw))
	}
	for i := 1; i < len(set); i++ {
		if set[i]+"," != raw[i] {
			t.Errorf("row %d: %q from features, %q from the source", i, set[i], raw[i])
		}
	}
	if raw[13] != "texts#13,,,empty" {
		t.Errorf("the bad sample's row is %q", raw[13])
	}
	out := do("predict --max-bad 1 --json --top 2 --probabilities texts.head.onnx texts.csv")
	var row struct {
		ID, Label     string
		Probability   float64
		Top           []struct{ Label string }
		Probabilities map[string]float64
	}
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &row); err != nil {
		t.Fatal(err)
	}
	if row.ID != "texts#1" || len(row.Top) != 2 || row.Top[0].Label != row.Label || len(row.Probabilities) != 2 || row.Probabilities[row.Label] != row.Probability {
		t.Errorf("JSON: %+v", row)
	}
}
