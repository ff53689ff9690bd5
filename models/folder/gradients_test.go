//go:build cgo && !windows

package folder_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// firstStep is what testdata/hub/gradients.py writes of a backbone.
type firstStep struct {
	Loss    float64
	Scale   float32 // of the head
	Rounded float64 // how far off PyTorch is in float32
	Weights map[string]struct {
		Norm  float64
		Along []float64
	}
	Moved *firstStep // with other values of some weights
	By    []string   // these
}

// noise is that of models/onnx/grad/testdata/generate.py: n numbers between -1
// and 1.
func noise(n, seed int) []float32 {
	v := make([]float32, n)
	for i := range v {
		h := uint32(uint64(i+seed*1000003) * 2654435761)
		h ^= h >> 15
		h *= 2246822519
		h ^= h >> 13
		v[i] = float32(float64(h>>8)/(1<<23) - 1)
	}
	return v
}

// kinks are weights of which PyTorch's gradient and ours may differ, by the
// backbone's name: both parts of an MLP of positions whose weights stand on a
// grid, as the archive's do, so that inputs of its Relu are 0 but for rounding.
// Some of the six that float32 and float64 have on different sides of the kink
// are before each of them. With the first one's bias moved off the grid, which
// is the step "moved", none differs.
var kinks = map[string][]string{"swinv2": {
	"encoder.layers.0.blocks.0.attention.self.continuous_position_bias_mlp.0.bias",
	"onnx::MatMul_809", // the weight before the Relu
	"/encoder/layers.0/blocks.0/attention/self/continuous_position_bias_mlp/continuous_position_bias_mlp.0/Constant_output_0", // positions
}}

// saturated are backbones whose softmax is nearly one-hot, as random weights
// make it: of dY - Σ dY·y next to nothing is left. PyTorch's own gradients are
// as far off in float32.
var saturated = []string{"levit"}

// classes of the head in gradients.py.
const classes = 5

// run runs the first step of retraining a backbone behind a place, and returns
// the loss and the gradients under the names of the file.
func (s *firstStep) run(t *testing.T, library *runtime.Library, network *retrain.Network, samples tensor.View) (loss float64, found map[string][]float32) {
	t.Helper()
	n := int(samples.Shape[0])
	g, err := onnx.Infer(network.Model, &onnx.InferOptions{Inputs: onnx.Fixed(network.Shapes(n, 0)), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := grad.Build(g, &grad.Options{Cut: network.Cut, Features: network.Features, Pooling: network.Pooling, Mask: network.Mask, Normalize: network.Normalize, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	target := make([]float32, n*classes)
	for i := range n {
		target[i*classes+i%classes] = 1 / float32(n)
	}
	in := []tensor.View{samples, {Shape: p.Target.Dims, F32: target}}
	out := []tensor.View{{Shape: []int64{1}, F32: make([]float32, 1)}, {Shape: p.Target.Dims, F32: make([]float32, len(target))}}
	found = map[string][]float32{}
	for i, w := range p.Weights {
		name, values := g.Stored[w.Name], w.Values
		switch i - len(p.Weights) {
		case -2:
			name, values = "head.weight", noise(classes*int(w.Shape[1]), 2)
			for k := range values {
				values[k] *= s.Scale
			}
		case -1:
			name, values = "head.bias", noise(classes, 3)
		}
		found[name] = make([]float32, len(values))
		in = append(in, tensor.View{Shape: w.Dims, F32: slices.Clone(values)})
		out = append(out, tensor.View{Shape: w.Dims, F32: found[name]})
	}
	run(t, library, p.Step, p.InputNames(), p.OutputNames(), in, out)
	// What PyTorch trains and is not trained here is no weight.
	if network.Cut == "" {
		buffers := g.Buffers()
		for name, w := range s.Weights {
			if found[name] == nil && w.Norm > 0 && !buffers[name] && !strings.Contains(name, ".running_") {
				t.Errorf("%s has no gradient", name)
			}
		}
	}
	return float64(out[0].F32[0]), found
}

// compare compares gradients with PyTorch's, and returns the largest error,
// relative to the length of a weight's gradient, and whose it is. What has no
// gradient but for rounding, as the bias of a key, which softmax does not see,
// is measured by the longest gradient.
func (s *firstStep) compare(t *testing.T, found map[string][]float32, but []string) (worst float64, where string) {
	t.Helper()
	longest := 0.0
	for _, w := range s.Weights {
		longest = max(longest, w.Norm)
	}
	for name, got := range found {
		want, ok := s.Weights[name]
		if !ok {
			t.Errorf("%s has no gradient in PyTorch", name)
			continue
		}
		length := want.Norm
		if length < 1e-9*longest {
			length = longest
		}
		sum := 0.0
		for k, along := range want.Along {
			product := 0.0
			for i, d := range noise(len(got), 100+k) {
				product += float64(d) * float64(got[i])
			}
			sum += (product - along) * (product - along)
		}
		// The mean square of a number between -1 and 1 is 1/3.
		if e := math.Sqrt(3*sum/float64(len(want.Along))) / length; !(e <= worst) && !slices.Contains(but, name) {
			worst, where = e, name
		}
	}
	return worst, where
}

// run runs a model once.
func run(t *testing.T, library *runtime.Library, m *pb.ModelProto, inputs, outputs []string, in, out []tensor.View) {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := library.NewSession(data, &runtime.Options{Inputs: inputs, Outputs: outputs, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
}

// at returns what a network makes of samples at its cut.
func at(t *testing.T, library *runtime.Library, network *retrain.Network, shape []int64, samples tensor.View) tensor.View {
	t.Helper()
	if network.Cut == "" {
		return samples
	}
	m, err := onnx.Prune(network.Model, network.Cut)
	if err != nil {
		t.Fatal(err)
	}
	out := tensor.View{Shape: slices.Clone(shape)}
	out.Shape[0] = samples.Shape[0]
	n := int64(1)
	for _, d := range out.Shape {
		n *= d
	}
	out.F32 = make([]float32, n)
	run(t, library, m, []string{m.Graph.Input[0].GetName()}, []string{network.Cut}, []tensor.View{samples}, []tensor.View{out})
	return out
}

// The first step of retraining a backbone has PyTorch's gradients, at each
// depth.
func TestFirstStepsAgreeWithPyTorch(t *testing.T) {
	dir, names := hub(t)
	data, err := os.ReadFile("testdata/hub/gradients.json")
	if err != nil {
		t.Fatal(err)
	}
	var steps map[string]*firstStep
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	library, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			step := steps[name]
			if step == nil {
				t.Fatal("gradients.py has not seen it")
			}
			g := readGolden(t, filepath.Join(dir, name))
			pixels := tensor.View{F32: g.pixels}
			for _, d := range g.Pixels {
				pixels.Shape = append(pixels.Shape, int64(d))
			}
			choice := &contract.Choice{Modality: models.Image}
			spec, err := choice.Resolve(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			places, err := retrain.NewPlaces(spec)
			if err != nil {
				t.Fatal(err)
			}
			check := func(tail string, network *retrain.Network, shape []int64, step *firstStep, but []string) {
				loss, found := step.run(t, library, network, at(t, library, network, shape, pixels))
				if d := math.Abs(loss - step.Loss); !(d <= 1e-5*step.Loss) {
					t.Errorf("%s: the loss is %v, PyTorch's %v", tail, loss, step.Loss)
				}
				worst, where := step.compare(t, found, but)
				t.Logf("%s, cut at %q: %d weights, largest error %.1e (%s)", tail, network.Cut, len(found), worst, where)
				limit := 1e-4
				if slices.Contains(saturated, name) {
					if limit = 2 * step.Rounded; limit < 1e-4 {
						t.Error("PyTorch is near enough in float32")
					}
				}
				if !(worst <= limit) {
					t.Errorf("%s: %s is off by %.1e of its length", tail, where, worst)
				}
			}
			for _, tail := range []string{"last:1", "half", "all"} {
				place, err := places.Find(tail)
				if err != nil {
					t.Errorf("%s: %v", tail, err)
					continue
				}
				check(tail, places.Network(place), place.Shape, step, kinks[name])
			}
			if len(kinks[name]) == 0 {
				return
			}
			if step.Rounded < 1e-4 {
				t.Error("PyTorch sees no kink in float32")
			}
			place, err := places.Find("all")
			if err != nil {
				t.Fatal(err)
			}
			network := places.Network(place)
			moved := map[string][]float32{}
			for _, stored := range step.Moved.By {
				v, err := onnx.Stored(network.Model, stored)
				if err != nil {
					t.Fatal(err)
				}
				moved[stored] = slices.Clone(v.F32)
				for i, x := range noise(len(v.F32), 99) {
					moved[stored][i] += x / 64
				}
			}
			if network.Model, err = onnx.Rewrite(network.Model, moved); err != nil {
				t.Fatal(err)
			}
			check("all, moved", network, nil, step.Moved, nil)
		})
	}
}
