package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// filesBelow are the files of a folder with their contents.
func (p *place) filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all[path] = string(p.read(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Backbones with graphs that are broken, foreign or reach outside their folder
// are refused in a sentence, and the folder that is there stays as it was.
func TestExportOfBadBackbones(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.small("resnet")
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 6, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	tailOf(t, "names.head.onnx", "tail.head.onnx", "distilbert/model.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	p.do(t, "export names.head.onnx --out model --licence mit")
	p.put("secret.bin", make([]byte, 1<<20))
	before := p.filesBelow(t, "model")
	outside := func(location string) func(m *pb.ModelProto, dir string) {
		return func(m *pb.ModelProto, dir string) {
			if location == "link.bin" {
				if err := os.Symlink("../secret.bin", filepath.Join(dir, location)); err != nil {
					t.Fatal(err)
				}
			}
			i := slices.IndexFunc(m.Graph.Initializer, func(x *pb.TensorProto) bool { return len(x.GetRawData()) > 100 })
			x := m.Graph.Initializer[i]
			x.RawData, x.DataLocation = nil, pb.TensorProto_EXTERNAL.Enum()
			x.ExternalData = []*pb.StringStringEntryProto{{Key: new("location"), Value: &location}}
		}
	}
	absolute, err := filepath.Abs("secret.bin")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		edit func(m *pb.ModelProto, dir string)
		says string
	}{
		"cyclic": {func(m *pb.ModelProto, _ string) {
			last := m.Graph.Node[len(m.Graph.Node)-1]
			m.Graph.Node[1].Input[0] = last.Output[0]
		}, "in a circle of nodes"},
		"itself":  {func(m *pb.ModelProto, _ string) { m.Graph.Node[3].Input[0] = m.Graph.Node[3].Output[0] }, "in a circle of nodes"},
		"outputs": {func(m *pb.ModelProto, _ string) { m.Graph.Node[2].Output[0] = m.Graph.Node[1].Output[0] }, "twice"},
		"weights": {func(m *pb.ModelProto, _ string) {
			m.Graph.Initializer = append(m.Graph.Initializer, proto.CloneOf(m.Graph.Initializer[0]))
		}, "twice"},
		"domain":   {func(m *pb.ModelProto, _ string) { m.Graph.Node[1].Domain = new("evil.example") }, `operator domain "evil.example" is not supported`},
		"above":    {outside("../secret.bin"), "../secret.bin"},
		"absolute": {outside(absolute), "secret.bin"},
		"link":     {outside("link.bin"), "symbolic link"},
		"missing":  {outside("nowhere.bin"), "nowhere.bin"},
		"device":   {outside("/dev/zero"), "/dev/zero"},
	}
	for name, c := range cases {
		if err := os.CopyFS(name, os.DirFS("distilbert")); err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Decode(p.read("distilbert/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		c.edit(m, name)
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		p.put(name+"/model.onnx", data)
		for _, head := range []string{"names", "tail"} {
			p.fails(t, "export "+head+".head.onnx --replace --out model --licence mit --backbone "+name, exitFailed, name+"/", c.says)
		}
	}
	// Heads of another backbone, of another modality and of other files.
	p.fails(t, "export names.head.onnx --replace --out model --licence mit --backbone resnet", exitUsage, "images")
	p.fails(t, "export names.head.onnx --replace --out model --licence mit --backbone all-minilm-l6-v2", exitFailed, "another space")
	if after := p.filesBelow(t, "model"); !maps.Equal(before, after) {
		t.Error("the folder is another one")
	}
	if left, _ := filepath.Glob(".*.tmp"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// Where a model is larger than one file of a model can be, its weights lie
// beside it, those of a head with retrained layers too; here the limit is as
// small as the backbone.
func TestExportOfLargeBackbones(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 6, "symbols", "food-and-drink"))
	p.do(t, "extract --text name --backbone distilbert --tap last_hidden_state:mean --out names.features emoji.csv")
	p.do(t, "train-head --by none --l2 0.1 --cv 2 names.features")
	tailOf(t, "names.head.onnx", "tail.head.onnx", "distilbert/model.onnx", "layer_norm_4", "last_hidden_state", "mean", "attention_mask")
	for _, name := range []string{"names", "tail"} {
		f, err := file.Read(name + ".head.onnx")
		if err != nil {
			t.Fatal(err)
		}
		spec, err := new(sampling).recall(name, f, models.Text)
		if err != nil {
			t.Fatal(err)
		}
		w, err := predict.Export(t.Context(), spec, f, &predict.ExportOptions{
			Options: predict.Options{Runtime: os.Getenv("HEADSTART_RUNTIME")}, Head: name, Dir: name, Licence: "mit", Largest: 100_000,
		})
		if err != nil {
			t.Fatal(err)
		}
		model, err := os.Stat(w.Model)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.Stat(filepath.Join(name, "onnx/model.onnx_data"))
		if err != nil || model.Size() > 100_000 || data.Size() < 100_000 || w.Data == "" || w.MaxDifference > 1e-5 {
			t.Errorf("%s: %v: %+v, a model of %d bytes", name, err, w, model.Size())
		}
		if !strings.Contains(string(p.read(name+"/config.json")), `"use_external_data_format": true`) {
			t.Errorf("%s: config.json does not say that there is a file of weights", name)
		}
		p.sameAnswers(t, "--probabilities "+name+".head.onnx", "--probabilities "+name, "--text name emoji.csv", 1e-5)
	}
}
