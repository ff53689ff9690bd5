//go:build cgo && !windows

package onnx_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// sized gives the open dimensions of a model's inputs a size.
func sized(t *testing.T, m *pb.ModelProto, batch, tokens int64) map[string][]int64 {
	shapes := fix(t, m, tokens)
	s, err := onnx.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.Inputs {
		if v.Shape[0].Size < 0 {
			shapes[v.Name][0] = batch
		}
	}
	return shapes
}

// What is detached computes from the tensor at the cut what the whole model
// computes, for every batch and length.
func TestDetachComputesTheSame(t *testing.T) {
	l := library(t)
	paths := map[string]string{}
	for name, path := range builtin {
		paths[name] = path
	}
	small, err := filepath.Glob("grad/testdata/architectures/*.onnx")
	if err != nil || len(small) < 10 {
		t.Fatal(small, err)
	}
	for _, path := range small {
		paths[filepath.Base(path)] = path
	}
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			m := decode(t, path)
			before, err := onnx.Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			sizes := [][2]int64{{1, 17}, {5, 17}, {2, 9}}
			if name == "distilbert-20.onnx" { // has stored positions of 12 tokens
				sizes = [][2]int64{{1, 12}, {5, 12}}
			}
			g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(sized(t, m, 2, 17))})
			if err != nil {
				t.Fatal(err)
			}
			output := g.Outputs[0]
			cuts, err := onnx.Cuts(g, output)
			if err != nil {
				t.Fatal(err)
			}
			done := 0
			for _, c := range some(cuts) {
				part, err := onnx.Detach(m, c.Tensor, output)
				if e, ok := errors.AsType[*onnx.BypassError](err); ok && e.Shape {
					continue // SigLIP's pooling takes a size from before the cut
				}
				if err != nil {
					t.Fatalf("cut at %s: %v", c.Tensor, err)
				}
				done++
				if part.Graph.Input[0].GetName() != c.Tensor {
					t.Fatalf("cut at %s: inputs %v", c.Tensor, part.Graph.Input)
				}
				s, err := onnx.Walk(part)
				if err != nil {
					t.Fatal(err)
				}
				var side []string
				for _, v := range s.Inputs[1:] {
					side = append(side, v.Name)
				}
				for _, in := range c.Side {
					if !slices.Contains(side, in) {
						t.Errorf("cut at %s: inputs %v beside it, the cut says %v", c.Tensor, side, c.Side)
					}
				}
				for _, size := range sizes {
					whole := must(onnx.Prune(m, c.Tensor, output))
					g, err := onnx.Infer(whole, &onnx.InferOptions{Inputs: onnx.Fixed(sized(t, whole, size[0], size[1]))})
					if err != nil {
						t.Fatal(err)
					}
					in := map[string]tensor.View{}
					for _, name := range g.Inputs {
						in[name] = feed(g.Types[name], g.Shapes[name])
					}
					want := compute(t, l, whole, g, in, c.Tensor, output)
					fed := map[string]tensor.View{c.Tensor: {Shape: g.Shapes[c.Tensor], F32: want[0]}}
					for _, name := range side {
						fed[name] = in[name]
					}
					if d := distance(compute(t, l, part, g, fed, output)[0], want[1]); !(d <= 1e-6) {
						t.Errorf("cut at %s, size %v: the part computes something else: %g", c.Tensor, size, d)
					}
				}
			}
			if done < 2 {
				t.Errorf("%d cuts", done)
			}
			if after, err := onnx.Encode(m); err != nil || string(after) != string(before) {
				t.Errorf("the model itself was changed: %v", err)
			}
		})
	}
}

// Weights keep their names and types, so that they can be written back to the
// part, and to the whole.
func TestDetachKeepsStoredWeights(t *testing.T) {
	m := decode(t, builtin["efficientnet-lite0"])
	part, err := onnx.Detach(m, "Add_5", "features")
	if err != nil {
		t.Fatal(err)
	}
	if a, b := part.GetIrVersion(), m.GetIrVersion(); a != b || len(part.OpsetImport) != len(m.OpsetImport) {
		t.Errorf("IR version %d, was %d; operator sets %v", a, b, part.OpsetImport)
	}
	halves := 0
	for _, x := range part.Graph.Initializer {
		if !slices.Contains(m.Graph.Initializer, x) {
			t.Errorf("%s is another tensor than the model's", x.GetName())
		}
		if pb.TensorProto_DataType(x.GetDataType()) == pb.TensorProto_FLOAT16 {
			halves++
		}
	}
	if n := len(part.Graph.Initializer); n >= len(m.Graph.Initializer)/2 || halves < 5 {
		t.Errorf("%d initialisers of %d, %d of them float16", n, len(m.Graph.Initializer), halves)
	}
	g, err := onnx.Infer(part, &onnx.InferOptions{Inputs: onnx.Fixed(map[string][]int64{"Add_5": {2, 112, 14, 14}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	if s := g.Shapes["features"]; !slices.Equal(s, []int64{2, 1280}) {
		t.Errorf("features have shape %v", s)
	}
	if part, err = onnx.Detach(m, "Add_5", "features", "pixel_values"); err != nil || len(part.Graph.Input) != 2 || part.Graph.Input[1].GetName() != "pixel_values" {
		t.Errorf("an input that is handed through: %v %v", part.GetGraph().GetInput(), err)
	}
	if part, err = onnx.Detach(m, "", "features"); err != nil || len(part.Graph.Node) != len(must(onnx.Prune(m, "features")).Graph.Node) {
		t.Errorf("from the inputs: %v", err)
	}
	for cut, want := range map[string]string{
		"nowhere": "no node makes this tensor", "pixel_values": "no node makes this tensor", "onnx::Conv_900": "no node makes this tensor",
	} {
		if _, err := onnx.Detach(m, cut, "features"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cut at %s: %v", cut, err)
		}
	}
	for _, outputs := range [][]string{nil, {"nowhere"}, {""}, {"features", "features"}} {
		if _, err := onnx.Detach(m, "Add_5", outputs...); err == nil || !strings.HasPrefix(err.Error(), "onnx: ") {
			t.Errorf("outputs %q: %v", outputs, err)
		}
	}
}
