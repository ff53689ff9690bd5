package main

import (
	"fmt"
	"strings"
	"testing"
)

// What is said at the end of a training is about the samples and in sentences,
// with what to type; what needs no attention is no warning.
func TestNotesOfTrainHead(t *testing.T) {
	p := newPlace(t)
	var table strings.Builder
	fmt.Fprintln(&table, "id,text,label")
	for i, word := range strings.Fields("apple pear plum cherry peach melon fig grape lime kiwi mango olive") {
		class := []string{"fruit", "dog"}[i%2]
		fmt.Fprintf(&table, "%d,a %s of %s,%s\n", i, class, word, class)
	}
	fmt.Fprint(&table, "20,a dog of apple,dog\n21,a fruit of apple,dog\n22,a stone,stone\n23,nothing,\n")
	p.put("t.csv", []byte(table.String()))
	p.do(t, "extract t.csv")
	code, stdout, stderr := headstart(t, strings.Fields("train-head --l2-points 8 --folds 3 --report page.html t.features")...)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{
		"headstart: 1 text has no label and is left out; headstart predict can say what they are\n",
		"headstart: 1 text appears more than once with different labels, which are all kept: 0 and 21\n",
		"headstart: the class stone has one sample, which cannot be both learnt and tested\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	if n := strings.Count(stderr, "stone"); n != 1 {
		t.Errorf("%d notes about one class:\n%s", n, stderr)
	}
	for _, not := range []string{"path", "contents", "rows", "λ weaker"} {
		if strings.Contains(stderr, not) || strings.Contains(stdout, "was left at") {
			t.Errorf("%q in\n%s%s", not, stderr, stdout)
		}
	}
	page := string(p.read("page.html"))
	_, warnings, _ := strings.Cut(page, `id="warnings"`)
	warnings, _, _ = strings.Cut(warnings, "</section>")
	if strings.Contains(warnings, "λ weaker") || !strings.Contains(warnings, "more than once with different labels") {
		t.Errorf("the warnings of the page: %s", warnings)
	}
	o := p.one(t, "train-head --l2-points 8 --folds 3 t.features")
	for _, list := range []string{"warnings", "notes"} {
		all, _ := o[list].([]any)
		for _, w := range all {
			if stopped := w.(map[string]any)["kind"] == "path-stopped"; stopped && list == "warnings" {
				t.Errorf("%s: %v", list, w)
			}
		}
	}
}
