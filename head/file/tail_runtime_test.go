//go:build cgo

package file

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// session runs a model.
func session(t *testing.T, l *runtime.Library, m *pb.ModelProto, outputs ...string) (s *runtime.Session, inputs []string) {
	t.Helper()
	sum, err := onnx.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range sum.Inputs {
		inputs = append(inputs, v.Name)
	}
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = l.NewSession(data, &runtime.Options{Inputs: inputs, Outputs: outputs}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, inputs
}

// open returns ONNX Runtime.
func open(t *testing.T) *runtime.Library {
	l, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// ONNX Runtime computes from the file what float64 computes from the weights,
// in old operator sets and new ones.
func TestTailRuntime(t *testing.T) {
	l := open(t)
	const n, tokens = 3, 4
	counts := []int{4, 1, 3}
	for _, opset := range []int64{9, 11, 13, 18, 25} {
		for _, pooling := range overTokens {
			if pooling == "weightedmean" && opset < 11 {
				continue // TestAppendComputes has why
			}
			f := tailed(pooling, pooling == "mean")
			f.Tail.Backbone = small(opset)
			if opset == 25 {
				f.Tail.Backbone.IrVersion = new(int64(13))
			}
			path := filepath.Join(t.TempDir(), "x.head.onnx")
			if err := Write(path, f); err != nil {
				t.Fatal(err)
			}
			g, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := build(g)
			if err != nil {
				t.Fatal(err)
			}
			s, inputs := session(t, l, m, "logits", "probabilities")
			cut := values(11, n*tokens*wide)
			mask := make([]int64, n*tokens)
			for i := range mask {
				if i%tokens < counts[i/tokens] {
					mask[i] = 1
				}
			}
			in := []tensor.View{{Shape: []int64{n, tokens, wide}, F32: cut}}
			if len(inputs) > 1 {
				in = append(in, tensor.View{Shape: []int64{n, tokens}, I64: mask})
			}
			c := len(f.Head.Classes)
			logits, p := make([]float32, n*c), make([]float32, n*c)
			shape := []int64{n, int64(c)}
			if err := s.Run(context.Background(), in, []tensor.View{{Shape: shape, F32: logits}, {Shape: shape, F32: p}}); err != nil {
				t.Fatal(err)
			}

			w1, w2, b1 := g.Tail.Weights["w1"], g.Tail.Weights["weight"], values(2, wide)
			rows := make([]float32, n*features)
			for i := range n {
				first, count := 0, counts[i]
				weight := func(s int) float64 { return 1 / float64(count) }
				switch pooling {
				case "cls":
					count = 1
				case "last":
					first = count - 1
					weight = func(int) float64 { return 1 }
				case "mean_sqrt_len":
					weight = func(int) float64 { return 1 / math.Sqrt(float64(count)) }
				case "weightedmean":
					weight = func(s int) float64 { return float64(s+1) / float64(count*(count+1)/2) }
				}
				row, top := make([]float64, features), slices.Repeat([]float64{math.Inf(-1)}, features)
				for s := first; s < count; s++ {
					own := make([]float64, features)
					x := cut[(i*tokens+s)*wide:]
					for j := range wide {
						h := float64(b1[j])
						for k := range wide {
							h += float64(x[k]) * float64(w1[k*wide+j])
						}
						for d := range features {
							own[d] += math.Max(h, 0) * float64(w2[j*features+d])
						}
					}
					for d, v := range own {
						row[d] += weight(s) * v
						top[d] = max(top[d], v)
					}
				}
				if pooling == "max" {
					row = top
				}
				for d, v := range row {
					rows[i*features+d] = float32(v)
				}
			}
			if d := largest(probabilities(t, g.Head, rows), p); !(d <= 1e-5) {
				t.Errorf("operator set %d, %s: probabilities differ by %g", opset, pooling, d)
			}
			want := make([]float64, n*c)
			g.Head.LogitsTo(want, rows, n)
			if d := largest(want, logits); !(d <= 1e-4) {
				t.Errorf("operator set %d, %s: logits differ by %g", opset, pooling, d)
			}
		}
	}
}

// A tail of a built-in backbone, fed with what the frozen part gives, computes
// what the whole backbone does with the same weights and a head on its
// features.
func TestTailOfBackbones(t *testing.T) {
	l := open(t)
	for _, b := range []struct {
		path, cut, features, pooling, mask string
		d, tokens                          int
	}{
		{"efficientnet-lite0", "Add_6", "features", "", "", 1280, 0},
		{"efficientnet-lite0", "", "features", "", "", 1280, 0},
		{"all-minilm-l6-v2", "/m/encoder/layer.3/output/LayerNorm/LayerNormalization_output_0", "last_hidden_state", "mean", "attention_mask", 384, 7},
		{"all-minilm-l6-v2", "/m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0", "last_hidden_state", "cls", "", 384, 7},
	} {
		data, err := os.ReadFile(filepath.Join("../../models/builtin", b.path, "onnx/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		f := tailed("cls", b.mask != "")
		mdl := affine(f)
		mdl.Mean, mdl.Scale = make([]float64, b.d), slices.Repeat([]float64{1}, b.d)
		mdl.Weight = nil
		for _, x := range values(4, 3*b.d) {
			mdl.Weight = append(mdl.Weight, float64(x)/10)
		}
		f.Spaces[0].JSON = fmt.Appendf(nil, `{"dim":%d}`, b.d)
		f.Tail = &Tail{Backbone: m, Cut: b.cut, Features: b.features, Pooling: b.pooling, Mask: b.mask, Normalize: mdl.Normalize, Weights: map[string][]float32{}}
		part, err := onnx.Detach(m, b.cut, b.features)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range part.Graph.Initializer {
			v, err := onnx.Stored(m, x.GetName())
			if err != nil || len(v.F32) < 100 || i%2 > 0 {
				continue // not floats, or none to train
			}
			changed := slices.Clone(v.F32)
			for j := range changed {
				changed[j] *= 1 + 0.05*float32(j%3)
			}
			f.Tail.Weights[x.GetName()] = changed
		}
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		g, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Tail.Weights) != len(f.Tail.Weights) || len(f.Tail.Weights) < 3 {
			t.Errorf("%d weights, were %d", len(g.Tail.Weights), len(f.Tail.Weights))
		}

		const n = 2
		in := map[string]tensor.View{}
		mask := []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}
		shape := []int64{n, int64(b.d)}
		if b.tokens == 0 {
			in["pixel_values"] = tensor.View{Shape: []int64{n, 3, 224, 224}, F32: values(9, n*3*224*224)}
		} else {
			shape = []int64{n, int64(b.tokens), int64(b.d)}
			for i, name := range []string{"input_ids", "attention_mask", "token_type_ids"} {
				ids := make([]int64, n*b.tokens)
				for j := range ids {
					ids[j] = []int64{int64(1000 + 37*j), mask[j], 0}[i]
				}
				in[name] = tensor.View{Shape: []int64{n, int64(b.tokens)}, I64: ids}
			}
		}
		feed := func(inputs []string) (tensors []tensor.View) {
			for _, name := range inputs {
				tensors = append(tensors, in[name])
			}
			return tensors
		}
		if b.cut != "" {
			head, err := onnx.Prune(m, b.cut)
			if err != nil {
				t.Fatal(err)
			}
			s, inputs := session(t, l, head, b.cut)
			g, err := onnx.Infer(m, nil)
			if err != nil {
				t.Fatal(err)
			}
			at, size := []int64{}, int64(1)
			for i, d := range sizes(g.Dims(b.cut)) {
				if d < 0 {
					d = []int64{n, int64(b.tokens)}[i]
				}
				at, size = append(at, d), size*d
			}
			x := tensor.View{Shape: at, F32: make([]float32, size)}
			if err := s.Run(t.Context(), feed(inputs), []tensor.View{x}); err != nil {
				t.Fatal(err)
			}
			in[b.cut] = x
		}
		built, err := build(g)
		if err != nil {
			t.Fatal(err)
		}
		s, inputs := session(t, l, built, "logits", "probabilities")
		c := len(mdl.Bias)
		logits, p := make([]float32, n*c), make([]float32, n*c)
		if err := s.Run(t.Context(), feed(inputs), []tensor.View{{Shape: []int64{n, int64(c)}, F32: logits}, {Shape: []int64{n, int64(c)}, F32: p}}); err != nil {
			t.Fatal(err)
		}

		whole, err := onnx.Rewrite(m, g.Tail.Weights)
		if err != nil {
			t.Fatal(err)
		}
		s, inputs = session(t, l, whole, b.features)
		out := tensor.View{Shape: shape, F32: make([]float32, n*b.d*max(b.tokens, 1))}
		if err := s.Run(t.Context(), feed(inputs), []tensor.View{out}); err != nil {
			t.Fatal(err)
		}
		rows := out.F32
		if b.tokens > 0 {
			rows = make([]float32, n*b.d)
			for i := range n {
				for d := range b.d {
					sum, count := 0.0, 0.0
					for s := range b.tokens {
						if mask[i*b.tokens+s] == 1 && (s == 0 || b.pooling == "mean") {
							sum += float64(out.F32[(i*b.tokens+s)*b.d+d])
							count++
						}
					}
					rows[i*b.d+d] = float32(sum / count)
				}
			}
		}
		if d := largest(probabilities(t, g.Head, rows), p); !(d <= 1e-5) {
			t.Errorf("%s cut at %q: probabilities differ by %g", b.path, b.cut, d)
		} else {
			t.Logf("%s cut at %q: %d parameters, probabilities differ by at most %.2g", b.path, b.cut, g.Tail.Parameters(), d)
		}
	}
}
