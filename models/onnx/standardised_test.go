//go:build cgo && !windows

package onnx_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// BiT standardises its filters by a BatchNormalization in training form: of a
// weight that gives the same for every batch; of what is fed it does not.
func TestBatchNormalizationOfAWeight(t *testing.T) {
	for of, dependent := range map[string]bool{"flat": false, "rows": true} {
		m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
			Name: proto.String("bit"),
			Initializer: []*pb.TensorProto{
				onnx.FloatTensor("w", numbers(4*3*2*2, 0.3), 4, 3, 2, 2), onnx.FloatTensor("one", []float32{1, 1, 1, 1}, 4), onnx.FloatTensor("zero", make([]float32, 4), 4),
				{Name: proto.String("flat_shape"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{3}, Int64Data: []int64{1, 4, 12}},
				{Name: proto.String("back"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{4}, Int64Data: []int64{4, 3, 2, 2}},
			},
			Node: []*pb.NodeProto{
				onnx.Node("Reshape", []string{"x", "flat_shape"}, []string{"rows"}),
				onnx.Node("Reshape", []string{"w", "flat_shape"}, []string{"flat"}),
				onnx.Node("BatchNormalization", []string{of, "one", "zero", "zero", "one"}, []string{"bn", "mean", "var"}, onnx.IntAttribute("training_mode", 1)),
				onnx.Node("Reshape", []string{"bn", "back"}, []string{"filters"}),
				onnx.Node("Conv", []string{"x", "filters"}, []string{"y"}),
			},
			Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, open([]int64{1, 3, 4, 4})...)},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("y", pb.TensorProto_FLOAT, open([]int64{1, 4, 3, 3})...)},
		}}
		sum, err := onnx.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(sum.BatchDependent, "BatchNormalization (training_mode)"); got != dependent {
			t.Errorf("of %s: depends on the batch: %v", of, got)
		}
		g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(map[string][]int64{"x": {1, 3, 4, 4}})})
		if dependent {
			if err == nil || !strings.Contains(err.Error(), "training form") {
				t.Errorf("of %s: %v", of, err)
			}
		} else if err != nil || !slices.Equal(g.Shapes["y"], []int64{1, 4, 3, 3}) {
			t.Errorf("of %s: %v", of, err)
		}
	}
}
