package fit

import (
	"context"
	"errors"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// Rows of 2 GiB and more are not kept, and it is said before they are.
func TestKNNOfTooManyRows(t *testing.T) {
	x := blobs(4, 2, 2, 1, 1)
	var large *head.NeighboursError
	if err := tooMany(4, 1<<28); !errors.As(err, &large) || large.Rows != 4 {
		t.Errorf("error %v", err)
	}
	if err := tooMany(1000, 1280); err != nil {
		t.Error(err)
	}
	for _, bad := range []KNN{{K: -1}, {T: -1}} {
		if _, err := bad.Fit(context.Background(), x.dense, []string{"a", "b", "a", "b"}, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// A row votes for its class most, its weight is that of its vote, and fewer
// rows than neighbours all vote.
func TestKNN(t *testing.T) {
	x := &dense{d: 2, values: []float32{1, 0, 1, 0.1, 0, 1}}
	y := []string{"right", "right", "up"}
	o := &Settings{NoStandardize: true, Weights: Weights{Rows: []float64{1, 1, 2}}}
	h, err := KNN{T: 1e9}.Fit(context.Background(), x, y, o)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float64, 2)
	if err := h.ProbabilitiesTo(p, []float32{5, 1}, 1); err != nil {
		t.Fatal(err)
	}
	near(t, "share of two rows, and of one that weighs as much", p[0], 0.5, 1e-6)
	if h, err = (KNN{K: 1}).Fit(context.Background(), x, y, o); err != nil {
		t.Fatal(err)
	}
	if err := h.ProbabilitiesTo(p, []float32{0.1, 3}, 1); err != nil {
		t.Fatal(err)
	}
	near(t, "share of the nearest", p[1], 0.995, 1e-9)
}
