package fit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/diff/fd"

	"github.com/headstart-ml/headstart/head"
)

// Gradients of each layer and loss are those of finite differences: hard
// labels, smoothed ones, weighted and mixed rows, units that are left out.
func TestNetworkGradient(t *testing.T) {
	const n, d, c = 9, 5, 4
	rng := rand.New(rand.NewPCG(3, 4))
	random := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	hard, smooth, mixed := make([]float64, n*c), make([]float64, n*c), make([]float64, n*c)
	for i := range n {
		hard[i*c+i%c] = 1
		for k := range c {
			smooth[i*c+k] = 0.1/c + 0.9*hard[i*c+k]
			mixed[i*c+k] = 2.5 * rng.Float64()
		}
	}
	for _, test := range []struct {
		name    string
		hidden  []int
		targets []float64
		dropout float64
	}{
		{"one layer", []int{7}, hard, 0},
		{"two layers", []int{7, 6}, hard, 0},
		{"smoothed", []int{7}, smooth, 0},
		{"weighted and mixed", []int{6, 7}, mixed, 0},
		{"dropout", []int{9, 8}, mixed, 0.3},
	} {
		t.Run(test.name, func(t *testing.T) {
			net := newNetwork[float64](slices.Concat([]int{d}, test.hidden, []int{c}))
			net.draw(rng)
			b := newBackprop(net, n, gonum.Implementation{}.Dgemm)
			b.dropout = test.dropout
			x := random(n * d)
			loss := func(values []float64) float64 {
				copy(net.values, values)
				b.rng = rand.New(rand.NewPCG(5, 6)) // the same units each time
				return b.step(x, test.targets, n) / n
			}
			at := slices.Clone(net.values)
			want := fd.Gradient(nil, loss, at, &fd.Settings{Formula: fd.Central, Step: 1e-6})
			loss(at)
			size := 0.0
			for _, v := range want {
				size = max(size, math.Abs(v))
			}
			if far := largest(b.gradient, want); !(far <= 1e-5*size) || size < 1e-3 {
				t.Errorf("gradients differ by %g, of at most %g", far, size)
			}
		})
	}
}

// What is computed in another way in float32 has the bits of the plain loops.
func TestNetworkIn32Bits(t *testing.T) {
	units, slopes := make([]float32, 67), make([]float32, 67)
	var wide, wideSlopes []float64
	rng := rand.New(rand.NewPCG(1, 9))
	for i := range units {
		units[i], slopes[i] = float32(max(rng.NormFloat64(), 0)), float32(rng.NormFloat64())
	}
	units[0], units[1], units[2] = math.SmallestNonzeroFloat32, math.MaxFloat32, float32(math.Inf(1))
	for i := range units {
		wide, wideSlopes = append(wide, float64(units[i])), append(wideSlopes, float64(slopes[i]))
	}
	cut(slopes, units)
	cut(wideSlopes, wide)
	sums, wideSums := slices.Clone(slopes), slices.Clone(wideSlopes)
	addTo(sums, units[3:])
	addTo(wideSums, wide[3:])
	for i, v := range wideSlopes {
		if float64(slopes[i]) != v {
			t.Errorf("slope %d: %v, not %v", i, slopes[i], v)
		}
		if sums[i] != float32(wideSums[i]) {
			t.Errorf("sum %d: %v, not %v", i, sums[i], float32(wideSums[i]))
		}
	}
}

// mlpOf fits a perceptron to all of x.
func mlpOf(t *testing.T, m *MLP, x *data, o *Settings) *head.Head {
	t.Helper()
	h, err := m.Fit(t.Context(), x.dense, names(x), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	return h
}

func names(x *data) []string {
	var y []string
	for _, k := range x.labels {
		y = append(y, string(rune('a'+k)))
	}
	return y
}

// accuracy is that of a head on x.
func (x *data) accuracy(h *head.Head) float64 {
	z, right := x.scores(h.Model), 0
	c := len(h.Classes)
	for i, k := range x.labels {
		row := z[i*c : (i+1)*c]
		if h.Classes[slices.Index(row, slices.Max(row))] == string(rune('a'+k)) {
			right++
		}
	}
	return float64(right) / float64(len(x.labels))
}

// rings are rows in two dimensions of which the class is that of their distance
// from the middle: no affine head tells them apart.
func rings(n int, seed uint64) *data {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := &data{dense: &dense{d: 2}, classes: 2}
	for i := range n {
		angle, r := 2*math.Pi*rng.Float64(), 1+1.5*float64(i%2)+0.2*rng.NormFloat64()
		x.values = append(x.values, float32(r*math.Cos(angle)), float32(r*math.Sin(angle)))
		x.labels = append(x.labels, i%2)
	}
	return x
}

// A perceptron learns what an affine head cannot.
func TestMLP(t *testing.T) {
	x, test := rings(1500, 1), rings(500, 7)
	for _, m := range []*MLP{{}, {Hidden: []int{32, 16}, Dropout: 0.1, Smoothing: 0.05, Mixup: 0.1, Decay: 0.01}} {
		h := mlpOf(t, m, x, nil)
		if a := test.accuracy(h); a < 0.97 {
			t.Errorf("%+v: accuracy %.3f", m, a)
		}
		if h.Kind != "mlp" || h.Params.Value("hidden") != float64(m.hidden()[0]) || h.Fit.Passes < 1 || !(h.Fit.Objective > 0) {
			t.Errorf("%+v", h)
		}
	}
	affine, err := (&Softmax{}).Fit(t.Context(), x.dense, names(x), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := test.accuracy(affine); a > 0.7 {
		t.Errorf("an affine head has accuracy %.3f: the test is too easy", a)
	}
}

// It stops when the rows that are set aside get no better, and its weights are
// those of the best epoch: no fit of more patience is at a lower loss there.
func TestMLPStops(t *testing.T) {
	x := blobs(400, 30, 3, 1, 1) // mostly noise, which it learns by heart
	m := &MLP{Epochs: 60, Rate: 0.01, Patience: 4, Batch: 32}
	b := x.bench(t, 400, &Settings{})
	p, err := b.problem(&first)
	if err != nil {
		t.Fatal(err)
	}
	l := newLesson(m, p, 1)
	how, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if how.Status != head.Stopped || how.Passes >= 60 || how.Passes < 5 {
		t.Fatalf("%+v", how)
	}
	least, err := l.loss(t.Context(), l.aside)
	if err != nil {
		t.Fatal(err)
	}
	// The same fit once more, epoch by epoch.
	again := newLesson(m, p, 1)
	var losses []float64
	for range how.Passes {
		again.rng.Shuffle(len(again.train), func(i, j int) { again.train[i], again.train[j] = again.train[j], again.train[i] })
		if _, err := again.epoch(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := again.loss(t.Context(), again.aside)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, v)
	}
	if best := slices.Min(losses); best != least || slices.Index(losses, best) != how.Passes-1-4 {
		t.Errorf("the loss is %v; those of the epochs are %v", least, losses)
	}
	if len(l.aside)+len(l.train) != 400 || len(l.aside) < 37 || len(l.aside) > 40 {
		t.Errorf("%d rows are set aside, %d not", len(l.aside), len(l.train))
	}
}

// The seed decides the bits, and nothing but it does.
func TestMLPSeed(t *testing.T) {
	x := blobs(200, 6, 3, 2, 1)
	fit := func(seed uint64, threads int) *head.Head {
		return mlpOf(t, &MLP{Hidden: []int{16}, Epochs: 5, Dropout: 0.2, Mixup: 0.5, Seed: seed}, x, &Settings{Threads: threads})
	}
	if !reflect.DeepEqual(fit(1, 1), fit(1, 3)) {
		t.Error("the same seed gives two heads")
	}
	if reflect.DeepEqual(fit(1, 1).Model, fit(2, 1).Model) {
		t.Error("two seeds give the same head")
	}
}

// Few rows, fewer than a batch, classes with one row, and rows that are
// perfectly separated all give a head with finite weights.
func TestMLPSmall(t *testing.T) {
	two := &data{dense: &dense{d: 2, values: []float32{0, 1, 1, 0}}, labels: []int{0, 1}, classes: 2}
	if h := mlpOf(t, &MLP{}, two, nil); two.accuracy(h) != 1 || h.Fit.Status != head.EpochLimit {
		t.Errorf("two rows: %+v", h.Fit)
	}
	apart := blobs(120, 8, 3, 60, 1)
	if h := mlpOf(t, &MLP{}, apart, nil); apart.accuracy(h) != 1 {
		t.Errorf("separated rows: accuracy %v", apart.accuracy(h))
	}
	few := blobs(30, 8, 3, 5, 1)
	if h := mlpOf(t, &MLP{Batch: 256}, few, nil); few.accuracy(h) < 0.9 {
		t.Errorf("fewer rows than a batch: accuracy %v", few.accuracy(h))
	}
	single := blobs(100, 4, 2, 4, 1)
	single.labels[7], single.classes = 2, 3
	train, aside := setAside([]int32{0, 0, 0, 1}, 2, rand.New(rand.NewPCG(1, 1)))
	if len(train) != 4 || aside != nil {
		t.Errorf("of four rows %v are set aside", aside)
	}
	if h := mlpOf(t, &MLP{}, single, nil); len(h.Classes) != 3 {
		t.Errorf("classes %v", h.Classes)
	}
	// A constant feature, and one far from zero.
	far := blobs(200, 4, 2, 6, 1)
	for i := range 200 {
		far.row(i)[0], far.row(i)[1] = 7, far.row(i)[1]+1e4
	}
	if h := mlpOf(t, &MLP{}, far, nil); far.accuracy(h) < 0.95 {
		t.Errorf("features far from zero: accuracy %v", far.accuracy(h))
	}
}

// No class of 50 rows or more is without rows to train on, and rows set aside
// are of all classes that have some to spare.
func TestSetAside(t *testing.T) {
	labels := make([]int32, 200)
	for i := range labels {
		labels[i] = int32(min(i%19, 7))
	}
	labels[3] = 8 // one row
	train, aside := setAside(labels, 9, rand.New(rand.NewPCG(1, 1)))
	both := slices.Concat(train, aside)
	slices.Sort(both)
	if !slices.Equal(both, span(0, 200)) || !slices.IsSorted(aside) {
		t.Fatal("rows are lost, or out of order")
	}
	if len(aside) < 18 || len(aside) > 20 || slices.Contains(aside, 3) {
		t.Errorf("%v are set aside", aside)
	}
}

// A row that weighs more counts more, one that weighs nothing not at all.
func TestMLPWeights(t *testing.T) {
	x := rings(600, 1)
	for i := range 600 {
		if i%3 == 0 { // a third of the rows are labelled wrongly
			x.labels[i] = 1 - x.labels[i]
		}
	}
	weights := make([]float64, 600)
	for i := range weights {
		weights[i] = float64(min(i%3, 1))
	}
	test := rings(400, 9)
	right := test.accuracy(mlpOf(t, &MLP{}, x, &Settings{Weights: Weights{Rows: weights}}))
	for i := range weights {
		weights[i] = 1
		if i%3 == 0 {
			weights[i] = 20
		}
	}
	wrong := test.accuracy(mlpOf(t, &MLP{}, x, &Settings{Weights: Weights{Rows: weights}}))
	if right < 0.95 || wrong > 0.1 {
		t.Errorf("accuracy %v without the wrong rows, %v if they weigh most", right, wrong)
	}
}

// Settings out of range are refused, and so is a rate at which nothing is
// learnt.
func TestMLPErrors(t *testing.T) {
	x := blobs(60, 4, 2, 3, 1)
	for want, m := range map[string]*MLP{
		"3 hidden layers, at most 2":   {Hidden: []int{1, 2, 3}},
		"from 1 to 16384":              {Hidden: []int{0}},
		"layers of [20000] units":      {Hidden: []int{20000}},
		"-1 epochs":                    {Epochs: -1},
		"batches of -2":                {Batch: -2},
		"patience of -3":               {Patience: -3},
		"rate NaN":                     {Rate: math.NaN()},
		"rate 2 and decay 0.5":         {Rate: 2, Decay: 0.5},
		"dropout 1 and label":          {Dropout: 1},
		"label smoothing -0.1":         {Smoothing: -0.1},
		"mixup +Inf: it is 0 or more":  {Mixup: math.Inf(1)},
		"all rows: the loss is not a ": {Rate: 1e30},
	} {
		_, err := m.Fit(t.Context(), x.dense, names(x), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %q", m, err, want)
		}
		var diverged *DivergedError
		if errors.As(err, &diverged) != (m.Rate == 1e30) {
			t.Errorf("%v", err)
		}
	}
	b := x.bench(t, 60, &Settings{})
	if _, err := (perceptrons{MLP{Dropout: 2}}).Begin(context.Background(), b, []Part{first}); err == nil {
		t.Error("a family with a dropout of 2 begins")
	}
}

// goldenMLP: from the same weights and with the same batches, losses and scores
// are those of PyTorch.
func goldenMLP(t *testing.T, x *data, _ *golden) {
	text, err := os.ReadFile("testdata/mlp.json")
	if err != nil {
		t.Fatal(err)
	}
	var runs []struct {
		Hidden                 []int
		Batch, Epochs          int
		Rate, Decay, Smoothing float64
		Start                  []float32
		Orders                 [][]int
		Losses, Scores         []float64
	}
	if err := json.Unmarshal(text, &runs); err != nil {
		t.Fatal(err)
	}
	for _, want := range runs {
		m := &MLP{Hidden: want.Hidden, Epochs: want.Epochs, Batch: want.Batch, Rate: want.Rate, Decay: want.Decay, Smoothing: want.Smoothing}
		p, err := x.bench(t, 600, &Settings{}).problem(&first)
		if err != nil {
			t.Fatal(err)
		}
		l := newLesson(m, p, 1)
		if len(want.Start) != len(l.net.values) {
			t.Fatalf("%d numbers for %d", len(want.Start), len(l.net.values))
		}
		copy(l.net.values, want.Start)
		for e, order := range want.Orders {
			l.train = order
			loss, err := l.epoch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			near(t, fmt.Sprintf("%v: epoch %d: loss", want.Hidden, e+1), loss, want.Losses[e], 2e-5)
		}
		scores := make([]float64, len(want.Scores))
		l.net.model(l.mean, l.scale).ScoresTo(scores, x.values[:20*64], 20)
		for i, v := range scores {
			near(t, fmt.Sprintf("%v: score %d", want.Hidden, i), v, want.Scores[i], 2e-3)
		}
	}
}

// BenchmarkMLPEpoch is an epoch of a perceptron with 256 hidden units, in
// batches of 256, in the shapes of bench/mlp.py.
func BenchmarkMLPEpoch(b *testing.B) {
	for _, s := range []struct{ n, d, c int }{{50000, 384, 26}, {20000, 1280, 10}} {
		b.Run(fmt.Sprintf("%d×%d, C=%d", s.n, s.d, s.c), func(b *testing.B) {
			p, err := blobs(s.n, s.d, s.c, 2, 1).bench(b, s.n, &Settings{Threads: 1}).problem(&first)
			if err != nil {
				b.Fatal(err)
			}
			l := newLesson(&MLP{Batch: 256}, p, 1)
			l.train, l.aside = span(0, s.n), nil
			for b.Loop() {
				l.rng.Shuffle(len(l.train), func(i, j int) { l.train[i], l.train[j] = l.train[j], l.train[i] })
				if _, err := l.epoch(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(6e-9*float64(s.n)*256*float64(s.d+s.c)*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}
