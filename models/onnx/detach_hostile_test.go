package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// bypassed returns a model that is made of x through a layer e and a block h to
// z, with a mask beside it.
func bypassed(edit func(m *pb.ModelProto)) *pb.ModelProto {
	return small(func(m *pb.ModelProto) {
		g := m.Graph
		g.Input = append(g.Input, TensorValue("mask", pb.TensorProto_FLOAT, Dim{Size: -1, Name: "N"}, Dim{Size: 4}))
		g.Initializer = []*pb.TensorProto{FloatTensor("w", make([]float32, 16), 4, 4), FloatTensor("one", []float32{1}), FloatTensor("v", make([]float32, 16), 4, 4), FloatTensor("wide", make([]float32, 20), 4, 5),
			{Name: proto.String("yes"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}}}
		g.Node = []*pb.NodeProto{
			Node("MatMul", []string{"x", "w"}, []string{"e"}),
			Node("Sub", []string{"one", "mask"}, []string{"open"}),
			Node("Relu", []string{"e"}, []string{"h"}),
			Node("MatMul", []string{"h", "v"}, []string{"p"}),
			Node("Mul", []string{"p", "open"}, []string{"z"}),
		}
		g.Output[0].Name = proto.String("z")
		if edit != nil {
			edit(m)
		}
	})
}

// What goes past the cut is allowed, or refused by name.
func TestDetachBypass(t *testing.T) {
	insert := func(at int, list ...*pb.NodeProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) { m.Graph.Node = slices.Insert(m.Graph.Node, at, list...) }
	}
	last := func(input string) func(*pb.ModelProto) { // z needs one more tensor
		return func(m *pb.ModelProto) {
			m.Graph.Node[len(m.Graph.Node)-1].Output[0] = "almost"
			m.Graph.Node = append(m.Graph.Node, Node("Add", []string{"almost", input}, []string{"z"}))
		}
	}
	both := func(edits ...func(*pb.ModelProto)) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) {
			for _, e := range edits {
				e(m)
			}
		}
	}
	body := func(read string) *pb.NodeProto {
		inner := &pb.GraphProto{Node: []*pb.NodeProto{Node("Neg", []string{read}, []string{"i"})}, Output: []*pb.ValueInfoProto{{Name: proto.String("i")}}}
		return Node("If", []string{"yes"}, []string{"if"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: inner}, &pb.AttributeProto{Name: proto.String("else_branch"), G: inner})
	}
	for name, c := range map[string]struct {
		edit   func(*pb.ModelProto)
		inputs []string // of the part; nil: it is refused
		want   string
	}{
		"a mask":                   {nil, []string{"h", "mask"}, ""},
		"a branch past the cut":    {last("e"), nil, `node "Add:z" behind it reads "e"`},
		"its branch inside a body": {both(insert(4, body("e")), last("if")), nil, `behind it reads "if"`},
		"a mask inside a body":     {both(insert(4, body("mask")), last("if")), []string{"h", "mask"}, ""},
		"a shape past the cut":     {both(insert(3, Node("MatMul", []string{"e", "wide"}, []string{"long"}), Node("Shape", []string{"long"}, []string{"s"}), Node("Cast", []string{"s"}, []string{"f"}, IntAttribute("to", 1))), last("f")), nil, `needs the shape of "long"`},
		"the same shape":           {both(insert(3, Node("Shape", []string{"e"}, []string{"s"}), Node("Expand", []string{"one", "s"}, []string{"f"})), last("f")), []string{"h", "mask"}, ""},
		"a shape of an input":      {both(insert(3, Node("Shape", []string{"x"}, []string{"s"}), Node("Expand", []string{"one", "s"}, []string{"f"})), last("f")), []string{"h", "x", "mask"}, ""},
		"weights by position":      {both(insert(3, Node("Shape", []string{"x"}, []string{"s"}), Node("Gather", []string{"w", "s"}, []string{"f"})), last("f")), []string{"h", "x", "mask"}, ""},
		"weights on what is fed":   {both(insert(3, Node("MatMul", []string{"x", "w"}, []string{"f"})), last("f")), nil, `behind it reads "f"`},
		"weights of a Constant":    {both(insert(3, Node("Constant", nil, []string{"k"}, &pb.AttributeProto{Name: proto.String("value"), T: FloatTensor("", make([]float32, 16), 4, 4)}), Node("Cast", []string{"k"}, []string{"l"}, IntAttribute("to", 1)), Node("Gemm", []string{"mask", "l"}, []string{"f"})), last("f")), nil, `behind it reads "f"`},
		"a second output":          {both(func(m *pb.ModelProto) { m.Graph.Node[2] = Node("Split", []string{"e"}, []string{"h", "rest"}) }, last("rest")), nil, "makes it and something else"},
		"a circle":                 {both(insert(3, Node("Neg", []string{"b"}, []string{"a"}), Node("Neg", []string{"a"}, []string{"b"})), last("b")), nil, `input 0 "b": no node before makes it`},
		"a node that feeds itself": {both(insert(3, Node("Neg", []string{"a"}, []string{"a"})), last("a")), nil, "no node before makes it"},
		"a tensor that is missing": {last("nowhere"), nil, `input 1 "nowhere": no node before makes it`},
		"two makers":               {insert(3, Node("Neg", []string{"e"}, []string{"h"})), nil, `"h" is made twice`},
		"an output beside the cut": {func(m *pb.ModelProto) { m.Graph.Node[4] = Node("Neg", []string{"open"}, []string{"z"}) }, nil, "do not depend on this tensor"},
		"an output before the cut": {func(m *pb.ModelProto) { m.Graph.Node[4] = Node("Neg", []string{"e"}, []string{"z"}) }, nil, `"z" is an output that is not made from it`},
		"a function on what is fed": {both(func(m *pb.ModelProto) {
			m.Functions = []*pb.FunctionProto{{Name: proto.String("F"), Domain: proto.String("mine")}}
		}, insert(3, &pb.NodeProto{OpType: proto.String("F"), Domain: proto.String("mine"), Input: []string{"mask"}, Output: []string{"f"}}), last("f")), nil, `behind it reads "f"`},
		"an initialiser that is also an input": {func(m *pb.ModelProto) {
			m.Graph.Input = append([]*pb.ValueInfoProto{TensorValue("v", 1, Dim{Size: 4}, Dim{Size: 4})}, m.Graph.Input...)
		}, []string{"h", "v", "mask"}, ""},
	} {
		m := bypassed(c.edit)
		part, err := Detach(m, "h", "z")
		if c.inputs == nil {
			if err == nil || !strings.HasPrefix(err.Error(), `onnx: detach at "h": `) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if strings.Contains(c.want, "behind it") != errors.Is(err, ErrBypass) && !strings.Contains(c.want, "is not made from it") && !strings.Contains(c.want, "needs the shape") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var inputs []string
		for _, v := range part.Graph.Input {
			inputs = append(inputs, v.GetName())
		}
		if !slices.Equal(inputs, c.inputs) {
			t.Errorf("%s: inputs %v, want %v", name, inputs, c.inputs)
		}
		if slices.ContainsFunc(part.Graph.Node, func(n *pb.NodeProto) bool { return n.Output[0] == "e" || n.Output[0] == "h" }) {
			t.Errorf("%s: what is before the cut is still there", name)
		}
	}
	var none *BypassError
	if _, err := Detach(bypassed(last("e")), "h", "z"); !errors.As(err, &none) || *none != (BypassError{"h", "e", "Add:z", false}) {
		t.Errorf("%+v", none)
	}
	if _, err := Detach(&pb.ModelProto{}, "h", "z"); !errors.Is(err, ErrNotModel) {
		t.Errorf("without a graph: %v", err)
	}
}

// Functions stay that are called, from others too; fields that the schema does
// not know stay; what only training needs goes.
func TestDetachKeeps(t *testing.T) {
	call := func(name, in, out string) *pb.NodeProto {
		return &pb.NodeProto{OpType: proto.String(name), Domain: proto.String("mine"), Input: []string{in}, Output: []string{out}}
	}
	m := bypassed(func(m *pb.ModelProto) {
		m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("mine"), Version: proto.Int64(1)})
		for _, name := range []string{"before", "outer", "inner"} {
			m.Functions = append(m.Functions, &pb.FunctionProto{Name: proto.String(name), Domain: proto.String("mine"), Input: []string{"a"}, Output: []string{"b"}, Node: []*pb.NodeProto{Node("Neg", []string{"a"}, []string{"b"})}})
		}
		m.Functions[1].Node = []*pb.NodeProto{call("inner", "a", "b")}
		m.Graph.Node[0] = call("before", "x", "e")
		m.Graph.Node = append(m.Graph.Node, call("outer", "z", "end"))
		m.TrainingInfo = []*pb.TrainingInfoProto{{}}
		m.Graph.ValueInfo = []*pb.ValueInfoProto{TensorValue("h", pb.TensorProto_FLOAT16, Dim{Size: 1}, Dim{Size: 4})}
		m.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "in the model"))
		m.Graph.Node[3].ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "in the node"))
	})
	before := proto.Clone(m)
	part, err := Detach(m, "h", "end", "z")
	if err != nil {
		t.Fatal(err)
	}
	var functions, weights []string
	for _, f := range part.Functions {
		functions = append(functions, f.GetName())
	}
	for _, x := range part.Graph.Initializer {
		weights = append(weights, x.GetName())
	}
	if !slices.Equal(functions, []string{"outer", "inner"}) || !slices.Equal(weights, []string{"one", "v"}) || part.TrainingInfo != nil {
		t.Errorf("functions %q, weights %q", functions, weights)
	}
	in := part.Graph.Input[0]
	if tt := in.GetType().GetTensorType(); tt.GetElemType() != int32(pb.TensorProto_FLOAT16) || tt.Shape != nil || len(part.Graph.ValueInfo) != 0 {
		t.Errorf("the cut is declared as %v, and as %v", in, part.Graph.ValueInfo)
	}
	data, err := Encode(part)
	if err != nil || !bytes.Contains(data, []byte("in the model")) || !bytes.Contains(data, []byte("in the node")) {
		t.Errorf("fields are lost: %v", err)
	}
	if !proto.Equal(before, m) {
		t.Error("the model itself was changed")
	}
}

// Long chains and deep models take little memory.
func TestDetachHostile(t *testing.T) {
	m := bypassed(func(m *pb.ModelProto) {
		m.Graph.Node[4].Output[0] = "c0"
		for i := range 20_000 {
			m.Graph.Node = append(m.Graph.Node, Node("Add", []string{fmt.Sprint("c", i), fmt.Sprint("c", i)}, []string{fmt.Sprint("c", i+1)}))
		}
	})
	frugal(t, func() {
		if _, err := Detach(m, "h", "c20000"); err != nil {
			t.Error(err)
		}
	})
	for name, c := range hostile() {
		m := small(c.edit)
		frugal(t, func() {
			for _, o := range m.Graph.Node[0].Output[:min(len(m.Graph.Node[0].Output), 1)] {
				if part, err := Detach(m, o, "y"); err == nil && len(part.Graph.Input) == 0 {
					t.Errorf("%s: %v", name, part)
				}
			}
		})
	}
}

// A rewritten model has new values under the old names, and the old one has its
// own.
func TestRewrite(t *testing.T) {
	m := bypassed(func(m *pb.ModelProto) {
		half := FloatTensor("half", nil, 0)
		half.Dims, half.DataType, half.RawData = []int64{2}, proto.Int32(int32(pb.TensorProto_FLOAT16)), []byte{0, 0x3c, 0, 0x40}
		m.Graph.Initializer = append(m.Graph.Initializer, half)
		m.Graph.Node = append(m.Graph.Node, Node("Constant", nil, []string{"k"}, &pb.AttributeProto{Name: proto.String("value"), T: FloatTensor("", []float32{5, 6}, 2)}))
	})
	before := proto.Clone(m)
	out, err := Rewrite(m, map[string][]float32{"half": {1.0001, 3}, "k": {7, 8}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"half": {1, 3}, "k": {7, 8}, "one": {1}} {
		v, err := Stored(out, name)
		if err != nil || !slices.Equal(v.F32, want) {
			t.Errorf("%s: %v %v", name, v, err)
		}
	}
	if !proto.Equal(before, m) {
		t.Error("the model itself was changed")
	}
	if v, err := Stored(m, "half"); err != nil || !slices.Equal(v.F32, []float32{1, 2}) || v.Type != pb.TensorProto_FLOAT16 {
		t.Errorf("%v %v", v, err)
	}
	if out.Graph.Initializer[0] != m.Graph.Initializer[0] {
		t.Error("what does not change is copied")
	}
	if _, err := Rewrite(m, map[string][]float32{"k": {1}}); err == nil {
		t.Error("one value for two is taken")
	}
	for _, name := range []string{"", "nowhere", "x", "z"} {
		if _, err := Stored(m, name); err == nil || !strings.Contains(err.Error(), "stores no such tensor") {
			t.Errorf("%q: %v", name, err)
		}
	}
	m.Graph.Initializer = append(m.Graph.Initializer[:0], int64s("i", 1), external4("far.bin", "0", "16"))
	for name, want := range map[string]string{"i": "not floats", "w": "ReadExternal"} {
		if _, err := Stored(m, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
