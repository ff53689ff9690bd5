package onnx_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Nodes that stand before those that make what they read are put behind them,
// also where a branch reads it; the others stay where they are.
func TestOrder(t *testing.T) {
	node := func(out string, in ...string) *pb.NodeProto {
		return onnx.Node("Sum", in, []string{out})
	}
	branch := onnx.Node("If", []string{"yes"}, []string{"e"}, &pb.AttributeProto{Name: proto.String("then_branch"), Type: pb.AttributeProto_GRAPH.Enum(),
		G: &pb.GraphProto{Node: []*pb.NodeProto{node("inner", "c")}, Output: []*pb.ValueInfoProto{{Name: proto.String("inner")}}}})
	for name, c := range map[string]struct {
		nodes []*pb.NodeProto
		want  string
	}{
		"in order":               {[]*pb.NodeProto{node("a", "x"), node("b", "a"), node("c", "x", "")}, "a b c"},
		"the first cast is last": {[]*pb.NodeProto{node("c", "b"), node("z", "x"), node("d", "c"), node("b", "a"), node("a", "x")}, "z a b c d"},
		"a branch reads it":      {[]*pb.NodeProto{branch, node("f", "e"), node("c", "x")}, "c e f"},
		"a circle stays":         {[]*pb.NodeProto{node("a", "b"), node("b", "a"), node("c", "x")}, "a b c"},
	} {
		m := &pb.ModelProto{Graph: &pb.GraphProto{Name: proto.String("g"), Node: c.nodes}}
		before := proto.Clone(m)
		sorted := onnx.Order(m)
		var got []string
		for _, n := range sorted.Graph.Node {
			got = append(got, n.Output...)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if !proto.Equal(m, before) {
			t.Errorf("%s: the model was changed", name)
		}
		if slices.Contains([]string{"in order", "a circle stays"}, name) && sorted != m {
			t.Errorf("%s: another model", name)
		}
	}
}
