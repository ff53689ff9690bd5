package main

import (
	"bytes"
	"fmt"
	"os"
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

// named writes a table of names of emoji with their labels and groups, and
// embeds it with a small backbone.
func (p *place) named(t *testing.T, n int) {
	t.Helper()
	p.small("distilbert")
	p.table("names.csv", "image,text,label,kind", p.samples(0, n, "food-and-drink", "flags", "animals-and-nature"))
	p.do(t, "extract --backbone ./distilbert --text text names.csv")
}

// Beside the result on texts stands that of a bag of words, alone and beside
// the embedding, with the paired difference: in the table, as data, on the page
// and in the head file, the same each time.
func TestBagOfWordsBesideResult(t *testing.T) {
	p := newPlace(t)
	p.named(t, 60)
	for _, how := range []string{"--l2 0.1", "--l2 0.1 --cv 3", "--l2 0.1 --split train=0.6,validation=0.2,test=0.2", "--l2 0.1 --split train=0.7,validation=0.3", "--head ncm", "--l2 0.1 --class-weight balanced --repeat 2"} {
		r := p.one(t, "train-head "+how+" --out some.head.onnx names.features")
		for _, one := range []string{"bag_of_words", "with_embedding"} {
			value := r.number(t, "baseline."+one+".accuracy.value")
			low, high := r.number(t, "baseline."+one+".accuracy.low"), r.number(t, "baseline."+one+".accuracy.high")
			d := r.number(t, "baseline."+one+".difference.value")
			own := tested1(t, r)
			if !(low < value && value < high) || value < 0.5 || d-(own-value) > 1e-9 || d-(own-value) < -1e-9 {
				t.Errorf("%s: %s: accuracy %v in %v–%v, difference %v from %v", how, one, value, low, high, d, own)
			}
			if !(r.number(t, "baseline."+one+".l2") > 0) {
				t.Errorf("%s: %s has no λ", how, one)
			}
		}
		if _, ok := r.at("baseline.nearest_mean"); ok {
			t.Errorf("%s: texts are compared with the nearest mean", how)
		}
	}
	table := p.do(t, "train-head --l2 0.1 --report page.html --out a.head.onnx names.features")
	for _, says := range []string{"of a bag of words", "of words and embedding", "points", "95 %"} {
		if !strings.Contains(table, says) {
			t.Errorf("the table does not say %q:\n%s", says, table)
		}
	}
	for line := range strings.Lines(table) {
		if n := len([]rune(line)); n > 81 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if page := string(p.read("page.html")); !strings.Contains(page, "bag of words") || !strings.Contains(page, "Words beside it") {
		t.Error("the page does not have the bag of words")
	}
	if said := p.do(t, "inspect a.head.onnx"); !strings.Contains(said, "of a bag of words") {
		t.Errorf("inspect does not have it: %s", said)
	}
	p.do(t, "train-head --l2 0.1 --threads 1 --out b.head.onnx names.features")
	if a, b := p.read("a.head.onnx"), p.read("b.head.onnx"); !bytes.Equal(a, b) {
		t.Error("the head file has other bytes with one thread")
	}
	without := p.do(t, "train-head --l2 0.1 --baseline false --out c.head.onnx names.features")
	if strings.Contains(without, "bag of words") || !strings.Contains(without, "majority class") {
		t.Errorf("--baseline false says:\n%s", without)
	}
	p.fails(t, "train-head --baseline maybe names.features", exitUsage, "--baseline")
}

// tested1 is the accuracy of whichever rows were tested.
func tested1(t *testing.T, r object) float64 {
	for _, part := range []string{"cv", "test"} {
		if _, ok := r.at("metrics." + part); ok {
			return r.number(t, "metrics."+part+".accuracy.value")
		}
	}
	return r.number(t, "metrics.validation.accuracy.value")
}

// Where the texts are gone, or others than were embedded, the result says so in
// place of the bag of words. --root says where they have gone.
func TestTextsAreGone(t *testing.T) {
	p := newPlace(t)
	p.named(t, 30)
	had := p.read("names.csv")
	left := func(name, says string) {
		t.Helper()
		r := p.one(t, "train-head --l2 0.1 --out "+name+".head.onnx names.features")
		why, _ := r.at("baseline.left_out")
		if text, _ := why.(string); !strings.Contains(text, says) {
			t.Errorf("%s: %q does not say %q", name, text, says)
		}
		if _, ok := r.at("baseline.bag_of_words"); ok || !(r.number(t, "baseline.accuracy") > 0) {
			t.Errorf("%s: baseline %v", name, r["baseline"])
		}
		table := strings.Join(strings.Fields(p.do(t, "train-head --l2 0.1 --out "+name+".head.onnx names.features")), " ")
		if !strings.Contains(table, "A bag of words was not compared: "+says) {
			t.Errorf("%s: the table does not say %q:\n%s", name, says, table)
		}
	}
	p.put("names.csv", bytes.Replace(had, []byte("green apple"), []byte("red apple"), 1))
	left("changed", "the text of names#")
	p.put("names.csv", had[:bytes.LastIndexByte(had[:len(had)-1], '\n')+1])
	left("shorter", "1 of the texts")
	p.put("elsewhere/names.csv", had)
	if err := os.Remove("names.csv"); err != nil {
		t.Fatal(err)
	}
	left("gone", "the texts cannot be read again: ")
	r := p.one(t, "train-head --l2 0.1 --root elsewhere --out moved.head.onnx names.features")
	if !(r.number(t, "baseline.bag_of_words.accuracy.value") > 0.4) {
		t.Errorf("baseline %v", r["baseline"])
	}
}

// Beside the result on pictures stands the nearest class mean, and beside that
// on pictures and texts the words.
func TestNearestMeanBesideResult(t *testing.T) {
	p := newPlace(t)
	p.named(t, 20)
	p.small("vit")
	p.table("images.csv", "image,text,label,kind", p.samples(0, 20, "food-and-drink", "flags", "animals-and-nature"))
	p.do(t, "extract --backbone ./vit --image image --root "+p.emoji+" --out images.features images.csv")
	r := p.one(t, "train-head --l2 0.1 images.features")
	value, d := r.number(t, "baseline.nearest_mean.accuracy.value"), r.number(t, "baseline.nearest_mean.difference.value")
	if own := tested1(t, r); !(value > 0.2) || d-(own-value) > 1e-9 || d-(own-value) < -1e-9 {
		t.Errorf("nearest mean %v, difference %v from %v", value, d, own)
	}
	ncm := p.one(t, "train-head --head ncm --out n.head.onnx images.features")
	if got := tested1(t, ncm); got != value {
		t.Errorf("--head ncm has accuracy %v, the baseline %v", got, value)
	}
	if _, ok := ncm.at("baseline.nearest_mean"); ok {
		t.Error("the nearest mean is compared with itself")
	}
	if said := p.do(t, "train-head --l2 0.1 images.features"); !strings.Contains(said, "of the nearest class mean") {
		t.Errorf("the table says:\n%s", said)
	}
}
