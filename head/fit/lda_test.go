package fit

import (
	"context"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// LDA by itself is scikit-learn's, and refuses a shrinkage that is none.
func TestLDAIsScikitLearns(t *testing.T) {
	ctx := context.Background()
	x, labels, test := training(t)
	for _, want := range closed(t).LDA {
		h, err := (&LDA{Shrinkage: want.Shrinkage}).Fit(ctx, x, labels, nil)
		if err != nil {
			t.Fatal(err)
		}
		if h.Kind != "lda" || h.Params.Value(head.Shrinkage) != want.Shrinkage {
			t.Errorf("%+v", h)
		}
		compareProbabilities(t, h.Model, test, want.Probabilities, 1e-8)
	}
	for _, s := range []float64{-0.1, 1.1} {
		if _, err := (&LDA{Shrinkage: s}).Fit(ctx, x, labels, nil); err == nil {
			t.Errorf("shrinkage %v is taken", s)
		}
	}
}

// Classes that are one point each, constant and double features, and fewer rows
// than features: there is a head, and it tells the rows apart.
func TestClosedFormsOfOddRows(t *testing.T) {
	for name, x := range map[string]*dense{
		"points":   {d: 2, values: []float32{1, 2, 1, 2, 3, 4, 3, 4}},
		"constant": {d: 3, values: []float32{1, 5, 1, 2, 5, 2, 3, 5, 3, 4, 5, 4}},
		"wide":     {d: 7, values: []float32{1, 0, 0, 3, 1, 1, 0, 2, 0, 0, 3, 1, 0, 1, 1, 1, 0, 4, 1, 1, 1, 2, 1, 0, 5, 0, 0, 0}},
		"two":      {d: 2, values: []float32{1, 2, 4, 3}},
	} {
		n := x.N()
		var labels []string
		for i := range n {
			labels = append(labels, string(rune('a'+2*i/n)))
		}
		for _, e := range Families {
			if e.Covariance {
				continue
			}
			_, all := e.Path(Grid{Points: 4})
			for _, c := range all {
				h, err := alone(context.Background(), e.Kind, e.One(c), x, labels, nil)
				if err != nil {
					t.Fatalf("%s: %s %v: %v", name, e.Kind, c.Params, err)
				}
				if err := h.Check(); err != nil {
					t.Errorf("%s: %s %v: %v", name, e.Kind, c.Params, err)
				}
				z := make([]float64, 2)
				for i := range n {
					if h.LogitsTo(z, x.row(i), 1); (z[1] > z[0]) != (labels[i] == "b") {
						t.Errorf("%s: %s %v: row %d has scores %v", name, e.Kind, c.Params, i, z)
					}
				}
			}
		}
	}
}
