//go:build cgo && !windows

package grad

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

func count(m *pb.ModelProto, op string) int {
	n := 0
	for _, p := range m.GetGraph().GetNode() {
		if p.GetOpType() == op {
			n++
		}
	}
	return n
}

// TestFrozenLayersAreNotComputed checks "the frozen layers' gradients need not
// be computed": nothing of what lies before the cut is in the graphs, and a
// frozen weight behind it has no gradient.
func TestFrozenLayersAreNotComputed(t *testing.T) {
	g, o := backbone(t, "efficientnet-lite0", 2, 224)
	o.Cut = "Add_8" // the last of 16 blocks: 4 of 49 convolutions lie behind it
	p, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(g.Nodes, func(n *pb.NodeProto) bool { return slices.Contains(n.GetOutput(), o.Cut) })
	before := map[string]bool{}
	for _, n := range g.Nodes[:i+1] {
		for _, name := range slices.Concat(n.GetInput(), n.GetOutput()) {
			before[name] = true
		}
	}
	for _, bound := range []string{"Constant_0", "Constant_1"} { // of ReLU6, on both sides
		delete(before, bound)
	}
	delete(before, o.Cut)
	for _, m := range []*pb.ModelProto{p.Step, p.Forward} {
		for _, n := range m.GetGraph().GetNode() {
			for _, name := range slices.Concat(n.GetInput(), n.GetOutput()) {
				if before[name] {
					t.Errorf("%s: node %s has %s, which lies before the cut", m.GetGraph().GetName(), title(n), name)
				}
			}
		}
		for _, x := range m.GetGraph().GetInitializer() {
			if before[x.GetName()] {
				t.Errorf("%s has %s, which lies before the cut", m.GetGraph().GetName(), x.GetName())
			}
		}
	}
	if n := count(p.Forward, "Conv"); n != 4 {
		t.Errorf("the forward pass has %d convolutions, not 4", n)
	}
	if len(p.Weights) != 4*2+2 {
		t.Errorf("%d weights, not filter and bias of 4 convolutions, and the head's two", len(p.Weights))
	}
	// One convolution gives the depthwise filter's gradient, three give dX: the
	// first one's input is the cut, which needs none. 1×1 filters' are
	// products.
	if n := count(p.Step, "Conv") - count(p.Forward, "Conv"); n != 4 {
		t.Errorf("the gradients have %d convolutions, not 4", n)
	}

	// The whole backbone has the same nodes behind the cut, and more before it.
	o.Cut = ""
	whole, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(whole.Step.GetGraph().GetNode()); n < 9*len(p.Step.GetGraph().GetNode()) {
		t.Errorf("all %d nodes, behind the cut %d", n, len(p.Step.GetGraph().GetNode()))
	}

	// All but the last convolution frozen, from the pixels on: only the forward
	// pass is longer than with a cut there.
	last := whole.Weights[len(whole.Weights)-4:]
	o.Train = func(w string) bool { return w == last[0].Name || w == last[1].Name }
	some, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(some.Weights) != 4 {
		t.Errorf("%d weights, not 4", len(some.Weights))
	}
	if f, s := count(some.Forward, "Conv"), count(some.Step, "Conv"); f != 49 || s != 49 {
		t.Errorf("%d convolutions forwards, %d with gradients: of 48 frozen ones there should be none", f, s)
	}
	if n := count(some.Step, "ReduceSum") - count(some.Forward, "ReduceSum"); n > 4 {
		t.Errorf("%d sums in the gradients of two weights and a head", n)
	}
}

// headOf returns the values of the head and of the target.
func headOf(p *Program, values map[string]*array) map[string]*array {
	out := map[string]*array{p.Target.Name: values[p.Target.Name]}
	for _, w := range p.Weights[len(p.Weights)-2:] {
		out[w.Name] = values[w.Name]
	}
	return out
}

// TestHeadOnFeaturesHasTheSameGradientsAsInTheWholeNetwork checks "there is no
// difference in how gradients are computed": a head on features that were
// computed before has the gradients that it has on top of all layers.
func TestHeadOnFeaturesHasTheSameGradientsAsInTheWholeNetwork(t *testing.T) {
	for _, c := range []struct {
		name string
		size int64
	}{{"efficientnet-lite0", 96}, {"all-minilm-l6-v2", 12}} {
		t.Run(c.name, func(t *testing.T) {
			const n = 4
			g, o := backbone(t, c.name, n, c.size)
			whole, err := Build(g, o)
			if err != nil {
				t.Fatal(err)
			}
			values := whole.feed()
			want := run(t, whole, values)

			// What a cache would hold: the features, computed once.
			features := o.Features
			if features == "" {
				features = g.Outputs[0]
			}
			o.Cut = features
			tail, err := Build(g, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(tail.Weights) != 2 {
				t.Fatalf("behind the features are %d weights", len(tail.Weights))
			}
			cached := headOf(whole, values)
			for _, in := range tail.Inputs {
				cached[in.Name] = values[in.Name]
			}
			cached[features] = output(t, g, features, values)
			got := run(t, tail, cached)
			for _, w := range tail.Weights {
				a, b := got.dW[w.Name], want.dW[w.Name]
				off, size := 0.0, 0.0
				for i := range a {
					off, size = max(off, math.Abs(float64(a[i]-b[i]))), max(size, math.Abs(float64(b[i])))
				}
				if !(off <= 1e-5*size) || size == 0 {
					t.Errorf("%s: off by %.1e of %.1e", w.Name, off, size)
				}
				t.Logf("%s: off by %.1e of %.1e", w.Name, off, size)
			}
		})
	}
}

// output computes a tensor of a graph by the runtime.
func output(t testing.TB, g *onnx.Graph, name string, values map[string]*array) *array {
	t.Helper()
	b := newBuilder(g)
	tl := newTail(g, "", name)
	for _, n := range tl.nodes {
		if err := b.forward(n); err != nil {
			t.Fatal(err)
		}
	}
	p := &Program{}
	p.inputs(g, tl, &Options{})
	p.Target = p.Inputs[len(p.Inputs)-1] // model wants one; the last input serves
	p.Inputs = p.Inputs[:len(p.Inputs)-1]
	return execute(t, b.model("output", p, []string{name}), append(p.Inputs, p.Target), name, g.Shapes[name], values)
}

// TestRowsOfTheTargetAreWeights checks what the package says of targets:
// rows of zeros are samples that do not count, and a row's size is a weight.
func TestRowsOfTheTargetAreWeights(t *testing.T) {
	p := newProblem(rand.New(rand.NewPCG(1, 2)), 17)
	x := p.input(pb.TensorProto_FLOAT, p.normal, 4, 5)
	p.finish(t, p.op("MatMul", x, p.weight(5, 3)))
	program, err := Build(p.graph, &Options{Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	values := p.state()
	program.begin(p.rng, values)
	target := values[program.Target.Name]
	for k := range 3 {
		target.v[2*3+k], target.v[3*3+k] = 0, 0 // padding
		target.v[3+k] = 2 * target.v[k]
	}
	full := run(t, program, values)
	for k := range 5 { // what stands in padded rows does not matter
		values[x].v[2*5+k] = 9
		values[x].v[3*5+k] = -9
		values[x].v[5+k] = values[x].v[k]
	}
	same := run(t, program, values)
	for k := range 3 {
		target.v[k], target.v[3+k] = 3*target.v[k], 0
	}
	once := run(t, program, values)
	for _, w := range program.Weights {
		for i, v := range once.dW[w.Name] {
			if d := math.Abs(float64(v - same.dW[w.Name][i])); d > 1e-6 {
				t.Fatalf("%s: a sample of weight 3 and two samples of weights 1 and 2 differ by %v", w.Name, d)
			}
		}
	}
	if full.loss == same.loss {
		t.Error("the loss does not depend on a sample that counts")
	}
}

func TestErrorsNameNodeAndNextCut(t *testing.T) {
	build := func(op string, parts ...any) (*problem, error) {
		p := newProblem(rand.New(rand.NewPCG(1, 2)), 17)
		x := p.op("MatMul", p.input(pb.TensorProto_FLOAT, p.normal, 2, 3, 4), p.weight(4, 4))
		y := p.op("Relu", x)
		p.graph.Nodes = append(p.graph.Nodes, onnx.Node(op, []string{y}, []string{"odd"}))
		for _, part := range parts {
			n := p.graph.Nodes[len(p.graph.Nodes)-1]
			switch v := part.(type) {
			case string:
				n.Input = append(n.Input, v)
			case *pb.AttributeProto:
				n.Attribute = append(n.Attribute, v)
			}
		}
		p.graph.Constants["training"] = &onnx.Tensor{Type: pb.TensorProto_BOOL, Bool: []bool{true}}
		a, b := p.op("Exp", "odd"), p.op("Neg", "odd")
		end := p.op("Add", p.op("Mul", p.op("Add", a, b), p.weight(4)), p.weight(4))
		flat := p.op("Reshape", end, p.ints(2, 12))
		p.graph.Outputs = []string{flat}
		for _, n := range p.graph.Nodes {
			p.graph.Shapes[n.GetOutput()[0]] = []int64{2, 3, 4}
			p.graph.Types[n.GetOutput()[0]] = pb.TensorProto_FLOAT
		}
		p.graph.Shapes[flat] = []int64{2, 12}
		for name, c := range p.graph.Constants {
			p.graph.Shapes[name], p.graph.Types[name] = c.Dims, c.Type
		}
		for name, x := range p.fed {
			p.graph.Shapes[name] = x.dims
		}
		_, err := Build(p.graph, &Options{Classes: 2})
		return p, err
	}
	for _, c := range []struct {
		op     string
		parts  []any
		reason string
	}{
		{"LSTM", nil, "no gradient for operator LSTM"},
		{"Einsum", []any{stringAttribute("equation", "iij->i")}, `equation "iij->i": i stands twice in one term`},
		{"Einsum", nil, `equation ""`},
		{"Einsum", []any{stringAttribute("equation", "nij,nij->nij")}, "2 terms for 1 inputs"},
		{"Gelu", []any{stringAttribute("approximate", "guess")}, `approximate is "guess"`},
		{"Dropout", []any{"", "training"}, "training mode"},
	} {
		p, err := build(c.op, c.parts...)
		var u *UnsupportedError
		if !errors.As(err, &u) || !errors.Is(err, ErrUnsupported) {
			t.Fatalf("%s: error %v", c.op, err)
		}
		if u.Node != c.op+":odd" || u.Operator != c.op || u.Cut != "odd" || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.op, err)
		}
		if !strings.Contains(err.Error(), `cut at "odd" or later`) {
			t.Errorf("%s: the message does not say where to cut: %v", c.op, err)
		}
		// What the message says works.
		if _, err := Build(p.graph, &Options{Classes: 2, Cut: u.Cut}); err != nil {
			t.Errorf("%s: at the cut that was named: %v", c.op, err)
		}
	}
}

func TestCutsThatAreNone(t *testing.T) {
	g, o := backbone(t, "efficientnet-lite0", 1, 32)
	for _, c := range []struct{ cut, reason, nearest string }{
		{"Conv_44", "not everything flows through it", "Add_8"}, // beside a skip connection
		{"Clip_29", "not everything flows through it", "Add_8"},
	} {
		o.Cut = c.cut
		_, err := Build(g, o)
		var e *CutError
		if !errors.As(err, &e) || !errors.Is(err, ErrCut) || e.Nearest != c.nearest || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.cut, err)
		}
	}
	o.Cut, o.Features = "features", "Add_8"
	o.Pooling = "gap"
	var e *CutError
	if _, err := Build(g, o); !errors.As(err, &e) || !strings.Contains(err.Error(), "do not depend") {
		t.Errorf("a cut behind the features: %v", err)
	}
	for _, o := range []*Options{
		{Classes: 0}, {Classes: 2, Cut: "none"}, {Classes: 2, Features: "none"},
		{Classes: 2, Features: "Add_8"}, {Classes: 2, Pooling: "best"}, {Classes: 2, Pooling: "mean"},
	} {
		if _, err := Build(g, o); err == nil || !strings.HasPrefix(err.Error(), "grad: ") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestSharedWeights trains two layers with one weight. Behind both uses its
// gradient is the sum of those that two weights of the same values have, by
// whichever name it is read. Between them it is that of the second alone: what
// is before the cut keeps its own.
func TestSharedWeights(t *testing.T) {
	// gradients are those of the weights of two layers, the second of which
	// reads the weight of the first if they are tied.
	gradients := func(tied, cutBetween bool) map[string][]float32 {
		p := newProblem(rand.New(rand.NewPCG(3, 4)), 17)
		first, second := p.weight(4, 4), p.weight(4, 4)
		p.graph.Constants[second].F32 = p.graph.Constants[first].F32
		if tied {
			p.graph.Stored[second] = first
		}
		cut := p.op("Tanh", p.op("MatMul", p.input(pb.TensorProto_FLOAT, p.normal, 2, 4), first))
		p.finish(t, p.op("MatMul", cut, second))
		o := &Options{Classes: 2}
		if cutBetween {
			o.Cut = cut
		}
		program, err := Build(p.graph, o)
		if err != nil {
			t.Fatal(err)
		}
		values := p.state()
		program.begin(p.rng, values)
		if err := interpret(p.graph.Opset, p.graph.Nodes, values); err != nil {
			t.Fatal(err)
		}
		got := run(t, program, values)
		all := map[string][]float32{}
		for i, w := range program.Weights[:len(program.Weights)-2] {
			name := []string{"first", "second"}[i]
			if cutBetween {
				name = "second"
			}
			all[name] = got.dW[w.Name]
		}
		return all
	}
	apart, tied, cut := gradients(false, false), gradients(true, false), gradients(true, true)
	if len(apart) != 2 || len(tied) != 1 || len(cut) != 1 {
		t.Fatalf("%d, %d and %d weights", len(apart), len(tied), len(cut))
	}
	for i, v := range tied["first"] {
		sum := apart["first"][i] + apart["second"][i]
		if d := v - sum; !(max(d, -d) <= 1e-6) || sum == apart["first"][i] {
			t.Errorf("element %d of both uses is %v, the sum %v", i, v, sum)
		}
		if d := cut["second"][i] - apart["second"][i]; !(max(d, -d) <= 1e-6) {
			t.Errorf("element %d behind the cut is %v, of a weight of its own %v", i, cut["second"][i], apart["second"][i])
		}
	}
}

// TestWhatIsNoWeight checks what is not trained: masks, single numbers, and
// what is not stored in the file.
func TestWhatIsNoWeight(t *testing.T) {
	p := newProblem(rand.New(rand.NewPCG(5, 6)), 17)
	x := p.input(pb.TensorProto_FLOAT, p.normal, 2, 4)
	w := p.weight(4, 4)
	computed := p.weight(4)
	delete(p.graph.Stored, computed)
	mask := p.constant(func() float64 { return -1e4 }, 4)
	y := p.op("Add", p.op("Mul", p.op("MatMul", x, w), computed), mask)
	y = p.op("Concat", p.op("Softmax", y, onnx.IntAttribute("axis", -1)), p.constant(func() float64 { return 0 }, 2, 3), onnx.IntAttribute("axis", 1))
	p.finish(t, p.op("Mul", y, p.zero()))
	program, err := Build(p.graph, &Options{Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(program.Weights) != 3 || program.Weights[0].Name != w {
		t.Errorf("inputs %v, want %s as the only weight of the backbone", program.InputNames(), w)
	}
}

// TestLeaves checks the order that keeps a step's memory low: gradients in the
// order of the weights, the head's last, each from a node that the runtime does
// not fuse with another.
func TestLeaves(t *testing.T) {
	g, o := backbone(t, "all-minilm-l6-v2", 2, 8)
	p, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	nodes, made := p.Step.GetGraph().GetNode(), map[string]int{}
	for i, n := range nodes {
		for _, out := range n.GetOutput() {
			made[out] = i
		}
	}
	before := 0
	out := p.Step.GetGraph().GetOutput()
	for i, w := range p.Weights {
		if out[2+i].GetName() != w.Gradient {
			t.Fatalf("output %d is %s, not %s", 2+i, out[2+i].GetName(), w.Gradient)
		}
		if made[w.Gradient] < before {
			t.Errorf("%s is made before the gradient of an earlier weight", w.Gradient)
		}
		before = made[w.Gradient]
		n := nodes[before]
		if op := n.GetOpType(); op != "Reshape" {
			if !slices.Contains(lasting, op) {
				t.Errorf("%s comes from %s", w.Gradient, op)
			}
			continue
		}
		if m, ok := made[n.GetInput()[0]]; ok && slices.Contains([]string{"Reshape", "Transpose"}, nodes[m].GetOpType()) {
			t.Errorf("%s comes from a Reshape of a %s", w.Gradient, nodes[m].GetOpType())
		}
	}
	if last := p.Weights[len(p.Weights)-1]; last.Name != "head.bias" || last.Values != nil {
		t.Errorf("the last weight is %s", last.Name)
	}
	for _, m := range []*pb.ModelProto{p.Step, p.Forward} {
		if _, err := onnx.Walk(m); err != nil {
			t.Error(err)
		}
	}
	for _, n := range p.Forward.GetGraph().GetNode() {
		if n.GetOpType() == "LayerNormalization" && len(n.GetOutput()) != 1 {
			t.Errorf("the forward pass computes %v", n.GetOutput())
		}
	}
}

// TestEveryCutCanBeRetrained builds the gradients behind each cut that package
// onnx offers, and of all layers.
func TestEveryCutCanBeRetrained(t *testing.T) {
	for _, c := range []struct {
		name string
		size int64
		cuts int
	}{{"efficientnet-lite0", 32, 46}, {"all-minilm-l6-v2", 8, 26}, {"convnext", 32, 22}, {"vit", 32, 16}, {"distilbert", 8, 14}, {"resnet", 32, 21}} {
		name := c.name
		g, o := backbone(t, name, 1, c.size)
		features := o.Features
		if features == "" {
			features = g.Outputs[0]
		}
		cuts, err := onnx.Cuts(g, features)
		if err != nil {
			t.Fatal(err)
		}
		if len(cuts) != c.cuts {
			t.Errorf("%s has %d cuts, not %d", name, len(cuts), c.cuts)
		}
		whole, err := Build(g, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all := int64(0)
		for _, w := range whole.Weights[:len(whole.Weights)-2] {
			all += product(w.Dims)
		}
		if n := onnx.Parameters(g, features); all != n {
			t.Errorf("%s: %d parameters, not %d", name, all, n)
		}
		for _, c := range cuts {
			o.Cut = c.Tensor
			p, err := Build(g, o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			n := int64(0)
			for _, w := range p.Weights[:len(p.Weights)-2] {
				n += product(w.Dims)
			}
			if n != c.Parameters {
				t.Errorf("%s, cut %s: %d parameters, not %d", name, c.Tensor, n, c.Parameters)
			}
			var names []string
			for _, in := range p.Inputs {
				names = append(names, in.Name)
			}
			// The mean over tokens needs the mask, even where the tail does
			// not.
			want := append([]string{c.Tensor}, c.Side...)
			if o.Mask != "" && !slices.Contains(want, o.Mask) {
				want = append(want, o.Mask)
			}
			if !slices.Equal(names, want) {
				t.Errorf("%s, cut %s: inputs %v, not %v", name, c.Tensor, names, want)
			}
		}
	}
}

// TestRepeatedRowsAddUp checks that no addition is lost where many samples take
// the same rows of a table, on several threads.
func TestRepeatedRowsAddUp(t *testing.T) {
	p := newProblem(rand.New(rand.NewPCG(7, 8)), 17)
	ids := p.input(pb.TensorProto_INT64, func() float64 { return float64(p.between(0, 4)) }, 4000)
	p.finish(t, p.op("Gather", p.weight(5, 64), ids))
	program, err := Build(p.graph, &Options{Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	values := p.state()
	program.begin(p.rng, values)
	want := runOn(t, program, values, 1)
	for range 5 {
		got := runOn(t, program, values, 4)
		for _, w := range program.Weights {
			for i, v := range want.dW[w.Name] {
				if d := math.Abs(float64(got.dW[w.Name][i] - v)); !(d <= 1e-5) {
					t.Fatalf("%s: element %d is off by %v", w.Name, i, d)
				}
			}
		}
	}
}

// TestPooling compares what Options make of features with the same in nodes of
// the graph.
func TestPooling(t *testing.T) {
	token := []int64{3, 4, 5}
	for _, c := range []struct {
		options Options
		dims    []int64 // of the features
		nodes   func(p *problem, x, mask string) string
	}{
		{Options{Pooling: "cls"}, token, func(p *problem, x, _ string) string {
			return p.op("Squeeze", p.op("Slice", x, p.ints(0), p.ints(1), p.ints(1)), p.ints(1))
		}},
		{Options{Pooling: "mean"}, token, func(p *problem, x, mask string) string {
			m := p.op("Unsqueeze", p.op("Cast", mask, intA("to", 1)), p.ints(-1))
			sum := p.op("ReduceSum", p.op("Mul", x, m), p.ints(1), intA("keepdims", 0))
			return p.op("Div", sum, p.op("ReduceSum", m, p.ints(1), intA("keepdims", 0)))
		}},
		{Options{Pooling: "gap"}, []int64{3, 5, 2, 4}, func(p *problem, x, _ string) string {
			return p.op("Flatten", p.op("GlobalAveragePool", x))
		}},
		{Options{Normalize: true}, []int64{3, 5}, func(p *problem, x, _ string) string {
			return p.op("Div", x, p.op("ReduceL2", x, intsA("axes", 1)))
		}},
	} {
		p := newProblem(rand.New(rand.NewPCG(9, 10)), 17)
		x := p.learned(p.normal, c.dims...)
		mask := p.input(pb.TensorProto_INT64, func() float64 { return 1 }, 3, 4)
		p.fed[mask].v[3], p.fed[mask].v[6], p.fed[mask].v[7] = 0, 0, 0
		p.finish(t, c.nodes(p, x, mask))

		o := c.options
		o.Classes, o.Features, o.Mask = 3, x, mask
		values := p.state()
		program, err := Build(p.graph, &o)
		if err != nil {
			t.Fatal(err)
		}
		program.begin(p.rng, values)
		got := run(t, program, values)
		spelled, err := Build(p.graph, &Options{Classes: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := run(t, spelled, values)
		if d := math.Abs(got.loss - want.loss); d > 1e-6 {
			t.Errorf("%+v: the loss is off by %v", c.options, d)
		}
		for name, dW := range want.dW {
			for i, v := range dW {
				if d := math.Abs(float64(got.dW[name][i] - v)); !(d < 1e-6) {
					t.Fatalf("%+v: %s: off by %v", c.options, name, d)
				}
			}
		}
	}
}
