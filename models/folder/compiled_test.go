package folder

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"reflect"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

var update = flag.Bool("update", false, "write models/builtin/specs.json")

// plain is a file system without what makes it a Compiled one.
type plain struct{ fs.FS }

// What is on record of a built-in backbone is what its files come to, and what
// is used without a copy are the files.
func TestCompiledSpecsAreWhatTheFilesSay(t *testing.T) {
	list, err := Builtin(builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]*record{}
	for _, b := range list {
		s, err := Resolve(b.Name, plain{builtin.FS()})
		if err != nil {
			t.Fatal(err)
		}
		r := &record{Model: s.Weights.Path[len(b.Name)+1:], Inputs: s.Inputs, Taps: s.Taps, BatchDependent: s.BatchDependent, Random: s.Random, Overruled: s.Overruled, Notes: s.Notes, Origins: s.Origins}
		switch contract := s.Contract.(type) {
		case *models.ImageSpec:
			r.Image = contract
		case *models.TextSpec:
			text := *contract
			text.Tokenizer, text.TokenizerSHA256 = nil, ""
			r.Text = &text
		}
		records[b.Name] = r
		if *update {
			continue
		}
		fast, err := Resolve(b.Name, builtin.FS())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fast.Weights.Data, s.Weights.Data) {
			t.Errorf("%s: the model is not that of the file", b.Name)
		}
		if !reflect.DeepEqual(fast, s) {
			fast.Weights.Data, s.Weights.Data = nil, nil
			t.Errorf("%s: on record is\n%+v\nthe files say\n%+v", b.Name, fast, s)
		}
	}
	if *update {
		out, err := json.MarshalIndent(records, "", "  ")
		if err == nil {
			err = os.WriteFile("../builtin/specs.json", append(out, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A built-in backbone is resolved without a copy of its model.
func TestCompiledModelsAreNotCopied(t *testing.T) {
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := Resolve("all-minilm-l6-v2", builtin.FS()); err != nil {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if bytes > 1<<20 {
		t.Errorf("%d bytes are allocated for a model of 45 MB", bytes)
	}
}
