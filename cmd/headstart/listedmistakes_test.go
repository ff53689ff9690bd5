package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mistakesIn returns the records of a list of mistakes, which must be sorted.
func mistakesIn(t *testing.T, p *place, path string) [][]string {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(p.read(path))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all[0], new(mistakeList).columns()) {
		t.Errorf("the columns are %v", all[0])
	}
	last := 1.0
	for _, r := range all[1:] {
		probability, err1 := strconv.ParseFloat(r[3], 64)
		own, err2 := strconv.ParseFloat(r[4], 64)
		if err1 != nil || err2 != nil || probability > last || own > probability || r[1] == r[2] {
			t.Errorf("after %v: %v", last, r)
		}
		last = probability
	}
	return all[1:]
}

// TestMistakesAreListed lists the mistakes of train-head and of evaluate, with
// the texts and the paths of the samples, and as many as the metrics count.
func TestMistakesAreListed(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.small("convnext")
	samples := p.samples(0, 20, "symbols", "food-and-drink", "flags")
	p.table("emoji.csv", "image,name,label,group", samples)
	p.table("later.csv", "image,name,label,group", p.samples(20, 20, "symbols", "food-and-drink", "flags"))
	p.do(t, "extract --backbone distilbert --text name --out names.features emoji.csv")
	p.do(t, "extract --backbone distilbert --text name --out later.features later.csv")
	p.do(t, "extract --backbone convnext --image image --root "+p.emoji+" --out images.features emoji.csv")

	wrong := func(metrics, path string, o object) int {
		accuracy, rows := o.number(t, metrics+".accuracy.value"), o.number(t, metrics+".rows")
		got := mistakesIn(t, p, path)
		if want := rows - accuracy*rows; len(got) == 0 || float64(len(got)) < want-0.01 || float64(len(got)) > want+0.01 {
			t.Errorf("%s lists %d mistakes of %v rows, the accuracy is %v", path, len(got), rows, accuracy)
		}
		if o["mistakes"] != path {
			t.Errorf("--json says mistakes %v", o["mistakes"])
		}
		return len(got)
	}
	trained := p.one(t, "train-head --cv 3 --by none --l2 10 --out both.head.onnx --mistakes both.csv images.features names.features")
	wrong("metrics.cv", "both.csv", trained)
	for _, r := range mistakesIn(t, p, "both.csv") {
		var n int
		if _, err := fmt.Sscanf(r[0], "emoji#%d", &n); err != nil {
			t.Fatal(err)
		}
		if s := samples[n-1]; r[1] != s[2] || r[5] != "cv" || r[6] != s[0] || r[7] != s[1] {
			t.Errorf("%v, want the sample %v", r, s)
		}
	}

	p.do(t, "train-head --split train=1 --by none --l2 10 --calibrate none --out names.head.onnx names.features")
	evaluated := p.one(t, "evaluate --by none --mistakes later.mistakes.csv names.head.onnx later.features")
	fresh := wrong("metrics", "later.mistakes.csv", evaluated)
	for _, r := range mistakesIn(t, p, "later.mistakes.csv") {
		if r[5] != "fresh" || r[6] != "" || r[7] == "" {
			t.Errorf("%v", r)
		}
	}
	if all := p.one(t, "evaluate --all --by none --mistakes all.csv names.head.onnx names.features"); all["mistakes"] != "all.csv" || fresh == 0 {
		t.Errorf("%v", all)
	}
	for _, r := range mistakesIn(t, p, "all.csv") {
		if r[5] != "fitted" {
			t.Errorf("%v", r)
		}
	}

	// The table is somewhere else now.
	if err := os.MkdirAll("moved", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("later.csv", filepath.Join("moved", "later.csv")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := p.try(t, "evaluate --by none --mistakes gone.csv names.head.onnx later.features")
	if code != 0 || !strings.Contains(stderr, "--root DIR says where the samples are") || mistakesIn(t, p, "gone.csv")[0][7] != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	p.do(t, "evaluate --by none --mistakes found.csv --root moved names.head.onnx later.features")
	if !bytes.Equal(p.read("found.csv"), p.read("later.mistakes.csv")) {
		t.Error("with --root the list is another one")
	}
	p.fails(t, "evaluate --mistakes no/such/folder/x.csv names.head.onnx later.features", exitFailed, "no/such/folder/x.csv")
	code, _, stderr = p.try(t, "train-head --split train=1 --by none --l2 10 --calibrate none --out n.head.onnx --mistakes none.csv names.features")
	if code != 0 || len(mistakesIn(t, p, "none.csv")) != 0 || !strings.Contains(stderr, "no sample was held out to test on, so that none.csv lists no mistakes") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
