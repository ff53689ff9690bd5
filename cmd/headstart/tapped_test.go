package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/file"
)

// TestAHeadOnTapsThatWereCompared takes a head of --tail auto that is on
// several taps through every command.
func TestAHeadOnTapsThatWereCompared(t *testing.T) {
	p := retrainable(t, "vit", "distilbert")
	for name, read := range map[string]string{
		"vit": " --image image --alpha white --root " + p.emoji, "distilbert": " --text name",
	} {
		// At such a rate no tail changes, so that more taps are the simplest
		// way to anything better. At such a rate no tail changes anything, so
		// that with some split more taps are the simplest way to something
		// better.
		line, chosen := "", ""
		for seed := 0; chosen != "taps"; seed++ {
			if seed == 20 {
				t.Fatalf("%s: more taps were never chosen", name)
			}
			line = fmt.Sprintf("train-head --l2 0.1 --lr 1e-9 --epochs 1 --tail auto --seed %d --out x.head.onnx %s.features", seed, name)
			os.Remove("x.head.onnx")
			chosen = p.one(t, line)["tail"].(map[string]any)["chosen"].(string)
		}
		f, err := file.Read("x.head.onnx")
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Spaces) < 2 || f.Tail != nil {
			t.Fatalf("%s: %d spaces", name, len(f.Spaces))
		}
		p.do(t, line) // in place of itself
		p.fails(t, "evaluate x.head.onnx "+name+".features", exitFailed, fmt.Sprintf("takes %d taps", len(f.Spaces)), "headstart extract", "--tap ")
		os.RemoveAll("exported")
		p.one(t, "export x.head.onnx --out exported")
		p.sameAnswers(t, "--probabilities x.head.onnx", "--probabilities exported", read[1:]+" emoji.csv", 1e-5)
		_, _, said := p.try(t, "predict x.head.onnx "+name+".features")
		command := strings.TrimSpace(strings.Split(said, "\n")[1])
		p.do(t, strings.TrimPrefix(command, "headstart "))
		if o := p.one(t, "evaluate x.head.onnx x+taps.features"); o["n"].(float64) < 30 {
			t.Errorf("%s: %v", name, o)
		}
		features := probabilities(t, p.do(t, "predict --probabilities --to csv x.head.onnx x+taps.features"))
		samples := probabilities(t, p.do(t, "predict --probabilities --to csv x.head.onnx"+read+" emoji.csv"))
		if len(features) != 5*perClass || !maps.EqualFunc(features, samples, slices.Equal) {
			t.Errorf("%s: samples and features are predicted otherwise", name)
		}
		p.fails(t, "predict x.head.onnx --tap a:mean"+read+" emoji.csv", exitUsage, "--tap a:mean", "leave the flag out")
		os.Remove("x.head.onnx")
		os.RemoveAll("x+taps.features")
	}
}

// TestSamplesThatMoved checks that --root finds tables that were named from
// another folder, of images and of texts, and what is said without it.
func TestSamplesThatMoved(t *testing.T) {
	p := retrainable(t, "vit", "distilbert")
	p.put("moved/emoji.csv", p.read("emoji.csv"))
	train := func(name string) string {
		return "train-head --l2 0.1 --lr 0.002 --epochs 4 --seed 1 --tail all --out " + name + ".head.onnx " + name + ".features"
	}
	if err := os.CopyFS("moved/images", os.DirFS(filepath.Join(p.emoji, "images"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove("emoji.csv"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"distilbert", "vit"} {
		p.fails(t, train(name), exitFailed, "emoji.csv", "--root DIR")
		o := p.one(t, train(name)+" --root moved --report "+name+".html")
		if o["tail"].(map[string]any)["chosen"] != "all" {
			t.Fatalf("%s: %v", name, o)
		}
		p.fails(t, "evaluate "+name+".head.onnx "+name+".features", exitFailed, "emoji.csv", "--root DIR")
	}
	p.do(t, "evaluate --root moved distilbert.head.onnx distilbert.features")
	p.put("moved/emoji.csv", []byte("image,name,label\nx,y,z\n"))
	p.fails(t, "evaluate --root moved vit.head.onnx vit.features", exitFailed, fmt.Sprintf("%d of %[1]d samples", 5*perClass), "--root DIR")
}

// TestRetrainingWithACacheThatCannotBeWritten checks that activations are
// computed when they are needed then, that more taps are left out, and that
// both are said.
func TestRetrainingWithACacheThatCannotBeWritten(t *testing.T) {
	folder, err := filepath.Abs("testdata/backbones/vit")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	if err := os.CopyFS("vit", os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	samples := p.samples(0, 12, "flags", "objects")
	for _, s := range samples {
		p.put(s[0], p.read(filepath.Join(p.emoji, s[0])))
	}
	p.table("emoji.csv", "image,name,label,group", samples)
	p.do(t, "extract --image image --alpha white --backbone vit emoji.csv")
	const train = "train-head --threads 1 --l2 0.1 --epochs 1 --by none "
	s := newStranger(t, os.Getenv("HEADSTART_CACHE"))
	_, said := s.do(t, train+"--tail auto --out out/auto.head.onnx emoji.features")
	for _, part := range []string{"taps are left out", "cannot be kept, since the cache cannot be written"} {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
	_, said = s.do(t, train+"--tail last:1 --out out/x.head.onnx emoji.features")
	if n := strings.Count(said, "cannot be written"); n != 1 {
		t.Errorf("it says %d times that the cache cannot be written: %s", n, said)
	}
	kept := p.do(t, train+"--tail last:1 --out x.head.onnx emoji.features")
	computed, _ := s.do(t, train+"--tail last:1 --out out/y.head.onnx emoji.features")
	metrics := func(said string) string {
		return said[strings.Index(said, "test:"):strings.Index(said, "what was compared")]
	}
	if metrics(kept) != metrics(computed) {
		t.Errorf("with the cache %s\nwithout it %s", kept, computed)
	}
}
