package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// TestWidthsThatAFileLeavesOpenAreInferred takes what the exporters of timm,
// transformers and ONNX Runtime write, with outputs that declare nothing, and
// asks for the length of an embedding.
func TestWidthsThatAFileLeavesOpenAreInferred(t *testing.T) {
	files, err := filepath.Glob("grad/testdata/architectures/*.onnx")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	width := map[string]int64{
		"timm-vit-17.onnx": 16, "timm-siglip-17.onnx": 16, "timm-eva-17.onnx": 16, "siglip-17.onnx": 16, "dinov3-17.onnx": 16, "dinov2-18.onnx": 16,
		"beit-17.onnx": 16, "bert-fused-14.onnx": 16, "deberta-17.onnx": 16, "resnet-17.onnx": 16, "convolutions-fused-14.onnx": 8,
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		out := m.Graph.Output[0].GetName()
		m.Graph.Output[0] = TensorValue(out, pb.TensorProto_FLOAT, Dim{Size: -1, Name: "batch"}, Dim{Size: -1, Name: "width"})
		inputs := map[string][]Dim{}
		batch := Dim{Size: -1, Name: "batch"}
		for _, v := range m.Graph.Input {
			inputs[v.GetName()] = []Dim{batch, {Size: 10}}
			if v.GetName() == "pixel_values" {
				inputs[v.GetName()] = []Dim{batch, {Size: 3}, {Size: 32}, {Size: 32}}
			}
		}
		g, err := Infer(m, &InferOptions{Inputs: inputs})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, known := width[name]
		delete(width, name)
		if d := g.Dims(out); len(d) != 2 || d[0] != batch || d[1].Size < 1 || known && !slices.Equal(d[1:], []Dim{{Size: want}}) {
			t.Errorf("%s: %v, want %d", name, d, want)
		}
	}
	for name := range width {
		t.Errorf("%s is not there", name)
	}
}
