//go:build cgo && !windows

package retrain

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// textStep is what testdata/texts/generate.py writes of a model.
type textStep struct {
	Loss    float64
	Scale   float32 // of the head
	Output  string
	Dim     int
	Weights map[string]struct {
		Norm  float64
		Along []float64
	}
	Cuts map[string]*textStep // behind these

	Model, Pooling string // what poolings.py writes of one of the models
	Left           bool   // texts are filled up on the left
}

// untrained are weights of PyTorch that are not trained here: rotation
// frequencies, which are no parameters of the modules, as are the zeros that
// stand for a bias that is not there.
func untrained(name string) bool {
	return strings.Contains(name, "onnx::Expand_") || strings.Contains(name, "norm/Constant_output_0")
}

// The samples of generate.py.
var (
	textIDs  = []int64{4, 17, 3, 29, 8, 11, 9, 21, 5, 7, 0, 0, 2, 30, 14, 6, 12, 0, 25, 13, 0, 0, 0, 0}
	textMask = []int64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0}
)

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

// textModels reads the archive of generate.py: models by name.
func textModels(t *testing.T) map[string][]byte {
	t.Helper()
	f, err := os.Open("testdata/texts/models.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if found[strings.TrimSuffix(h.Name, ".onnx")], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// textSpec describes a text model: what a folder with a tokenizer would say.
func textSpec(t *testing.T, name string, data []byte, step *textStep) *models.Spec {
	t.Helper()
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	spec := &models.Spec{Name: name, Modality: models.Text, Contract: &models.TextSpec{MaxLen: 6}, Weights: models.Weights{Path: name, Data: data}}
	for _, in := range m.GetGraph().GetInput() {
		role := map[string]string{"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types", "position_ids": "positions"}[in.GetName()]
		spec.Inputs = append(spec.Inputs, models.Input{Name: in.GetName(), DType: "i64", Role: role})
	}
	tap := step.Output
	if tap == "last_hidden_state" {
		tap += ":" + cmp.Or(step.Pooling, "mean")
	}
	text := spec.Contract.(*models.TextSpec)
	if step.Left {
		text.Padding = "left"
	}
	if !slices.ContainsFunc(spec.Inputs, func(in models.Input) bool { return in.Role == "mask" }) {
		text.Length = text.MaxLen
	}
	if err := spec.SetTaps([]string{tap}); err != nil {
		t.Fatal(err)
	}
	return spec
}

// feed returns what a model is fed for an input.
func (s *textStep) feed(name string) tensor.View {
	v := tensor.View{Name: name, Shape: []int64{4, 6}, I64: make([]int64, 24)}
	switch name {
	case "input_ids":
		copy(v.I64, textIDs)
	case "attention_mask":
		copy(v.I64, textMask)
	case "position_ids":
		for i := range v.I64 {
			v.I64[i] = int64(i % 6)
		}
		return v
	}
	if s.Left {
		for row := range slices.Chunk(v.I64, 6) {
			slices.Reverse(row)
		}
	}
	return v
}

// runOnce runs a model.
func runOnce(t *testing.T, m *pb.ModelProto, inputs, outputs []string, in, out []tensor.View) {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := library(t).NewSession(data, &runtime.Options{Inputs: inputs, Outputs: outputs, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
}

// step runs a first step behind the cut of a network, and returns the loss and
// the gradients by the names of the file.
func (s *textStep) step(t *testing.T, network *Network) (loss float64, found map[string][]float32) {
	t.Helper()
	const n, classes = 4, 5
	program, g, err := network.build(n, 6, classes, 0)
	if err != nil {
		t.Fatal(err)
	}
	var in []tensor.View
	for _, x := range program.Inputs {
		if x.Name != network.Cut {
			in = append(in, s.feed(x.Name))
			continue
		}
		in = append(in, s.through(t, network.Model, x.Name, x.Dims, nil))
	}
	target := make([]float32, n*classes)
	for i := range n {
		target[i*classes+i%classes] = 1. / n
	}
	in = append(in, tensor.View{Shape: program.Target.Dims, F32: target})
	out := []tensor.View{{Shape: []int64{1}, F32: make([]float32, 1)}, {Shape: program.Target.Dims, F32: make([]float32, len(target))}}
	found = map[string][]float32{}
	for i, w := range program.Weights {
		name, values := g.Stored[w.Name], w.Values
		switch i - len(program.Weights) {
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
	runOnce(t, program.Step, program.InputNames(), program.OutputNames(), in, out)
	return float64(out[0].F32[0]), found
}

// standsAlone checks that the part behind a cut, as it is stored with a head,
// makes the features from what is at the cut and the inputs that it needs.
func (s *textStep) standsAlone(t *testing.T, p *Places, place *Place) {
	t.Helper()
	tap := p.spec.Taps[0]
	part, err := onnx.Detach(p.model, place.Cut, tap.Output)
	if err != nil {
		t.Error(err)
		return
	}
	whole, cut := s.through(t, p.model, tap.Output, tap.Shape, nil), s.through(t, p.model, place.Cut, place.Shape, nil)
	cut.Name = place.Cut
	alone := s.through(t, part, tap.Output, tap.Shape, &cut)
	for i, v := range whole.F32 {
		if d := alone.F32[i] - v; !(max(d, -d) <= 1e-5*max(1, v, -v)) {
			t.Errorf("behind %s alone, value %d is %v, of the whole %v", place.Cut, i, alone.F32[i], v)
			return
		}
	}
}

// through returns what a model makes of the texts, and of a tensor that is fed
// as it is; -1 in its shape are texts and tokens.
func (s *textStep) through(t *testing.T, m *pb.ModelProto, output string, shape []int64, fed *tensor.View) tensor.View {
	t.Helper()
	m, err := onnx.Prune(m, output)
	if err != nil {
		t.Fatal(err)
	}
	y, size := tensor.View{Shape: slices.Clone(shape)}, int64(1)
	for i, d := range y.Shape {
		if d < 0 {
			y.Shape[i] = []int64{4, 6}[i]
		}
		size *= y.Shape[i]
	}
	y.F32 = make([]float32, size)
	var names []string
	var in []tensor.View
	for _, v := range m.Graph.Input {
		names = append(names, v.GetName())
		if fed != nil && v.GetName() == fed.Name {
			in = append(in, *fed)
		} else {
			in = append(in, s.feed(v.GetName()))
		}
	}
	runOnce(t, m, names, []string{output}, in, []tensor.View{y})
	return y
}

// TestTextsAgreeWithPyTorch compares the first step of retraining text models
// of many families with PyTorch, at each depth. The gradient of a weight that
// layers share is the sum over the layers, and behind a cut between them that
// over those behind it. The part behind a cut stands alone.
func TestTextsAgreeWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/texts/gradients.json")
	if err != nil {
		t.Fatal(err)
	}
	var steps map[string]*textStep
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	all := textModels(t)
	if len(all) != len(steps) || len(all) < 12 {
		t.Errorf("%d models, %d of them with gradients", len(all), len(steps))
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) { step.agrees(t, name, all[name]) })
	}
}

// TestPoolingsAgreeWithPyTorch compares the same through each pooling of the
// library sentence-transformers, of texts that are filled up on the right and
// on the left.
func TestPoolingsAgreeWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/texts/poolings.json")
	if err != nil {
		t.Fatal(err)
	}
	var steps []*textStep
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatal(err)
	}
	all := textModels(t)
	if len(steps) < 20 {
		t.Errorf("%d steps", len(steps))
	}
	for _, step := range steps {
		t.Run(fmt.Sprintf("%s %s left %v", step.Model, step.Pooling, step.Left), func(t *testing.T) { step.agrees(t, step.Model, all[step.Model]) })
	}
}

// agrees compares the first step behind a model, at each depth.
func (s *textStep) agrees(t *testing.T, name string, model []byte) {
	places, err := NewPlaces(textSpec(t, name, model, s))
	if err != nil {
		t.Fatal(err)
	}
	longest := 0.0
	for _, w := range s.Weights {
		longest = max(longest, w.Norm)
	}
	for _, tail := range []string{"last:1", "half", "all"} {
		place, err := places.Find(tail)
		if err != nil {
			t.Errorf("%s: %v", tail, err)
			continue
		}
		step := s
		if behind := step.Cuts[place.Cut]; behind != nil {
			step = behind
		} else if step.Cuts != nil && place.Cut != "" {
			t.Errorf("%s: generate.py has no gradients behind %s", tail, place.Cut)
		}
		loss, found := step.step(t, places.Network(place))
		if d := math.Abs(loss - step.Loss); !(d <= 1e-5*step.Loss) {
			t.Errorf("%s: the loss is %v, PyTorch's %v", tail, loss, step.Loss)
		}
		worst, where := 0.0, ""
		for w, got := range found {
			want, ok := step.Weights[w]
			if !ok {
				t.Errorf("%s: %s has no gradient in PyTorch", tail, w)
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
			if e := math.Sqrt(3*sum/float64(len(want.Along))) / length; !(e <= worst) {
				worst, where = e, w
			}
		}
		for w, want := range s.Weights {
			if place.Cut == "" && found[w] == nil && want.Norm > 0 && !untrained(w) {
				t.Errorf("%s is not trained", w)
			}
		}
		if place.Cut != "" {
			s.standsAlone(t, places, place)
		}
		t.Logf("%s, cut at %q: %d of %d weights, largest error %.1e (%s)", tail, place.Cut, len(found), len(step.Weights), worst, where)
		if !(worst <= 1e-4) {
			t.Errorf("%s: %s is off by %.1e of its length", tail, where, worst)
		}
	}
}

// TestSharedTablesHaveALayer: a table of position biases that is looked up
// before the cut is trained at the rate of the first layer behind it.
func TestSharedTablesHaveALayer(t *testing.T) {
	step := &textStep{Output: "last_hidden_state"}
	models := textModels(t)
	for _, name := range []string{"t5", "mpnet"} {
		places, err := NewPlaces(textSpec(t, name, models[name], step))
		if err != nil {
			t.Fatal(err)
		}
		for tail, depth := range map[string]int{"last:1": 1, "last:2": 2} {
			place, err := places.Find(tail)
			if err != nil {
				t.Fatal(err)
			}
			network := places.Network(place)
			p, g, err := network.build(4, 6, 5, 0)
			if err != nil {
				t.Fatal(err)
			}
			weights, err := network.weights(p, g)
			if err != nil {
				t.Fatal(err)
			}
			found, deepest := weight{}, 0
			for _, w := range weights {
				if strings.Contains(w.stored, "relative_attention_bias") {
					found = w
				}
				deepest = max(deepest, w.depth)
			}
			if found.layer == "" || found.depth != deepest || deepest < depth {
				t.Errorf("%s, %s: layer %q, depth %d of %d", name, tail, found.layer, found.depth, deepest)
			}
		}
	}
}
