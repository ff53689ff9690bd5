package onnx

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// network makes a model of nodes written "out… = Op in…"; all weights w…, of
// w's own shape, are stored.
func network(weights map[string][]int64, inputs map[string]*pb.ValueInfoProto, output string, lines ...string) *pb.ModelProto {
	m := small(nil)
	m.Graph.Input, m.Graph.Node = nil, nil
	for _, name := range sorted(inputs) {
		m.Graph.Input = append(m.Graph.Input, inputs[name])
	}
	for _, name := range sorted(weights) {
		m.Graph.Initializer = append(m.Graph.Initializer, FloatTensor(name, make([]float32, total(weights[name])), weights[name]...))
	}
	for _, l := range lines {
		to, from, _ := strings.Cut(l, " = ")
		f := strings.Fields(from)
		m.Graph.Node = append(m.Graph.Node, Node(f[0], f[1:], strings.Fields(to)))
	}
	m.Graph.Output = []*pb.ValueInfoProto{{Name: proto.String(output)}}
	return m
}

func TestCuts(t *testing.T) {
	x := map[string]*pb.ValueInfoProto{"x": TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: 2}, Dim{Size: 4})}
	two := map[string]*pb.ValueInfoProto{"x": x["x"], "mask": TensorValue("mask", pb.TensorProto_FLOAT, Dim{Size: 2}, Dim{Size: 4})}
	w := map[string][]int64{"w1": {4, 4}, "w2": {4, 4}, "w3": {4, 3}}
	for _, c := range []struct {
		name    string
		weights map[string][]int64
		inputs  map[string]*pb.ValueInfoProto
		lines   []string
		want    string // tensor:parameters[:shared][+side], …
	}{
		{"a chain", w, x, []string{"a = MatMul x w1", "b = Relu a", "y = MatMul b w3"}, "a:12 b:12"},
		{"before the first weight there is nothing to cut", w, x, []string{"s = Sigmoid x", "t = Neg s", "a = MatMul t w1", "y = MatMul a w3"}, "a:12"},
		{"a branch", w, x, []string{"a = MatMul x w1", "b = MatMul a w2", "c = Add a b", "y = MatMul c w3"}, "a:28 c:12"},
		{"a branch that leaves the cut in the order of nodes out", w, x, []string{"a = MatMul x w1", "b = Relu a", "c = Tanh a", "d = Relu b", "e = Add c d", "y = MatMul e w3"}, "a:12 e:12"},
		{"the input goes around", w, x, []string{"a = MatMul x w1", "b = MatMul x w2", "c = Add a b", "y = MatMul c w3"}, "c:12"},
		{"a mask beside", w, two, []string{"m = Neg mask", "a = MatMul x w1", "b = Mul a m", "y = MatMul b w3"}, "a:12+mask b:12"},
		{"a weight on both sides", w, x, []string{"a = MatMul x w1", "b = MatMul a w1", "c = MatMul b w2", "y = MatMul c w3"}, "a:44:16 b:28 c:12"},
		{"a weight that is computed", w, x, []string{"u = Transpose w1", "a = MatMul x u", "b = MatMul a u", "y = MatMul b w3"}, "a:28:16 b:12"},
		{"what the output does not need", w, x, []string{"a = MatMul x w1", "z = MatMul a w2", "y = MatMul a w3"}, "a:12"},
		{"several outputs of a node", map[string][]int64{"w1": {4, 4}, "w3": {2, 3}}, x, []string{"a = MatMul x w1", "b c = Split a", "d = Add b c", "y = MatMul d w3"}, "a:6 d:6"},
		{"an output beside the one that is needed", map[string][]int64{"w1": {4, 4}, "w3": {2, 3}}, x, []string{"a = MatMul x w1", "b c = Split a", "y = MatMul b w3"}, "a:6 b:6"},
		{"no weights at all", w, x, []string{"a = Relu x", "y = Neg a"}, ""},
	} {
		m := network(c.weights, c.inputs, "y", c.lines...)
		for _, n := range m.Graph.Node {
			if n.GetOpType() == "Split" {
				n.Attribute = append(n.Attribute, IntAttribute("axis", 1))
			}
		}
		g, err := Infer(m, &InferOptions{Values: true})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		cuts, err := Cuts(g, "y")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var have []string
		for _, x := range cuts {
			s := x.Tensor + ":" + itoa(x.Parameters)
			if x.Shared > 0 {
				s += ":" + itoa(x.Shared)
			}
			have = append(have, strings.Join(append([]string{s}, x.Side...), "+"))
		}
		if s := strings.Join(have, " "); s != c.want {
			t.Errorf("%s: cuts %q, want %q", c.name, s, c.want)
		}
	}
	// What a branch makes is no place to cut.
	m := network(w, x, "y", "a = MatMul x w1", "b = If yes", "y = MatMul b w3")
	m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: proto.String("yes"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}})
	m.Graph.Node[1].Attribute = []*pb.AttributeProto{{Name: proto.String("then_branch"), G: &pb.GraphProto{
		Node:   []*pb.NodeProto{Node("MatMul", []string{"a", "w2"}, []string{"p"}), Node("Relu", []string{"p"}, []string{"q"})},
		Output: []*pb.ValueInfoProto{{Name: proto.String("q")}},
	}}}
	g, err := Infer(m, &InferOptions{Values: true})
	if err != nil {
		t.Fatal(err)
	}
	if cuts, err := Cuts(g, "y"); err != nil || len(cuts) != 2 || cuts[0].Tensor != "a" || cuts[0].Parameters != 28 || cuts[1].Tensor != "b" {
		t.Errorf("around a branch: %+v, %v", cuts, err)
	}
	if _, err := Prune(m, "p"); err == nil || !strings.Contains(err.Error(), "inside a body") {
		t.Errorf("pruned inside a branch: %v", err)
	}

	g, err = Infer(network(w, x, "y", "a = MatMul x w1", "z = Relu x", "y = MatMul a w3"), &InferOptions{Values: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Cuts(g, "w1"); err == nil {
		t.Error("cuts on the way to a weight")
	}
	for _, name := range []string{"", "x", "w1", "z", "nowhere"} {
		if _, err := Tail(g, name); err == nil || !strings.HasPrefix(err.Error(), "onnx: cut at ") {
			t.Errorf("tail from %q: %v", name, err)
		}
	}
	if n := Parameters(g, "y"); n != 28 {
		t.Errorf("%d parameters", n)
	}
}

// A node that makes the cut and, beside it, what another output needs stands in
// the tail. It made the cut there a second time: a name was an input and the
// output of a node, which the runtime refuses.
func TestTailKeepsMakerOfCut(t *testing.T) {
	x := map[string]*pb.ValueInfoProto{"x": TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: 2}, Dim{Size: 4})}
	w := map[string][]int64{"w1": {4, 4}, "w2": {2, 2}}
	m := network(w, x, "y", "a = MatMul x w1", "b b_1 = Split a", "y = MatMul b w2")
	m.Graph.Node[1].Attribute = []*pb.AttributeProto{IntAttribute("axis", 1)}
	m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String("b_1")})
	g, err := Infer(m, &InferOptions{Values: true})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := Tail(g, "b")
	if err != nil {
		t.Fatal(err)
	}
	check(t, tail)
	var ops []string
	for _, n := range tail.Nodes {
		ops = append(ops, n.GetOpType()+" "+strings.Join(n.Output, " "))
	}
	if want := []string{"MatMul a", "Split b_2 b_1", "MatMul y"}; !slices.Equal(ops, want) || !slices.Equal(tail.Inputs, []string{"b", "x"}) {
		t.Errorf("nodes %q of %q, want %q", ops, tail.Inputs, want)
	}
	if !slices.Equal(tail.Shapes["b_2"], []int64{2, 2}) || tail.Types["b_2"] != pb.TensorProto_FLOAT {
		t.Errorf("the cut that is made again: %v%v", tail.Types["b_2"], tail.Shapes["b_2"])
	}
	if made := g.Nodes[1].Output; !slices.Equal(made, []string{"b", "b_1"}) {
		t.Errorf("the graph's own node makes %q now", made)
	}
	// An output beside the cut does not depend on it.
	g.Outputs = []string{"b_1"}
	if _, err := Tail(g, "b"); err == nil || !strings.Contains(err.Error(), "do not depend") {
		t.Errorf("from beside the output: %v", err)
	}
}

func itoa(v int64) string { return strconv.FormatInt(v, 10) }

func TestLayerNames(t *testing.T) {
	for name, want := range map[string]string{
		"/m/encoder/layer.5/attention/output/dense/MatMul":  "m.encoder.layer.5",
		"m.encoder.layer.11.attention.output.dense.bias":    "m.encoder.layer.11",
		"layer1.0.conv1.weight":                             "layer1.0",
		"/layer4/layer4.1/conv2/Conv":                       "layer4.1",
		"stages.2.blocks.8.mlp.fc1.weight":                  "stages.2.blocks.8",
		"/stages/stages.2/blocks/blocks.8/conv_dw/Conv":     "stages.2.blocks.8",
		"/blocks/blocks.3/blocks.3.2/conv_pw/Conv":          "blocks.3.2",
		"blocks.3.2.conv_pw.weight":                         "blocks.3.2",
		"transformer.layer.0.attention.q_lin.weight":        "transformer.layer.0",
		"/m/layers/layers.0/blocks/blocks.1/mlp/fc1/MatMul": "m.layers.0.blocks.1",
		"/m/encoder/stages.0/layers.1/dwconv/Conv":          "m.encoder.stages.0.layers.1",
		"features.4.block.0.0.weight":                       "features.4",
		"onnx::MatMul_714":                                  "", "Conv_12": "", "conv1.weight": "", "": "", "/": "", "5": "", "/Add_7": "",
		strings.Repeat("a.", 600) + "1.b": "",
	} {
		if have := layerIn(name); have != want {
			t.Errorf("%s: %q, want %q", name, have, want)
		}
	}
}

func TestLayerOfMetadata(t *testing.T) {
	w := &flow{g: &Graph{
		Constants: map[string]*Tensor{"m.encoder.layer.0.bias": {Type: pb.TensorProto_FLOAT, Dims: []int64{2}}},
		Stored:    map[string]string{"m.encoder.layer.0.bias": "m.encoder.layer.0.bias"},
	}}
	n := Node("Add", []string{"/m/encoder/layer.7/Add_output_0", "m.encoder.layer.0.bias"}, []string{"y"})
	if l := w.layerOf(n); l != "m.encoder.layer.0" {
		t.Errorf("by the weight: %q", l)
	}
	n = Node("LayerNormalization", []string{"/m/encoder/layer.7/Add_output_0", "m.norm.weight"}, []string{"y"})
	if l := w.layerOf(n); l != "" {
		t.Errorf("by what another layer made: %q", l)
	}
	for namespace, want := range map[string]string{
		": Features/m: BertModel/m.encoder: Encoder/m.encoder.layer.2: Layer/m.encoder.layer.2.output: Output/add_5: aten.add.Tensor": "m.encoder.layer.2",
		": Features/m: BertModel/m.embeddings: Embeddings/add: aten.add.Tensor":                                                       "", "": "", "add": "",
	} {
		n.MetadataProps = []*pb.StringStringEntryProto{{Key: proto.String("namespace"), Value: proto.String(namespace)}}
		if l := w.layerOf(n); l != want {
			t.Errorf("%s: %q, want %q", namespace, l, want)
		}
	}
}

// Layers by name end where the next one begins, blocks without names where
// branches meet or the tensor is narrow.
func TestLayers(t *testing.T) {
	x := map[string]*pb.ValueInfoProto{"x": TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: 2}, Dim{Size: 4})}
	w := map[string][]int64{"w1": {4, 4}, "w2": {4, 4}, "up": {4, 9}, "down": {9, 2}, "w3": {2, 3}, "w4": {3, 3}}
	lines := []string{"a = MatMul x w1", "b = MatMul a w2", "c = Add a b", "d = Relu c", "e = MatMul d up", "f = Relu e", "g = MatMul f down", "h = MatMul g w3", "y = MatMul h w4"}
	for _, test := range []struct{ names, want string }{
		{"", "a:block 1 c:block 1 d:block 1! e:block 2 f:block 2 g:block 2! h:block 3"},
		{"/emb/M /l/l.0/M /l/l.0/A /l/l.0/R /l/l.1/M /l/l.1/R /l/l.1/M /norm/M /norm/M", "a:! c:l.0 d:l.0! e:l.1 f:l.1 g:l.1! h:the end"},
		{"/emb/M /l/l.0/M /l/l.0/A /l/l.0/R /l/l.1/M /l/l.1/R /l/l.1/M:/l/l.1/M_output_0 /norm/M /norm/M", "a:! c:l.0 d:l.0! e:l.1 f:l.1 /l/l.1/M_output_0:l.1! h:the end"},
		{"/emb/M /l/l.0/M /l/l.0/A /l/l.0/R /l/l.1/M /l/l.1/R /l/l.1/M /l/l.2/M /l/l.2/M", "a:! c:l.0 d:l.0! e:l.1 f:l.1 g:l.1! h:l.2"},
	} {
		m := network(w, x, "y", lines...)
		for i, name := range strings.Fields(test.names) {
			name, output, renamed := strings.Cut(name, ":")
			m.Graph.Node[i].Name = &name
			if renamed {
				m.Graph.Node[i].Output[0], m.Graph.Node[i+1].Input[0] = output, output
			}
		}
		g, err := Infer(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		cuts, err := Cuts(g, "y")
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, c := range cuts {
			s := c.Tensor + ":" + c.Layer
			if c.Ends {
				s += "!"
			}
			have = append(have, s)
		}
		if s := strings.Join(have, " "); s != test.want {
			t.Errorf("%q: %s, want %s", test.names, s, test.want)
		}
	}
}

// Open dimensions are named where they go.
func TestInferOpen(t *testing.T) {
	n, s := Dim{Size: -1, Name: "N"}, Dim{Size: -1, Name: "S"}
	m := small(func(m *pb.ModelProto) {
		m.Graph.Input = []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT, n, s, Dim{Size: 4}), TensorValue("z", pb.TensorProto_FLOAT, s, n)}
		list := func(name string, v ...int64) {
			m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: proto.String(name), Dims: []int64{int64(len(v))}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: v})
		}
		list("rows", -1, 4)
		list("pair", 0, -1, 2)
		list("flat", -1)
		m.Graph.Node = []*pb.NodeProto{
			Node("Reshape", []string{"x", "rows"}, []string{"a"}),
			Node("Reshape", []string{"x", "pair"}, []string{"b"}),
			Node("Reshape", []string{"x", "flat"}, []string{"c"}),
			Node("Concat", []string{"x", "x", "x"}, []string{"d"}, IntAttribute("axis", 1)),
			Node("Pad", []string{"x", "pads"}, []string{"e"}),
			Node("MaxPool", []string{"x"}, []string{"f"}, IntsAttribute("kernel_shape", 2), IntsAttribute("strides", 2)),
			Node("Transpose", []string{"z"}, []string{"g"}),
		}
		list("pads", 0, 1, 0, 0, 2, 0)
		m.Graph.Output = nil
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String(name)})
		}
	})
	g, err := Infer(m, &InferOptions{Inputs: map[string][]Dim{"x": {n, s, {Size: 4}}, "z": {s, n}}})
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) Dim { return Dim{Size: -1, Name: name} }
	for name, want := range map[string][]Dim{
		"a": {open("N·S"), {Size: 4}}, "b": {n, open("2·S"), {Size: 2}}, "c": {open("4·N·S")}, "d": {n, open("3·S"), {Size: 4}},
		"e": {n, open("S+3"), {Size: 4}}, "f": {n, s, {Size: 2}}, "g": {n, s}, "x": {n, s, {Size: 4}}, "pads": {{Size: 6}},
	} {
		if have := g.Dims(name); !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", name, have, want)
		}
	}
	// One without a name is called by its place, and no other's size.
	g, err = Infer(m, &InferOptions{Inputs: map[string][]Dim{"x": {{Size: -1}, s, {Size: 4}}}})
	if err != nil || g.Dims("a")[0].Name != "#0,0·S" {
		t.Errorf("without a name: %v, %v", g.Dims("a"), err)
	}
}
