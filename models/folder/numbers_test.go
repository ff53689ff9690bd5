package folder

import (
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// rowGraph is a graph that adds numbers up, into an embedding of 4.
func rowGraph(t *testing.T, in *pb.ValueInfoProto, n int64) []byte {
	return graph(t, values(in), values(f32("embedding", 4)), func(m *pb.ModelProto) {
		m.Graph.Initializer = []*pb.TensorProto{onnx.FloatTensor("w", make([]float32, 4*n), n, 4)}
		m.Graph.Node = []*pb.NodeProto{
			onnx.Node("Cast", []string{in.GetName()}, []string{"floats"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))),
			onnx.Node("Flatten", []string{"floats"}, []string{"flat"}),
			onnx.Node("MatMul", []string{"flat", "w"}, []string{"embedding"}),
		}
	})
}

func typed(elem pb.TensorProto_DataType, sizes ...int64) *pb.ValueInfoProto {
	return onnx.TensorValue("x", elem, dims(sizes...)...)
}

// A graph with one plain input of numbers needs no file; where it may be a
// picture or a text, or leaves a length open, backbone.json says so, or that
// the samples are numbers.
func TestBackbonesOfNumbers(t *testing.T) {
	numbers := fields{"modality": "numbers"}
	for _, test := range []struct {
		name  string
		in    *pb.ValueInfoProto
		file  fields
		asked *Options
		shape []int64
		dtype string
		want  string // of the error
	}{
		{name: "a row", in: f32("x", 10), shape: []int64{10}, dtype: "f32"},
		{name: "a row of float16", in: typed(pb.TensorProto_FLOAT16, 10), shape: []int64{10}, dtype: "f32"},
		{name: "a row of float64", in: typed(pb.TensorProto_DOUBLE, 10), shape: []int64{10}, dtype: "f32"},
		{name: "a row of bytes", in: typed(pb.TensorProto_UINT8, 10), shape: []int64{10}, dtype: "u8"},
		{name: "steps", in: f32("x", 7, 3), shape: []int64{7, 3}, dtype: "f32"},
		{name: "a map of many channels", in: f32("x", 16, 4, 5), shape: []int64{16, 4, 5}, dtype: "f32"},
		{name: "one sample", in: onnx.TensorValue("x", pb.TensorProto_FLOAT, onnx.Dim{Size: 1}, onnx.Dim{Size: 10}), shape: []int64{10}, dtype: "f32"},
		{name: "a map", in: f32("x", 1, 4, 5), want: `"modality": "numbers"`},
		{name: "a map that is one of numbers", in: f32("x", 1, 4, 5), file: numbers, shape: []int64{1, 4, 5}, dtype: "f32"},
		{name: "a map of samples that are numbers", in: f32("x", 1, 4, 5), asked: &Options{Modality: models.Numbers}, shape: []int64{1, 4, 5}, dtype: "f32"},
		{name: "whole numbers", in: i64("x", 10), want: `{"modality": "numbers"} in`},
		{name: "whole numbers as they are", in: i64("x", 10), file: numbers, shape: []int64{10}, dtype: "i64"},
		{name: "short whole numbers", in: typed(pb.TensorProto_INT32, 10), file: numbers, shape: []int64{10}, dtype: "i32"},
		{name: "an open length", in: f32("x", -1), want: `{"modality": "numbers"} in`},
		{name: "an open length of numbers", in: f32("x", -1), file: numbers, want: `leaves open how many numbers a sample has`},
		{name: "an open length that is said", in: f32("x", -1), file: fields{"modality": "numbers", "shape": []int{10}}, shape: []int64{10}, dtype: "f32"},
		{name: "another length", in: f32("x", 10), file: fields{"modality": "numbers", "shape": []int{9}}, want: "shape: [9] is not that of a sample"},
		{name: "no shape", in: f32("x", -1), file: fields{"modality": "numbers", "shape": "ten"}, want: "a list of whole numbers"},
		{name: "a shape of nothing", in: f32("x", -1), file: fields{"modality": "numbers", "shape": []int{0}}, want: "from 1 to"},
		{name: "too much", in: f32("x", 1<<20, 1<<20), file: numbers, want: "from 1 to"},
		{name: "no modality", in: f32("x", 10), file: fields{"modality": "sound"}, want: `modality: "sound" is none of image, text and numbers`},
		{name: "texts", in: typed(pb.TensorProto_STRING, 10), file: numbers, want: "a backbone of numbers has one input"},
		{name: "an image after all", in: f32("x", 3, 8, 8), file: fields{"modality": "image"}, want: "nothing says how an image becomes"},
	} {
		n := int64(1)
		for _, d := range test.shape {
			n *= d
		}
		f := tree{"model.onnx": rowGraph(t, test.in, n)}
		if test.file != nil {
			f["backbone.json"] = test.file
		}
		s, _, err := f.resolve(t, test.asked)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		c, ok := s.Contract.(*models.NumbersSpec)
		if !ok || s.Modality != models.Numbers || !slices.Equal(c.Shape, test.shape) || c.DType != test.dtype || s.Taps[0].Dim != 4 || len(s.Inputs) != 1 || s.Inputs[0].Role != "numbers" {
			t.Errorf("%s: %+v %+v", test.name, s.Contract, s.Inputs)
		}
	}

	// backbone.json overrules what other files say, and chooses.
	f := imageTree(t)
	f["backbone.json"] = numbers
	s, _, err := f.resolve(t, nil)
	if err != nil || s.Modality != models.Numbers {
		t.Errorf("tensors for a backbone of images: %v", err)
	}
	two := tree{"model.onnx": graph(t, values(f32("a", 3), f32("b", 4)), values(f32("embedding", 4)), nil)}
	if _, _, err := two.resolve(t, nil); err == nil || !strings.Contains(err.Error(), `"a" FLOAT[N,3], "b" FLOAT[N,4]`) {
		t.Errorf("two inputs: %v", err)
	}
}
