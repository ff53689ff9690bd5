package retrain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// encoded returns a model's bytes.
func encoded(t testing.TB, m *pb.ModelProto) []byte {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// halved stores a tensor of a model as float16, with a Cast where it is read.
func halved(t testing.TB, m *pb.ModelProto, name string) {
	t.Helper()
	g := m.GetGraph()
	i := slices.IndexFunc(g.Initializer, func(x *pb.TensorProto) bool { return x.GetName() == name })
	x := g.Initializer[i]
	values := make([]float32, product(x.Dims))
	for k := range values {
		values[k] = float32(k%17)/64 - 0.125
	}
	g.Initializer[i] = &pb.TensorProto{
		Name: new(name + "_f16"), Dims: x.Dims, DataType: new(int32(pb.TensorProto_FLOAT16)), RawData: make([]byte, 2*len(values)),
	}
	g.Node = append([]*pb.NodeProto{onnx.Node("Cast", []string{name + "_f16"}, []string{name}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT)))}, g.Node...)
	if err := onnx.WriteBack(m, map[string][]float32{name + "_f16": values}); err != nil {
		t.Fatal(err)
	}
}

// TestATrainingLearns, and what it returns is what it did: the file with the
// weights written back gives the very logits.
func TestATrainingLearns(t *testing.T) {
	all := []string{"net.layer.0.bias", "net.layer.0.weight", "net.layer.1.bias", "net.layer.1.weight_f16", "net.layer.2.bias", "net.layer.2.weight"}
	for cut, trained := range map[string][]string{"": all, "h0": all[2:], "h1": all[4:], "features": nil} {
		t.Run(cut, func(t *testing.T) {
			width := toyInputs
			if cut != "" {
				width = toyHidden
			}
			net, d := toyNetwork(cut), toyData(400, width)
			halved(t, net.Model, "net.layer.1.weight")
			before := encoded(t, net.Model)
			steps, epochs := 0, 0
			r := train(t, net, d, head(toyClasses, toyHidden), &Settings{
				LearningRate: 1e-2, Epochs: 20, Patience: 20, Threads: 1,
				Progress: func(p Progress) {
					if p.Done == nil {
						steps++
					} else {
						epochs++
					}
					if p.Step != steps || p.Steps != 300 || p.Epochs != 20 || p.Loss < 0 || p.Epoch > 20 {
						t.Errorf("progress %+v after %d steps", p, steps)
					}
				},
			})
			start, best := r.Epochs[0], r.Epochs[r.Best]
			t.Logf("%s, best %d: log-loss %.3f, was %.3f", r.Status, r.Best, best.LogLoss, start.LogLoss)
			if !(best.LogLoss < 0.98*start.LogLoss) || best.Score != -best.LogLoss || r.Status != "epochs" || r.Problem != "" || r.Best == 0 {
				t.Errorf("it did not learn: %s %s %+v", r.Status, r.Problem, r.Epochs)
			}
			if steps != 300 || r.Steps != 300 || epochs != 21 || len(r.Epochs) != 21 || r.BatchSize != 16 || r.MicroBatch != 16 || r.Memory <= 0 || r.Layout != plain || r.LayoutReason == "" {
				t.Errorf("%d steps, %d epochs, %+v", steps, epochs, r)
			}
			if got := slices.Sorted(maps.Keys(r.Weights)); !slices.Equal(got, trained) {
				t.Errorf("trained were %v, not %v", got, trained)
			}
			if !bytes.Equal(encoded(t, net.Model), before) {
				t.Error("the backbone was changed")
			}
			if err := onnx.WriteBack(net.Model, r.Weights); err != nil {
				t.Fatal(err)
			}
			for _, x := range net.Model.GetGraph().GetInitializer() { // what is frozen is as it was
				changed := !bytes.Contains(before, x.RawData)
				if changed != slices.Contains(trained, x.GetName()) {
					t.Errorf("%s changed: %v", x.GetName(), changed)
				}
			}
			ps := bound(t, net, 16, toyClasses, 0, &r.Head)
			tr := &training{programs: ps, batches: newBatches(d, 16), classes: toyClasses, data: d}
			for p, rows := range d.Parts {
				logits, err := tr.logits(t.Context(), rows)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(logits, r.Logits[p]) || len(logits) != toyClasses*len(rows) {
					t.Errorf("the %s logits are others than those of the file", partNames[p])
				}
			}
		})
	}
}

// blocks returns the runtime's block size, 0 if it has none on this machine.
func blocks(t testing.TB) int64 {
	t.Helper()
	block, err := blockSize(library(t))
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// TestTheLayoutDependsOnNoClock: the layout is that of the rule, and the reason
// has no time in it that was measured: two runs give the same one.
func TestTheLayoutDependsOnNoClock(t *testing.T) {
	block := blocks(t)
	if block == 0 {
		t.Skip("the runtime has no blocks on this machine")
	}
	for _, name := range []string{"resnet-17", "convnext-17", "mobilenetv3-17"} {
		d, h := images(40), head(3, 16)
		ps := newPrograms(library(t), architecture(t, name), form{classes: 3, n: 8, threads: 1})
		p, err := ps.at(0)
		if err != nil {
			t.Fatal(err)
		}
		h.Weight = make([]float32, product(ps.weights[len(ps.weights)-2].Shape))
		q, err := newPrograms(library(t), architecture(t, name), form{classes: 3, n: 8, threads: 1, block: block}).at(0)
		if err != nil {
			t.Fatal(err)
		}
		want := plain
		if q.cost(block) < p.cost(block) {
			want = blocked
		}
		var reasons []string
		for range 2 {
			r := train(t, architecture(t, name), d, h, &Settings{Epochs: 1, BatchSize: 8, Threads: 1})
			if r.Layout != want {
				t.Errorf("%s: %s (%s), by the rule %s", name, r.Layout, r.LayoutReason, want)
			}
			reasons = append(reasons, r.LayoutReason)
		}
		if reasons[0] != reasons[1] {
			t.Errorf("%s: %q, another time %q", name, reasons[0], reasons[1])
		}
	}
}

func TestLayouts(t *testing.T) {
	if blocks(t) == 0 {
		r := train(t, architecture(t, "resnet-17"), images(60), head(3, 16), &Settings{Epochs: 1})
		if _, err := Train(t.Context(), library(t), architecture(t, "resnet-17"), images(60), head(3, 16), &Settings{layout: blocked}); r.Layout != plain || !errors.Is(err, errNoBlocks) {
			t.Errorf("%s: %s; %v", r.Layout, r.LayoutReason, err)
		}
		return
	}
	d := images(60)
	var results []*Result
	for _, layout := range []string{plain, blocked, ""} {
		r := train(t, architecture(t, "resnet-17"), d, head(3, 16), &Settings{Epochs: 2, LearningRate: 1e-3, Threads: 1, layout: layout})
		if layout != "" && (r.Layout != layout || r.LayoutReason != "it was asked for") || !strings.Contains(r.LayoutReason, "by the operators and their sizes") && layout == "" {
			t.Errorf("%q: %s, %s", layout, r.Layout, r.LayoutReason)
		}
		results = append(results, r)
	}
	for i, r := range results[1:] {
		for e := range r.Epochs {
			if a, b := r.Epochs[e], results[0].Epochs[e]; math.Abs(a.LogLoss-b.LogLoss) > 1e-3 || math.Abs(a.Loss-b.Loss) > 1e-3 {
				t.Errorf("run %d: %+v, in the plain layout %+v", i+1, a, b)
			}
		}
		for name, w := range r.Weights {
			if want := results[0].Weights[name]; off(w, want, 0.1) > 2e-2 {
				t.Errorf("run %d: weight %s differs by %.1e", i+1, name, off(w, want, 0.1))
			}
		}
	}
}

// TestBlocksThatDifferAreNotTaken: neither those that do not run.
func TestBlocksThatDifferAreNotTaken(t *testing.T) {
	want := &trial{loss: 2, logits: []float32{1, -3}, gradients: [][]float32{{1, 2}, {1e-6}, {3}}}
	for _, c := range []struct {
		got  *trial
		says string
	}{
		{want, ""},
		{&trial{loss: 2.00001, logits: []float32{1, -3.0001}, gradients: [][]float32{{1, 2.00001}, {1.01e-6}, {3.1}}}, ""}, // one kink
		{&trial{loss: 2.001, logits: want.logits, gradients: want.gradients}, "the loss"},
		{&trial{loss: math.NaN(), logits: want.logits, gradients: want.gradients}, "the loss"},
		{&trial{loss: 2, logits: []float32{1, -3.001}, gradients: want.gradients}, "the logits"},
		{&trial{loss: 2, logits: []float32{1, float32(math.NaN())}, gradients: want.gradients}, "the logits"},
		{&trial{loss: 2, logits: want.logits, gradients: [][]float32{{1, 2.001}, {1e-6}, {3.001}}}, "the gradients"},
		{&trial{loss: 2, logits: want.logits, gradients: [][]float32{{1, 2}, {1e-6}, {3.3}}}, "the gradients"},
		{&trial{loss: 2, logits: want.logits, gradients: [][]float32{{1, float32(math.NaN())}, {1e-6}, {3}}}, "the gradients"},
	} {
		says := c.got.outputsDiffer(want)
		if says == "" {
			says = c.got.gradientsDiffer(want)
		}
		if !strings.HasPrefix(says, c.says) || (c.says == "") != (says == "") {
			t.Errorf("%+v: %q, not %q", c.got, says, c.says)
		}
	}
	net := architecture(t, "resnet-17")
	shapes, calls := net.Shapes, 0
	net.Shapes = func(n, tokens int) map[string][]int64 {
		if calls++; calls == 2 { // the program in blocks
			return nil
		}
		return shapes(n, tokens)
	}
	r := train(t, net, images(30), head(3, 16), &Settings{Epochs: 1})
	if r.Layout != plain || !strings.Contains(r.LayoutReason, "blocks do not run") && blocks(t) > 0 {
		t.Errorf("%s: %s", r.Layout, r.LayoutReason)
	}
}

// TestArchitecturesLearn trains all layers of small networks as exporters write
// them, images and texts.
func TestArchitecturesLearn(t *testing.T) {
	for _, name := range []string{"resnet-9", "mobilenetv3-20", "convnext-17", "vit-20", "distilbert-9", "distilbert-17", "distilbert-20"} {
		t.Run(name, func(t *testing.T) {
			d, classes := images(100), 3
			if name[:4] == "dist" {
				d, classes = sentences(100, 12), 2
			}
			r := train(t, architecture(t, name), d, head(classes, 16), &Settings{LearningRate: 1e-2, Epochs: 4, Threads: 1})
			if !(r.Epochs[r.Best].LogLoss < r.Epochs[0].LogLoss) {
				t.Errorf("it did not learn: %+v", r.Epochs)
			}
		})
	}
}

// TestTheBestEpochIsKept gives scores as a script wants them.
func TestTheBestEpochIsKept(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		best   int
		epochs int
		status string
	}{
		{[]float64{1, 3, 5, 4, 5 - 1e-9, 4.5, 9}, 2, 5, "patience"},
		{[]float64{1, 0, 0, 0, 9}, 0, 3, "patience"},
		{[]float64{1, 0, 0, 2, 1, 3, 3, 4, 4}, 7, 8, "epochs"},
	} {
		d := toyData(100, toyInputs)
		var seen [][]float64
		r := train(t, toyNetwork(""), d, head(toyClasses, toyHidden), &Settings{
			LearningRate: 1e-2, Epochs: 8, Threads: 1,
			Score: func(logits []float64) float64 {
				seen = append(seen, logits)
				if len(seen) == 9 && c.scores[8] == c.scores[7] {
					return c.scores[7] - 1 // a tie would go by the log-loss
				}
				return c.scores[len(seen)-1]
			},
		})
		if r.Best != c.best || len(r.Epochs) != c.epochs+1 || r.Status != c.status {
			t.Errorf("%v: best %d of %d epochs, %s", c.scores, r.Best, len(r.Epochs)-1, r.Status)
		}
		if !slices.Equal(r.Logits[1], seen[c.best]) {
			t.Errorf("%v: the logits are not those of the best epoch", c.scores)
		}
	}
	// Of two equal scores the one with the lower log-loss is better.
	r := train(t, toyNetwork(""), toyData(100, toyInputs), head(toyClasses, toyHidden), &Settings{
		LearningRate: 1e-2, Epochs: 8, Threads: 1, Score: func([]float64) float64 { return 1 },
	})
	for _, e := range r.Epochs {
		if e.LogLoss < r.Epochs[r.Best].LogLoss {
			t.Errorf("epoch %d is better than %d: %+v", e.Epoch, r.Best, r.Epochs)
		}
	}
}

func TestDivergenceIsNamed(t *testing.T) {
	// Weights without bounds: nothing holds a product of three layers.
	net := toyNetwork("")
	for _, n := range net.Model.Graph.Node {
		if n.GetOpType() == "Tanh" {
			*n.OpType = "Identity"
		}
	}
	d := toyData(100, toyInputs)
	r := train(t, net, d, head(toyClasses, toyHidden), &Settings{LearningRate: 1e25, Warmup: -1, Threads: 1, Patience: 10, Clip: -1})
	t.Log(r.Problem)
	if r.Status != "diverged" || r.Best != 0 || len(r.Epochs) != 1 {
		t.Fatalf("%s after %d epochs, best %d: %s", r.Status, len(r.Epochs)-1, r.Best, r.Problem)
	}
	for _, what := range []string{"step ", "epoch 1", `weight "net.layer.0.weight"`, `node "Gemm:h0:sum"`, "layer net.layer.0", "1e+25"} {
		if !strings.Contains(r.Problem, what) {
			t.Errorf("%q does not say %q", r.Problem, what)
		}
	}
	for p, rows := range d.Parts {
		if len(r.Logits[p]) != toyClasses*len(rows) || slices.ContainsFunc(r.Logits[p], func(x float64) bool { return x-x != 0 }) {
			t.Errorf("%d logits for %d rows", len(r.Logits[p]), len(rows))
		}
	}
	for name, w := range r.Weights {
		if !finite(w) {
			t.Errorf("%s is not finite", name)
		}
	}
	// In a gradient alone: a root has an infinite slope at 0.
	root := toyNetwork("")
	root.Model.Graph.Node[1] = onnx.Node("Relu", []string{"h0:sum"}, []string{"h0:cut"})
	root.Model.Graph.Node = slices.Insert(root.Model.Graph.Node, 2, onnx.Node("Sqrt", []string{"h0:cut"}, []string{"h0"}))
	r = train(t, root, d, head(toyClasses, toyHidden), &Settings{Threads: 1})
	if r.Status != "diverged" || !strings.Contains(r.Problem, "step 1, epoch 1: the loss is 1.") || !strings.Contains(r.Problem, `weight "net.layer.0.weight"`) {
		t.Errorf("%s: %s", r.Status, r.Problem)
	}
	// In the validation rows alone.
	d.Parts[0] = d.Parts[0][:16]
	r = train(t, net, d, head(toyClasses, toyHidden), &Settings{LearningRate: 1e25, Warmup: -1, Threads: 1, Clip: -1})
	if r.Status != "diverged" || !strings.Contains(r.Problem, "validation") || !strings.Contains(r.Problem, "step 1,") {
		t.Errorf("%s: %s", r.Status, r.Problem)
	}
}

// needs returns how much memory a training asks for.
func needs(t *testing.T, net *Network, d *Data, h *Head, s *Settings) *MemoryError {
	t.Helper()
	little := *s
	little.Memory = 1
	_, err := Train(t.Context(), library(t), net, d, h, &little)
	var e *MemoryError
	if !errors.As(err, &e) || !errors.Is(err, ErrMemory) || e.Limit != 1 {
		t.Fatal(err)
	}
	return e
}

func TestMemory(t *testing.T) {
	d := images(60)
	e := needs(t, architecture(t, "resnet-17"), d, head(3, 16), &Settings{Threads: 1})
	whole := train(t, architecture(t, "resnet-17"), d, head(3, 16), &Settings{Epochs: 2, LearningRate: 1e-3, Threads: 1, layout: plain})
	part := train(t, architecture(t, "resnet-17"), d, head(3, 16), &Settings{Epochs: 2, LearningRate: 1e-3, Threads: 1, layout: plain, Memory: (e.Smallest + e.Estimate) / 2})
	if whole.BatchSize != 12 || whole.MicroBatch != 12 || part.BatchSize != 12 || part.MicroBatch >= 12 || part.Memory > (e.Smallest+e.Estimate)/2 {
		t.Errorf("runs of %d (%d bytes) and %d (%d bytes)", whole.MicroBatch, whole.Memory, part.MicroBatch, part.Memory)
	}
	for e := range whole.Epochs {
		if a, b := part.Epochs[e], whole.Epochs[e]; math.Abs(a.LogLoss-b.LogLoss) > 1e-4 || math.Abs(a.Loss-b.Loss) > 1e-4 {
			t.Errorf("divided %+v, whole %+v", a, b)
		}
	}
	if e.Estimate != whole.Memory || !(e.Smallest > 0 && e.Smallest <= part.Memory) {
		t.Errorf("%+v, but %d were taken for whole batches, %d for divided ones", e, whole.Memory, part.Memory)
	}
	// Rows that are not trained with take less.
	texts := sentences(100, 40)
	b := newBatches(texts, 16)
	texts.Parts = [3][]int{}
	for r := range 100 {
		part := r % 2
		if b.bucket(r) > 16 {
			part = 2
		}
		texts.Parts[part] = append(texts.Parts[part], r)
	}
	tested, err := newPrograms(library(t), attentionNetwork(), form{classes: 2, n: 8, threads: 1}).estimate(newBatches(texts, 8), 0)
	if err != nil {
		t.Fatal(err)
	}
	texts.Parts[0], texts.Parts[2] = append(texts.Parts[0], texts.Parts[2]...), nil
	trained, err := newPrograms(library(t), attentionNetwork(), form{classes: 2, n: 8, threads: 1}).estimate(newBatches(texts, 8), 0)
	if err != nil || !(float64(tested.all) < 0.8*float64(trained.all)) {
		t.Errorf("%+v bytes, and %+v to train with all rows: %v", tested, trained, err)
	}
}

func TestWhatDoesNotFitIsSaid(t *testing.T) {
	h := func() *Head { return head(toyClasses, toyHidden) }
	bad := errors.New("the disk is gone")
	for says, change := range map[string]func(net *Network, d *Data, h *Head, s *Settings){
		"the training part is empty":               func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Parts[0] = nil },
		"all of its weights are 0":                 func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Weights = make([]float64, 50) },
		"the validation part is empty":             func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Parts[1] = nil },
		"validation row 30: label 3":               func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Labels[30] = 3 },
		"training row 0: label -1":                 func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Labels[0] = -1 },
		"test row 50: there are labels for 50":     func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Parts[2][0] = 50 },
		"weight NaN":                               func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Weights = slices.Repeat([]float64{math.NaN()}, 50) },
		"2 weights for 50 labels":                  func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Weights = []float64{1, 2} },
		"-1 views":                                 func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Views = -1 },
		"no samples":                               func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Samples = nil },
		"33 weights for 3 classes, but the featur": func(_ *Network, _ *Data, h *Head, _ *Settings) { h.Weight = make([]float32, 33) },
		"a bias for each class":                    func(_ *Network, _ *Data, h *Head, _ *Settings) { h.Bias = nil },
		"head: a weight or a bias is not a finite": func(_ *Network, _ *Data, h *Head, _ *Settings) { h.Bias[0] = float32(math.Inf(1)) },
		"not finite from the start":                func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Samples.(rows)[31][0] = float32(math.NaN()) },
		"it needs a model":                         func(net *Network, _ *Data, _ *Head, _ *Settings) { net.Model = nil },
		"has no tensor":                            func(net *Network, _ *Data, _ *Head, _ *Settings) { net.Cut = "h7" },
		"pooling":                                  func(net *Network, _ *Data, _ *Head, _ *Settings) { net.Pooling = "cls" },
		"batch size is -1":                         func(_ *Network, _ *Data, _ *Head, s *Settings) { s.BatchSize = -1 },
		"learning rate is -1":                      func(_ *Network, _ *Data, _ *Head, s *Settings) { s.LearningRate = -1 },
		"layer decay is 2":                         func(_ *Network, _ *Data, _ *Head, s *Settings) { s.LayerDecay = 2 },
		"warm-up is NaN":                           func(_ *Network, _ *Data, _ *Head, s *Settings) { s.Warmup = math.NaN() },
		"memory -5":                                func(_ *Network, _ *Data, _ *Head, s *Settings) { s.Memory = -5 },
		"the score of the validation rows is NaN": func(_ *Network, _ *Data, _ *Head, s *Settings) {
			s.Score = func([]float64) float64 { return math.NaN() }
		},
		"samples: the disk is gone": func(_ *Network, d *Data, _ *Head, _ *Settings) { d.Samples = failing{bad} },
		"no such file":              func(_ *Network, _ *Data, _ *Head, s *Settings) { s.Checkpoint = t.TempDir() + "/none/x" },
		"not a regular file":        func(_ *Network, _ *Data, _ *Head, s *Settings) { s.Checkpoint = t.TempDir() },
	} {
		net, d, head, s := toyNetwork(""), toyData(50, toyInputs), h(), &Settings{Epochs: 1, Threads: 1}
		change(net, d, head, s)
		r, err := Train(t.Context(), library(t), net, d, head, s)
		if err == nil || r != nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "retrain: ") {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := Train(t.Context(), nil, toyNetwork(""), toyData(50, toyInputs), h(), nil); err == nil {
		t.Error("it trains without a runtime")
	}
	// Package grad's errors pass.
	net := toyNetwork("h0")
	net.Model.Graph.Node[4].Input[0] = "h0" // beside h1
	net.Model.Graph.Node[4] = onnx.Node("Add", []string{"h0", "h1"}, []string{"features:sum"})
	net.Cut = "h1"
	var cut *grad.CutError
	if _, err := Train(t.Context(), library(t), net, toyData(50, toyHidden), h(), nil); !errors.As(err, &cut) {
		t.Errorf("%v", err)
	}
	net = toyNetwork("h1")
	*net.Model.Graph.Node[5].OpType = "Hardmax"
	var unsupported *grad.UnsupportedError
	if _, err := Train(t.Context(), library(t), net, toyData(50, toyHidden), h(), nil); !errors.As(err, &unsupported) {
		t.Errorf("%v", err)
	}
}

// failing are samples that cannot be read.
type failing struct{ err error }

func (f failing) Tokens(int) int { return 0 }

func (f failing) FillTo(context.Context, []tensor.View, []int, []int) error {
	return fmt.Errorf("%w", f.err)
}

// TestBlocksAreCompared: with weights that are 1e-5 off, every gradient is;
// with a head that is, the outputs are.
func TestBlocksAreCompared(t *testing.T) {
	d, h := images(30), head(3, 16)
	block := blocks(t)
	if block == 0 {
		t.Skip("the runtime has no blocks on this machine")
	}
	for says, scale := range map[string]float32{"": 1, "the gradients": 1 + 1e-5, "the loss": 1 + 1e-3} {
		var layouts [2]*programs
		for i, b := range []int64{0, block} {
			layouts[i] = newPrograms(library(t), architecture(t, "resnet-17"), form{classes: 3, n: 8, threads: 1, block: b})
			if _, err := layouts[i].at(0); err != nil {
				t.Fatal(err)
			}
			layouts[i].begin(h, false)
		}
		for i := range layouts[1].values {
			layouts[1].values[i] *= scale
		}
		reason, err := compare(t.Context(), layouts, d, batch{rows: numbers(8), tokens: 0})
		if err != nil || !strings.Contains(reason, says) || (says == "") != (reason == "") {
			t.Errorf("%v: %q, %v", scale, reason, err)
		}
	}
}

// TestAKinkIsNoError: of two rows one has an input of Relu that is 1e-7 above 0
// with the one bias, and below with the other.
func TestAKinkIsNoError(t *testing.T) {
	net := toyNetwork("h1")
	identity := make([]float32, toyHidden*toyHidden)
	for i := range toyHidden {
		identity[i*toyHidden+i] = 1
	}
	if err := onnx.WriteBack(net.Model, map[string][]float32{"net.layer.2.weight": identity, "net.layer.2.bias": make([]float32, toyHidden)}); err != nil {
		t.Fatal(err)
	}
	*net.Model.Graph.Node[5].OpType = "Relu"
	x := rows{slices.Repeat([]float32{1}, toyHidden), slices.Repeat([]float32{1}, toyHidden)}
	x[0][0] = 1e-7
	d, h := &Data{Samples: x, Labels: []int{0, 1}}, head(toyClasses, toyHidden)
	for _, c := range []struct {
		rows []int
		same bool
	}{{[]int{0, 1}, true}, {[]int{1}, true}, {[]int{0}, false}} {
		var layouts [2]*programs
		for i := range layouts {
			layouts[i] = newPrograms(library(t), net, form{classes: toyClasses, n: 2, threads: 1})
			if _, err := layouts[i].at(0); err != nil {
				t.Fatal(err)
			}
			layouts[i].begin(h, false)
		}
		bias := slices.IndexFunc(layouts[1].weights, func(w weight) bool { return w.Name == "net.layer.2.bias" })
		layouts[1].values[layouts[1].views[bias].from] = -2e-7
		reason, err := compare(t.Context(), layouts, d, batch{rows: c.rows, tokens: 0})
		if err != nil || (reason == "") != c.same {
			t.Errorf("rows %v: %q, %v", c.rows, reason, err)
		}
	}
}

// TestTheLossIsTheMeanOverTheRows: at a rate of next to nothing it is that of
// the start, each row counting by its weight.
func TestTheLossIsTheMeanOverTheRows(t *testing.T) {
	d := toyData(90, toyInputs)
	for i := range d.Labels {
		d.Weights = append(d.Weights, float64(i%4))
	}
	r := train(t, toyNetwork(""), d, head(toyClasses, toyHidden), &Settings{Threads: 1, LearningRate: 1e-30, Epochs: 1, BatchSize: 7})
	mean := func(p int, weight func(row int) float64) float64 {
		sum, all := 0.0, 0.0
		for i, row := range d.Parts[p] {
			logits, z := r.Logits[p][i*toyClasses:(i+1)*toyClasses], 0.0
			for _, x := range logits {
				z += math.Exp(x)
			}
			sum += weight(row) * (math.Log(z) - logits[d.Labels[row]])
			all += weight(row)
		}
		return sum / all
	}
	if want := mean(0, d.weight); math.Abs(r.Epochs[1].Loss-want) > 1e-6 {
		t.Errorf("the loss is %v, not %v", r.Epochs[1].Loss, want)
	}
	if want := mean(1, func(int) float64 { return 1 }); math.Abs(r.Epochs[1].LogLoss-want) > 1e-6 {
		t.Errorf("the log-loss is %v, not %v", r.Epochs[1].LogLoss, want)
	}
}
