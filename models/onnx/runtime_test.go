//go:build cgo && !windows

package onnx_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

func library(t testing.TB) *runtime.Library {
	t.Helper()
	path, err := filepath.Abs("../../lib/libonnxruntime.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		where, err := runtime.Find("")
		if err != nil {
			t.Fatalf("the tests of this package need ONNX Runtime; run: make runtime\n%v", err)
		}
		path = where.Path
	}
	l, err := runtime.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func decode(t testing.TB, path string) *pb.ModelProto {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run runs a model on tensors by name and returns the outputs, float32 or
// int64, of the given shapes.
func run(t testing.TB, l *runtime.Library, m *pb.ModelProto, in map[string]tensor.View, outputs []string, out []tensor.View) error {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		return err
	}
	o := &runtime.Options{Outputs: outputs}
	var tensors []tensor.View
	for name, x := range in {
		o.Inputs, tensors = append(o.Inputs, name), append(tensors, x)
	}
	s, err := l.NewSession(data, o)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Run(context.Background(), tensors, out)
}

// feed makes a tensor: floats around 0, or integers that are indices into
// anything with at least two rows.
func feed(elem pb.TensorProto_DataType, shape []int64) tensor.View {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	x := tensor.View{Shape: shape}
	switch elem {
	case pb.TensorProto_INT64:
		x.I64 = make([]int64, n)
		for i := range x.I64 {
			x.I64[i] = int64(r.IntN(2))
		}
	case pb.TensorProto_INT32:
		x.I32 = make([]int32, n)
		for i := range x.I32 {
			x.I32[i] = int32(r.IntN(2))
		}
	default:
		x.F32 = make([]float32, n)
		for i := range x.F32 {
			x.F32[i] = r.Float32()*2 - 1
		}
	}
	return x
}

// agree checks what Infer says of every tensor of a model against the runtime:
// each is declared as an output of the type that Infer found, which the runtime
// refuses if it is another, and its shape and, of what was evaluated, its
// values are outputs.
func agree(t *testing.T, l *runtime.Library, m *pb.ModelProto, shapes map[string][]int64) (tensors, constants int) {
	t.Helper()
	m = proto.Clone(m).(*pb.ModelProto)
	// Every tensor is an output, so that Infer drops none.
	var names []string
	for _, n := range m.Graph.Node {
		for _, o := range n.Output {
			if o != "" {
				names = append(names, o)
			}
		}
	}
	declared := m.Graph.Output
	m.Graph.Output = nil
	for _, name := range names {
		m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String(name)})
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	m.Graph.Output = nil
	in := map[string]tensor.View{}
	for _, name := range g.Inputs {
		in[name] = feed(g.Types[name], g.Shapes[name])
	}
	type check struct {
		name, output string
		constant     bool
	}
	var checks []check
	var outputs []string
	var out []tensor.View
	add := func(node ...*pb.NodeProto) { m.Graph.Node = append(m.Graph.Node, node...) }
	m.Graph.Initializer = append(m.Graph.Initializer,
		&pb.TensorProto{Name: proto.String("check:seven"), Dims: []int64{1}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: []int64{7}},
		&pb.TensorProto{Name: proto.String("check:flat"), Dims: []int64{1}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: []int64{-1}})
	for i, name := range names {
		if v := slices.IndexFunc(declared, func(v *pb.ValueInfoProto) bool { return v.GetName() == name }); v < 0 {
			m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String(name), Type: &pb.TypeProto{
				Value: &pb.TypeProto_TensorType{TensorType: &pb.TypeProto_Tensor{ElemType: proto.Int32(int32(g.Types[name]))}}}})
		} else {
			m.Graph.Output = append(m.Graph.Output, declared[v])
		}
		// A shape of no dimensions would be a tensor of no elements, so a 7 is
		// put behind each.
		o := fmt.Sprintf("check:shape%d", i)
		add(onnx.Node("Shape", []string{name}, []string{o + "x"}), onnx.Node("Concat", []string{o + "x", "check:seven"}, []string{o}, onnx.IntAttribute("axis", 0)))
		rank := int64(len(g.Shapes[name])) + 1
		m.Graph.Output = append(m.Graph.Output, onnx.TensorValue(o, pb.TensorProto_INT64, onnx.Dim{Size: -1}))
		checks, outputs, out = append(checks, check{name, o, false}), append(outputs, o), append(out, tensor.View{Shape: []int64{rank}, I64: make([]int64, rank)})
		c := g.Constants[name]
		n := int64(1)
		for _, d := range g.Shapes[name] {
			n *= d
		}
		if c == nil || n == 0 {
			continue
		}
		o = fmt.Sprintf("check:value%d", i)
		to, x := pb.TensorProto_INT64, tensor.View{Shape: []int64{n}}
		if c.F32 != nil {
			to, x.F32 = pb.TensorProto_FLOAT, make([]float32, n)
		} else {
			x.I64 = make([]int64, n)
		}
		add(onnx.Node("Cast", []string{name}, []string{o + "x"}, onnx.IntAttribute("to", int64(to))), onnx.Node("Reshape", []string{o + "x", "check:flat"}, []string{o}))
		m.Graph.Output = append(m.Graph.Output, onnx.TensorValue(o, to, onnx.Dim{Size: -1}))
		checks, outputs, out = append(checks, check{name, o, true}), append(outputs, o), append(out, x)
	}
	if err := run(t, l, m, in, outputs, out); err != nil {
		t.Fatal(err)
	}
	for i, c := range checks {
		want := out[i]
		if !c.constant {
			tensors++
			if have := append(slices.Clone(g.Shapes[c.name]), 7); !slices.Equal(have, want.I64) {
				t.Errorf("%s: shape %v, the runtime has %v", c.name, have[:len(have)-1], want.I64[:len(want.I64)-1])
			}
			continue
		}
		constants++
		have := g.Constants[c.name]
		for k := range want.I64 {
			var v int64
			switch {
			case have.I64 != nil:
				v = have.I64[k]
			case have.I32 != nil:
				v = int64(have.I32[k])
			case have.Bool[k]:
				v = 1
			}
			if v != want.I64[k] {
				t.Errorf("%s: element %d is %d, the runtime has %d", c.name, k, v, want.I64[k])
				break
			}
		}
		for k, w := range want.F32 {
			if d := have.F32[k] - w; have.F32[k] != w && !(max(d, -d) <= 1e-6*max(w, -w)) {
				t.Errorf("%s: element %d is %g, the runtime has %g", c.name, k, have.F32[k], w)
				break
			}
		}
	}
	return tensors, constants
}

// fix gives the inputs of a model shapes: 2 for a first dimension that is not
// fixed, and what others says for the rest.
func fix(t *testing.T, m *pb.ModelProto, others int64) map[string][]int64 {
	t.Helper()
	s, err := onnx.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int64{}
	for _, v := range s.Inputs {
		for i, d := range v.Shape {
			switch {
			case d.Size >= 0:
			case i == 0:
				d.Size = 2
			case d.Name == "samples":
				d.Size = 12000
			default:
				d.Size = others
			}
			shapes[v.Name] = append(shapes[v.Name], d.Size)
		}
	}
	return shapes
}

// backbones returns the paths of the built-in backbones, of the small networks
// in testdata/models, and of those in the folder that HEADSTART_BACKBONES
// names.
func backbones(t *testing.T) map[string]string {
	t.Helper()
	paths := map[string]string{}
	for name, path := range builtin {
		paths[name] = path
	}
	small, err := filepath.Glob("testdata/models/*-[0-9]*.onnx")
	if err != nil || len(small) < 25 {
		t.Fatal(small, err)
	}
	for _, path := range small {
		paths[filepath.Base(path)] = path
	}
	dir := os.Getenv("HEADSTART_BACKBONES")
	if dir == "" {
		return paths
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".onnx" {
			paths[strings.TrimSuffix(strings.TrimPrefix(path, dir+"/"), "/model.onnx")] = path
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return paths
}

// Every tensor of the backbones has the type and shape that Infer says, and
// what is constant has its values.
func TestInferAgreesOnBackbones(t *testing.T) {
	l := library(t)
	for name, path := range backbones(t) {
		t.Run(name, func(t *testing.T) {
			m := decode(t, path)
			tensors, constants := agree(t, l, m, fix(t, m, 17))
			t.Logf("%d tensors, %d of them constant", tensors, constants)
		})
	}
}
