package fit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
)

// targetGolden is testdata/targets.json, which testdata/generate_targets.py
// writes.
type targetGolden struct {
	Labels  [][]int
	Numbers []float64 // n×2
	Grades  []int
	Path    []struct {
		L2       float64
		Logistic struct{ Objective, Probabilities []float64 }
		Linear   struct{ Values []float64 }
		Ordinal  struct {
			Objective                 float64
			Probabilities, Thresholds []float64
		}
	}
	Weighted struct{ Values []float64 }
}

// smallTargets returns the golden features, training rows before test rows, and
// what scikit-learn and SciPy say about targets of them.
func smallTargets(t *testing.T) (x *dense, train []int, test *dense, g *targetGolden) {
	t.Helper()
	x, _ = small(t)
	text, err := os.ReadFile("testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	g = new(targetGolden)
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	test = &dense{d: x.d}
	fits := &dense{d: x.d}
	for i := range x.N() {
		if i%3 == 2 {
			test.values = append(test.values, x.row(i)...)
		} else {
			fits.values = append(fits.values, x.row(i)...)
			train = append(train, i)
		}
	}
	return fits, train, test, g
}

// answers are those of h for all rows of x.
func answers(t *testing.T, h *head.Head, x *dense) []float64 {
	t.Helper()
	p := make([]float64, x.N()*len(h.Classes))
	if err := h.AnswersTo(p, x.values, x.N()); err != nil {
		t.Fatal(err)
	}
	return p
}

// Heads for several labels reach scikit-learn's optimum of OneVsRestClassifier.
func TestLogisticGolden(t *testing.T) {
	x, train, test, g := smallTargets(t)
	var y [][]string
	for _, i := range train {
		var labels []string
		for k, v := range g.Labels[i] {
			if v == 1 {
				labels = append(labels, fmt.Sprint("label ", k))
			}
		}
		y = append(y, labels)
	}
	each := Logistic{L2: 1, PerLabel: map[string]float64{}}
	for i, want := range g.Path {
		l := Logistic{L2: want.L2}
		h, err := l.Fit(context.Background(), x, y, &Settings{Tolerance: 1e-7})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Check(); err != nil || h.Fit.Status != head.Converged || h.Task != head.AnyOf {
			t.Fatalf("λ = %g: %+v, %v", want.L2, h.Fit, err)
		}
		mean := 0.0
		for _, f := range want.Logistic.Objective {
			mean += f / float64(len(want.Logistic.Objective))
		}
		if gap := h.Fit.Objective/mean - 1; !(math.Abs(gap) <= 1e-6) {
			t.Errorf("λ = %g: objective %v, scikit-learn's %v: a gap of %.2g", want.L2, h.Fit.Objective, mean, gap)
		} else {
			t.Logf("λ = %g: a gap of %.2g in %d passes", want.L2, gap, h.Fit.Passes)
		}
		p := answers(t, h, test)[:80]
		for j, v := range want.Logistic.Probabilities {
			near(t, fmt.Sprintf("λ = %g: probability %d", want.L2, j), p[j], v, 5e-4)
		}
		each.PerLabel[fmt.Sprint("label ", i)] = want.L2
	}
	// One λ a label is as many fits.
	h, err := each.Fit(context.Background(), x, y, &Settings{Tolerance: 1e-8})
	if err != nil {
		t.Fatal(err)
	}
	p := answers(t, h, test)
	for i, want := range g.Path {
		for r := range 20 {
			near(t, fmt.Sprintf("label %d with λ = %g", i, want.L2), p[4*r+i], want.Logistic.Probabilities[4*r+i], 2e-4)
		}
	}
}

// Fits end where rounding hides what is still to gain, however small the
// tolerance, and are at the optimum there.
func TestTargetsAtTheLimitOfRounding(t *testing.T) {
	x, train, _, g := smallTargets(t)
	labels, grades := &Targets{Task: head.AnyOf, K: len(g.Labels[0])}, &Targets{Task: head.Grade, K: 1, Grades: 5}
	for _, i := range train {
		for _, v := range g.Labels[i] {
			labels.Values = append(labels.Values, float64(v))
		}
		grades.Values = append(grades.Values, float64(g.Grades[i]))
	}
	for set := range instructions {
		for kind, y := range map[string]*Targets{"logistic": labels, "ordinal": grades} {
			for _, want := range g.Path {
				least := want.Ordinal.Objective
				if kind == "logistic" {
					least = floats.Sum(want.Logistic.Objective) / float64(len(want.Logistic.Objective))
				}
				h, err := aloneWith(context.Background(), strength(kind, want.L2), nil, x, y, &Settings{Tolerance: 1e-12})
				if err != nil {
					t.Fatal(err)
				}
				if gap := h.Fit.Objective/least - 1; h.Fit.Status == head.PassLimit || h.Fit.Passes > 200 || !(math.Abs(gap) <= 1e-7) {
					t.Errorf("%v: %s with λ = %g: %+v, a gap of %.2g", set, kind, want.L2, h.Fit, gap)
				}
			}
		}
	}
}

// Heads of numbers equal scikit-learn's Ridge.
func TestLinearGolden(t *testing.T) {
	x, train, test, g := smallTargets(t)
	var y, weights []float64
	for k, i := range train {
		y = append(y, g.Numbers[2*i:2*i+2]...)
		weights = append(weights, 0.5+float64(k%4))
	}
	check := func(l2 float64, want []float64, o *Settings) {
		t.Helper()
		l := Linear{L2: l2}
		h, err := l.Fit(context.Background(), x, y, []string{"a", "b"}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Check(); err != nil || h.Fit.Status != head.ClosedForm || h.Task != head.Number {
			t.Fatalf("λ = %g: %+v, %v", l2, h.Fit, err)
		}
		worst := 0.0
		for j, v := range answers(t, h, test) {
			worst = max(worst, math.Abs(v-want[j])/math.Abs(want[j]))
		}
		if !(worst <= 1e-8) {
			t.Errorf("λ = %g: values differ by %.2g of themselves", l2, worst)
		}
	}
	for _, want := range g.Path {
		check(want.L2, want.Linear.Values, nil)
	}
	check(0.01, g.Weighted.Values, &Settings{Weights: Weights{Rows: weights}})
}

// Heads of grades reach the optimum of the cumulative logit model.
func TestOrdinalGolden(t *testing.T) {
	x, train, test, g := smallTargets(t)
	grades := []string{"very low", "low", "middle", "high", "very high"}
	var y []string
	for _, i := range train {
		y = append(y, grades[g.Grades[i]])
	}
	for _, want := range g.Path {
		l := Ordinal{L2: want.L2}
		h, err := l.Fit(context.Background(), x, y, grades, &Settings{Tolerance: 1e-7})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Check(); err != nil || h.Fit.Status != head.Converged || h.Task != head.Grade {
			t.Fatalf("λ = %g: %+v, %v", want.L2, h.Fit, err)
		}
		if gap := h.Fit.Objective/want.Ordinal.Objective - 1; !(math.Abs(gap) <= 1e-6) {
			t.Errorf("λ = %g: objective %v, the least %v: a gap of %.2g", want.L2, h.Fit.Objective, want.Ordinal.Objective, gap)
		} else {
			t.Logf("λ = %g: a gap of %.2g in %d passes", want.L2, gap, h.Fit.Passes)
		}
		p := answers(t, h, test)[:100]
		for j, v := range want.Ordinal.Probabilities {
			near(t, fmt.Sprintf("λ = %g: probability %d", want.L2, j), p[j], v, 5e-4)
		}
	}
}

// Slopes and curvatures of the losses are those of differences.
func TestTargetLossGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		loss rowLoss
		ys   int
		free func() []float64
	}{
		{new(sigmoidLoss), 2, func() []float64 { return []float64{r.NormFloat64()} }},
		{&cumulativeLoss{grades: 4, present: []int{0, 1, 2, 3}}, 4, func() []float64 { return []float64{-2 + r.Float64(), r.Float64(), 1 + 2*r.Float64()} }},
		{&cumulativeLoss{grades: 2, present: []int{0, 1}}, 2, func() []float64 { return []float64{r.NormFloat64()} }},
	} {
		for y := range c.ys {
			for range 20 {
				free, z, weight := c.free(), 3*r.NormFloat64(), 0.5+r.Float64()
				at := append([]float64{z}, free...)
				value := func(v []float64) float64 {
					loss, _, _ := c.loss.row(float64(y), v[0], weight, v[1:], make([]float64, len(v)-1))
					return loss
				}
				slopes := make([]float64, len(free))
				_, slope, curvature := c.loss.row(float64(y), z, weight, free, slopes)
				want := fd.Gradient(nil, value, at, &fd.Settings{Formula: fd.Central})
				got := []float64{slope}
				for _, s := range slopes {
					got = append(got, s/weight)
				}
				for i := range want {
					if !(math.Abs(got[i]-want[i]) <= 1e-5*max(1, math.Abs(want[i]))) {
						t.Errorf("%T: target %d at %v: slopes %v, by differences %v", c.loss, y, at, got, want)
					}
				}
				second := fd.Derivative(func(z float64) float64 {
					_, s, _ := c.loss.row(float64(y), z, 1, free, make([]float64, len(free)))
					return s
				}, z, &fd.Settings{Formula: fd.Central})
				near(t, "curvature", curvature, second, 1e-5)
			}
		}
	}
	loss := &cumulativeLoss{grades: 4, present: []int{0, 1, 2, 3}}
	if v, _, _ := loss.row(1, 0, 1, []float64{1, 1, 2}, make([]float64, 3)); !math.IsInf(v, 1) {
		t.Errorf("thresholds out of order have the loss %v", v)
	}
}

// targetsOf returns random targets of a task for the rows of x, that depend on
// the features.
func targetsOf(task head.Task, x *dense, seed uint64) *Targets {
	r := rand.New(rand.NewPCG(seed, 9))
	t := &Targets{Task: task, K: 2}
	if task == head.Grade {
		t.K, t.Grades = 1, 3
	}
	for i := range x.N() {
		for k := range t.K {
			v := float64(x.row(i)[k]) + 0.5*r.NormFloat64()
			switch task {
			case head.AnyOf:
				v = math.Round(head.Sigmoid(4 * v))
			case head.Grade:
				v = math.Round(2 * head.Sigmoid(4*v))
			}
			t.Values = append(t.Values, v)
		}
	}
	return t
}

// some are the targets of rows.
func (t *Targets) some(rows []int) *Targets {
	out := *t
	out.Values = nil
	for _, r := range rows {
		out.Values = append(out.Values, t.row(r)...)
	}
	return &out
}

// targetBench returns a bench of rows whose first n are in cell 0 and the
// others in cell 1.
func targetBench(t *testing.T, x head.Rows, y *Targets, n int, o *Settings) *Bench {
	t.Helper()
	b, err := NewBench(context.Background(), &Labelled{Rows: x, Targets: y}, o)
	if err != nil {
		t.Fatal(err)
	}
	cell := make([]int, x.N())
	for i := n; i < len(cell); i++ {
		cell[i] = 1
	}
	if err := b.Deal(context.Background(), []Deal{{Cell: cell, Cells: 2}}); err != nil {
		t.Fatal(err)
	}
	return b
}

// fitTargets fits λ = 0.01 to the first cell and to both.
func fitTargets(b *Bench, e *TargetEntry) ([]*head.Affine, []head.Fit, error) {
	path, err := e.One(strength(e.Kind, 0.01)).Begin(context.Background(), b, []Part{first, {Name: "both", Cells: []int{0, 1}}})
	if err != nil {
		return nil, nil, err
	}
	if _, err := path.Next(context.Background()); err != nil {
		return nil, nil, err
	}
	if _, err := path.Next(context.Background()); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("after the only candidate: %v", err)
	}
	var models []*head.Affine
	var fits []head.Fit
	for i := range 2 {
		m, f := path.Fitted(i)
		models, fits = append(models, m), append(fits, f)
	}
	return models, fits, nil
}

// What every family for targets has to meet.
func TestTargetConformance(t *testing.T) {
	for i := range TargetFamilies {
		e := &TargetFamilies[i]
		task := head.KindOf(e.Kind).Task
		fits := func(t *testing.T, b *Bench) []*head.Affine {
			t.Helper()
			models, _, err := fitTargets(b, e)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range models {
				if err := m.Check(); err != nil {
					t.Fatal(err)
				}
			}
			return models
		}
		t.Run(e.Kind+"/grids", func(t *testing.T) {
			for _, g := range []Grid{{}, {L2: 0.1}, {Points: 7}} {
				_, all := e.Path(g)
				if want := map[Grid]int{{}: 30, {L2: 0.1}: 1, {Points: 7}: 7}[g]; len(all) != want || all[0].Kind != e.Kind {
					t.Errorf("%+v gives %v", g, all)
				}
			}
		})
		t.Run(e.Kind+"/a path is as many fits", func(t *testing.T) {
			x := blobs(300, 7, 3, 3, 1).dense
			b := targetBench(t, x, targetsOf(task, x, 1), 200, &Settings{Tolerance: 1e-8})
			f, all := e.Path(Grid{Points: 4})
			path, err := f.Begin(context.Background(), b, []Part{first})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				got, err := path.Next(context.Background())
				if err != nil || !reflect.DeepEqual(got, c) {
					t.Fatalf("%+v, want %+v (%v)", got, c, err)
				}
				one, err := e.One(c).Begin(context.Background(), b, []Part{first})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := one.Next(context.Background()); err != nil {
					t.Fatal(err)
				}
				_, along := path.Fitted(0)
				_, alone := one.Fitted(0)
				if !(math.Abs(along.Objective-alone.Objective) <= 2e-3*alone.Objective) {
					t.Errorf("%+v: objective %v along the path and %v alone", c, along.Objective, alone.Objective)
				}
			}
		})
		t.Run(e.Kind+"/the bench scores as the model", func(t *testing.T) {
			x := blobs(300, 7, 3, 3, 1).dense
			b := targetBench(t, x, targetsOf(task, x, 1), 200, &Settings{})
			m := fits(t, b)[0]
			_, k := m.Dims()
			rows := []int{0, 5, 6, 7, 299}
			got, want := make([]float64, len(rows)*k), make([]float64, k)
			if err := b.ScoresTo(context.Background(), m, got, rows); err != nil {
				t.Fatal(err)
			}
			for i, r := range rows {
				m.ScoresTo(want, x.row(r), 1)
				if d := largest(want, got[i*k:(i+1)*k]); !(d <= 1e-9) {
					t.Errorf("row %d: scores differ by %g", r, d)
				}
			}
		})
		t.Run(e.Kind+"/a weight is as many rows", func(t *testing.T) {
			x := blobs(60, 5, 3, 2, 3).dense
			y := targetsOf(task, x, 3)
			var weights []float64
			var rows []int
			twice := &dense{d: 5}
			for i := range 60 {
				weights = append(weights, 1e200*float64(i%4))
				for range i % 4 {
					twice.values = append(twice.values, x.row(i)...)
					rows = append(rows, i)
				}
			}
			o := Settings{Tolerance: 1e-8}
			a := fits(t, targetBench(t, twice, y.some(rows), twice.N(), &o))[0]
			o.Weights.Rows = weights
			b := fits(t, targetBench(t, x, y, 60, &o))[0]
			if d := largest(a.Weight, b.Weight); !(d <= 2e-3) {
				t.Errorf("weights differ by %g", d)
			}
		})
		t.Run(e.Kind+"/threads and memory change no bit", func(t *testing.T) {
			x := blobs(3000, 20, 4, 2, 5).dense
			y := targetsOf(task, x, 2)
			var want []*head.Affine
			for _, o := range []*Settings{{Threads: 1}, {Threads: 2}, {Threads: 7}, {Threads: 3, Memory: 1}} {
				have := fits(t, targetBench(t, x, y, 2000, o))
				if want == nil {
					want = have
				}
				if !reflect.DeepEqual(have, want) {
					t.Errorf("%+v: another model", o)
				}
			}
		})
		t.Run(e.Kind+"/rows of another part change no bit", func(t *testing.T) {
			for _, memory := range []int64{0, 1} {
				x := blobs(300, 7, 3, 3, 1).dense
				y := targetsOf(task, x, 1)
				fit := func() *head.Affine {
					b := targetBench(t, x, y, 200, &Settings{Memory: memory})
					path, err := e.One(strength(e.Kind, 0.01)).Begin(context.Background(), b, []Part{first})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := path.Next(context.Background()); err != nil {
						t.Fatal(err)
					}
					m, _ := path.Fitted(0)
					return m
				}
				want := fit()
				for _, poison := range poisons {
					for i := 200; i < 300; i++ {
						x.row(i)[i%7] = poison
						for k := range y.K {
							y.Values[i*y.K+k] = y.Values[(i%50)*y.K+k]
						}
					}
					if !reflect.DeepEqual(fit(), want) {
						t.Errorf("%v in another part: another model", poison)
					}
				}
				x.row(3)[1] = float32(math.NaN())
				b := targetBench(t, x, y, 200, &Settings{Memory: memory})
				if _, _, err := fitTargets(b, e); !errors.Is(err, head.ErrNotFinite) || !strings.Contains(err.Error(), "row 3: feature 1") {
					t.Errorf("a row that is no number: %v", err)
				}
			}
		})
		t.Run(e.Kind+"/few rows and features that depend on each other", func(t *testing.T) {
			x := blobs(12, 40, 3, 3, 1).dense
			for i := range 12 {
				copy(x.row(i)[20:], x.row(i)[:20])
				x.row(i)[7] = 5
			}
			for i, m := range fits(t, targetBench(t, x, targetsOf(task, x, 7), 12, nil)) {
				for j, w := range m.Weight[:40] {
					if j != 7 && j != 27 && math.Abs(w-m.Weight[(j+20)%40]) > 1e-3*max(1, math.Abs(w)) {
						t.Errorf("part %d: weights %v and %v of equal features", i, w, m.Weight[(j+20)%40])
					}
				}
			}
		})
		t.Run(e.Kind+"/a cancelled fit ends", func(t *testing.T) {
			x := blobs(300, 7, 3, 3, 1).dense
			b := targetBench(t, x, targetsOf(task, x, 1), 200, nil)
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			path, err := e.One(strength(e.Kind, 0.01)).Begin(ctx, b, []Part{first})
			if err == nil {
				_, err = path.Next(ctx)
			}
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		t.Run(e.Kind+"/without a standardisation there is none", func(t *testing.T) {
			x := blobs(300, 7, 3, 3, 1).dense
			m := fits(t, targetBench(t, x, targetsOf(task, x, 1), 200, &Settings{NoStandardize: true, Normalize: true}))[0]
			if !m.Normalize || slices.ContainsFunc(m.Mean, func(v float64) bool { return v != 0 }) || slices.ContainsFunc(m.Scale, func(v float64) bool { return v != 1 }) {
				t.Errorf("mean %v, scale %v", m.Mean, m.Scale)
			}
		})
	}
	for _, k := range head.Kinds {
		if (FamilyOf(k.Name) != nil) != (k.Task == head.OneOf) || (TargetFamilyOf(k.Name) != nil) != (k.Task != head.OneOf) {
			t.Errorf("%s is to be in one of the two tables of families, that of its task", k.Name)
		}
	}
}

// Labels that all rows have, or none, and grades that none has, are learnt as
// what they are.
func TestTargetsWithoutRows(t *testing.T) {
	x := blobs(60, 5, 3, 2, 3).dense
	y := make([][]string, 60)
	var grades []string
	for i := range y {
		y[i] = []string{"always"}
		if i%2 == 0 {
			y[i] = append(y[i], "half")
		}
		grades = append(grades, []string{"b", "d"}[i%2])
	}
	h, err := (&Logistic{L2: 0.1}).Fit(context.Background(), x, y, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := answers(t, h, x)
	for i := range 60 {
		near(t, "the label of all rows", p[2*i], 60.5/61, 1e-12)
	}
	o, err := (&Ordinal{L2: 0.1}).Fit(context.Background(), x, grades, []string{"a", "b", "c", "d", "e"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p = answers(t, o, x)
	for i := range 60 {
		if q := p[5*i : 5*i+5]; q[0] != 0 || q[2] != 0 || q[4] != 0 || !(math.Abs(q[1]+q[3]-1) < 1e-12) || q[1] == 0 || q[3] == 0 {
			t.Fatalf("row %d: %v", i, q)
		}
	}
	one := slices.Repeat([]string{"b"}, 60)
	var classes *ClassesError
	if _, err := (&Ordinal{}).Fit(context.Background(), x, one, []string{"a", "b"}, nil); !errors.As(err, &classes) || classes.Classes != 1 {
		t.Errorf("one grade: %v", err)
	}
	for _, c := range []struct {
		fit  func() (*head.Head, error)
		want string
	}{
		{func() (*head.Head, error) { return (&Ordinal{}).Fit(context.Background(), x, one, []string{"a"}, nil) }, `"b" is none of the grades`},
		{func() (*head.Head, error) {
			return (&Ordinal{}).Fit(context.Background(), x, one, []string{"b", "b"}, nil)
		}, "twice"},
		{func() (*head.Head, error) {
			return (&Logistic{}).Fit(context.Background(), x, make([][]string, 60), nil)
		}, "no row has a label"},
		{func() (*head.Head, error) {
			return (&Logistic{PerLabel: map[string]float64{"other": 1}}).Fit(context.Background(), x, y, nil)
		}, `λ of "other"`},
		{func() (*head.Head, error) { return (&Logistic{L2: -1}).Fit(context.Background(), x, y, nil) }, "must be positive"},
		{func() (*head.Head, error) {
			return (&Linear{}).Fit(context.Background(), x, make([]float64, 59), []string{"v"}, nil)
		}, "59 targets for 60 rows"},
		{func() (*head.Head, error) {
			return (&Linear{}).Fit(context.Background(), x, slices.Repeat([]float64{math.NaN()}, 60), []string{"v"}, nil)
		}, "target 0 of row 0 is NaN"},
		{func() (*head.Head, error) { return (&Linear{}).Fit(context.Background(), x, nil, nil, nil) }, "no number has a name"},
	} {
		if _, err := c.fit(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
