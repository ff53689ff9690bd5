package main

import (
	"fmt"
	"strings"
	"testing"
)

// The majority class that train-head prints beside its test is the one that
// evaluate prints of the same samples, also where another class is the most
// frequent one of the training part.
func TestOneBaseline(t *testing.T) {
	p := newPlace(t)
	var table strings.Builder
	table.WriteString("id,text,label,split\n")
	for i, word := range strings.Fields("apple pear plum cherry peach melon fig grape lemon lime kiwi date") {
		split := []string{"train", "train", "test"}[i%3]
		fmt.Fprintf(&table, "f%d,a ripe %s,fruit,%s\n", i, word, split)
		if i%3 < 2 == (i < 3) { // few of the training part, most of the test part
			fmt.Fprintf(&table, "d%d,a dog called %s,dog,%s\ne%d,the dog %s,dog,%s\n", i, word, split, i, word, split)
		}
	}
	p.put("texts.csv", []byte(table.String()))
	p.do(t, "extract --split split texts.csv")
	trained := p.one(t, "train-head --l2 0.01 texts.features")
	measured := p.one(t, "evaluate texts.head.onnx texts.features")
	if a, b := trained.number(t, "metrics.test.rows"), measured.number(t, "metrics.rows"); a != b || a == 0 {
		t.Fatalf("%v and %v rows", a, b)
	}
	a, b := trained.number(t, "baseline.accuracy"), measured.number(t, "metrics.baseline.value")
	if a != b || !(a > 0.5) {
		t.Errorf("train-head says %v, evaluate %v", a, b)
	}
}
