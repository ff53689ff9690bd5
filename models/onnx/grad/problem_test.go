//go:build cgo && !windows

package grad

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

var openLibrary = sync.OnceValues(func() (*runtime.Library, error) {
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.dylib"} {
		path := filepath.Join("..", "..", "..", "lib", name)
		if _, err := os.Stat(path); err == nil {
			return runtime.Open(path)
		}
	}
	where, err := runtime.Find("")
	if err != nil {
		return nil, err
	}
	return runtime.Open(where.Path)
})

// library opens the runtime. Without one a test fails.
func library(t testing.TB) *runtime.Library {
	t.Helper()
	l, err := openLibrary()
	if err != nil {
		t.Fatalf("the tests of this package need ONNX Runtime; run: make runtime\n%v", err)
	}
	return l
}

// problem is a small graph whose gradients are compared with differences.
type problem struct {
	rng   *rand.Rand
	graph *onnx.Graph
	fed   map[string]*array // values of the graph's inputs
	n     int
}

func newProblem(rng *rand.Rand, opset int64) *problem {
	return &problem{rng: rng, fed: map[string]*array{}, graph: &onnx.Graph{
		Opset: opset, Constants: map[string]*onnx.Tensor{},
		Stored: map[string]string{}, Shapes: map[string][]int64{}, Types: map[string]pb.TensorProto_DataType{},
	}}
}

func (p *problem) name(what string) string {
	p.n++
	return fmt.Sprintf("%s%d", what, p.n)
}

// normal, positive and apart make values: apart ones are not near 0.
func (p *problem) normal() float64   { return p.rng.NormFloat64() }
func (p *problem) positive() float64 { return 0.3 + p.rng.Float64() }
func (p *problem) apart() float64 {
	v := 0.3 + p.rng.Float64()
	if p.rng.IntN(2) == 0 {
		return -v
	}
	return v
}

// values returns float32 values.
func (p *problem) values(value func() float64, dims ...int64) []float32 {
	v := make([]float32, product(dims))
	for i := range v {
		v[i] = float32(value())
	}
	return v
}

// constant adds a float32 constant.
func (p *problem) constant(value func() float64, dims ...int64) string {
	name := p.name("c")
	p.graph.Constants[name] = &onnx.Tensor{Type: pb.TensorProto_FLOAT, Dims: dims, F32: p.values(value, dims...)}
	p.graph.Stored[name] = name
	return name
}

func (p *problem) weight(dims ...int64) string { return p.constant(p.normal, dims...) }

// ints adds a constant of integers of rank 1.
func (p *problem) ints(v ...int64) string {
	name := p.name("i")
	p.graph.Constants[name] = &onnx.Tensor{Type: pb.TensorProto_INT64, Dims: []int64{int64(len(v))}, I64: v}
	return name
}

// bools adds a random constant of booleans.
func (p *problem) bools(dims ...int64) string {
	name := p.name("b")
	v := make([]bool, product(dims))
	for i := range v {
		v[i] = p.rng.IntN(2) == 0
	}
	p.graph.Constants[name] = &onnx.Tensor{Type: pb.TensorProto_BOOL, Dims: dims, Bool: v}
	return name
}

func (p *problem) input(elem pb.TensorProto_DataType, value func() float64, dims ...int64) string {
	name := p.name("x")
	p.graph.Inputs = append(p.graph.Inputs, name)
	p.graph.Types[name] = elem
	p.fed[name] = newArray(dims...)
	for i, v := range p.values(value, dims...) {
		p.fed[name].v[i] = float64(v)
	}
	return name
}

// learned adds an input plus a weight of its shape: the weight's gradient is
// that of whatever reads the sum. Of a scalar there is no weight; it is the sum
// of two.
func (p *problem) learned(value func() float64, dims ...int64) string {
	x := p.input(pb.TensorProto_FLOAT, value, dims...)
	if product(dims) == 1 {
		w := p.constant(func() float64 { return p.rng.Float64() / 4 }, append(slices.Clone(dims), 2)...)
		return p.op("Add", x, p.op("ReduceSum", p.op("Add", w, p.zero()), p.ints(int64(len(dims))), onnx.IntAttribute("keepdims", 0)))
	}
	w := p.constant(func() float64 { return p.rng.Float64() / 8 }, dims...)
	return p.op("Add", x, w)
}

func (p *problem) zero() string {
	name := p.name("z")
	p.graph.Constants[name] = &onnx.Tensor{Type: pb.TensorProto_FLOAT, F32: []float32{0}}
	return name
}

// node adds a node: parts are names of inputs, and then attributes.
func (p *problem) node(op string, outputs int, parts ...any) []string {
	var in, out []string
	var attributes []*pb.AttributeProto
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			in = append(in, v)
		case *pb.AttributeProto:
			attributes = append(attributes, v)
		}
	}
	for range outputs {
		out = append(out, p.name("t"))
	}
	p.graph.Nodes = append(p.graph.Nodes, onnx.Node(op, in, out, attributes...))
	return out
}

func (p *problem) op(op string, parts ...any) string { return p.node(op, 1, parts...)[0] }

// state returns the values that the reference starts from.
func (p *problem) state() map[string]*array {
	values := make(map[string]*array)
	for name, x := range p.fed {
		values[name] = x
	}
	for name, c := range p.graph.Constants {
		x := newArray(c.Dims...)
		for i := range x.v {
			switch c.Type {
			case pb.TensorProto_FLOAT:
				x.v[i] = float64(c.F32[i])
			case pb.TensorProto_INT64:
				x.v[i] = float64(c.I64[i])
			case pb.TensorProto_BOOL:
				x.v[i] = bit(c.Bool[i])
			}
		}
		values[name] = x
	}
	return values
}

// finish makes y the features and fills in shapes and types.
func (p *problem) finish(t testing.TB, y string) {
	t.Helper()
	values := p.state()
	if err := interpret(p.graph.Opset, p.graph.Nodes, values); err != nil {
		t.Fatal(err)
	}
	dims := values[y].dims
	switch {
	case len(dims) > 2:
		y = p.op("Reshape", y, p.ints(dims[0], product(dims[1:])))
	case len(dims) < 2:
		y = p.op("Reshape", y, p.ints(1, product(dims)))
	}
	p.graph.Outputs = []string{y}
	values = p.state()
	if err := interpret(p.graph.Opset, p.graph.Nodes, values); err != nil {
		t.Fatal(err)
	}
	for name, x := range values {
		p.graph.Shapes[name] = x.dims
		if _, ok := p.graph.Types[name]; !ok {
			p.graph.Types[name] = pb.TensorProto_FLOAT
		}
	}
	for name, c := range p.graph.Constants {
		p.graph.Types[name] = c.Type
	}
	for _, n := range p.graph.Nodes {
		switch n.GetOpType() {
		case "Equal", "Less", "Greater", "And", "Not", "IsNaN":
			p.graph.Types[n.GetOutput()[0]] = pb.TensorProto_BOOL
		case "Cast":
			v := &node{NodeProto: n}
			p.graph.Types[n.GetOutput()[0]] = pb.TensorProto_DataType(v.int("to", 1))
		}
	}
}

// step is one run of a program.
type step struct {
	loss   float64
	logits []float32
	dW     map[string][]float32
}

// run runs a program's Step on values by name, on one thread.
func run(t testing.TB, p *Program, values map[string]*array) *step {
	t.Helper()
	return runOn(t, p, values, 1)
}

func runOn(t testing.TB, p *Program, values map[string]*array, threads int) *step {
	t.Helper()
	data, err := onnx.Encode(p.Step)
	if err != nil {
		t.Fatal(err)
	}
	s, err := library(t).NewSession(data, &runtime.Options{Inputs: p.InputNames(), Outputs: p.OutputNames(), Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var in, out []tensor.View
	for _, x := range p.Inputs {
		in = append(in, view(t, x, values))
	}
	in = append(in, view(t, p.Target, values))
	r := &step{logits: make([]float32, product(p.Target.Dims)), dW: map[string][]float32{}}
	loss := make([]float32, 1)
	out = append(out, tensor.View{Shape: []int64{1}, F32: loss}, tensor.View{Shape: p.Target.Dims, F32: r.logits})
	for _, w := range p.Weights {
		in = append(in, view(t, Input{w.Name, pb.TensorProto_FLOAT, w.Dims}, values))
		r.dW[w.Name] = make([]float32, product(w.Dims))
		out = append(out, tensor.View{Shape: w.Dims, F32: r.dW[w.Name]})
	}
	if err := s.Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	r.loss = float64(loss[0])
	return r
}

// begin puts random values of the target and of the head among values.
func (p *Program) begin(rng *rand.Rand, values map[string]*array) {
	head := p.Weights[len(p.Weights)-2:]
	w, b, target := newArray(head[0].Dims...), newArray(head[1].Dims...), newArray(p.Target.Dims...)
	for i := range w.v {
		w.v[i] = float64(float32(rng.NormFloat64() / math.Sqrt(float64(head[0].Dims[1]))))
	}
	for i := range b.v {
		b.v[i] = float64(float32(rng.NormFloat64() / 4))
	}
	for i := range target.v {
		target.v[i] = float64(float32(rng.Float64() / float64(target.dims[0])))
	}
	values[head[0].Name], values[head[1].Name], values[p.Target.Name] = w, b, target
}

// lossOf computes features and loss in float64.
func (p *problem) lossOf(t testing.TB, program *Program, start map[string]*array) float64 {
	t.Helper()
	values := make(map[string]*array, len(start))
	for name, x := range start {
		values[name] = x
	}
	if err := interpret(p.graph.Opset, p.graph.Nodes, values); err != nil {
		t.Fatal(err)
	}
	k := len(program.Weights)
	f, w, b := values[p.graph.Outputs[0]], values[program.Weights[k-2].Name], values[program.Weights[k-1].Name]
	logits := combined(func(v ...float64) float64 { return v[0] + v[1] }, multiplied(f, permuted(w, 1, 0)), b)
	target := values[program.Target.Name]
	loss, K := 0.0, int(logits.dims[1])
	for i := 0; i < len(logits.v); i += K {
		sum := 0.0
		for _, z := range logits.v[i : i+K] {
			sum += math.Exp(z)
		}
		for k, z := range logits.v[i : i+K] {
			loss -= target.v[i+k] * (z - math.Log(sum))
		}
	}
	return loss
}

// check builds the gradients of a problem whose last tensor is y, runs them and
// compares each with central differences in float64. It returns the largest
// difference of a weight's gradient, relative to the largest of that gradient;
// of a gradient that is nearly 0 (a bias in front of a softmax), relative to
// the largest of all.
func (p *problem) check(t testing.TB, y string) float64 {
	t.Helper()
	p.finish(t, y)
	program, err := Build(p.graph, &Options{Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	values := p.state()
	program.begin(p.rng, values)
	got := run(t, program, values)
	want := p.lossOf(t, program, values)
	if d := math.Abs(got.loss - want); !(d <= 1e-5*max(math.Abs(want), 1)) {
		t.Errorf("the loss is %v, the reference's %v", got.loss, want)
	}

	const h = 1e-6
	type pair struct{ got, want float64 }
	pairs := make(map[string][]pair)
	largest := 0.0
	for _, w := range program.Weights {
		x := values[w.Name]
		places := p.rng.Perm(len(x.v))
		for _, i := range places[:min(len(places), 40)] {
			moved := &array{x.dims, slices.Clone(x.v)}
			values[w.Name] = moved
			moved.v[i] = x.v[i] + h
			up := p.lossOf(t, program, values)
			moved.v[i] = x.v[i] - h
			down := p.lossOf(t, program, values)
			d := pair{float64(got.dW[w.Name][i]), (up - down) / (2 * h)}
			pairs[w.Name] = append(pairs[w.Name], d)
			largest = max(largest, math.Abs(d.want))
		}
		values[w.Name] = x
	}
	worst := 0.0
	for name, all := range pairs {
		off, size := 0.0, 1e-3*largest
		for _, d := range all {
			if math.IsNaN(d.got) {
				t.Fatalf("the gradient of %s is not a number", name)
			}
			off, size = max(off, math.Abs(d.got-d.want)), max(size, math.Abs(d.want))
		}
		worst = max(worst, off/size)
	}
	return worst
}

// execute runs a model with one output.
func execute(t testing.TB, m *pb.ModelProto, inputs []Input, out string, dims []int64, values map[string]*array) *array {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var in []tensor.View
	for _, x := range inputs {
		names = append(names, x.Name)
		in = append(in, view(t, x, values))
	}
	s, err := library(t).NewSession(data, &runtime.Options{Inputs: names, Outputs: []string{out}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	y := tensor.View{Shape: dims, F32: make([]float32, product(dims))}
	if err := s.Run(context.Background(), in, []tensor.View{y}); err != nil {
		t.Fatal(err)
	}
	a := newArray(dims...)
	for i, v := range y.F32 {
		a.v[i] = float64(v)
	}
	return a
}

// view returns what the runtime is fed for an input.
func view(t testing.TB, in Input, values map[string]*array) tensor.View {
	t.Helper()
	x := values[in.Name]
	if x == nil || !slices.Equal(x.dims, in.Dims) {
		t.Fatalf("input %s has shape %v, not %v", in.Name, in.Dims, x)
	}
	f := tensor.View{Shape: in.Dims}
	if in.Type == pb.TensorProto_INT64 {
		f.I64 = ints(x)
		return f
	}
	f.F32 = make([]float32, len(x.v))
	for i, v := range x.v {
		f.F32[i] = float32(v)
	}
	return f
}

// session loads the program's step and makes what it is run on: its inputs,
// and memory for the loss, the logits and the gradients, of which each page is
// there already.
func (p *Program) session(t testing.TB) (s *runtime.Session, in, out []tensor.View) {
	t.Helper()
	data, err := onnx.Encode(p.Step)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = library(t).NewSession(data, &runtime.Options{Inputs: p.InputNames(), Outputs: p.OutputNames()}); err != nil {
		t.Fatal(err)
	}
	values := p.feed()
	for _, x := range append(append([]Input{}, p.Inputs...), p.Target) {
		in = append(in, view(t, x, values))
	}
	out = []tensor.View{{Shape: []int64{1}, F32: make([]float32, 1)}, {Shape: p.Target.Dims, F32: make([]float32, product(p.Target.Dims))}}
	for _, w := range p.Weights {
		x := view(t, Input{w.Name, pb.TensorProto_FLOAT, w.Shape}, values)
		packed := make([]float32, product(w.Dims))
		w.Pack(packed, x.F32)
		in = append(in, tensor.View{Shape: w.Dims, F32: packed})
		out = append(out, tensor.View{Shape: w.Dims, F32: slices.Repeat([]float32{1}, len(packed))})
	}
	return s, in, out
}
