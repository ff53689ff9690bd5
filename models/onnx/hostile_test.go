package onnx

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// frugal calls f and fails if it allocates more than 64 MiB, or more than a
// million times: what is made of a small file stays small. BenchmarkHostile has
// the times.
func frugal(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	bytes, times := after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
	if bytes > 64<<20 || times > 1_000_000 {
		t.Errorf("%d bytes allocated, %d times", bytes, times)
	}
}

// BenchmarkHostile opens each of the hostile models, and reports which of them
// takes longest.
func BenchmarkHostile(b *testing.B) {
	for b.Loop() {
		var longest time.Duration
		slowest := ""
		for name, c := range hostile() {
			data, err := Encode(small(c.edit))
			if err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			_ = openHostile(data) // an error, as TestHostileModels demands
			if took := time.Since(began); took > longest {
				longest, slowest = took, name
			}
		}
		b.Logf("%v: %s", longest, slowest)
		b.ReportMetric(float64(longest.Microseconds())/1e3, "ms/slowest")
	}
}

// openHostile goes the way of a backbone's file: read, looked at, folded, cut,
// pruned.
func openHostile(data []byte) error {
	m, err := Decode(data)
	if err != nil {
		return err
	}
	if _, err := Walk(m); err != nil {
		return err
	}
	g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}}), Values: true})
	if err != nil {
		return err
	}
	for _, o := range g.Outputs {
		if _, err := Cuts(g, o); err != nil {
			return err
		}
	}
	_, err = Prune(m, g.Outputs...)
	return err
}

func int64s(name string, v ...int64) *pb.TensorProto {
	return &pb.TensorProto{Name: proto.String(name), Dims: []int64{int64(len(v))}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: v}
}

// hostile are models that mean harm, or none, by what is wrong with them.
func hostile() map[string]struct {
	edit func(m *pb.ModelProto)
	want string
} {
	nodes := func(list ...*pb.NodeProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) { m.Graph.Node = append(list, m.Graph.Node...) }
	}
	with := func(tensors []*pb.TensorProto, list ...*pb.NodeProto) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) {
			m.Graph.Initializer = append(m.Graph.Initializer, tensors...)
			m.Graph.Node = append(m.Graph.Node, list...)
		}
	}
	tensors := func(t ...*pb.TensorProto) []*pb.TensorProto { return t }
	op := func(opType string, inputs ...string) *pb.NodeProto {
		return Node(opType, inputs, []string{"out"})
	}
	attributes := func(n *pb.NodeProto, a ...*pb.AttributeProto) *pb.NodeProto {
		n.Attribute = append(n.Attribute, a...)
		return n
	}
	weight := func(dims ...int64) *pb.TensorProto { return FloatTensor("w", make([]float32, total(dims)), dims...) }
	chain := func(n int, opType string, double bool) func(*pb.ModelProto) {
		return func(m *pb.ModelProto) {
			m.Graph.Initializer = append(m.Graph.Initializer, int64s("c0", 1, 2, 3, 4))
			for i := range n {
				from, to := fmt.Sprintf("c%d", i), fmt.Sprintf("c%d", i+1)
				if double {
					m.Graph.Node = append(m.Graph.Node, Node(opType, []string{from, from}, []string{to}, IntAttribute("axis", 0)))
				} else {
					m.Graph.Node = append(m.Graph.Node, Node(opType, []string{from}, []string{to}))
				}
			}
			m.Graph.Node = append(m.Graph.Node, Node("Reshape", []string{"x", fmt.Sprintf("c%d", n)}, []string{"out"}))
		}
	}
	big := int64(1) << 40
	// Bodies of If inside each other.
	nested := func(m *pb.ModelProto) {
		n := Node("Identity", []string{"x"}, []string{"inner"})
		for i := range 20 {
			body := &pb.GraphProto{Node: []*pb.NodeProto{n}, Output: []*pb.ValueInfoProto{{Name: proto.String(n.Output[0])}}}
			n = Node("If", []string{"yes"}, []string{fmt.Sprintf("o%d", i)},
				&pb.AttributeProto{Name: proto.String("then_branch"), G: body})
		}
		m.Graph.Initializer = append(m.Graph.Initializer, &pb.TensorProto{Name: proto.String("yes"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}})
		m.Graph.Node = append(m.Graph.Node, n)
	}
	return map[string]struct {
		edit func(m *pb.ModelProto)
		want string
	}{
		"an operator that nobody knows": {nodes(op("Pwn", "x")), `node 0 "Pwn:out" ("Pwn"): the operator is not supported`},
		"a loop":                        {nodes(op("Loop", "x")), `("Loop"): the operator is not supported`},
		"a scan":                        {nodes(op("Scan", "x")), `("Scan"): the operator is not supported`},
		"a function that calls itself": {func(m *pb.ModelProto) {
			call := &pb.NodeProto{OpType: proto.String("F"), Domain: proto.String("mine"), Input: []string{"x"}, Output: []string{"out"}}
			m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("mine"), Version: proto.Int64(1)})
			m.Functions = []*pb.FunctionProto{{Name: proto.String("F"), Domain: proto.String("mine"), Node: []*pb.NodeProto{call}}}
			m.Graph.Node = append(m.Graph.Node, call)
		}, "function of the model's own"},
		"a circle":                          {nodes(Node("Add", []string{"x", "b"}, []string{"a"}), Node("Neg", []string{"a"}, []string{"b"})), "in a circle of nodes"},
		"a node that feeds itself":          {nodes(Node("Neg", []string{"a"}, []string{"a"})), "in a circle of nodes"},
		"two makers of one tensor":          {nodes(Node("Neg", []string{"x"}, []string{"y"})), `tensor "y" is made twice`},
		"a node that makes an input":        {nodes(Node("Neg", []string{"x"}, []string{"x"})), "made twice"},
		"a node that makes a weight":        {with(tensors(weight(4)), Node("Neg", []string{"x"}, []string{"w"})), "made twice"},
		"two weights of one name":           {with(tensors(weight(4), weight(4))), "made twice"},
		"an output that nothing makes":      {func(m *pb.ModelProto) { m.Graph.Output[0].Name = proto.String("nowhere") }, `output "nowhere": no node makes it`},
		"no inputs":                         {nodes(op("Add")), "input 0 is missing"},
		"too few inputs":                    {nodes(op("Conv", "x")), "input 1 is missing"},
		"no outputs":                        {nodes(&pb.NodeProto{OpType: proto.String("Neg"), Input: []string{"x"}}), "it has no output"},
		"too many outputs":                  {nodes(Node("Neg", []string{"x"}, []string{"a", "b"})), "2 outputs, more than 1"},
		"a million outputs":                 {nodes(Node("Split", []string{"x"}, slices.Repeat([]string{""}, 100_000), IntAttribute("axis", 1))), "no output"},
		"shapes that do not fit":            {with(tensors(weight(3)), op("Add", "x", "w")), "shapes [2 4] and [3] do not fit"},
		"types that do not fit":             {with(tensors(int64s("i", 1)), op("Add", "x", "i")), "types FLOAT and INT64"},
		"a matrix that does not fit":        {with(tensors(weight(5, 5)), op("MatMul", "x", "w")), "shapes [2 4] and [5 5] do not fit"},
		"a shape from what is fed":          {nodes(Node("Cast", []string{"x"}, []string{"i"}, IntAttribute("to", 7)), op("Reshape", "x", "i")), "depends on what is fed"},
		"a condition from what is fed":      {nodes(Node("Cast", []string{"x"}, []string{"i"}, IntAttribute("to", 9)), op("If", "i")), "depends on what is fed"},
		"an If without branches":            {with(tensors(int64s("one", 1)), op("If", "one")), "it has no then_branch"},
		"nested conditions":                 {nested, "nested more than"},
		"a reshape to less":                 {with(tensors(int64s("s", 3)), op("Reshape", "x", "s")), "does not become"},
		"a reshape with two rests":          {with(tensors(int64s("s", -1, -1)), op("Reshape", "x", "s")), "does not become"},
		"a reshape to what overflows":       {with(tensors(int64s("s", big, big, big)), op("Reshape", "x", "s")), "too large"},
		"a reshape by 0 beyond the rank":    {with(tensors(int64s("s", 2, 4, 0)), op("Reshape", "x", "s")), "does not become"},
		"a thousand dimensions":             {with(tensors(int64s("s", slices.Repeat([]int64{1}, 1000)...)), op("ConstantOfShape", "s")), "1000 dimensions"},
		"a constant of 2^80 elements":       {with(tensors(int64s("s", big, big)), op("ConstantOfShape", "s")), "too large"},
		"a constant of 2^40 elements, used": {with(tensors(int64s("s", big)), Node("ConstantOfShape", []string{"s"}, []string{"c"}), Node("NonZero", []string{"c"}, []string{"out"})), "too large"},
		"a range of 2^59":                   {with(tensors(int64s("a", 0), int64s("b", 1<<59), int64s("d", 1)), op("Range", "a", "b", "d")), "too large"},
		"a range without end":               {with(tensors(int64s("a", 0), int64s("b", 5), int64s("d", 0)), op("Range", "a", "b", "d")), "steps of 0"},
		"a range that overflows":            {with(tensors(int64s("a", math.MinInt64), int64s("b", math.MaxInt64), int64s("d", 1)), op("Range", "a", "b", "d")), "steps of 1"},
		"a range of no number":              {with(tensors(FloatTensor("a", []float32{0}), FloatTensor("b", []float32{float32(math.NaN())}), FloatTensor("d", []float32{1})), op("Range", "a", "b", "d")), "NaN"},
		"tiles of 2^40":                     {with(tensors(int64s("s", big, big)), op("Tile", "x", "s")), "too large"},
		"tiles below nothing":               {with(tensors(int64s("s", -1, 1)), op("Tile", "x", "s")), "negative"},
		"expanded to 2^80":                  {with(tensors(int64s("s", big, big, 2, 4)), op("Expand", "x", "s")), "too large"},
		"pads of 2^62":                      {with(tensors(int64s("s", 1<<62, 0, 0, 1<<62)), op("Pad", "x", "s")), "a pad of"},
		"pads below nothing":                {with(tensors(int64s("s", -5, 0, 0, 0)), op("Pad", "x", "s")), "negative"},
		"a slice with step 0":               {with(tensors(int64s("s", 0), int64s("e", 1), int64s("a", 0), int64s("z", 0)), op("Slice", "x", "s", "e", "a", "z")), "a step is 0"},
		"a slice of an axis twice":          {with(tensors(int64s("s", 0, 0), int64s("e", 1, 1), int64s("a", 0, -2)), op("Slice", "x", "s", "e", "a")), "twice"},
		"an axis out of range":              {nodes(attributes(op("Concat", "x", "x"), IntAttribute("axis", 1<<62))), "axis 4611686018427387904"},
		"the least axis":                    {nodes(attributes(op("Concat", "x", "x"), IntAttribute("axis", math.MinInt64))), "axis -9223372036854775808"},
		"a permutation that is none":        {nodes(attributes(op("Transpose", "x"), IntsAttribute("perm", 0, 0))), "twice"},
		"a permutation of a million":        {nodes(attributes(op("Transpose", "x"), IntsAttribute("perm", make([]int64, 1_000_000)...))), "1000000 numbers"},
		"a million axes":                    {nodes(attributes(op("ReduceMean", "x"), IntsAttribute("axes", make([]int64, 1_000_000)...))), "twice"},
		"unsqueezed a million times":        {with(tensors(int64s("s", make([]int64, 1_000_000)...)), op("Unsqueeze", "x", "s")), "1000000 axes"},
		"an index out of range":             {with(tensors(int64s("i", 9), int64s("d", 1, 2)), Node("Gather", []string{"d", "i"}, []string{"s"}), op("Reshape", "x", "s")), "index 9 of 2"},
		"division by zero":                  {with(tensors(int64s("a", 1), int64s("b", 0)), Node("Div", []string{"a", "b"}, []string{"s"}), op("Reshape", "x", "s")), "division by zero"},
		"a convolution without groups":      {with(tensors(weight(4, 4, 1)), Node("Unsqueeze", []string{"x", "u"}, []string{"v"}), attributes(op("Conv", "v", "w"), IntAttribute("group", 0))), "no node before"},
		"a kernel of 2^62":                  {with(tensors(int64s("u", 0)), Node("Unsqueeze", []string{"x", "u"}, []string{"v"}), attributes(op("MaxPool", "v"), IntsAttribute("kernel_shape", 1<<62))), "kernel_shape is"},
		"a stride of 0":                     {with(tensors(int64s("u", 0)), Node("Unsqueeze", []string{"x", "u"}, []string{"v"}), attributes(op("MaxPool", "v"), IntsAttribute("kernel_shape", 1), IntsAttribute("strides", 0))), "strides is"},
		"a window larger than the input":    {with(tensors(int64s("u", 0)), Node("Unsqueeze", []string{"x", "u"}, []string{"v"}), attributes(op("MaxPool", "v"), IntsAttribute("kernel_shape", 99))), "does not fit"},
		"an equation without end":           {nodes(attributes(op("Einsum", "x"), &pb.AttributeProto{Name: proto.String("equation"), S: []byte(strings.Repeat("a", 1_000_000))})), "equation"},
		"an unknown type":                   {nodes(attributes(op("Cast", "x"), IntAttribute("to", 99))), "attribute to is 99"},
		"a constant without a value":        {nodes(Node("Constant", nil, []string{"c"})), "no value"},
		"a batch norm for training":         {with(tensors(FloatTensor("w", make([]float32, 4), 4)), attributes(Node("BatchNormalization", []string{"x", "w", "w", "w", "w"}, []string{"out"}), IntAttribute("training_mode", 1))), "training form"},
		"constants that double":             {chain(60, "Concat", true), "too large"},
		"constants that double, in between": {chain(24, "Concat", true), "too large"},
		"a long chain":                      {chain(20_000, "Identity", false), "does not become"},
		"a long chain of sums":              {chain(20_001, "Neg", false), "does not become"},
		"an operator set of tomorrow":       {func(m *pb.ModelProto) { m.OpsetImport[0].Version = proto.Int64(26) }, "operator set 26: 9 to 25"},
		"an operator set of yesterday":      {func(m *pb.ModelProto) { m.OpsetImport[0].Version = proto.Int64(8) }, "operator set 8: 9 to 25"},
		"a second input":                    {func(m *pb.ModelProto) { m.Graph.Input = append(m.Graph.Input, TensorValue("z", 1, Dim{Size: -1})) }, `input "z": dimension 0 is not fixed`},
		"an input that is no tensor":        {func(m *pb.ModelProto) { m.Graph.Input[0].Type = nil }, "it must be a tensor"},
		"an input of another rank":          {func(m *pb.ModelProto) { m.Graph.Input[0] = TensorValue("x", 1, Dim{Size: -1}) }, "shape [2 4] is given"},
		"weights that are not there":        {with(tensors(external4("w.bin", "0", "16"))), "ReadExternal"},
		"weights of strings":                {with(tensors(&pb.TensorProto{Name: proto.String("w"), Dims: []int64{1}, DataType: proto.Int32(8), StringData: [][]byte{{1}}}), op("Add", "x", "w")), "types FLOAT and STRING"},
	}
}

// Hostile models are refused, in little memory, with a reason.
func TestHostileModels(t *testing.T) {
	all := hostile()
	if len(all) < 40 {
		t.Fatalf("%d models", len(all))
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			m := small(c.edit)
			if made := slices.ContainsFunc(m.Graph.Node, func(n *pb.NodeProto) bool { return slices.Contains(n.Output, "out") }); made {
				m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String("out")})
			}
			if strings.HasPrefix(name, "weights that are not there") {
				m.Graph.Node[0] = Node("Add", []string{"x", "w"}, []string{"y"})
			}
			data, err := Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			frugal(t, func() { err = openHostile(data) })
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "onnx: ") || len(err.Error()) > 2000 {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	empty := func(n int, field protowire.Number) []byte { // n empty messages in the graph
		b := bytes.Repeat(protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.BytesType), 0), n)
		good, err := Encode(small(nil))
		if err != nil {
			t.Fatal(err)
		}
		return append(good, append(protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), uint64(len(b))), b...)...)
	}
	for name, data := range map[string][]byte{
		"170,000 empty nodes":       empty(170_000, 1),
		"4,000,000 empty nodes":     empty(4_000_000, 1),
		"170,000 empty tensors":     empty(170_000, 5),
		"4,000,000 empty outputs":   empty(4_000_000, 12),
		"170,000 empty value_infos": empty(170_000, 13),
		"a file of zeros":           make([]byte, 8<<20),
		"a file of 0x0a":            bytes.Repeat([]byte{0x0a}, 8<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			frugal(t, func() { err = openHostile(data) })
			if err == nil && name != "170,000 empty value_infos" {
				t.Error("no error")
			}
		})
	}
}

// Whatever the model, folding, cutting and pruning it return, within bounds;
// what they take survives them.
func FuzzFold(f *testing.F) {
	for _, c := range hostile() {
		if data, err := Encode(small(c.edit)); err == nil && len(data) < 2000 {
			f.Add(data, int64(2), int64(4), uint8(0))
		}
	}
	for _, lines := range [][]string{
		{"a = MatMul x w", "b = Relu a", "c = Tanh a", "y = Add b c"},
		{"a = Conv x k", "b = MaxPool a", "y = GlobalAveragePool b"},
		{"s = Shape x", "g = Gather s i", "u = Unsqueeze g i", "c = Concat u u", "z = ConstantOfShape c", "y = Expand z c"},
		{"a b = Split x", "n = Neg a", "t = Where c n b", "y = ReduceSum t i"},
		{"r = Range i j i", "e = Equal r r", "n = NonZero e", "y = Cast n"},
		{"l = LayerNormalization x v v", "p = Pad l q", "s = Slice p i j", "y = Softmax s"},
	} {
		m := network(map[string][]int64{"w": {4, 4}, "k": {2, 4, 1}, "v": {4}},
			map[string]*pb.ValueInfoProto{"x": TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: -1}, Dim{Size: -1})}, "y", lines...)
		m.Graph.Initializer = append(m.Graph.Initializer, int64s("i", 0), int64s("j", 3), int64s("q", 0, 1, 0, 1),
			&pb.TensorProto{Name: proto.String("c"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}})
		for _, n := range m.Graph.Node {
			n.Attribute = []*pb.AttributeProto{IntAttribute("axis", 0), IntAttribute("to", 1), IntsAttribute("kernel_shape", 1)}
		}
		data, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, int64(2), int64(4), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, rows, columns int64, pick uint8) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		if _, err := Walk(m); err != nil {
			return
		}
		shapes := map[string][]int64{"x": {rows, columns}}
		if rows == 0 {
			shapes = nil
		}
		g, err := Infer(m, &InferOptions{Inputs: Fixed(shapes), Values: true})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "onnx: ") {
				t.Errorf("error %v", err)
			}
			return
		}
		check(t, g)
		if again, err := Infer(m, &InferOptions{Inputs: Fixed(shapes)}); err != nil || len(again.Nodes) != len(g.Nodes) {
			t.Errorf("the outline is another graph: %v", err)
		}
		for _, o := range g.Outputs {
			cuts, err := Cuts(g, o)
			if err != nil {
				continue
			}
			for _, c := range cuts {
				if c.Parameters < c.Shared || c.Shared < 0 || c.Parameters > Parameters(g, o) {
					t.Errorf("cut %+v", c)
				}
			}
			if len(cuts) == 0 {
				continue
			}
			c := cuts[int(pick)%len(cuts)]
			tail, err := Tail(g, c.Tensor)
			if err != nil {
				t.Fatal(err)
			}
			check(t, tail)
			made := slices.ContainsFunc(m.Graph.Node, func(n *pb.NodeProto) bool { return slices.Contains(n.Output, c.Tensor) })
			part, err := Prune(m, c.Tensor)
			if !made { // inside an If
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for name := range shapes { // of an input that is needed no more
				if !slices.ContainsFunc(part.Graph.Input, func(v *pb.ValueInfoProto) bool { return v.GetName() == name }) {
					delete(shapes, name)
				}
			}
			again, err := Infer(part, &InferOptions{Inputs: Fixed(shapes), Values: true})
			if err != nil {
				t.Fatalf("pruned after %q: %v", c.Tensor, err)
			}
			if !slices.Equal(again.Shapes[c.Tensor], c.Shape) {
				t.Errorf("pruned after %q: shape %v, was %v", c.Tensor, again.Shapes[c.Tensor], c.Shape)
			}
			break
		}
	})
}

// check checks that a graph is as its comments say.
func check(t *testing.T, g *Graph) {
	t.Helper()
	known := map[string]bool{"": true}
	for _, name := range g.Inputs {
		known[name] = true
	}
	for name, c := range g.Constants {
		if known[name] {
			t.Errorf("%q is an input and a constant", name)
		}
		known[name] = true
		n := int(total(c.Dims))
		if have := max(len(c.F32), len(c.I64), len(c.I32), len(c.Bool)); (isFloat(c.Type) || isInteger(c.Type)) && have != n {
			t.Errorf("%q: %d values for %v", name, have, c.Dims)
		}
		if c.Type != g.Types[name] || !slices.Equal(c.Dims, g.Shapes[name]) {
			t.Errorf("%q: %v%v and %v%v", name, c.Type, c.Dims, g.Types[name], g.Shapes[name])
		}
	}
	for _, n := range g.Nodes {
		for _, in := range n.Input {
			if !known[in] {
				t.Errorf("%q is read before it is made", in)
			}
		}
		for _, o := range n.Output {
			if o != "" && known[o] {
				t.Errorf("%q is made twice", o)
			}
			known[o] = true
		}
	}
	for _, o := range g.Outputs {
		if !known[o] {
			t.Errorf("output %q is not made", o)
		}
	}
	for name, dims := range g.Shapes {
		if n, err := elements(dims); err != nil || n < 0 || !known[name] {
			t.Errorf("%q: shape %v: %v", name, dims, err)
		}
	}
}

// Whatever is pruned or appended, the result reads as a model again.
func FuzzSurgery(f *testing.F) {
	add := func(m *pb.ModelProto, tap string) {
		if data, err := Encode(m); err == nil {
			f.Add(data, tap, "y")
		}
	}
	add(small(nil), "y")
	for _, m := range []*pb.ModelProto{bypassed(nil), small(nil)} {
		if data, err := Encode(m); err == nil {
			f.Add(data, "h", "z")
		}
	}
	add(small(func(m *pb.ModelProto) {
		m.Graph.Node = append(m.Graph.Node, Node("Relu", []string{"y"}, []string{"z"}))
		m.Graph.ValueInfo = append(m.Graph.ValueInfo, TensorValue("z", pb.TensorProto_FLOAT, Dim{Size: 2}))
	}), "z")
	f.Add(unknownFields(), "y", "y")
	f.Fuzz(func(t *testing.T, data []byte, tap, read string) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		before := proto.Clone(m)
		part, err := Prune(m, tap)
		if err == nil {
			if n := len(part.Graph.Output); n != 1 || part.Graph.Output[0].GetName() != tap {
				t.Errorf("outputs %v", part.Graph.Output)
			}
			if again, err := Prune(part, tap); err != nil || !proto.Equal(again, part) {
				t.Errorf("pruning again changes the model: %v", err)
			}
		} else {
			part = m
		}
		fused, names, err := Append(part, &pb.GraphProto{
			Node:   []*pb.NodeProto{Node("Neg", []string{read}, []string{tap})},
			Output: []*pb.ValueInfoProto{TensorValue(tap, pb.TensorProto_FLOAT)},
		})
		if err == nil {
			if names[tap] == "" || fused.Graph.Output[len(fused.Graph.Output)-1].GetName() != names[tap] {
				t.Errorf("names %v", names)
			}
			once, err := Encode(fused)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Decode(once); err != nil || !proto.Equal(again, fused) {
				t.Errorf("the model does not survive its file: %v", err)
			}
		}
		if part, err := Detach(m, tap, read); err == nil {
			if n := len(part.Graph.Output); n != 1 || part.Graph.Output[0].GetName() != read || tap != "" && part.Graph.Input[0].GetName() != tap {
				t.Errorf("inputs %v, outputs %v", part.Graph.Input, part.Graph.Output)
			}
			if _, err := Encode(part); err != nil {
				t.Error(err)
			}
		}
		if !proto.Equal(before, m) {
			t.Error("the model itself was changed")
		}
	})
}
