//go:build cgo && !windows

package export_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
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

func backbone(t testing.TB, name string) *pb.ModelProto {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../builtin", name, "onnx/model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// numbers returns n numbers around 0, up to scale.
func numbers(n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * math.Sin(float64(3*i+1)))
	}
	return v
}

func head(classes, d int) *export.Head {
	h := &export.Head{Head: layer.Head{Weight: numbers(classes*d, 0.3), Bias: numbers(classes, 0.5), Center: numbers(d, 0.1), Temperature: 1.25}}
	for c := range classes {
		h.Classes = append(h.Classes, fmt.Sprintf("class %d <ü>", c))
	}
	return h
}

// texts are token ids of two texts of unequal length, with masks.
func texts() []tensor.View {
	shape := []int64{2, 6}
	return []tensor.View{
		{Shape: shape, I64: []int64{101, 2054, 2003, 2023, 2187, 102, 101, 3899, 102, 0, 0, 0}},
		{Shape: shape, I64: []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0}},
		{Shape: shape, I64: make([]int64, 12)},
	}
}

// run runs a model on inputs and returns an output of n values.
func run(t testing.TB, l *runtime.Library, m *pb.ModelProto, inputs []string, in []tensor.View, output string, shape ...int64) []float32 {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.NewSession(data, &runtime.Options{Inputs: inputs, Outputs: []string{output}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	out := make([]float32, n)
	if err := s.Run(context.Background(), in, []tensor.View{{Shape: shape, F32: out}}); err != nil {
		t.Fatal(err)
	}
	return out
}

var textInputs = []string{"input_ids", "attention_mask", "token_type_ids"}

// textBatch returns what the backbone with a head on the mean of its tokens
// computes, in float64 from the features.
func textBatch(t testing.TB, l *runtime.Library, m *pb.ModelProto, h *export.Head) export.Batch {
	const d, tokens = 384, 6
	x := run(t, l, m, textInputs, texts(), "last_hidden_state", 2, tokens, d)
	b := export.Batch{Inputs: texts()}
	for i, count := range []int{6, 3} {
		row := make([]float64, d)
		length := 0.0
		for j := range row {
			for s := range count {
				row[j] += float64(x[(i*tokens+s)*d+j]) / float64(count)
			}
			length += row[j] * row[j]
		}
		sum := 0.0
		var p []float64
		for c := range h.Classes {
			z := float64(h.Bias[c])
			for j, v := range row {
				z += (v/math.Sqrt(length) - float64(h.Center[j])) * float64(h.Weight[c*d+j])
			}
			p = append(p, math.Exp(z/float64(h.Temperature)))
			sum += p[c]
		}
		for _, v := range p {
			b.Probabilities = append(b.Probabilities, v/sum)
		}
	}
	return b
}

// textHead is a head on the mean of the tokens, with two weights that were
// trained, one of them stored as float16.
func textHead(t testing.TB, m *pb.ModelProto) *export.Head {
	t.Helper()
	h := head(3, 384)
	h.Features, h.Pooling, h.Mask, h.Post = "last_hidden_state", "mean", "attention_mask", "l2"
	h.Provenance = map[string]string{"backbone": "all-minilm-l6-v2", "sha256": strings.Repeat("0", 64)}
	h.Weights = map[string][]float32{}
	seen := map[pb.TensorProto_DataType]bool{}
	for _, x := range slices.Backward(m.Graph.Initializer) {
		v, err := onnx.Stored(m, x.GetName())
		if err != nil || len(v.F32) < 300 || seen[v.Type] {
			continue
		}
		seen[v.Type] = true
		for i := range v.F32 {
			v.F32[i] *= 1.25 - 0.5*float32(i%2)
		}
		h.Weights[x.GetName()] = v.F32
	}
	return h
}

// What is fused computes what backbone and head compute, has the inputs of the
// backbone, the two outputs, metadata, and all weights that were not trained.
func TestFuse(t *testing.T) {
	l := library(t)
	m := backbone(t, "all-minilm-l6-v2")
	before := proto.CloneOf(m)
	h := textHead(t, m)
	if len(h.Weights) != 2 {
		t.Fatalf("%d weights to change, of two types", len(h.Weights))
	}
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(before, m) {
		t.Error("the backbone was changed")
	}
	s, err := onnx.Walk(fused)
	if err != nil {
		t.Fatal(err)
	}
	was, err := onnx.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(s.Inputs) != fmt.Sprint(was.Inputs) || s.IRVersion != was.IRVersion || fmt.Sprint(s.Opsets) != fmt.Sprint(was.Opsets) {
		t.Errorf("inputs %v, IR version %d, operator sets %v", s.Inputs, s.IRVersion, s.Opsets)
	}
	if len(s.Outputs) != 2 || s.Outputs[0].Name != "logits" || s.Outputs[1].Name != "probabilities" || s.Outputs[0].Elem != pb.TensorProto_FLOAT || s.Outputs[0].Shape[0].Size >= 0 || s.Outputs[1].Shape[1].Size != 3 {
		t.Errorf("outputs %v", s.Outputs)
	}
	have := map[string]*pb.TensorProto{}
	for _, x := range fused.Graph.Initializer {
		have[x.GetName()] = x
	}
	for _, x := range m.Graph.Initializer {
		if y := have[x.GetName()]; y == nil || proto.Equal(x, y) == (h.Weights[x.GetName()] != nil) || x.GetDataType() != y.GetDataType() {
			t.Errorf("%s: changed %v", x.GetName(), h.Weights[x.GetName()] != nil)
		}
	}
	meta := map[string]string{}
	for _, e := range fused.MetadataProps {
		meta[e.GetKey()] = e.GetValue()
	}
	if len(meta) != 4 || meta["headstart.classes"] != `["class 0 \u003cü\u003e","class 1 \u003cü\u003e","class 2 \u003cü\u003e"]` || meta["headstart.logits_temperature"] != "1.25" || meta["headstart.backbone"] != "all-minilm-l6-v2" {
		t.Errorf("metadata %v", meta)
	}
	changed, err := onnx.Rewrite(m, h.Weights)
	if err != nil {
		t.Fatal(err)
	}
	want := textBatch(t, l, changed, h)
	p := run(t, l, fused, textInputs, texts(), "probabilities", 2, 3)
	for i, v := range want.Probabilities {
		if d := math.Abs(v - float64(p[i])); !(d <= 1e-5) {
			t.Errorf("probability %d is %g, want %g", i, p[i], v)
		}
	}
}

// Weights that layers share and that were trained behind a cut keep their old
// values before it.
func TestFuseOfSharedWeights(t *testing.T) {
	l := library(t)
	const d, classes = 4, 3
	rows := func(name string) *pb.ValueInfoProto {
		return onnx.TensorValue(name, pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
	}
	m := &pb.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*pb.OperatorSetIdProto{{Version: new(int64(17))}}, Graph: &pb.GraphProto{
		Name: new("shared"), Initializer: []*pb.TensorProto{onnx.FloatTensor("w", numbers(d*d, 0.8), d, d), onnx.FloatTensor("b", numbers(d, 1), d)},
		Node: []*pb.NodeProto{
			onnx.Node("Gemm", []string{"x", "w", "b"}, []string{"a"}), onnx.Node("Tanh", []string{"a"}, []string{"cut"}), onnx.Node("Gemm", []string{"cut", "w", "b"}, []string{"y"}),
		},
		Input: []*pb.ValueInfoProto{rows("x")}, Output: []*pb.ValueInfoProto{rows("y")},
	}}
	h := head(classes, d)
	h.Features, h.Cut, h.Weights = "y", "cut", map[string][]float32{"w": numbers(d*d, 0.3), "b": numbers(d, -2)}
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	layer := func(x, w, b []float32, k int) (y []float32) { // x times w, plus b
		for i := range b {
			sum := b[i]
			for j := range d {
				sum += x[j] * w[j*k+i]
			}
			y = append(y, sum)
		}
		return y
	}
	x := numbers(d, 2)
	a := layer(x, numbers(d*d, 0.8), numbers(d, 1), d)
	for i := range a {
		a[i] = float32(math.Tanh(float64(a[i])))
	}
	y := layer(a, h.Weights["w"], h.Weights["b"], d)
	for i, got := range run(t, l, fused, []string{"x"}, []tensor.View{{Shape: []int64{1, d}, F32: x}}, "logits", 1, classes) {
		want := h.Bias[i]
		for j := range d {
			want += (y[j] - h.Center[j]) * h.Weight[i*d+j]
		}
		if want /= h.Temperature; !(math.Abs(float64(got-want)) <= 1e-5) {
			t.Errorf("logit %d is %v, want %v", i, got, want)
		}
	}
}

// An input that the features do not need stays, and so does the place of the
// others; what the backbone's own outputs needed goes.
func TestFuseKeepsInputs(t *testing.T) {
	m := backbone(t, "all-minilm-l6-v2")
	m.Graph.Input = append([]*pb.ValueInfoProto{onnx.TensorValue("unused", pb.TensorProto_INT64, onnx.Dim{Size: -1})}, m.Graph.Input...)
	last := m.Graph.Node[len(m.Graph.Node)-1]
	h := textHead(t, m)
	h.Weights = nil
	h.Features = last.Input[0]
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	if len(fused.Graph.Input) != 4 || fused.Graph.Input[0].GetName() != "unused" || slices.Contains(fused.Graph.Node, last) {
		t.Errorf("inputs %v", fused.Graph.Input)
	}
}

func TestFuseRefuses(t *testing.T) {
	for want, edit := range map[string]func(m *pb.ModelProto, h *export.Head){
		"2 classes for a head of 3":       func(_ *pb.ModelProto, h *export.Head) { h.Classes = h.Classes[1:] },
		"stores no such tensor":           func(_ *pb.ModelProto, h *export.Head) { h.Weights = map[string][]float32{"nowhere": {1}} },
		`after "nowhere"`:                 func(_ *pb.ModelProto, h *export.Head) { h.Features = "nowhere" },
		"is not UTF-8":                    func(_ *pb.ModelProto, h *export.Head) { h.Classes[0] = "\xff" },
		"the name is taken":               func(_ *pb.ModelProto, h *export.Head) { h.Provenance["classes"] = "x" },
		"or it is not UTF-8":              func(_ *pb.ModelProto, h *export.Head) { h.Provenance["x"] = "\xff" },
		"it has no graph":                 func(m *pb.ModelProto, _ *export.Head) { m.Graph = nil },
		"lies in an external file":        func(m *pb.ModelProto, _ *export.Head) { outside(m.Graph.Initializer[0]) },
		`pooling "mode" is not known`:     func(_ *pb.ModelProto, h *export.Head) { h.Pooling = "mode" },
		"operator domain \"evil\" is not": func(m *pb.ModelProto, _ *export.Head) { m.Graph.Node[0].Domain = proto.String("evil") },
	} {
		m := backbone(t, "all-minilm-l6-v2")
		h := textHead(t, m)
		h.Weights = nil
		edit(m, h)
		if _, err := export.Fuse(m, h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}

func outside(t *pb.TensorProto) {
	t.RawData, t.DataLocation = nil, pb.TensorProto_EXTERNAL.Enum()
	t.ExternalData = []*pb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("w.bin")}}
}

// tree lists what is in a folder.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path != dir {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// A model is written into a new folder or an empty one, in one file or two, or
// not at all.
func TestWrite(t *testing.T) {
	l := library(t)
	m := backbone(t, "all-minilm-l6-v2")
	h := textHead(t, m)
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := onnx.Rewrite(m, h.Weights)
	if err != nil {
		t.Fatal(err)
	}
	batch := textBatch(t, l, changed, h)
	check := &export.Check{Library: l, Inputs: textInputs, Classes: 3, Batches: []export.Batch{batch, batch}}
	before, err := onnx.Encode(fused)
	if err != nil {
		t.Fatal(err)
	}

	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, external := range map[string]bool{"new": false, "empty": true} {
		dir := filepath.Join(root, name)
		w, err := export.Write(t.Context(), &export.Output{Dir: dir, Layout: export.Flat, Model: fused, External: external, Check: check})
		if err != nil {
			t.Fatal(err)
		}
		if w.Samples != 4 || !(w.MaxDifference <= 1e-5) || w.Model != filepath.Join(dir, "model.onnx") || (w.Data != "") != external {
			t.Errorf("%+v", w)
		}
		t.Logf("%s: probabilities differ by at most %.2g", name, w.MaxDifference)
		data, err := os.ReadFile(w.Model)
		if err != nil {
			t.Fatal(err)
		}
		got, err := onnx.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if external {
			if len(data) > len(before)/20 {
				t.Errorf("%d bytes are in the model itself", len(data))
			}
			if err := onnx.ReadExternal(got, dir); err != nil {
				t.Fatal(err)
			}
		}
		if data, err = onnx.Encode(got); err != nil || string(data) != string(before) {
			t.Errorf("%s: another model is in the folder: %v", name, err)
		}
	}
	if after, err := onnx.Encode(fused); err != nil || string(after) != string(before) {
		t.Errorf("the model itself was changed: %v", err)
	}
	have := tree(t, root)
	if !slices.Equal(have, []string{"empty", "empty/model.onnx", "empty/model.onnx_data", "new", "new/model.onnx"}) {
		t.Errorf("files %q", have)
	}

	wrong := batch
	wrong.Probabilities = slices.Clone(batch.Probabilities)
	wrong.Probabilities[4] += 2e-5
	nan := batch
	nan.Probabilities = slices.Clone(batch.Probabilities)
	nan.Probabilities[1] = math.NaN()
	short := batch
	short.Probabilities = batch.Probabilities[:4]
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := os.Symlink("nowhere", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	have = tree(t, root)
	with := func(b ...export.Batch) *export.Check {
		return &export.Check{Library: l, Inputs: textInputs, Classes: 3, Batches: b}
	}
	for _, c := range []struct {
		dir, want string
		ctx       context.Context
		check     *export.Check
	}{
		{"x", "sample 3 differs by 2", t.Context(), with(batch, wrong)},
		{"x", "sample 0 differs by NaN", t.Context(), with(nan, batch)},
		{"x", "4 probabilities for 3 classes", t.Context(), with(short)},
		{"x", "no samples", t.Context(), with()},
		{"x", "context canceled", cancelled, check},
		{"x", "runtime:", t.Context(), &export.Check{Library: l, Inputs: []string{"nobody"}, Classes: 3, Batches: []export.Batch{batch}}},
		{"new", "is there already and not empty", t.Context(), check},
		{"new/model.onnx", "not a directory", t.Context(), check},
		{"none/x", "no such file", t.Context(), check},
		{"link", "is a link to nothing", t.Context(), check},
	} {
		if _, err := export.Write(c.ctx, &export.Output{Dir: filepath.Join(root, c.dir), Layout: export.Flat, Model: fused, Check: c.check}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.dir, err, c.want)
		} else if errors.Is(err, export.ErrDifferent) != strings.Contains(c.want, "differs") {
			t.Errorf("%s: error %v", c.dir, err)
		}
	}
	if now := tree(t, root); !slices.Equal(have, now) {
		t.Errorf("files %q, were %q", now, have)
	}
}
