//go:build cgo && !windows

package embed

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// tinyBackbone is an image backbone of 3×8×8 in float32, changed by edit:
// a convolution, a ReLU, tokens, a softmax over them, and all their values.
func tinyBackbone(edit func(m *pb.ModelProto)) *pb.ModelProto {
	ints := func(name string, v ...int64) *pb.TensorProto {
		return &pb.TensorProto{Name: proto.String(name), Dims: []int64{int64(len(v))}, DataType: proto.Int32(int32(pb.TensorProto_INT64)), Int64Data: v}
	}
	w := make([]float32, 5*3*3*3)
	for i := range w {
		w[i] = float32(math.Sin(float64(5*i+1))) / 4
	}
	m := &pb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: &pb.GraphProto{
		Name:        proto.String("tiny"),
		Initializer: []*pb.TensorProto{onnx.FloatTensor("w", w, 5, 3, 3, 3), ints("tokens", 0, 5, 16), ints("all", 0, 80)},
		Node: []*pb.NodeProto{
			onnx.Node("Conv", []string{"pixels", "w"}, []string{"conv"}, onnx.IntsAttribute("pads", 1, 1, 1, 1), onnx.IntsAttribute("strides", 2, 2)),
			onnx.Node("Relu", []string{"conv"}, []string{"relu"}),
			onnx.Node("Reshape", []string{"relu", "tokens"}, []string{"rows"}),
			onnx.Node("Softmax", []string{"rows"}, []string{"soft"}, onnx.IntAttribute("axis", 2)),
			onnx.Node("Reshape", []string{"soft", "all"}, []string{"embedding"}),
		},
		Input:  []*pb.ValueInfoProto{onnx.TensorValue("pixels", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "N"}, onnx.Dim{Size: 3}, onnx.Dim{Size: 8}, onnx.Dim{Size: 8})},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("embedding", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "N"}, onnx.Dim{Size: 80})},
	}}
	if edit != nil {
		edit(m)
	}
	return m
}

// typed declares an input or output with another type or first dimension.
func typed(v *pb.ValueInfoProto, elem pb.TensorProto_DataType, batch int64) {
	t := v.GetType().GetTensorType()
	t.ElemType = proto.Int32(int32(elem))
	if batch != 0 {
		t.GetShape().Dim[0].Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: batch}
	}
}

// insideHalf puts the graph between Casts to float16, so that it computes in
// that type, as onnxconverter_common leaves it.
func insideHalf(m *pb.ModelProto, inputs bool) {
	g := m.Graph
	half, err := onnx.Rewrite(&pb.ModelProto{Graph: &pb.GraphProto{Initializer: []*pb.TensorProto{{
		Name: proto.String("w"), Dims: g.Initializer[0].Dims, DataType: proto.Int32(int32(pb.TensorProto_FLOAT16)), RawData: make([]byte, 2*5*27)}}}},
		map[string][]float32{"w": stored(m, "w")})
	if err != nil {
		panic(err)
	}
	g.Initializer[0] = half.Graph.Initializer[0]
	if inputs {
		typed(g.Input[0], pb.TensorProto_FLOAT16, 0)
		typed(g.Output[0], pb.TensorProto_FLOAT16, 0)
		return
	}
	g.Node[0].Input[0], g.Node[4].Output[0] = "halves", "half_embedding"
	g.Node = slices.Concat([]*pb.NodeProto{onnx.Node("Cast", []string{"pixels"}, []string{"halves"}, onnx.IntAttribute("to", 10))}, g.Node,
		[]*pb.NodeProto{onnx.Node("Cast", []string{"half_embedding"}, []string{"embedding"}, onnx.IntAttribute("to", 1))})
}

func stored(m *pb.ModelProto, name string) []float32 {
	t, err := onnx.Stored(m, name)
	if err != nil {
		panic(err)
	}
	return t.F32
}

// TestBackbonesOfEveryForm embeds pictures with backbones whose inputs and
// outputs have other types and sizes than float32 and any number of samples,
// and compares the rows with what ONNX Runtime makes of the file, one picture
// after the other.
func TestBackbonesOfEveryForm(t *testing.T) {
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	l, err := runtime.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw := map[string]any{"do_rescale": false, "do_normalize": false}
	for _, c := range []struct {
		name   string
		edit   func(m *pb.ModelProto)
		config map[string]any
		most   float64 // difference
		single bool
		refuse string
	}{
		{name: "plain"},
		{name: "one sample", edit: func(m *pb.ModelProto) {
			typed(m.Graph.Input[0], pb.TensorProto_FLOAT, 1)
			typed(m.Graph.Output[0], pb.TensorProto_FLOAT, 1)
		}},
		{name: "one sample, and its number in the graph", single: true, edit: func(m *pb.ModelProto) {
			typed(m.Graph.Input[0], pb.TensorProto_FLOAT, 1)
			typed(m.Graph.Output[0], pb.TensorProto_FLOAT, 1)
			m.Graph.Initializer[1].Int64Data, m.Graph.Initializer[2].Int64Data = []int64{5, -1, 16}, []int64{1, 80}
		}},
		{name: "four samples", refuse: "fixes the batch size", edit: func(m *pb.ModelProto) { typed(m.Graph.Input[0], pb.TensorProto_FLOAT, 4) }},
		{name: "dimensions of -1", edit: func(m *pb.ModelProto) {
			typed(m.Graph.Input[0], pb.TensorProto_FLOAT, -1)
			typed(m.Graph.Output[0], pb.TensorProto_FLOAT, -1)
		}},
		{name: "float16 inside", most: 2e-3, edit: func(m *pb.ModelProto) { insideHalf(m, false) }},
		{name: "float16 inputs and outputs", most: 2e-3, edit: func(m *pb.ModelProto) { insideHalf(m, true) }},
		{name: "bytes", config: raw, edit: func(m *pb.ModelProto) {
			typed(m.Graph.Input[0], pb.TensorProto_UINT8, 0)
			m.Graph.Node[0].Input[0] = "small"
			m.Graph.Initializer = append(m.Graph.Initializer, onnx.FloatTensor("level", []float32{1. / 255}))
			m.Graph.Node = append([]*pb.NodeProto{onnx.Node("Cast", []string{"pixels"}, []string{"floats"}, onnx.IntAttribute("to", 1)),
				onnx.Node("Mul", []string{"floats", "level"}, []string{"small"})}, m.Graph.Node...)
		}},
		{name: "bytes that are normalised", refuse: "takes levels from 0 to 255 as bytes", edit: func(m *pb.ModelProto) {
			typed(m.Graph.Input[0], pb.TensorProto_UINT8, 0)
			m.Graph.Node[0].Input[0] = "floats"
			m.Graph.Node = append([]*pb.NodeProto{onnx.Node("Cast", []string{"pixels"}, []string{"floats"}, onnx.IntAttribute("to", 1))}, m.Graph.Node...)
		}},
		{name: "an input with a default", edit: func(m *pb.ModelProto) {
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue("threshold", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}))
			m.Graph.Initializer = append(m.Graph.Initializer, onnx.FloatTensor("threshold", []float32{0.05}, 1))
			m.Graph.Node[1] = onnx.Node("Max", []string{"conv", "threshold"}, []string{"relu"})
		}},
		{name: "an input with no default", refuse: "threshold", edit: func(m *pb.ModelProto) {
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue("threshold", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}))
			m.Graph.Node[1] = onnx.Node("Max", []string{"conv", "threshold"}, []string{"relu"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := tinyBackbone(c.edit)
			dir := t.TempDir()
			config := map[string]any{"image_processor_type": "CLIPImageProcessor", "size": map[string]int{"shortest_edge": 8}, "crop_size": map[string]int{"height": 8, "width": 8}}
			for k, v := range c.config {
				config[k] = v
			}
			data, err := json.Marshal(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "preprocessor_config.json"), data, 0o666); err != nil {
				t.Fatal(err)
			}
			if data, err = onnx.Encode(m); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "model.onnx"), data, 0o666); err != nil {
				t.Fatal(err)
			}
			spec, err := folder.Resolve(dir, nil)
			if c.refuse != "" {
				if err == nil || !strings.Contains(err.Error(), c.refuse) {
					t.Fatalf("error %v, want one with %q", err, c.refuse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if spec.Single != c.single || spec.Weights.Size != len(data) {
				t.Errorf("one at a time: %v; %d bytes, of %d", spec.Single, spec.Weights.Size, len(data))
			}
			got, pixels := rowsOf(t, l, spec, 5)
			around := m.Graph.Input[0].GetType().GetTensorType().GetElemType()
			m.Graph.Node = append([]*pb.NodeProto{onnx.Node("Cast", []string{"fed"}, []string{"pixels"}, onnx.IntAttribute("to", int64(around)))}, m.Graph.Node...)
			m.Graph.Node = append(m.Graph.Node, onnx.Node("Cast", []string{"embedding"}, []string{"given"}, onnx.IntAttribute("to", 1)))
			m.Graph.Input[0] = onnx.TensorValue("fed", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 3}, onnx.Dim{Size: 8}, onnx.Dim{Size: 8})
			m.Graph.Output = []*pb.ValueInfoProto{onnx.TensorValue("given", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 80})}
			if data, err = onnx.Encode(m); err != nil {
				t.Fatal(err)
			}
			s, err := l.NewSession(data, &runtime.Options{Inputs: []string{"fed"}, Outputs: []string{"given"}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i, row := range got {
				want := make([]float32, 80)
				in := tensor.View{Shape: []int64{1, 3, 8, 8}, F32: pixels[i*192 : (i+1)*192]}
				if err := s.Run(context.Background(), []tensor.View{in}, []tensor.View{{Shape: []int64{1, 80}, F32: want}}); err != nil {
					t.Fatal(err)
				}
				for k, v := range want {
					if d := math.Abs(float64(row[k] - v)); !(d <= max(c.most, 1e-6)) {
						t.Fatalf("picture %d: value %d is %g, ONNX Runtime has %g", i, k, row[k], v)
					}
				}
			}
			if slices.Equal(got[0], got[1]) {
				t.Error("two pictures have one row")
			}
		})
	}
}

// rowsOf embeds n pictures in one batch, and returns what the backbone was fed.
func rowsOf(t *testing.T, l *runtime.Library, spec *models.Spec, n int) (rows [][]float32, pixels []float32) {
	t.Helper()
	s, err := l.NewSession(spec.Model(), &runtime.Options{Inputs: []string{spec.Inputs[0].Name}, Outputs: spec.Outputs()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, err := NewModality(spec, Batching{Size: n}, new(Stats))
	if err != nil {
		t.Fatal(err)
	}
	var jobs []*Job
	for i := range n {
		picture := image.NewRGBA(image.Rect(0, 0, 8, 8))
		for p := range 64 {
			picture.SetRGBA(p%8, p/8, color.RGBA{uint8(p*i*3 + 17), uint8(255 - p*3), uint8(40*i + p), 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, picture); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, &Job{Content: b.Bytes()})
	}
	tap := &watched{Backbone: s}
	e := New(spec, m, tap, new(Stats), nil)
	good, _, err := e.Embed(context.Background(), jobs)
	if err != nil || len(good) != n {
		t.Fatalf("%d of %d rows, %v", len(good), n, err)
	}
	for _, j := range good {
		rows = append(rows, j.Row)
	}
	return rows, tap.fed
}

// watched keeps what a backbone is fed.
type watched struct {
	Backbone
	fed []float32
}

func (w *watched) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	w.fed = append(w.fed, inputs[0].F32...)
	return w.Backbone.Run(ctx, inputs, outputs)
}
