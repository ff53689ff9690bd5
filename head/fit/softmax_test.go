package fit

import (
	"context"
	"errors"
	"math"
	"reflect"
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

// TestDealsShareNothing: along a path, rows of other deals change no bit of a
// fit, however large they are; those of the parts of its own deal decide where
// it stops, within the tolerance.
func TestDealsShareNothing(t *testing.T) {
	const n, held = 600, 200
	ctx := context.Background()
	x := blobs(n, 6, 3, 1, 8)
	deals := []Deal{{Cell: make([]int, n), Cells: 3}, {Cell: make([]int, n), Cells: 3}}
	for i := range n {
		deals[0].Cell[i], deals[1].Cell[i] = i/3%3, i/3%3
		if i >= n-held {
			deals[0].Cell[i] = -1
		}
	}
	parts := []Part{{Cells: []int{0, 1}}, {Cells: []int{1, 2}}, {Deal: 1, Cells: []int{0, 1}}, {Deal: 1, Cells: []int{1, 2}}}
	path := func() Path {
		b, err := NewBench(ctx, &Labelled{Rows: x.dense, Labels: x.labels, Classes: 3}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Deal(ctx, deals); err != nil {
			t.Fatal(err)
		}
		p, err := softmaxPath{lambdas: []float64{1, 0.1, 0.01, 1e-3}}.Begin(ctx, b, parts)
		if err != nil {
			t.Fatal(err)
		}
		if g := p.(*lambdaPath).groups; len(g) != 2 || g[0].recipe.mode != full {
			t.Fatalf("%d groups, mode %v", len(g), g[0].recipe.mode)
		}
		for range 4 {
			if _, err := p.Next(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	before := path()
	for i := n - held; i < n; i++ {
		for j := range 6 {
			x.row(i)[j] *= 100
		}
	}
	after := path()
	for i := range parts {
		a, b := before.Fitted(i), after.Fitted(i)
		if same := reflect.DeepEqual(a.Model(), b.Model()) && a.Fit == b.Fit; same != (i < 2) {
			t.Errorf("part %d of deal %d: the same %v", i, parts[i].Deal, same)
		}
	}
}

// TestRecipe: class factors are made where they cost few passes and little
// memory.
func TestRecipe(t *testing.T) {
	for _, c := range []struct {
		n, d, c int
		path    bool
		want    recipe
	}{
		{50000, 384, 26, false, recipe{mode: full, rows: 4}},
		{40000, 384, 104, false, recipe{mode: full, rows: 4}},
		{14000, 384, 26, false, recipe{mode: full, rows: 2}},
		{50000, 384, 2, false, recipe{mode: full, rows: 4}},
		{20000, 1280, 10, false, recipe{mode: sub, rows: 4}},
		{1000, 384, 9, false, recipe{}},      // few rows
		{100, 384, 9, false, recipe{}},       // fewer than features
		{20000, 384, 10000, false, recipe{}}, // memory, and coupling
		{20000, 16384, 10, false, recipe{}},
		{33, 8, 2, false, recipe{mode: full, rows: 4}},
		{50000, 384, 26, true, recipe{mode: full, rows: 4}},
		{1220, 1280, 9, true, recipe{mode: sub, rows: 4, few: true}}, // few rows, along a path
		{1220, 384, 9, true, recipe{}},                               // of few features
		{1220, 1280, 1000, true, recipe{}},                           // of many classes
	} {
		if got := recipeFor(c.n, c.d, c.c, c.path, factorBytes); got != c.want {
			t.Errorf("%d×%d, %d classes, path %v: %+v, not %+v", c.n, c.d, c.c, c.path, got, c.want)
		}
	}
	if got := recipeFor(50000, 384, 26, false, 20<<20); got.mode != sub {
		t.Errorf("with little memory: %+v", got)
	}
}
