package file

import (
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A head of an earlier version may have changed what a Constant node holds,
// which today counts as a buffer and is not trained: it is written and read
// with the values that it has.
func TestATailWithAChangedBuffer(t *testing.T) {
	f := tailed("cls", false)
	g := f.Tail.Backbone.Graph
	i := slices.IndexFunc(g.Initializer, func(x *pb.TensorProto) bool { return x.GetName() == "b1" })
	held := g.Initializer[i]
	held.Name = nil
	g.Initializer = slices.Delete(g.Initializer, i, i+1)
	g.Node = append([]*pb.NodeProto{onnx.Node("Constant", nil, []string{"b1"},
		&pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: held})}, g.Node...)
	inferred, err := onnx.Infer(f.Tail.Backbone, nil)
	if err != nil || !inferred.Buffers()["b1"] {
		t.Fatalf("b1 is no buffer: %v, %v", inferred.Buffers(), err)
	}
	want := values(11, wide)
	f.Tail.Weights["b1"] = want
	path := filepath.Join(t.TempDir(), "x.head.onnx")
	if err := Write(path, f); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := onnx.Stored(back.Tail.Backbone, "b1")
	if err != nil || !slices.Equal(stored.F32, want) || !slices.Equal(back.Tail.Weights["b1"], want) {
		t.Errorf("b1 is %v and %v, not %v: %v", stored, back.Tail.Weights["b1"], want, err)
	}
}
