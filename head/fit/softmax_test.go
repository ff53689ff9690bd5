package fit

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// A family by itself fits what it fits at a bench.
func TestAlone(t *testing.T) {
	x := blobs(120, 6, 3, 4, 2)
	y := make([]string, 120)
	for i, k := range x.labels {
		y[i] = []string{"cat", "ant", "bee"}[k]
	}
	ctx := context.Background()
	for kind, one := range map[string]func(o *Settings) (*head.Head, error){
		"softmax": func(o *Settings) (*head.Head, error) { return (&Softmax{L2: 0.01}).Fit(ctx, x.dense, y, o) },
		"ncm":     func(o *Settings) (*head.Head, error) { return NCM{}.Fit(ctx, x.dense, y, o) },
	} {
		h, err := one(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Check(); err != nil || h.Kind != kind || strings.Join(h.Classes, " ") != "ant bee cat" || h.Fit.Status == "" {
			t.Errorf("%s: %+v, %v", kind, h, err)
		}
		right, p := 0, make([]float64, 3)
		for i := range 120 {
			if err := h.ProbabilitiesTo(p, x.row(i), 1); err != nil {
				t.Fatal(err)
			}
			if best := h.Classes[argmax(p)]; best == y[i] {
				right++
			}
		}
		if right < 115 {
			t.Errorf("%s: %d of 120 are right", kind, right)
		}
	}
	zero, err := new(Softmax).Fit(ctx, x.dense, y, nil)
	if err != nil || zero.Params.Value(head.L2) != 1./120 {
		t.Errorf("the zero value: %+v, %v", zero, err)
	}
}

func argmax(p []float64) int {
	best := 0
	for k, v := range p {
		if v > p[best] {
			best = k
		}
	}
	return best
}

func TestAloneErrors(t *testing.T) {
	x := blobs(6, 3, 2, 1, 1)
	y := []string{"a", "b", "a", "b", "a", "b"}
	ctx := context.Background()
	for want, one := range map[string]func() error{
		"λ is NaN": func() error { _, err := (&Softmax{L2: math.NaN()}).Fit(ctx, x.dense, y, nil); return err },
		"λ is -1":  func() error { _, err := (&Softmax{L2: -1}).Fit(ctx, x.dense, y, nil); return err },
		"5 labels for 6 rows": func() error {
			_, err := (&Softmax{}).Fit(ctx, x.dense, y[:5], nil)
			return err
		},
		"all samples are of one class": func() error {
			_, err := (&Softmax{}).Fit(ctx, x.dense, []string{"a", "a", "a", "a", "a", "a"}, nil)
			return err
		},
		"tolerance 2 is not between": func() error { _, err := (&Softmax{}).Fit(ctx, x.dense, y, &Settings{Tolerance: 2}); return err },
		"neither may be negative":    func() error { _, err := NCM{}.Fit(ctx, x.dense, y, &Settings{Threads: -1}); return err },
	} {
		if err := one(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	wide := &dense{d: MaxFeatures + 1, values: make([]float32, 2*(MaxFeatures+1))}
	var many *FeaturesError
	if _, err := (&Softmax{}).Fit(ctx, wide, []string{"a", "b"}, nil); !errors.As(err, &many) || many.D != MaxFeatures+1 {
		t.Errorf("%d features: %v", wide.d, err)
	}
	if _, err := (NCM{}).Fit(ctx, wide, []string{"a", "b"}, nil); err != nil {
		t.Errorf("means of %d features: %v", wide.d, err)
	}
}
