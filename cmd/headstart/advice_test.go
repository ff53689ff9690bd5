package main

import (
	"fmt"
	"strings"
	"testing"
)

// What the rooms say without a flag is answered with one.
func TestAdviceOfTrainHead(t *testing.T) {
	p := newPlace(t)
	var table, splits, alone strings.Builder
	for b, header := range map[*strings.Builder]string{&table: "id,text,label,group", &splits: "id,text,label,split", &alone: "id,text,label"} {
		fmt.Fprintln(b, header)
	}
	for i, word := range strings.Fields("apple pear plum cherry peach melon fig grape") {
		class := []string{"fruit", "dog"}[i%2]
		fmt.Fprintf(&table, "%d,a %s of %s,%s,g%d\n", i, class, word, class, i/2%3)
		fmt.Fprintf(&splits, "%d,a %s of %s,%s,%s\n", i, class, word, class, []string{"train", "test"}[i/4])
		fmt.Fprintf(&alone, "%d,a %s of %s,%s\n", i, class, word, class)
	}
	p.put("groups.csv", []byte(table.String()))
	p.put("splits.csv", []byte(splits.String()))
	p.put("alone.csv", []byte(alone.String()))
	p.put("unlabelled.csv", []byte("id,text,label,split\n1,apple,a,\n2,pear,,train\n"))
	p.put("one.csv", []byte("id,text,label,split\n1,apple,a,train\n2,pear,b,test\n3,plum,a,train\n"))
	for _, name := range []string{"groups", "splits", "alone", "unlabelled", "one"} {
		p.do(t, "extract "+name+".csv")
	}
	for line, say := range map[string][]string{
		"--cv 4 groups.features":                     {"there are only 3 groups, too few for 4 folds", "at most --cv 3"},
		"--cv 3 --folds 3 groups.features":           {"fold 1 of 3", "only 2 groups", "at most --folds 2"},
		"--folds 9 --cv 2 alone.features":            {"only 4 different samples", "at most --folds 4"},
		"--by group alone.features":                  {"no sample has a group", "--by auto or --by none", "--group COL"},
		"--split train=0.5,test=0.5 splits.features": {"splits of their own", "leave --split out"},
		"unlabelled.features":                        {"none of 2 samples has a label", "--label COL"},
		"one.features --l2 1 --calibrate none":       {"training part: all samples are of one class", "another --split"},
	} {
		p.fails(t, "train-head "+line, exitFailed, say...)
	}
}

// Weights of classes that no fit can use are refused, and others of any size
// used.
func TestClassWeightsOfAnySize(t *testing.T) {
	p := newPlace(t)
	var table strings.Builder
	table.WriteString("id,text,label,weight\n")
	for i, word := range strings.Fields("apple pear plum cherry peach melon fig grape") {
		class := []string{"fruit", "dog"}[i%2]
		fmt.Fprintf(&table, "%d,a %s of %s,%s,1e307\n", i, class, word, class)
	}
	p.put("t.csv", []byte(table.String()))
	p.do(t, "extract --weight weight t.csv")
	accuracy := func(line string) float64 {
		o := p.one(t, "train-head --cv 2 --l2 0.01 --calibrate none --out "+strings.Fields(line)[0]+".head.onnx t.features "+strings.Join(strings.Fields(line)[1:], " "))
		if s, _ := o.at("fit.status"); s != "converged" {
			t.Errorf("%s: %v", line, s)
		}
		return o.number(t, "metrics.cv.log_loss.value")
	}
	want := accuracy("plain")
	for name, text := range map[string]string{
		"subnormal": `{"fruit":5e-324,"dog":5e-324}`, "large": `{"fruit":1e308,"dog":1e308}`, "one": `{"fruit":1,"dog":1}`,
	} {
		p.put(name+".json", []byte(text))
		if got := accuracy(name + " --class-weight " + name + ".json"); got != want {
			t.Errorf("weights %s: log-loss %v, not %v", text, got, want)
		}
	}
	for text, say := range map[string][]string{
		`{"fruit":1,"dog":2,"fruit":3}`:   {`class "fruit" has two weights`},
		`{"fruit":1e308,"dog":1e-300}`:    {`class weights of "dog" and "fruit"`, "differ by more than a factor of 1e+15"},
		`{"fruit":0,"dog":1}`:             {`class weight of "fruit"`, "weight 0 is not"},
		`{"fruit":1,"dog":2,"horse":1}`:   {`"horse"`, "no such class"},
		`{"fruit":1}`:                     {`none is given for class "dog"`},
		`{"fruit":[1],"dog":{"fruit":2}}`: {"numbers by class"},
	} {
		p.put("bad.json", []byte(text))
		p.fails(t, "train-head --class-weight bad.json t.features", exitFailed, say...)
	}
}
