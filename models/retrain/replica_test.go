package retrain

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// shared is a training that replicas can share.
type shared struct {
	name string
	net  *Network
	data *Data
	head *Head
	s    Settings
}

// shareds are trainings of vectors, texts of several lengths, images in both
// layouts, and views.
func shareds(t *testing.T) []shared {
	all := []shared{
		{"vectors", toyNetwork(""), toyData(200, toyInputs), head(toyClasses, toyHidden), Settings{Epochs: 3, LearningRate: 1e-3}},
		{"texts", attentionNetwork(), sentences(90, 60), head(2, 8), Settings{Epochs: 3, LearningRate: 1e-3}},
		{"images", architecture(t, "resnet-17"), images(60), head(3, 16), Settings{Epochs: 2, LearningRate: 1e-3, layout: plain}},
		{"views", toyNetwork(""), viewed(200, 2), head(toyClasses, toyHidden), Settings{Epochs: 3, LearningRate: 1e-3}},
	}
	if blocks(t) > 0 {
		all = append(all, shared{"blocks", architecture(t, "resnet-17"), images(60), head(3, 16), Settings{Epochs: 2, LearningRate: 1e-3, layout: blocked}})
	}
	return all
}

// TestReplicasComputeTheSameGradients: parts of a batch that replicas run at
// once have the gradients of the whole batch, also where there are more parts
// than replicas, and fewer.
func TestReplicasComputeTheSameGradients(t *testing.T) {
	for _, c := range weighted(t) {
		t.Run(c.name, func(t *testing.T) {
			classes, b := len(c.head.Bias), batch{rows: numbers(13)}
			if c.name == "texts" {
				b.tokens = 14
			}
			loss, want := gradients(t, bound(t, c.net, 13, classes, b.tokens, c.head), c.data, b)
			total := 0.0
			for _, r := range b.rows {
				total += c.data.weight(r)
			}
			for _, f := range []form{{n: 7, replicas: 2}, {n: 5, replicas: 3}, {n: 4, replicas: 2}, {n: 2, replicas: 3}, {n: 1, replicas: 13}, {n: 4, replicas: 16}} {
				f.classes, f.threads = classes, 1
				ps := newPrograms(library(t), c.net, f)
				if _, err := ps.at(b.tokens); err != nil {
					t.Fatal(err)
				}
				ps.begin(c.head, ps.divided(13))
				l := 0.0
				for i, part := range slices.Collect(slices.Chunk(b.split(f.n), f.replicas)) {
					one, err := ps.step(t.Context(), c.data, run{batches: part}, aim{0.1, total, i > 0})
					if err != nil {
						t.Fatal(err)
					}
					l += one
				}
				if e := off(ps.gradients, want, 0); !(e <= 1e-5) || !(math.Abs(l-loss) <= 1e-5*loss) || magnitude(want) == 0 {
					t.Errorf("%d replicas with runs of %d: the gradients differ by %.1e, the loss is %v, not %v", f.replicas, f.n, e, l, loss)
				}
				if err := ps.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestReplicasTrainTheSame: what two and three replicas train is what one does,
// but for rounding.
func TestReplicasTrainTheSame(t *testing.T) {
	for _, c := range shareds(t) {
		t.Run(c.name, func(t *testing.T) {
			c.s.Threads = 3
			want := train(t, c.net, c.data, c.head, &c.s)
			for _, n := range []int{2, 3} {
				c.s.Replicas = n
				got := train(t, c.net, c.data, c.head, &c.s)
				if got.Replicas != n || want.Replicas != 1 || got.MicroBatch != (want.MicroBatch+n-1)/n || got.Steps != want.Steps || len(got.Epochs) != len(want.Epochs) {
					t.Fatalf("%d replicas: %+v, one: %+v", n, got, want)
				}
				for e := range want.Epochs {
					a, b := got.Epochs[e], want.Epochs[e]
					if !(math.Abs(a.LogLoss-b.LogLoss) <= 1e-3) || !(math.Abs(a.Loss-b.Loss) <= 1e-3) {
						t.Errorf("%d replicas: %+v, one: %+v", n, a, b)
					}
				}
				for p := range want.Logits {
					for i, x := range want.Logits[p] {
						if d := math.Abs(got.Logits[p][i] - x); !(d <= 1e-2) {
							t.Fatalf("%d replicas: a logit of part %d is %v, with one %v", n, p, got.Logits[p][i], x)
						}
					}
				}
			}
		})
	}
}

// TestReplicasGiveTheSameBits: no race and no number of processors decides a
// bit of what is trained with some replicas.
func TestReplicasGiveTheSameBits(t *testing.T) {
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(0))
	for _, c := range shareds(t) {
		t.Run(c.name, func(t *testing.T) {
			c.s.Threads, c.s.Replicas = 3, 3
			var want *Result
			for _, processors := range []int{1, 2, 4, 2, 1} {
				goruntime.GOMAXPROCS(processors)
				got := timeless(train(t, c.net, c.data, c.head, &c.s))
				if want == nil {
					want = got
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("on %d processors %+v, before %+v", processors, got.Epochs, want.Epochs)
				}
			}
		})
	}
}

// TestReplicasAreFedOneAtATime: Samples need not be safe for several
// goroutines.
func TestReplicasAreFedOneAtATime(t *testing.T) {
	d := toyData(200, toyInputs)
	w := watch(d)
	train(t, toyNetwork(""), d, head(toyClasses, toyHidden), &Settings{Epochs: 2, Threads: 2, Replicas: 2})
	if w.twice.Load() {
		t.Error("rows were asked for twice at a time")
	}
	if n := w.asked.Load(); n < 2*8*2 { // epochs, batches, parts
		t.Errorf("%d parts were asked for", n)
	}
}

// TestTooManyReplicas are refused before anything is computed.
func TestTooManyReplicas(t *testing.T) {
	for says, s := range map[string]Settings{
		"17 replicas cannot share batches of 16 samples": {Replicas: 17, Threads: 32},
		"5 replicas cannot share batches of 4 samples":   {Replicas: 5, Threads: 2, BatchSize: 4},
		"3 replicas need a thread each, and there are 2": {Replicas: 3, Threads: 2},
		"number of replicas is -1":                       {Replicas: -1},
	} {
		s.Planned = func(Plan) { t.Error("it is planned") }
		_, err := Train(t.Context(), library(t), toyNetwork(""), toyData(50, toyInputs), head(toyClasses, toyHidden), &s)
		if e, ok := errors.AsType[*ReplicasError](err); ok != (s.Replicas > 0) || err == nil || !strings.Contains(err.Error(), says) || ok && e.Replicas != s.Replicas {
			t.Errorf("%v, not %s", err, says)
		}
	}
	// Where there are fewer samples than a batch could have, some do nothing.
	r := train(t, toyNetwork(""), toyData(10, toyInputs), head(toyClasses, toyHidden), &Settings{Replicas: 8, Threads: 8})
	if r.BatchSize != 6 || r.MicroBatch != 1 {
		t.Errorf("%+v", r)
	}
}

// centred is perceptron, whose features are those of the batch less their mean.
func centred() *Network {
	net := toyNetwork("")
	g := net.Model.Graph
	g.Node = append(g.Node,
		onnx.Node("ReduceMean", []string{"features"}, []string{"mean"}, onnx.IntsAttribute("axes", 0), onnx.IntAttribute("keepdims", 1)),
		onnx.Node("Sub", []string{"features", "mean"}, []string{"centred"}))
	g.Output = []*pb.ValueInfoProto{onnx.TensorValue("centred", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "n"}, onnx.Dim{Size: toyHidden})}
	return net
}

// TestReplicasOfWhatDependsOnTheBatchAreRefused: gradients of parts would not
// add up. One replica trains it as ever.
func TestReplicasOfWhatDependsOnTheBatchAreRefused(t *testing.T) {
	d, h := toyData(50, toyInputs), head(toyClasses, toyHidden)
	none := &Head{Weight: make([]float32, len(h.Weight)), Bias: make([]float32, len(h.Bias))}
	for _, start := range []*Head{h, none} {
		_, err := Train(t.Context(), library(t), centred(), d, start, &Settings{Replicas: 2, Threads: 2})
		e, ok := errors.AsType[*DependentError](err)
		if !ok || !(e.Difference > 0.1) || !strings.Contains(err.Error(), "depends on the other samples of the batch") {
			t.Errorf("%v", err)
		}
	}
	if r := train(t, centred(), d, h, &Settings{Threads: 2}); r.Steps == 0 {
		t.Errorf("%+v", r)
	}
}

// TestReplicasArePlanned: what they take is told before anything is computed,
// and what does not fit is cut into more runs, or refused with their number.
func TestReplicasArePlanned(t *testing.T) {
	net, d, h := architecture(t, "resnet-17"), images(60), head(3, 16)
	planned := func(s Settings) (p Plan, r *Result) {
		t.Helper()
		s.Epochs, s.LearningRate, s.layout, s.Threads = 2, 1e-3, plain, 6
		told := 0
		s.Planned = func(x Plan) { p, told = x, told+1 }
		s.Progress = func(Progress) {
			if told != 1 {
				t.Errorf("told %d times what it takes", told)
			}
		}
		r = train(t, net, d, h, &s)
		if p.Memory != r.Memory || p.MicroBatch != r.MicroBatch || p.Replicas != r.Replicas {
			t.Errorf("planned %+v, done %+v", p, r)
		}
		return p, r
	}
	one, _ := planned(Settings{})
	two, _ := planned(Settings{Replicas: 2})
	three, whole := planned(Settings{Replicas: 3})
	if one.Threads != 6 || two.Threads != 3 || three.Threads != 2 || one.MicroBatch != 12 || two.MicroBatch != 6 || three.MicroBatch != 4 {
		t.Errorf("%+v, %+v, %+v", one, two, three)
	}
	size := int64(0)
	for _, w := range whole.Weights {
		size += 4 * int64(len(w))
	}
	for _, p := range []Plan{one, two, three} {
		if own := p.Memory - int64(p.Replicas)*p.Each; !(own >= 4*size) || own != one.Memory-one.Each || p.Each < size {
			t.Errorf("%+v: %d bytes are shared; the weights take %d", p, own, size)
		}
	}
	e := needs(t, net, d, h, &Settings{Replicas: 3, Threads: 6})
	if e.Estimate != three.Memory || e.Replicas != 3 || !strings.Contains(e.Error(), "in each of 3 replicas") || !strings.Contains(e.Error(), "take fewer replicas") {
		t.Errorf("%v", e)
	}
	p, part := planned(Settings{Replicas: 3, Memory: e.Smallest + 4*size + 2000})
	if p.MicroBatch >= three.MicroBatch {
		t.Errorf("%+v is not divided", p)
	}
	for i := range whole.Epochs {
		if a, b := part.Epochs[i], whole.Epochs[i]; math.Abs(a.LogLoss-b.LogLoss) > 1e-3 {
			t.Errorf("divided %+v, whole %+v", a, b)
		}
	}
}

// TestACheckpointIsOfItsReplicas: with another number sums are rounded
// otherwise, so that its training is another one.
func TestACheckpointIsOfItsReplicas(t *testing.T) {
	s := Settings{Threads: 2, Checkpoint: filepath.Join(t.TempDir(), "x.ckpt"), Keep: true}
	net, d, h := toyNetwork(""), toyData(60, toyInputs), head(toyClasses, toyHidden)
	train(t, net, d, h, &s)
	s.Replicas = 1 // which is the default
	if r := train(t, net, d, h, &s); r.Resumed == 0 {
		t.Error("it began anew")
	}
	s.Replicas = 2
	if _, err := Train(t.Context(), library(t), net, d, h, &s); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("%v", err)
	}
}
