//go:build cgo && !windows

package export_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// tiny is a model with these inputs that ends in x, N×D.
func tiny(opset, ir int64, inputs []*pb.ValueInfoProto, nodes ...*pb.NodeProto) *pb.ModelProto {
	return &pb.ModelProto{IrVersion: &ir, OpsetImport: []*pb.OperatorSetIdProto{{Version: &opset}}, Graph: &pb.GraphProto{
		Name: new("tiny"), Input: inputs, Node: nodes, Output: []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: -1})},
	}}
}

func input(name string, elem pb.TensorProto_DataType, dims ...int64) *pb.ValueInfoProto {
	var all []onnx.Dim
	for _, d := range dims {
		all = append(all, onnx.Dim{Size: d})
	}
	return onnx.TensorValue(name, elem, all...)
}

// session opens a model.
func session(t *testing.T, m *pb.ModelProto, inputs, outputs []string) *runtime.Session {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := library(t).NewSession(data, &runtime.Options{Inputs: inputs, Outputs: outputs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Channels that a backbone wants last and in the reverse order are put there
// in the graph, and clients feed pixel_values.
func TestServeImages(t *testing.T) {
	for _, ir := range []int64{3, 8} {
		m := tiny(17, ir, []*pb.ValueInfoProto{input("image", pb.TensorProto_FLOAT, -1, 1, 2, 3)}, onnx.Node("Flatten", []string{"image"}, []string{"x"}))
		h := &export.Head{Head: layer.Head{Features: "x", Weight: make([]float32, 12), Bias: make([]float32, 2), Temperature: 1}, Classes: []string{"a", "b"}}
		for i := range 6 {
			h.Weight[i] = float32(i + 1)
		}
		fused, err := export.Fuse(m, h)
		if err != nil {
			t.Fatal(err)
		}
		spec := &models.ImageSpec{Resize: models.Resize{Mode: "exact", Width: 2, Height: 1}, Layout: "nhwc", Channels: "bgr", Mean: [3]float64{1, 2, 3}, Std: [3]float64{4, 5, 6}}
		served, fed, err := export.Serve(fused, layer.Softmax, &export.Fed{Modality: models.Image, Contract: spec, Inputs: []models.Input{{Name: "image", DType: "f32", Role: "pixels"}}})
		if err != nil {
			t.Fatal(err)
		}
		own := fed.Contract.(*models.ImageSpec)
		if own.Layout != "nchw" || own.Channels != "" || own.Mean != [3]float64{3, 2, 1} || own.Std != [3]float64{6, 5, 4} || spec.Layout != "nhwc" || fed.Inputs[0].Name != "pixel_values" {
			t.Errorf("%+v of %+v", own, spec)
		}
		out := make([]float32, 2)
		s := session(t, served, []string{"pixel_values"}, []string{"logits"})
		// Red 1 and 2, green 10 and 20, blue 100 and 200: the model gets blue,
		// green, red of the first pixel and then of the second.
		if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{1, 3, 1, 2}, F32: []float32{1, 2, 10, 20, 100, 200}}}, []tensor.View{{Shape: []int64{1, 2}, F32: out}}); err != nil {
			t.Fatal(err)
		}
		if want := float32(100*1 + 10*2 + 1*3 + 200*4 + 20*5 + 2*6); out[0] != want {
			t.Errorf("IR version %d: %v, not %v", ir, out[0], want)
		}
		if v := served.Graph.Input[0].GetType().GetTensorType().GetShape().GetDim(); len(v) != 4 || v[1].GetDimValue() != 3 || v[2].GetDimValue() != 1 || v[3].GetDimValue() != 2 || v[0].GetDimParam() != "batch" {
			t.Errorf("input %v", served.Graph.Input[0])
		}
	}
}

// Positions, the tokens of all texts one after the other and where each begins
// are made in the graph of ids and a mask, as int64 or int32, whatever side is
// filled up.
func TestServeTexts(t *testing.T) {
	float := func(name, to string) *pb.NodeProto {
		return onnx.Node("Cast", []string{name}, []string{to}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT)))
	}
	identity := func() *export.Head {
		return &export.Head{Head: layer.Head{Features: "x", Weight: []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, Bias: make([]float32, 4), Temperature: 1}, Classes: []string{"a", "b", "c", "d"}}
	}
	ids := []int64{7, 8, 9, 0, 4, 0, 0, 0}
	mask := []int64{1, 1, 1, 0, 1, 0, 0, 0}
	left := []int64{0, 1, 1, 1, 0, 0, 0, 1}
	for _, c := range []struct {
		name    string
		elem    pb.TensorProto_DataType
		dtype   string
		mask    []int64
		opset   int64
		want    []float32
		refused string
	}{
		{"positions", pb.TensorProto_INT64, "i64", mask, 17, []float32{2, 3, 4, 1, 2, 1, 1, 1}, ""},
		{"positions to the left", pb.TensorProto_INT64, "i64", left, 11, []float32{1, 2, 3, 4, 1, 1, 1, 2}, ""},
		{"positions of 32 bits", pb.TensorProto_INT32, "i32", mask, 13, []float32{2, 3, 4, 1, 2, 1, 1, 1}, ""},
		{"an old operator set", pb.TensorProto_INT64, "i64", mask, 10, nil, "11 is the first"},
	} {
		m := tiny(c.opset, 8, []*pb.ValueInfoProto{input("position_ids", c.elem, -1, 4)}, float("position_ids", "x"))
		fused, err := export.Fuse(m, identity())
		if err != nil {
			t.Fatal(err)
		}
		served, fed, err := export.Serve(fused, layer.Softmax, &export.Fed{
			Modality: models.Text, Contract: &models.TextSpec{MaxLen: 4, Length: 4, Positions: &models.Positions{First: 2, Pad: 1}},
			Inputs: []models.Input{{Name: "position_ids", DType: c.dtype, Role: "positions"}},
		})
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if len(fed.Inputs) != 1 || fed.Inputs[0].Name != "attention_mask" || fed.Contract.(*models.TextSpec).Positions != nil {
			t.Errorf("%s: %+v", c.name, fed)
		}
		out := make([]float32, 8)
		s := session(t, served, []string{"attention_mask"}, []string{"logits"})
		if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{2, 4}, I64: c.mask}}, []tensor.View{{Shape: []int64{2, 4}, F32: out}}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out, c.want) {
			t.Errorf("%s: %v, not %v", c.name, out, c.want)
		}
	}
	// The sum of a text's ids, and where it begins, in columns of their own.
	for _, opset := range []int64{11, 17} {
		m := tiny(opset, 8, []*pb.ValueInfoProto{input("input_ids", pb.TensorProto_INT64, -1), input("offsets", pb.TensorProto_INT64, -1)},
			float("offsets", "from"), onnx.Node("Shape", []string{"input_ids"}, []string{"n"}), float("n", "all"), onnx.Node("Unsqueeze", []string{"from"}, []string{"column"}, onnx.IntsAttribute("axes", 1)),
			onnx.Node("Add", []string{"column", "all"}, []string{"sum"}), onnx.Node("Concat", []string{"column", "sum", "column", "column"}, []string{"x"}, onnx.IntAttribute("axis", 1)))
		if opset == 17 {
			m.Graph.Initializer = []*pb.TensorProto{onnx.IntTensor("one", 1)}
			m.Graph.Node[3].Attribute, m.Graph.Node[3].Input = nil, []string{"from", "one"}
		}
		fused, err := export.Fuse(m, identity())
		if err != nil {
			t.Fatal(err)
		}
		served, fed, err := export.Serve(fused, layer.Softmax, &export.Fed{
			Modality: models.Text, Contract: &models.TextSpec{MaxLen: 4},
			Inputs: []models.Input{{Name: "input_ids", DType: "i64", Role: "run"}, {Name: "offsets", DType: "i64", Role: "starts"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		names := []string{fed.Inputs[0].Name, fed.Inputs[1].Name}
		if !slices.Equal(names, []string{"input_ids", "attention_mask"}) {
			t.Errorf("%q", names)
		}
		out := make([]float32, 8)
		s := session(t, served, names, []string{"logits"})
		if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{2, 4}, I64: ids}, {Shape: []int64{2, 4}, I64: mask}}, []tensor.View{{Shape: []int64{2, 4}, F32: out}}); err != nil {
			t.Fatal(err)
		}
		if want := []float32{0, 4, 0, 0, 3, 7, 3, 3}; !slices.Equal(out, want) {
			t.Errorf("operator set %d: %v, not %v", opset, out, want)
		}
	}
}

// Grades have logits whose softmax are the probabilities, numbers have logits
// that are the numbers.
func TestServeOutputs(t *testing.T) {
	for link, want := range map[layer.Link]string{
		layer.Softmax: "logits[2] probabilities[2]", layer.Sigmoid: "logits[2] probabilities[2]", layer.Cumulative: "logits[3] probabilities[3] cumulative_logits[2]", layer.Identity: "logits[2] value[2]",
	} {
		m := tiny(17, 8, []*pb.ValueInfoProto{input("x0", pb.TensorProto_FLOAT, -1, 2)}, onnx.Node("Identity", []string{"x0"}, []string{"x"}))
		h := &export.Head{Head: layer.Head{Features: "x", Weight: []float32{1, 0, 0, 1}, Bias: []float32{0, 0}, Temperature: 1, Link: link}, Classes: []string{"a", "b", "c"}[:2]}
		if link == layer.Cumulative {
			h.Classes = []string{"a", "b", "c"}
		}
		fused, err := export.Fuse(m, h)
		if err != nil {
			t.Fatal(err)
		}
		served, _, err := export.Serve(fused, link, &export.Fed{Modality: models.Numbers, Contract: &models.NumbersSpec{Shape: []int64{2}}, Inputs: []models.Input{{Name: "x0", DType: "f32", Role: "numbers"}}})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := onnx.Walk(served)
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, v := range sum.Outputs {
			have = append(have, fmt.Sprintf("%s[%d]", v.Name, v.Shape[1].Size))
		}
		if strings.Join(have, " ") != want {
			t.Errorf("%q: %q, not %q", link, have, want)
		}
		if link != layer.Cumulative {
			continue
		}
		out, p := make([]float32, 3), make([]float32, 3)
		s := session(t, served, []string{"x0"}, []string{"logits", "probabilities"})
		if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{1, 2}, F32: []float32{-100, -100}}}, []tensor.View{{Shape: []int64{1, 3}, F32: out}, {Shape: []int64{1, 3}, F32: p}}); err != nil {
			t.Fatal(err)
		}
		for i, v := range out { // of a probability of 0 too
			if math.IsInf(float64(v), 0) || math.Abs(math.Exp(float64(v))-float64(p[i])) > 1e-6 {
				t.Errorf("logits %v of %v", out, p)
			}
		}
	}
}

// Several tensors, one kept whole, are side by side what a head takes.
func TestGather(t *testing.T) {
	for _, ir := range []int64{3, 8} {
		m := tiny(13, ir, []*pb.ValueInfoProto{input("x0", pb.TensorProto_FLOAT, -1, 2, 2)}, onnx.Node("Neg", []string{"x0"}, []string{"flat"}), onnx.Node("Abs", []string{"x0"}, []string{"x"}))
		joined, name, err := export.Gather(m, []layer.Rows{{Features: "x", Pooling: "mean", D: 2}, {Features: "flat", Pooling: "flat", D: 4, Normalize: true}, {Features: "x", Pooling: "cls", D: 2}})
		if err != nil {
			t.Fatal(err)
		}
		joined.Graph.Output[0] = onnx.TensorValue(name, pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: 8})
		out := make([]float32, 8)
		s := session(t, joined, []string{"x0"}, []string{name})
		if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{1, 2, 2}, F32: []float32{1, 1, 1, 1}}}, []tensor.View{{Shape: []int64{1, 8}, F32: out}}); err != nil {
			t.Fatal(err)
		}
		if want := []float32{1, 1, -0.5, -0.5, -0.5, -0.5, 1, 1}; !slices.Equal(out, want) {
			t.Errorf("IR version %d: %v, not %v", ir, out, want)
		}
	}
	m := tiny(13, 8, []*pb.ValueInfoProto{input("x0", pb.TensorProto_FLOAT, -1, 2, 2)}, onnx.Node("Abs", []string{"x0"}, []string{"x"}))
	for want, taps := range map[string][]layer.Rows{"no tensor": nil, "nowhere": {{Features: "nowhere"}}, "tap x:mode": {{Features: "x", Pooling: "mode"}}} {
		if _, _, err := export.Gather(m, taps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}
