package onnx

import (
	"fmt"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A graph whose nodes read each other in a circle is refused; nodes that are
// out of order are not.
func TestCircles(t *testing.T) {
	add := func(name string, in ...string) *pb.NodeProto {
		n := Node("Sum", in, []string{name})
		n.Name = new("n" + name)
		return n
	}
	for name, c := range map[string]struct {
		nodes []*pb.NodeProto
		want  string // the nodes of which one is named
	}{
		"none":               {[]*pb.NodeProto{add("a", "x"), add("b", "a", "a"), add("c", "b", "")}, ""},
		"out of order":       {[]*pb.NodeProto{add("c", "b"), add("b", "a"), add("a", "x")}, ""},
		"two":                {[]*pb.NodeProto{add("a", "x", "b"), add("b", "a"), add("c", "b")}, "na nb"},
		"one":                {[]*pb.NodeProto{add("a", "x"), add("b", "a", "b"), add("c", "b")}, "nb"},
		"behind those ahead": {[]*pb.NodeProto{add("d", "c"), add("e", "d"), add("a", "x"), add("b", "c", "a"), add("c", "b")}, "nb nc"},
	} {
		n := circle(&pb.GraphProto{Node: c.nodes})
		if (n == nil) != (c.want == "") || !strings.Contains(c.want, n.GetName()) {
			t.Errorf("%s: %v, want one of %q", name, n, c.want)
		}
	}
	long := make([]*pb.NodeProto, 100_000)
	for i := range long {
		long[i] = add(fmt.Sprint(i), fmt.Sprint((i+len(long)-1)%len(long)))
	}
	if circle(&pb.GraphProto{Node: long}) == nil {
		t.Error("no circle of many nodes")
	}
	m := &pb.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*pb.OperatorSetIdProto{{Version: new(int64(17))}}, Graph: &pb.GraphProto{Node: []*pb.NodeProto{add("a", "x", "b"), add("b", "a")}}}
	if _, err := Walk(m); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("Walk: %v", err)
	}
}
