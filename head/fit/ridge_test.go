package fit

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// closedGolden is testdata/closed.json, which testdata/generate_closed.py
// writes. Scores are of the first 20 test rows, or of left-out ones the first
// 20 training rows.
type closedGolden struct {
	Ridge []struct {
		L2     float64
		Scores []float64
	}
	RidgeWeighted []float64 `json:"ridge_weighted"`
	RidgeBalanced []float64 `json:"ridge_balanced"`
	LDA           []struct {
		Shrinkage     float64
		Probabilities []float64
	}
	KNN          []float64
	Oracle       float64
	Discriminant []struct {
		Shrinkage, L2, Objective float64
		Probabilities            []float64
	}
	LeftOut []struct {
		L2           float64
		Scores       []float64
		SquaredError float64 `json:"squared_error"`
		Accuracy     float64
	} `json:"left_out"`
}

func closed(t *testing.T) *closedGolden {
	t.Helper()
	text, err := os.ReadFile("testdata/closed.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &closedGolden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// training returns the training part of the golden features, and the first 20
// rows of the test part.
func training(t *testing.T) (x *dense, labels []string, test *dense) {
	t.Helper()
	all, g := small(t)
	x, test = &dense{d: all.d}, &dense{d: all.d}
	for i := range all.N() {
		switch {
		case i%3 != 2:
			x.values, labels = append(x.values, all.row(i)...), append(labels, g.Labels[i])
		case test.N() < 20:
			test.values = append(test.values, all.row(i)...)
		}
	}
	return x, labels, test
}

// compareScores compares the scores of a model on rows with a reference.
func compareScores(t *testing.T, what string, m head.Model, x *dense, want []float64, tolerance float64) {
	t.Helper()
	_, k := m.Dims()
	z := make([]float64, x.N()*k)
	m.ScoresTo(z, x.values, x.N())
	if len(want) != len(z) {
		t.Fatalf("%s: %d scores, %d are expected", what, len(z), len(want))
	}
	for i := range z {
		near(t, what, z[i], want[i], tolerance)
	}
}

// compareProbabilities compares the softmax of scores with a reference.
func compareProbabilities(t *testing.T, m head.Model, x *dense, want []float64, tolerance float64) {
	t.Helper()
	_, k := m.Dims()
	z := make([]float64, x.N()*k)
	m.ScoresTo(z, x.values, x.N())
	if len(want) != len(z) {
		t.Fatalf("%d probabilities, %d are expected", len(z), len(want))
	}
	for i := range x.N() {
		head.SoftmaxTo(z[i*k:(i+1)*k], z[i*k:(i+1)*k], 1)
	}
	for i := range z {
		near(t, "probability", z[i], want[i], tolerance)
	}
}

// Ridge heads are scikit-learn's RidgeClassifier, with weights of rows and of
// classes too.
func TestRidgeIsScikitLearns(t *testing.T) {
	g := closed(t)
	x, labels, test := training(t)
	fit := func(l2 float64, o *Settings) head.Model {
		h, err := (&Ridge{L2: l2}).Fit(context.Background(), x, labels, o)
		if err != nil {
			t.Fatal(err)
		}
		if h.Kind != "ridge" || h.Fit.Status != head.ClosedForm || h.Params.Value(head.L2) != l2 {
			t.Errorf("%+v", h)
		}
		return h.Model
	}
	for _, want := range g.Ridge {
		compareScores(t, "score", fit(want.L2, nil), test, want.Scores, 1e-8)
	}
	weights := make([]float64, len(labels))
	for i := range weights {
		weights[i] = 0.5 + float64(i%4)
	}
	compareScores(t, "weighted score", fit(0.01, &Settings{Weights: Weights{Rows: weights}}), test, g.RidgeWeighted, 1e-8)
	compareScores(t, "balanced score", fit(0.01, &Settings{Weights: Weights{Balanced: true}}), test, g.RidgeBalanced, 1e-8)

	// Weights of classes by which they are balanced do the same.
	classes := slices.Compact(slices.Sorted(slices.Values(labels)))
	own := make([]float64, len(classes))
	for _, l := range labels {
		k, _ := slices.BinarySearch(classes, l)
		own[k]++
	}
	for k := range own {
		own[k] = 1 / own[k]
	}
	compareScores(t, "score with weights of classes", fit(0.01, &Settings{Weights: Weights{Classes: own}}), test, g.RidgeBalanced, 1e-8)
}

// What is left out is predicted as scikit-learn's RidgeCV, and a fit to all
// other rows, does.
func TestLeaveOneOutIsScikitLearns(t *testing.T) {
	g := closed(t)
	x, labels, _ := training(t)
	var lambdas []float64
	for _, want := range g.LeftOut {
		lambdas = append(lambdas, want.L2)
	}
	ctx := context.Background()
	have, err := LeaveOneOut(ctx, x, labels, lambdas, nil)
	if err != nil {
		t.Fatal(err)
	}
	for l, want := range g.LeftOut {
		if have[l].L2 != want.L2 {
			t.Errorf("λ = %v", have[l].L2)
		}
		near(t, "squared error", have[l].SquaredError, want.SquaredError, 1e-8)
		near(t, "accuracy", have[l].Accuracy, want.Accuracy, 1e-12)
	}
	b, _, err := whole(ctx, x, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.problem(&wholePart)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.leaveOneOut(ctx, &wholePart, lambdas, func(i, l int, scores []float64) {
		for k, v := range scores {
			if i < 20 {
				near(t, "score", v, g.LeftOut[l].Scores[i*len(scores)+k], 1e-8)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// Weights: a row left out is not in the fit, whatever it weighs. Means and
// scales of the standardisation stay those of all rows.
func TestLeaveOneOutOfWeightedRows(t *testing.T) {
	ctx := context.Background()
	x := blobs(40, 5, 3, 2, 3)
	w := make([]float64, 40)
	for i := range w {
		w[i] = 1 + float64(i%3)
	}
	const lambda = 0.05
	o := &Settings{NoStandardize: true, Weights: Weights{Rows: w}}
	var labels []string
	for _, l := range x.labels {
		labels = append(labels, string(rune('a'+l)))
	}
	b, _, err := whole(ctx, x, labels, o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.problem(&wholePart)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	if err := p.leaveOneOut(ctx, &wholePart, []float64{lambda}, func(i, _ int, scores []float64) {
		if i%7 != 0 {
			return
		}
		rest := &dense{d: 5}
		own := &Settings{NoStandardize: true}
		var names []string
		for j := range 40 {
			if j != i {
				rest.values, names, own.Weights.Rows = append(rest.values, x.row(j)...), append(names, labels[j]), append(own.Weights.Rows, w[j])
			}
		}
		h, err := (&Ridge{L2: lambda * sum / (sum - w[i])}).Fit(ctx, rest, names, own) // of as much weight as before
		if err != nil {
			t.Fatal(err)
		}
		compareScores(t, "score", h.Model, &dense{d: 5, values: x.row(i)}, scores, 1e-9)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestLeaveOneOutErrors(t *testing.T) {
	ctx := context.Background()
	x := &dense{d: 1, values: []float32{1, 2, 3, 4}}
	y := []string{"a", "b", "a", "b"}
	for name, lambdas := range map[string][]float64{"none": nil, "zero": {1, 0}, "negative": {-1}} {
		if _, err := LeaveOneOut(ctx, x, y, lambdas, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var one *ClassesError
	if _, err := LeaveOneOut(ctx, x, []string{"a", "a", "a", "a"}, []float64{1}, nil); !errors.As(err, &one) {
		t.Errorf("one class: %v", err)
	}
	if _, err := LeaveOneOut(ctx, &dense{d: MaxFeatures + 1, values: make([]float32, 2*(MaxFeatures+1))}, []string{"a", "b"}, []float64{1}, nil); err == nil {
		t.Error("too many features are taken")
	}
	if _, err := (&Ridge{L2: -1}).Fit(ctx, x, y, nil); err == nil {
		t.Error("a negative λ is taken")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := LeaveOneOut(stopped, x, y, []float64{1}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// λ below what rounding lets be told from zero is raised, and said.
func TestRidgeOfSingularRows(t *testing.T) {
	x := &dense{d: 2, values: []float32{1e20, 1e20, 2e20, 2e20, 3e20, 3e20, 4e20, 4e20}}
	h, err := (&Ridge{L2: 1e-6}).Fit(context.Background(), x, []string{"a", "a", "b", "b"}, &Settings{NoStandardize: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
	z := make([]float64, 2)
	for i := range 4 {
		if h.LogitsTo(z, x.row(i), 1); (z[1] > z[0]) != (i > 1) {
			t.Errorf("row %d: scores %v (%v)", i, z, h.Fit.Status)
		}
	}
}
