package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// What is wrong with an export that cannot be read is said where a head is
// asked for; what is no head at all is called so.
func TestBrokenExports(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 6, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	p.do(t, "export names.head.onnx --out model --licence mit")
	const ask = "predict --sample apple "
	p.do(t, ask+"model")
	broken := func(name string, change func(dir string)) {
		t.Helper()
		if err := os.CopyFS(name, os.DirFS("model")); err != nil {
			t.Fatal(err)
		}
		change(name)
	}
	edit := func(dir string, change func(m *pb.ModelProto)) {
		m, err := onnx.Decode(p.read(filepath.Join(dir, "onnx/model.onnx")))
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		data, err := onnx.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		p.put(filepath.Join(dir, "onnx/model.onnx"), data)
	}
	without := func(m *pb.ModelProto, name string) {
		m.MetadataProps = slices.DeleteFunc(m.MetadataProps, func(e *pb.StringStringEntryProto) bool { return e.GetKey() == name })
	}
	broken("no-tokenizer", func(dir string) { os.Remove(filepath.Join(dir, "tokenizer.json")) })
	p.fails(t, ask+"no-tokenizer", exitFailed, "no-tokenizer was exported with its head, but it cannot be read any more", "tokenizer.json")
	broken("bad-contract", func(dir string) {
		edit(dir, func(m *pb.ModelProto) {
			without(m, "headstart.contract")
			m.MetadataProps = append(m.MetadataProps, &pb.StringStringEntryProto{Key: new("headstart.contract"), Value: new("{")})
		})
	})
	p.fails(t, ask+"bad-contract", exitFailed, "bad-contract was exported with its head", "headstart.contract")
	p.fails(t, ask+"bad-contract/onnx/model.onnx", exitFailed, "model.onnx was exported with its head", "headstart.contract")
	broken("no-contract", func(dir string) { edit(dir, func(m *pb.ModelProto) { without(m, "headstart.contract") }) })
	p.fails(t, ask+"no-contract", exitFailed, "no-contract was exported with its head, but it cannot be read any more")
	broken("no-classes", func(dir string) { edit(dir, func(m *pb.ModelProto) { without(m, "headstart.classes") }) })
	p.fails(t, ask+"no-classes", exitFailed, "there are no classes")
	broken("short", func(dir string) {
		data := p.read("model/onnx/model.onnx")
		p.put(filepath.Join(dir, "onnx/model.onnx"), data[:len(data)/2])
	})
	p.fails(t, ask+"short", exitFailed, "short: not a head file, nor an exported model that can be read", "cut short or damaged")
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	p.fails(t, ask+"empty", exitFailed, "empty is a folder, not a head file")
	p.fails(t, ask+"distilbert", exitFailed, "distilbert is a backbone, not a head file")
}

// What is published with a model names no samples.
func TestExportNamesNoSamples(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	samples := p.samples(0, 8, "symbols", "food-and-drink")
	samples = append(samples, slices.Clone(samples[0]))
	samples[len(samples)-1][2] = samples[len(samples)-2][2] // another label for the same text
	for i := range samples {
		samples[i] = append(samples[i], "secret-"+string(rune('a'+i)))
	}
	p.table("emoji.csv", "image,name,label,group,id", samples)
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	if said := p.do(t, "train-head --json --by none --l2 0.1 --cv 2 names.features"); !strings.Contains(said, `"names":["secret-a and secret-`) {
		t.Fatalf("no warning names samples: %s", said)
	}
	p.do(t, "export names.head.onnx --out model --licence mit")
	err := filepath.WalkDir("model", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(string(p.read(path)), "secret-") {
			t.Errorf("%s names a sample", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(p.read("model/onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(m.MetadataProps, func(e *pb.StringStringEntryProto) bool {
		return e.GetKey() == "headstart.metrics" && strings.Contains(e.GetValue(), `"accuracy"`)
	}) {
		t.Error("no metrics")
	}
}
