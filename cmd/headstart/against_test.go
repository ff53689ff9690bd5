package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Two heads on the same samples: the difference with its interval, of those
// that neither was fitted on, and what it says.
func TestEvaluateAgainst(t *testing.T) {
	p := newPlace(t)
	words := strings.Fields("apple pear plum cherry peach melon fig grape lime kiwi mango olive")
	later := strings.Fields("quince lemon papaya date guava lychee pomelo medlar orange banana apricot nectarine")
	table := func(name string, words []string, classes ...string) {
		var b strings.Builder
		b.WriteString("key,words,kind,group\n")
		for i, word := range words {
			text := "a " + word
			if i%2 == 1 {
				text = "the dog that ate a " + word
			}
			fmt.Fprintf(&b, "%s%d,%s,%s,g%d\n", name, i, text, classes[i%len(classes)], i/2)
		}
		p.put(name+".csv", []byte(b.String()))
	}
	table("known", words, "fruit", "dog")
	table("mixed", words, "dog", "fruit")
	table("later", later, "fruit", "dog")
	const columns = " --text words --label kind --id key "
	for _, name := range []string{"known", "mixed", "later"} {
		p.do(t, "extract"+columns+name+".csv")
	}
	p.do(t, "train-head --by none --l2 0.1 known.features")
	p.do(t, "train-head --by none --l2 0.1 mixed.features")
	p.do(t, "train-head --by none --l2 0.1 later.features")

	line := "evaluate known.head.onnx later.features --against mixed.head.onnx"
	o := p.one(t, line+" --by none")
	o.wantNumbers(t, map[string]float64{"against.n": 12, "n": 12})
	other := p.one(t, "evaluate mixed.head.onnx later.features --by none")
	if got := seen(o, "against.metrics"); !reflect.DeepEqual(got, other["metrics"]) {
		t.Errorf("metrics of the other head %v, not %v", got, other["metrics"])
	}
	value := o.number(t, "metrics.accuracy.value") - other.number(t, "metrics.accuracy.value")
	if d := o.number(t, "against.accuracy.value"); d < value-1e-9 || d > value+1e-9 || value < 0.3 {
		t.Errorf("difference %v, of accuracies %v", d, value)
	}
	if gained, lost := o.number(t, "against.gained"), o.number(t, "against.lost"); (gained-lost)/12 != o.number(t, "against.accuracy.value") {
		t.Errorf("%v gained, %v lost", gained, lost)
	}
	if v := seen(o, "against.verdict"); v != "better" || o.number(t, "against.accuracy.low") <= 0 || o.number(t, "against.p") > 0.1 {
		t.Errorf("%v of %v", v, o["against"])
	}
	if v := seen(p.one(t, "evaluate mixed.head.onnx later.features --by none --against known.head.onnx"), "against.verdict"); v != "worse" {
		t.Errorf("the other way round: %v", v)
	}
	// By groups there is an interval, and no exact test.
	if by := p.one(t, line); seen(by, "against.p") != nil || by.number(t, "against.accuracy.low") == o.number(t, "against.accuracy.low") {
		t.Errorf("by groups %v", by["against"])
	}
	// The samples themselves give what their features give.
	of := p.one(t, "evaluate known.head.onnx --by none --against mixed.head.onnx"+columns+"later.csv")
	if !reflect.DeepEqual(of["against"], o["against"]) {
		t.Errorf("of the source %v, of the features %v", of["against"], o["against"])
	}
	for text, of := range map[string]string{
		"known.head.onnx is better":              line + " --by none",
		"can't tell which head is better":        "evaluate known.head.onnx later.features --against known.head.onnx",
		"12 samples that neither was fitted on":  line,
		"McNemar's exact test: p = 1":            "evaluate known.head.onnx later.features --by none --against known.head.onnx",
		"mixed.head.onnx is worse: the interval": "evaluate mixed.head.onnx later.features --by none --against known.head.onnx",
	} {
		if out := p.do(t, of); !strings.Contains(out, text) {
			t.Errorf("%s: no %q in\n%s", of, text, out)
		}
	}
	p.fails(t, "evaluate known.head.onnx later.features --against later.head.onnx", exitFailed, "give samples that neither has seen")
	p.fails(t, "evaluate known.head.onnx later.features --against later.head.onnx --all", exitFailed, "give samples that neither has seen")
	p.fails(t, "evaluate known.head.onnx later.features --against later.csv", exitFailed, "later.csv", "not a head file")
	p.fails(t, "evaluate known.head.onnx later.features --against none.head.onnx", exitFailed, "none.head.onnx")
}

// seen is what stands at a path, nil if nothing does.
func seen(o object, path string) any {
	v, _ := o.at(path)
	return v
}
