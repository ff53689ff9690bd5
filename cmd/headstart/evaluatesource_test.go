package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// Evaluating a source gives what evaluating the feature set that extract makes
// of it gives, and the samples pass through the cache.
func TestEvaluateTakesSources(t *testing.T) {
	p := newPlace(t)
	table := func(name string, words []string, rest string) {
		var b strings.Builder
		b.WriteString("key,words,kind,group\n")
		for i, word := range words {
			class := []string{"fruit", "dog"}[i%2]
			fmt.Fprintf(&b, "%s%d,a %s of %s,%s,g%d\n", name, i, class, word, class, i/4)
		}
		p.put(name+".csv", []byte(b.String()+rest))
	}
	known := strings.Fields("apple pear plum cherry peach melon fig grape lime kiwi mango olive")
	const columns = " --text words --label kind --id key "
	table("known", known, "")
	table("later", append(strings.Fields("quince lemon papaya date"), known[:2]...), "x1,something,,\nx2,a stone,stone,g1\nx3,,fruit,g1\n")
	p.do(t, "extract"+columns+"known.csv")
	p.do(t, "train-head --l2 0.01 --calibrate none known.features")

	line := "evaluate known.head.onnx --ignore-unknown-classes --all "
	computed := func() int { return int(p.one(t, "cache stat").number(t, "rows")) }
	before := computed()
	p.one(t, line+"--max-bad 1"+columns+"later.csv")
	if n := computed() - before; n != 6 {
		t.Errorf("%d rows came into the cache, not 6", n)
	}
	p.do(t, "extract --max-bad 1"+columns+"later.csv")
	for _, more := range []string{"", "--by none ", "--by group --seed 3 "} {
		want := p.one(t, line+more+"later.features")
		got := p.one(t, line+more+"--max-bad 1"+columns+"later.csv")
		for _, key := range []string{"head", "n", "fitted", "unlabelled", "ignored", "unmatched", "metrics", "fitted_metrics"} {
			if !reflect.DeepEqual(got[key], want[key]) {
				t.Errorf("%s%s: %v of the source, %v of the feature set", more, key, got[key], want[key])
			}
		}
		got.wantNumbers(t, map[string]float64{"n": 4, "fitted": 2, "unlabelled": 1, "ignored": 1, "bad": 1})
	}
	if out := p.do(t, line+"--max-bad 1"+columns+"later.csv"); !strings.Contains(out, "4 samples that it was not fitted on") {
		t.Errorf("%s", out)
	}

	// So are the mistakes, of a head that makes some.
	p.put("swapped.csv", []byte(strings.NewReplacer(",fruit,", ",dog,", ",dog,", ",fruit,").Replace(string(p.read("known.csv")))))
	p.do(t, "extract"+columns+"swapped.csv")
	p.do(t, "train-head --l2 0.01 --calibrate none --out wrong.head.onnx swapped.features")
	for _, more := range []string{"later.features --mistakes of-set.csv", columns + "later.csv --max-bad 1 --mistakes of-source.csv"} {
		p.do(t, "evaluate wrong.head.onnx --ignore-unknown-classes --all "+more)
	}
	if set, src := string(p.read("of-set.csv")), string(p.read("of-source.csv")); set != src || strings.Count(src, "\n") < 2 {
		t.Errorf("mistakes of the set\n%s\nand of the source\n%s", set, src)
	}

	// Without --max-bad 1 the bad sample is too many, and the figures are
	// there.
	if code, stdout, stderr := p.try(t, line+columns+"later.csv"); code != exitBadSamples || !strings.Contains(stdout, "accuracy") || !strings.Contains(stderr, "--max-bad") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	p.fails(t, "evaluate known.head.onnx --max-bad 1"+columns+"later.csv", exitFailed, "does not know stone (1 sample)", "--ignore-unknown-classes")
	p.fails(t, "evaluate known.head.onnx --text words known.csv", exitFailed, "known.csv: no sample has a label", "--label COL")
	p.fails(t, "evaluate known.head.onnx"+columns+"known.csv", exitFailed, "fitted on all of known.csv (12 labelled samples)", "--all")
	p.fails(t, "evaluate known.head.onnx --text words known.features", exitUsage, "--text says how samples are read; a feature set has been read already")
	p.fails(t, "evaluate known.head.onnx known.features known.csv", exitUsage, "either feature sets or sources")
	p.fails(t, "evaluate known.head.onnx --by group --all --text words --label kind --group key2 known.csv", exitFailed, "key2")
	p.put("plain.csv", []byte("text,label\na quince,fruit\na terrier,dog\n"))
	p.fails(t, "evaluate known.head.onnx --by group plain.csv", exitUsage, "--by group", "no groups")

	// A folder of pictures by class is a source with labels, of another kind.
	if err := os.MkdirAll("photos/fruit", 0o777); err != nil {
		t.Fatal(err)
	}
	p.put("photos/fruit/1.png", p.read(p.emoji+"/images/1f34e.png"))
	p.fails(t, "evaluate known.head.onnx photos", exitUsage, "takes texts, the source holds images")
}
