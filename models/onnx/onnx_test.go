package onnx

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The schema has every field and enum value that the reference has, under the
// same name, number, label and type, and no other.
func TestSchema(t *testing.T) {
	var have []string
	enum := func(prefix string, e protoreflect.EnumDescriptor) {
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			have = append(have, fmt.Sprintf("%s%s %s %d", prefix, e.Name(), v.Name(), v.Number()))
		}
	}
	var message func(prefix string, m protoreflect.MessageDescriptor)
	message = func(prefix string, m protoreflect.MessageDescriptor) {
		name := prefix + string(m.Name())
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			kind := f.Kind().String()
			var typ protoreflect.FullName
			if f.Message() != nil {
				typ = f.Message().FullName()
			}
			if f.Enum() != nil {
				typ = f.Enum().FullName()
			}
			if typ != "" {
				kind += " " + strings.TrimPrefix(string(typ), "headstart.onnx.")
			}
			line := fmt.Sprintf("%s %s %d %s %s", name, f.Name(), f.Number(), f.Cardinality(), kind)
			if f.IsPacked() {
				line += " packed"
			}
			if f.ContainingOneof() != nil {
				line += fmt.Sprintf(" oneof %s", f.ContainingOneof().Name())
			}
			have = append(have, line)
		}
		for i := range m.Messages().Len() {
			message(name+".", m.Messages().Get(i))
		}
		for i := range m.Enums().Len() {
			enum(name+".", m.Enums().Get(i))
		}
	}
	file := pb.File_models_onnx_pb_onnx_proto
	for i := range file.Messages().Len() {
		message("", file.Messages().Get(i))
	}
	for i := range file.Enums().Len() {
		enum("", file.Enums().Get(i))
	}
	slices.Sort(have)
	want := strings.Split(strings.TrimSpace(string(read(t, "testdata/schema.txt"))), "\n")
	slices.Sort(want)
	for _, line := range want {
		if !slices.Contains(have, line) {
			t.Errorf("the schema lacks: %s", line)
		}
	}
	for _, line := range have {
		if !slices.Contains(want, line) {
			t.Errorf("the reference lacks: %s", line)
		}
	}
	if file.Package() != "headstart.onnx" {
		t.Errorf("package %s", file.Package())
	}
}

var builtins = map[string]string{
	"all-minilm-l6-v2":   "../builtin/all-minilm-l6-v2/onnx/model.onnx",
	"efficientnet-lite0": "../builtin/efficientnet-lite0/onnx/model.onnx",
}

// Decode and Encode give the bytes back: of the built-in models, of a model in
// which every field is set, of one with fields and strings that the schema does
// not allow for, and of those that other programs wrote. The one exception has
// denotations, which other writers put elsewhere: it stays the same model.
func TestRoundTrip(t *testing.T) {
	files := map[string][]byte{"every.onnx": read(t, "testdata/every.onnx"), "unknown fields": unknownFields()}
	for name, path := range builtins {
		files[name] = read(t, path)
	}
	crafted, err := filepath.Glob("testdata/models/*.onnx")
	if err != nil || len(crafted) < 35 {
		t.Fatal(crafted, err)
	}
	for _, path := range crafted {
		files[path] = read(t, path)
	}
	for name, data := range files {
		m, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := Encode(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if bytes.Equal(data, again) {
			continue
		}
		if n, err := Decode(again); name != "testdata/models/file-annotated.onnx" || err != nil || !proto.Equal(m, n) {
			t.Errorf("%s: %d bytes became %d other ones: %v", name, len(data), len(again), err)
		}
	}
}

// A denotation beside a oneof may change its place, never its value.
func TestDenotation(t *testing.T) {
	m := small(func(m *pb.ModelProto) {
		typ := m.Graph.Input[0].Type
		typ.Denotation = proto.String("IMAGE")
		typ.GetTensorType().Shape.Dim[1].Denotation = proto.String("DATA_CHANNEL")
	})
	data, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Decode(data); err != nil || !proto.Equal(m, again) {
		t.Errorf("%v, %v", again, err)
	}
}

// unknownFields returns a model with unknown fields in two messages and a name
// that is not UTF-8.
func unknownFields() []byte {
	unknown := protowire.AppendTag(nil, 1000, protowire.VarintType)
	unknown = protowire.AppendVarint(unknown, 7)
	unknown = protowire.AppendTag(unknown, 77, protowire.BytesType)
	unknown = protowire.AppendBytes(unknown, []byte("later"))
	graph := protowire.AppendTag(nil, 2, protowire.BytesType)
	graph = protowire.AppendBytes(graph, []byte("caf\xe9"))
	graph = append(graph, unknown...)
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, 99)
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	b = protowire.AppendBytes(b, graph)
	b = protowire.AppendTag(b, 8, protowire.BytesType)
	b = protowire.AppendBytes(b, []byte{0x10, 17})
	return append(b, unknown...)
}

// Walk of the built-in models equals what the reference reads.
func TestWalkBuiltin(t *testing.T) {
	var golden map[string]struct {
		IRVersion    int64 `json:"ir_version"`
		Opset        []int64
		Inputs       [][3]any
		Outputs      [][3]any
		Initializers int
		Parameters   int64
		Operators    map[string]int
	}
	if err := json.Unmarshal(read(t, "testdata/summary.json"), &golden); err != nil {
		t.Fatal(err)
	}
	values := func(vs []Value) [][3]any {
		var out [][3]any
		for _, v := range vs {
			dims := []any{}
			for _, d := range v.Shape {
				if d.Size >= 0 {
					dims = append(dims, float64(d.Size))
				} else {
					dims = append(dims, d.Name)
				}
			}
			out = append(out, [3]any{v.Name, v.Elem.String(), dims})
		}
		return out
	}
	for name, path := range builtins {
		m, err := Decode(read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		want := golden[name]
		if s.IRVersion != want.IRVersion || len(s.Opsets) != 1 || s.Opsets[0] != (Opset{"", want.Opset[0]}) {
			t.Errorf("%s: IR version %d, operator sets %v", name, s.IRVersion, s.Opsets)
		}
		if have := values(s.Inputs); fmt.Sprint(have) != fmt.Sprint(want.Inputs) {
			t.Errorf("%s: inputs %v, want %v", name, have, want.Inputs)
		}
		if have := values(s.Outputs); fmt.Sprint(have) != fmt.Sprint(want.Outputs) {
			t.Errorf("%s: outputs %v, want %v", name, have, want.Outputs)
		}
		if s.Initializers != want.Initializers || s.Parameters != want.Parameters {
			t.Errorf("%s: %d initialisers, %d parameters, want %d, %d", name, s.Initializers, s.Parameters, want.Initializers, want.Parameters)
		}
		if len(s.Operators) != len(want.Operators) {
			t.Errorf("%s: %d operators, want %d", name, len(s.Operators), len(want.Operators))
		}
		for _, op := range s.Operators {
			if op.Domain != "" || op.Count != want.Operators[op.Type] {
				t.Errorf("%s: %d nodes of %q %s, want %d", name, op.Count, op.Domain, op.Type, want.Operators[op.Type])
			}
		}
		if s.Graphs != 1 || s.External != nil || s.BatchDependent != nil {
			t.Errorf("%s: %d graphs, external %v, batch-dependent %v", name, s.Graphs, s.External, s.BatchDependent)
		}
	}
}

// small returns a model with one node y = Identity(x), changed by edit.
func small(edit func(m *pb.ModelProto)) *pb.ModelProto {
	m := &pb.ModelProto{
		IrVersion:   proto.Int64(9),
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name:   proto.String("small"),
			Node:   []*pb.NodeProto{Node("Identity", []string{"x"}, []string{"y"})},
			Input:  []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: -1, Name: "N"}, Dim{Size: 4})},
			Output: []*pb.ValueInfoProto{TensorValue("y", pb.TensorProto_FLOAT, Dim{Size: -1}, Dim{Size: 4})},
		},
	}
	if edit != nil {
		edit(m)
	}
	return m
}

// Walk tells by their type which operators compute over the whole batch.
func TestWalkBatchDependent(t *testing.T) {
	own := func(opType string, body ...*pb.NodeProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) {
			m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("mine"), Version: proto.Int64(1)})
			m.Graph.Node = []*pb.NodeProto{{OpType: proto.String(opType), Domain: proto.String("mine"), Input: []string{"x"}, Output: []string{"y"}}}
			m.Functions = []*pb.FunctionProto{{Name: proto.String(opType), Domain: proto.String("mine"), Node: body}}
		}
	}
	node := func(n *pb.NodeProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) { m.Graph.Node = []*pb.NodeProto{n} }
	}
	norm := []string{"x", "scale", "bias", "mean", "var"}
	for name, c := range map[string]struct {
		edit func(*pb.ModelProto)
		want []string
	}{
		"nothing":                                 {nil, nil},
		"DynamicQuantizeLinear":                   {node(Node("DynamicQuantizeLinear", []string{"x"}, []string{"y", "s", "z"})), []string{"DynamicQuantizeLinear"}},
		"DynamicQuantizeMatMul":                   {node(&pb.NodeProto{OpType: proto.String("DynamicQuantizeMatMul"), Domain: proto.String("com.microsoft"), Output: []string{"y"}}), []string{"DynamicQuantizeMatMul"}},
		"in a function":                           {own("Quantize", Node("DynamicQuantizeLinear", []string{"x"}, []string{"y", "s", "z"})), []string{"DynamicQuantizeLinear"}},
		"a function of that name":                 {own("DynamicQuantizeLinear", Node("Identity", []string{"x"}, []string{"y"})), nil},
		"inference":                               {node(Node("BatchNormalization", norm, []string{"y"})), nil},
		"inference, said":                         {node(Node("BatchNormalization", norm, []string{"y"}, IntAttribute("training_mode", 0))), nil},
		"inference, outputs left empty":           {node(Node("BatchNormalization", norm, []string{"y", "", ""})), nil},
		"training":                                {node(Node("BatchNormalization", norm, []string{"y"}, IntAttribute("training_mode", 1))), []string{"BatchNormalization (training_mode)"}},
		"training before operator set 14":         {node(Node("BatchNormalization", norm, []string{"y", "mean_out", "var_out", "saved_mean", "saved_var"})), []string{"BatchNormalization (training_mode)"}},
		"a reduction, which may go over anything": {node(Node("ReduceMean", []string{"x"}, []string{"y"}, IntsAttribute("axes", 0))), nil},
	} {
		s, err := Walk(small(c.edit))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !slices.Equal(s.BatchDependent, c.want) {
			t.Errorf("%s: %q, want %q", name, s.BatchDependent, c.want)
		}
	}
}

func external4(location, offset, length string) *pb.TensorProto {
	t := &pb.TensorProto{Name: proto.String("w"), Dims: []int64{4}, DataType: proto.Int32(1), DataLocation: pb.TensorProto_EXTERNAL.Enum()}
	for _, kv := range [][2]string{{"location", location}, {"offset", offset}, {"length", length}} {
		if kv[1] != "" {
			t.ExternalData = append(t.ExternalData, &pb.StringStringEntryProto{Key: proto.String(kv[0]), Value: proto.String(kv[1])})
		}
	}
	return t
}

// Walk sees what is nested: bodies, functions, sparse tensors, training graphs.
func TestWalkNested(t *testing.T) {
	body := &pb.GraphProto{
		Node:        []*pb.NodeProto{Node("DynamicQuantizeLinear", []string{"a"}, []string{"b"})},
		Initializer: []*pb.TensorProto{FloatTensor("inner", make([]float32, 6), 2, 3)},
	}
	m := small(func(m *pb.ModelProto) {
		m.ProducerName, m.ProducerVersion = proto.String("test"), proto.String("1")
		m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("mine"), Version: proto.Int64(1)})
		g := m.Graph
		g.Node = append(g.Node,
			Node("If", []string{"x"}, []string{"z"}, &pb.AttributeProto{Name: proto.String("then_branch"), G: body}),
			&pb.NodeProto{OpType: proto.String("Gelu"), Domain: proto.String("mine"), Input: []string{"z"}, Output: []string{"q"}},
			Node("BatchNormalization", []string{"q"}, []string{"r"}, IntAttribute("training_mode", 1)),
			&pb.NodeProto{OpType: proto.String("Gelu"), Domain: proto.String("com.microsoft"), Input: []string{"r"}, Output: []string{"s"}},
			&pb.NodeProto{OpType: proto.String("Identity"), Domain: proto.String("ai.onnx"), Input: []string{"s"}, Output: []string{"t"}},
		)
		g.Initializer = append(g.Initializer, FloatTensor("x2", make([]float32, 5), 5))
		g.Input = append(g.Input, TensorValue("x2", pb.TensorProto_FLOAT, Dim{Size: 5}))
		g.SparseInitializer = append(g.SparseInitializer, &pb.SparseTensorProto{
			Values:  FloatTensor("sp", make([]float32, 2), 2),
			Indices: &pb.TensorProto{DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{2}, Int64Data: []int64{1, 7}},
			Dims:    []int64{100},
		})
		m.Functions = append(m.Functions, &pb.FunctionProto{
			Name: proto.String("Gelu"), Domain: proto.String("mine"),
			Node: []*pb.NodeProto{Node("Erf", []string{"x"}, []string{"y"}, &pb.AttributeProto{Name: proto.String("t"), T: external4("f.bin", "", "")})},
		})
		m.TrainingInfo = append(m.TrainingInfo, &pb.TrainingInfoProto{Algorithm: &pb.GraphProto{Initializer: []*pb.TensorProto{external4("./d/t.bin", "32", "16")}}})
	})
	s, err := Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	if s.Graphs != 3 || s.Initializers != 4 || s.Parameters != 6+5+2+4 {
		t.Errorf("%d graphs, %d initialisers, %d parameters", s.Graphs, s.Initializers, s.Parameters)
	}
	if len(s.Inputs) != 1 || s.Inputs[0].Name != "x" || s.Inputs[0].Shape[0] != (Dim{-1, "N"}) || s.Inputs[0].Shape[1] != (Dim{4, ""}) {
		t.Errorf("inputs %v", s.Inputs)
	}
	if want := []string{"BatchNormalization (training_mode)", "DynamicQuantizeLinear"}; !slices.Equal(s.BatchDependent, want) {
		t.Errorf("batch-dependent %v", s.BatchDependent)
	}
	if want := []ExternalTensor{{"w", "f.bin", 0, 16}, {"w", "d/t.bin", 32, 16}}; !slices.Equal(s.External, want) {
		t.Errorf("external %v", s.External)
	}
	want := []Operator{{"", "BatchNormalization", 1}, {"", "DynamicQuantizeLinear", 1}, {"", "Erf", 1}, {"", "Identity", 2}, {"", "If", 1}, {"com.microsoft", "Gelu", 1}, {"mine", "Gelu", 1}}
	if !slices.Equal(s.Operators, want) {
		t.Errorf("operators %v", s.Operators)
	}
	if s.Producer != "test 1" || !slices.Equal(s.Opsets, []Opset{{"", 17}, {"mine", 1}}) {
		t.Errorf("producer %q, operator sets %v", s.Producer, s.Opsets)
	}
}

// Values of inputs that are no tensors are told by their kind.
func TestWalkKinds(t *testing.T) {
	s, err := Walk(small(func(m *pb.ModelProto) {
		m.Graph.Input = []*pb.ValueInfoProto{
			{Name: proto.String("none")},
			{Name: proto.String("unranked"), Type: &pb.TypeProto{Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{ElemType: proto.Int32(99)}}}},
			TensorValue("scalar", pb.TensorProto_INT64),
			{Name: proto.String("seq"), Type: &pb.TypeProto{Value: &pb.TypeProto_SequenceType{SequenceType: &pb.TypeProto_Sequence{}}}},
			{Name: proto.String("map"), Type: &pb.TypeProto{Value: &pb.TypeProto_MapType{MapType: &pb.TypeProto_Map{}}}},
			{Name: proto.String("opt"), Type: &pb.TypeProto{Value: &pb.TypeProto_OptionalType{OptionalType: &pb.TypeProto_Optional{}}}},
			{Name: proto.String("opaque"), Type: &pb.TypeProto{Value: &pb.TypeProto_OpaqueType{OpaqueType: &pb.TypeProto_Opaque{}}}},
			{Name: proto.String("sparse"), Type: &pb.TypeProto{Value: &pb.TypeProto_SparseTensorType{SparseTensorType: &pb.TypeProto_SparseTensor{}}}},
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, v := range s.Inputs {
		have = append(have, v.Kind)
	}
	if want := []string{"", "tensor", "tensor", "sequence", "map", "optional", "opaque", "sparse tensor"}; !slices.Equal(have, want) {
		t.Errorf("kinds %q", have)
	}
	if s.Inputs[1].Shape != nil || s.Inputs[2].Shape == nil || len(s.Inputs[2].Shape) != 0 {
		t.Errorf("shapes %v and %v", s.Inputs[1].Shape, s.Inputs[2].Shape)
	}
}

// Bytes that are not a model are refused, and say why.
func TestDecodeRefuses(t *testing.T) {
	encode := func(m *pb.ModelProto) []byte {
		b, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := encode(small(nil))
	// Graphs in nodes of graphs, deeper than any model; lengths are written
	// from the inside out.
	deep := encode(small(nil))[:0]
	for range 400 {
		for _, num := range []protowire.Number{6, 5, 1} {
			b := protowire.AppendTag(nil, num, protowire.BytesType)
			deep = protowire.AppendBytes(b, deep)
		}
	}
	deep = append(protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), uint64(len(deep))), deep...)
	// Empty nodes: two bytes of a file, 200 bytes of memory each.
	many := bytes.Repeat([]byte{0x0a, 0}, maxParts+1)
	many = append(protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), uint64(len(many))), many...)
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"text", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"), "not an ONNX model"},
		{"html", []byte("<!DOCTYPE html><html>"), "not an ONNX model"},
		{"truncated", good[:len(good)-3], "not an ONNX model"},
		{"trailing", append(slices.Clone(good), 0xff), "not an ONNX model"},
		{"no ir_version", encode(small(func(m *pb.ModelProto) { m.IrVersion = nil })), "ir_version is missing"},
		{"negative ir_version", encode(small(func(m *pb.ModelProto) { m.IrVersion = proto.Int64(-1) })), "ir_version is -1"},
		{"no graph", encode(small(func(m *pb.ModelProto) { m.Graph = nil })), "it has no graph"},
		{"no opset", encode(small(func(m *pb.ModelProto) { m.OpsetImport = nil })), "opset_import is missing"},
		{"deep", deep, "nested more than"},
		{"many parts", many, "parts"},
		{"length beyond the end", []byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}, "not an ONNX model"},
		{"overlong length", append([]byte{0x3a}, bytes.Repeat([]byte{0xff}, 11)...), "not an ONNX model"},
		{"field number 0", []byte{0x02, 0x00}, "not an ONNX model"},
		{"end of a group", []byte{0x0c}, "not an ONNX model"},
		{"zeros", make([]byte, 100), "not an ONNX model"},
	} {
		m, err := Decode(test.data)
		if err == nil || m != nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Decode([]byte("nothing")); !errors.Is(err, ErrNotModel) {
		t.Errorf("error %v is not ErrNotModel", err)
	}
	if _, err := Decode(good); err != nil {
		t.Error(err)
	}
	// Before version 3 of the format there were no operator sets.
	if _, err := Decode(encode(small(func(m *pb.ModelProto) { m.IrVersion, m.OpsetImport = proto.Int64(2), nil }))); err != nil {
		t.Error(err)
	}
}

// What no program should hand to a runtime is refused by name.
func TestWalkRefuses(t *testing.T) {
	node := func(edit func(n *pb.NodeProto)) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) { edit(m.Graph.Node[0]) }
	}
	weight := func(w *pb.TensorProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) { m.Graph.Initializer = append(m.Graph.Initializer, w) }
	}
	tensor := func(edit func(w *pb.TensorProto)) func(*pb.ModelProto) {
		w := FloatTensor("w", make([]float32, 4), 4)
		edit(w)
		return weight(w)
	}
	inner := func(w *pb.TensorProto) func(*pb.ModelProto) {
		return node(func(n *pb.NodeProto) {
			g := &pb.GraphProto{Initializer: []*pb.TensorProto{w}}
			n.Attribute = append(n.Attribute, &pb.AttributeProto{Name: proto.String("body"), Graphs: []*pb.GraphProto{{}, g}})
		})
	}
	for _, test := range []struct {
		name string
		edit func(m *pb.ModelProto)
		want string
	}{
		{"foreign domain", node(func(n *pb.NodeProto) { n.Domain = proto.String("ai.onnx.contrib") }), `domain "ai.onnx.contrib" is not supported`},
		{"domain of a function, other operator", func(m *pb.ModelProto) {
			m.Graph.Node[0].Domain = proto.String("mine")
			m.Functions = []*pb.FunctionProto{{Name: proto.String("Other"), Domain: proto.String("mine")}}
		}, `domain "mine"`},
		{"foreign domain in a function", func(m *pb.ModelProto) {
			m.Functions = []*pb.FunctionProto{{Name: proto.String("F"), Node: []*pb.NodeProto{{OpType: proto.String("X"), Domain: proto.String("evil")}}}}
		}, `function "F": node 0 "" ("X"): operator domain "evil"`},
		{"an empty last input of LayerNormalization", node(func(n *pb.NodeProto) {
			n.OpType, n.Input = proto.String("LayerNormalization"), []string{"x", "scale", ""}
		}), `("LayerNormalization"): its last input has no name`},
		{"no op_type", node(func(n *pb.NodeProto) { n.OpType = nil }), "no op_type"},
		{"opset 0", func(m *pb.ModelProto) { m.OpsetImport[0].Version = nil }, "version is 0"},
		{"opset twice", func(m *pb.ModelProto) {
			m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("ai.onnx"), Version: proto.Int64(3)})
		}, "versions 17 and 3"},
		{"input without a name", func(m *pb.ModelProto) { m.Graph.Input[0].Name = nil }, "input 0: it has no name"},
		{"input twice", func(m *pb.ModelProto) { m.Graph.Input = append(m.Graph.Input, m.Graph.Input[0]) }, `input "x": declared twice`},
		{"negative dimension of an input", func(m *pb.ModelProto) {
			m.Graph.Input[0].GetType().GetTensorType().Shape.Dim[1].Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: -4}
		}, "dimension 1 is -4"},
		{"initializer without a name", tensor(func(w *pb.TensorProto) { w.Name = nil }), "no name"},
		{"negative dimension", tensor(func(w *pb.TensorProto) { w.Dims = []int64{-1} }), "negative dimension"},
		{"shape that overflows", tensor(func(w *pb.TensorProto) { w.Dims = []int64{math.MaxInt64, math.MaxInt64, 2} }), "too large"},
		{"shape that overflows to 4", tensor(func(w *pb.TensorProto) { w.Dims = []int64{1 << 32, 1 << 32, 4} }), "too large"},
		{"no type", tensor(func(w *pb.TensorProto) { w.DataType = nil }), "no data_type"},
		{"too few values", tensor(func(w *pb.TensorProto) { w.RawData = w.RawData[1:] }), "needs 16 bytes, raw_data has 15"},
		{"no values", tensor(func(w *pb.TensorProto) { w.RawData = nil }), "needs 4 entries, float_data has 0"},
		{"values of another type", tensor(func(w *pb.TensorProto) {
			w.RawData, w.DataType, w.FloatData = nil, proto.Int32(int32(pb.TensorProto_DOUBLE)), make([]float32, 4)
		}), "double_data has 0"},
		{"strings in raw_data", tensor(func(w *pb.TensorProto) { w.DataType = proto.Int32(8) }), "type STRING stand in raw_data"},
		{"segments", tensor(func(w *pb.TensorProto) { w.Segment = new(pb.TensorProto_Segment) }), "segments"},
		{"sparse without indices", func(m *pb.ModelProto) {
			m.Graph.SparseInitializer = []*pb.SparseTensorProto{{Values: FloatTensor("s", nil, 0)}}
		}, "no indices"},
		{"external: absolute", weight(external4("/etc/passwd", "", "")), "it is absolute"},
		{"external: drive", weight(external4(`C:\x`, "", "")), "control character"},
		{"external: backslashes", weight(external4(`..\..\x`, "", "")), "control character"},
		{"external: parent", weight(external4("../x", "", "")), `".." element`},
		{"external: parent inside", weight(external4("a/../../x", "", "")), `".." element`},
		{"external: parent in a body", inner(external4("../x", "", "")), `".." element`},
		{"external: parent in a constant", node(func(n *pb.NodeProto) {
			n.Attribute = append(n.Attribute, &pb.AttributeProto{Name: proto.String("value"), T: external4("../x", "", "")})
		}), `attribute "value": external_data: location "../x"`},
		{"external: parent in a list", node(func(n *pb.NodeProto) {
			n.Attribute = append(n.Attribute, &pb.AttributeProto{Tensors: []*pb.TensorProto{external4("../x", "", "")}})
		}), `".." element`},
		{"external: parent in a sparse constant", node(func(n *pb.NodeProto) {
			s := &pb.SparseTensorProto{Values: FloatTensor("", nil, 0), Indices: external4("../x", "", "")}
			n.Attribute = append(n.Attribute, &pb.AttributeProto{SparseTensor: s})
		}), `".." element`},
		{"external: parent in training", func(m *pb.ModelProto) {
			m.TrainingInfo = []*pb.TrainingInfoProto{{Initialization: &pb.GraphProto{Initializer: []*pb.TensorProto{external4("../x", "", "")}}}}
		}, `".." element`},
		{"external: address of memory", weight(external4("*/_ORT_MEM_ADDR_/*", "140000000", "16")), `"*"`},
		{"external: NUL", weight(external4("a\x00b", "", "")), "control character"},
		{"external: the folder", weight(external4("./", "", "")), "not the path of a file"},
		{"external: no location", weight(external4("", "0", "")), "location is missing"},
		{"external: two locations", func(m *pb.ModelProto) {
			w := external4("a", "", "")
			w.ExternalData = append(w.ExternalData, external4("../b", "", "").ExternalData...)
			weight(w)(m)
		}, "stands there twice"},
		{"external: negative offset", weight(external4("a", "-1", "")), "not a number of bytes"},
		{"external: offset that overflows", weight(external4("a", "9223372036854775807", "16")), "too large"},
		{"external: offset that is none", weight(external4("a", "0x10", "")), "not a number of bytes"},
		{"external: wrong length", weight(external4("a", "0", "17")), "needs 16 bytes"},
		{"external: raw_data too", func(m *pb.ModelProto) {
			w := external4("a", "", "")
			w.RawData = make([]byte, 16)
			weight(w)(m)
		}, "raw_data too"},
	} {
		m := small(test.edit)
		_, err := Walk(m)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	long := small(node(func(n *pb.NodeProto) { n.Domain = proto.String(strings.Repeat("x", 1<<20)) }))
	if _, err := Walk(long); err == nil || len(err.Error()) > 1000 {
		t.Error("the message repeats a name of a megabyte")
	}
}

// Every element type with values in the field that the format gives it.
func TestTensorStorage(t *testing.T) {
	for elem, s := range storages {
		w := &pb.TensorProto{Name: proto.String("w"), DataType: proto.Int32(int32(elem)), Dims: []int64{5}}
		n := int((5 + s.pack - 1) / s.pack * s.parts)
		switch s.field {
		case "float_data":
			w.FloatData = make([]float32, n)
		case "int32_data":
			w.Int32Data = make([]int32, n)
		case "int64_data":
			w.Int64Data = make([]int64, n)
		case "double_data":
			w.DoubleData = make([]float64, n)
		case "uint64_data":
			w.Uint64Data = make([]uint64, n)
		case "string_data":
			w.StringData = make([][]byte, n)
		}
		if err := checkValues(w); err != nil {
			t.Errorf("%v: %v", elem, err)
		}
		w.Dims[0] += s.pack
		if err := checkValues(w); err == nil {
			t.Errorf("%v: %d values of %d are enough", elem, 5, w.Dims[0])
		}
	}
}

func TestFloats(t *testing.T) {
	want := []float32{1, -2.5, float32(math.Inf(1)), 0}
	have, err := Floats(FloatTensor("w", want, 2, 2))
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("%v, %v", have, err)
	}
	have, err = Floats(&pb.TensorProto{DataType: proto.Int32(1), Dims: []int64{4}, FloatData: want})
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("%v, %v", have, err)
	}
	for name, w := range map[string]*pb.TensorProto{
		"external":    external4("a", "", ""),
		"wrong type":  {DataType: proto.Int32(7)},
		"wrong count": {DataType: proto.Int32(1), Dims: []int64{3}, FloatData: want},
	} {
		if _, err := Floats(w); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whatever the bytes, Decode and Walk return; what they take survives Encode.
func FuzzDecode(f *testing.F) {
	for _, edit := range []func(*pb.ModelProto){
		nil,
		func(m *pb.ModelProto) { m.Graph.Initializer = []*pb.TensorProto{external4("a.bin", "0", "16")} },
		func(m *pb.ModelProto) {
			m.Functions = []*pb.FunctionProto{{Name: proto.String("F"), Domain: proto.String("mine")}}
		},
	} {
		data, err := Encode(small(edit))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(unknownFields())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		s, walkErr := Walk(m)
		if walkErr == nil {
			for _, x := range s.External {
				if x.Path == "" || x.Path[0] == '/' || strings.Contains(x.Path, "..") && slices.Contains(strings.Split(x.Path, "/"), "..") {
					t.Errorf("external path %q", x.Path)
				}
			}
		}
		once, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Encode(again); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("encoding twice differs: %v", err)
		}
		if _, err := Walk(again); (err == nil) != (walkErr == nil) {
			t.Errorf("walk: %v before, %v after encoding", walkErr, err)
		}
	})
}
