package fit

import (
	"context"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// The shrinkage is that which OAS estimates.
func TestOracle(t *testing.T) {
	x, labels, _ := training(t)
	b, _, err := whole(context.Background(), x, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.problem(&wholePart)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.cellsOf([]Part{wholePart}).part(context.Background(), &wholePart, p)
	if err != nil {
		t.Fatal(err)
	}
	p.standardize(s)
	s.within()
	near(t, "shrinkage", s.oracle(), closed(t).Oracle, 1e-10)
}

// More classes than features: there are as many directions as features.
func TestDiscriminantOfManyClasses(t *testing.T) {
	x := blobs(600, 5, 30, 60, 2)
	var labels []string
	for _, l := range x.labels {
		labels = append(labels, string(rune('a'+l)))
	}
	f := Discriminant{L2: 1e-4}
	h, err := f.Fit(context.Background(), x, labels, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Kind != "lda+softmax" || h.Fit.Status != head.Converged {
		t.Errorf("%+v", h.Fit)
	}
	right := 0
	p := make([]float64, 30)
	for i := range 600 {
		if err := h.ProbabilitiesTo(p, x.row(i), 1); err != nil {
			t.Fatal(err)
		}
		best := 0
		for k, v := range p {
			if v > p[best] {
				best = k
			}
		}
		if best == x.labels[i] {
			right++
		}
	}
	if right < 580 {
		t.Errorf("%d of 600 rows are told apart", right)
	}
	for _, bad := range []Discriminant{{L2: -1}, {Shrinkage: 2}, {Shrinkage: -1}} {
		if _, err := bad.Fit(context.Background(), x, labels, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
