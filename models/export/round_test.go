//go:build cgo && !windows

package export_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// product is a backbone that multiplies by a matrix, 64×64, with a head behind
// it, and what both compute of two samples, in float64.
func product(t *testing.T, v []float32) (*pb.ModelProto, *export.Check) {
	t.Helper()
	const d = 64
	m := tiny(17, 8, []*pb.ValueInfoProto{input("rows", pb.TensorProto_FLOAT, -1, d)}, onnx.Node("MatMul", []string{"rows", "w"}, []string{"x"}))
	m.Graph.Initializer = []*pb.TensorProto{onnx.FloatTensor("w", v, d, d)}
	h := head(3, d)
	h.Features = "x"
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	const n = 2
	rows := numbers(n*d, 1)
	for i := range n {
		rows[i*d] = 0 // nothing reads the first row of the matrix
	}
	b := export.Batch{Inputs: []tensor.View{{Shape: []int64{n, d}, F32: rows}}}
	for i := range n {
		x := make([]float64, d)
		for j := range x {
			for k := range d {
				x[j] += float64(rows[i*d+k]) * float64(v[k*d+j])
			}
		}
		z, sum := make([]float64, 3), 0.0
		for c := range z {
			z[c] = float64(h.Bias[c])
			for j := range x {
				z[c] += (x[j] - float64(h.Center[j])) * float64(h.Weight[c*d+j])
			}
			z[c] = math.Exp(z[c] / float64(h.Temperature))
			sum += z[c]
		}
		for _, e := range z {
			b.Probabilities = append(b.Probabilities, e/sum)
		}
	}
	return fused, &export.Check{Library: library(t), Inputs: []string{"rows"}, Classes: 3, Link: layer.Softmax, Batches: []export.Batch{b}}
}

// A model of rounded weights is held to what these weights give, and to how far
// that is from the model as it was.
func TestRound(t *testing.T) {
	plain := numbers(64*64, 0.05)
	coarse := slices.Clone(plain)
	for j := range 64 {
		coarse[j] = 1e4 // in the first row: each column has a step of 80
	}
	for _, c := range []struct {
		name      string
		weights   []float32
		precision onnx.Precision
		want      string // in the error; "": it is a good one
	}{
		{"f16", plain, onnx.Float16, ""},
		{"int8", plain, onnx.Int8, ""},
		{"f16 of a coarse one", coarse, onnx.Float16, ""},
		{"int8 of a coarse one", coarse, onnx.Int8, "weights stored as int8 move the answers of 2 samples by"},
		{"f32", plain, onnx.Float32, "not rounded"},
	} {
		m, check := product(t, c.weights)
		r, err := export.Round(t.Context(), &export.RoundOptions{Precision: c.precision, Model: m, Check: check})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			if _, moved := errors.AsType[*export.MovedError](err); moved != (c.precision == onnx.Int8) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		b := export.Batch{Inputs: check.Batches[0].Inputs, Probabilities: make([]float64, 6)}
		if err := r.Answers(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		far := 0.0
		for i, p := range b.Probabilities {
			far = max(far, math.Abs(p-check.Batches[0].Probabilities[i]))
		}
		if !(far > 0) || math.Abs(far-r.Max) > 1e-6 || r.Moved > r.Max*1.5 {
			t.Errorf("%s: answers moved by %g, said are %g and %g", c.name, far, r.Max, r.Moved)
		}
		dir := t.TempDir()
		w, err := export.Write(t.Context(), &export.Output{Dir: filepath.Join(dir, "x"), Model: r.Model, Check: r.Check})
		if err != nil || w.MaxDifference > export.Tolerance {
			t.Errorf("%s: %v, %v", c.name, w, err)
		}
		// A model that computes something else, by as little as its rounding
		// may.
		broken := &pb.ModelProto{IrVersion: r.Model.IrVersion, OpsetImport: r.Model.OpsetImport}
		for i, x := range r.Model.Graph.Initializer {
			if strings.HasSuffix(x.GetName(), "_f16") || strings.HasSuffix(x.GetName(), "_int8") {
				raw := slices.Clone(x.RawData)
				for at := 1; at < len(raw); at += 2 * 64 { // a column of it
					raw[at] ^= 1
				}
				wrong := &pb.TensorProto{Name: x.Name, Dims: x.Dims, DataType: x.DataType, RawData: raw}
				g := &pb.GraphProto{Name: r.Model.Graph.Name, Node: r.Model.Graph.Node, Input: r.Model.Graph.Input, Output: r.Model.Graph.Output, Initializer: slices.Clone(r.Model.Graph.Initializer)}
				g.Initializer[i] = wrong
				broken.Graph = g
			}
		}
		_, err = export.Write(t.Context(), &export.Output{Dir: filepath.Join(dir, "y"), Model: broken, Check: r.Check})
		if !errors.Is(err, export.ErrDifferent) {
			t.Errorf("%s: a broken model was written: %v", c.name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "y")); err == nil {
			t.Errorf("%s: the folder of a broken model is there", c.name)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// A model that is not what the samples say is no better for being rounded.
	m, check := product(t, plain)
	check.Batches[0].Probabilities[2] += 1e-3
	if _, err := export.Round(t.Context(), &export.RoundOptions{Precision: onnx.Float16, Model: m, Check: check}); !errors.Is(err, export.ErrDifferent) {
		t.Errorf("%v", err)
	}
}
