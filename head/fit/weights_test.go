package fit

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// Weights are as good as the same ones times any number, from the smallest that
// float64 has to the largest.
func TestWeightsOfAnySize(t *testing.T) {
	y := make([]string, 60)
	x := blobs(60, 5, 3, 2, 3)
	for i, k := range x.labels {
		y[i] = string(rune('a' + k))
	}
	var want head.Model
	for _, size := range []float64{1, 0x1p-1060, 0x1p-1074, 0x1p1000, 0x1p1021, 0x1p40} {
		o := &Settings{}
		for i := range 60 {
			o.Weights.Rows = append(o.Weights.Rows, size*float64(1+i%2))
		}
		o.Weights.Classes = []float64{size, 2 * size, size}
		h, err := new(Softmax).Fit(context.Background(), x.dense, y, o)
		if err != nil {
			t.Errorf("weights of about %g: %v", size, err)
			continue
		}
		if h.Fit.Status != head.Converged || !(h.Fit.Objective > 0) || h.Fit.Passes > 200 {
			t.Errorf("weights of about %g: %+v", size, h.Fit)
		}
		if want == nil {
			want = h.Model
		}
		if !reflect.DeepEqual(h.Model, want) {
			t.Errorf("weights of about %g: another head", size)
		}
	}
}

func TestWeightsThatCannotBeScaled(t *testing.T) {
	for _, c := range []struct {
		weights     []float64
		positive    bool
		least, most int
	}{
		{[]float64{1, 2, math.NaN()}, false, -1, 2},
		{[]float64{1, math.Inf(1)}, false, -1, 1},
		{[]float64{1, -1}, false, -1, 1},
		{[]float64{1, 0}, true, -1, 1},
		{[]float64{1e-10, 1, 1e10}, false, 0, 2},
		{[]float64{1e308, 5e-324}, true, 1, 0},
	} {
		var bad *WeightError
		if _, err := ScaleWeights(c.weights, c.positive); !errors.As(err, &bad) || bad.Least != c.least || bad.Most != c.most || err.Error() == "" {
			t.Errorf("%v: %v", c.weights, err)
		}
	}
	for _, w := range [][]float64{nil, {0, 0}, {1e-7, 1e7, 0}, {3}} {
		got, err := ScaleWeights(w, false)
		if err != nil || len(got) != len(w) || len(w) > 0 && slices.Max(got) > 1 {
			t.Errorf("%v: %v, %v", w, got, err)
		}
	}
	x := blobs(6, 3, 2, 1, 1)
	for _, w := range []Weights{{Rows: []float64{1}}, {Classes: []float64{1}}, {Classes: []float64{1, 1}, Balanced: true}, {Rows: []float64{1, 1, 1, 1, 1, -1}}, {Classes: []float64{0, 1}}} {
		if _, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: 2}, &Settings{Weights: w}); err == nil {
			t.Errorf("%+v is taken", w)
		}
	}
}
