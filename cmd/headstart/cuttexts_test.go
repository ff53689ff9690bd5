package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestCutTexts counts texts that are longer than the backbone takes: extract
// and predict say so once, inspect shows it, and a run that finds everything in
// the cache counts the same.
func TestCutTexts(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	var texts strings.Builder
	texts.WriteString("text,label\n")
	long := strings.Repeat("a rather long afternoon ", 300)
	for i := range 12 {
		text := fmt.Sprint("short ", i)
		switch {
		case i < 2:
			text = fmt.Sprint(i, " ", long)
		case i == 2:
			text = fmt.Sprint(1, " ", long) // a twofold one
		}
		fmt.Fprintf(&texts, "%s,%d\n", text, i%2)
	}
	p.put("texts.csv", []byte(texts.String()))
	p.put("short.csv", []byte("text,label\na,0\nb,1\nc,0\nd,1\n"))

	const note = "headstart: 3 of 12 texts are longer than the "
	counts := func(path string) any {
		counts, _ := p.one(t, "inspect "+path).at("meta.counts.cut")
		return counts
	}
	code, stdout, stderr := p.try(t, "extract --backbone distilbert --json --out a.features texts.csv")
	if code != 0 || strings.Count(stderr, note) != 1 || !strings.Contains(stderr, " tokens that the backbone takes; what is beyond was not read\n") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if notes := warned(t, stdout, "notes"); len(notes) != 1 || notes[0].Kind != "cut-texts" || notes[0].Count != 3 {
		t.Errorf("%+v", notes)
	}
	if n := counts("a.features"); n != 3.0 {
		t.Errorf("a.features counts %v", n)
	}
	if out := p.do(t, "inspect a.features"); !strings.Contains(strings.Join(strings.Fields(out), " "), "3 texts are longer than the backbone takes; what is beyond was not read") {
		t.Errorf("inspect says %s", out)
	}

	code, stdout, stderr = p.try(t, "extract --backbone distilbert --json --out b.features texts.csv")
	if code != 0 || !strings.Contains(stderr, note) || !strings.Contains(stdout, `"cached":12`) {
		t.Errorf("from the cache: exit %d: %s%s", code, stdout, stderr)
	}
	if !bytes.Equal(p.read("a.features"), p.read("b.features")) {
		t.Error("from the cache the feature set is another one")
	}
	if _, _, stderr := p.try(t, "extract --backbone distilbert --out c.features short.csv"); strings.Contains(stderr, "longer than") {
		t.Errorf("of short texts: %s", stderr)
	}
	if n := counts("c.features"); n != nil {
		t.Errorf("c.features counts %v", n)
	}

	p.do(t, "train-head --split train=1 --l2 10 --calibrate none --out x.head.onnx c.features")
	if _, _, stderr := p.try(t, "predict --out out.csv x.head.onnx texts.csv"); strings.Count(stderr, note) != 1 {
		t.Errorf("predict says %s", stderr)
	}
}
