package grad

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// folded reads a model and folds it for some shapes of its inputs.
func folded(t testing.TB, path string, shapes map[string][]int64) *onnx.Graph {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range m.GetGraph().GetInput() { // the file may fix the size of images
		dims := in.GetType().GetTensorType().GetShape().GetDim()
		for i, d := range shapes[in.GetName()] {
			dims[i].Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: d}
		}
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// backbone folds a backbone for n samples: images of a size, or texts of a
// length.
func backbone(t testing.TB, name string, n, size int64) (*onnx.Graph, *Options) {
	t.Helper()
	builtin := filepath.Join("..", "..", "builtin", name)
	folder := filepath.Join("..", "..", "..", "cmd", "headstart", "testdata", "backbones", name)
	images := map[string][]int64{"pixel_values": {n, 3, size, size}}
	s := []int64{n, size}
	switch name {
	case "efficientnet-lite0":
		return folded(t, filepath.Join(builtin, "onnx", "model.onnx"), images), &Options{Classes: 9}
	case "convnext", "resnet":
		return folded(t, filepath.Join(folder, "onnx", "model.onnx"), images), &Options{Classes: 9, Features: "pooler_output"}
	case "vit":
		return folded(t, filepath.Join(folder, "model.onnx"), images), &Options{Classes: 9, Features: "pooler_output"}
	case "distilbert":
		return folded(t, filepath.Join(folder, "model.onnx"), map[string][]int64{"input_ids": s, "attention_mask": s}),
			&Options{Classes: 9, Pooling: "cls"}
	}
	return folded(t, filepath.Join(builtin, "onnx", "model.onnx"), map[string][]int64{"input_ids": s, "attention_mask": s, "token_type_ids": s}),
		&Options{Classes: 9, Pooling: "mean", Mask: "attention_mask"}
}
