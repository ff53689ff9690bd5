package predict_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A backbone that draws random numbers is refused before it answers anything.
func TestARandomBackboneIsNotOpened(t *testing.T) {
	const side = 8
	n := onnx.Dim{Size: -1, Name: "N"}
	data, err := onnx.Encode(&pb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name: proto.String("noise"),
			Node: []*pb.NodeProto{
				onnx.Node("RandomNormalLike", []string{"x"}, []string{"noise"}),
				onnx.Node("Add", []string{"x", "noise"}, []string{"y"}),
				onnx.Node("Flatten", []string{"y"}, []string{"features"}, onnx.IntAttribute("axis", 1)),
			},
			Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, n, onnx.Dim{Size: 3}, onnx.Dim{Size: side}, onnx.Dim{Size: side})},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, n, onnx.Dim{Size: 3 * side * side})},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"model.onnx":               data,
		"preprocessor_config.json": []byte(`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":8},"crop_size":{"height":8,"width":8}}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err = predict.OpenBackbone(dir, nil, &predict.Options{Runtime: library(t)})
	if random, ok := errors.AsType[*embed.RandomError](err); !ok || !slices.Contains(random.Operators, "RandomNormalLike") {
		t.Errorf("%v", err)
	}
}
