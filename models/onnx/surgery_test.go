//go:build cgo && !windows

package onnx_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

var builtin = map[string]string{
	"all-minilm-l6-v2":   "../builtin/all-minilm-l6-v2/onnx/model.onnx",
	"efficientnet-lite0": "../builtin/efficientnet-lite0/onnx/model.onnx",
}

// distance returns max|a−b| / max|b|.
func distance(a, b []float32) float64 {
	var d, m float64
	for i := range b {
		d, m = max(d, math.Abs(float64(a[i])-float64(b[i]))), max(m, math.Abs(float64(b[i])))
	}
	return d / m
}

// empty makes a tensor that an output of g fits into.
func empty(g *onnx.Graph, name string) tensor.View {
	x := feed(g.Types[name], g.Shapes[name])
	clear(x.F32)
	return x
}

// compute runs a model and returns its float outputs, which have the shapes and
// types that g says.
func compute(t testing.TB, l *runtime.Library, m *pb.ModelProto, g *onnx.Graph, in map[string]tensor.View, outputs ...string) [][]float32 {
	t.Helper()
	var out []tensor.View
	for _, name := range outputs {
		out = append(out, empty(g, name))
	}
	if err := run(t, l, m, in, outputs, out); err != nil {
		t.Fatal(err)
	}
	var values [][]float32
	for _, x := range out {
		values = append(values, x.F32)
	}
	return values
}

// some returns a few of the cuts: the first and last, and some between.
func some(cuts []onnx.Cut) []onnx.Cut {
	var out []onnx.Cut
	for i, c := range cuts {
		if i%7 == 0 || i == len(cuts)-1 {
			out = append(out, c)
		}
	}
	return out
}

// A model that is cut computes what it did: the pruned part up to the cut, then
// the tail from there, fed with what the cut says it needs beside; and the
// whole folded graph as well.
func TestCutComputesTheSame(t *testing.T) {
	l := library(t)
	for name, path := range backbones(t) {
		t.Run(name, func(t *testing.T) {
			m := decode(t, path)
			g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 17)), Values: true})
			if err != nil {
				t.Fatal(err)
			}
			output := g.Outputs[0]
			m, err = onnx.Prune(m, output)
			if err != nil {
				t.Fatal(err)
			}
			if g, err = onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 17)), Values: true}); err != nil {
				t.Fatal(err)
			}
			in := map[string]tensor.View{}
			for _, name := range g.Inputs {
				in[name] = feed(g.Types[name], g.Shapes[name])
			}
			want := compute(t, l, m, g, in, output)[0]
			whole, err := g.Model(m.GetIrVersion())
			if err != nil {
				t.Fatal(err)
			}
			if d := distance(compute(t, l, whole, g, in, output)[0], want); !(d <= 1e-5) {
				t.Errorf("folded, the model computes something else: %g", d)
			}
			cuts, err := onnx.Cuts(g, output)
			chain, _, _ := strings.Cut(name, "-")
			if none := slices.Contains([]string{"arithmetic", "lookups", "quantised", "recurrent"}, chain); err != nil || none != (len(cuts) == 0) {
				t.Fatalf("%d cuts: %v", len(cuts), err)
			}
			for _, c := range some(cuts) {
				head, err := onnx.Prune(m, c.Tensor)
				if err != nil {
					t.Fatal(err)
				}
				part, err := onnx.Infer(head, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, head, 17)), Values: true})
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(part.Shapes[c.Tensor], c.Shape) {
					t.Errorf("cut at %s: shape %v before, %v after pruning", c.Tensor, c.Shape, part.Shapes[c.Tensor])
				}
				fed := map[string]tensor.View{}
				for _, name := range part.Inputs {
					fed[name] = in[name]
				}
				x := tensor.View{Shape: c.Shape, F32: compute(t, l, head, g, fed, c.Tensor)[0]}
				tail, err := onnx.Tail(g, c.Tensor)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(tail.Inputs, append([]string{c.Tensor}, c.Side...)) {
					t.Errorf("cut at %s: the tail has inputs %v, the cut says %v", c.Tensor, tail.Inputs, c.Side)
				}
				fed = map[string]tensor.View{c.Tensor: x}
				for _, name := range c.Side {
					fed[name] = in[name]
				}
				rest, err := tail.Model(m.GetIrVersion())
				if err != nil {
					t.Fatal(err)
				}
				if d := distance(compute(t, l, rest, g, fed, output)[0], want); !(d <= 1e-5) {
					t.Errorf("cut at %s: the parts compute something else: %g", c.Tensor, d)
				}
				// Exporters store equal tensors once, under several names.
				weights := map[string]int64{}
				for name, stored := range tail.Stored {
					if v := tail.Constants[name]; v.Type == pb.TensorProto_FLOAT && len(v.F32) > 1 && !tail.Buffers()[stored] {
						weights[stored] = int64(len(v.F32))
					}
				}
				for _, n := range tail.Nodes {
					if n.GetOpType() == "BatchNormalization" {
						delete(weights, tail.Stored[n.Input[3]])
						delete(weights, tail.Stored[n.Input[4]])
					}
				}
				parameters := int64(0)
				for _, n := range weights {
					parameters += n
				}
				if parameters != c.Parameters {
					t.Errorf("cut at %s: %d parameters, the tail has %d", c.Tensor, c.Parameters, parameters)
				}
			}
		})
	}
}

// Where one output is computed from the cut and another from what the node
// makes beside it, the first sees what is fed for the cut, the second what it
// always did.
func TestTailBesideItsCut(t *testing.T) {
	l := library(t)
	m := &pb.ModelProto{
		IrVersion:   proto.Int64(9),
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name:        proto.String("beside"),
			Input:       []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, onnx.Dim{Size: 2}, onnx.Dim{Size: 4})},
			Initializer: []*pb.TensorProto{onnx.FloatTensor("scale", []float32{1, -2, 0.5, 3}, 4)},
			Node: []*pb.NodeProto{
				onnx.Node("LayerNormalization", []string{"x", "scale"}, []string{"norm", "mean"}),
				onnx.Node("Mul", []string{"mean", "scale"}, []string{"y"}),
			},
			Output: []*pb.ValueInfoProto{
				onnx.TensorValue("y", pb.TensorProto_FLOAT, onnx.Dim{Size: 2}, onnx.Dim{Size: 4}),
				onnx.TensorValue("norm", pb.TensorProto_FLOAT, onnx.Dim{Size: 2}, onnx.Dim{Size: 4}),
			},
		},
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Values: true})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]tensor.View{"x": feed(pb.TensorProto_FLOAT, g.Shapes["x"])}
	want := compute(t, l, m, g, in, "norm")[0]
	tail, err := onnx.Tail(g, "mean")
	if err != nil {
		t.Fatal(err)
	}
	rest, err := tail.Model(9)
	if err != nil {
		t.Fatal(err)
	}
	in["mean"] = tensor.View{Shape: []int64{2, 1}, F32: []float32{10, 100}}
	have := compute(t, l, rest, g, in, "y", "norm")
	if !slices.Equal(have[0], []float32{10, -20, 5, 30, 100, -200, 50, 300}) {
		t.Errorf("y is %v", have[0])
	}
	if d := distance(have[1], want); !(d <= 1e-5) {
		t.Errorf("norm is %v, was %v", have[1], want)
	}
}

// Several taps in one pass give what the whole model has there.
func TestPruneSeveralTaps(t *testing.T) {
	l := library(t)
	m := decode(t, builtin["efficientnet-lite0"])
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 0))})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]tensor.View{"pixel_values": feed(pb.TensorProto_FLOAT, g.Shapes["pixel_values"])}
	taps := []string{"Add_3", "Conv_0", "Add_5"}
	pruned, err := onnx.Prune(m, taps...)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := onnx.Prune(m, append([]string{"features"}, taps...)...)
	if err != nil {
		t.Fatal(err)
	}
	want := compute(t, l, whole, g, in, taps...)
	for i, have := range compute(t, l, pruned, g, in, taps...) {
		if d := distance(have, want[i]); !(d <= 1e-5) {
			t.Errorf("%s: %g", taps[i], d)
		}
	}
	if n := len(pruned.Graph.Node); n >= len(m.Graph.Node) || slices.ContainsFunc(pruned.Graph.Node, func(n *pb.NodeProto) bool { return n.GetName() == "Conv_34" }) {
		t.Errorf("%d nodes of %d are left", n, len(m.Graph.Node))
	}
	if n := len(pruned.Graph.Initializer); n >= len(m.Graph.Initializer) {
		t.Errorf("%d initialisers are left", n)
	}
	if len(m.Graph.Output) != 1 || m.Graph.Output[0].GetName() != "features" {
		t.Error("the model itself was changed")
	}
	for _, names := range [][]string{nil, {"nowhere"}, {""}, {"Add_3", "Add_3"}, {"onnx::Conv_900"}} {
		if _, err := onnx.Prune(m, names...); err == nil || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("prune after %q: %v", names, err)
		}
	}
}

// Written back, weights are in the file under their names and in their types:
// float16 ones rounded, all else as it was, and the runtime computes with them.
func TestWriteBack(t *testing.T) {
	l := library(t)
	m := decode(t, builtin["efficientnet-lite0"])
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 0)), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	before, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	same := map[string][]float32{}
	halves := 0
	for name, stored := range g.Stored {
		if c := g.Constants[name]; c.Type == pb.TensorProto_FLOAT && len(c.F32) > 1 {
			same[stored] = c.F32
			if stored != name {
				halves++
			}
		}
	}
	if len(same) != 98 || halves != 37 {
		t.Fatalf("%d weights, %d of them stored as float16", len(same), halves)
	}
	if err := onnx.WriteBack(m, same); err != nil {
		t.Fatal(err)
	}
	if after, err := onnx.Encode(m); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the same values make other bytes: %v", err)
	}

	changed := map[string][]float32{}
	for name, v := range same {
		changed[name] = slices.Clone(v)
		for i := range v {
			changed[name][i] *= 1 + 0.01*float32(i%7)
		}
	}
	if err := onnx.WriteBack(m, changed); err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 0)), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	rounded := map[string][]float32{}
	for name, v := range changed {
		rounded[name] = slices.Clone(v)
	}
	if err := onnx.Round(m, rounded); err != nil {
		t.Fatal(err)
	}
	for name, stored := range g.Stored {
		want, have := changed[stored], again.Constants[name]
		if want == nil {
			continue
		}
		if !slices.Equal(rounded[stored], have.F32) {
			t.Fatalf("%s: Round gives something else than WriteBack", name)
		}
		tolerance := 0.0
		if stored != name {
			tolerance = 1.0 / (1 << 11) // half a unit in the last place of float16
		}
		for i, v := range want {
			if d := math.Abs(float64(have.F32[i] - v)); d > tolerance*math.Abs(float64(v)) && d > 1.0/(1<<25) {
				t.Fatalf("%s: element %d is %g, want %g", name, i, have.F32[i], v)
			}
		}
	}
	in := map[string]tensor.View{"pixel_values": feed(pb.TensorProto_FLOAT, g.Shapes["pixel_values"])}
	model, err := again.Model(8)
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(compute(t, l, m, g, in, "features")[0], compute(t, l, model, g, in, "features")[0]); !(d <= 1e-5) {
		t.Errorf("file and graph compute something else: %g", d)
	}

	state, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string][]float32{
		"nowhere":            {1},
		"onnx::Conv_901":     {1},
		"onnx::Conv_933_f16": slices.Repeat([]float32{1e6}, len(same["onnx::Conv_933_f16"])),
		"onnx::Conv_933":     same["onnx::Conv_933_f16"], // a Cast makes it
		"onnx::Conv_900":     nil,
	} {
		with := map[string][]float32{name: values, "onnx::Conv_904": make([]float32, 32)}
		if err := onnx.WriteBack(m, with); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		before := slices.Clone(values)
		if err := onnx.Round(m, with); err == nil || !strings.Contains(err.Error(), name) || !slices.Equal(values, before) {
			t.Errorf("Round: %s: %v", name, err)
		}
	}
	if now, err := onnx.Encode(m); err != nil || !bytes.Equal(state, now) {
		t.Errorf("a refused change changed the model: %v", err)
	}
}

// What is appended gets names of its own, and runs.
func TestAppend(t *testing.T) {
	l := library(t)
	m := decode(t, builtin["efficientnet-lite0"])
	w := make([]float32, 1280*3)
	for i := range w {
		w[i] = float32(i%5) - 2
	}
	part := &pb.GraphProto{
		Node: []*pb.NodeProto{
			onnx.Node("MatMul", []string{"features", "Conv_0"}, []string{"product"}),
			onnx.Node("Softmax", []string{"product"}, []string{"Clip_0"}, onnx.IntAttribute("axis", -1)),
		},
		Initializer: []*pb.TensorProto{onnx.FloatTensor("Conv_0", w, 1280, 3)},
		Output:      []*pb.ValueInfoProto{onnx.TensorValue("Clip_0", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: 3})},
	}
	part.Node[0].Name = proto.String("Conv_0")
	fused, names, err := onnx.Append(m, part)
	if err != nil {
		t.Fatal(err)
	}
	if names["Conv_0"] != "Conv_0_1" || names["product"] != "product" || names["Clip_0"] != "Clip_0_1" {
		t.Errorf("names %v", names)
	}
	if part.Node[0].Input[1] != "Conv_0" || len(m.Graph.Output) != 1 {
		t.Error("what was given is changed")
	}
	g, err := onnx.Infer(fused, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, fused, 0)), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]tensor.View{"pixel_values": feed(pb.TensorProto_FLOAT, g.Shapes["pixel_values"])}
	out := compute(t, l, fused, g, in, "features", "Clip_0_1")
	for row := range 2 {
		var p [3]float64
		sum := 0.0
		for k := range p {
			for i, v := range out[0][row*1280 : (row+1)*1280] {
				p[k] += float64(v) * float64(w[i*3+k])
			}
		}
		top := max(p[0], p[1], p[2])
		for k := range p {
			p[k] = math.Exp(p[k] - top)
			sum += p[k]
		}
		for k := range p {
			if d := math.Abs(p[k]/sum - float64(out[1][row*3+k])); !(d <= 1e-4) {
				t.Errorf("row %d, class %d: %g, want %g", row, k, out[1][row*3+k], p[k]/sum)
			}
		}
	}
	for name, edit := range map[string]func(*pb.GraphProto){
		"in neither part":  func(g *pb.GraphProto) { g.Node[0].Input[0] = "nowhere" },
		"made twice":       func(g *pb.GraphProto) { g.Node[1].Output[0] = "product" },
		"no name":          func(g *pb.GraphProto) { g.Initializer[0].Name = nil },
		"no operator set":  func(g *pb.GraphProto) { g.Node[0].Domain = proto.String("com.microsoft") },
		"no appended node": func(g *pb.GraphProto) { g.Output[0].Name = proto.String("features") },
		"it has a body":    func(g *pb.GraphProto) { g.Node[0].Attribute = []*pb.AttributeProto{{G: &pb.GraphProto{}}} },
	} {
		bad := proto.Clone(part).(*pb.GraphProto)
		edit(bad)
		if _, _, err := onnx.Append(m, bad); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Weights that went to an external file come back from it; the runtime reads
// them there; and what could not be put back whole is refused.
func TestExternalData(t *testing.T) {
	l := library(t)
	m := decode(t, builtin["efficientnet-lite0"])
	want, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var file bytes.Buffer
	if err := onnx.WriteExternal(m, "weights/data.bin", &file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "weights"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "weights/data.bin"), file.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := onnx.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.CheckExternal(dir, s.External); err != nil || len(s.External) < 50 {
		t.Fatalf("%d external tensors: %v", len(s.External), err)
	}
	for _, x := range s.External {
		if x.Offset%4096 != 0 {
			t.Fatalf("%s begins at %d", x.Name, x.Offset)
		}
	}
	small, err := onnx.Encode(m)
	if err != nil || len(small) > len(want)/20 {
		t.Fatalf("%d bytes are left: %v", len(small), err)
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 0))})
	if err != nil {
		t.Fatal(err)
	}
	x := feed(pb.TensorProto_FLOAT, g.Shapes["pixel_values"])
	session, err := l.NewSession(small, &runtime.Options{Inputs: []string{"pixel_values"}, Outputs: []string{"features"}, Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out := empty(g, "features")
	if err := session.Run(t.Context(), []tensor.View{x}, []tensor.View{out}); err != nil {
		t.Fatal(err)
	}

	if _, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(fix(t, m, 0)), Values: true}); err == nil || !strings.Contains(err.Error(), "ReadExternal") {
		t.Errorf("folding without the values: %v", err)
	}
	if err := onnx.WriteBack(m, map[string][]float32{s.External[0].Name: nil}); err == nil || !strings.Contains(err.Error(), "ReadExternal") {
		t.Errorf("writing back into a file: %v", err)
	}
	if err := onnx.WriteExternal(m, "more.bin", &file); err == nil || !strings.Contains(err.Error(), "ReadExternal") {
		t.Errorf("a second file: %v", err)
	}
	if err := onnx.WriteExternal(decode(t, builtin["efficientnet-lite0"]), "../data.bin", &file); err == nil {
		t.Error("a file outside the folder is written")
	}
	broken := proto.Clone(m).(*pb.ModelProto)
	if err := onnx.ReadExternal(m, dir); err != nil {
		t.Fatal(err)
	}
	if again, err := onnx.Encode(m); err != nil || !bytes.Equal(want, again) {
		t.Errorf("the model is another one: %v", err)
	}
	if d := distance(out.F32, compute(t, l, m, g, map[string]tensor.View{"pixel_values": x}, "features")[0]); !(d <= 1e-6) {
		t.Errorf("with its weights in a file the model computes something else: %g", d)
	}

	if err := os.Truncate(filepath.Join(dir, "weights/data.bin"), 5000); err != nil {
		t.Fatal(err)
	}
	if err := onnx.ReadExternal(proto.Clone(broken).(*pb.ModelProto), dir); err == nil || !strings.Contains(err.Error(), "outside the file of 5000 bytes") {
		t.Errorf("a file that is too short: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "weights/data.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "weights/data.bin")); err != nil {
		t.Fatal(err)
	}
	if err := onnx.ReadExternal(broken, dir); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a symbolic link: %v", err)
	}
}

// BenchmarkPrunedTap runs a backbone up to the middle, and all of it, in turns;
// x/full is how much of the full pass the pruned one takes, the median of the
// pairs.
func BenchmarkPrunedTap(b *testing.B) {
	l := library(b)
	for name, half := range map[string]string{
		"efficientnet-lite0": "Add_3", // of 49 convolutions 24 are before it
		"all-minilm-l6-v2":   "/m/encoder/layer.2/output/LayerNorm/LayerNormalization_output_0",
	} {
		b.Run(name, func(b *testing.B) { benchmarkPruned(b, l, name, half) })
	}
}

func benchmarkPruned(b *testing.B, l *runtime.Library, name, half string) {
	m := decode(b, builtin[name])
	shapes := map[string][]int64{"pixel_values": {4, 3, 224, 224}}
	if name == "all-minilm-l6-v2" {
		shapes = map[string][]int64{}
		for _, in := range []string{"input_ids", "attention_mask", "token_type_ids"} {
			shapes[in] = []int64{8, 64}
		}
	}
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(shapes)})
	if err != nil {
		b.Fatal(err)
	}
	type pass struct {
		s       *runtime.Session
		in, out []tensor.View
	}
	var passes []pass
	for _, output := range []string{half, g.Outputs[0]} {
		p, err := onnx.Prune(m, output)
		if err != nil {
			b.Fatal(err)
		}
		data, err := onnx.Encode(p)
		if err != nil {
			b.Fatal(err)
		}
		o := &runtime.Options{Outputs: []string{output}}
		whole := decode(b, builtin[name])
		g, err := onnx.Infer(must(onnx.Prune(whole, half, g.Outputs[0])), &onnx.InferOptions{Inputs: onnx.Fixed(shapes)})
		if err != nil {
			b.Fatal(err)
		}
		x := pass{out: []tensor.View{empty(g, output)}}
		for _, in := range p.Graph.Input {
			o.Inputs = append(o.Inputs, in.GetName())
			x.in = append(x.in, feed(g.Types[in.GetName()], g.Shapes[in.GetName()]))
		}
		if x.s, err = l.NewSession(data, o); err != nil {
			b.Fatal(err)
		}
		defer x.s.Close()
		passes = append(passes, x)
	}
	var ratios []float64
	for b.Loop() {
		var took [2]float64
		for i, p := range passes {
			start := processorTime(b)
			if err := p.s.Run(b.Context(), p.in, p.out); err != nil {
				b.Fatal(err)
			}
			took[i] = (processorTime(b) - start).Seconds()
		}
		ratios = append(ratios, took[0]/took[1])
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x/full")
}

func must(m *pb.ModelProto, err error) *pb.ModelProto {
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return m
}

// processorTime is what this process has used so far.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
